/* SPDX-License-Identifier: MIT
 *
 * repr() of array.array, whose pickles have bytes and the number of a "machine format".
 *
 * Source: the table in the documentation of CPython's array module and in Modules/arraymodule.c.
 */
#define _GNU_SOURCE
#include "repr.h"

struct format {
    uint8_t size;
    char kind; /* u, s: whole numbers; f: floats; c: characters */
    bool big;
};

/* array's "machine format codes". */
static const struct format formats[] = {
    {1, 'u', 0}, {1, 's', 0}, {2, 'u', 0}, {2, 'u', 1}, {2, 's', 0}, {2, 's', 1},
    {4, 'u', 0}, {4, 'u', 1}, {4, 's', 0}, {4, 's', 1}, {8, 'u', 0}, {8, 'u', 1},
    {8, 's', 0}, {8, 's', 1}, {4, 'f', 0}, {4, 'f', 1}, {8, 'f', 0}, {8, 'f', 1},
    {2, 'c', 0}, {2, 'c', 1}, {4, 'c', 0}, {4, 'c', 1}};

static uint64_t element(const struct format *f, const uint8_t *at) {
    uint64_t x = 0;
    for (unsigned i = 0; i < f->size; i++)
        x |= (uint64_t)at[f->big ? f->size - 1u - i : i] << (8 * i);
    return x;
}

static void print_element(struct mfi_printer *p, const struct format *f, const uint8_t *at) {
    const uint64_t x = element(f, at);
    if (f->kind == 'u') {
        mfi_print_format(p, "%llu", (unsigned long long)x);
    } else if (f->kind == 's') {
        const unsigned shift = 64 - 8u * f->size;
        mfi_print_format(p, "%lld", (long long)((int64_t)(x << shift) >> shift));
    } else if (f->size == 4) {
        const uint32_t bits = (uint32_t)x;
        float value;
        memcpy(&value, &bits, sizeof value);
        mfi_print_float(p, (double)value);
    } else {
        double value;
        memcpy(&value, &x, sizeof value);
        mfi_print_float(p, value);
    }
}

static void print_characters(struct mfi_printer *p, const struct format *f, const uint8_t *bytes,
                             size_t size) {
    mfi_auto_buffer text = {0};
    if (mfi_buffer_reserve(&text, 2 * size) < 0) {
        p->code = -ENOMEM;
        return;
    }
    for (size_t i = 0; i + f->size <= size; i += f->size) {
        uint32_t c = (uint32_t)element(f, bytes + i);
        if (c >> 10 == 0xd800 >> 10 && f->size == 2 && i + 4 <= size) {
            const uint32_t low = (uint32_t)element(f, bytes + i + 2);
            if (low >> 10 == 0xdc00 >> 10) {
                c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
                i += 2;
            }
        }
        text.size += mfi_put_utf8(c <= 0x10ffff ? c : 0xfffd, text.data + text.size);
    }
    mfi_print_text(p, ", ");
    mfi_print_str(p, text.data, text.size);
}

/* The oldest protocols have a list of characters. */
static bool print_joined(struct mfi_printer *p, mayfly_value list) {
    mfi_auto_buffer text = {0};
    for (size_t i = 0; i < mayfly_count(list); i++) {
        size_t size;
        const char *character = mayfly_str_get(mayfly_item(list, i), &size);
        if (character == NULL)
            return false;
        if (mfi_buffer_append(&text, character, size) < 0)
            p->code = -ENOMEM;
    }
    mfi_print_text(p, ", ");
    mfi_print_str(p, text.data, text.size);
    return true;
}

void mfi_print_array(struct mfi_printer *p, mayfly_value v) {
    size_t size = 0;
    int64_t code = -1;
    const mayfly_value items = mfi_field(v, "items");
    const uint8_t *bytes = mayfly_bytes_get(items, &size);
    mfi_print_text(p, "array(");
    mfi_print(p, mfi_field(v, "typecode"));
    (void)mayfly_int_get(mfi_field(v, "mformat_code"), &code, NULL);
    if (bytes == NULL && mayfly_count(items) > 0) {
        if (!print_joined(p, items)) {
            mfi_print_text(p, ", ");
            mfi_print(p, items);
        }
    } else if (size > 0 && (code < 0 || (size_t)code >= MFI_LENGTH(formats))) {
        mfi_print_text(p, ", ");
        mfi_print(p, items);
    } else if (size > 0 && formats[code].kind == 'c') {
        print_characters(p, &formats[code], bytes, size);
    } else if (size > 0) {
        const struct format *f = &formats[code];
        for (size_t i = 0; i + f->size <= size && !mfi_print_full(p); i += f->size) {
            mfi_print_text(p, i == 0 ? ", [" : ", ");
            print_element(p, f, bytes + i);
        }
        mfi_print_text(p, "]");
    }
    mfi_print_text(p, ")");
}
