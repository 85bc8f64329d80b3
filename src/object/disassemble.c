/* SPDX-License-Identifier: MIT
 *
 * The pickle machine with nothing to build: a line for each opcode, as python3 -m pickletools
 * writes it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"

struct listing {
    struct mfi_decoder *d;
    mayfly_doc *doc; /* numbers that are not small are turned into text there */
    mayfly_sink *sink;
    void *sink_context;
    struct mfi_buffer text; /* lines to be handed over */
    const char *reason;     /* why nothing can be built of an argument */
    struct mfi_stack marks; /* offsets of the open ones */
    uint64_t stored;        /* how many numbers were taken before */
    int highest;
    int code;
};

static const struct {
    uint8_t argument, protocol;
} table[256] = {
#define ROW(name, code, argument, protocol) [code] = {MFI_ARG_##argument, protocol},
    MFI_OPCODES(ROW)
#undef ROW
};

enum { FLUSH_AT = 32 << 10 };

static int flush(struct listing *l) {
    int r = 0;
    if (l->text.size > 0)
        r = l->sink(l->sink_context, l->text.data, l->text.size);
    l->text.size = 0;
    return r;
}

static int add(struct listing *l, const char *format, ...) MFI_PRINTF(2, 3);

static int add(struct listing *l, const char *format, ...) {
    va_list arguments;
    char small[256];
    va_start(arguments, format);
    const int n = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    if (n < 0)
        return -EINVAL;
    if ((size_t)n < sizeof small)
        return mfi_buffer_append(&l->text, small, (size_t)n);
    const int r = mfi_buffer_reserve(&l->text, (size_t)n + 1);
    if (r < 0)
        return r;
    va_start(arguments, format);
    (void)vsnprintf(l->text.data + l->text.size, (size_t)n + 1, format, arguments);
    va_end(arguments);
    l->text.size += (size_t)n;
    return 0;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static int add_repr(struct listing *l, mayfly_value v) {
    mfi_auto_free char *text = NULL;
    size_t size;
    if (v.bits == 0)
        return -ENOMEM;
    int r = mayfly_repr(v, NULL, &text, &size, NULL);
    if (r == 0)
        r = mfi_buffer_append(&l->text, " ", 1);
    return r == 0 ? mfi_buffer_append(&l->text, text, size) : r;
}

static int add_bytes(struct listing *l, mayfly_kind kind, const uint8_t *data, size_t size) {
    return add_repr(l, mfi_far_new(l->doc, kind, (const char *)data, size, true));
}

static int add_long(struct listing *l, const uint8_t *data, size_t size) {
    return add_repr(l, mayfly_int_from_bytes(l->doc, data, size));
}

/* Bytes that are shown as the text that they are in Latin-1. */
static int add_latin1(struct listing *l, const uint8_t *data, size_t size) {
    mfi_auto_buffer text = {0};
    int r = mfi_buffer_reserve(&text, 2 * size);
    for (size_t i = 0; i < size && r == 0; i++) {
        if (data[i] >= 0x80)
            text.data[text.size++] = (char)(0xc0 | data[i] >> 6);
        text.data[text.size++] = (char)(data[i] < 0x80 ? data[i] : 0x80 | (data[i] & 0x3f));
    }
    return r < 0 ? r : add_bytes(l, MAYFLY_STR, (const uint8_t *)text.data, text.size);
}

static int add_line_int(struct listing *l, const char *text, size_t size, bool is_long,
                        bool is_number) {
    mayfly_value v = mfi_word(0);
    if (!is_long && !is_number && size == 2 && text[0] == '0' && (text[1] == '0' || text[1] == '1'))
        return add(l, " %s", text[1] == '0' ? "False" : "True");
    if (is_long && size > 0 && text[size - 1] == 'L')
        size--;
    if (mfi_int_parse(l->doc, text, size, &v) < 0)
        v = mfi_word(0);
    return v.bits == 0 ? add(l, " %.*s", (int)size, text) : add_repr(l, v);
}

static int add_line_float(struct listing *l, const char *text, size_t size) {
    double value = 0;
    char repr[MFI_FLOAT_TEXT];
    (void)mfi_float_parse(text, size, &value);
    mfi_float_text(value, repr);
    return add(l, " %s", repr);
}

/* Two lines, shown as one text. */
static int add_pair(struct listing *l, const uint8_t *data, size_t size) {
    mfi_auto_free char *copy = mfi_sys.malloc(size + 1);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, data, size);
    char *end = memchr(copy, '\n', size);
    if (end != NULL)
        *end = ' ';
    return add_bytes(l, MAYFLY_STR, (const uint8_t *)copy, size);
}

static int add_line(struct listing *l, enum mfi_argument kind, const uint8_t *data, size_t size,
                    bool is_memo) {
    const char *text = (const char *)data;
    switch (kind) {
    case MFI_ARG_LINE_INT:
        return add_line_int(l, text, size, false, is_memo);
    case MFI_ARG_LINE_LONG:
        return add_line_int(l, text, size, true, false);
    case MFI_ARG_LINE_FLOAT:
        return add_line_float(l, text, size);
    case MFI_ARG_LINE_PAIR:
        return add_pair(l, data, size);
    case MFI_ARG_LINE_QUOTED:
    case MFI_ARG_LINE_ESCAPED: /* the machine has it without its escapes */
        return kind == MFI_ARG_LINE_QUOTED
                   ? add_latin1(l, (const uint8_t *)l->d->text.data, l->d->text.size)
                   : add_bytes(l, MAYFLY_STR, (const uint8_t *)l->d->text.data, l->d->text.size);
    default:
        return add_bytes(l, MAYFLY_STR, data, size);
    }
}

/* How many bytes the length before a block has. */
static unsigned prefix_of(enum mfi_argument kind) {
    switch (kind) {
    case MFI_ARG_STRING4:
    case MFI_ARG_TEXT4:
    case MFI_ARG_BYTES4:
    case MFI_ARG_LONG4:
        return 4;
    case MFI_ARG_TEXT8:
    case MFI_ARG_BYTES8:
    case MFI_ARG_BYTEARRAY8:
        return 8;
    default:
        return 1;
    }
}

static int add_block(struct listing *l, enum mfi_argument kind, const uint8_t *data, size_t size) {
    const unsigned prefix = prefix_of(kind);
    data += prefix;
    size -= prefix;
    switch (kind) {
    case MFI_ARG_LONG1:
    case MFI_ARG_LONG4:
        return add_long(l, data, size);
    case MFI_ARG_STRING1:
    case MFI_ARG_STRING4:
        return add_latin1(l, data, size);
    case MFI_ARG_BYTES1:
    case MFI_ARG_BYTES4:
    case MFI_ARG_BYTES8:
        return add_bytes(l, MAYFLY_BYTES, data, size);
    case MFI_ARG_BYTEARRAY8:
        return add_bytes(l, MAYFLY_BYTEARRAY, data, size);
    default:
        return add_bytes(l, MAYFLY_STR, data, size);
    }
}

static int add_argument(struct listing *l, uint8_t op, const uint8_t *data, size_t size) {
    const enum mfi_argument kind = (enum mfi_argument)table[op].argument;
    char repr[MFI_FLOAT_TEXT];
    double value;
    switch (kind) {
    case MFI_ARG_NONE:
        return 0;
    case MFI_ARG_UINT1:
    case MFI_ARG_UINT2:
    case MFI_ARG_UINT4:
    case MFI_ARG_UINT8:
        return add(l, " %llu", (unsigned long long)mfi_little(data, (unsigned)size));
    case MFI_ARG_INT4:
        return add(l, " %ld", (long)(int32_t)(uint32_t)mfi_little(data, 4));
    case MFI_ARG_FLOAT8: {
        const uint64_t bits = __builtin_bswap64(mfi_little(data, 8));
        memcpy(&value, &bits, sizeof value);
        mfi_float_text(value, repr);
        return add(l, " %s", repr);
    }
    default:
        return kind >= MFI_ARG_LINE ? add_line(l, kind, data, size - 1, /* the newline */
                                               op == MFI_OP_GET || op == MFI_OP_PUT)
                                    : add_block(l, kind, data, size);
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

static int add_code(struct listing *l, uint8_t op) {
    return op >= 0x20 && op < 0x7f && op != '\\' ? add(l, "%c    ", op) : add(l, "\\x%02x ", op);
}

/* What the opcode says about marks and the memo. */
static int add_note(struct listing *l, uint8_t op, uint64_t mark, bool ended_mark) {
    if (ended_mark)
        return add(l, " (MARK at %llu)", (unsigned long long)mark);
    return op == MFI_OP_MEMOIZE ? add(l, " (as %llu)", (unsigned long long)l->d->memo_count - 1)
                                : 0;
}

/* pickletools takes a number that is stored twice for an error. */
static int check_stored(struct listing *l, const struct mfi_cursor *k) {
    const uint8_t op = *k->op;
    const bool stores =
        op == MFI_OP_PUT || op == MFI_OP_BINPUT || op == MFI_OP_LONG_BINPUT || op == MFI_OP_MEMOIZE;
    const bool again = stores && l->d->memo_count == l->stored;
    l->stored = l->d->memo_count;
    return again ? mfi_decode_fail(l->d, k, MAYFLY_E_PICKLE, "its number is taken already") : 0;
}

static int trace(void *c, const struct mfi_cursor *k) {
    struct listing *l = c;
    const uint8_t op = *k->op;
    const size_t size = (size_t)(k->at - k->op) - 1;
    const uint64_t offset = mfi_offset(l->d, k);
    const bool ended_mark = l->d->mark_count < l->marks.count;
    const uint64_t mark = ended_mark ? l->marks.items[l->marks.count - 1] : 0;
    int r = add(l, "%5llu: ", (unsigned long long)offset);
    if (r == 0)
        r = add_code(l, op);
    if (r == 0)
        r = add(l, "%*s%s", (int)(4 * l->marks.count), "", mfi_opcode_name(op));
    const bool has_more = table[op].argument != MFI_ARG_NONE || ended_mark || op == MFI_OP_MEMOIZE;
    const int width = (int)strlen(mfi_opcode_name(op));
    if (r == 0 && has_more && width < 10)
        r = add(l, "%*s", 10 - width, "");
    if (r == 0)
        r = add_argument(l, op, k->op + 1, size);
    if (r == 0)
        r = add_note(l, op, mark, ended_mark);
    if (r == 0)
        r = mfi_buffer_append(&l->text, "\n", 1);
    if (ended_mark)
        l->marks.count--;
    else if (r == 0 && op == MFI_OP_MARK)
        r = mfi_stack_push(&l->marks, offset);
    if (table[op].protocol > l->highest)
        l->highest = table[op].protocol;
    if (r == 0)
        r = check_stored(l, k);
    mayfly_doc_reset(l->doc);
    if (r == 0 && l->text.size >= FLUSH_AT)
        r = flush(l);
    return l->code = r;
}

/* ---- building nothing ------------------------------------------------------------------------ */

enum { NOTHING = 1 };

#define MAKE(name, ...) static inline mfi_slot name(void *c, __VA_ARGS__)
MAKE(of_bool, bool v) {
    return (void)c, (void)v, NOTHING;
}
MAKE(of_int, int64_t v) {
    return (void)c, (void)v, NOTHING;
}
MAKE(of_long, const uint8_t *b, size_t n) {
    return (void)c, (void)b, (void)n, NOTHING;
}
MAKE(of_data, const char *b, size_t n) {
    return (void)c, (void)b, (void)n, NOTHING;
}
MAKE(of_float, double v) {
    return (void)c, (void)v, NOTHING;
}
MAKE(of_text, const char *b, size_t n, const uint8_t *e) {
    struct listing *l = c;
    (void)e;
    l->reason = "it is not UTF-8";
    return mfi_utf8_run(b, n, MFI_SURROGATES) == n ? NOTHING : 0;
}
/* A number of more digits than are converted is listed as it stands. */
MAKE(of_digits, const char *b, size_t n) {
    struct listing *l = c;
    mayfly_value v;
    l->reason = "it is no whole number";
    const int r = mfi_int_parse(l->doc, b, n, &v);
    for (size_t i = n > 0 && b[0] == '-'; r < 0 && i < n; i++)
        if (b[i] < '0' || b[i] > '9')
            return 0;
    return n > 0 ? NOTHING : 0;
}
MAKE(of_items, const mfi_slot *i, size_t n) {
    return (void)c, (void)i, (void)n, NOTHING;
}
MAKE(of_slot, mfi_slot a) {
    return (void)c, (void)a, NOTHING;
}
MAKE(of_stored, mfi_slot *at) {
    return (void)c, *at;
}
MAKE(of_code, uint32_t v, uint64_t o) {
    return (void)c, (void)v, (void)o, NOTHING;
}
MAKE(of_two, mfi_slot a, mfi_slot b, uint64_t o) {
    return (void)c, (void)a, (void)b, (void)o, NOTHING;
}
MAKE(of_some, mfi_slot a, const mfi_slot *i, size_t n) {
    return (void)c, (void)a, (void)i, (void)n, NOTHING;
}
static inline mfi_slot of_nothing(void *c) {
    return (void)c, NOTHING;
}
static inline int give(void *c, mfi_slot a, const mfi_slot *i, size_t n) {
    return (void)c, (void)a, (void)i, (void)n, 0;
}
static inline int give_one(void *c, mfi_slot a, mfi_slot b) {
    return (void)c, (void)a, (void)b, 0;
}
static inline void note(void *c, mfi_slot a) {
    (void)c, (void)a;
}
static int why(void *c, const char **ret) {
    const struct listing *l = c;
    *ret = l->reason;
    return MAYFLY_E_PICKLE;
}

static const struct mfi_builder nothing = {
    .none = of_nothing,
    .boolean = of_bool,
    .integer = of_int,
    .long_bytes = of_long,
    .long_text = of_digits,
    .number = of_float,
    .str = of_text,
    .old_str = of_data,
    .bytes = of_data,
    .bytearray = of_data,
    .list = of_items,
    .tuple = of_items,
    .dict = of_nothing,
    .set = of_nothing,
    .frozenset = of_items,
    .append = give,
    .set_items = give,
    .add_items = give,
    .global = of_two,
    .extension = of_code,
    .reduce = of_two,
    .newobj = of_two,
    .instance = of_some,
    .build = give_one,
    .persistent = of_slot,
    .buffer = of_nothing,
    .readonly = of_slot,
    .hold = of_slot,
    .recall = of_stored,
    .drop = give_one,
    .stored = note,
    .trace = trace,
    .why = why,
};

/* ---- the whole ------------------------------------------------------------------------------- */

static int list_one(struct listing *l, struct mfi_cursor *k) {
    mfi_slot slot;
    l->marks.count = 0;
    l->highest = 0;
    int r = mfi_decode(l->d, &nothing, l, k, &slot);
    if (r == 0)
        r = add(l, "highest protocol among opcodes = %d\n", l->highest);
    const int flushed = flush(l);
    if (r < 0)
        return l->d->code != 0
                   ? l->d->code
                   : mfi_fail(l->d->error, r, "disassemble", NULL, "%s",
                              r == -ENOMEM ? "no memory" : "writing the listing failed");
    if (flushed < 0)
        return mfi_fail(l->d->error, flushed, "disassemble", NULL, "writing the listing: %s",
                        strerror(-flushed));
    const size_t left = (size_t)(k->sp - l->d->stack) - 1 + l->d->mark_count;
    return left == 0 ? 0
                     : mfi_decode_fail(l->d, k, MAYFLY_E_PICKLE,
                                       "%zu values or marks are left on the stack", left);
}

static void listing_free(struct listing *l) {
    mfi_buffer_free(&l->text);
    mfi_stack_free(&l->marks);
    mfi_decoder_free(l->d);
    mayfly_doc_free(&l->doc);
}

int mayfly_disassemble(const void *data, size_t size, bool all, mayfly_sink *sink,
                       void *sink_context, mayfly_error *error) {
    uint64_t bytes = 0;
    struct mfi_decoder d = {.begin = data,
                            .bytes = &bytes,
                            .max_bytes = (uint64_t)4 << 30,
                            .max_marks = 1000000,
                            .operation = "disassemble",
                            .error = error};
    __attribute__((cleanup(listing_free))) struct listing l = {
        .d = &d, .sink = sink, .sink_context = sink_context};
    d.end = d.begin + size;
    int r = mayfly_doc_new(NULL, &l.doc, error);
    struct mfi_cursor k = {.at = d.begin};
    while (r == 0) {
        r = list_one(&l, &k);
        if (r == 0 && k.at == d.end)
            return 0;
        if (!all)
            break;
        mfi_decoder_forget(&d); /* each is a pickle of its own to pickletools */
        l.stored = 0;
        mfi_map_free(&d.sparse);
    }
    return r;
}
