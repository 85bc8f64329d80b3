/* SPDX-License-Identifier: MIT
 *
 * The pickle machine, second half: what each opcode does, and the loop over them. Opcodes and their
 * arguments are those of CPython's pickletools; decode.h tells how the machine is used.
 */
#ifndef MFI_MACHINE_H
#define MFI_MACHINE_H

#include "decode.h"

/* ---- the opcodes ---- */

#define MFI_OP(name)   MFI_INLINE int op_##name(MFI_MACHINE)
#define MFI_PASS       d, b, c, k
#define MFI_PUSH(slot) push(MFI_PASS, (slot))
#define MFI_RETURN_IF_BAD(r)                                                                       \
    if (MFI_UNLIKELY((r) != 0))                                                                    \
    return (r)

/* Begins the next opcode if it is that one: what often follows, or comes in runs, needs no jump.
 * Who traces gets each by itself. */
MFI_INLINE bool next_is(MFI_MACHINE, enum mfi_opcode op) {
    (void)c;
    if (b->trace != NULL || k->at == d->end || *k->at != op)
        return false;
    k->op = k->at++;
    return true;
}

MFI_INLINE int then_memoize(MFI_MACHINE, int r) {
    return MFI_LIKELY(r == 0) && next_is(MFI_PASS, MFI_OP_MEMOIZE)
               ? memo_put(MFI_PASS, d->memo_count)
               : r;
}

MFI_OP(MARK) {
    (void)b, (void)c;
    if (MFI_UNLIKELY(d->mark_count == d->mark_capacity)) {
        const int r = mfi_decode_mark_room(d, MFI_AT(k));
        MFI_RETURN_IF_BAD(r);
    }
    d->marks[d->mark_count++] = (size_t)(k->sp - d->stack) | d->memo_count << MFI_MARK_HEIGHT;
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
    MFI_RETURN_IF_BAD(r);
    b->stored(c, k->sp[-1]); /* as if in the memo: to pop one of the two is not to throw it away */
    return MFI_PUSH(b->hold(c, k->sp[-1]));
}

MFI_OP(FLOAT) {
    const char *text;
    size_t size;
    double value;
    int r = mfi_take_line(d, k, &text, &size);
    MFI_RETURN_IF_BAD(r);
    size = mfi_number_size(text, size);
    r = mfi_float_parse(text, size, &value);
    if (r < 0)
        return mfi_decode_no_text(d, MFI_AT(k), text, size, r, "float");
    return MFI_PUSH(b->number(c, value));
}

MFI_OP(BINFLOAT) {
    int r;
    do {
        r = mfi_need(d, k, 8);
        MFI_RETURN_IF_BAD(r);
        const uint64_t bits = __builtin_bswap64(mfi_little(k->at, 8));
        double value;
        memcpy(&value, &bits, sizeof value);
        k->at += 8;
        r = MFI_PUSH(b->number(c, value));
    } while (MFI_LIKELY(r == 0) && next_is(MFI_PASS, MFI_OP_BINFLOAT));
    return r;
}

MFI_OP(INT) {
    const char *text;
    size_t size;
    bool is_bool = false;
    int64_t value = 0;
    int r = mfi_take_line(d, k, &text, &size);
    MFI_RETURN_IF_BAD(r);
    r = mfi_line_small_int(text, size, d->ways, &is_bool, &value);
    if (r == 0)
        return MFI_PUSH(is_bool ? b->boolean(c, value != 0) : b->integer(c, value));
    return MFI_PUSH(b->long_text(c, text, mfi_number_size(text, size)));
}

MFI_OP(LONG) {
    const char *text;
    size_t size;
    const int r = mfi_take_line(d, k, &text, &size);
    MFI_RETURN_IF_BAD(r);
    if (size > 0 && text[size - 1] == 'L')
        size--;
    return MFI_PUSH(b->long_text(c, text, mfi_number_size(text, size)));
}

/* Further ints. Their sizes are as good as random, so as little as can be is decided by jumps. */
MFI_INLINE int take_ints(MFI_MACHINE) {
    int r = 0;
    while (b->trace == NULL && r == 0 && d->end - k->at >= 10) {
        const unsigned op = *k->at;
        const bool is_long = op == MFI_OP_LONG1;
        unsigned size = op == MFI_OP_BININT ? 4 : op == MFI_OP_BININT1 ? 1 : 2;
        size = is_long ? k->at[1] : size;
        if ((!is_long && op != MFI_OP_BININT && op != MFI_OP_BININT1 && op != MFI_OP_BININT2) ||
            size - 1 > 7)
            break;
        const unsigned shift = 64 - 8 * size;
        const uint64_t top = mfi_little(k->at + 1 + is_long, 8) << shift;
        const int64_t with_sign = (int64_t)top >> shift;
        k->op = k->at;
        k->at += 1 + is_long + size;
        r = MFI_PUSH(
            b->integer(c, is_long || op == MFI_OP_BININT ? with_sign : (int64_t)(top >> shift)));
    }
    return r;
}

#define MFI_INTEGER(name, size, value)                                                             \
    MFI_OP(name) {                                                                                 \
        uint64_t x;                                                                                \
        int r = mfi_take_number(d, k, (size), &x);                                                 \
        MFI_RETURN_IF_BAD(r);                                                                      \
        r = MFI_PUSH(b->integer(c, (value)));                                                      \
        return MFI_UNLIKELY(r != 0) ? r : take_ints(MFI_PASS);                                     \
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
    const int r = take_long(MFI_PASS, 1);
    return MFI_UNLIKELY(r != 0) ? r : take_ints(MFI_PASS);
}

/* The lengths of LONG4 and BINSTRING are signed. */
MFI_INLINE int not_negative(struct mfi_decoder *d, struct mfi_cursor *k) {
    const int r = mfi_need(d, k, 4);
    MFI_RETURN_IF_BAD(r);
    return k->at[3] < 0x80
               ? 0
               : mfi_decode_fail(d, MFI_AT(k), MAYFLY_E_PICKLE, "its length is negative");
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
    return then_memoize(MFI_PASS, MFI_PUSH(b->str(c, (const char *)data, (size_t)size, d->end)));
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
    const int r = mfi_take_line_text(d, k, mfi_line_unescaped);
    return r != 0 ? r : MFI_PUSH(b->str(c, d->text.data, d->text.size, NULL));
}

MFI_OP(STRING) {
    const int r = mfi_take_line_text(d, k, mfi_line_quoted);
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
    return then_memoize(MFI_PASS, MFI_PUSH(b->list(c, NULL, 0)));
}

MFI_OP(EMPTY_TUPLE) {
    return MFI_PUSH(b->tuple(c, NULL, 0));
}

MFI_OP(EMPTY_DICT) {
    return then_memoize(MFI_PASS, MFI_PUSH(b->dict(c)));
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

MFI_OP(DICT) {
    mfi_slot *items = d->stack;
    size_t count = 0;
    int r = unmark(d, k, &items, &count);
    MFI_RETURN_IF_BAD(r);
    r = even(MFI_PASS, count);
    MFI_RETURN_IF_BAD(r);
    const mfi_slot dict = b->dict(c);
    if (dict == 0)
        return built_failed(MFI_PASS);
    k->sp = items;
    if (count > 0 && b->set_items(c, dict, items, count / 2) < 0) {
        r = built_failed(MFI_PASS);
        (void)b->drop(c, dict, 0);
        return r;
    }
    return MFI_PUSH(dict);
}

MFI_OP(APPEND) {
    int r = have(d, k, 2);
    MFI_RETURN_IF_BAD(r);
    r = built(MFI_PASS, b->append(c, k->sp[-2], k->sp - 1, 1));
    k->sp -= 1;
    return r;
}

MFI_OP(APPENDS) {
    return give_marked(MFI_PASS, 1, b->append);
}

MFI_OP(SETITEM) {
    int r = have(d, k, 3);
    MFI_RETURN_IF_BAD(r);
    if (b->fold != NULL && b->fold(c, k, k->sp - 2, 1, UINT64_MAX, d->fence) > 0)
        return 0;
    r = built(MFI_PASS, b->set_items(c, k->sp[-3], k->sp - 2, 1));
    k->sp -= 2;
    return r;
}

MFI_OP(SETITEMS) {
    return b->fold != NULL && fold_marked(MFI_PASS) ? 0 : give_marked(MFI_PASS, 2, b->set_items);
}

MFI_OP(ADDITEMS) {
    return give_marked(MFI_PASS, 1, b->add_items);
}

/* ---- the memo */

MFI_OP(MEMOIZE) {
    return memo_put(MFI_PASS, d->memo_count);
}

MFI_OP(PUT) {
    const char *text;
    size_t size;
    uint64_t number;
    int r = mfi_take_line(d, k, &text, &size);
    MFI_RETURN_IF_BAD(r);
    r = have(d, k, 1); /* before the number is looked at, as in CPython */
    MFI_RETURN_IF_BAD(r);
    r = mfi_line_number(d, MFI_AT(k), text, size, MFI_FAULT_TEXT, &number);
    return r != 0 ? r : memo_put(MFI_PASS, number);
}

MFI_OP(GET) {
    const char *text;
    size_t size;
    uint64_t number;
    int r = mfi_take_line(d, k, &text, &size);
    MFI_RETURN_IF_BAD(r);
    r = mfi_line_number(d, MFI_AT(k), text, size, MFI_FAULT_PICKLE, &number);
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
        if (mfi_take_line(d, k, &text, &size) < 0)
            break;
        if (size == 0)
            (void)mfi_decode_fail(d, MFI_AT(k), MAYFLY_E_PICKLE, "the name is empty");
        else if ((slots[i] = b->str(c, text, size, NULL)) == 0)
            (void)built_failed(MFI_PASS);
        if (slots[i] == 0)
            break;
    }
    if (slots[1] == 0) {
        if (slots[0] != 0)
            (void)b->drop(c, slots[0], 0);
        return 0;
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
        return mfi_decode_fail(d, MFI_AT(k), MAYFLY_E_PICKLE, "extension codes are positive");
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
    if (d->mark_count == 0)
        return unmark(d, k, &items, &count);
    const mfi_slot cls = named(MFI_PASS);
    if (cls == 0)
        return d->code;
    const int r = unmark(d, k, &items, &count);
    if (r != 0)
        (void)b->drop(c, cls, 0);
    return r != 0 ? r : replace(MFI_PASS, count, b->instance(c, cls, items, count));
}

MFI_OP(OBJ) {
    mfi_slot *items = d->stack;
    size_t count = 0;
    const int r = unmark(d, k, &items, &count);
    MFI_RETURN_IF_BAD(r);
    if (count == 0)
        return mfi_decode_underflow(d, MFI_AT(k));
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
    const int r = mfi_take_line(d, k, &text, &size);
    MFI_RETURN_IF_BAD(r);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] >= 0x80)
            return mfi_decode_fail(d, MFI_AT(k), MAYFLY_E_PICKLE, "its id is not ASCII");
    const mfi_slot id = b->str(c, text, size, NULL);
    return id == 0 ? built_failed(MFI_PASS) : MFI_PUSH(b->persistent(c, id));
}

MFI_OP(BINPERSID) {
    const int r = have(d, k, 1);
    return r != 0 ? r : replace(MFI_PASS, 1, b->persistent(c, k->sp[-1]));
}

/* ---- the stream */

MFI_OP(PROTO) {
    (void)c;
    uint64_t protocol;
    const int r = mfi_take_number(d, k, 1, &protocol);
    MFI_RETURN_IF_BAD(r);
    if (protocol > 5 && b->trace == NULL) {
        d->fault = MFI_FAULT_PROTOCOL;
        return mfi_decode_fail(d, MFI_AT(k), MAYFLY_E_PICKLE,
                               "unsupported pickle protocol: %d; 0 to 5 are known", (int)protocol);
    }
    d->protocol = (int)protocol;
    return 0;
}

/* Frames only tell that so many bytes will come: they are made readable at once. Who lists opcodes
 * (with a trace) wants to see those of a cut one, too, and what else is wrong only in its sense. */
MFI_OP(FRAME) {
    (void)c;
    uint64_t size;
    const int r = mfi_take_number(d, k, 8, &size);
    if (b->trace != NULL)
        return r;
    MFI_RETURN_IF_BAD(r);
    return mfi_enter_frame(d, k, size);
}

/* Runs the machine over one pickle. 0 and its value, at->at behind it, what else is on the stack
 * below at->sp; or the failure, with d->error filled in. */
MFI_INLINE int mfi_decode(struct mfi_decoder *d, const struct mfi_builder *b, void *c,
                          struct mfi_cursor *at, mfi_slot *ret) {
    struct mfi_cursor cursor = *at, *k = &cursor;
    int r = 0;
    d->mark_count = 0;
    if (d->stack == NULL) {
        k->op = k->at;
        r = mfi_grow(d, k);
        MFI_RETURN_IF_BAD(r);
    }
    d->fence = k->sp = d->stack;
    do {
        k->op = k->at;
        if (MFI_UNLIKELY(k->at == d->end) && (r = mfi_more(d, k, 1)) != 0)
            break;
        switch (*k->at++) {
#define MFI_CASE(name, code, argument, since)                                                      \
    case code:                                                                                     \
        r = op_##name(MFI_PASS);                                                                   \
        break;
            MFI_OPCODES(MFI_CASE)
#undef MFI_CASE
        default:
            r = mfi_decode_fail(d, MFI_AT(k), MAYFLY_E_PICKLE, "unknown opcode 0x%02x", *k->op);
        }
        if (b->trace != NULL && r >= 0) {
            const int traced = b->trace(c, MFI_AT(k));
            r = traced < 0 ? traced : r;
        }
    } while (MFI_LIKELY(r == 0));
    mfi_leave_frame(d);
    *at = cursor;
    if (r > 0)
        *ret = k->sp[-1];
    return r > 0 ? 0 : r;
}

#endif
