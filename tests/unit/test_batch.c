/* SPDX-License-Identifier: MIT
 *
 * P4: records of several inputs, in batches, and one JSON file of what came out.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fault.h"

#ifdef MFI_HAVE_JSON

static char *input(const char *name, const char *text) {
    char *path = mft_path(name);
    mft_write(path, text);
    return path;
}

/* A copy of the batch with `by` in place of each '#'. */
static int replace_marks(void *context, const mayfly_batch *batch, mayfly_error *error) {
    const char *by = context;
    char *text = NULL;
    size_t size = 0;
    text = mft_read(batch->path, &size);
    for (size_t i = 0; i < size; i++)
        if (text[i] == '#')
            text[i] = *by;
    const int r = mayfly_replace_with(batch->output, text, size, NULL, error);
    free(text);
    return r;
}

static void P4_csv_and_json_become_one_json_in_the_order_of_inputs(void **state) {
    (void)state;
    char *target = mft_path("combined.json");
    const char *inputs[] = {
        input("eccmid.csv", "\xef\xbb\xbfid,title\n1,\"a \"\"#\"\"\nb\"\n2\n\n3,\xc3\xa9\t\x01\n"),
        input("idweek.json",
              " [ {\"id\": 4 , \"list\":[1, {}], \"x\": {\"y\":null}} , {\"id\":5}]\n"),
        input("escmid.jsonl", "{\"id\": \"#6\"}\n{\"id\": 7.10}\n"),
        input("empty.csv", ""),
        input("header.csv", "a,b\n"),
        input("none.json", "[]")};
    mayfly_batch_result result;
    char by = '!';
    mft_ok(
        mayfly_batch_run(inputs, 6, target,
                         &(mayfly_batch_options){.size = 2, .work = replace_marks, .context = &by},
                         &result, &mft_error));
    assert_int_equal(result.batches, 4);
    assert_int_equal(result.records, 7);
    assert_int_equal(result.combined, 7);
    const char expected[] =
        "[\n  {\n    \"id\": \"1\",\n    \"title\": \"a \\\"!\\\"\\nb\"\n  },\n"
        "  {\n    \"id\": \"2\",\n    \"title\": null\n  },\n"
        "  {\n    \"id\": \"3\",\n    \"title\": \"\xc3\xa9\\t\\u0001\"\n  },\n"
        "  {\n    \"id\": 4,\n    \"list\": [\n      1,\n      {}\n    ],\n"
        "    \"x\": {\n      \"y\": null\n    }\n  },\n"
        "  {\n    \"id\": 5\n  },\n  {\n    \"id\": \"!6\"\n  },\n  {\n    \"id\": 7.10\n  }\n]";
    assert_true(mft_is(target, expected));
    assert_int_equal(result.bytes, sizeof expected - 1);
    mft_empty();
}

static void P4_batches_have_their_size_and_go_on_in_the_next_input(void **state) {
    (void)state;
    const char *inputs[] = {input("a.csv", "n\n1\n2\n3\n"), input("b.json", "{\"n\":4}{\"n\":5}")};
    mayfly_batches *batches = NULL;
    mayfly_batch batch;
    mft_ok(
        mayfly_batches_open(inputs, 2, &(mayfly_batch_options){.size = 2}, &batches, &mft_error));
    assert_int_equal(mft_mode(mayfly_batches_dir(batches)), 0700);
    static const char *const contents[] = {"[\n{\"n\": \"1\"},\n{\"n\": \"2\"}\n]\n",
                                           "[\n{\"n\": \"3\"},\n{\"n\": 4}\n]\n",
                                           "[\n{\"n\": 5}\n]\n"};
    for (uint64_t i = 1; i <= 3; i++) {
        mft_fails(-EBUSY, mayfly_batches_combine(batches, mft_path("t"), NULL, &mft_error));
        assert_int_equal(mayfly_batches_next(batches, &batch, &mft_error), 1);
        assert_int_equal(batch.number, i);
        assert_int_equal(batch.first_record, 2 * i - 1);
        assert_int_equal(batch.records, i == 3 ? 1 : 2);
        assert_int_equal(batch.bytes, strlen(contents[i - 1]));
        assert_true(mft_is(batch.path, contents[i - 1]));
        assert_int_equal(mft_mode(batch.path), 0600);
        assert_false(mft_exists(batch.output));
    }
    assert_int_equal(mayfly_batches_next(batches, &batch, &mft_error), 0);
    assert_int_equal(mayfly_batches_next(batches, &batch, &mft_error), 0);
    mft_ok(mayfly_batches_close(&batches, &mft_error));
    mft_ok(mayfly_batches_close(&batches, &mft_error));
    assert_int_equal(unlink(inputs[0]) | unlink(inputs[1]), 0);
}

static void P4_an_output_may_be_an_array_or_lines_or_nothing_or_not_be_there(void **state) {
    (void)state;
    const char *inputs[] = {input("a.csv", "n\n1\n2\n3\n4\n")};
    static const char *const outputs[] = {"[1, \"two\"]", "3\n[]\n{}", "", NULL};
    char *target = mft_path("t.json");
    mayfly_auto(mayfly_batches) batches = NULL;
    mayfly_batch batch;
    mayfly_batch_result result;
    mft_ok(mayfly_batches_open(inputs, 1, &(mayfly_batch_options){.size = 1, .lines = true},
                               &batches, &mft_error));
    for (int i = 0; mayfly_batches_next(batches, &batch, &mft_error) > 0; i++)
        if (outputs[i] != NULL)
            mft_write(batch.output, outputs[i]);
    mft_ok(mayfly_batches_combine(batches, target, &result, &mft_error));
    /* Batch 2 begins with no bracket: so its values stand for themselves. */
    assert_true(mft_is(target, "[\n1,\n\"two\",\n3,\n[],\n{},\n{\"n\": \"4\"}\n]"));
    assert_int_equal(result.combined, 6);
    mft_ok(mayfly_batches_combine(batches, target, NULL, &mft_error));
    mft_ok(mayfly_batches_close(&batches, &mft_error));
    mft_empty();
}

static void P4_columns_of_the_same_name_are_those_of_a_dict(void **state) {
    (void)state;
    const char *inputs[] = {input("a.csv", "x,y,x,z,y,x\n1,2,3,4,5,6\n1,2,3\n")};
    char *target = mft_path("t.json");
    mft_ok(mayfly_batch_run(inputs, 1, target, &(mayfly_batch_options){.lines = true}, NULL,
                            &mft_error));
    assert_true(mft_is(target, "[\n{\"x\": \"6\", \"y\": \"5\", \"z\": \"4\"},\n"
                               "{\"x\": null, \"y\": null, \"z\": null}\n]"));
    mft_empty();
}

static void P4_errors_name_file_record_and_byte(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
        int code;
        int64_t offset;
        const char *said;
    } cases[] = {
        {"a.json", "[{\"a\":1},", MAYFLY_E_SYNTAX, 9, "record 2: the array does not end"},
        {"a.json", "[", MAYFLY_E_SYNTAX, 1, "record 1: the array does not end"},
        {"a.json", "[{\"a\":1} {", MAYFLY_E_SYNTAX, 9, "record 2: a comma or ] is missing"},
        {"a.json", "[{}]\n x", MAYFLY_E_SYNTAX, 6, "something follows the end"},
        {"a.json", "[{},\n 1]", MAYFLY_E_SYNTAX, 6, "record 2: is no object"},
        {"a.json", "{}\n{\"a\":}", MAYFLY_E_SYNTAX, 9, "record 2: unexpected token"},
        {"a.json", "[{},]", MAYFLY_E_SYNTAX, 5, "record 2: unexpected token"},
        {"a.jsonl", "{\"a\": \"\xff\"}", MAYFLY_E_SYNTAX, 7, "record 1: "},
        {"a.json", "{\"a\": 1e999}", MAYFLY_E_SYNTAX, 11, "real number overflow"},
        {"a.json", "{\"a\": \"\\ud800\"}", MAYFLY_E_SYNTAX, 14, "record 1: invalid Unicode"},
        {"a.json", "[{\"a\\u0000\": 1}]", MAYFLY_E_SYNTAX, 11, "record 1: NUL byte"},
        {"a.csv", "a,b\n1,2\n1,2,3\n", MAYFLY_E_SYNTAX, 8, "line 3, record 3: has more fields"},
        {"a.csv", "a,b\n1,\"2\n", MAYFLY_E_SYNTAX, 4, "line 2, record 2"},
        {"a.csv", "a,b\n1,\xe9\n", -EILSEQ, 4, "record 2: a field is not UTF-8"},
        {"a.csv", "a,\xc0\x80\n1,2\n", -EILSEQ, 0, "record 1: a field is not UTF-8"},
        {"a.csv", "a\n\xed\xa0\x80\n", -EILSEQ, 2, "record 2"},
        {"a.csv", "a\n\xf4\x90\x80\x80\n", -EILSEQ, 2, "record 2"},
        {"a.csv", "a\nx\xe2\x82\n", -EILSEQ, 2, "record 2"},
        {"a.txt", "", -EINVAL, -1, "ends in neither"},
    };
    char *target = mft_path("t");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *inputs[] = {input("good.csv", "a\n1\n"), input(cases[i].name, cases[i].text)};
        mft_write(target, "old");
        mft_fails(cases[i].code, mayfly_batch_run(inputs, 2, target, NULL, NULL, &mft_error));
        if (strstr(mft_error.message, cases[i].said) == NULL || mft_error.offset != cases[i].offset)
            fail_msg("case %zu: offset %lld: %s", i, (long long)mft_error.offset,
                     mft_error.message);
        assert_non_null(strstr(mft_error.message, inputs[1]));
        assert_true(mft_is(target, "old"));
        assert_int_equal(mft_entries(mft_tmp()), 3);
        mft_empty();
    }
}

static void P4_damaged_outputs_are_told_and_the_target_stays(void **state) {
    (void)state;
    const char *inputs[] = {input("a.csv", "n\n1\n2\n")};
    char *target = mft_path("t.json");
    mft_write(target, "old");
    mayfly_auto(mayfly_batches) batches = NULL;
    mayfly_batch batch;
    mft_ok(
        mayfly_batches_open(inputs, 1, &(mayfly_batch_options){.size = 1}, &batches, &mft_error));
    while (mayfly_batches_next(batches, &batch, &mft_error) > 0)
        mft_write(batch.output, batch.number == 1 ? "[1]" : "[2, oops]");
    mft_fails(MAYFLY_E_SYNTAX, mayfly_batches_combine(batches, target, NULL, &mft_error));
    assert_non_null(strstr(mft_error.message, "processed_batch_2.json\": byte 8: record 2"));
    assert_true(mft_is(target, "old"));
    mft_ok(mayfly_batches_close(&batches, &mft_error));
    mft_empty();
}

static int give_up(void *context, const mayfly_batch *batch, mayfly_error *error) {
    (void)error;
    const int *at = context;
    return batch->number == (uint64_t)*at ? -ECANCELED : 0;
}

static void P4_a_function_that_fails_ends_it_and_the_target_stays(void **state) {
    (void)state;
    const char *inputs[] = {input("a.csv", "n\n1\n2\n")};
    char *target = mft_path("t.json");
    mft_write(target, "old");
    int at = 2;
    const mayfly_batch_options options = {.size = 1, .work = give_up, .context = &at};
    mft_fails(-ECANCELED, mayfly_batch_run(inputs, 1, target, &options, NULL, &mft_error));
    assert_non_null(strstr(mft_error.message, "batch 2: the function for it failed"));
    assert_true(mft_is(target, "old"));
    at = 3;
    mft_ok(mayfly_batch_run(inputs, 1, target, &options, NULL, &mft_error));
    assert_false(mft_is(target, "old"));
    mft_empty();
}

/* No array fits into max_record, and a record does. */
static void P4_large_arrays_are_read_record_by_record(void **state) {
    (void)state;
    enum { RECORDS = 40000, WIDTH = 100 };
    char *path = mft_path("large.json"), *target = mft_path("t.json"), text[WIDTH + 1];
    mayfly_batch_result result;
    FILE *file = fopen(path, "we");
    memset(text, 'x', WIDTH);
    text[WIDTH] = '\0';
    for (int i = 0; i < RECORDS; i++)
        fprintf(file, "%s{\"n\": %d, \"text\": \"%s\"}", i == 0 ? "[" : ",", i, text);
    fprintf(file, "]");
    assert_int_equal(fclose(file), 0);
    const char *inputs[] = {path};
    mft_ok(mayfly_batch_run(inputs, 1, target,
                            &(mayfly_batch_options){.size = 15000, .csv.max_record = 200}, &result,
                            &mft_error));
    assert_int_equal(result.batches, 3);
    assert_int_equal(result.combined, RECORDS);
    mft_fails(-EFBIG, mayfly_batch_run(
                          (const char *[]){input("one.json", "[{\"a\": \"0123456789\"}]")}, 1,
                          target, &(mayfly_batch_options){.csv.max_record = 10}, NULL, &mft_error));
    assert_non_null(strstr(mft_error.message, "one.json\": byte 1: record 1: longer"));
    mft_empty();
}

static int use_in_child(void *context) {
    mayfly_batches *batches = context;
    mayfly_batch batch;
    return mayfly_batches_next(batches, &batch, NULL) == MAYFLY_E_FORKED &&
                   mayfly_batches_combine(batches, "x", NULL, NULL) == MAYFLY_E_FORKED &&
                   mayfly_batches_close(&batches, NULL) == 0
               ? 0
               : 1;
}

static void P4_wrong_options_forks_and_keeping(void **state) {
    (void)state;
    const char *inputs[] = {input("a.csv", "n\n1\n")};
    mayfly_batches *batches = NULL;
    mayfly_batch batch;
    mft_fails(-EINVAL, mayfly_batches_open(inputs, 0, NULL, &batches, &mft_error));
    mft_fails(-EINVAL, mayfly_batches_open(inputs, 1, &(mayfly_batch_options){.replace.mode = "w"},
                                           &batches, &mft_error));
    mft_fails(-EINVAL, mayfly_batches_open(
                           inputs, 1, &(mayfly_batch_options){.format = (mayfly_batch_format)9},
                           &batches, &mft_error));
    mft_ok(mayfly_batches_open(inputs, 1, NULL, &batches, &mft_error));
    assert_int_equal(mayfly_batches_next(batches, &batch, &mft_error), 1);
    assert_int_equal(mft_fork(use_in_child, batches), 0);
    assert_true(mft_exists(batch.path));
    char *kept = strdup(mayfly_batches_dir(batches));
    mft_ok(mayfly_batches_keep(batches, &mft_error));
    mft_ok(mayfly_batches_close(&batches, &mft_error));
    assert_int_equal(mft_entries(kept), 1);
    free(kept);
    mft_empty();
}

static void P4_the_result_is_replaced_as_the_options_say(void **state) {
    (void)state;
    const char *inputs[] = {input("a.csv", "n;\xc3\xa9\n1;'2;'\n")};
    char *target = mft_path("t.json"), *backup = strdup("t.old");
    mft_write(target, "old");
    mayfly_auto(mayfly_batches) batches = NULL;
    mayfly_batch batch;
    mft_ok(mayfly_batches_open(inputs, 1,
                               &(mayfly_batch_options){.csv = {.delimiter = ';', .quote = '\''},
                                                       .lines = true,
                                                       .replace.backup = backup},
                               &batches, &mft_error));
    memset(backup, 'x', 5); /* it was copied */
    free(backup);
    while (mayfly_batches_next(batches, &batch, &mft_error) > 0)
        continue;
    mft_ok(mayfly_batches_combine(batches, target, NULL, &mft_error));
    assert_true(mft_is(target, "[\n{\"n\": \"1\", \"\xc3\xa9\": \"2;\"}\n]"));
    assert_true(mft_is(mft_path("t.old"), "old"));
    mft_ok(mayfly_batches_close(&batches, &mft_error));
    mft_empty();
}

static int work(mayfly_batches **batches, const char *const *inputs, const char *target,
                mayfly_error *error) {
    char by = '!';
    mayfly_batch batch;
    /* The directory is given: looking for one is another test's. */
    int r = mayfly_batches_open(inputs, 2, &(mayfly_batch_options){.size = 2, .dir = mft_tmp()},
                                batches, error);
    while (r == 0 && (r = mayfly_batches_next(*batches, &batch, error)) > 0)
        r = replace_marks(&by, &batch, error);
    return r < 0 ? r : mayfly_batches_combine(*batches, target, NULL, error);
}

static void P4_whatever_call_fails_the_target_is_old_or_new_and_nothing_is_left(void **state) {
    (void)state;
    static const int codes[] = {-ENOSPC, -EIO, -EACCES};
    static const char made[] = "[\n  {\n    \"n\": \"1\"\n  },\n  {\n    \"n\": \"!\"\n  },\n"
                               "  {\n    \"n\": 3\n  }\n]";
    const char *inputs[] = {input("a.csv", "n\n1\n#\n"), input("b.json", "[{\"n\":3}]")};
    char *target = mft_path("t.json");
    long points = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (long n = 1, refused = 1; refused > 0; n++, points++) {
            mayfly_error error = {.code = 0};
            mayfly_batches *batches = NULL;
            mft_write(target, "old");
            mft_fault_refuse(NULL, n, codes[i], 0);
            const int r = work(&batches, inputs, target, &error);
            refused = mft_fault_refused();
            mft_fault_end();
            assert_int_equal(r < 0 ? r : 0, error.code);
            assert_true(refused > 0 || r == 0);
            assert_true(mft_is(target, r < 0 ? "old" : made));
            mft_ok(mayfly_batches_close(&batches, &mft_error));
            if (mft_entries(mft_tmp()) != 3)
                fail_msg("call %ld (%s): something is left", n, mft_fault_last());
        }
    print_message("%ld points of failure\n", points);
    assert_true(points > 200);
    mft_empty();
}

#else

static void P4_without_jansson_it_says_so(void **state) {
    (void)state;
    mayfly_batches *batches = NULL;
    mft_fails(-ENOTSUP,
              mayfly_batches_open((const char *[]){"a.csv"}, 1, NULL, &batches, &mft_error));
    assert_null(batches);
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef MFI_HAVE_JSON
        MFT(P4_csv_and_json_become_one_json_in_the_order_of_inputs),
        MFT(P4_batches_have_their_size_and_go_on_in_the_next_input),
        MFT(P4_an_output_may_be_an_array_or_lines_or_nothing_or_not_be_there),
        MFT(P4_columns_of_the_same_name_are_those_of_a_dict),
        MFT(P4_errors_name_file_record_and_byte),
        MFT(P4_damaged_outputs_are_told_and_the_target_stays),
        MFT(P4_a_function_that_fails_ends_it_and_the_target_stays),
        MFT(P4_large_arrays_are_read_record_by_record),
        MFT(P4_wrong_options_forks_and_keeping),
        MFT(P4_the_result_is_replaced_as_the_options_say),
        MFT(P4_whatever_call_fails_the_target_is_old_or_new_and_nothing_is_left),
#else
        MFT(P4_without_jansson_it_says_so),
#endif
    };
    return MFT_MAIN(tests);
}
