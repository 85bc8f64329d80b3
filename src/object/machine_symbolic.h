/* SPDX-License-Identifier: MIT
 *
 * A part of machine.h, which includes it: the opcodes that name, call, make and fill what is no
 * plain data. They do nothing themselves; what becomes of them is the builder's matter.
 */
#ifndef MFI_MACHINE_SYMBOLIC_H
#define MFI_MACHINE_SYMBOLIC_H

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
    if (MFI_UNLIKELY(d->mark_count == 0))
        return unmark(d, k, &items, &count); /* which fails, before anything is imported */
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

#endif
