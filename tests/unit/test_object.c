/* SPDX-License-Identifier: MIT
 *
 * O3: values are built, looked at, changed, compared, copied and printed.
 */
#define _GNU_SOURCE
#include "../lib/pickles.h"

#include <errno.h>
#include <math.h>

static const mayfly_value absent = {0};

/* The document's first failure is of this code, its message says this, and the document can begin
 * anew. */
static void assert_failed(mayfly_doc *doc, int code, const char *says) {
    mft_fails(code, mayfly_doc_failed(doc, &mft_error));
    if (strstr(mft_error.message, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", mft_error.message, says);
    mayfly_doc_reset(doc);
    mft_ok(mayfly_doc_failed(doc, &mft_error));
}

/* ---- values without parts -------------------------------------------------------------------- */

static void O3_values_without_parts_are_what_was_given(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    bool yes = false;
    double real = 0, imag = 0;
    size_t size = 0;
    assert_int_equal(mayfly_kind_of(mayfly_none_new(doc)), MAYFLY_NONE);
    mft_ok(mayfly_bool_get(mayfly_bool_new(doc, true), &yes, &mft_error));
    assert_true(yes);
    mft_ok(mayfly_float_get(mayfly_float_new(doc, -0.0), &real, &mft_error));
    assert_true(real == 0 && signbit(real));
    static const double doubles[] = {0.1, 1e300, -1e-320, INFINITY, -INFINITY, 5e-324};
    for (size_t i = 0; i < 6; i++) {
        mft_ok(mayfly_float_get(mayfly_float_new(doc, doubles[i]), &real, &mft_error));
        assert_true(real == doubles[i]);
    }
    mft_ok(mayfly_float_get(mayfly_float_new(doc, NAN), &real, &mft_error));
    assert_true(isnan(real));
    mft_ok(mayfly_complex_get(mayfly_complex_new(doc, 1, -2), &real, &imag, &mft_error));
    assert_true(real == 1 && imag == -2);
    mft_ok(mayfly_complex_get(mayfly_int_new(doc, 7), &real, &imag, &mft_error));
    assert_true(real == 7 && imag == 0);
    const mayfly_value text = mayfly_str_new(doc, "a\0b", 3);
    assert_memory_equal(mayfly_str_get(text, &size), "a\0b", 4);
    assert_int_equal(size, 3);
    assert_memory_equal(mayfly_bytes_get(mayfly_bytes_new(doc, "\xff\0", 2), &size), "\xff\0", 3);
    assert_int_equal(size, 2);
    assert_memory_equal(mayfly_bytes_get(mayfly_bytearray_new(doc, "xyz", MAYFLY_ALL), &size),
                        "xyz", 4);
    assert_int_equal(size, 3);
    mft_ok(mayfly_doc_failed(doc, &mft_error));
}

static void O3_what_was_given_may_change_afterwards(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    char text[] = "text";
    mayfly_value items[] = {mayfly_int_new(doc, 1), mayfly_int_new(doc, 2)};
    const mayfly_value s = str(doc, text), t = mayfly_tuple_new(doc, items, 2);
    text[0] = 'n';
    items[0] = items[1];
    assert_string_equal(mayfly_str_get(s, NULL), "text");
    assert_int_equal(number(mayfly_item(t, 0)), 1);
}

static void O3_ints_of_64_bits_come_back_at_every_edge(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    for (int shift = 0; shift < 64; shift++)
        for (int64_t by = -2; by <= 2; by++) {
            const uint64_t n = ((uint64_t)1 << shift) + (uint64_t)by;
            uint64_t back = 0;
            assert_true(number(mayfly_int_new(doc, (int64_t)n)) == (int64_t)n);
            mft_ok(mayfly_uint_get(mayfly_uint_new(doc, n), &back, &mft_error));
            assert_true(back == n);
        }
    assert_true(number(mayfly_int_new(doc, INT64_MIN)) == INT64_MIN);
    assert_true(number(mayfly_int_new(doc, INT64_MAX)) == INT64_MAX);
    mft_ok(mayfly_doc_failed(doc, &mft_error));
}

static const struct {
    const char *from, *text;
} literals[] = {
    {"0", "0"},
    {" -0_0 ", "0"},
    {"+17", "17"},
    {"0x_fF", "255"},
    {"-0b1010", "-10"},
    {"0o777", "511"},
    {"9223372036854775808", "9223372036854775808"},
    {"-9223372036854775809", "-9223372036854775809"},
    {"0xffff_ffff_ffff_ffff_ffff", "1208925819614629174706175"},
    {"-340282366920938463463374607431768211456", "-340282366920938463463374607431768211456"},
    {"1_000_000_000_000_000_000_000_000_000_000", "1000000000000000000000000000000"},
};

static void O3_ints_of_any_size_are_read_and_written_as_text(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        char *text = NULL;
        const mayfly_value v = mayfly_int_from_text(doc, literals[i].from, MAYFLY_ALL);
        assert_int_equal(mayfly_kind_of(v), MAYFLY_INT);
        mft_ok(mayfly_int_text(v, &text, &mft_error));
        assert_string_equal(text, literals[i].text);
        free(text);
    }
    static const char *const bad[] = {"",   "-",    "1__0", "_1", "1_",      "0x",
                                      "12", "0b12", "1 2",  "0o", "abc def", "0x1g"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const bool good = strcmp(bad[i], "12") == 0;
        assert_int_equal(mayfly_kind_of(mayfly_int_from_text(doc, bad[i], good ? 2 : MAYFLY_ALL)),
                         good ? MAYFLY_INT : MAYFLY_ABSENT);
        if (!good)
            assert_failed(doc, -EINVAL, "is no whole number");
    }
}

static void O3_a_decimal_number_may_have_4300_digits_and_a_hexadecimal_one_more(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    static char digits[20003];
    char *text = NULL;
    memset(digits, '9', 4301);
    assert_int_equal(mayfly_kind_of(mayfly_int_from_text(doc, digits, 4300)), MAYFLY_INT);
    mft_ok(mayfly_int_text(mayfly_int_from_text(doc, digits, 4296), &text, &mft_error));
    assert_int_equal(strlen(text), 4296);
    assert_memory_equal(text, digits, 4296);
    free(text);
    assert_int_equal(mayfly_int_from_text(doc, digits, 4301).bits, 0);
    assert_failed(doc, -EINVAL, "is no whole number");
    memset(digits, 'a', 20002);
    memcpy(digits, "0x", 2);
    mft_ok(mayfly_int_text(mayfly_int_from_text(doc, digits, 20002), &text, &mft_error));
    assert_string_equal(text, digits);
    free(text);
}

static void O3_ints_are_two_complement_bytes_as_short_as_can_be(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    static const struct {
        const char *given, *kept;
        size_t given_size, kept_size;
    } rows[] = {
        {"", "\0", 0, 1},
        {"\x7f\0\0\0", "\x7f", 4, 1},
        {"\x80\0", "\x80\0", 2, 2},
        {"\xff\xff\xff", "\xff", 3, 1},
        {"\0\0\0\0\0\0\0\0\x80", "\0\0\0\0\0\0\0\0\x80", 9, 9},
        {"\0\0\0\0\0\0\0\x80\xff", "\0\0\0\0\0\0\0\x80", 9, 8},
        {"\1\2\3\4\5\6\7\x8\x9\xa\0\0", "\1\2\3\4\5\6\7\x8\x9\xa", 12, 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t scratch[9];
        size_t size = 0;
        const mayfly_value v = mayfly_int_from_bytes(doc, rows[i].given, rows[i].given_size);
        const void *bytes = mayfly_int_bytes(v, scratch, &size);
        assert_int_equal(size, rows[i].kept_size);
        assert_memory_equal(bytes, rows[i].kept, size);
    }
}

static void O3_a_number_that_does_not_fit_says_so(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value two_63 = mayfly_uint_new(doc, (uint64_t)1 << 63);
    int64_t n = 0;
    uint64_t u = 0;
    double d = 0;
    mft_fails(-ERANGE, mayfly_int_get(two_63, &n, &mft_error));
    mft_fails(-ERANGE, mayfly_uint_get(mayfly_int_new(doc, -1), &u, &mft_error));
    const mayfly_value two_72 = mayfly_int_from_text(doc, "0x1000000000000000000", MAYFLY_ALL);
    mft_fails(-ERANGE, mayfly_int_get(two_72, &n, &mft_error));
    mft_fails(-ERANGE, mayfly_uint_get(two_72, &u, &mft_error));
    mft_ok(mayfly_float_get(two_72, &d, &mft_error));
    assert_true(d == 0x1p72);
    char huge[300] = "0x1";
    memset(huge + 3, '0', 256);
    mft_fails(-ERANGE,
              mayfly_float_get(mayfly_int_from_text(doc, huge, MAYFLY_ALL), &d, &mft_error));
    mft_ok(mayfly_doc_failed(doc, &mft_error));
}

static void O3_large_ints_become_the_nearest_float_halves_to_even(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    static const struct {
        const char *text;
        double expected;
    } rows[] = {
        {"0x20000000000001", 0x1p53},
        {"0x20000000000003", 0x1.0000000000002p53},
        {"0x1000000000000080000000", 0x1p84},
        {"0x1000000000000080000001", 0x1.0000000000001p84},
        {"-0x1000000000000180000000", -0x1.0000000000002p84},
        {"-0x100000000000000000000000000000000", -0x1p128},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double d = 0;
        mft_ok(
            mayfly_float_get(mayfly_int_from_text(doc, rows[i].text, MAYFLY_ALL), &d, &mft_error));
        assert_true(d == rows[i].expected);
    }
}

static void O3_text_is_utf8_and_may_hold_lone_surrogates(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    static const char *const good[] = {"\xed\xa0\x80", "\xed\xbf\xbf", "x\xed\xa0\xbdy",
                                       "\xf4\x8f\xbf\xbf", "\xc2\x80"};
    static const char *const bad[] = {"\xff",         "\x80",      "\xc0\x80",
                                      "\xe0\x80\x80", "\xc3",      "\xf4\x90\x80\x80",
                                      "\xe2\x82",     "ok\xed\xa0"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_string_equal(mayfly_str_get(str(doc, good[i]), NULL), good[i]);
    assert_repr(str(doc, "\xed\xa0\x80\xc3\xa4"), "'\\ud800\xc3\xa4'");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(str(doc, bad[i]).bits, 0);
        assert_failed(doc, -EILSEQ, "is not UTF-8");
    }
}

static void O3_a_value_of_another_kind_is_refused_by_its_name(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value list = mayfly_list_new(doc);
    bool yes;
    int64_t n;
    uint64_t u;
    double d;
    char *text = NULL;
    mayfly_datetime when;
    mft_fails(-EINVAL, mayfly_bool_get(mayfly_int_new(doc, 1), &yes, &mft_error));
    assert_non_null(strstr(mft_error.message, "int"));
    mft_fails(-EINVAL, mayfly_int_get(list, &n, &mft_error));
    assert_non_null(strstr(mft_error.message, "list"));
    mft_fails(-EINVAL, mayfly_uint_get(mayfly_float_new(doc, 1), &u, &mft_error));
    mft_fails(-EINVAL, mayfly_float_get(str(doc, "1"), &d, &mft_error));
    mft_fails(-EINVAL, mayfly_complex_get(absent, &d, &d, &mft_error));
    mft_fails(-EINVAL, mayfly_int_text(list, &text, &mft_error));
    mft_fails(-EINVAL, mayfly_datetime_get(list, &when, &mft_error));
    mft_fails(-EINVAL, mayfly_timedelta_get(list, &n, &mft_error));
    assert_null(mayfly_str_get(list, NULL));
    assert_null(mayfly_bytes_get(str(doc, "x"), NULL));
    mft_ok(mayfly_doc_failed(doc, &mft_error));
}

static void O3_every_look_takes_what_an_earlier_one_did_not_find(void **state) {
    (void)state;
    mayfly_value key, value;
    char *text = NULL;
    assert_int_equal(mayfly_kind_of(absent), MAYFLY_ABSENT);
    assert_int_equal(mayfly_class_of(absent), MAYFLY_CLASS_NONE);
    assert_int_equal(mayfly_count(absent), 0);
    assert_int_equal(mayfly_item(mayfly_get(mayfly_item(absent, 3), "x"), 0).bits, 0);
    assert_int_equal(mayfly_dict_get(absent, absent).bits, 0);
    assert_false(mayfly_set_has(absent, absent));
    assert_false(mayfly_pair(absent, 0, &key, &value));
    assert_null(mayfly_global_module(absent));
    assert_null(mayfly_global_name(absent));
    assert_int_equal(mayfly_object_callable(absent).bits, 0);
    assert_int_equal(mayfly_object_state(absent).bits, 0);
    assert_int_equal(mayfly_persistent_id(absent).bits, 0);
    assert_int_equal(mayfly_extension_code(absent), 0);
    mft_fails(-EINVAL, mayfly_repr(absent, NULL, &text, NULL, &mft_error));
    mft_fails(-EINVAL, mayfly_text(absent, &text, &mft_error));
    mft_fails(-ENOENT, mayfly_at(absent, "/x", &value, &mft_error));
    assert_int_equal(mayfly_equal(absent, absent, NULL), 1);
    assert_string_equal(mayfly_kind_name(MAYFLY_ABSENT), "nothing");
    assert_string_equal(mayfly_kind_name(MAYFLY_FROZENSET), "frozenset");
}

/* ---- containers ------------------------------------------------------------------------------ */

static void O3_a_list_is_changed_at_any_place(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value list = mayfly_list_new(doc);
    for (int i = 0; i < 5; i++)
        mft_ok(mayfly_list_append(doc, list, mayfly_int_new(doc, i)));
    mft_ok(mayfly_list_insert(doc, list, 0, str(doc, "first")));
    mft_ok(mayfly_list_insert(doc, list, 3, str(doc, "third")));
    mft_ok(mayfly_list_insert(doc, list, 99, str(doc, "last")));
    mft_ok(mayfly_list_set(doc, list, 1, mayfly_none_new(doc)));
    mft_ok(mayfly_list_remove(doc, list, 2));
    assert_repr(list, "['first', None, 'third', 2, 3, 4, 'last']");
    assert_int_equal(mayfly_list_set(doc, list, 7, mayfly_none_new(doc)), -ERANGE);
    assert_int_equal(mayfly_list_remove(doc, list, 7), -ERANGE);
    mft_ok(mayfly_doc_failed(doc, &mft_error));
    while (mayfly_count(list) > 0)
        mft_ok(mayfly_list_remove(doc, list, 0));
    assert_int_equal(mayfly_item(list, 0).bits, 0);
    for (int i = 0; i < 100000; i++)
        mft_ok(mayfly_list_append(doc, list, mayfly_int_new(doc, i)));
    for (int i = 0; i < 100000; i++)
        assert_int_equal(number(mayfly_item(list, (size_t)i)), i);
}

static void O3_a_dict_keeps_the_order_of_insertion_through_all_changes(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value dict = mayfly_dict_new(doc);
    mayfly_value key, value;
    mft_ok(mayfly_dict_put(doc, dict, "b", mayfly_int_new(doc, 1)));
    mft_ok(mayfly_dict_put(doc, dict, "a", mayfly_int_new(doc, 2)));
    mft_ok(mayfly_dict_set(doc, dict, mayfly_int_new(doc, 5), str(doc, "five")));
    mft_ok(mayfly_dict_put(doc, dict, "b", mayfly_int_new(doc, 3)));
    assert_repr(dict, "{'b': 3, 'a': 2, 5: 'five'}");
    mft_ok(mayfly_dict_remove(doc, dict, str(doc, "b")));
    assert_int_equal(mayfly_dict_remove(doc, dict, str(doc, "b")), -ENOENT);
    assert_int_equal(mayfly_dict_remove(doc, dict, mayfly_list_new(doc)), -ENOENT);
    mft_ok(mayfly_dict_put(doc, dict, "b", mayfly_int_new(doc, 4)));
    assert_repr(dict, "{'a': 2, 5: 'five', 'b': 4}");
    assert_true(mayfly_pair(dict, 2, &key, &value));
    assert_string_equal(mayfly_str_get(key, NULL), "b");
    assert_false(mayfly_pair(dict, 3, &key, &value));
    assert_int_equal(mayfly_item(dict, 0).bits, 0);
    mft_ok(mayfly_doc_failed(doc, &mft_error));
}

static void O3_a_large_dict_finds_every_key_while_others_go(void **state) {
    (void)state;
    enum { KEYS = 3000 };
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value dict = mayfly_dict_new(doc);
    char name[32];
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(name, sizeof name, "key %d", i);
        mft_ok(mayfly_dict_put(doc, dict, name, mayfly_int_new(doc, i)));
    }
    for (int i = 0; i < KEYS; i += 7) {
        (void)snprintf(name, sizeof name, "key %d", i);
        mft_ok(mayfly_dict_remove(doc, dict, str(doc, name)));
    }
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(name, sizeof name, "key %d", i);
        const mayfly_value v = mayfly_get(dict, name);
        assert_int_equal(v.bits == 0, i % 7 == 0);
        if (v.bits != 0)
            assert_int_equal(number(v), i);
    }
    assert_int_equal(mayfly_count(dict), KEYS - (KEYS + 6) / 7);
}

static void O3_a_record_that_is_changed_leaves_those_with_the_same_keys_alone(void **state) {
    (void)state;
    /* [{'a': 1, 'b': 2}, {'a': 3, 'b': 4}], the keys out of the memo */
    static const char records[] = "\214\1a\224\214\1b\224"
                                  "00](}(h\0K\1h\1K\2u}(h\0K\3h\1K\4ue.";
    mayfly_auto(mayfly_doc) doc = NULL;
    mft_ok(mayfly_loads(records, sizeof records - 1, NULL, &doc, &mft_error));
    const mayfly_value list = mayfly_doc_root(doc);
    mft_ok(mayfly_dict_put(doc, mayfly_item(list, 0), "c", mayfly_int_new(doc, 9)));
    assert_repr(list, "[{'a': 1, 'b': 2, 'c': 9}, {'a': 3, 'b': 4}]");
    mft_ok(mayfly_dict_remove(doc, mayfly_item(list, 1), str(doc, "a")));
    mft_ok(mayfly_dict_put(doc, mayfly_item(list, 0), "a", mayfly_none_new(doc)));
    assert_repr(list, "[{'a': None, 'b': 2, 'c': 9}, {'b': 4}]");
}

static void O3_numbers_that_are_equal_are_one_key_and_the_first_stays(void **state) {
    (void)state;
    for (int crowd = 0; crowd < 20; crowd += 19) { /* compared one by one, and by hash */
        mayfly_auto(mayfly_doc) doc = new_doc();
        const mayfly_value dict = mayfly_dict_new(doc);
        mft_ok(mayfly_dict_set(doc, dict, mayfly_int_new(doc, 1), str(doc, "int")));
        for (int i = 0; i < crowd; i++)
            mft_ok(mayfly_dict_set(doc, dict, mayfly_int_new(doc, 100 + i), str(doc, "")));
        const size_t count = mayfly_count(dict);
        mft_ok(mayfly_dict_set(doc, dict, mayfly_float_new(doc, 1), str(doc, "float")));
        mft_ok(mayfly_dict_set(doc, dict, mayfly_bool_new(doc, true), str(doc, "bool")));
        mft_ok(mayfly_dict_set(doc, dict, mayfly_complex_new(doc, 1, 0), str(doc, "complex")));
        mft_ok(mayfly_dict_set(doc, dict, mayfly_int_from_text(doc, "0x10000000000000000", 19),
                               str(doc, "large")));
        assert_int_equal(mayfly_count(dict), count + 1);
        assert_string_equal(mayfly_str_get(mayfly_dict_get(dict, mayfly_int_new(doc, 1)), NULL),
                            "complex");
        assert_string_equal(
            mayfly_str_get(mayfly_dict_get(dict, mayfly_float_new(doc, 0x1p64)), NULL), "large");
        mayfly_value key, value;
        assert_true(mayfly_pair(dict, 0, &key, &value));
        assert_int_equal(mayfly_kind_of(key), MAYFLY_INT);
    }
}

static void O3_what_can_change_is_no_key_and_no_item_of_a_set(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    for (int i = 0; i < 5; i++) {
        const mayfly_value inner = mayfly_list_new(doc);
        const mayfly_value keys[] = {inner, mayfly_dict_new(doc), mayfly_set_new(doc),
                                     mayfly_bytearray_new(doc, "", 0),
                                     mayfly_tuple_new(doc, &inner, 1)};
        const mayfly_value dict = mayfly_dict_new(doc), set = mayfly_set_new(doc);
        if (i % 2 == 0)
            assert_int_equal(mayfly_dict_set(doc, dict, keys[i], keys[i]), -EINVAL);
        else
            assert_int_equal(mayfly_set_add(doc, set, keys[i]), -EINVAL);
        assert_failed(doc, -EINVAL, "cannot be a key");
    }
    const mayfly_value list = mayfly_list_new(doc);
    assert_int_equal(mayfly_frozenset_new(doc, &list, 1).bits, 0);
    assert_failed(doc, -EINVAL, "a list cannot be a key");
}

static void O3_sets_have_each_item_once_whatever_way_it_is_said(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value set = mayfly_set_new(doc);
    const mayfly_value pair[] = {mayfly_int_new(doc, 1), str(doc, "x")};
    mft_ok(mayfly_set_add(doc, set, mayfly_tuple_new(doc, pair, 2)));
    mft_ok(mayfly_set_add(doc, set, mayfly_tuple_new(doc, pair, 2)));
    mft_ok(mayfly_set_add(doc, set, mayfly_frozenset_new(doc, pair, 2)));
    mft_ok(mayfly_set_add(doc, set, mayfly_frozenset_new(doc, pair, 2)));
    mft_ok(mayfly_set_add(doc, set, str(doc, "x")));
    assert_int_equal(mayfly_count(set), 3);
    assert_true(mayfly_set_has(set, str(doc, "x")));
    assert_false(mayfly_set_has(set, str(doc, "y")));
    assert_false(mayfly_set_has(set, mayfly_list_new(doc)));
    assert_repr(mayfly_item(set, 0), "(1, 'x')");
    for (int i = 0; i < 1000; i++)
        mft_ok(mayfly_set_add(doc, set, mayfly_int_new(doc, i % 500)));
    assert_int_equal(mayfly_count(set), 503);
    mft_ok(mayfly_set_remove(doc, set, mayfly_int_new(doc, 250)));
    assert_int_equal(mayfly_set_remove(doc, set, mayfly_float_new(doc, 250)), -ENOENT);
    assert_false(mayfly_set_has(set, mayfly_int_new(doc, 250)));
    mft_ok(mayfly_doc_failed(doc, &mft_error));
    assert_int_equal(mayfly_set_add(doc, mayfly_frozenset_new(doc, NULL, 0), pair[0]), -EINVAL);
    assert_failed(doc, -EINVAL, "frozenset instead of a set");
}

static void O3_symbolic_values_have_the_parts_that_they_were_made_of(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value cls = mayfly_global_new(doc, "shop", "Order.Line");
    const mayfly_value fields = mayfly_dict_new(doc), one = mayfly_int_new(doc, 1);
    mft_ok(mayfly_dict_put(doc, fields, "price", mayfly_int_new(doc, 12)));
    assert_string_equal(mayfly_global_module(cls), "shop");
    assert_string_equal(mayfly_global_name(cls), "Order.Line");
    const mayfly_value instance = mayfly_instance_new(doc, cls, fields);
    assert_int_equal(mayfly_class_of(instance), MAYFLY_CLASS_INSTANCE);
    assert_int_equal(number(mayfly_get(instance, "price")), 12);
    assert_true(mayfly_same(mayfly_object_state(instance), fields));
    const mayfly_value call = mayfly_object_new(doc, cls, mayfly_tuple_new(doc, &one, 1));
    assert_int_equal(mayfly_class_of(call), MAYFLY_CLASS_CALL);
    assert_true(mayfly_same(mayfly_object_callable(call), cls));
    assert_int_equal(number(mayfly_item(mayfly_object_arguments(call), 0)), 1);
    assert_int_equal(mayfly_object_keywords(call).bits, 0);
    mft_ok(mayfly_object_set_state(doc, call, fields));
    assert_int_equal(number(mayfly_get(call, "price")), 12);
    mft_ok(mayfly_list_append(doc, call, one));
    mft_ok(mayfly_dict_put(doc, call, "k", one));
    assert_int_equal(mayfly_count(mayfly_object_items(call)), 1);
    assert_int_equal(mayfly_count(mayfly_object_pairs(call)), 1);
    assert_int_equal(number(mayfly_persistent_id(mayfly_persistent_new(doc, one))), 1);
    assert_int_equal(mayfly_extension_code(mayfly_extension_new(doc, 0x7fffffff)), 0x7fffffff);
    mft_ok(mayfly_doc_failed(doc, &mft_error));
    assert_int_equal(mayfly_object_new(doc, cls, fields).bits, 0);
    assert_failed(doc, -EINVAL, "dict instead of a tuple of arguments");
}

static void O3_numbers_beyond_64_bits_are_no_uint(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    uint64_t u = 7;
    mft_fails(-ERANGE, mayfly_uint_get(mayfly_int_from_text(doc, "18446744073709551616", 20), &u,
                                       &mft_error));
    assert_int_equal(u, 7);
    static char digits[4300], *text = NULL;
    memset(digits, '9', 4300);
    mft_ok(mayfly_int_text(mayfly_int_from_text(doc, digits, 4300), &text, &mft_error));
    assert_int_equal(strlen(text), 4300);
    free(text);
    char *two = malloc(2); /* nothing behind it may be read */
    memcpy(two, "xy", 2);
    assert_int_equal(mayfly_int_from_text(doc, two, 2).bits, 0);
    free(two);
}

static void O3_a_deque_that_has_its_items_as_argument_grows(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value items = mayfly_list_new(doc);
    mft_ok(mayfly_list_append(doc, items, mayfly_int_new(doc, 5)));
    const mayfly_value deque = mayfly_object_new(
        doc, mayfly_global_new(doc, "collections", "deque"), mayfly_tuple_new(doc, &items, 1));
    assert_int_equal(mayfly_count(deque), 1);
    mft_ok(mayfly_list_append(doc, deque, mayfly_int_new(doc, 6)));
    assert_int_equal(mayfly_count(deque), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(O3_values_without_parts_are_what_was_given),
        MFT(O3_what_was_given_may_change_afterwards),
        MFT(O3_ints_of_64_bits_come_back_at_every_edge),
        MFT(O3_ints_of_any_size_are_read_and_written_as_text),
        MFT(O3_a_decimal_number_may_have_4300_digits_and_a_hexadecimal_one_more),
        MFT(O3_ints_are_two_complement_bytes_as_short_as_can_be),
        MFT(O3_a_number_that_does_not_fit_says_so),
        MFT(O3_large_ints_become_the_nearest_float_halves_to_even),
        MFT(O3_text_is_utf8_and_may_hold_lone_surrogates),
        MFT(O3_a_value_of_another_kind_is_refused_by_its_name),
        MFT(O3_every_look_takes_what_an_earlier_one_did_not_find),
        MFT(O3_a_list_is_changed_at_any_place),
        MFT(O3_a_dict_keeps_the_order_of_insertion_through_all_changes),
        MFT(O3_a_large_dict_finds_every_key_while_others_go),
        MFT(O3_a_record_that_is_changed_leaves_those_with_the_same_keys_alone),
        MFT(O3_numbers_that_are_equal_are_one_key_and_the_first_stays),
        MFT(O3_what_can_change_is_no_key_and_no_item_of_a_set),
        MFT(O3_sets_have_each_item_once_whatever_way_it_is_said),
        MFT(O3_symbolic_values_have_the_parts_that_they_were_made_of),
        MFT(O3_numbers_beyond_64_bits_are_no_uint),
        MFT(O3_a_deque_that_has_its_items_as_argument_grows),
    };
    return MFT_MAIN(tests);
}
