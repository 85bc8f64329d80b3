/* SPDX-License-Identifier: MIT
 *
 * Plain data that the older protocols can only say as calls: sets, bytes, bytearrays and complex
 * numbers are read as what they are, and so are instances made with keyword arguments.
 */
#define _GNU_SOURCE
#include "read.h"

enum {
    NATIVE_SET = 1,
    NATIVE_FROZENSET,
    NATIVE_BYTES,
    NATIVE_BYTEARRAY,
    NATIVE_COMPLEX,
    NATIVE_ENCODE
};

unsigned mfi_native_of(const char *module, const char *name) {
    static const char *const names[] = {"set", "frozenset", "bytes", "bytearray", "complex"};
    if (strcmp(module, "_codecs") == 0)
        return strcmp(name, "encode") == 0 ? NATIVE_ENCODE : 0;
    if (strcmp(module, "builtins") != 0)
        return 0;
    for (unsigned i = 0; i < MFI_LENGTH(names); i++)
        if (strcmp(name, names[i]) == 0)
            return i + 1;
    return 0;
}

static mayfly_value make_set(mayfly_doc *doc, mayfly_kind kind, mayfly_value arguments) {
    const mayfly_value from = mayfly_item(arguments, 0);
    const mayfly_kind of = mfi_kind(from);
    const size_t given = mayfly_count(arguments);
    if (given > 1 || (given == 1 && of != MAYFLY_LIST && of != MAYFLY_TUPLE && of != MAYFLY_SET &&
                      of != MAYFLY_FROZENSET))
        return mfi_word(0);
    const mayfly_value set = mfi_dict_new(doc, kind);
    int r = set.bits == 0 ? -1 : 0;
    for (size_t i = 0; i < mayfly_count(from) && r == 0; i++) {
        const mayfly_value item = mayfly_item(from, i);
        r = mfi_set_add(doc, mfi_node_of(set), &item, 1);
    }
    return r < 0 ? mfi_word(0) : set;
}

/* The bytes that a text has in Latin-1. */
static mayfly_value encode(mayfly_doc *doc, mayfly_kind kind, mayfly_value arguments) {
    size_t size = 0, n = 0;
    const char *text = mayfly_str_get(mayfly_item(arguments, 0), &size);
    const char *encoding = mayfly_str_get(mayfly_item(arguments, 1), NULL);
    if (text == NULL || encoding == NULL ||
        (strcmp(encoding, "latin1") != 0 && strcmp(encoding, "latin-1") != 0))
        return mfi_word(0);
    const mayfly_value made = mfi_text_new(doc, kind, text, size); /* never longer than in UTF-8 */
    if (made.bits == 0 || (mfi_node_flags(mfi_node_of(made)) & MFI_FAR))
        return mfi_word(0);
    struct mfi_text *node = mfi_node_of(made);
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c > 0xc3) /* beyond Latin-1 */
            return mfi_word(0);
        node->data[n++] =
            c < 0x80 ? (char)c : (char)((c & 3) << 6 | ((unsigned char)text[++i] & 0x3f));
    }
    node->data[n] = '\0';
    node->size = (uint32_t)n;
    return made;
}

static mayfly_value make_bytearray(mayfly_doc *doc, mayfly_value arguments) {
    size_t size = 0;
    const size_t given = mayfly_count(arguments);
    const void *data = given == 1 ? mayfly_bytes_get(mayfly_item(arguments, 0), &size) : "";
    if (given == 2)
        return encode(doc, MAYFLY_BYTEARRAY, arguments);
    return data == NULL || given > 2 ? mfi_word(0)
                                     : mfi_text_new(doc, MAYFLY_BYTEARRAY, data, size);
}

static mayfly_value make_complex(mayfly_doc *doc, mayfly_value arguments) {
    double real, imag;
    if (mayfly_count(arguments) != 2 ||
        mayfly_float_get(mayfly_item(arguments, 0), &real, NULL) < 0 ||
        mayfly_float_get(mayfly_item(arguments, 1), &imag, NULL) < 0)
        return mfi_word(0);
    return mayfly_complex_new(doc, real, imag);
}

mayfly_value mfi_native_call(mayfly_doc *doc, unsigned native, mayfly_value arguments) {
    switch (native) {
    case NATIVE_SET:
        return make_set(doc, MAYFLY_SET, arguments);
    case NATIVE_FROZENSET:
        return make_set(doc, MAYFLY_FROZENSET, arguments);
    case NATIVE_BYTES:
        return mayfly_count(arguments) == 0 ? mfi_text_new(doc, MAYFLY_BYTES, "", 0) : mfi_word(0);
    case NATIVE_BYTEARRAY:
        return make_bytearray(doc, arguments);
    case NATIVE_COMPLEX:
        return make_complex(doc, arguments);
    case NATIVE_ENCODE:
        return encode(doc, MAYFLY_BYTES, arguments);
    default:
        return mfi_word(0);
    }
}

void mfi_native_texts(mayfly_doc *doc, unsigned native, mayfly_value module, mayfly_value name) {
    if (native != NATIVE_BYTEARRAY && native != NATIVE_COMPLEX)
        return;
    doc->texts[MFI_TEXT_BUILTINS] = module;
    doc->texts[native == NATIVE_BYTEARRAY ? MFI_TEXT_BYTEARRAY : MFI_TEXT_COMPLEX] = name;
}

mayfly_value mfi_partial_call(mayfly_doc *doc, mayfly_value partial, mayfly_value arguments) {
    const mayfly_value none = mfi_word(0), state = mayfly_object_state(partial);
    if (!mfi_is(partial, MAYFLY_OBJECT) || !mfi_is(state, MAYFLY_TUPLE) ||
        mayfly_count(state) != 4 || !mfi_is(arguments, MAYFLY_TUPLE) ||
        mayfly_count(arguments) != 0 ||
        !mfi_global_is(mayfly_object_callable(partial), "functools", "partial"))
        return none;
    const mayfly_value maker = mayfly_item(state, 0), given = mayfly_item(state, 1);
    const mayfly_value keywords = mayfly_item(state, 2), cls = mayfly_item(given, 0);
    const char *name = mayfly_str_get(mfi_field(maker, "name"), NULL);
    if (mayfly_class_of(maker) != MAYFLY_CLASS_ATTRIBUTE || name == NULL ||
        strcmp(name, "__new__") != 0 || !mfi_is(cls, MAYFLY_GLOBAL) ||
        !mayfly_same(mfi_field(maker, "object"), cls) || !mfi_is(given, MAYFLY_TUPLE) ||
        !mfi_is(keywords, MAYFLY_DICT))
        return none;
    const struct mfi_tuple *all = mfi_node_of(given);
    const mayfly_value rest = mfi_tuple_new(doc, all->items + 1, all->count - 1);
    return rest.bits == 0 ? none : mfi_object_make(doc, MFI_NEWOBJ_EX, cls, rest, keywords);
}
