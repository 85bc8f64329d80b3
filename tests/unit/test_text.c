/* SPDX-License-Identifier: MIT
 *
 * F3: text. What CPython does too is compared with it in tests/compat; here is what it is told
 * nothing about: positions, errors that can be repeated, split characters.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>

#include "../lib/fault.h"

static mayfly_file *text(const char *encoding, const char *errors, const char *newline) {
    mayfly_file *file = NULL;
    const mayfly_file_options options = {
        .mode = "w+", .encoding = encoding, .errors = errors, .newline = newline};
    if (mayfly_named_temporary_file(&options, &file, &mft_error) < 0)
        fail_msg("%s: %s", encoding, mft_error.message);
    return file;
}

static const char sample[] = "a\xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80\r\n\rz\n";

static void F3_seek_leads_back_to_wherever_tell_was_asked(void **state) {
    (void)state;
    static const char *const encodings[] = {"utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"};
    static const char *const newlines[] = {NULL, "", "\n"};
    for (size_t e = 0; e < 5; e++)
        for (size_t m = 0; m < 3; m++) {
            mayfly_auto(mayfly_file) file = text(encodings[e], NULL, "\n");
            mft_ok(mayfly_file_write(file, sample, sizeof sample - 1, &mft_error));
            mft_ok(mayfly_file_keep(file, &mft_error));
            char *path = mft_path(strrchr(mayfly_file_path(file), '/') + 1);
            mft_ok(mayfly_file_close(&file, &mft_error));
            mayfly_auto(mayfly_dir) dir = NULL;
            mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
            char moved[5000];
            snprintf(moved, sizeof moved, "%s/f", mayfly_dir_path(dir));
            assert_int_equal(rename(path, moved), 0);
            mft_ok(mayfly_dir_file(dir, "f",
                                   &(mayfly_file_options){.mode = "r",
                                                          .encoding = encodings[e],
                                                          .newline = newlines[m]},
                                   &file, &mft_error));
            int64_t positions[32];
            char rest[32][64], *all = NULL;
            size_t size = 0, count = 0;
            mft_ok(mayfly_file_read_all(file, &all, &size, &mft_error));
            assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, &mft_error), 0);
            for (size_t at = 0; at <= size; count++) {
                positions[count] = mayfly_file_tell(file, &mft_error);
                snprintf(rest[count], sizeof rest[count], "%s", all + at);
                char some[8];
                if (at == size)
                    break;
                at += (size_t)mayfly_file_read(file, some, 4, &mft_error);
            }
            assert_true(count > 2 && count < 32);
            for (size_t i = 0; i <= count; i++) {
                char *again = NULL;
                mft_ok(mayfly_file_seek(file, positions[i], SEEK_SET, &mft_error));
                mft_ok(mayfly_file_read_all(file, &again, &size, &mft_error));
                assert_string_equal(again, rest[i]);
                free(again);
            }
            free(all);
        }
}

static void F3_a_character_may_be_split_between_writes(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = text("utf-16-le", NULL, NULL);
    for (size_t i = 0; i < sizeof sample - 1; i++)
        mft_ok(mayfly_file_write(file, sample + i, 1, &mft_error));
    assert_int_equal(mayfly_file_size(file, NULL), 2 * (1 + 1 + 1 + 2 + 5));
    mft_ok(mayfly_file_write(file, "\xf0\x9f", 2, &mft_error));
    assert_int_equal(mayfly_file_size(file, NULL), 20); /* held, not written */
    mft_fails(-EILSEQ, mayfly_file_close(&file, &mft_error));
    assert_non_null(strstr(mft_error.message, "lacks its end"));
}

static void F3_what_stands_before_a_bad_byte_is_read_first_and_the_error_comes_again(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = text("utf-8", NULL, NULL);
    char data[64] = "";
    mft_ok(mayfly_file_flush(file, &mft_error));
    mft_write(mayfly_file_path(file), "good\nbad \xff\xfe rest");
    assert_int_equal(mayfly_file_read(file, data, sizeof data, &mft_error), 9);
    assert_string_equal(data, "good\nbad ");
    for (int i = 0; i < 3; i++) {
        mft_fails(-EILSEQ, mayfly_file_read(file, data, sizeof data, &mft_error));
        assert_int_equal(mft_error.offset, 9);
        assert_non_null(strstr(mft_error.message, "byte 9"));
        assert_non_null(strstr(mft_error.message, "ff"));
        assert_non_null(strstr(mft_error.message, "utf-8"));
    }
    assert_int_equal(mayfly_file_tell(file, NULL), 9);
}

static void F3_a_character_that_the_encoding_lacks_is_named(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = text("latin-1", NULL, NULL);
    mft_fails(-EILSEQ, mayfly_file_write(file, "ab\xe2\x82\xac", 5, &mft_error));
    assert_int_equal(mft_error.offset, 2);
    assert_non_null(strstr(mft_error.message, "U+20AC"));
    mft_fails(-EILSEQ, mayfly_file_write(file, "x\xff", 2, &mft_error));
    assert_int_equal(mayfly_file_size(file, NULL), 0); /* nothing of either */
    mft_ok(mayfly_file_write(file, "ab\xc3\xbf", 4, &mft_error));
    assert_int_equal(mayfly_file_size(file, NULL), 3);
}

static void F3_latin_1_fails_exactly_where_it_must(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_spooled_temporary_file(
        &(mayfly_file_options){.mode = "w+", .encoding = "latin-1", .newline = "\n"}, &file,
        &mft_error));
    for (unsigned c = 0; c < 0x11000; c++) {
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        char utf8[4] = {(char)c};
        size_t n = 1;
        if (c >= 0x10000) {
            memcpy(utf8,
                   (char[]){(char)0xf0, (char)(0x80 | c >> 12), (char)(0x80 | (c >> 6 & 63)),
                            (char)(0x80 | (c & 63))},
                   4);
            n = 4;
        } else if (c >= 0x800) {
            memcpy(utf8,
                   (char[]){(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 63)),
                            (char)(0x80 | (c & 63))},
                   3);
            n = 3;
        } else if (c >= 0x80) {
            memcpy(utf8, (char[]){(char)(0xc0 | c >> 6), (char)(0x80 | (c & 63))}, 2);
            n = 2;
        }
        if (mayfly_file_write(file, utf8, n, NULL) != (c < 0x100 ? 0 : -EILSEQ))
            fail_msg("U+%04X", c);
    }
    assert_int_equal(mayfly_file_size(file, NULL), 256);
}

static void F3_a_failed_write_of_text_can_be_made_again(void **state) {
    (void)state;
    static char large[40000];
    memset(large, 't', sizeof large);
    mayfly_auto(mayfly_file) file = text("utf-16", NULL, "\r\n");
    mft_fault_refuse("pwrite", 1, -ENOSPC, 1);
    mft_fails(-ENOSPC, mayfly_file_write(file, large, sizeof large, &mft_error));
    mft_fault_end();
    mft_ok(mayfly_file_write(file, large, sizeof large, &mft_error));
    assert_int_equal(mayfly_file_size(file, NULL), 2 + 2 * sizeof large); /* one mark */
}

static void F3_reading_and_writing_can_be_mixed(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = text("utf-8", NULL, NULL);
    char *line = NULL;
    size_t capacity = 0;
    mft_ok(mayfly_file_write(file, "one\ntwo\nthree\n", 14, &mft_error));
    assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, NULL), 0);
    assert_int_equal(mayfly_file_read_line(file, &line, &capacity, NULL), 4);
    mft_ok(mayfly_file_write(file, "TWO", 3, &mft_error)); /* where the reader is */
    assert_int_equal(mayfly_file_read_line(file, &line, &capacity, NULL), 1);
    assert_int_equal(mayfly_file_read_line(file, &line, &capacity, NULL), 6);
    assert_string_equal(line, "three\n");
    mft_fails(-EINVAL, mayfly_file_seek(file, 1, SEEK_CUR, &mft_error));
    mft_fails(-EINVAL, mayfly_file_seek(file, -1, SEEK_END, &mft_error));
    mft_fails(-EINVAL, mayfly_file_pread(file, line, 4, 0, &mft_error));
    free(line);
}

static void F3_seek_to_the_start_writes_a_mark_again_and_elsewhere_none(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) marked = text("utf-16", NULL, NULL);
    mft_ok(mayfly_file_write(marked, "ab", 2, &mft_error));
    assert_int_equal(mayfly_file_size(marked, NULL), 6);
    assert_int_equal(mayfly_file_seek(marked, 0, SEEK_END, NULL), 6);
    mft_ok(mayfly_file_write(marked, "c", 1, &mft_error));
    assert_int_equal(mayfly_file_size(marked, NULL), 8);
    assert_int_equal(mayfly_file_seek(marked, 0, SEEK_SET, NULL), 0);
    mft_ok(mayfly_file_write(marked, "x", 1, &mft_error));
    assert_int_equal(mayfly_file_size(marked, NULL), 8); /* mark and x, over mark and a */
    char *all = NULL;
    size_t size = 0;
    assert_int_equal(mayfly_file_seek(marked, 0, SEEK_SET, NULL), 0);
    mft_ok(mayfly_file_read_all(marked, &all, &size, &mft_error));
    assert_string_equal(all, "xbc");
    free(all);
}

static void F3_stateful_encodings_are_read_on_from_any_position(void **state) {
    (void)state;
    mayfly_file *opened = NULL;
    const mayfly_file_options options = {.mode = "w+", .encoding = "iso2022_jp"};
    if (mayfly_named_temporary_file(&options, &opened, NULL) == -EINVAL)
        mft_skip("this iconv does not know ISO-2022-JP");
    mayfly_auto(mayfly_file) file = opened;
    static const char japanese[] = "a\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\nb\xe4\xb8\x96\n";
    char data[16] = "", *rest = NULL;
    size_t size = 0;
    mft_ok(mayfly_file_write(file, japanese, sizeof japanese - 1, &mft_error));
    assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, NULL), 0);
    assert_int_equal(mayfly_file_read(file, data, 8, NULL), 7); /* within the shifted part */
    const int64_t at = mayfly_file_tell(file, &mft_error);
    assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, NULL), 0);
    assert_int_equal(mayfly_file_seek(file, at, SEEK_SET, NULL), at);
    mft_ok(mayfly_file_read_all(file, &rest, &size, &mft_error));
    assert_string_equal(rest, japanese + 7);
    free(rest);
}

static void F3_small_reads_give_whole_characters(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = text("utf-8", NULL, "");
    char data[8];
    mft_ok(mayfly_file_write(file, sample, sizeof sample - 1, &mft_error));
    assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, NULL), 0);
    mft_fails(-EINVAL, mayfly_file_read(file, data, 3, &mft_error));
    assert_int_equal(mayfly_file_read(file, data, 4, NULL), 3);
    assert_int_equal(mayfly_file_read(file, data, 4, NULL), 3);
    assert_int_equal(mayfly_file_read(file, data, 4, NULL), 4);
    assert_int_equal(mayfly_file_read(file, data, 8, NULL), 5);
    assert_int_equal(mayfly_file_read(file, data, 8, NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(F3_seek_leads_back_to_wherever_tell_was_asked),
        MFT(F3_a_character_may_be_split_between_writes),
        MFT(F3_what_stands_before_a_bad_byte_is_read_first_and_the_error_comes_again),
        MFT(F3_a_character_that_the_encoding_lacks_is_named),
        MFT(F3_latin_1_fails_exactly_where_it_must),
        MFT(F3_a_failed_write_of_text_can_be_made_again),
        MFT(F3_reading_and_writing_can_be_mixed),
        MFT(F3_seek_to_the_start_writes_a_mark_again_and_elsewhere_none),
        MFT(F3_stateful_encodings_are_read_on_from_any_position),
        MFT(F3_small_reads_give_whole_characters),
    };
    return MFT_MAIN(tests);
}
