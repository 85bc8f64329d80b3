/* SPDX-License-Identifier: MIT
 *
 * The pickle machine: every opcode's logic, limits and error positions, once, for whatever is
 * built.
 *
 * mfi_decode() (machine.h) is inlined into each of its users together with a constant table of
 * functions that build (struct mfi_builder), so that the compiler sees through it: the values of
 * this library (read.c), nothing at all (disassemble.c), objects of a language binding. Here is
 * what the opcodes there stand on: the input, the stack, the memo.
 *
 * A slot is a word that the builder understands; 0 is none. The machine has a stack of slots, marks
 * on it, and a memo. It does not recurse.
 *
 * Invariant   what an opcode takes lies above the topmost mark (the fence), as in CPython; a length
 *             is compared with what the input has before anything is allocated for it.
 */
#ifndef MFI_DECODE_H
#define MFI_DECODE_H

#include <endian.h>
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
    /* The same up to the end of a line; NULL: `more` is asked for byte after byte. */
    int (*line)(struct mfi_decoder *d, const uint8_t **op, const uint8_t **at);
    void *context;
};

/* What a user of the machine may want to tell apart without reading sentences. */
enum mfi_fault {
    MFI_FAULT_PICKLE = 0, /* what is not said below */
    MFI_FAULT_END,        /* the input ends where an opcode should be */
    MFI_FAULT_TEXT,       /* an argument that is a line is not what it should be */
    MFI_FAULT_PROTOCOL,   /* a protocol that is not known */
    MFI_FAULT_SIZE,       /* a size beyond any memory */
};

/* What newer CPythons refuse, or read in another way. */
enum mfi_way {
    MFI_WAY_DECIMAL = 1, /* a whole number in a line, as int(line, 10) reads it: else base 0 */
    MFI_WAY_BOOLS = 2,   /* True and False are 01 and 00, and nothing else of that length */
    MFI_WAY_FRAMES = 4,  /* what begins within a frame has to end there */
    MFI_WAY_EMPTY = 8,   /* what is given no items must be able to take some */
};

struct mfi_decoder {
    const uint8_t *begin, *end; /* what of the input is readable: the window */
    const uint8_t *beyond;      /* with MFI_WAY_FRAMES in a frame, which `end` is that of: the
                                   window's; else NULL */
    uint64_t before;            /* bytes of the input before the window */
    struct mfi_source source;

    mfi_slot *stack, *limit, *fence;
    size_t *marks;                               /* MFI_MARK_HEIGHT bits: heights of the stack;
                                                    above them: of the memo, as far as fits */
    size_t mark_count, mark_capacity, mark_room; /* room: what is allocated */
    mfi_slot *memo;                              /* by number; 0: nothing */
    size_t memo_size, memo_capacity;
    uint64_t memo_count;    /* how many numbers are taken */
    struct mfi_map sparse;  /* number + 1 -> slot, for numbers far beyond memo_size */
    struct mfi_buffer text; /* an argument without its escapes */

    uint64_t *bytes;    /* memory counted so far, with that of what is built */
    uint64_t own_bytes; /* of them, those of the machine itself */
    uint64_t max_bytes, max_marks;
    int protocol;  /* as the stream says; 0 until then */
    unsigned ways; /* enum mfi_way */
    int code;      /* of the failure */
    enum mfi_fault fault;
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
 * stack.
 *
 * Ownership   a slot on the stack or in the memo is a reference. What is taken from the stack
 *             (items, pairs, names, callables, arguments, states, ids) is the builder's, also when
 *             it fails; what stays below (the list that gets items, the object that gets a state)
 *             is not. After a failure the stack up to the cursor's sp, and always the memo, are
 *             the user's to drop. */
struct mfi_builder {
    mfi_slot (*none)(void *c);
    mfi_slot (*boolean)(void *c, bool value);
    mfi_slot (*integer)(void *c, int64_t value);
    mfi_slot (*long_bytes)(void *c, const uint8_t *bytes, size_t size);
    mfi_slot (*long_text)(void *c, const char *text, size_t size); /* see enum mfi_way */
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
    mfi_slot (*recall)(void *c, mfi_slot *stored);       /* the same of what the memo has */
    int (*drop)(void *c, mfi_slot slot, mfi_slot below); /* popped; below: or 0 */
    void (*stored)(void *c, mfi_slot slot);
    /* SETITEM and SETITEMS, before `set_items`, which is not called if this returns 1: it took the
     * pairs and the dict below them, and what follows in the input, and moved the cursor; or NULL.
     * `memo` is how much the memo had when the mark was set, its lowest bits;
     * UINT64_MAX: there was none. */
    int (*fold)(void *c, struct mfi_cursor *k, mfi_slot *pairs, size_t count, uint64_t memo,
                const mfi_slot *fence);
    int (*trace)(void *c, const struct mfi_cursor *k); /* after each opcode; or NULL */
    int (*why)(void *c, const char **ret);             /* the code and the reason */
};

/* The members of a builder whose functions have these names. */
#define MFI_BUILT_BY_THEIR_NAMES                                                                   \
    .none = make_none, .boolean = make_bool, .integer = make_int, .long_bytes = make_long,         \
    .long_text = make_long_text, .number = make_float, .str = make_str, .old_str = make_old_str,   \
    .bytes = make_bytes, .bytearray = make_bytearray, .list = make_list, .tuple = make_tuple,      \
    .dict = make_dict, .set = make_set, .frozenset = make_frozenset, .append = append_items,       \
    .set_items = set_items, .add_items = add_items, .global = make_global,                         \
    .extension = make_extension, .reduce = make_call, .newobj = make_newobj,                       \
    .instance = make_instance, .build = build, .persistent = make_persistent,                      \
    .buffer = make_buffer, .readonly = make_readonly, .hold = hold, .recall = recall,              \
    .drop = drop, .stored = stored, .why = why

/* What is not worth inlining (decode.c). */
MFI_COLD int mfi_decode_fail(struct mfi_decoder *d, const struct mfi_cursor *k, int code,
                             const char *format, ...) MFI_PRINTF(4, 5);
MFI_COLD int mfi_decode_underflow(struct mfi_decoder *d, const struct mfi_cursor *k);
MFI_COLD int mfi_decode_more(struct mfi_decoder *d, struct mfi_cursor *k, uint64_t need);
MFI_COLD int mfi_decode_grow(struct mfi_decoder *d, struct mfi_cursor *k);
MFI_COLD int mfi_decode_mark_room(struct mfi_decoder *d, const struct mfi_cursor *k);
MFI_COLD int mfi_memo_far(struct mfi_decoder *d, const struct mfi_cursor *k, uint64_t number,
                          mfi_slot slot, mfi_slot *ret_replaced);
MFI_COLD mfi_slot *mfi_memo_find_far(const struct mfi_decoder *d, uint64_t number);
MFI_COLD int mfi_decode_no_text(struct mfi_decoder *d, const struct mfi_cursor *k, const char *text,
                                size_t size, int code, const char *what);
int mfi_decode_line(struct mfi_decoder *d, struct mfi_cursor *k, const char **ret,
                    size_t *ret_size);
/* `if_negative`: what kind of fault a number below 0 is. */
int mfi_line_number(struct mfi_decoder *d, const struct mfi_cursor *k, const char *text,
                    size_t size, enum mfi_fault if_negative, uint64_t *ret);
int mfi_line_small_int(const char *text, size_t size, unsigned ways, bool *ret_bool, int64_t *ret);
int mfi_line_quoted(struct mfi_decoder *d, struct mfi_cursor *k);    /* into d->text */
int mfi_line_unescaped(struct mfi_decoder *d, struct mfi_cursor *k); /* into d->text */
/* Forgets what the pickles so far stored. */
void mfi_decoder_forget(struct mfi_decoder *d);
/* Frees what the machine itself has, and no longer counts it. */
void mfi_decoder_free(struct mfi_decoder *d);

/* ---- taking from the input and the stack ---- */

/* What is inlined holds the cursor in registers, as long as nobody else gets its address: functions
 * that are called get a copy. */
#define MFI_AT(k) ((const struct mfi_cursor[]){*(k)})

MFI_INLINE void mfi_leave_frame(struct mfi_decoder *d) {
    d->end = d->beyond == NULL ? d->end : d->beyond;
    d->beyond = NULL;
}

MFI_COLD int mfi_decode_frame(struct mfi_decoder *d, struct mfi_cursor *k, uint64_t size);
MFI_INLINE int mfi_enter_frame(struct mfi_decoder *d, struct mfi_cursor *k, uint64_t size) {
    struct mfi_cursor moved = *k;
    const int r = mfi_decode_frame(d, &moved, size);
    *k = moved;
    return r;
}

MFI_INLINE int mfi_more(struct mfi_decoder *d, struct mfi_cursor *k, uint64_t need) {
    struct mfi_cursor moved = *k;
    const int r = mfi_decode_more(d, &moved, need);
    *k = moved;
    return r;
}

MFI_INLINE int mfi_grow(struct mfi_decoder *d, struct mfi_cursor *k) {
    struct mfi_cursor moved = *k;
    const int r = mfi_decode_grow(d, &moved);
    *k = moved;
    return r;
}

MFI_INLINE int mfi_take_line(struct mfi_decoder *d, struct mfi_cursor *k, const char **ret,
                             size_t *ret_size) {
    struct mfi_cursor moved = *k;
    const int r = mfi_decode_line(d, &moved, ret, ret_size);
    *k = moved;
    return r;
}

/* How much of a line is a number's text: CPython's ends at a NUL. */
MFI_INLINE size_t mfi_number_size(const char *text, size_t size) {
    return strnlen(text, size);
}

MFI_INLINE int mfi_take_line_text(struct mfi_decoder *d, struct mfi_cursor *k,
                                  int (*take)(struct mfi_decoder *d, struct mfi_cursor *k)) {
    struct mfi_cursor moved = *k;
    const int r = take(d, &moved);
    *k = moved;
    return r;
}

MFI_INLINE int mfi_need(struct mfi_decoder *d, struct mfi_cursor *k, uint64_t size) {
    return MFI_LIKELY((uint64_t)(d->end - k->at) >= size) ? 0 : mfi_more(d, k, size);
}

MFI_INLINE uint64_t mfi_little(const uint8_t *from, unsigned size) {
    uint64_t x = 0;
    memcpy(&x, from, size);
    return le64toh(x);
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

MFI_COLD static int say_why(struct mfi_decoder *d, const struct mfi_builder *b, void *c,
                            const struct mfi_cursor *k) {
    const char *reason = "";
    const int code = b->why(c, &reason);
    return mfi_decode_fail(d, k, code, "%s", reason);
}

#define MFI_MACHINE                                                                                \
    struct mfi_decoder *d, const struct mfi_builder *b, void *c, struct mfi_cursor *k

MFI_INLINE int built_failed(MFI_MACHINE) {
    return say_why(d, b, c, MFI_AT(k));
}

MFI_INLINE int push(MFI_MACHINE, mfi_slot slot) {
    if (MFI_UNLIKELY(slot == 0))
        return built_failed(d, b, c, k);
    if (MFI_UNLIKELY(k->sp == d->limit)) {
        const int r = mfi_grow(d, k);
        if (r < 0) {
            (void)b->drop(c, slot, 0);
            return r;
        }
    }
    *k->sp++ = slot;
    return 0;
}

/* Whether `count` slots lie above the fence. */
MFI_INLINE int have(struct mfi_decoder *d, const struct mfi_cursor *k, size_t count) {
    return MFI_LIKELY((size_t)(k->sp - d->fence) >= count) ? 0 : mfi_decode_underflow(d, MFI_AT(k));
}

enum { MFI_MARK_HEIGHT = 40 };

MFI_INLINE size_t mark_height(size_t mark) {
    return mark & (((size_t)1 << MFI_MARK_HEIGHT) - 1);
}

/* Takes the topmost mark away: the slots above it are items. */
MFI_INLINE int unmark(struct mfi_decoder *d, const struct mfi_cursor *k, mfi_slot **ret_items,
                      size_t *ret_count) {
    if (MFI_UNLIKELY(d->mark_count == 0))
        return mfi_decode_fail(d, MFI_AT(k), MAYFLY_E_PICKLE, "there is no mark on the stack");
    *ret_items = d->stack + mark_height(d->marks[--d->mark_count]);
    *ret_count = (size_t)(k->sp - *ret_items);
    d->fence = d->mark_count == 0 ? d->stack : d->stack + mark_height(d->marks[d->mark_count - 1]);
    return 0;
}

/* The same for opcodes that give the items to what lies below the mark. */
MFI_INLINE int unmark_below(struct mfi_decoder *d, const struct mfi_cursor *k, mfi_slot **ret_items,
                            size_t *ret_count) {
    const int r = unmark(d, k, ret_items, ret_count);
    if (MFI_UNLIKELY(r != 0))
        return r;
    return MFI_LIKELY(*ret_items > d->fence) ? 0 : mfi_decode_underflow(d, MFI_AT(k));
}

MFI_INLINE int built(MFI_MACHINE, int r) {
    return MFI_LIKELY(r >= 0) ? 0 : built_failed(d, b, c, k);
}

/* Replaces the topmost `count` slots, which the builder has taken, by one. */
MFI_INLINE int replace(MFI_MACHINE, size_t count, mfi_slot slot) {
    k->sp -= count;
    return push(d, b, c, k, slot);
}

MFI_INLINE int even(MFI_MACHINE, size_t count) {
    (void)c;
    return MFI_LIKELY(count % 2 == 0 || b->trace != NULL)
               ? 0
               : mfi_decode_fail(d, MFI_AT(k), MAYFLY_E_PICKLE, "a key without a value");
}

/* Gives what lies above the mark to what is below it; `width` slots make an item. */
MFI_INLINE int give_marked(MFI_MACHINE, size_t width,
                           int (*give)(void *c, mfi_slot to, const mfi_slot *items, size_t count)) {
    mfi_slot *items = d->stack;
    size_t count = 0;
    int r = unmark_below(d, k, &items, &count);
    if (MFI_UNLIKELY(r != 0))
        return r;
    if (width == 2) {
        r = even(d, b, c, k, count);
        if (MFI_UNLIKELY(r != 0))
            return r;
    }
    if (MFI_LIKELY(count > 0) || (width == 1 && (d->ways & MFI_WAY_EMPTY) != 0))
        r = built(d, b, c, k, give(c, items[-1], items, count / width));
    k->sp = items;
    return r;
}

/* Offers the pairs above the topmost mark to `fold`; whether it took them, and with them the mark.
 */
MFI_INLINE bool fold_marked(MFI_MACHINE) {
    if (MFI_UNLIKELY(d->mark_count == 0))
        return false;
    const size_t mark = d->marks[d->mark_count - 1];
    mfi_slot *pairs = d->stack + mark_height(mark);
    const size_t count = (size_t)(k->sp - pairs);
    mfi_slot *fence =
        d->stack + (d->mark_count == 1 ? 0 : mark_height(d->marks[d->mark_count - 2]));
    if (count < 2 || count % 2 != 0 || pairs <= fence ||
        b->fold(c, k, pairs, count / 2, mark >> MFI_MARK_HEIGHT, fence) <= 0)
        return false;
    d->mark_count--;
    d->fence = fence;
    return true;
}

/* ---- the memo ---- */

MFI_INLINE int memo_put(MFI_MACHINE, uint64_t number) {
    if (MFI_UNLIKELY(k->sp == d->fence))
        return mfi_decode_underflow(d, MFI_AT(k));
    const mfi_slot slot = b->hold(c, k->sp[-1]);
    b->stored(c, slot);
    if (MFI_LIKELY(number == d->memo_size && d->memo_size < d->memo_capacity)) {
        d->memo[d->memo_size++] = slot;
        d->memo_count++;
        return 0;
    }
    mfi_slot replaced = 0;
    const int r = mfi_memo_far(d, MFI_AT(k), number, slot, &replaced);
    if (r < 0)
        replaced = slot;
    if (replaced != 0)
        (void)b->drop(c, replaced, 0);
    return r;
}

MFI_INLINE int memo_get(MFI_MACHINE, uint64_t number) {
    mfi_slot *at = MFI_LIKELY(number < d->memo_size) ? &d->memo[number] : NULL;
    if (MFI_UNLIKELY(at == NULL || *at == 0) && (at = mfi_memo_find_far(d, number)) == NULL)
        return mfi_decode_fail(d, MFI_AT(k), MAYFLY_E_PICKLE,
                               "nothing was stored under number %llu", (unsigned long long)number);
    return push(d, b, c, k, b->recall(c, at));
}

#endif
