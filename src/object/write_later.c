/* SPDX-License-Identifier: MIT
 *
 * What leads back to an object while its arguments are written.
 *
 * An object is made of its arguments, so it cannot stand inside of them; but a list among them may
 * have got it as an item afterwards (the globals of a function that calls itself; an attribute of
 * an item of a set that has the set as its value). When the walk meets an object that is under way,
 * it goes back to something that can be finished later - a container that is filled item by item,
 * an instance whose state is still to come -, writes of it what there is, and remembers the rest
 * until the object is made. What lies between is taken off the stack again: what of it was stored
 * stays in the memo.
 *
 * What a call or BUILD takes directly, it copies as a rule (set([...]), a state): such a container
 * is gone past if there is something else.
 *
 * Source: the streams of dill's recursive functions, which are made in this order.
 */
#define _GNU_SOURCE
#include "write.h"

static bool is_container(const struct mfi_level *level) {
    return level->kind == MFI_LEVEL_LIST || level->kind == MFI_LEVEL_DICT ||
           level->kind == MFI_LEVEL_SET;
}

static bool is_made(const struct mfi_level *level) {
    return level->kind == MFI_LEVEL_OBJECT && mfi_node_kind(level->node) == MAYFLY_OBJECT &&
           level->at >> 32 > MFI_STAGE_LATER;
}

/* Whether a call or BUILD takes it, maybe inside of tuples. */
static bool is_consumed(const struct mfi_writer *w, size_t i) {
    do
        i--;
    while (w->levels[i].kind == MFI_LEVEL_TUPLE || w->levels[i].kind == MFI_LEVEL_FROZEN);
    const struct mfi_level *level = &w->levels[i];
    if (level->kind != MFI_LEVEL_OBJECT || mfi_node_kind(level->node) != MAYFLY_OBJECT)
        return false;
    const uint64_t stage = level->at >> 32;
    return stage <= MFI_STAGE_MAKE || stage == MFI_STAGE_STATES;
}

/* The level to put off, above that of the owner; 0: there is none. */
static size_t find_stop(const struct mfi_writer *w, size_t owner) {
    size_t outermost = 0;
    for (size_t i = w->depth - 1; i > owner; i--) {
        const struct mfi_level *level = &w->levels[i];
        if (level->kind == MFI_LEVEL_ITEMS || level->kind == MFI_LEVEL_PAIRS || is_made(level))
            return i;
        if (is_container(level)) {
            if (!is_consumed(w, i))
                return i;
            outermost = i;
        }
    }
    return outermost;
}

static void append(struct mfi_writer *w, struct mfi_queue *queue, struct mfi_queue more) {
    if (more.first == 0)
        return;
    if (queue->first == 0)
        queue->first = more.first;
    else
        w->later[queue->last - 1].next = more.first;
    queue->last = more.last;
}

static int remember(struct mfi_writer *w, struct mfi_queue *queue, const struct mfi_level *level) {
    if (w->later_count == w->later_capacity) {
        const size_t capacity = w->later_capacity == 0 ? 16 : 2 * w->later_capacity;
        struct mfi_later *grown =
            capacity > UINT32_MAX ? NULL : mfi_sys.realloc(w->later, capacity * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        w->later = grown;
        w->later_capacity = capacity;
    }
    w->later[w->later_count++] = (struct mfi_later){.node = level->node,
                                                    .on = level->on,
                                                    .at = level->at,
                                                    .kind = level->kind,
                                                    .by_items = level->by_items};
    const uint32_t number = (uint32_t)w->later_count;
    append(w, queue, (struct mfi_queue){number, number});
    return 0;
}

/* Gives a container what was written of it, without the part that is under way. */
static char *close_container(char *q, struct mfi_level *level) {
    const uint64_t i = --level->at - level->from; /* the part under way */
    if (level->kind == MFI_LEVEL_SET) {
        level->at = level->from + i;
        return mfi_put(q, MFI_OP_ADDITEMS);
    }
    if (level->kind == MFI_LEVEL_DICT || level->kind == MFI_LEVEL_PAIRS) {
        const struct mfi_dict *dict = level->node;
        const uint64_t parts = 2 * (uint64_t)dict->keys->count - level->from;
        const uint64_t first = i - i % ((uint64_t)2 * MFI_BATCH);
        if (i % 2 == 1) {
            q = mfi_put(q, MFI_OP_POP);
            level->at--;
        }
        return mfi_batch_single(first / 2, parts / 2, level->kind == MFI_LEVEL_PAIRS)
                   ? q
                   : mfi_put(q, MFI_OP_SETITEMS);
    }
    const uint64_t count = ((const struct mfi_list *)level->node)->count - level->from;
    if (level->by_items)
        return mfi_put(q, MFI_OP_ADDITEMS);
    return mfi_batch_single(i - i % MFI_BATCH, count, level->kind == MFI_LEVEL_ITEMS)
               ? q
               : mfi_put(q, MFI_OP_APPENDS);
}

static char *drop_frozen(const struct mfi_writer *w, char *q, const struct mfi_level *level) {
    if (level->kind == MFI_LEVEL_FROZEN) {
        q = mfi_put(q, MFI_OP_POP_MARK);
        return w->e.protocol >= 4 ? q : mfi_put(mfi_put(q, MFI_OP_POP), MFI_OP_POP);
    }
    if (((const struct mfi_tuple *)level->node)->count > 3)
        return mfi_put(q, MFI_OP_POP_MARK);
    for (uint64_t i = 1; i < level->at; i++)
        q = mfi_put(q, MFI_OP_POP);
    return q;
}

/* Takes the level at the top off, to be gone on with later or begun anew. */
static char *put_off(struct mfi_writer *w, char *q, bool is_stop, struct mfi_queue *waiting,
                     struct mfi_queue *orphans) {
    struct mfi_level *level = &w->levels[w->depth - 1];
    int r = 0;
    CHECKED(mfi_pickle_fit(&w->e, q));
    if (level->kind == MFI_LEVEL_TUPLE || level->kind == MFI_LEVEL_FROZEN) {
        q = drop_frozen(w, q, level);
    } else if (level->kind == MFI_LEVEL_OBJECT && !is_made(level)) {
        append(w, orphans, level->later);
        q = mfi_write_drop_object(w, q, level);
    } else {
        if (level->kind == MFI_LEVEL_OBJECT)
            level->at--; /* the state or call under way, once more */
        else
            q = close_container(q, level);
        r = remember(w, waiting, level);
        if (level->late || !is_stop)
            q = mfi_put(q, MFI_OP_POP);
    }
    w->depth--;
    return r == 0 ? q : mfi_pickle_fail(&w->e, r, "no memory for what has to wait");
}

char *mfi_write_again(struct mfi_writer *w, char *q) {
    const void *node = w->levels[--w->depth].node;
    size_t owner = w->depth;
    while (w->levels[--owner].node != node) {
    }
    const size_t stop = find_stop(w, owner);
    if (stop == 0)
        return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "an object is among its own arguments");
    struct mfi_queue *waiting = &w->levels[owner].later;
    struct mfi_queue orphans = {0, 0}; /* waited for what is begun anew, later than all here */
    while (w->depth > stop)
        CHECKED(put_off(w, q, w->depth - 1 == stop, waiting, &orphans));
    append(w, waiting, orphans);
    return q;
}

char *mfi_write_next_later(struct mfi_writer *w, char *q, struct mfi_level *owner) {
    if (owner->later.first == 0)
        return q;
    const struct mfi_later later = w->later[owner->later.first - 1];
    owner->later.first = later.next;
    q = mfi_write_get(w, q, later.on);
    CHECKED(mfi_write_enter(w, q, later.node, (enum mfi_level_kind)later.kind));
    struct mfi_level *level = &w->levels[w->depth - 1];
    level->on = later.on;
    level->late = 1;
    level->by_items = later.by_items;
    level->at = level->from = later.at;
    return q;
}
