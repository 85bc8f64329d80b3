/* SPDX-License-Identifier: MIT
 *
 * Values as pickles: containers, and the whole.
 *
 * Batches, marks and the treatment of tuples that contain themselves follow CPython's pickler, so
 * that plain data comes out byte for byte the same.
 */
#define _GNU_SOURCE
#include "write.h"

#include <stdlib.h>

static _Atomic uint64_t next_stamp = 1;

static char *put_str(struct mfi_writer *w, char *q, void *node) {
    size_t size;
    const char *text = mfi_bytes(node, &size);
    CHECKED(mfi_put_text(&w->e, q, text, size));
    return mfi_write_store(w, q, node);
}

/* ---- levels ---------------------------------------------------------------------------------- */

char *mfi_write_enter(struct mfi_writer *w, char *q, void *node, enum mfi_level_kind kind) {
    if (w->depth == w->capacity) {
        const size_t capacity = w->capacity == 0 ? 64 : 2 * w->capacity;
        struct mfi_level *grown = mfi_sys.realloc(w->levels, capacity * sizeof *grown);
        if (grown == NULL)
            return mfi_pickle_fail(&w->e, -ENOMEM, "no memory for nested values");
        w->levels = grown;
        w->capacity = capacity;
    }
    w->levels[w->depth++] = (struct mfi_level){.node = node, .on = node, .kind = (uint8_t)kind};
    return q;
}

static char *begin_tuple(struct mfi_writer *w, char *q, struct mfi_tuple *tuple) {
    if (tuple->count == 0)
        return mfi_put(q, MFI_OP_EMPTY_TUPLE);
    return mfi_write_enter(w, tuple->count > 3 ? mfi_put(q, MFI_OP_MARK) : q, tuple,
                           MFI_LEVEL_TUPLE);
}

static char *begin_set(struct mfi_writer *w, char *q, struct mfi_dict *set) {
    const bool frozen = mfi_node_kind(set) == MAYFLY_FROZENSET;
    if (w->e.protocol < 4) { /* set([...]) */
        CHECKED(mfi_write_native(w, q, frozen ? MFI_NATIVE_FROZENSET : MFI_NATIVE_SET));
        q = mfi_put(mfi_put(q, MFI_OP_EMPTY_LIST), MFI_OP_MARK);
    } else if (frozen) {
        q = mfi_put(q, MFI_OP_MARK);
    } else {
        q = mfi_write_store(w, mfi_put(q, MFI_OP_EMPTY_SET), set);
        if (set->keys->count == 0)
            return q;
    }
    return mfi_write_enter(w, q, set,
                           frozen || w->e.protocol < 4 ? MFI_LEVEL_FROZEN : MFI_LEVEL_SET);
}

/* A node that is not written yet, of the less frequent kinds. */
static char *begin_rare(struct mfi_writer *w, char *q, void *node) {
    switch (mfi_node_kind(node)) {
    case MAYFLY_SET:
    case MAYFLY_FROZENSET:
        return begin_set(w, q, node);
    case MAYFLY_OBJECT:
        if (mfi_node_flags(node) & MFI_UNDERWAY)
            return mfi_write_enter(w, q, node, MFI_LEVEL_AGAIN);
        mfi_node_flag(node, MFI_UNDERWAY);
        return mfi_write_enter(w, q, node, MFI_LEVEL_OBJECT);
    case MAYFLY_GLOBAL:
    case MAYFLY_PERSISTENT:
        return mfi_write_enter(w, q, node, MFI_LEVEL_OBJECT);
    default:
        return mfi_write_rare(w, q, node);
    }
}

/* Writes a value, or begins a level for it. */
MFI_INLINE char *put_value(struct mfi_writer *w, char *q, mayfly_value v) {
    if (mfi_is_int(v))
        return mfi_put_int(q, mfi_word_int(v));
    if (mfi_is_float(v))
        return mfi_put_float(q, mfi_word_float(v));
    if (!mfi_is_node(v)) {
        if (v.bits == 0)
            return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "a value is absent");
        return mfi_put(q, v.bits == MFI_WORD_NONE   ? MFI_OP_NONE
                          : v.bits == MFI_WORD_TRUE ? MFI_OP_NEWTRUE
                                                    : MFI_OP_NEWFALSE);
    }
    void *node = mfi_node_of(v);
    if (mfi_is_written(w, node))
        return mfi_write_get(w, q, node);
    switch (mfi_node_kind(node)) {
    case MAYFLY_STR:
        return put_str(w, q, node);
    case MAYFLY_LIST:
        q = mfi_write_store(w, mfi_put(q, MFI_OP_EMPTY_LIST), node);
        return ((struct mfi_list *)node)->count == 0 ? q
                                                     : mfi_write_enter(w, q, node, MFI_LEVEL_LIST);
    case MAYFLY_DICT:
        q = mfi_write_store(w, mfi_put(q, MFI_OP_EMPTY_DICT), node);
        return ((struct mfi_dict *)node)->keys->count == 0
                   ? q
                   : mfi_write_enter(w, q, node, MFI_LEVEL_DICT);
    case MAYFLY_TUPLE:
        return begin_tuple(w, q, node);
    default:
        return begin_rare(w, q, node);
    }
}

char *mfi_write_value(struct mfi_writer *w, char *q, mayfly_value v) {
    CHECKED(mfi_pickle_room(&w->e, q));
    return put_value(w, q, v);
}

/* ---- going on with a level ------------------------------------------------------------------- */

/* Each of these writes parts until one of them begins a level of its own, or until it is at its end
 * and takes its level off. */

/* Where the batch began that the part before `i` belongs to. */
static uint64_t batch_of(uint64_t i, uint64_t size) {
    return i == 0 ? 0 : (i - 1) - (i - 1) % size;
}

static uint64_t batch_end(uint64_t first, uint64_t count, uint64_t size) {
    return count - first < size ? count : first + size;
}

static char *go_list(struct mfi_writer *w, char *q, const struct mfi_level *level,
                     enum mfi_opcode one, enum mfi_opcode many) {
    const uint64_t from = level->from;
    const struct mfi_list *list = level->node;
    const mayfly_value *items = list->items + from;
    const bool by_iterator = level->kind == MFI_LEVEL_ITEMS;
    const size_t depth = w->depth;
    const uint64_t count = list->count - from;
    uint64_t i = level->at - from;
    for (uint64_t first = batch_of(i, MFI_BATCH);; first = i) {
        const uint64_t end = batch_end(first, count, MFI_BATCH);
        const bool single = one != many && mfi_batch_single(first, count, by_iterator);
        if (i == first && !single)
            q = mfi_put(q, MFI_OP_MARK);
        while (i < end) {
            CHECKED(mfi_pickle_room(&w->e, q));
            CHECKED(put_value(w, q, items[i++]));
            if (MFI_UNLIKELY(w->depth != depth)) {
                w->levels[depth - 1].at = from + i;
                return q;
            }
        }
        q = mfi_put(q, single ? one : many);
        if (i == count)
            return mfi_write_leave(w, q);
    }
}

/* CPython begins another batch behind one that is full, even if there is nothing left for it. */
static char *go_dict(struct mfi_writer *w, char *q, const struct mfi_level *level) {
    enum { SIZE = 2 * MFI_BATCH };
    const uint64_t from = level->from;
    const struct mfi_dict *dict = level->node;
    const bool by_iterator = level->kind == MFI_LEVEL_PAIRS;
    const size_t depth = w->depth;
    const uint64_t parts = 2 * (uint64_t)dict->keys->count - from;
    const mayfly_value *keys = dict->keys->keys + from / 2, *values = dict->values + from / 2;
    uint64_t i = level->at - from;
    for (uint64_t first = batch_of(i, SIZE);; first = i) {
        const uint64_t end = batch_end(first, parts, SIZE);
        const bool single = mfi_batch_single(first / 2, parts / 2, by_iterator);
        if (i == first && !single)
            q = mfi_put(q, MFI_OP_MARK);
        while (i < end) {
            CHECKED(mfi_pickle_room(&w->e, q));
            CHECKED(put_value(w, q, i % 2 == 0 ? keys[i / 2] : values[i / 2]));
            i++;
            if (MFI_UNLIKELY(w->depth != depth)) {
                w->levels[depth - 1].at = from + i;
                return q;
            }
        }
        q = mfi_put(q, single ? MFI_OP_SETITEM : MFI_OP_SETITEMS);
        if (i == parts && (by_iterator || i - first < SIZE))
            return mfi_write_leave(w, q);
    }
}

static char *go_set(struct mfi_writer *w, char *q, const struct mfi_level *level) {
    const uint64_t from = level->from;
    const struct mfi_dict *set = level->node;
    const mayfly_value *keys = set->keys->keys + from;
    const size_t depth = w->depth;
    const uint64_t count = set->keys->count - from;
    uint64_t i = level->at - from;
    for (uint64_t first = batch_of(i, MFI_BATCH);; first = i) {
        const uint64_t end = batch_end(first, count, MFI_BATCH);
        if (i == first)
            q = mfi_put(q, MFI_OP_MARK);
        while (i < end) {
            CHECKED(mfi_pickle_room(&w->e, q));
            CHECKED(put_value(w, q, keys[i++]));
            if (MFI_UNLIKELY(w->depth != depth)) {
                w->levels[depth - 1].at = from + i;
                return q;
            }
        }
        q = mfi_put(q, MFI_OP_ADDITEMS);
        if (i == count && i - first < MFI_BATCH)
            return mfi_write_leave(w, q);
    }
}

/* A tuple or frozenset is stored only when its items are written. If it was met again inside them,
 * it is there by now: what was just written goes away, and that one is taken. */
static char *end_frozen(struct mfi_writer *w, char *q, void *node, uint64_t count, bool marked,
                        enum mfi_opcode op) {
    w->depth--;
    if (!mfi_is_written(w, node))
        return mfi_write_store(w, mfi_put(q, op), node);
    if (marked)
        return mfi_write_get(w, mfi_put(q, MFI_OP_POP_MARK), node);
    for (uint64_t i = 0; i < count; i++)
        q = mfi_put(q, MFI_OP_POP);
    return mfi_write_get(w, q, node);
}

static char *go_tuple(struct mfi_writer *w, char *q, struct mfi_level *level) {
    struct mfi_tuple *tuple = level->node;
    const size_t depth = w->depth;
    for (uint64_t i = level->at; i < tuple->count; i++) {
        CHECKED(mfi_pickle_room(&w->e, q));
        CHECKED(put_value(w, q, tuple->items[i]));
        if (w->depth != depth) {
            w->levels[depth - 1].at = i + 1;
            return q;
        }
    }
    static const enum mfi_opcode few[] = {MFI_OP_TUPLE, MFI_OP_TUPLE1, MFI_OP_TUPLE2,
                                          MFI_OP_TUPLE3};
    return end_frozen(w, q, tuple, tuple->count, tuple->count > 3,
                      few[tuple->count > 3 ? 0 : tuple->count]);
}

static char *go_frozen(struct mfi_writer *w, char *q, struct mfi_level *level) {
    struct mfi_dict *set = level->node;
    const size_t depth = w->depth;
    for (uint64_t i = level->at; i < set->keys->count; i++) {
        CHECKED(mfi_pickle_room(&w->e, q));
        CHECKED(put_value(w, q, set->keys->keys[i]));
        if (w->depth != depth) {
            w->levels[depth - 1].at = i + 1;
            return q;
        }
    }
    if (w->e.protocol >= 4)
        return end_frozen(w, q, set, 0, true, MFI_OP_FROZENSET);
    q = mfi_put(mfi_put(q, MFI_OP_APPENDS), MFI_OP_TUPLE1);
    return end_frozen(w, q, set, 2, false, MFI_OP_REDUCE);
}

static char *go_on(struct mfi_writer *w, char *q) {
    struct mfi_level *level = &w->levels[w->depth - 1];
    switch ((enum mfi_level_kind)level->kind) {
    case MFI_LEVEL_LIST:
        return go_list(w, q, level, MFI_OP_APPEND, MFI_OP_APPENDS);
    case MFI_LEVEL_ITEMS:
        return level->by_items ? go_list(w, q, level, MFI_OP_ADDITEMS, MFI_OP_ADDITEMS)
                               : go_list(w, q, level, MFI_OP_APPEND, MFI_OP_APPENDS);
    case MFI_LEVEL_DICT:
    case MFI_LEVEL_PAIRS:
        return go_dict(w, q, level);
    case MFI_LEVEL_SET:
        return go_set(w, q, level);
    case MFI_LEVEL_TUPLE:
        return go_tuple(w, q, level);
    case MFI_LEVEL_FROZEN:
        return go_frozen(w, q, level);
    case MFI_LEVEL_AGAIN:
        return mfi_write_again(w, q);
    default:
        return mfi_write_symbolic(w, q, level);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Later writings begin above the stamps of this one. */
static void retire_stamps(const struct mfi_writer *w) {
    const uint64_t next = w->base + w->e.memo_count;
    uint64_t known = atomic_load(&next_stamp);
    while (known < next && !atomic_compare_exchange_weak(&next_stamp, &known, next)) {
    }
}

static int write_all(struct mfi_writer *w, mayfly_value value, size_t *ret_size) {
    char *q = mfi_pickle_begin(&w->e);
    if (q != NULL)
        q = put_value(w, q, value);
    while (q != NULL && w->depth > 0) {
        q = mfi_pickle_fit(&w->e, q);
        if (q != NULL)
            q = go_on(w, q);
    }
    if (q != NULL && w->e.memo_count > UINT32_MAX)
        q = mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "more than 4294967295 values to remember");
    if (q != NULL)
        q = mfi_pickle_fit(&w->e, q);
    if (q != NULL)
        q = mfi_pickle_end(&w->e, q);
    retire_stamps(w);
    while (w->depth-- > 0)
        if (mfi_node_kind(w->levels[w->depth].node) == MAYFLY_OBJECT)
            mfi_node_unflag(w->levels[w->depth].node, MFI_UNDERWAY);
    free(w->levels);
    free(w->later);
    *ret_size = q == NULL ? 0 : (size_t)(q - w->e.base);
    return q == NULL ? w->e.code : 0;
}

int mfi_dump(mayfly_doc *doc, mayfly_value value, const mayfly_dump_options *options,
             mayfly_sink *sink, void *sink_context, char **ret, size_t *ret_size,
             mayfly_error *error) {
    struct mfi_writer w = {.doc = doc, .options = options, .base = atomic_load(&next_stamp)};
    const int failed = doc == NULL ? 0 : mayfly_doc_failed(doc, error);
    if (failed < 0)
        return failed;
    w.e.protocol = options->protocol == 0 ? 4 : options->protocol;
    w.e.sink = sink;
    w.e.sink_context = sink_context;
    w.e.error = error;
    if (w.e.protocol < 2 || w.e.protocol > 5)
        return mfi_fail(error, -EINVAL, "dump", NULL,
                        "protocol %d cannot be written: 2 to 5 can, 4 is usual", w.e.protocol);
    size_t size;
    const int r = write_all(&w, value, &size);
    if (r == 0 && ret != NULL) {
        *ret = w.e.base;
        *ret_size = size;
        return 0;
    }
    mfi_encoder_free(&w.e);
    return r;
}

int mayfly_dumps_sized(size_t options_size, mayfly_doc *doc, mayfly_value value,
                       const mayfly_dump_options *options, char **ret, size_t *ret_size,
                       mayfly_error *error) {
    mayfly_dump_options known;
    const int r = mfi_options_import(&known, sizeof known, options, options_size, "dump", error);
    return r < 0 ? r : mfi_dump(doc, value, &known, NULL, NULL, ret, ret_size, error);
}

int mayfly_dump_to_sized(size_t options_size, mayfly_doc *doc, mayfly_value value,
                         const mayfly_dump_options *options, mayfly_sink *sink, void *sink_context,
                         mayfly_error *error) {
    mayfly_dump_options known;
    const int r = mfi_options_import(&known, sizeof known, options, options_size, "dump", error);
    return r < 0 ? r : mfi_dump(doc, value, &known, sink, sink_context, NULL, NULL, error);
}
