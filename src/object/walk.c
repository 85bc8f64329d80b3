/* SPDX-License-Identifier: MIT
 *
 * Looking at values.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>

#include "value.h"

mayfly_kind mayfly_kind_of(mayfly_value value) {
    return mfi_kind(value);
}

const char *mayfly_kind_name(mayfly_kind kind) {
    static const char *const names[] = {"nothing", "None",          "bool",   "int",       "float",
                                        "complex", "str",           "bytes",  "bytearray", "list",
                                        "tuple",   "dict",          "set",    "frozenset", "global",
                                        "object",  "persistent id", "buffer", "extension"};
    return (unsigned)kind < MFI_LENGTH(names) ? names[kind] : "unknown";
}

/* ---- values without parts -------------------------------------------------------------------- */

static int wrong(mayfly_value v, const char *wanted, mayfly_error *error) {
    return mfi_fail(error, -EINVAL, "value", NULL, "it is %s and not %s",
                    mayfly_kind_name(mfi_kind(v)), wanted);
}

int mayfly_bool_get(mayfly_value value, bool *ret, mayfly_error *error) {
    if (mfi_kind(value) != MAYFLY_BOOL)
        return wrong(value, "bool", error);
    *ret = value.bits == MFI_WORD_TRUE;
    return 0;
}

const void *mayfly_int_bytes(mayfly_value value, uint8_t scratch[9], size_t *ret_size) {
    const mayfly_kind kind = mfi_kind(value);
    *ret_size = 0;
    if (kind != MAYFLY_INT && kind != MAYFLY_BOOL)
        return NULL;
    if (mfi_is_node(value))
        return mfi_bytes(mfi_node_of(value), ret_size);
    const int64_t n = kind == MAYFLY_BOOL ? value.bits == MFI_WORD_TRUE : mfi_word_int(value);
    size_t size = 0;
    do
        scratch[size] = (uint8_t)((uint64_t)n >> (8 * size));
    while (++size < 8 && (n >> (8 * size - 1)) != 0 && (n >> (8 * size - 1)) != -1);
    *ret_size = size;
    return scratch;
}

int mayfly_int_get(mayfly_value value, int64_t *ret, mayfly_error *error) {
    if (MFI_LIKELY(mfi_is_int(value))) {
        *ret = mfi_word_int(value);
        return 0;
    }
    uint8_t scratch[9];
    size_t size;
    const uint8_t *bytes = mayfly_int_bytes(value, scratch, &size);
    if (bytes == NULL)
        return wrong(value, "int", error);
    if (size > 8)
        return mfi_fail(error, -ERANGE, "value", NULL, "the int does not fit 64 bits");
    uint64_t n = bytes[size - 1] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = size; i-- > 0;)
        n = n << 8 | bytes[i];
    *ret = (int64_t)n;
    return 0;
}

int mayfly_uint_get(mayfly_value value, uint64_t *ret, mayfly_error *error) {
    uint8_t scratch[9];
    size_t size;
    const uint8_t *bytes = mayfly_int_bytes(value, scratch, &size);
    if (bytes == NULL)
        return wrong(value, "int", error);
    if (bytes[size - 1] >= 0x80 || size > 9 || (size == 9 && bytes[8] != 0))
        return mfi_fail(error, -ERANGE, "value", NULL, "the int does not fit 64 bits unsigned");
    uint64_t n = 0;
    for (size_t i = size < 8 ? size : 8; i-- > 0;)
        n = n << 8 | bytes[i];
    *ret = n;
    return 0;
}

/* A large int to the nearest double, halves to even, as Python's float() does. */
static int big_float(const uint8_t *bytes, size_t size, double *ret) {
    const bool negative = bytes[size - 1] >= 0x80;
    if (size > 129)
        return -ERANGE;
    uint64_t top = 0;
    bool rest = false;
    int taken = 0;
    uint8_t magnitude[130] = {0};
    unsigned carry = negative;
    for (size_t i = 0; i < size; i++) {
        const unsigned b = (negative ? (uint8_t)~bytes[i] : bytes[i]) + carry;
        magnitude[i] = (uint8_t)b;
        carry = b >> 8;
    }
    size_t at = size + 1; /* a carry out of the last: -2^(8n) */
    magnitude[size] = (uint8_t)carry;
    while (at > 0 && magnitude[at - 1] == 0)
        at--;
    for (; at > 0 && taken < 8; taken++)
        top = top << 8 | magnitude[--at];
    for (size_t i = 0; i < at; i++)
        rest |= magnitude[i] != 0;
    if (taken == 8 && top >> 60 == 0 && at > 0) { /* keep the bits that rounding looks at */
        top = top << 4 | magnitude[at - 1] >> 4;
        rest |= (magnitude[at - 1] & 15) != 0;
        *ret = ldexp((double)(top | rest), (int)(8 * at) - 4);
    } else
        *ret = ldexp((double)(top | rest), (int)(8 * at));
    if (negative)
        *ret = -*ret;
    return isinf(*ret) ? -ERANGE : 0;
}

int mayfly_float_get(mayfly_value value, double *ret, mayfly_error *error) {
    if (mfi_is_float(value)) {
        *ret = mfi_word_float(value);
        return 0;
    }
    if (mfi_is(value, MAYFLY_FLOAT)) {
        *ret = ((const struct mfi_float *)mfi_node_of(value))->value;
        return 0;
    }
    int64_t n;
    if (mayfly_int_get(value, &n, NULL) == 0) {
        *ret = (double)n;
        return 0;
    }
    uint8_t scratch[9];
    size_t size;
    const uint8_t *bytes = mayfly_int_bytes(value, scratch, &size);
    if (bytes == NULL)
        return wrong(value, "float", error);
    double d;
    if (big_float(bytes, size, &d) < 0)
        return mfi_fail(error, -ERANGE, "value", NULL, "the int is too large for a float");
    *ret = d;
    return 0;
}

int mayfly_complex_get(mayfly_value value, double *real, double *imag, mayfly_error *error) {
    if (mfi_is(value, MAYFLY_COMPLEX)) {
        const struct mfi_complex *c = mfi_node_of(value);
        *real = c->real;
        *imag = c->imag;
        return 0;
    }
    const int r = mayfly_float_get(value, real, error);
    if (r == 0)
        *imag = 0;
    return r;
}

const char *mayfly_str_get(mayfly_value value, size_t *ret_size) {
    size_t size;
    if (!mfi_is(value, MAYFLY_STR))
        return NULL;
    const char *data = mfi_bytes(mfi_node_of(value), &size);
    if (ret_size != NULL)
        *ret_size = size;
    return data;
}

const void *mayfly_bytes_get(mayfly_value value, size_t *ret_size) {
    const mayfly_kind kind = mfi_kind(value);
    size_t size;
    if (kind == MAYFLY_OBJECT && mayfly_class_of(value) == MAYFLY_CLASS_ARRAY)
        return mayfly_bytes_get(mfi_field(value, "items"), ret_size);
    if (kind != MAYFLY_BYTES && kind != MAYFLY_BYTEARRAY && kind != MAYFLY_BUFFER)
        return NULL;
    const char *data = mfi_bytes(mfi_node_of(value), &size);
    if (ret_size != NULL)
        *ret_size = size;
    return data;
}

/* ---- containers ------------------------------------------------------------------------------ */

size_t mayfly_count(mayfly_value value) {
    value = mfi_underlying(value);
    switch (mfi_kind(value)) {
    case MAYFLY_LIST:
        return (size_t)((const struct mfi_list *)mfi_node_of(value))->count;
    case MAYFLY_TUPLE:
        return ((const struct mfi_tuple *)mfi_node_of(value))->count;
    case MAYFLY_DICT:
    case MAYFLY_SET:
    case MAYFLY_FROZENSET:
        return ((const struct mfi_dict *)mfi_node_of(value))->keys->count;
    default:
        return 0;
    }
}

mayfly_value mayfly_item(mayfly_value value, size_t index) {
    value = mfi_underlying(value);
    const mayfly_kind kind = mfi_kind(value);
    return kind == MAYFLY_DICT || kind == MAYFLY_OBJECT || kind == MAYFLY_GLOBAL ||
                   kind == MAYFLY_PERSISTENT
               ? mfi_word(0)
               : mfi_part(value, index);
}

bool mayfly_pair(mayfly_value value, size_t index, mayfly_value *ret_key, mayfly_value *ret_value) {
    value = mfi_underlying(value);
    if (!mfi_is(value, MAYFLY_DICT))
        return false;
    const struct mfi_dict *dict = mfi_node_of(value);
    if (index >= dict->keys->count)
        return false;
    *ret_key = dict->keys->keys[index];
    *ret_value = dict->values[index];
    return true;
}

static mayfly_value object_part(const struct mfi_object *object, size_t index) {
    const mayfly_value *parts = &object->callable; /* from callable to then */
    for (size_t i = 0; i < 7; i++)
        if (parts[i].bits != 0 && index-- == 0)
            return parts[i];
    return mfi_word(0);
}

mayfly_value mfi_part(mayfly_value v, size_t index) {
    const void *node = mfi_is_node(v) ? mfi_node_of(v) : NULL;
    switch (mfi_kind(v)) {
    case MAYFLY_LIST: {
        const struct mfi_list *list = node;
        return index < list->count ? list->items[index] : mfi_word(0);
    }
    case MAYFLY_TUPLE: {
        const struct mfi_tuple *tuple = node;
        return index < tuple->count ? tuple->items[index] : mfi_word(0);
    }
    case MAYFLY_DICT: {
        const struct mfi_dict *dict = node;
        if (index / 2 >= dict->keys->count)
            return mfi_word(0);
        return index % 2 == 0 ? dict->keys->keys[index / 2] : dict->values[index / 2];
    }
    case MAYFLY_SET:
    case MAYFLY_FROZENSET: {
        const struct mfi_dict *set = node;
        return index < set->keys->count ? set->keys->keys[index] : mfi_word(0);
    }
    case MAYFLY_GLOBAL: {
        const struct mfi_global *global = node;
        return index == 0 ? global->module : index == 1 ? global->name : mfi_word(0);
    }
    case MAYFLY_OBJECT:
        return object_part(node, index);
    case MAYFLY_PERSISTENT:
        return index == 0 ? ((const struct mfi_single *)node)->value : mfi_word(0);
    default:
        return mfi_word(0);
    }
}

/* ---- looking up ------------------------------------------------------------------------------ */

static mayfly_value found(const struct mfi_dict *dict, int64_t at) {
    return at < 0 ? mfi_word(0) : dict->values[at];
}

static mayfly_value by_text(mayfly_value v, const char *key, size_t size) {
    if (!mfi_is(v, MAYFLY_DICT))
        return mfi_word(0);
    const struct mfi_dict *dict = mfi_node_of(v);
    return found(dict, mfi_keys_find_text(dict->keys, key, size));
}

/* Attributes lie in the state: a dict, or a pair of a dict (or None) and a dict of slots. */
static mayfly_value attribute(const struct mfi_object *object, const char *name) {
    const size_t size = strlen(name);
    mayfly_value v = by_text(object->state, name, size);
    for (size_t i = 0; v.bits == 0 && i < 2 && mayfly_count(object->state) == 2; i++)
        v = by_text(mayfly_item(object->state, i), name, size);
    return v;
}

mayfly_value mayfly_get(mayfly_value value, const char *key) {
    if (!mfi_is(value, MAYFLY_OBJECT))
        return by_text(value, key, strlen(key));
    mayfly_value v = by_text(mfi_underlying(value), key, strlen(key));
    if (v.bits == 0)
        v = attribute(mfi_node_of(value), key);
    return v.bits != 0 ? v : mfi_field(value, key);
}

mayfly_value mayfly_dict_get(mayfly_value dict, mayfly_value key) {
    dict = mfi_underlying(dict);
    if (!mfi_is(dict, MAYFLY_DICT) || !mfi_hashable(key))
        return mfi_word(0);
    const struct mfi_dict *node = mfi_node_of(dict);
    return found(node, mfi_keys_find(node->keys, key, NULL));
}

bool mayfly_set_has(mayfly_value set, mayfly_value item) {
    if ((!mfi_is(set, MAYFLY_SET) && !mfi_is(set, MAYFLY_FROZENSET)) || !mfi_hashable(item))
        return false;
    return mfi_keys_find(((const struct mfi_dict *)mfi_node_of(set))->keys, item, NULL) >= 0;
}

/* ---- symbolic values ------------------------------------------------------------------------- */

static const char *global_text(mayfly_value global, size_t part) {
    return mfi_is(global, MAYFLY_GLOBAL) ? mayfly_str_get(mfi_part(global, part), NULL) : NULL;
}

const char *mayfly_global_module(mayfly_value global) {
    return global_text(global, 0);
}

const char *mayfly_global_name(mayfly_value global) {
    return global_text(global, 1);
}

static const struct mfi_object *object_of(mayfly_value v) {
    static const struct mfi_object none;
    return mfi_is(v, MAYFLY_OBJECT) ? mfi_node_of(v) : &none;
}

mayfly_value mayfly_object_callable(mayfly_value object) {
    return object_of(object)->callable;
}

mayfly_value mayfly_object_arguments(mayfly_value object) {
    return object_of(object)->arguments;
}

mayfly_value mayfly_object_keywords(mayfly_value object) {
    return object_of(object)->keywords;
}

mayfly_value mayfly_object_state(mayfly_value object) {
    return mayfly_object_state_at(object, 0);
}

mayfly_value mayfly_object_state_at(mayfly_value object, size_t index) {
    const struct mfi_object *o = object_of(object);
    if (mfi_node_flags(o) & MFI_STATES)
        return mfi_part(o->state, index);
    return index == 0 ? o->state : mfi_word(0);
}

mayfly_value mayfly_object_then(mayfly_value object, size_t index) {
    const mayfly_value calls = object_of(object)->then;
    return calls.bits == 0 ? calls : mfi_part(calls, index);
}

mayfly_value mayfly_object_items(mayfly_value object) {
    return object_of(object)->items;
}

mayfly_value mayfly_object_pairs(mayfly_value object) {
    return object_of(object)->pairs;
}

mayfly_value mayfly_persistent_id(mayfly_value value) {
    return mfi_is(value, MAYFLY_PERSISTENT) ? mfi_part(value, 0) : mfi_word(0);
}

uint32_t mayfly_extension_code(mayfly_value value) {
    if (!mfi_is(value, MAYFLY_EXTENSION))
        return 0;
    return (uint32_t)mfi_word_int(((const struct mfi_single *)mfi_node_of(value))->value);
}
