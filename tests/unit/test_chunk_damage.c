/* SPDX-License-Identifier: MIT
 *
 * P3: records in which something is wrong, by every policy; other kinds of records.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../src/base/sys.h"

/* Pieces and what was told of, as text: "[a\nb\n][c\n] 2@5:NUL". */
static char got[4096];

static void note(const mayfly_problem *problem, void *user) {
    static const char *const names[] = {"unclosed", "stray", "long", "nul", "utf8", "torn"};
    char *told = user;
    char text[64];
    snprintf(text, sizeof text, " %s%llu@%lld:%s",
             problem->damage == MAYFLY_DAMAGE_SKIP ? "-" : "+", (unsigned long long)problem->record,
             (long long)problem->offset, names[problem->kind]);
    assert_non_null(problem->what);
    strcat(told, text);
}

static void add_piece(const mayfly_chunk *chunk, const char *input) {
    size_t size = 0;
    char *content = NULL;
    strcat(got, "[");
    if (chunk->pieces == MAYFLY_PIECES_RANGES) {
        strncat(got, input + chunk->offset, (size_t)chunk->length);
    } else {
        content = mft_read(chunk->path, &size);
        assert_int_equal(size, chunk->bytes);
        for (size_t i = 0; i < size; i++)
            strcat(got, (char[2]){content[i] == '\0' ? '@' : content[i], '\0'});
        free(content);
    }
    strcat(got, "]");
}

static int split_bytes(const char *input, size_t size, mayfly_chunk_options options) {
    char told[512] = "";
    const char *path = mft_path("t");
    FILE *stream = fopen(path, "wb");
    if (stream == NULL || fwrite(input, 1, size, stream) != size || fclose(stream) != 0)
        abort();
    mayfly_auto(mayfly_chunks) chunks = NULL;
    mayfly_chunk chunk;
    options.no_header = options.header_records == 0;
    options.problem = note;
    options.user = told;
    got[0] = '\0';
    int r = mayfly_chunks_open(path, &options, &chunks, &mft_error);
    while (r >= 0 && (r = mayfly_chunks_next(chunks, &chunk, &mft_error)) > 0)
        add_piece(&chunk, input);
    if (r < 0 && chunks != NULL)
        assert_int_equal(mayfly_chunks_next(chunks, &chunk, NULL), r); /* and so it stays */
    strcat(got, told);
    unlink(path);
    return r;
}

static int split(const char *input, mayfly_chunk_options options) {
    return split_bytes(input, strlen(input), options);
}

#define PIECES(input, wanted, ...)                                                                 \
    do {                                                                                           \
        mft_ok(split(input, (mayfly_chunk_options){__VA_ARGS__}));                                 \
        assert_string_equal(got, wanted);                                                          \
    } while (0)

#define SKIP MAYFLY_DAMAGE_SKIP
#define PASS MAYFLY_DAMAGE_PASS

static void P3_an_unclosed_quote_by_every_policy(void **state) {
    (void)state;
    static const char input[] = "a,b\nc,d\ne,\"f\ng\n";
    mft_fails(MAYFLY_E_SYNTAX, split(input, (mayfly_chunk_options){.rows = 1}));
    assert_string_equal(got, "[a,b\n][c,d\n]");
    assert_int_equal(mft_error.offset, 8);
    assert_non_null(strstr(mft_error.message, "line 3, record 3"));
    PIECES(input, "[a,b\nc,d\n] -3@8:unclosed", .on_quote = SKIP);
    PIECES(input, "[a,b\nc,d\ne,\"f\ng\n] +3@8:unclosed", .on_quote = PASS);
    PIECES(input, "[a,b\nc,d\ne,\"f\ng\n]", .on_quote = MAYFLY_DAMAGE_IGNORE);
    PIECES(input, "[a,b\nc,d\ne,\"f\ng\n]", .no_quotes = true);
}

static void P3_bytes_behind_a_closing_quote_by_every_policy(void **state) {
    (void)state;
    static const char input[] = "a\n\"b\"x,\"c\n\"\nd\n\"e\"y\n";
    mft_fails(MAYFLY_E_SYNTAX, split(input, (mayfly_chunk_options){.rows = 1}));
    assert_string_equal(got, "[a\n]");
    assert_int_equal(mft_error.offset, 5);
    assert_non_null(strstr(mft_error.message, "record 2"));
    PIECES(input, "[a\nd\n] -2@5:stray -4@17:stray", .on_quote = SKIP);
    PIECES(input, "[a\n\"b\"x,\"c\n\"\nd\n\"e\"y\n] +2@5:stray +4@17:stray", .on_quote = PASS);
}

static void P3_a_record_that_is_too_long_by_every_policy(void **state) {
    (void)state;
    static char input[700000];
    memset(input, 'x', sizeof input - 1);
    memcpy(input, "a\nb\n", 4);
    memcpy(input + sizeof input - 5, "\nc\nd", 4);
    const mayfly_csv_options csv = {.max_record = 600000};
    mft_fails(-EFBIG, split(input, (mayfly_chunk_options){.csv = csv}));
    assert_int_equal(mft_error.offset, 4);
    assert_non_null(strstr(mft_error.message, "record 3"));
    PIECES(input, "[a\nb\nc\nd\n] -3@4:long", .csv = csv, .on_long = SKIP);
    /* Those that fit into a few bytes, too. */
    static const mayfly_csv_options three = {.max_record = 3};
    PIECES("ab\nabc\nde\nabcdef\nf\nghi", "[ab\nde\nf\nghi\n] -2@3:long -4@10:long", .csv = three,
           .on_long = SKIP);
    PIECES("ab\nabc\nde\n", "[ab\n][abc\n][de\n] +2@3:long", .csv = three, .on_long = PASS,
           .rows = 1);
    PIECES("ab\nabc\nde\n", "[ab\nabc\nde\n]", .csv = three, .on_long = MAYFLY_DAMAGE_IGNORE);
}

static void P3_NULs_and_bad_UTF8_by_every_policy(void **state) {
    (void)state;
    static const char nuls[] = "a\nb\0b\0\nc\n\0\nd\n";
    const size_t size = sizeof nuls - 1;
    mft_ok(split_bytes(nuls, size, (mayfly_chunk_options){.rows = 9}));
    assert_string_equal(got, "[a\nb@b@\nc\n@\nd\n]");
    mft_ok(split_bytes(nuls, size, (mayfly_chunk_options){.on_nul = SKIP}));
    assert_string_equal(got, "[a\nc\nd\n] -2@3:nul -4@9:nul");
    mft_ok(split_bytes(nuls, size, (mayfly_chunk_options){.on_nul = PASS, .rows = 2}));
    assert_string_equal(got, "[a\nb@b@\n][c\n@\n][d\n] +2@3:nul +4@9:nul");
    mft_fails(
        MAYFLY_E_SYNTAX,
        split_bytes(nuls, size, (mayfly_chunk_options){.on_nul = MAYFLY_DAMAGE_ERROR, .rows = 1}));
    assert_string_equal(got, "[a\n]");
    assert_int_equal(mft_error.offset, 3);
    static const char bytes[] = "\xc3\xa9\n\xe9\n\xed\xa0\x80\r\nok\r\n\xc3";
    PIECES(bytes, "[\xc3\xa9\nok\r\n] -2@3:utf8 -3@5:utf8 -5@14:utf8", .on_utf8 = SKIP);
    PIECES("\xff\n\r\n\xff\n", " -1@0:utf8 -2@4:utf8", .on_utf8 = SKIP);
    /* Of two kinds in a record the worse counts. */
    mft_ok(split_bytes("\0\xff\nx\n", 5, (mayfly_chunk_options){.on_nul = PASS, .on_utf8 = SKIP}));
    assert_string_equal(got, "[x\n] -1@1:utf8");
    mft_ok(split_bytes("\0\xff\nx\n", 5, (mayfly_chunk_options){.on_nul = PASS, .on_utf8 = PASS}));
    assert_string_equal(got, "[@\xff\nx\n] +1@0:nul +1@1:utf8");
}

static void P3_ranges_end_where_a_record_is_left_out(void **state) {
    (void)state;
    PIECES("a\nb\n\xff\nc\nd\ne\n", "[a\nb\n][c\nd\ne\n] -3@4:utf8", .on_utf8 = SKIP,
           .pieces = MAYFLY_PIECES_RANGES);
    PIECES("a\n\"b\"c\nd\n", "[a\n][d\n] -2@5:stray", .on_quote = SKIP,
           .pieces = MAYFLY_PIECES_RANGES, .rows = 5);
}

static void P3_lines_json_lines_and_fixed_records(void **state) {
    (void)state;
    PIECES("a\"\n\nb\r\nc\rd", "[a\"\n\n][b\r\nc\rd\n]", .records = MAYFLY_RECORDS_LINES,
           .rows = 2);
    PIECES("h\na\nb\n", "[h\na\n][h\nb\n]", .records = MAYFLY_RECORDS_LINES, .rows = 1,
           .header_records = 1);
    PIECES("{\"a\":1}\n\n\r\n{}\r\n[]", "[{\"a\":1}\n][\n\r\n{}\r\n][[]\n]",
           .records = MAYFLY_RECORDS_JSON_LINES, .rows = 1);
    PIECES("aabbccdd", "[aabbcc][dd]", .records = MAYFLY_RECORDS_FIXED, .record_bytes = 2,
           .rows = 3);
    PIECES("hhaabbcc", "[hhaabb][hhcc]", .records = MAYFLY_RECORDS_FIXED, .record_bytes = 2,
           .bytes = 7, .header_records = 1);
    mft_fails(MAYFLY_E_SYNTAX, split("aab", (mayfly_chunk_options){.records = MAYFLY_RECORDS_FIXED,
                                                                   .record_bytes = 2}));
    PIECES("aab", "[aa] -2@2:torn", .records = MAYFLY_RECORDS_FIXED, .record_bytes = 2,
           .on_torn = SKIP);
    PIECES("aab", "[aab] +2@2:torn", .records = MAYFLY_RECORDS_FIXED, .record_bytes = 2,
           .on_torn = PASS);
    PIECES("a\377bb\377cdd", "[bbdd] -1@1:utf8 -3@4:utf8", .records = MAYFLY_RECORDS_FIXED,
           .record_bytes = 2, .on_utf8 = SKIP);
    mft_fails(-EINVAL, split("a", (mayfly_chunk_options){.records = MAYFLY_RECORDS_FIXED}));
}

static void P3_other_marks_and_headers(void **state) {
    (void)state;
    static const mayfly_csv_options semicolons = {.delimiter = ';', .quote = '\''};
    PIECES("h;'x\ny'\na;'b\n;'\nc\n", "[h;'x\ny'\na;'b\n;'\n][h;'x\ny'\nc\n]", .csv = semicolons,
           .rows = 1, .header_records = 1);
    PIECES("\n\r\nh1\nh2\r\na\nb\n", "[h1\nh2\r\na\n][h1\nh2\r\nb\n]", .rows = 1,
           .header_records = 2);
    mft_fails(MAYFLY_E_SYNTAX,
              split("\xff\na\nb\n", (mayfly_chunk_options){.on_utf8 = SKIP, .header_records = 1}));
    PIECES("\xef\xbb\xbfh\na\n", "[h\na\n]", .header_records = 1);
    PIECES("a\rb\r\nc\n\"d\r\"\re", "[a\rb\r\n][c\n\"d\r\"\r][e\n]", .rows = 2);
    mft_fails(-EINVAL, split("a", (mayfly_chunk_options){.csv = {.delimiter = '"'}}));
}

static void P3_by_bytes_a_piece_is_never_larger_unless_a_record_is(void **state) {
    (void)state;
    PIECES("h\naa\nbb\nccccccccc\nd\ne\n", "[h\naa\n][h\nbb\n][h\nccccccccc\n][h\nd\ne\n]",
           .bytes = 7, .header_records = 1);
    PIECES("a\nb\nc\nd\n", "[a\nb\n][c\nd\n]", .bytes = 4);
    PIECES("a\nb\nc\nd\n", "[a\n][b\n][c\n][d\n]", .bytes = 4, .rows = 1);
    PIECES("a\nb\nc\nd\n", "[a\n][b\n][c\n][d\n]", .bytes = 1);
    PIECES("a\r\nb\r\nc", "[a\r\n][b\r\n][c\n]", .bytes = 4);
}

/* From a pipe, a few bytes at a time, all is the same. */
static ssize_t three_bytes(int fd, void *data, size_t size, off_t at) {
    return mfi_sys_real.pread(fd, data, size < 3 ? size : 3, at);
}

static void P3_however_the_input_comes_the_pieces_are_the_same(void **state) {
    (void)state;
    static const char input[] = "h,h\r\n\"a\r\n\"\"\",b\r\n\r\n\"x\"y\r\nc\r\rd\n\xff\ne,\"f";
    const mayfly_chunk_options options = {
        .rows = 2, .header_records = 1, .on_quote = SKIP, .on_utf8 = SKIP};
    mft_ok(split(input, options));
    char whole[4096];
    strcpy(whole, got);
    assert_non_null(strstr(whole, "] -3@21:stray -6@29:utf8 -7@31:unclosed"));
    mfi_sys.pread = three_bytes;
    mft_ok(split(input, options));
    mfi_sys = mfi_sys_real;
    /* Blank lines between pieces may be in either. */
    size_t n = 0;
    for (size_t i = 0; got[i] != '\0'; i++)
        got[n] = got[i], n += got[i] != '\r' && got[i] != '\n';
    got[n] = '\0';
    n = 0;
    for (size_t i = 0; whole[i] != '\0'; i++)
        whole[n] = whole[i], n += whole[i] != '\r' && whole[i] != '\n';
    whole[n] = '\0';
    assert_string_equal(got, whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(P3_an_unclosed_quote_by_every_policy),
        MFT(P3_bytes_behind_a_closing_quote_by_every_policy),
        MFT(P3_a_record_that_is_too_long_by_every_policy),
        MFT(P3_NULs_and_bad_UTF8_by_every_policy),
        MFT(P3_ranges_end_where_a_record_is_left_out),
        MFT(P3_lines_json_lines_and_fixed_records),
        MFT(P3_other_marks_and_headers),
        MFT(P3_by_bytes_a_piece_is_never_larger_unless_a_record_is),
        MFT(P3_however_the_input_comes_the_pieces_are_the_same),
    };
    return MFT_MAIN(tests);
}
