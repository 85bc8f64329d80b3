/* SPDX-License-Identifier: MIT
 *
 * O3: whole values: equal, copied, printed, found by a path; and the documents that own them.
 */
#define _GNU_SOURCE
#include "../lib/pickles.h"

#include <errno.h>
#include <math.h>

#include "../lib/fault.h"

static void assert_text(mayfly_value value, const char *expected) {
    char *text = NULL;
    mft_ok(mayfly_text(value, &text, &mft_error));
    assert_string_equal(text, expected);
    free(text);
}

static void assert_equality(mayfly_value a, mayfly_value b, int expected) {
    assert_int_equal(mayfly_equal(a, b, NULL), expected);
    assert_int_equal(mayfly_equal(b, a, NULL), expected);
}

/* ---- equality -------------------------------------------------------------------------------- */

static void O3_numbers_are_equal_by_value_and_to_the_last_bit(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value one = mayfly_int_new(doc, 1);
    assert_equality(one, mayfly_bool_new(doc, true), 1);
    assert_equality(one, mayfly_float_new(doc, 1), 1);
    assert_equality(one, mayfly_complex_new(doc, 1, 0), 1);
    assert_equality(one, mayfly_complex_new(doc, 1, 1), 0);
    assert_equality(mayfly_float_new(doc, 0.0), mayfly_float_new(doc, -0.0), 1);
    assert_equality(mayfly_int_new(doc, (1LL << 53) + 1), mayfly_float_new(doc, 0x1p53), 0);
    assert_equality(mayfly_int_new(doc, INT64_MAX), mayfly_float_new(doc, 0x1p63), 0);
    assert_equality(mayfly_int_from_text(doc, "0x10000000000000000", MAYFLY_ALL),
                    mayfly_float_new(doc, 0x1p64), 1);
    assert_equality(mayfly_int_from_text(doc, "0x10000000000000001", MAYFLY_ALL),
                    mayfly_float_new(doc, 0x1p64), 0);
    assert_equality(one, mayfly_float_new(doc, NAN), 0);
    assert_equality(one, str(doc, "1"), 0);
    assert_equality(mayfly_none_new(doc), mayfly_bool_new(doc, false), 0);
    assert_true(mayfly_same(one, mayfly_int_new(doc, 1)));
    assert_false(mayfly_same(str(doc, "a"), str(doc, "a")));
}

static void O3_containers_are_equal_by_what_they_hold(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) a = new_doc();
    mayfly_auto(mayfly_doc) b = new_doc();
    const mayfly_value forth = mayfly_dict_new(a), back = mayfly_dict_new(b);
    const mayfly_value many = mayfly_set_new(a), others = mayfly_set_new(b);
    char name[16];
    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        mft_ok(mayfly_dict_put(a, forth, name, mayfly_int_new(a, i)));
        mft_ok(mayfly_set_add(a, many, str(a, name)));
        (void)snprintf(name, sizeof name, "%d", 49 - i);
        mft_ok(mayfly_dict_put(b, back, name, mayfly_float_new(b, 49 - i)));
        mft_ok(mayfly_set_add(b, others, str(b, name)));
    }
    assert_equality(forth, back, 1);
    assert_equality(many, others, 1);
    mft_ok(mayfly_dict_put(b, back, "7", str(b, "7")));
    mft_ok(mayfly_set_remove(b, others, str(b, "7")));
    assert_equality(forth, back, 0);
    assert_equality(many, others, 0);
    mft_ok(mayfly_set_add(b, others, str(b, "seven")));
    assert_equality(many, others, 0);
    assert_equality(mayfly_set_new(a), mayfly_frozenset_new(b, NULL, 0), 1);
    assert_equality(mayfly_bytes_new(a, "x", 1), mayfly_bytearray_new(b, "x", 1), 1);
    assert_equality(mayfly_bytes_new(a, "x", 1), str(b, "x"), 0);
    assert_equality(mayfly_list_new(a), mayfly_tuple_new(b, NULL, 0), 0);
    assert_equality(mayfly_global_new(a, "m", "f"), mayfly_global_new(b, "m", "f"), 1);
    assert_equality(mayfly_global_new(a, "m", "f"), mayfly_global_new(b, "m", "g"), 0);
    assert_equality(mayfly_extension_new(a, 3), mayfly_extension_new(b, 3), 1);
    assert_equality(mayfly_instance_new(a, mayfly_global_new(a, "m", "C"), forth),
                    mayfly_instance_new(b, mayfly_global_new(b, "m", "C"), back), 0);
}

/* A ring of so many lists, each holding the next; the innermost text differs by `end`. */
static mayfly_value ring(mayfly_doc *doc, int lists, const char *end) {
    mayfly_value first = mayfly_list_new(doc), last = first;
    for (int i = 1; i < lists; i++) {
        const mayfly_value next = mayfly_list_new(doc);
        mft_ok(mayfly_list_append(doc, last, next));
        mft_ok(mayfly_list_append(doc, last, mayfly_none_new(doc)));
        last = next;
    }
    mft_ok(mayfly_list_append(doc, last, first));
    mft_ok(mayfly_list_append(doc, last, end == NULL ? mayfly_none_new(doc) : str(doc, end)));
    return first;
}

static void O3_what_contains_itself_is_compared_to_an_end(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    assert_equality(ring(doc, 1, NULL), ring(doc, 1, NULL), 1);
    assert_equality(ring(doc, 3, NULL), ring(doc, 5, NULL), 1);
    assert_equality(ring(doc, 3, "x"), ring(doc, 3, "x"), 1);
    assert_equality(ring(doc, 3, "x"), ring(doc, 3, "y"), 0);
    assert_equality(ring(doc, 3, "x"), ring(doc, 5, "x"), 0);
    const mayfly_value a = mayfly_dict_new(doc), b = mayfly_dict_new(doc);
    mft_ok(mayfly_dict_put(doc, a, "other", b));
    mft_ok(mayfly_dict_put(doc, b, "other", a));
    assert_equality(a, b, 1);
    assert_repr(ring(doc, 1, "x"), "[[...], 'x']");
    assert_repr(a, "{'other': {'other': {...}}}");
}

/* A list of two lists of two lists...: as many paths as 2 to the power of `levels`. */
static mayfly_value laughs(mayfly_doc *doc, int levels) {
    mayfly_value v = str(doc, "lol");
    for (int i = 0; i < levels; i++) {
        const mayfly_value list = mayfly_list_new(doc);
        mft_ok(mayfly_list_append(doc, list, v));
        mft_ok(mayfly_list_append(doc, list, v));
        v = list;
    }
    return v;
}

static void O3_shared_values_are_compared_and_copied_once(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) a = new_doc();
    mayfly_auto(mayfly_doc) b = new_doc();
    const mayfly_value x = laughs(a, 200), y = laughs(b, 200);
    assert_equality(x, y, 1);
    assert_equality(x, laughs(b, 201), 0);
    const mayfly_value z = mayfly_copy(b, x);
    assert_equality(z, y, 1);
    assert_true(mayfly_same(mayfly_item(z, 0), mayfly_item(z, 1)));
    char *text = NULL;
    mft_ok(mayfly_repr(x, &(mayfly_repr_options){.max_bytes = 100}, &text, NULL, &mft_error));
    assert_int_equal(strlen(text), 103);
    free(text);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static mayfly_value of_every_kind(mayfly_doc *doc) {
    const mayfly_value list = mayfly_list_new(doc), shared = str(doc, "shared");
    const mayfly_value cls = mayfly_global_new(doc, "shop", "Order");
    const mayfly_value inner[] = {shared, mayfly_int_new(doc, 7)};
    const mayfly_value frozen = mayfly_frozenset_new(doc, inner, 2);
    const mayfly_value key[] = {frozen, mayfly_tuple_new(doc, inner, 2)};
    const mayfly_value dict = mayfly_dict_new(doc), set = mayfly_set_new(doc);
    mft_ok(mayfly_dict_set(doc, dict, mayfly_tuple_new(doc, key, 2), list));
    mft_ok(mayfly_set_add(doc, set, frozen));
    mft_ok(mayfly_set_add(doc, set, cls));
    const mayfly_value items[] = {mayfly_none_new(doc),
                                  mayfly_bool_new(doc, true),
                                  mayfly_int_from_text(doc, "-0x123456789abcdef0123456789", 28),
                                  mayfly_float_new(doc, 0.1),
                                  mayfly_float_new(doc, -1e-300),
                                  mayfly_complex_new(doc, 1, -0.0),
                                  shared,
                                  shared,
                                  mayfly_bytes_new(doc, "\0\xff", 2),
                                  mayfly_bytearray_new(doc, "ba", 2),
                                  mayfly_tuple_new(doc, NULL, 0),
                                  dict,
                                  set,
                                  mayfly_object_new(doc, cls, mayfly_tuple_new(doc, key, 2)),
                                  mayfly_instance_new(doc, cls, dict),
                                  mayfly_persistent_new(doc, shared),
                                  mayfly_buffer_new(doc, "buf", 3, true),
                                  mayfly_extension_new(doc, 77),
                                  list};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        mft_ok(mayfly_list_append(doc, list, items[i]));
    mft_ok(mayfly_doc_failed(doc, &mft_error));
    return list;
}

static void O3_a_copy_keeps_all_and_outlives_what_it_was_made_of(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) from = new_doc();
    mayfly_auto(mayfly_doc) to = new_doc();
    const mayfly_value before = of_every_kind(from), copy = mayfly_copy(to, before);
    assert_equality(before, copy, 1);
    assert_false(mayfly_same(before, copy));
    mayfly_doc_free(&from);
    mayfly_doc_free(&from);
    assert_true(mayfly_same(mayfly_item(copy, 6), mayfly_item(copy, 7)));
    assert_true(mayfly_same(mayfly_item(copy, 18), copy));
    assert_true(mayfly_same(mayfly_object_state(mayfly_item(copy, 14)), mayfly_item(copy, 11)));
    mayfly_auto(mayfly_doc) anew = new_doc();
    const mayfly_value again = of_every_kind(anew);
    assert_equality(again, copy, 1);
    mft_ok(mayfly_list_append(anew, mayfly_item(again, 18), mayfly_none_new(anew)));
    assert_equality(again, copy, 0);
}

static void O3_a_copy_that_has_no_room_fails_its_document_only(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) from = new_doc();
    mayfly_auto(mayfly_doc) to = NULL;
    const mayfly_value list = mayfly_list_new(from);
    for (int i = 0; i < 1000; i++)
        mft_ok(mayfly_list_append(from, list, str(from, "a text of some bytes")));
    mft_ok(mayfly_doc_new(&(mayfly_doc_options){.max_bytes = 10000}, &to, &mft_error));
    assert_int_equal(mayfly_copy(to, list).bits, 0);
    mft_fails(MAYFLY_E_LIMIT, mayfly_doc_failed(to, &mft_error));
    mft_ok(mayfly_doc_failed(from, &mft_error));
    assert_true(mayfly_doc_bytes(to) <= 10000);
}

/* ---- paths ----------------------------------------------------------------------------------- */

static mayfly_value records(mayfly_doc *doc) {
    const mayfly_value root = mayfly_dict_new(doc), list = mayfly_list_new(doc);
    const mayfly_value pair[] = {str(doc, "zero"), str(doc, "one")};
    mft_ok(mayfly_list_append(doc, list, mayfly_tuple_new(doc, pair, 2)));
    mft_ok(mayfly_list_append(doc, list, str(doc, "second")));
    mft_ok(mayfly_dict_put(doc, root, "records", list));
    mft_ok(mayfly_dict_put(doc, root, "a/b", str(doc, "slash")));
    mft_ok(mayfly_dict_put(doc, root, "m~n", str(doc, "tilde")));
    mft_ok(mayfly_dict_put(doc, root, "~1", str(doc, "both")));
    mft_ok(mayfly_dict_put(doc, root, "", str(doc, "empty")));
    mft_ok(mayfly_dict_set(doc, root, mayfly_int_new(doc, -5), str(doc, "int")));
    mft_ok(mayfly_dict_put(
        doc, root, "order",
        mayfly_instance_new(doc, mayfly_global_new(doc, "shop", "Order"), mayfly_copy(doc, root))));
    return root;
}

static void O3_a_path_leads_through_keys_indices_and_fields(void **state) {
    (void)state;
    static const struct {
        const char *path, *found;
    } rows[] = {
        {"/records/0/1", "one"},
        {"/records/-1", "second"},
        {"/records/-2/-2", "zero"},
        {"/a~1b", "slash"},
        {"/m~0n", "tilde"},
        {"/~01", "both"},
        {"/", "empty"},
        {"/-5", "int"},
        {"/order/records/0/0", "zero"},
    };
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value root = records(doc);
    mayfly_value found = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mft_ok(mayfly_at(root, rows[i].path, &found, &mft_error));
        assert_string_equal(mayfly_str_get(found, NULL), rows[i].found);
    }
    mft_ok(mayfly_at(root, "", &found, &mft_error));
    assert_true(mayfly_same(found, root));
}

static void O3_a_path_that_leads_nowhere_says_how_far_it_went(void **state) {
    (void)state;
    static const struct {
        const char *path, *says;
        int code, offset;
    } rows[] = {
        {"/records/2", "\"/records/2\"", -ENOENT, 8},
        {"/records/-3", "\"/records/-3\"", -ENOENT, 8},
        {"/records/0/x/y", "\"/records/0/x\"", -ENOENT, 10},
        {"/records/ 1", "nothing", -ENOENT, 8},
        {"/records/+1", "nothing", -ENOENT, 8},
        {"/records/1x", "nothing", -ENOENT, 8},
        {"/records/99999999999999999999999", "nothing", -ENOENT, 8},
        {"/records/-9223372036854775808", "nothing", -ENOENT, 8},
        {"/records/1/", "nothing", -ENOENT, 10},
        {"records", "begin with /", -EINVAL, 0},
        {"/records/~2", "~0", -EINVAL, 8},
        {"/~", "~0", -EINVAL, 0},
    };
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value root = records(doc);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mayfly_value found = {0};
        mft_fails(rows[i].code, mayfly_at(root, rows[i].path, &found, &mft_error));
        assert_int_equal(mft_error.offset, rows[i].offset);
        if (strstr(mft_error.message, rows[i].says) == NULL)
            fail_msg("%s: \"%s\" does not say %s", rows[i].path, mft_error.message, rows[i].says);
        assert_int_equal(found.bits, 0);
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

static void O3_repr_is_pythons(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value one = mayfly_int_new(doc, 1);
    const mayfly_value two[] = {one, mayfly_none_new(doc)};
    assert_repr(mayfly_bool_new(doc, false), "False");
    assert_repr(mayfly_float_new(doc, 1), "1.0");
    assert_repr(mayfly_float_new(doc, 1e16), "1e+16");
    assert_repr(mayfly_float_new(doc, 0.1 + 0.2), "0.30000000000000004");
    assert_repr(mayfly_float_new(doc, -INFINITY), "-inf");
    assert_repr(mayfly_complex_new(doc, -0.0, 2.5), "(-0+2.5j)");
    assert_repr(mayfly_complex_new(doc, 0, 1), "1j");
    assert_repr(str(doc, "it's \"\n\x7f"), "'it\\'s \"\\n\\x7f'");
    assert_repr(str(doc, "it's"), "\"it's\"");
    assert_repr(mayfly_bytes_new(doc, "\0a\xff'", 4), "b\"\\x00a\\xff'\"");
    assert_repr(mayfly_bytearray_new(doc, "x", 1), "bytearray(b'x')");
    assert_repr(mayfly_tuple_new(doc, NULL, 0), "()");
    assert_repr(mayfly_tuple_new(doc, two, 1), "(1,)");
    assert_repr(mayfly_tuple_new(doc, two, 2), "(1, None)");
    assert_repr(mayfly_list_new(doc), "[]");
    assert_repr(mayfly_dict_new(doc), "{}");
    assert_repr(mayfly_set_new(doc), "set()");
    assert_repr(mayfly_frozenset_new(doc, NULL, 0), "frozenset()");
    assert_repr(mayfly_frozenset_new(doc, two, 1), "frozenset({1})");
}

static void O3_str_is_pythons_for_what_python_prints_otherwise(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    static const uint8_t id[16] = {0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78,
                                   0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78};
    const mayfly_datetime when = {.year = 2024, .month = 2, .day = 29, .hour = 23, .minute = 5};
    assert_text(str(doc, "it's"), "it's");
    assert_text(mayfly_decimal_new(doc, "1.50"), "1.50");
    assert_repr(mayfly_decimal_new(doc, "1.50"), "Decimal('1.50')");
    assert_text(mayfly_path_new(doc, "/a/b"), "/a/b");
    assert_text(mayfly_uuid_new(doc, id), "12345678-1234-5678-1234-567812345678");
    assert_text(mayfly_datetime_new(doc, &when), "2024-02-29 23:05:00");
    assert_text(mayfly_date_new(doc, 1, 1, 1), "0001-01-01");
    assert_text(mayfly_time_new(doc, &when), "23:05:00");
    assert_text(mayfly_timedelta_new(doc, -1), "-1 day, 23:59:59.999999");
    assert_text(mayfly_tuple_new(doc, NULL, 0), "()");
    mft_ok(mayfly_doc_failed(doc, &mft_error));
}

static void O3_repr_is_cut_between_characters_and_at_a_depth(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value text = str(doc, "\xc3\xa4\xc3\xa4\xc3\xa4");
    mayfly_value deep = mayfly_int_new(doc, 1);
    char *out = NULL;
    mft_ok(mayfly_repr(text, &(mayfly_repr_options){.max_bytes = 4}, &out, NULL, &mft_error));
    assert_string_equal(out, "'\xc3\xa4...");
    free(out);
    for (int i = 0; i < 5; i++)
        deep = mayfly_tuple_new(doc, &deep, 1);
    mft_ok(mayfly_repr(deep, &(mayfly_repr_options){.max_depth = 3}, &out, NULL, &mft_error));
    assert_string_equal(out, "((((...),),),)");
    free(out);
}

/* ---- documents ------------------------------------------------------------------------------- */

static void O6_the_first_failure_is_remembered_and_nothing_is_dumped(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value list = mayfly_list_new(doc);
    char *data = NULL;
    size_t size;
    assert_int_equal(str(doc, "\xff").bits, 0);
    assert_int_equal(mayfly_list_append(doc, list, str(doc, "\xff")), -EILSEQ);
    assert_int_equal(mayfly_dict_put(doc, list, "x", list), -EILSEQ);
    mft_fails(-EILSEQ, mayfly_doc_failed(doc, &mft_error));
    mft_fails(-EILSEQ, mayfly_dumps(doc, list, NULL, &data, &size, &mft_error));
    assert_non_null(strstr(mft_error.message, "byte 0 is not UTF-8"));
    assert_null(data);
    mayfly_doc_reset(doc);
    mft_ok(mayfly_dumps(doc, str(doc, "good"), NULL, &data, &size, &mft_error));
    free(data);
}

static void O6_what_is_absent_is_told_where_it_would_be_stored(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value nothing = {0};
    char *data = NULL;
    size_t size;
    assert_int_equal(mayfly_list_append(doc, mayfly_list_new(doc), nothing), -EINVAL);
    mft_fails(-EINVAL, mayfly_doc_failed(doc, &mft_error));
    mayfly_doc_reset(doc);
    assert_int_equal(mayfly_dict_put(doc, mayfly_dict_new(doc), "size", nothing), -EINVAL);
    mft_fails(-EINVAL, mayfly_doc_failed(doc, &mft_error));
    assert_non_null(strstr(mft_error.message, "\"size\""));
    mayfly_doc_reset(doc);
    assert_int_equal(mayfly_tuple_new(doc, &nothing, 1).bits, 0);
    mft_fails(-EINVAL, mayfly_doc_failed(doc, &mft_error));
    mayfly_doc_reset(doc);
    mft_fails(MAYFLY_E_PICKLE, mayfly_dumps(doc, nothing, NULL, &data, &size, &mft_error));
    assert_non_null(strstr(mft_error.message, "absent"));
}

static void O6_a_limit_of_memory_holds_and_its_failure_stays(void **state) {
    (void)state;
    enum { MOST = 100000 };
    mayfly_auto(mayfly_doc) doc = NULL;
    mft_ok(mayfly_doc_new(&(mayfly_doc_options){.max_bytes = MOST}, &doc, &mft_error));
    const mayfly_value list = mayfly_list_new(doc);
    int r = 0;
    for (int i = 0; i < MOST && r == 0; i++)
        r = mayfly_list_append(doc, list, str(doc, "sixteen bytes..."));
    assert_int_equal(r, MAYFLY_E_LIMIT);
    assert_true(mayfly_doc_bytes(doc) <= MOST);
    mft_fails(MAYFLY_E_LIMIT, mayfly_doc_failed(doc, &mft_error));
    assert_non_null(strstr(mft_error.message, "100000"));
    mayfly_doc_reset(doc);
    assert_string_equal(mayfly_str_get(str(doc, "room again"), NULL), "room again");
    assert_true(mayfly_doc_bytes(doc) <= MOST);
}

static void O6_memory_that_is_refused_fails_the_document(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    mft_fault_refuse("memory", 1, -ENOMEM, 1);
    assert_int_equal(mayfly_list_new(doc).bits, 0);
    assert_int_equal(str(doc, "x").bits, 0);
    mft_fault_end();
    mft_fails(-ENOMEM, mayfly_doc_failed(doc, &mft_error));
    assert_int_equal(mayfly_doc_bytes(doc), 0);
    mayfly_doc_reset(doc);
    assert_int_equal(mayfly_kind_of(mayfly_list_new(doc)), MAYFLY_LIST);
    mayfly_doc *none = NULL;
    mft_fault_refuse("memory", 1, -ENOMEM, 1);
    mft_fails(-ENOMEM, mayfly_doc_new(NULL, &none, &mft_error));
    mft_fault_end();
    assert_null(none);
}

static void O3_a_document_is_used_again_in_the_memory_that_it_has(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    uint64_t bytes = 0;
    for (int round = 0; round < 50; round++) {
        const mayfly_value list = mayfly_list_new(doc);
        for (int i = 0; i < 20000; i++)
            mft_ok(mayfly_list_append(doc, list, str(doc, "abcdefghijklmnopqrstuvwxyz")));
        mayfly_doc_set_root(doc, list);
        assert_true(mayfly_same(mayfly_doc_root(doc), list));
        if (round == 1)
            bytes = mayfly_doc_bytes(doc);
        if (round > 1)
            assert_int_equal(mayfly_doc_bytes(doc), bytes);
        mayfly_doc_reset(doc);
        assert_int_equal(mayfly_doc_root(doc).bits, 0);
    }
}

static void O3_an_int_that_is_no_float_is_equal_to_none(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    assert_equality(mayfly_int_from_text(doc, "0x400000000000000400", 20),
                    mayfly_float_new(doc, 0x1p70), 0);
    assert_equality(mayfly_int_from_text(doc, "0x400000000000000000", 20),
                    mayfly_float_new(doc, 0x1p70), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(O3_numbers_are_equal_by_value_and_to_the_last_bit),
        MFT(O3_containers_are_equal_by_what_they_hold),
        MFT(O3_what_contains_itself_is_compared_to_an_end),
        MFT(O3_shared_values_are_compared_and_copied_once),
        MFT(O3_a_copy_keeps_all_and_outlives_what_it_was_made_of),
        MFT(O3_a_copy_that_has_no_room_fails_its_document_only),
        MFT(O3_a_path_leads_through_keys_indices_and_fields),
        MFT(O3_a_path_that_leads_nowhere_says_how_far_it_went),
        MFT(O3_repr_is_pythons),
        MFT(O3_str_is_pythons_for_what_python_prints_otherwise),
        MFT(O3_repr_is_cut_between_characters_and_at_a_depth),
        MFT(O6_the_first_failure_is_remembered_and_nothing_is_dumped),
        MFT(O6_what_is_absent_is_told_where_it_would_be_stored),
        MFT(O6_a_limit_of_memory_holds_and_its_failure_stays),
        MFT(O6_memory_that_is_refused_fails_the_document),
        MFT(O3_a_document_is_used_again_in_the_memory_that_it_has),
        MFT(O3_an_int_that_is_no_float_is_equal_to_none),
    };
    return MFT_MAIN(tests);
}
