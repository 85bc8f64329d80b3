/* SPDX-License-Identifier: MIT
 *
 * Making values.
 */
#define _GNU_SOURCE
#include "value.h"

static const mayfly_value absent = {0};

mayfly_value mayfly_none_new(mayfly_doc *doc) {
    (void)doc;
    return mfi_word(MFI_WORD_NONE);
}

mayfly_value mayfly_bool_new(mayfly_doc *doc, bool value) {
    (void)doc;
    return mfi_word(value ? MFI_WORD_TRUE : MFI_WORD_FALSE);
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* The shortest two's complement of a number: no byte at its end that only repeats the sign. */
static size_t trim(const uint8_t *bytes, size_t size) {
    while (size > 1 && ((bytes[size - 1] == 0 && bytes[size - 2] < 0x80) ||
                        (bytes[size - 1] == 0xff && bytes[size - 2] >= 0x80)))
        size--;
    return size;
}

mayfly_value mfi_big_new(mayfly_doc *doc, const uint8_t *bytes, size_t size) {
    size = trim(bytes, size);
    if (size <= 8) {
        uint64_t n = size > 0 && bytes[size - 1] >= 0x80 ? UINT64_MAX : 0;
        for (size_t i = size; i-- > 0;)
            n = n << 8 | bytes[i];
        if (mfi_fits_word((int64_t)n))
            return mfi_int_word((int64_t)n);
    }
    return mfi_text_new(doc, MAYFLY_INT, (const char *)bytes, size);
}

static mayfly_value wide_int(mayfly_doc *doc, uint64_t low, uint8_t high) {
    uint8_t bytes[9];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(low >> (8 * i));
    bytes[8] = high;
    return mfi_big_new(doc, bytes, sizeof bytes);
}

mayfly_value mayfly_int_new(mayfly_doc *doc, int64_t value) {
    return mfi_fits_word(value) ? mfi_int_word(value)
                                : wide_int(doc, (uint64_t)value, value < 0 ? 0xff : 0);
}

mayfly_value mayfly_uint_new(mayfly_doc *doc, uint64_t value) {
    return value <= INT64_MAX / 2 ? mfi_int_word((int64_t)value) : wide_int(doc, value, 0);
}

mayfly_value mayfly_int_from_bytes(mayfly_doc *doc, const void *bytes, size_t size) {
    return mfi_big_new(doc, bytes, size);
}

mayfly_value mayfly_int_from_text(mayfly_doc *doc, const char *text, size_t size) {
    mayfly_value v = absent;
    size = size == MAYFLY_ALL ? strlen(text) : size;
    const int r = mfi_int_parse(doc, text, size, &v);
    if (r < 0)
        (void)mfi_doc_fail(doc, r, "int: \"%s\" is no whole number", mfi_quote(text, size).text);
    return v;
}

mayfly_value mfi_float_node(mayfly_doc *doc, double value) {
    struct mfi_float *node = mfi_doc_alloc(doc, sizeof *node);
    if (node == NULL)
        return absent;
    *node = (struct mfi_float){mfi_head(MAYFLY_FLOAT, 0), value};
    return mfi_node_value(node);
}

mayfly_value mayfly_float_new(mayfly_doc *doc, double value) {
    return mfi_float_new(doc, value);
}

mayfly_value mayfly_complex_new(mayfly_doc *doc, double real, double imag) {
    struct mfi_complex *node = mfi_doc_alloc(doc, sizeof *node);
    if (node == NULL)
        return absent;
    *node = (struct mfi_complex){mfi_head(MAYFLY_COMPLEX, 0), real, imag};
    return mfi_node_value(node);
}

/* ---- text and bytes -------------------------------------------------------------------------- */

mayfly_value mfi_far_new(mayfly_doc *doc, mayfly_kind kind, const char *data, size_t size,
                         bool borrow) {
    struct mfi_far *node = mfi_doc_alloc(doc, sizeof *node);
    char *copy = NULL;
    if (node == NULL)
        return absent;
    if (!borrow) {
        copy = mfi_doc_alloc(doc, size + 1);
        if (copy == NULL)
            return absent;
        memcpy(copy, data, size);
        copy[size] = '\0';
        data = copy;
    }
    *node = (struct mfi_far){mfi_head(kind, MFI_FAR), size, data};
    return mfi_node_value(node);
}

mayfly_value mfi_text_new(mayfly_doc *doc, mayfly_kind kind, const char *data, size_t size) {
    if (size >= 1u << 31)
        return mfi_far_new(doc, kind, data, size, false);
    struct mfi_text *node = mfi_doc_alloc(doc, sizeof *node + size + 1);
    if (node == NULL)
        return absent;
    node->head = mfi_head(kind, 0);
    node->size = (uint32_t)size;
    node->hash = 0;
    if (size > 0)
        memcpy(node->data, data, size);
    node->data[size] = '\0';
    return mfi_node_value(node);
}

mayfly_value mayfly_str_new(mayfly_doc *doc, const char *text, size_t size) {
    if (size == MAYFLY_ALL)
        size = strlen(text);
    const size_t good = mfi_utf8_run(text, size, MFI_SURROGATES);
    if (good == size)
        return mfi_text_new(doc, MAYFLY_STR, text, size);
    (void)mfi_doc_fail(doc, -EILSEQ, "str: byte %zu is not UTF-8", good);
    return absent;
}

mayfly_value mayfly_bytes_new(mayfly_doc *doc, const void *data, size_t size) {
    return mfi_text_new(doc, MAYFLY_BYTES, data, size == MAYFLY_ALL ? strlen(data) : size);
}

mayfly_value mayfly_bytearray_new(mayfly_doc *doc, const void *data, size_t size) {
    return mfi_text_new(doc, MAYFLY_BYTEARRAY, data, size == MAYFLY_ALL ? strlen(data) : size);
}

mayfly_value mayfly_buffer_new(mayfly_doc *doc, const void *data, size_t size, bool readonly) {
    const mayfly_value v = mfi_text_new(doc, MAYFLY_BUFFER, data, size);
    if (v.bits != 0 && readonly)
        mfi_node_flag(mfi_node_of(v), MFI_READONLY);
    return v;
}

/* ---- tuples and what is symbolic ------------------------------------------------------------- */

mayfly_value mfi_tuple_new(mayfly_doc *doc, const mayfly_value *items, size_t count) {
    if (count == 0 && doc->empty.bits != 0)
        return doc->empty;
    if (count > UINT32_MAX) {
        (void)mfi_doc_fail(doc, MAYFLY_E_LIMIT, "tuple: more than 4294967295 items");
        return absent;
    }
    struct mfi_tuple *node = mfi_doc_alloc(doc, sizeof *node + count * sizeof *items);
    if (node == NULL)
        return absent;
    node->head = mfi_head(MAYFLY_TUPLE, 0);
    node->count = (uint32_t)count;
    node->hash = 0;
    if (count > 0)
        memcpy(node->items, items, count * sizeof *items);
    else
        doc->empty = mfi_node_value(node);
    return mfi_node_value(node);
}

static bool any_absent(mayfly_doc *doc, const char *what, const mayfly_value *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (items[i].bits == 0) {
            (void)mfi_doc_fail(doc, -EINVAL, "%s: item %zu is absent", what, i);
            return true;
        }
    return false;
}

mayfly_value mayfly_tuple_new(mayfly_doc *doc, const mayfly_value *items, size_t count) {
    return any_absent(doc, "tuple", items, count) ? absent : mfi_tuple_new(doc, items, count);
}

mayfly_value mayfly_frozenset_new(mayfly_doc *doc, const mayfly_value *items, size_t count) {
    if (any_absent(doc, "frozenset", items, count))
        return absent;
    const mayfly_value v = mfi_dict_new(doc, MAYFLY_FROZENSET);
    return v.bits != 0 && mfi_set_add(doc, mfi_node_of(v), items, count) < 0 ? absent : v;
}

mayfly_value mfi_global_of(mayfly_doc *doc, mayfly_value module, mayfly_value name) {
    struct mfi_global *node = mfi_doc_alloc(doc, sizeof *node);
    if (node == NULL)
        return absent;
    *node = (struct mfi_global){mfi_head(MAYFLY_GLOBAL, 0), module, name};
    return mfi_node_value(node);
}

mayfly_value mayfly_global_new(mayfly_doc *doc, const char *module, const char *name) {
    const mayfly_value m = mayfly_str_new(doc, module, MAYFLY_ALL);
    const mayfly_value n = mayfly_str_new(doc, name, MAYFLY_ALL);
    return m.bits == 0 || n.bits == 0 ? absent : mfi_global_of(doc, m, n);
}

mayfly_value mfi_object_make(mayfly_doc *doc, enum mfi_form form, mayfly_value callable,
                             mayfly_value arguments, mayfly_value keywords) {
    struct mfi_object *node = mfi_doc_alloc(doc, sizeof *node);
    if (node == NULL)
        return absent;
    *node = (struct mfi_object){.head = mfi_head(MAYFLY_OBJECT, 0),
                                .callable = callable,
                                .arguments = arguments,
                                .keywords = keywords,
                                .form = form};
    return mfi_node_value(node);
}

mayfly_value mayfly_object_new(mayfly_doc *doc, mayfly_value callable, mayfly_value arguments) {
    if (callable.bits == 0)
        return mfi_doc_wrong(doc, "object", callable, "a callable");
    if (!mfi_is(arguments, MAYFLY_TUPLE))
        return mfi_doc_wrong(doc, "object", arguments, "a tuple of arguments");
    return mfi_object_make(doc, MFI_REDUCE, callable, arguments, absent);
}

mayfly_value mayfly_instance_new(mayfly_doc *doc, mayfly_value cls, mayfly_value state) {
    if (!mfi_is(cls, MAYFLY_GLOBAL) && !mfi_is(cls, MAYFLY_OBJECT))
        return mfi_doc_wrong(doc, "instance", cls, "a class");
    const mayfly_value arguments = mfi_tuple_new(doc, NULL, 0);
    if (arguments.bits == 0)
        return absent;
    const mayfly_value v = mfi_object_make(doc, MFI_NEWOBJ, cls, arguments, absent);
    if (v.bits != 0)
        ((struct mfi_object *)mfi_node_of(v))->state = state;
    return v;
}

int mayfly_object_set_state(mayfly_doc *doc, mayfly_value object, mayfly_value state) {
    if (!mfi_is(object, MAYFLY_OBJECT)) {
        (void)mfi_doc_wrong(doc, "state", object, "an object");
        return doc->failure.code;
    }
    struct mfi_object *node = mfi_node_of(object);
    node->state = state;
    node->head &= ~((uint64_t)MFI_STATES << 8);
    return 0;
}

mayfly_value mfi_single_new(mayfly_doc *doc, mayfly_kind kind, mayfly_value value) {
    struct mfi_single *node = mfi_doc_alloc(doc, sizeof *node);
    if (node == NULL)
        return absent;
    *node = (struct mfi_single){mfi_head(kind, 0), value};
    return mfi_node_value(node);
}

mayfly_value mayfly_persistent_new(mayfly_doc *doc, mayfly_value id) {
    return id.bits == 0 ? mfi_doc_wrong(doc, "persistent", id, "an id")
                        : mfi_single_new(doc, MAYFLY_PERSISTENT, id);
}

mayfly_value mayfly_extension_new(mayfly_doc *doc, uint32_t code) {
    return mfi_single_new(doc, MAYFLY_EXTENSION, mfi_int_word(code));
}
