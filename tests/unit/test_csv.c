/* SPDX-License-Identifier: MIT
 *
 * P3: reading CSV. tests/compat compares with CPython's csv module.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../lib/fault.h"

/* The records as "a|b;c;" with the fields' bytes, for comparing. */
static int read_all(const char *text, size_t size, const mayfly_csv_options *options, char *to) {
    const char *path = mft_path("t.csv");
    FILE *stream = fopen(path, "wb");
    if (stream == NULL || fwrite(text, 1, size, stream) != size || fclose(stream) != 0)
        abort();
    mayfly_auto(mayfly_csv) csv = NULL;
    mayfly_csv_record record;
    int r = mayfly_csv_open(path, options, &csv, &mft_error);
    to[0] = '\0';
    if (r < 0)
        return r;
    while ((r = mayfly_csv_next(csv, &record, &mft_error)) > 0) {
        for (size_t i = 0; i < record.field_count; i++) {
            strncat(to, record.fields[i].data, record.fields[i].size);
            strcat(to, i + 1 < record.field_count ? "|" : ";");
        }
    }
    const int again = mayfly_csv_next(csv, &record, NULL);
    assert_int_equal(again, r); /* the end stays the end, an error the error */
    (void)unlink(path);
    return r;
}

static void P3_records_are_those_of_RFC_4180(void **state) {
    (void)state;
    static const struct {
        const char *text, *records;
    } rows[] = {
        {"", ""},
        {"a", "a;"},
        {"a,b\n", "a|b;"},
        {"a,b\r\nc,d\r\n", "a|b;c|d;"},
        {"a\rb\r", "a;b;"},
        {",\n", "|;"},
        {"a,,b,\n", "a||b|;"},
        {"\"a\",\"b,c\"\n", "a|b,c;"},
        {"\"a\nb\",c\nd,e", "a\nb|c;d|e;"},
        {"\"a\r\nb\",c", "a\r\nb|c;"},
        {"\"say \"\"hi\"\"\",x\n", "say \"hi\"|x;"},
        {"\"\"\n", ";"},
        {"\"\",\"\"\n", "|;"},
        {"\"\"\"\"\n", "\";"},
        {"a\"b,c\n", "a\"b|c;"},
        {"\n\na\n\n\nb\n\n", "a;b;"},
        {"\xef\xbb\xbf"
         "a,b\n",
         "a|b;"},
        {"a,\"b\"", "a|b;"},
        {"\"a\"\r\n\"b\"", "a;b;"},
        {"12345678,1234567812345678\n", "12345678|1234567812345678;"},
    };
    char got[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_all(rows[i].text, strlen(rows[i].text), NULL, got), 0);
        assert_string_equal(got, rows[i].records);
    }
    const mayfly_csv_options tabs = {.delimiter = '\t', .quote = '\''};
    assert_int_equal(read_all("a\t'b\tc'\n", 8, &tabs, got), 0);
    assert_string_equal(got, "a|b\tc;");
}

static void P3_errors_name_path_line_and_byte(void **state) {
    (void)state;
    char got[256];
    static const char open_quote[] = "a,b\nc,\"d\ne\n", after_quote[] = "a\n\"b\"c,d\n";
    assert_int_equal(read_all(open_quote, strlen(open_quote), NULL, got), MAYFLY_E_SYNTAX);
    assert_string_equal(got, "a|b;"); /* what stands before is read */
    assert_int_equal(mft_error.offset, 4);
    assert_non_null(strstr(mft_error.message, "t.csv"));
    assert_non_null(strstr(mft_error.message, "line 2, record 2"));
    assert_int_equal(read_all(after_quote, strlen(after_quote), NULL, got), MAYFLY_E_SYNTAX);
    assert_int_equal(mft_error.offset, 5);
    const mayfly_csv_options small = {.max_record = 200000};
    static char large[500000];
    memset(large, 'x', sizeof large);
    large[0] = '"';
    assert_int_equal(read_all(large, sizeof large, &small, got), -EFBIG);
    mayfly_csv *csv = NULL;
    mft_fails(-EISDIR, mayfly_csv_open(mft_tmp(), NULL, &csv, &mft_error));
    mft_fails(-ENOENT, mayfly_csv_open(mft_path("no"), NULL, &csv, &mft_error));
    mft_fails(-EINVAL, mayfly_csv_open(mft_path("no"), &(mayfly_csv_options){.delimiter = '"'},
                                       &csv, &mft_error));
    mft_fails(-EINVAL, mayfly_csv_open(mft_path("no"), &(mayfly_csv_options){.delimiter = '\n'},
                                       &csv, &mft_error));
}

static void P3_a_record_has_max_record_bytes_at_the_most(void **state) {
    (void)state;
    static const struct {
        const char *input;
        uint64_t most;
        int code;
        const char *got;
    } rows[] = {{"a\n12345\n6\n", 6, 0, "a;12345;6;"},
                {"a\n12345\n6\n", 5, -EFBIG, "a;"},
                {"a\r\n12\r\n", 4, 0, "a;12;"},
                {"a\r\n12\r\n", 3, -EFBIG, "a;"},
                {"12345", 5, 0, "12345;"},
                {"12345", 4, -EFBIG, ""},
                {"a\n", 2, 0, "a;"},
                {"\"a\n", 2, -EFBIG, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char got[256];
        const mayfly_csv_options options = {.max_record = rows[i].most};
        assert_int_equal(read_all(rows[i].input, strlen(rows[i].input), &options, got),
                         rows[i].code);
        assert_string_equal(got, rows[i].got);
    }
}

static void P3_raw_records_joined_are_the_input(void **state) {
    (void)state;
    char path[4200];
    snprintf(path, sizeof path, "%s/examples/data/debian-packages.csv", getenv("MFT_SOURCE"));
    size_t size = 0, at = 0;
    char *whole = mft_read(path, &size);
    mayfly_auto(mayfly_csv) csv = NULL;
    mayfly_csv_record record;
    uint64_t records = 0, kib = 0, libs = 0;
    int installed = -1, section = -1;
    mft_ok(mayfly_csv_open(path, NULL, &csv, &mft_error));
    while (mayfly_csv_next(csv, &record, &mft_error) > 0) {
        assert_int_equal(record.offset, at);
        assert_memory_equal(record.raw, whole + at, record.raw_size);
        at += record.raw_size;
        if (records++ == 0) {
            installed = mayfly_csv_find(&record, "installed_kib");
            section = mayfly_csv_find(&record, "section");
            assert_int_equal(mayfly_csv_find(&record, "no such"), -1);
            continue;
        }
        kib += strtoull(record.fields[installed].data, NULL, 10);
        libs += strcmp(record.fields[section].data, "libs") == 0;
    }
    assert_int_equal(at, size);
    assert_int_equal(records, 10611 + 1);
    assert_int_equal(kib, 57626177);
    assert_int_equal(libs, 1127);
    free(whole);
}

static ssize_t a_byte_at_a_time(int fd, void *data, size_t size) {
    return mfi_sys_real.read(fd, data, size < 1 ? size : 1);
}

static void P3_however_the_input_comes_the_records_are_the_same(void **state) {
    (void)state;
    static const char text[] = "a,\"b\"\"c\r\n\",d\r\n\r\ne\r\"f\"\r\n\"\"\"\"";
    char whole[256], pieces[256];
    assert_int_equal(read_all(text, sizeof text - 1, NULL, whole), 0);
    mfi_sys.read = a_byte_at_a_time;
    assert_int_equal(read_all(text, sizeof text - 1, NULL, pieces), 0);
    mfi_sys = mfi_sys_real;
    assert_string_equal(pieces, whole);
    assert_string_equal(whole, "a|b\"c\r\n|d;e;f;\";");
}

static void P3_a_read_that_fails_is_told(void **state) {
    (void)state;
    char got[64];
    mft_fault_refuse("read", 2, -EIO, 1);
    assert_int_equal(read_all("a\nb\n", 4, NULL, got), -EIO);
    mft_fault_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(P3_records_are_those_of_RFC_4180),
        MFT(P3_errors_name_path_line_and_byte),
        MFT(P3_a_record_has_max_record_bytes_at_the_most),
        MFT(P3_raw_records_joined_are_the_input),
        MFT(P3_however_the_input_comes_the_records_are_the_same),
        MFT(P3_a_read_that_fails_is_told),
    };
    return MFT_MAIN(tests);
}
