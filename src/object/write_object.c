/* SPDX-License-Identifier: MIT
 *
 * Writing what is symbolic: globals, persistent ids, objects in stages.
 */
#define _GNU_SOURCE
#include "write.h"

static char *go_global(struct mfi_writer *w, char *q, struct mfi_level *level) {
    struct mfi_global *global = level->node;
    const char *module = mayfly_str_get(global->module, NULL);
    const char *name = mayfly_str_get(global->name, NULL);
    if (w->e.protocol < 4) {
        w->depth--;
        if (module == NULL || name == NULL)
            return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "a computed name needs protocol 4");
        CHECKED(mfi_write_global_line(w, q, module, name));
        CHECKED(mfi_pickle_fit(&w->e, q));
        return mfi_write_store(w, q, global);
    }
    const size_t depth = w->depth;
    while (level->at < 2) {
        const mayfly_value part = level->at++ == 0 ? global->module : global->name;
        CHECKED(mfi_write_value(w, q, part));
        if (w->depth != depth)
            return q;
    }
    w->depth--;
    return mfi_write_store(w, mfi_put(q, MFI_OP_STACK_GLOBAL), global);
}

static char *go_persistent(struct mfi_writer *w, char *q, struct mfi_level *level) {
    if (level->at++ == 0)
        return mfi_write_value(w, q, ((struct mfi_single *)level->node)->value);
    w->depth--;
    return mfi_put(q, MFI_OP_BINPERSID);
}

/* ---- objects --------------------------------------------------------------------------------- */

static uint64_t stage(enum mfi_stage n) {
    return (uint64_t)n << 32;
}

static bool by_partial(const struct mfi_writer *w, const struct mfi_object *object) {
    return object->form == MFI_NEWOBJ_EX && w->e.protocol < 4;
}

/* The n-th of the values that a list holds, if there are several, or that stands alone. */
static mayfly_value one_of(mayfly_value v, bool several, uint64_t n) {
    return several ? mfi_part(v, (size_t)n) : n == 0 ? v : mfi_word(0);
}

/* Before protocol 4 there is no opcode for keyword arguments. What CPython's pickler does instead
 * is
 *
 *     functools.partial(cls.__new__, cls, *arguments, **keywords)()
 *
 * where a partial is made of the function alone and gets the rest by its state. */
static char *begin_partial(struct mfi_writer *w, char *q) {
    CHECKED(mfi_write_global_line(w, q, "functools", "partial"));
    CHECKED(mfi_pickle_fit(&w->e, q));
    return mfi_write_global_line(w, q, "builtins", "getattr");
}

static char *go_partial(struct mfi_writer *w, char *q, struct mfi_level *level,
                        const struct mfi_object *object) {
    CHECKED(mfi_put_text(&w->e, q, "__new__", 7));
    q = mfi_put(mfi_put(q, MFI_OP_TUPLE2), MFI_OP_REDUCE);
    level->number = w->e.memo_count;
    q = mfi_put_store(&w->e, q);
    q = mfi_put(mfi_put(mfi_put(q, MFI_OP_TUPLE1), MFI_OP_REDUCE), MFI_OP_MARK);
    q = mfi_put(mfi_put_get(q, level->number), MFI_OP_MARK);
    level->at = stage(MFI_STAGE_ARGUMENTS);
    return mfi_write_value(w, q, object->callable);
}

/* INST and OBJ have their arguments between a mark and the opcode, and so has a partial. */
static char *go_arguments(struct mfi_writer *w, char *q, struct mfi_level *level,
                          struct mfi_object *object) {
    if (object->form != MFI_INSTANCE && !by_partial(w, object)) {
        level->at = stage(MFI_STAGE_KEYWORDS);
        return mfi_write_value(w, q, object->arguments);
    }
    const mayfly_value item = mfi_part(object->arguments, (size_t)(level->at & UINT32_MAX));
    level->at = item.bits == 0 ? stage(MFI_STAGE_KEYWORDS) : level->at + 1;
    return item.bits == 0 ? q : mfi_write_value(w, q, item);
}

static char *go_keywords(struct mfi_writer *w, char *q, struct mfi_level *level,
                         struct mfi_object *object) {
    level->at = stage(MFI_STAGE_MAKE);
    if (object->form != MFI_NEWOBJ_EX)
        return q;
    return mfi_write_value(w, by_partial(w, object) ? mfi_put(q, MFI_OP_TUPLE) : q,
                           object->keywords);
}

/* What is stored may be wanted, and a reader would not know that it is not. */
static char *store_made(struct mfi_writer *w, char *q, const struct mfi_level *level) {
    const struct mfi_object *object = level->node;
    const bool is_all =
        (object->items.bits | object->pairs.bits | object->state.bits | object->then.bits) == 0;
    return level->effect && is_all && level->later.first == 0 ? q
                                                              : mfi_write_store(w, q, level->node);
}

static char *make_object(struct mfi_writer *w, char *q, const struct mfi_level *level) {
    struct mfi_object *object = level->node;
    static const enum mfi_opcode makers[] = {MFI_OP_REDUCE, MFI_OP_NEWOBJ, MFI_OP_NEWOBJ_EX,
                                             MFI_OP_OBJ};
    mfi_node_unflag(object, MFI_UNDERWAY);
    if (!by_partial(w, object))
        return store_made(w, mfi_put(q, makers[object->form]), level);
    q = mfi_put(mfi_put(mfi_put(q, MFI_OP_NONE), MFI_OP_TUPLE), MFI_OP_BUILD);
    return store_made(w, mfi_put(mfi_put(q, MFI_OP_EMPTY_TUPLE), MFI_OP_REDUCE), level);
}

char *mfi_write_drop_object(struct mfi_writer *w, char *q, const struct mfi_level *level) {
    const struct mfi_object *object = level->node;
    const uint64_t next = level->at >> 32;
    unsigned marks = 0, below = 0; /* on the stack: marks with what is above them, and slots */
    if (mfi_node_kind(level->node) != MAYFLY_OBJECT)
        below = level->at > 1 ? 1 : 0; /* a module's name */
    else if (object->form == MFI_INSTANCE)
        marks = 1;
    else if (!by_partial(w, object))
        below = next <= MFI_STAGE_ARGUMENTS ? 0 : next == MFI_STAGE_KEYWORDS ? 1 : 2;
    else if (next == MFI_STAGE_PARTIAL)
        below = 2;
    else {
        marks = next == MFI_STAGE_MAKE ? 1 : 2;
        below = 1;
    }
    if (mfi_node_kind(level->node) == MAYFLY_OBJECT)
        mfi_node_unflag(level->node, MFI_UNDERWAY);
    for (; marks > 0; marks--)
        q = mfi_put(q, MFI_OP_POP_MARK);
    for (; below > 0; below--)
        q = mfi_put(q, MFI_OP_POP);
    return q;
}

static char *go_later(struct mfi_writer *w, char *q, struct mfi_level *level) {
    const size_t depth = w->depth;
    CHECKED(mfi_write_next_later(w, q, level));
    if (w->depth == depth)
        level->at = stage(MFI_STAGE_ITEMS);
    return q;
}

static char *begin_parts(struct mfi_writer *w, char *q, struct mfi_object *object,
                         enum mfi_level_kind kind) {
    const mayfly_value v = kind == MFI_LEVEL_ITEMS ? object->items : object->pairs;
    if (mayfly_count(v) == 0)
        return q;
    CHECKED(mfi_write_enter(w, q, mfi_node_of(v), kind));
    struct mfi_level *level = &w->levels[w->depth - 1];
    level->on = object;
    level->by_items = kind == MFI_LEVEL_ITEMS && (mfi_node_flags(object) & MFI_ADDED) != 0;
    return q;
}

/* A value that an opcode takes: BUILD states, POP the results of calls. */
static char *go_taken(struct mfi_writer *w, char *q, struct mfi_level *level, mayfly_value v,
                      enum mfi_opcode op, enum mfi_stage next) {
    if (level->taking)
        q = mfi_put(q, op);
    level->taking = v.bits != 0;
    level->at = v.bits == 0 ? stage(next) : level->at + 1;
    return v.bits == 0 ? q : mfi_write_value(w, q, v);
}

static char *go_then(struct mfi_writer *w, char *q, struct mfi_level *level,
                     const struct mfi_object *object, uint64_t n) {
    const size_t depth = w->depth;
    const mayfly_value call = object->then.bits == 0 ? object->then : mfi_part(object->then, n);
    CHECKED(go_taken(w, q, level, call, MFI_OP_POP, MFI_STAGE_END));
    if (w->depth > depth)
        w->levels[depth].effect = 1;
    return q;
}

static char *go_object(struct mfi_writer *w, char *q, struct mfi_level *level) {
    struct mfi_object *object = level->node;
    const uint64_t n = level->at & UINT32_MAX;
    const bool several = (mfi_node_flags(object) & MFI_STATES) != 0;
    switch ((enum mfi_stage)(level->at >> 32)) {
    case MFI_STAGE_CALLABLE:
        level->at = stage(by_partial(w, object) ? MFI_STAGE_PARTIAL : MFI_STAGE_ARGUMENTS);
        if (object->form == MFI_INSTANCE)
            q = mfi_put(q, MFI_OP_MARK);
        else if (by_partial(w, object))
            CHECKED(begin_partial(w, q));
        return mfi_write_value(w, q, object->callable);
    case MFI_STAGE_PARTIAL:
        return go_partial(w, q, level, object);
    case MFI_STAGE_ARGUMENTS:
        return go_arguments(w, q, level, object);
    case MFI_STAGE_KEYWORDS:
        return go_keywords(w, q, level, object);
    case MFI_STAGE_MAKE:
        level->at = stage(MFI_STAGE_LATER);
        return make_object(w, q, level);
    case MFI_STAGE_LATER:
        return go_later(w, q, level);
    case MFI_STAGE_ITEMS:
        level->at = stage(MFI_STAGE_PAIRS);
        if ((mfi_node_flags(object) & MFI_ADDED) && w->e.protocol < 4)
            return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "adding to a set needs protocol 4");
        return begin_parts(w, q, object, MFI_LEVEL_ITEMS);
    case MFI_STAGE_PAIRS:
        level->at = stage(MFI_STAGE_STATES);
        return begin_parts(w, q, object, MFI_LEVEL_PAIRS);
    case MFI_STAGE_STATES:
        return go_taken(w, q, level, one_of(object->state, several, n), MFI_OP_BUILD,
                        MFI_STAGE_THEN);
    case MFI_STAGE_THEN:
        return go_then(w, q, level, object, n);
    default:
        return mfi_write_leave(w, q);
    }
}

char *mfi_write_symbolic(struct mfi_writer *w, char *q, struct mfi_level *level) {
    switch (mfi_node_kind(level->node)) {
    case MAYFLY_GLOBAL:
        return go_global(w, q, level);
    case MAYFLY_PERSISTENT:
        return go_persistent(w, q, level);
    default:
        return go_object(w, q, level);
    }
}
