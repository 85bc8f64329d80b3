/* SPDX-License-Identifier: MIT
 *
 * Every kind of value: built, changed, looked at, copied. What dill-temp.md has in its nested and
 * complex data, for C.
 */
#include "example.h"

static mayfly_value numbers(mayfly_doc *doc) {
    const mayfly_value list = mayfly_list_new(doc);
    try(mayfly_list_append(doc, list, mayfly_none_new(doc)));
    try(mayfly_list_append(doc, list, mayfly_bool_new(doc, true)));
    try(mayfly_list_append(doc, list, mayfly_uint_new(doc, UINT64_MAX)));
    try(mayfly_list_append(doc, list, mayfly_int_from_text(doc, "0x1_0000", MAYFLY_ALL)));
    try(mayfly_list_append(doc, list, mayfly_int_from_bytes(doc, "\x00\x01", 2)));
    try(mayfly_list_append(doc, list, mayfly_complex_new(doc, 1, -2)));
    try(mayfly_list_insert(doc, list, 0, mayfly_float_new(doc, 0.5)));
    try(mayfly_list_set(doc, list, 1, mayfly_bytes_new(doc, "\0\1\2", 3)));
    try(mayfly_list_append(doc, list, mayfly_bytearray_new(doc, "changing", 8)));
    try(mayfly_list_remove(doc, list, mayfly_count(list) - 1));
    return list;
}

static void look_at_numbers(mayfly_value list) {
    bool flag;
    uint64_t large;
    double half, real, imag;
    size_t size;
    uint8_t scratch[9];
    char *digits = NULL;
    try(mayfly_float_get(mayfly_item(list, 0), &half, &error));
    expect(half == 0.5, "0.5 in front");
    expect(mayfly_bytes_get(mayfly_item(list, 1), &size) != NULL && size == 3, "three bytes");
    try(mayfly_bool_get(mayfly_item(list, 2), &flag, &error));
    try(mayfly_uint_get(mayfly_item(list, 3), &large, &error));
    expect(flag && large == UINT64_MAX, "true, and the largest number of 64 bits");
    try(mayfly_int_text(mayfly_item(list, 4), &digits, &error));
    expect(strcmp(digits, "65536") == 0, "0x1_0000 is 65536");
    mayfly_free(digits); /* free() would do as well in C */
    const uint8_t *bytes = mayfly_int_bytes(mayfly_item(list, 5), scratch, &size);
    expect(size == 2 && bytes[1] == 1, "256 in two bytes, the lower one first");
    try(mayfly_complex_get(mayfly_item(list, 6), &real, &imag, &error));
    expect(real == 1 && imag == -2, "1-2j");
    expect(mayfly_bool_get(mayfly_item(list, 0), &flag, &error) == -EINVAL, "a float is no bool");
    printf("%s\n", error.message);
}

static mayfly_value containers(mayfly_doc *doc) {
    const mayfly_value pair[] = {mayfly_int_new(doc, 1), mayfly_str_new(doc, "one", MAYFLY_ALL)};
    const mayfly_value tuple = mayfly_tuple_new(doc, pair, 2);
    const mayfly_value set = mayfly_set_new(doc), dict = mayfly_dict_new(doc);
    try(mayfly_set_add(doc, set, pair[0]));
    try(mayfly_set_add(doc, set, mayfly_frozenset_new(doc, pair, 2)));
    try(mayfly_set_remove(doc, set, pair[0]));
    expect(!mayfly_set_has(set, pair[0]), "taken out");
    try(mayfly_dict_set(doc, dict, tuple, set)); /* what is hashable is a key, as in Python */
    expect(mayfly_same(mayfly_dict_get(dict, tuple), set), "the set itself and no copy");
    try(mayfly_dict_put(doc, dict, "gone", tuple));
    try(mayfly_dict_remove(doc, dict, mayfly_str_new(doc, "gone", MAYFLY_ALL)));
    return dict;
}

int main(void) {
    mayfly_doc *doc = NULL, *other = NULL;
    char *text = NULL;
    try(mayfly_doc_new(NULL, &doc, &error));
    try(mayfly_doc_new(NULL, &other, &error));
    look_at_numbers(numbers(doc));
    const mayfly_value dict = containers(doc);
    const mayfly_value copy = mayfly_copy(other, dict);
    expect(!mayfly_same(dict, copy) && mayfly_equal(dict, copy, &error) == 1,
           "equal, not the same");
    try(mayfly_text(copy, &text, &error));
    printf("a %s in %llu bytes: %s\n", mayfly_kind_name(mayfly_kind_of(copy)),
           (unsigned long long)mayfly_doc_bytes(other), text);
    free(text);
    mayfly_doc_reset(other); /* its values are gone, its memory is there for the next */
    mayfly_doc_free(&other);
    mayfly_doc_free(&doc);
    return 0;
}
