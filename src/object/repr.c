/* SPDX-License-Identifier: MIT
 *
 * repr(): plain data.
 *
 * This one does recurse, as deep as max_depth says; what contains itself is told by the chain of
 * containers that are under way.
 */
#define _GNU_SOURCE
#include "repr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_DEPTH = 200, DEEPEST = 1000 };

bool mfi_print_full(const struct mfi_printer *p) {
    return p->code != 0 || (p->max_bytes != 0 && p->out.size > p->max_bytes);
}

static void put(struct mfi_printer *p, const char *text, size_t size) {
    if (mfi_print_full(p))
        return;
    if (p->max_bytes != 0 && size > p->max_bytes + 1 - p->out.size)
        size = p->max_bytes + 1 - p->out.size; /* one more than allowed: it is cut later */
    p->code = mfi_buffer_append(&p->out, text, size);
}

void mfi_print_text(struct mfi_printer *p, const char *text) {
    put(p, text, strlen(text));
}

void mfi_print_format(struct mfi_printer *p, const char *format, ...) {
    va_list arguments;
    char text[256];
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put(p, text, strlen(text));
}

/* ---- str and bytes --------------------------------------------------------------------------- */

static char quote_for(const char *text, size_t size) {
    return memchr(text, '\'', size) != NULL && memchr(text, '"', size) == NULL ? '"' : '\'';
}

/* What Python writes for a character that is not written as it is; false: it is. */
static bool escape(struct mfi_printer *p, uint32_t c, char quote) {
    static const char names[] = "\tt\nn\rr\\\\";
    for (size_t i = 0; i < sizeof names - 1; i += 2)
        if (c == (unsigned char)names[i]) {
            const char two[] = {'\\', names[i + 1]};
            put(p, two, 2);
            return true;
        }
    if (c == (unsigned char)quote) {
        const char two[] = {'\\', quote};
        put(p, two, 2);
    } else if (mfi_is_printable(c))
        return false;
    else if (c <= 0xff)
        mfi_print_format(p, "\\x%02x", (unsigned)c);
    else if (c <= 0xffff)
        mfi_print_format(p, "\\u%04x", (unsigned)c);
    else
        mfi_print_format(p, "\\U%08x", (unsigned)c);
    return true;
}

/* A character of valid UTF-8, and its length. */
static uint32_t character(const char *text, size_t *ret_size) {
    const unsigned char *at = (const unsigned char *)text;
    const size_t size = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t c = size == 1 ? at[0] : at[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++)
        c = c << 6 | (at[i] & 0x3f);
    *ret_size = size;
    return c;
}

static void print_escaped(struct mfi_printer *p, const char *text, size_t size, char quote) {
    size_t n, from = 0;
    for (size_t i = 0; i < size && !mfi_print_full(p); i += n) {
        const uint32_t c = character(text + i, &n);
        if (c >= 0x20 && c < 0x7f && c != '\\' && c != (unsigned char)quote)
            continue;
        put(p, text + from, i - from);
        from = escape(p, c, quote) ? i + n : i;
    }
    put(p, text + from, size - from);
}

void mfi_print_str(struct mfi_printer *p, const char *text, size_t size) {
    const char quote = quote_for(text, size);
    put(p, &quote, 1);
    print_escaped(p, text, size, quote);
    put(p, &quote, 1);
}

void mfi_print_name(struct mfi_printer *p, const char *name) {
    print_escaped(p, name, strlen(name), '\\');
}

/* In a bytearray, Python escapes ' whatever the quotes are. */
static void print_bytes(struct mfi_printer *p, const char *data, size_t size, bool always) {
    const char quote = quote_for(data, size);
    const char open[] = {'b', quote};
    put(p, open, 2);
    for (size_t i = 0; i < size && !mfi_print_full(p); i++) {
        const unsigned char c = (unsigned char)data[i];
        if (c >= 0x80)
            mfi_print_format(p, "\\x%02x", c);
        else if (!escape(p, c, always ? '\'' : quote))
            put(p, data + i, 1);
    }
    put(p, &quote, 1);
}

/* ---- numbers --------------------------------------------------------------------------------- */

void mfi_print_float(struct mfi_printer *p, double value) {
    char text[MFI_FLOAT_TEXT];
    mfi_float_text(value, text);
    mfi_print_text(p, text);
}

static void print_int(struct mfi_printer *p, mayfly_value v) {
    char *text = NULL;
    if (mfi_is_int(v)) {
        mfi_print_format(p, "%lld", (long long)mfi_word_int(v));
        return;
    }
    const int r = mayfly_int_text(v, &text, NULL);
    if (r < 0)
        p->code = r;
    else
        mfi_print_text(p, text);
    free(text);
}

/* As a part of a complex: no ".0". */
static void print_part(struct mfi_printer *p, double value, bool sign) {
    char text[MFI_FLOAT_TEXT];
    mfi_float_text(value, text);
    const size_t size = strlen(text);
    if (size > 2 && strcmp(text + size - 2, ".0") == 0)
        text[size - 2] = '\0';
    if (sign && text[0] != '-')
        mfi_print_text(p, "+");
    mfi_print_text(p, text);
}

static void print_complex(struct mfi_printer *p, const struct mfi_complex *c) {
    const bool both = c->real != 0 || signbit(c->real);
    if (both) {
        mfi_print_text(p, "(");
        print_part(p, c->real, false);
    }
    print_part(p, c->imag, both);
    mfi_print_text(p, both ? "j)" : "j");
}

/* ---- containers ------------------------------------------------------------------------------ */

void mfi_print_items(struct mfi_printer *p, mayfly_value v, size_t first) {
    mayfly_value item;
    for (size_t i = first; !mfi_print_full(p) && (item = mfi_part(v, i)).bits != 0; i++) {
        if (i > first)
            mfi_print_text(p, ", ");
        mfi_print(p, item);
    }
}

void mfi_print_pairs(struct mfi_printer *p, mayfly_value v) {
    mayfly_value key, value;
    mfi_print_text(p, "{");
    for (size_t i = 0; !mfi_print_full(p) && mayfly_pair(v, i, &key, &value); i++) {
        if (i > 0)
            mfi_print_text(p, ", ");
        mfi_print(p, key);
        mfi_print_text(p, ": ");
        mfi_print(p, value);
    }
    mfi_print_text(p, "}");
}

static void print_set(struct mfi_printer *p, mayfly_value v, bool frozen) {
    const bool empty = mayfly_count(v) == 0;
    if (frozen || empty)
        mfi_print_text(p, frozen ? "frozenset(" : "set(");
    if (!empty) {
        mfi_print_text(p, "{");
        mfi_print_items(p, v, 0);
        mfi_print_text(p, "}");
    }
    if (frozen || empty)
        mfi_print_text(p, ")");
}

static void print_container(struct mfi_printer *p, mayfly_value v, mayfly_kind kind) {
    switch (kind) {
    case MAYFLY_LIST:
        mfi_print_text(p, "[");
        mfi_print_items(p, v, 0);
        mfi_print_text(p, "]");
        break;
    case MAYFLY_TUPLE:
        mfi_print_text(p, "(");
        mfi_print_items(p, v, 0);
        mfi_print_text(p, mayfly_count(v) == 1 ? ",)" : ")");
        break;
    case MAYFLY_DICT:
        mfi_print_pairs(p, v);
        break;
    case MAYFLY_SET:
    case MAYFLY_FROZENSET:
        print_set(p, v, kind == MAYFLY_FROZENSET);
        break;
    case MAYFLY_PERSISTENT:
        mfi_print_text(p, "<persistent ");
        mfi_print(p, mfi_part(v, 0));
        mfi_print_text(p, ">");
        break;
    default:
        mfi_print_object(p, v);
    }
}

/* What Python writes for a container inside itself, or one that lies too deep. */
static const char *short_form(mayfly_kind kind) {
    switch (kind) {
    case MAYFLY_LIST:
        return "[...]";
    case MAYFLY_TUPLE:
        return "(...)";
    case MAYFLY_DICT:
        return "{...}";
    case MAYFLY_SET:
        return "set(...)";
    case MAYFLY_FROZENSET:
        return "frozenset(...)";
    default:
        return "...";
    }
}

static void enter_container(struct mfi_printer *p, mayfly_value v, mayfly_kind kind) {
    const struct mfi_inside here = {p->inside, v.bits};
    bool again = p->depth >= p->max_depth;
    for (const struct mfi_inside *at = p->inside; at != NULL && !again; at = at->outer)
        again = at->bits == v.bits;
    if (again) {
        mfi_print_text(p, short_form(kind));
        return;
    }
    p->inside = &here;
    p->depth++;
    print_container(p, v, kind);
    p->depth--;
    p->inside = here.outer;
}

void mfi_print(struct mfi_printer *p, mayfly_value v) {
    const mayfly_kind kind = mfi_kind(v);
    double d = 0;
    size_t size;
    if (mfi_print_full(p))
        return;
    switch (kind) {
    case MAYFLY_ABSENT:
        mfi_print_text(p, "<absent>");
        return;
    case MAYFLY_NONE:
        mfi_print_text(p, "None");
        return;
    case MAYFLY_BOOL:
        mfi_print_text(p, v.bits == MFI_WORD_TRUE ? "True" : "False");
        return;
    case MAYFLY_INT:
        print_int(p, v);
        return;
    case MAYFLY_FLOAT:
        (void)mayfly_float_get(v, &d, NULL);
        mfi_print_float(p, d);
        return;
    case MAYFLY_COMPLEX:
        print_complex(p, mfi_node_of(v));
        return;
    case MAYFLY_STR: {
        const char *text = mfi_bytes(mfi_node_of(v), &size);
        mfi_print_str(p, text, size);
        return;
    }
    case MAYFLY_BYTES:
    case MAYFLY_BYTEARRAY:
    case MAYFLY_BUFFER: {
        const char *data = mfi_bytes(mfi_node_of(v), &size);
        mfi_print_text(p, kind == MAYFLY_BYTES       ? ""
                          : kind == MAYFLY_BYTEARRAY ? "bytearray("
                                                     : "<buffer ");
        print_bytes(p, data, size, kind == MAYFLY_BYTEARRAY);
        mfi_print_text(p, kind == MAYFLY_BYTES ? "" : kind == MAYFLY_BYTEARRAY ? ")" : ">");
        return;
    }
    case MAYFLY_GLOBAL:
        mfi_print_global(p, v);
        return;
    case MAYFLY_EXTENSION:
        mfi_print_format(p, "<extension %u>", (unsigned)mayfly_extension_code(v));
        return;
    default:
        enter_container(p, v, kind);
    }
}

/* ---- the public face ------------------------------------------------------------------------- */

/* Cuts what is longer than allowed, between characters. */
static void cut(struct mfi_printer *p) {
    if (p->max_bytes == 0 || p->out.size <= p->max_bytes || p->code != 0)
        return;
    size_t size = p->max_bytes;
    while (size > 0 && ((unsigned char)p->out.data[size] & 0xc0) == 0x80)
        size--;
    p->out.size = size;
    p->code = mfi_buffer_append(&p->out, "...", 3);
}

int mayfly_repr_sized(size_t options_size, mayfly_value value, const mayfly_repr_options *options,
                      char **ret, size_t *ret_size, mayfly_error *error) {
    mayfly_repr_options known;
    const int r = mfi_options_import(&known, sizeof known, options, options_size, "repr", error);
    if (r < 0)
        return r;
    if (value.bits == 0)
        return mfi_fail(error, -EINVAL, "repr", NULL, "the value is absent");
    struct mfi_printer p = {.max_bytes = known.max_bytes,
                            .max_depth = known.max_depth != 0 ? known.max_depth : DEFAULT_DEPTH};
    if (p.max_depth > DEEPEST)
        p.max_depth = DEEPEST;
    p.code = mfi_buffer_append(&p.out, "", 0);
    mfi_print(&p, value);
    cut(&p);
    if (p.code < 0) {
        mfi_buffer_free(&p.out);
        return mfi_fail_memory(error, p.out.size);
    }
    *ret = p.out.data;
    if (ret_size != NULL)
        *ret_size = p.out.size;
    return 0;
}

int mayfly_text(mayfly_value value, char **ret, mayfly_error *error) {
    struct mfi_printer p = {.max_depth = DEFAULT_DEPTH};
    size_t size;
    if (value.bits == 0)
        return mfi_fail(error, -EINVAL, "text", NULL, "the value is absent");
    const char *text = mayfly_str_get(value, &size);
    p.code = mfi_buffer_append(&p.out, text == NULL ? "" : text, text == NULL ? 0 : size);
    if (text == NULL && !mfi_known_text(value, &p))
        mfi_print(&p, value);
    if (p.code < 0) {
        mfi_buffer_free(&p.out);
        return mfi_fail_memory(error, p.out.size);
    }
    *ret = p.out.data;
    return 0;
}
