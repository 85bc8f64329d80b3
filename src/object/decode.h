/* SPDX-License-Identifier: MIT
 *
 * The pickle machine: every opcode's logic, limits and error positions, once, for whatever is
 * built.
 *
 * mfi_decode() is inlined into each of its users together with a constant table of functions that
 * build (struct mfi_builder), so that the compiler sees through it: the values of this library
 * (read.c), nothing at all (disassemble.c), objects of a language binding.
 *
 * A slot is a word that the builder understands; 0 is none. The machine has a stack of slots, marks
 * on it, and a memo. It does not recurse.
 *
 * Invariant   what an opcode takes lies above the topmost mark (the fence), as in CPython; a length
 *             is compared with what the input has before anything is allocated for it.
 */
#ifndef MFI_DECODE_H
#define MFI_DECODE_H

#include <mayfly/pickle.h>

#include "opcodes.h"
#include "value.h"

typedef uint64_t mfi_slot;

struct mfi_decoder;

/* Where a pickle comes from. `more` makes at least `need` bytes readable behind `*at`, if there are
 * as many; it may move the window, keeping what lies from `*op` on. 1: they are there, 0: the input
 * ends before; or -errno. */
struct mfi_source {
    int (*more)(struct mfi_decoder *d, const uint8_t **op, const uint8_t **at, size_t need);
    void *context;
};

struct mfi_decoder {
    const uint8_t *begin, *end; /* what of the input is readable: the window */
    uint64_t before;            /* bytes of the input before the window */
    struct mfi_source source;

    mfi_slot *stack, *limit, *fence;
    size_t *marks; /* heights of the stack */
    size_t mark_count, mark_capacity;
    mfi_slot *memo; /* by number; 0: nothing */
    size_t memo_size, memo_capacity;
    uint64_t memo_count;    /* how many numbers are taken */
    struct mfi_map sparse;  /* number + 1 -> slot, for numbers far beyond memo_size */
    struct mfi_buffer text; /* an argument without its escapes */

    uint64_t *bytes;    /* memory counted so far, with that of what is built */
    uint64_t own_bytes; /* of them, those of the machine itself */
    uint64_t max_bytes, max_marks;
    int protocol; /* as the stream says; 0 until then */
    int code;     /* of the failure */
    const char *operation, *path;
    mayfly_error *error;
};

/* The registers of the machine. */
struct mfi_cursor {
    const uint8_t *op; /* the opcode under way */
    const uint8_t *at; /* what is read next */
    mfi_slot *sp;
};

/* What builds. A slot of 0, or a negative int: it failed, and `why` tells. `items` lie on the
 * stack. */
struct mfi_builder {
    mfi_slot (*none)(void *c);
    mfi_slot (*boolean)(void *c, bool value);
    mfi_slot (*integer)(void *c, int64_t value);
    mfi_slot (*long_bytes)(void *c, const uint8_t *bytes, size_t size);
    mfi_slot (*long_text)(void *c, const char *text, size_t size); /* base 0 */
    mfi_slot (*number)(void *c, double value);
    mfi_slot (*str)(void *c, const char *text, size_t size, const uint8_t *end);
    mfi_slot (*old_str)(void *c, const char *data, size_t size); /* of Python 2 */
    mfi_slot (*bytes)(void *c, const char *data, size_t size);
    mfi_slot (*bytearray)(void *c, const char *data, size_t size);
    mfi_slot (*list)(void *c, const mfi_slot *items, size_t count);
    mfi_slot (*tuple)(void *c, const mfi_slot *items, size_t count);
    mfi_slot (*dict)(void *c);
    mfi_slot (*set)(void *c);
    mfi_slot (*frozenset)(void *c, const mfi_slot *items, size_t count);
    int (*append)(void *c, mfi_slot list, const mfi_slot *items, size_t count);
    int (*set_items)(void *c, mfi_slot dict, const mfi_slot *pairs, size_t count);
    int (*add_items)(void *c, mfi_slot set, const mfi_slot *items, size_t count);
    mfi_slot (*global)(void *c, mfi_slot module, mfi_slot name, uint64_t offset);
    mfi_slot (*extension)(void *c, uint32_t code, uint64_t offset);
    mfi_slot (*reduce)(void *c, mfi_slot callable, mfi_slot arguments, uint64_t offset);
    mfi_slot (*newobj)(void *c, mfi_slot cls, mfi_slot arguments, mfi_slot keywords); /* or 0 */
    mfi_slot (*instance)(void *c, mfi_slot cls, const mfi_slot *items, size_t count);
    int (*build)(void *c, mfi_slot object, mfi_slot state);
    mfi_slot (*persistent)(void *c, mfi_slot id);
    mfi_slot (*buffer)(void *c);
    mfi_slot (*readonly)(void *c, mfi_slot buffer);
    mfi_slot (*hold)(void *c, mfi_slot slot);            /* one reference more */
    int (*drop)(void *c, mfi_slot slot, mfi_slot below); /* popped; below: or 0 */
    void (*stored)(void *c, mfi_slot slot);
    int (*trace)(void *c, const struct mfi_cursor *k); /* after each opcode; or NULL */
    int (*why)(void *c, const char **ret);             /* the code and the reason */
};

/* What is not worth inlining (decode.c). */
MFI_COLD int mfi_decode_fail(struct mfi_decoder *d, const struct mfi_cursor *k, int code,
                             const char *format, ...) MFI_PRINTF(4, 5);
MFI_COLD int mfi_decode_underflow(struct mfi_decoder *d, const struct mfi_cursor *k);
MFI_COLD int mfi_decode_more(struct mfi_decoder *d, struct mfi_cursor *k, uint64_t need);
MFI_COLD int mfi_decode_grow(struct mfi_decoder *d, struct mfi_cursor *k);
MFI_COLD int mfi_decode_mark_room(struct mfi_decoder *d, const struct mfi_cursor *k);
MFI_COLD int mfi_memo_far(struct mfi_decoder *d, const struct mfi_cursor *k, uint64_t number,
                          mfi_slot slot);
MFI_COLD mfi_slot mfi_memo_find_far(const struct mfi_decoder *d, uint64_t number);
int mfi_decode_line(struct mfi_decoder *d, struct mfi_cursor *k, const char **ret,
                    size_t *ret_size);
int mfi_line_number(struct mfi_decoder *d, struct mfi_cursor *k, uint64_t *ret);
int mfi_line_small_int(const char *text, size_t size, bool *ret_bool, int64_t *ret);
int mfi_line_quoted(struct mfi_decoder *d, struct mfi_cursor *k);    /* into d->text */
int mfi_line_unescaped(struct mfi_decoder *d, struct mfi_cursor *k); /* into d->text */
/* Frees what the machine itself has, and no longer counts it. */
void mfi_decoder_free(struct mfi_decoder *d);

/* ---- taking from the input and the stack ---- */

MFI_INLINE int mfi_need(struct mfi_decoder *d, struct mfi_cursor *k, uint64_t size) {
    return MFI_LIKELY((uint64_t)(d->end - k->at) >= size) ? 0 : mfi_decode_more(d, k, size);
}

MFI_INLINE uint64_t mfi_little(const uint8_t *from, unsigned size) {
    uint64_t x = 0;
    for (unsigned i = 0; i < size; i++)
        x |= (uint64_t)from[i] << (8 * i);
    return x;
}

MFI_INLINE uint64_t mfi_offset(const struct mfi_decoder *d, const struct mfi_cursor *k) {
    return d->before + (uint64_t)(k->op - d->begin);
}

/* A number of `size` bytes. */
MFI_INLINE int mfi_take_number(struct mfi_decoder *d, struct mfi_cursor *k, unsigned size,
                               uint64_t *ret) {
    const int r = mfi_need(d, k, size);
    if (MFI_LIKELY(r == 0)) {
        *ret = mfi_little(k->at, size);
        k->at += size;
    }
    return r;
}

/* A length of `width` bytes, and as many bytes: *ret. */
MFI_INLINE int mfi_take_block(struct mfi_decoder *d, struct mfi_cursor *k, unsigned width,
                              const uint8_t **ret, uint64_t *ret_size) {
    int r = mfi_take_number(d, k, width, ret_size);
    if (MFI_LIKELY(r == 0))
        r = mfi_need(d, k, *ret_size);
    if (MFI_LIKELY(r == 0)) {
        *ret = k->at;
        k->at += *ret_size;
    }
    return r;
}

MFI_COLD static int built_failed(struct mfi_decoder *d, const struct mfi_builder *b, void *c,
                                 const struct mfi_cursor *k) {
    const char *reason = "";
    const int code = b->why(c, &reason);
    return mfi_decode_fail(d, k, code, "%s", reason);
}

#define MFI_MACHINE                                                                                \
    struct mfi_decoder *d, const struct mfi_builder *b, void *c, struct mfi_cursor *k

MFI_INLINE int push(MFI_MACHINE, mfi_slot slot) {
    if (MFI_UNLIKELY(slot == 0))
        return built_failed(d, b, c, k);
    if (MFI_UNLIKELY(k->sp == d->limit)) {
        const int r = mfi_decode_grow(d, k);
        if (r < 0)
            return r;
    }
    *k->sp++ = slot;
    return 0;
}

/* Whether `count` slots lie above the fence. */
MFI_INLINE int have(struct mfi_decoder *d, const struct mfi_cursor *k, size_t count) {
    return MFI_LIKELY((size_t)(k->sp - d->fence) >= count) ? 0 : mfi_decode_underflow(d, k);
}

/* Takes the topmost mark away: the slots above it are items. */
MFI_INLINE int unmark(struct mfi_decoder *d, const struct mfi_cursor *k, mfi_slot **ret_items,
                      size_t *ret_count) {
    if (MFI_UNLIKELY(d->mark_count == 0))
        return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "there is no mark on the stack");
    *ret_items = d->stack + d->marks[--d->mark_count];
    *ret_count = (size_t)(k->sp - *ret_items);
    d->fence = d->mark_count == 0 ? d->stack : d->stack + d->marks[d->mark_count - 1];
    return 0;
}

/* The same for opcodes that give the items to what lies below the mark. */
MFI_INLINE int unmark_below(struct mfi_decoder *d, const struct mfi_cursor *k, mfi_slot **ret_items,
                            size_t *ret_count) {
    const int r = unmark(d, k, ret_items, ret_count);
    if (MFI_UNLIKELY(r != 0))
        return r;
    return MFI_LIKELY(*ret_items > d->fence) ? 0 : mfi_decode_underflow(d, k);
}

MFI_INLINE int built(MFI_MACHINE, int r) {
    return MFI_LIKELY(r >= 0) ? 0 : built_failed(d, b, c, k);
}

/* Replaces the topmost `count` slots by one. */
MFI_INLINE int replace(MFI_MACHINE, size_t count, mfi_slot slot) {
    if (MFI_UNLIKELY(slot == 0))
        return built_failed(d, b, c, k);
    k->sp -= count;
    return push(d, b, c, k, slot);
}

/* ---- the memo ---- */

MFI_INLINE int memo_put(MFI_MACHINE, uint64_t number) {
    if (MFI_UNLIKELY(k->sp == d->fence))
        return mfi_decode_underflow(d, k);
    const mfi_slot slot = b->hold(c, k->sp[-1]);
    b->stored(c, slot);
    if (MFI_LIKELY(number == d->memo_size && d->memo_size < d->memo_capacity)) {
        d->memo[d->memo_size++] = slot;
        d->memo_count++;
        return 0;
    }
    return mfi_memo_far(d, k, number, slot);
}

MFI_INLINE int memo_get(MFI_MACHINE, uint64_t number) {
    mfi_slot slot = MFI_LIKELY(number < d->memo_size) ? d->memo[number] : 0;
    if (MFI_UNLIKELY(slot == 0) && (slot = mfi_memo_find_far(d, number)) == 0)
        return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "nothing was stored under number %llu",
                               (unsigned long long)number);
    return push(d, b, c, k, b->hold(c, slot));
}

/* ---- the opcodes ---- */

#define MFI_OP(name)   MFI_INLINE int op_##name(MFI_MACHINE)
#define MFI_PASS       d, b, c, k
#define MFI_PUSH(slot) push(MFI_PASS, (slot))
#define MFI_RETURN_IF_BAD(r)                                                                       \
    if (MFI_UNLIKELY((r) != 0))                                                                    \
    return (r)

MFI_OP(MARK) {
    (void)b, (void)c;
    if (MFI_UNLIKELY(d->mark_count == d->mark_capacity)) {
        const int r = mfi_decode_mark_room(d, k);
        MFI_RETURN_IF_BAD(r);
    }
    d->marks[d->mark_count++] = (size_t)(k->sp - d->stack);
    d->fence = k->sp;
    return 0;
}

MFI_OP(STOP) {
    (void)b, (void)c;
    const int r = have(d, k, 1);
    return r != 0 ? r : 1;
}

MFI_OP(POP_MARK) {
    mfi_slot *items = d->stack;
    size_t count = 0;
    int r = unmark(d, k, &items, &count);
    while (r == 0 && k->sp > items) {
        k->sp--;
        r = built(MFI_PASS, b->drop(c, *k->sp, 0));
    }
    return r;
}

MFI_OP(POP) {
    if (d->mark_count > 0 && d->fence == k->sp) {
        mfi_slot *items = d->stack;
        size_t count = 0;
        return unmark(d, k, &items, &count);
    }
    const int r = have(d, k, 1);
    MFI_RETURN_IF_BAD(r);
    k->sp--;
    return built(MFI_PASS, b->drop(c, *k->sp, k->sp > d->fence ? k->sp[-1] : 0));
}

MFI_OP(DUP) {
    const int r = have(d, k, 1);
    return r != 0 ? r : MFI_PUSH(b->hold(c, k->sp[-1]));
}

MFI_OP(FLOAT) {
    const char *text;
    size_t size;
    double value;
    int r = mfi_decode_line(d, k, &text, &size);
    MFI_RETURN_IF_BAD(r);
    r = mfi_float_parse(text, size, &value);
    if (r < 0)
        return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "\"%.*s\" is no float",
                               (int)(size < 40 ? size : 40), text);
    return MFI_PUSH(b->number(c, value));
}

MFI_OP(BINFLOAT) {
    const int r = mfi_need(d, k, 8);
    MFI_RETURN_IF_BAD(r);
    const uint64_t bits = __builtin_bswap64(mfi_little(k->at, 8));
    double value;
    memcpy(&value, &bits, sizeof value);
    k->at += 8;
    return MFI_PUSH(b->number(c, value));
}

MFI_OP(INT) {
    const char *text;
    size_t size;
    bool is_bool = false;
    int64_t value = 0;
    int r = mfi_decode_line(d, k, &text, &size);
    MFI_RETURN_IF_BAD(r);
    r = mfi_line_small_int(text, size, &is_bool, &value);
    if (r == 0)
        return MFI_PUSH(is_bool ? b->boolean(c, value != 0) : b->integer(c, value));
    return MFI_PUSH(b->long_text(c, text, size));
}

MFI_OP(LONG) {
    const char *text;
    size_t size;
    const int r = mfi_decode_line(d, k, &text, &size);
    MFI_RETURN_IF_BAD(r);
    if (size > 0 && text[size - 1] == 'L')
        size--;
    return MFI_PUSH(b->long_text(c, text, size));
}

#define MFI_INTEGER(name, size, value)                                                             \
    MFI_OP(name) {                                                                                 \
        uint64_t x;                                                                                \
        const int r = mfi_take_number(d, k, (size), &x);                                           \
        return MFI_UNLIKELY(r != 0) ? r : MFI_PUSH(b->integer(c, (value)));                        \
    }
MFI_INTEGER(BININT, 4, (int32_t)(uint32_t)x)
MFI_INTEGER(BININT1, 1, (int64_t)x)
MFI_INTEGER(BININT2, 2, (int64_t)x)

MFI_INLINE int take_long(MFI_MACHINE, unsigned width) {
    const uint8_t *bytes;
    uint64_t size;
    const int r = mfi_take_block(d, k, width, &bytes, &size);
    return r != 0 ? r : MFI_PUSH(b->long_bytes(c, bytes, (size_t)size));
}

MFI_OP(LONG1) {
    return take_long(MFI_PASS, 1);
}

/* The lengths of LONG4 and BINSTRING are signed. */
MFI_INLINE int not_negative(struct mfi_decoder *d, struct mfi_cursor *k) {
    const int r = mfi_need(d, k, 4);
    MFI_RETURN_IF_BAD(r);
    return k->at[3] < 0x80 ? 0 : mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "its length is negative");
}

MFI_OP(LONG4) {
    const int r = not_negative(d, k);
    return r != 0 ? r : take_long(MFI_PASS, 4);
}

MFI_OP(NONE) {
    return MFI_PUSH(b->none(c));
}

MFI_OP(NEWTRUE) {
    return MFI_PUSH(b->boolean(c, true));
}

MFI_OP(NEWFALSE) {
    return MFI_PUSH(b->boolean(c, false));
}

/* ---- text and bytes */

MFI_INLINE int take_str(MFI_MACHINE, unsigned width) {
    const uint8_t *data;
    uint64_t size;
    const int r = mfi_take_block(d, k, width, &data, &size);
    MFI_RETURN_IF_BAD(r);
    return MFI_PUSH(b->str(c, (const char *)data, (size_t)size, d->end));
}

MFI_OP(SHORT_BINUNICODE) {
    return take_str(MFI_PASS, 1);
}

MFI_OP(BINUNICODE) {
    return take_str(MFI_PASS, 4);
}

MFI_OP(BINUNICODE8) {
    return take_str(MFI_PASS, 8);
}

MFI_OP(UNICODE) {
    const int r = mfi_line_unescaped(d, k);
    return r != 0 ? r : MFI_PUSH(b->str(c, d->text.data, d->text.size, NULL));
}

MFI_OP(STRING) {
    const int r = mfi_line_quoted(d, k);
    return r != 0 ? r : MFI_PUSH(b->old_str(c, d->text.data, d->text.size));
}

MFI_INLINE int take_bytes(MFI_MACHINE, unsigned width,
                          mfi_slot (*make)(void *c, const char *data, size_t size)) {
    const uint8_t *data;
    uint64_t size;
    const int r = mfi_take_block(d, k, width, &data, &size);
    return MFI_UNLIKELY(r != 0) ? r : MFI_PUSH(make(c, (const char *)data, (size_t)size));
}

MFI_OP(BINSTRING) {
    const int r = not_negative(d, k);
    return r != 0 ? r : take_bytes(MFI_PASS, 4, b->old_str);
}

MFI_OP(SHORT_BINSTRING) {
    return take_bytes(MFI_PASS, 1, b->old_str);
}

MFI_OP(SHORT_BINBYTES) {
    return take_bytes(MFI_PASS, 1, b->bytes);
}

MFI_OP(BINBYTES) {
    return take_bytes(MFI_PASS, 4, b->bytes);
}

MFI_OP(BINBYTES8) {
    return take_bytes(MFI_PASS, 8, b->bytes);
}

MFI_OP(BYTEARRAY8) {
    return take_bytes(MFI_PASS, 8, b->bytearray);
}

MFI_OP(NEXT_BUFFER) {
    return MFI_PUSH(b->buffer(c));
}

MFI_OP(READONLY_BUFFER) {
    const int r = have(d, k, 1);
    return r != 0 ? r : replace(MFI_PASS, 1, b->readonly(c, k->sp[-1]));
}

/* ---- containers */

MFI_OP(EMPTY_LIST) {
    return MFI_PUSH(b->list(c, NULL, 0));
}

MFI_OP(EMPTY_TUPLE) {
    return MFI_PUSH(b->tuple(c, NULL, 0));
}

MFI_OP(EMPTY_DICT) {
    return MFI_PUSH(b->dict(c));
}

MFI_OP(EMPTY_SET) {
    return MFI_PUSH(b->set(c));
}

#define MFI_GATHERED(name, make)                                                                   \
    MFI_OP(name) {                                                                                 \
        mfi_slot *items = d->stack;                                                                \
        size_t count = 0;                                                                          \
        const int r = unmark(d, k, &items, &count);                                                \
        return MFI_UNLIKELY(r != 0) ? r : replace(MFI_PASS, count, b->make(c, items, count));      \
    }
MFI_GATHERED(LIST, list)
MFI_GATHERED(TUPLE, tuple)
MFI_GATHERED(FROZENSET, frozenset)

#define MFI_COUNTED(name, count)                                                                   \
    MFI_OP(name) {                                                                                 \
        const int r = have(d, k, (count));                                                         \
        return MFI_UNLIKELY(r != 0)                                                                \
                   ? r                                                                             \
                   : replace(MFI_PASS, (count), b->tuple(c, k->sp - (count), (count)));            \
    }
MFI_COUNTED(TUPLE1, 1)
MFI_COUNTED(TUPLE2, 2)
MFI_COUNTED(TUPLE3, 3)

MFI_INLINE int even(struct mfi_decoder *d, const struct mfi_cursor *k, size_t count) {
    return MFI_LIKELY(count % 2 == 0)
               ? 0
               : mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "a key without a value");
}

MFI_OP(DICT) {
    mfi_slot *items = d->stack;
    size_t count = 0;
    int r = unmark(d, k, &items, &count);
    MFI_RETURN_IF_BAD(r);
    r = even(d, k, count);
    MFI_RETURN_IF_BAD(r);
    const mfi_slot dict = b->dict(c);
    if (dict == 0 || (count > 0 && b->set_items(c, dict, items, count / 2) < 0))
        return built_failed(MFI_PASS);
    return replace(MFI_PASS, count, dict);
}

MFI_OP(APPEND) {
    int r = have(d, k, 2);
    MFI_RETURN_IF_BAD(r);
    r = built(MFI_PASS, b->append(c, k->sp[-2], k->sp - 1, 1));
    k->sp -= 1;
    return r;
}

MFI_OP(APPENDS) {
    mfi_slot *items = d->stack;
    size_t count = 0;
    int r = unmark_below(d, k, &items, &count);
    MFI_RETURN_IF_BAD(r);
    if (count > 0)
        r = built(MFI_PASS, b->append(c, items[-1], items, count));
    k->sp = items;
    return r;
}

MFI_OP(SETITEM) {
    int r = have(d, k, 3);
    MFI_RETURN_IF_BAD(r);
    r = built(MFI_PASS, b->set_items(c, k->sp[-3], k->sp - 2, 1));
    k->sp -= 2;
    return r;
}

MFI_OP(SETITEMS) {
    mfi_slot *items = d->stack;
    size_t count = 0;
    int r = unmark_below(d, k, &items, &count);
    MFI_RETURN_IF_BAD(r);
    r = even(d, k, count);
    MFI_RETURN_IF_BAD(r);
    if (count > 0)
        r = built(MFI_PASS, b->set_items(c, items[-1], items, count / 2));
    k->sp = items;
    return r;
}

MFI_OP(ADDITEMS) {
    mfi_slot *items = d->stack;
    size_t count = 0;
    int r = unmark_below(d, k, &items, &count);
    MFI_RETURN_IF_BAD(r);
    if (count > 0)
        r = built(MFI_PASS, b->add_items(c, items[-1], items, count));
    k->sp = items;
    return r;
}

/* ---- the memo */

MFI_OP(MEMOIZE) {
    return memo_put(MFI_PASS, d->memo_count);
}

MFI_OP(PUT) {
    uint64_t number;
    const int r = mfi_line_number(d, k, &number);
    return r != 0 ? r : memo_put(MFI_PASS, number);
}

MFI_OP(GET) {
    uint64_t number;
    const int r = mfi_line_number(d, k, &number);
    return r != 0 ? r : memo_get(MFI_PASS, number);
}

#define MFI_NUMBERED(name, size, what)                                                             \
    MFI_OP(name) {                                                                                 \
        uint64_t number;                                                                           \
        const int r = mfi_take_number(d, k, (size), &number);                                      \
        return MFI_UNLIKELY(r != 0) ? r : what(MFI_PASS, number);                                  \
    }
MFI_NUMBERED(BINPUT, 1, memo_put)
MFI_NUMBERED(LONG_BINPUT, 4, memo_put)
MFI_NUMBERED(BINGET, 1, memo_get)
MFI_NUMBERED(LONG_BINGET, 4, memo_get)

/* ---- what is symbolic */

/* The two lines of GLOBAL and INST. The second may move the input, so the first is built before. */
MFI_INLINE mfi_slot named(MFI_MACHINE) {
    mfi_slot slots[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        const char *text;
        size_t size;
        if (mfi_decode_line(d, k, &text, &size) < 0)
            return 0;
        if (size == 0) {
            (void)mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "the name is empty");
            return 0;
        }
        slots[i] = b->str(c, text, size, NULL);
        if (slots[i] == 0) {
            (void)built_failed(MFI_PASS);
            return 0;
        }
    }
    const mfi_slot global = b->global(c, slots[0], slots[1], mfi_offset(d, k));
    if (global == 0)
        (void)built_failed(MFI_PASS);
    return global;
}

MFI_OP(GLOBAL) {
    const mfi_slot global = named(MFI_PASS);
    return global == 0 ? d->code : MFI_PUSH(global);
}

MFI_OP(STACK_GLOBAL) {
    const int r = have(d, k, 2);
    return r != 0 ? r : replace(MFI_PASS, 2, b->global(c, k->sp[-2], k->sp[-1], mfi_offset(d, k)));
}

MFI_INLINE int take_extension(MFI_MACHINE, unsigned width) {
    uint64_t code;
    const int r = mfi_take_number(d, k, width, &code);
    MFI_RETURN_IF_BAD(r);
    if (code == 0 || code > INT32_MAX)
        return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "extension codes are positive");
    return MFI_PUSH(b->extension(c, (uint32_t)code, mfi_offset(d, k)));
}

MFI_OP(EXT1) {
    return take_extension(MFI_PASS, 1);
}

MFI_OP(EXT2) {
    return take_extension(MFI_PASS, 2);
}

MFI_OP(EXT4) {
    return take_extension(MFI_PASS, 4);
}

MFI_OP(REDUCE) {
    const int r = have(d, k, 2);
    return r != 0 ? r : replace(MFI_PASS, 2, b->reduce(c, k->sp[-2], k->sp[-1], mfi_offset(d, k)));
}

MFI_OP(NEWOBJ) {
    const int r = have(d, k, 2);
    return r != 0 ? r : replace(MFI_PASS, 2, b->newobj(c, k->sp[-2], k->sp[-1], 0));
}

MFI_OP(NEWOBJ_EX) {
    const int r = have(d, k, 3);
    return r != 0 ? r : replace(MFI_PASS, 3, b->newobj(c, k->sp[-3], k->sp[-2], k->sp[-1]));
}

MFI_OP(INST) {
    mfi_slot *items = d->stack;
    size_t count = 0;
    const mfi_slot cls = named(MFI_PASS);
    if (cls == 0)
        return d->code;
    const int r = unmark(d, k, &items, &count);
    return r != 0 ? r : replace(MFI_PASS, count, b->instance(c, cls, items, count));
}

MFI_OP(OBJ) {
    mfi_slot *items = d->stack;
    size_t count = 0;
    const int r = unmark(d, k, &items, &count);
    MFI_RETURN_IF_BAD(r);
    if (count == 0)
        return mfi_decode_underflow(d, k);
    return replace(MFI_PASS, count, b->instance(c, items[0], items + 1, count - 1));
}

MFI_OP(BUILD) {
    int r = have(d, k, 2);
    MFI_RETURN_IF_BAD(r);
    r = built(MFI_PASS, b->build(c, k->sp[-2], k->sp[-1]));
    k->sp -= 1;
    return r;
}

MFI_OP(PERSID) {
    const char *text;
    size_t size;
    const int r = mfi_decode_line(d, k, &text, &size);
    MFI_RETURN_IF_BAD(r);
    const mfi_slot id = b->str(c, text, size, NULL);
    return id == 0 ? built_failed(MFI_PASS) : MFI_PUSH(b->persistent(c, id));
}

MFI_OP(BINPERSID) {
    const int r = have(d, k, 1);
    return r != 0 ? r : replace(MFI_PASS, 1, b->persistent(c, k->sp[-1]));
}

/* ---- the stream */

MFI_OP(PROTO) {
    (void)b, (void)c;
    uint64_t protocol;
    const int r = mfi_take_number(d, k, 1, &protocol);
    MFI_RETURN_IF_BAD(r);
    if (protocol > 5)
        return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "protocol %d is not known: 0 to 5 are",
                               (int)protocol);
    d->protocol = (int)protocol;
    return 0;
}

/* Frames only tell that so many bytes will come: they are made readable at once. */
MFI_OP(FRAME) {
    (void)b, (void)c;
    uint64_t size;
    const int r = mfi_take_number(d, k, 8, &size);
    return MFI_UNLIKELY(r != 0) ? r : mfi_need(d, k, size);
}

/* Runs the machine over one pickle. 0 and its value, k->at behind it; or the failure, with d->error
 * filled in. */
MFI_INLINE int mfi_decode(struct mfi_decoder *d, const struct mfi_builder *b, void *c,
                          struct mfi_cursor *at, mfi_slot *ret) {
    struct mfi_cursor cursor = *at, *k = &cursor;
    int r = 0;
    d->mark_count = 0;
    d->fence = k->sp = d->stack;
    do {
        k->op = k->at;
        if (MFI_UNLIKELY(k->at == d->end)) {
            r = mfi_decode_more(d, k, 1);
            MFI_RETURN_IF_BAD(r);
        }
        switch (*k->at++) {
#define MFI_CASE(name, code, argument, since)                                                      \
    case code:                                                                                     \
        r = op_##name(MFI_PASS);                                                                   \
        break;
            MFI_OPCODES(MFI_CASE)
#undef MFI_CASE
        default:
            r = mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "unknown opcode 0x%02x", *k->op);
        }
        if (b->trace != NULL && r >= 0) {
            const int traced = b->trace(c, k);
            if (traced < 0)
                return traced;
        }
    } while (MFI_LIKELY(r == 0));
    *at = cursor;
    if (r > 0)
        *ret = k->sp[-1];
    return r > 0 ? 0 : r;
}

#endif
