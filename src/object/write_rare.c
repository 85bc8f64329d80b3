/* SPDX-License-Identifier: MIT
 *
 * Writing what is less frequent and has no parts: names, bytes in all protocols, complex numbers,
 * buffers, extension codes.
 */
#define _GNU_SOURCE
#include "write.h"

static const char *const native_names[] = {"set", "frozenset", "bytearray", "complex"};

/* ---- globals --------------------------------------------------------------------------------- */

static char *put_literal(struct mfi_writer *w, char *q, const char *text) {
    return mfi_put_text(&w->e, q, text, strlen(text));
}

/* A global of the older protocols: attributes of attributes need getattr there. */
char *mfi_write_global_line(struct mfi_writer *w, char *q, const char *module, const char *name) {
    const char *dot = strchr(name, '.');
    const char *get_module = w->e.protocol < 3 ? "__builtin__" : "builtins";
    for (const char *at = dot; at != NULL; at = strchr(at + 1, '.'))
        CHECKED(mfi_pickle_room(&w->e, mfi_pickle_global_line(&w->e, q, get_module, "getattr")));
    char first[256];
    const size_t size = dot == NULL ? strlen(name) : (size_t)(dot - name);
    if (size >= sizeof first)
        return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "\"%.80s...\": the name is too long", name);
    memcpy(first, name, size);
    first[size] = '\0';
    const char *m = module, *n = first;
    if (w->e.protocol < 3)
        (void)mfi_name_to_2(&m, &n);
    CHECKED(mfi_pickle_global_line(&w->e, q, m, n));
    while (dot != NULL) {
        const char *part = dot + 1;
        dot = strchr(part, '.');
        CHECKED(mfi_pickle_room(&w->e, q));
        CHECKED(mfi_put_text(&w->e, q, part, dot == NULL ? strlen(part) : (size_t)(dot - part)));
        q = mfi_put(mfi_put(q, MFI_OP_TUPLE2), MFI_OP_REDUCE);
    }
    return q;
}

/* A text that is the same object as an equal one among the data, if it was when it was read. */
static char *put_shared(struct mfi_writer *w, char *q, unsigned index, const char *text) {
    void *node = w->doc == NULL ? NULL : mfi_node_of(w->doc->texts[index]);
    if (node != NULL && mfi_is_written(w, node))
        return mfi_write_get(w, q, node);
    if (w->texts[index] != 0)
        return mfi_put_get(q, w->texts[index] - 1);
    CHECKED(put_literal(w, q, text));
    if (node != NULL)
        return mfi_write_store(w, q, node);
    q = mfi_put_store(&w->e, q);
    w->texts[index] = w->e.memo_count;
    return q;
}

char *mfi_write_native(struct mfi_writer *w, char *q, enum mfi_native native) {
    CHECKED(mfi_pickle_room(&w->e, q));
    if (w->native[native] != 0)
        return mfi_put_get(q, w->native[native] - 1);
    if (w->e.protocol < 4) {
        CHECKED(mfi_write_global_line(w, q, "builtins", native_names[native]));
    } else {
        CHECKED(put_shared(w, q, MFI_TEXT_BUILTINS, "builtins"));
        CHECKED(mfi_pickle_room(&w->e, q));
        CHECKED(put_shared(w, q,
                           native == MFI_NATIVE_BYTEARRAY ? MFI_TEXT_BYTEARRAY : MFI_TEXT_COMPLEX,
                           native_names[native]));
        q = mfi_put(q, MFI_OP_STACK_GLOBAL);
    }
    q = mfi_put_store(&w->e, q);
    w->native[native] = w->e.memo_count;
    return q;
}

/* ---- values without parts -------------------------------------------------------------------- */

/* Bytes as the text that they are in Latin-1, for protocol 2. */
static char *put_latin1(struct mfi_writer *w, char *q, const char *data, size_t size) {
    mfi_auto_buffer text = {0};
    if (mfi_buffer_reserve(&text, 2 * size) < 0)
        return mfi_pickle_fail(&w->e, -ENOMEM, "no memory for %zu bytes", 2 * size);
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)data[i];
        if (byte >= 0x80)
            text.data[text.size++] = (char)(0xc0 | byte >> 6);
        text.data[text.size++] = byte < 0x80 ? data[i] : (char)(0x80 | (byte & 0x3f));
    }
    return mfi_put_text(&w->e, q, text.data, text.size);
}

static char *put_plain_bytes(struct mfi_writer *w, char *q, const char *data, size_t size) {
    if (w->e.protocol >= 3)
        return mfi_put_bytes(&w->e, q, data, size);
    if (size == 0) {
        CHECKED(mfi_pickle_global_line(&w->e, q, "__builtin__", "bytes"));
        return mfi_put(mfi_put(q, MFI_OP_EMPTY_TUPLE), MFI_OP_REDUCE);
    }
    CHECKED(mfi_pickle_global_line(&w->e, q, "_codecs", "encode"));
    CHECKED(put_latin1(w, q, data, size));
    CHECKED(mfi_pickle_room(&w->e, q));
    CHECKED(put_literal(w, q, "latin1"));
    return mfi_put(mfi_put(q, MFI_OP_TUPLE2), MFI_OP_REDUCE);
}

static char *put_block(struct mfi_writer *w, char *q, void *node) {
    size_t size;
    const char *data = mfi_bytes(node, &size);
    CHECKED(put_plain_bytes(w, q, data, size));
    return mfi_write_store(w, q, node);
}

static char *put_bytearray(struct mfi_writer *w, char *q, void *node) {
    size_t size;
    const char *data = mfi_bytes(node, &size);
    if (w->e.protocol >= 5) {
        char header[9];
        (void)mfi_put_number(header, MFI_OP_BYTEARRAY8, size, 8);
        CHECKED(mfi_pickle_payload(&w->e, q, header, sizeof header, data, size));
        return mfi_write_store(w, q, node);
    }
    CHECKED(mfi_write_native(w, q, MFI_NATIVE_BYTEARRAY));
    if (size == 0) {
        q = mfi_put(q, MFI_OP_EMPTY_TUPLE);
    } else {
        CHECKED(mfi_pickle_room(&w->e, q));
        CHECKED(put_plain_bytes(w, q, data, size));
        q = mfi_put_store(&w->e, q);
        q = mfi_put_store(&w->e, mfi_put(q, MFI_OP_TUPLE1));
    }
    return mfi_write_store(w, mfi_put(q, MFI_OP_REDUCE), node);
}

static char *put_complex(struct mfi_writer *w, char *q, struct mfi_complex *c) {
    CHECKED(mfi_write_native(w, q, MFI_NATIVE_COMPLEX));
    CHECKED(mfi_pickle_room(&w->e, q));
    CHECKED(mfi_pickle_room(&w->e, mfi_put_float(q, c->real)));
    q = mfi_put_float(q, c->imag);
    q = mfi_put_store(&w->e, mfi_put(q, MFI_OP_TUPLE2));
    return mfi_write_store(w, mfi_put(q, MFI_OP_REDUCE), c);
}

static char *put_buffer(struct mfi_writer *w, char *q, void *node) {
    size_t size;
    const char *data = mfi_bytes(node, &size);
    const bool readonly = (mfi_node_flags(node) & MFI_READONLY) != 0;
    const bool outside = (mfi_node_flags(node) & MFI_OUTSIDE) != 0;
    int taken = outside;
    if (w->e.protocol >= 5 && !outside && w->options->take_buffer != NULL)
        taken = w->options->take_buffer(w->options->context, data, size, readonly);
    if (taken < 0)
        return mfi_pickle_fail(&w->e, taken, "handing over a buffer: %s", strerror(-taken));
    if (taken && w->e.protocol < 5)
        return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "an out-of-band buffer needs protocol 5");
    if (!taken)
        return readonly ? put_block(w, q, node) : put_bytearray(w, q, node);
    q = mfi_put(q, MFI_OP_NEXT_BUFFER);
    return readonly ? mfi_put(q, MFI_OP_READONLY_BUFFER) : q;
}

static char *put_extension(struct mfi_writer *w, char *q, const struct mfi_single *node) {
    const uint64_t code = (uint64_t)mfi_word_int(node->value);
    if (code == 0 || code > INT32_MAX)
        return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "extension codes are 1 to 2147483647");
    return code <= 0xff     ? mfi_put_number(q, MFI_OP_EXT1, code, 1)
           : code <= 0xffff ? mfi_put_number(q, MFI_OP_EXT2, code, 2)
                            : mfi_put_number(q, MFI_OP_EXT4, code, 4);
}

char *mfi_write_rare(struct mfi_writer *w, char *q, void *node) {
    switch (mfi_node_kind(node)) {
    case MAYFLY_INT: {
        size_t size;
        const char *bytes = mfi_bytes(node, &size);
        return mfi_pickle_long(&w->e, q, (const uint8_t *)bytes, size);
    }
    case MAYFLY_FLOAT:
        return mfi_put_float(q, ((struct mfi_float *)node)->value);
    case MAYFLY_COMPLEX:
        return put_complex(w, q, node);
    case MAYFLY_BYTES:
        return put_block(w, q, node);
    case MAYFLY_BYTEARRAY:
        return put_bytearray(w, q, node);
    case MAYFLY_BUFFER:
        return put_buffer(w, q, node);
    default:
        return put_extension(w, q, node);
    }
}
