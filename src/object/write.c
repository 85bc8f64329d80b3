/* SPDX-License-Identifier: MIT
 *
 * Values as pickles.
 *
 * The walk keeps its own stack of levels, one for each container under way, so that depth costs
 * memory and not the program's stack. A node that was written carries a stamp: which writing it
 * was, and the number under which it is stored. Stamps only ever grow, over all documents, so
 * that nothing has to be cleared afterwards.
 *
 * Batches, marks and the treatment of tuples that contain themselves follow CPython's pickler, so
 * that plain data comes out byte for byte the same.
 */
#define _GNU_SOURCE
#include "write.h"

#include <stdlib.h>

static _Atomic uint64_t next_stamp = 1;

enum level_kind {
    LEVEL_LIST,
    LEVEL_DICT,
    LEVEL_SET,
    LEVEL_TUPLE,
    LEVEL_FROZEN,
    LEVEL_OBJECT,
    LEVEL_ITEMS,
    LEVEL_PAIRS
};

struct level {
    void *node;
    uint64_t at; /* the next part */
    uint8_t kind;
    uint8_t by_items; /* LEVEL_ITEMS: ADDITEMS instead of APPENDS */
};

struct writer {
    struct mfi_encoder e;
    uint64_t base; /* the stamp of number 0 */
    struct level *levels;
    size_t depth, capacity;
    uint64_t builtins;  /* number + 1 of the text "builtins"; 0: not written yet */
    uint64_t native[4]; /* the same, of the globals below */
    const mayfly_dump_options *options;
};

enum native { NATIVE_SET, NATIVE_FROZENSET, NATIVE_BYTEARRAY, NATIVE_COMPLEX };
static const char *const native_names[] = {"set", "frozenset", "bytearray", "complex"};

#define CHECKED(expression)                                                                        \
    do {                                                                                           \
        if ((q = (expression)) == NULL)                                                            \
            return NULL;                                                                           \
    } while (0)

/* ---- the memo -------------------------------------------------------------------------------- */

MFI_INLINE bool is_stored(const struct writer *w, const void *node) {
    return mfi_stamp(node) >= w->base;
}

MFI_INLINE char *store(struct writer *w, char *q, void *node) {
    mfi_set_stamp(node, w->base + w->e.memo_count);
    return mfi_put_store(&w->e, q);
}

MFI_INLINE char *get(struct writer *w, char *q, const void *node) {
    return mfi_put_get(q, mfi_stamp(node) - w->base);
}

/* ---- globals --------------------------------------------------------------------------------- */

static char *put_literal(struct writer *w, char *q, const char *text) {
    return mfi_put_text(&w->e, q, text, strlen(text));
}

/* A global of the older protocols: attributes of attributes need getattr there. */
static char *global_line(struct writer *w, char *q, const char *module, const char *name) {
    const char *dot = strchr(name, '.');
    const char *get_module = w->e.protocol < 3 ? "__builtin__" : "builtins";
    for (const char *at = dot; at != NULL; at = strchr(at + 1, '.'))
        CHECKED(mfi_pickle_room(&w->e, mfi_pickle_global_line(&w->e, q, get_module, "getattr")));
    char first[256];
    const size_t size = dot == NULL ? strlen(name) : (size_t)(dot - name);
    if (size >= sizeof first)
        return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "\"%.80s...\": the name is too long", name);
    memcpy(first, name, size);
    first[size] = '\0';
    const char *m = module, *n = first;
    if (w->e.protocol < 3)
        (void)mfi_name_to_2(&m, &n);
    CHECKED(mfi_pickle_global_line(&w->e, q, m, n));
    while (dot != NULL) {
        const char *part = dot + 1;
        dot = strchr(part, '.');
        CHECKED(mfi_pickle_room(&w->e, q));
        CHECKED(mfi_put_text(&w->e, q, part, dot == NULL ? strlen(part) : (size_t)(dot - part)));
        q = mfi_put(mfi_put(q, MFI_OP_TUPLE2), MFI_OP_REDUCE);
    }
    return q;
}

static char *put_native(struct writer *w, char *q, enum native native) {
    CHECKED(mfi_pickle_room(&w->e, q));
    if (w->native[native] != 0)
        return mfi_put_get(q, w->native[native] - 1);
    if (w->e.protocol < 4) {
        CHECKED(global_line(w, q, "builtins", native_names[native]));
    } else {
        if (w->builtins != 0) {
            q = mfi_put_get(q, w->builtins - 1);
        } else {
            CHECKED(put_literal(w, q, "builtins"));
            q = mfi_put_store(&w->e, q);
            w->builtins = w->e.memo_count;
        }
        CHECKED(mfi_pickle_room(&w->e, q));
        CHECKED(put_literal(w, q, native_names[native]));
        q = mfi_put(mfi_put_store(&w->e, q), MFI_OP_STACK_GLOBAL);
    }
    q = mfi_put_store(&w->e, q);
    w->native[native] = w->e.memo_count;
    return q;
}

/* ---- values without parts -------------------------------------------------------------------- */

static char *put_str(struct writer *w, char *q, void *node) {
    size_t size;
    const char *text = mfi_bytes(node, &size);
    CHECKED(mfi_put_text(&w->e, q, text, size));
    return store(w, q, node);
}

/* Bytes as the text that they are in Latin-1, for protocol 2. */
static char *put_latin1(struct writer *w, char *q, const char *data, size_t size) {
    mfi_auto_buffer text = {0};
    if (mfi_buffer_reserve(&text, 2 * size) < 0)
        return mfi_pickle_fail(&w->e, -ENOMEM, "no memory for %zu bytes", 2 * size);
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)data[i];
        if (byte >= 0x80)
            text.data[text.size++] = (char)(0xc0 | byte >> 6);
        text.data[text.size++] = byte < 0x80 ? data[i] : (char)(0x80 | (byte & 0x3f));
    }
    return mfi_put_text(&w->e, q, text.data, text.size);
}

static char *put_plain_bytes(struct writer *w, char *q, const char *data, size_t size) {
    if (w->e.protocol >= 3)
        return mfi_put_bytes(&w->e, q, data, size);
    if (size == 0) {
        CHECKED(mfi_pickle_global_line(&w->e, q, "__builtin__", "bytes"));
        return mfi_put(mfi_put(q, MFI_OP_EMPTY_TUPLE), MFI_OP_REDUCE);
    }
    CHECKED(mfi_pickle_global_line(&w->e, q, "_codecs", "encode"));
    CHECKED(put_latin1(w, q, data, size));
    CHECKED(put_literal(w, mfi_pickle_room(&w->e, q), "latin1"));
    return mfi_put(mfi_put(q, MFI_OP_TUPLE2), MFI_OP_REDUCE);
}

static char *put_block(struct writer *w, char *q, void *node) {
    size_t size;
    const char *data = mfi_bytes(node, &size);
    CHECKED(put_plain_bytes(w, q, data, size));
    return store(w, q, node);
}

static char *put_bytearray(struct writer *w, char *q, void *node) {
    size_t size;
    const char *data = mfi_bytes(node, &size);
    if (w->e.protocol >= 5) {
        char header[9];
        (void)mfi_put_number(header, MFI_OP_BYTEARRAY8, size, 8);
        CHECKED(mfi_pickle_payload(&w->e, q, header, sizeof header, data, size));
        return store(w, q, node);
    }
    CHECKED(put_native(w, q, NATIVE_BYTEARRAY));
    if (size == 0) {
        q = mfi_put(q, MFI_OP_EMPTY_TUPLE);
    } else {
        CHECKED(put_plain_bytes(w, mfi_pickle_room(&w->e, q), data, size));
        q = mfi_put_store(&w->e, q);
        q = mfi_put_store(&w->e, mfi_put(q, MFI_OP_TUPLE1));
    }
    return store(w, mfi_put(q, MFI_OP_REDUCE), node);
}

static char *put_complex(struct writer *w, char *q, struct mfi_complex *c) {
    CHECKED(put_native(w, q, NATIVE_COMPLEX));
    CHECKED(mfi_pickle_room(&w->e, q));
    CHECKED(mfi_pickle_room(&w->e, mfi_put_float(q, c->real)));
    q = mfi_put_float(q, c->imag);
    q = mfi_put_store(&w->e, mfi_put(q, MFI_OP_TUPLE2));
    return store(w, mfi_put(q, MFI_OP_REDUCE), c);
}

static char *put_buffer(struct writer *w, char *q, void *node) {
    size_t size;
    const char *data = mfi_bytes(node, &size);
    const bool readonly = (mfi_node_flags(node) & MFI_READONLY) != 0;
    const bool outside = (mfi_node_flags(node) & MFI_OUTSIDE) != 0;
    int taken = outside;
    if (w->e.protocol >= 5 && !outside && w->options->take_buffer != NULL)
        taken = w->options->take_buffer(w->options->context, data, size, readonly);
    if (taken < 0)
        return mfi_pickle_fail(&w->e, taken, "handing over a buffer: %s", strerror(-taken));
    if (taken && w->e.protocol < 5)
        return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "an out-of-band buffer needs protocol 5");
    if (!taken)
        return readonly ? put_block(w, q, node) : put_bytearray(w, q, node);
    q = mfi_put(q, MFI_OP_NEXT_BUFFER);
    return readonly ? mfi_put(q, MFI_OP_READONLY_BUFFER) : q;
}

static char *put_extension(struct writer *w, char *q, const struct mfi_single *node) {
    const uint64_t code = (uint64_t)mfi_word_int(node->value);
    if (code == 0 || code > INT32_MAX)
        return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "extension codes are 1 to 2147483647");
    return code <= 0xff     ? mfi_put_number(q, MFI_OP_EXT1, code, 1)
           : code <= 0xffff ? mfi_put_number(q, MFI_OP_EXT2, code, 2)
                            : mfi_put_number(q, MFI_OP_EXT4, code, 4);
}

/* ---- levels ---------------------------------------------------------------------------------- */

static char *enter(struct writer *w, char *q, void *node, enum level_kind kind) {
    if (w->depth == w->capacity) {
        const size_t capacity = w->capacity == 0 ? 64 : 2 * w->capacity;
        struct level *grown = mfi_sys.realloc(w->levels, capacity * sizeof *grown);
        if (grown == NULL)
            return mfi_pickle_fail(&w->e, -ENOMEM, "no memory for nested values");
        w->levels = grown;
        w->capacity = capacity;
    }
    w->levels[w->depth++] = (struct level){.node = node, .kind = (uint8_t)kind};
    return q;
}

static char *begin_tuple(struct writer *w, char *q, struct mfi_tuple *tuple) {
    if (tuple->count == 0)
        return mfi_put(q, MFI_OP_EMPTY_TUPLE);
    return enter(w, tuple->count > 3 ? mfi_put(q, MFI_OP_MARK) : q, tuple, LEVEL_TUPLE);
}

static char *begin_set(struct writer *w, char *q, struct mfi_dict *set) {
    const bool frozen = mfi_node_kind(set) == MAYFLY_FROZENSET;
    if (w->e.protocol < 4) { /* set([...]) */
        CHECKED(put_native(w, q, frozen ? NATIVE_FROZENSET : NATIVE_SET));
        q = mfi_put(mfi_put(q, MFI_OP_EMPTY_LIST), MFI_OP_MARK);
    } else if (frozen) {
        q = mfi_put(q, MFI_OP_MARK);
    } else {
        q = store(w, mfi_put(q, MFI_OP_EMPTY_SET), set);
        if (set->keys->count == 0)
            return q;
    }
    return enter(w, q, set, frozen || w->e.protocol < 4 ? LEVEL_FROZEN : LEVEL_SET);
}

/* A node that is not written yet, of the less frequent kinds. */
static char *begin_rare(struct writer *w, char *q, void *node) {
    switch (mfi_node_kind(node)) {
    case MAYFLY_INT: {
        size_t size;
        const char *bytes = mfi_bytes(node, &size);
        return mfi_pickle_long(&w->e, q, (const uint8_t *)bytes, size);
    }
    case MAYFLY_FLOAT:
        return mfi_put_float(q, ((struct mfi_float *)node)->value);
    case MAYFLY_COMPLEX:
        return put_complex(w, q, node);
    case MAYFLY_BYTES:
        return put_block(w, q, node);
    case MAYFLY_BYTEARRAY:
        return put_bytearray(w, q, node);
    case MAYFLY_SET:
    case MAYFLY_FROZENSET:
        return begin_set(w, q, node);
    case MAYFLY_BUFFER:
        return put_buffer(w, q, node);
    case MAYFLY_EXTENSION:
        return put_extension(w, q, node);
    default: /* global, object, persistent id */
        return enter(w, q, node, LEVEL_OBJECT);
    }
}

/* Writes a value, or begins a level for it. */
MFI_INLINE char *put_value(struct writer *w, char *q, mayfly_value v) {
    if (mfi_is_int(v))
        return mfi_put_int(&w->e, q, mfi_word_int(v));
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
    if (is_stored(w, node))
        return get(w, q, node);
    switch (mfi_node_kind(node)) {
    case MAYFLY_STR:
        return put_str(w, q, node);
    case MAYFLY_LIST:
        q = store(w, mfi_put(q, MFI_OP_EMPTY_LIST), node);
        return ((struct mfi_list *)node)->count == 0 ? q : enter(w, q, node, LEVEL_LIST);
    case MAYFLY_DICT:
        q = store(w, mfi_put(q, MFI_OP_EMPTY_DICT), node);
        return ((struct mfi_dict *)node)->keys->count == 0 ? q : enter(w, q, node, LEVEL_DICT);
    case MAYFLY_TUPLE:
        return begin_tuple(w, q, node);
    default:
        return begin_rare(w, q, node);
    }
}

/* ---- going on with a level ------------------------------------------------------------------- */

/* Each of these writes parts until one of them begins a level of its own, or until it is at its end
 * and takes its level off. */

static char *go_list(struct writer *w, char *q, struct level *level, enum mfi_opcode one,
                     enum mfi_opcode many) {
    const struct mfi_list *list = level->node;
    const bool by_iterator = level->kind == LEVEL_ITEMS;
    const size_t depth = w->depth;
    const uint64_t count = list->count;
    uint64_t i = level->at;
    for (;; i++) {
        const uint64_t in_batch = i % MFI_BATCH;
        /* the last batch has a mark unless it is the only one; an object's, unless of one item */
        const bool single = count - (i - in_batch) == 1 && (count == 1 || by_iterator);
        if (i > 0 && (in_batch == 0 || i == count)) {
            const uint64_t first = i - (in_batch == 0 ? MFI_BATCH : in_batch);
            const bool alone = i - first == 1 && (count == 1 || by_iterator);
            q = mfi_put(q, alone && one != many ? one : many);
        }
        if (i == count)
            break;
        if (in_batch == 0 && !(single && one != many))
            q = mfi_put(q, MFI_OP_MARK);
        CHECKED(mfi_pickle_room(&w->e, q));
        CHECKED(put_value(w, q, list->items[i]));
        if (MFI_UNLIKELY(w->depth != depth)) {
            w->levels[depth - 1].at = i + 1;
            return q;
        }
    }
    w->depth--;
    return q;
}

static char *go_dict(struct writer *w, char *q, struct level *level) {
    const struct mfi_dict *dict = level->node;
    const bool by_iterator = level->kind == LEVEL_PAIRS;
    const size_t depth = w->depth;
    const uint64_t parts = 2 * (uint64_t)dict->keys->count;
    const mayfly_value *keys = dict->keys->keys, *values = dict->values;
    for (uint64_t i = level->at;; i++) {
        const uint64_t in_batch = i % (2 * MFI_BATCH);
        if (in_batch == 0) {
            if (i > 0)
                q = mfi_put(q, MFI_OP_SETITEMS);
            if (i == parts && by_iterator)
                break;
            if (parts != 2 && !(by_iterator && parts - i == 2))
                q = mfi_put(q, MFI_OP_MARK);
        }
        if (i == parts) {
            const bool alone = parts == 2 || (by_iterator && in_batch == 2);
            q = mfi_put(q, alone ? MFI_OP_SETITEM : MFI_OP_SETITEMS);
            break;
        }
        CHECKED(mfi_pickle_room(&w->e, q));
        CHECKED(put_value(w, q, i % 2 == 0 ? keys[i / 2] : values[i / 2]));
        if (MFI_UNLIKELY(w->depth != depth)) {
            w->levels[depth - 1].at = i + 1;
            return q;
        }
    }
    w->depth--;
    return q;
}

static char *go_set(struct writer *w, char *q, struct level *level) {
    const struct mfi_dict *set = level->node;
    const size_t depth = w->depth;
    for (uint64_t i = level->at;; i++) {
        if (i % MFI_BATCH == 0) {
            if (i > 0)
                q = mfi_put(q, MFI_OP_ADDITEMS);
            q = mfi_put(q, MFI_OP_MARK);
        }
        if (i == set->keys->count)
            break;
        CHECKED(mfi_pickle_room(&w->e, q));
        CHECKED(put_value(w, q, set->keys->keys[i]));
        if (w->depth != depth) {
            w->levels[depth - 1].at = i + 1;
            return q;
        }
    }
    w->depth--;
    return mfi_put(q, MFI_OP_ADDITEMS);
}

/* A tuple or frozenset is stored only when its items are written. If it was met again inside them,
 * it is there by now: what was just written goes away, and that one is taken. */
static char *end_frozen(struct writer *w, char *q, void *node, uint64_t count, bool marked,
                        enum mfi_opcode op) {
    w->depth--;
    if (!is_stored(w, node))
        return store(w, mfi_put(q, op), node);
    if (marked)
        return get(w, mfi_put(q, MFI_OP_POP_MARK), node);
    for (uint64_t i = 0; i < count; i++)
        q = mfi_put(q, MFI_OP_POP);
    return get(w, q, node);
}

static char *go_tuple(struct writer *w, char *q, struct level *level) {
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

static char *go_frozen(struct writer *w, char *q, struct level *level) {
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

/* ---- what is symbolic ------------------------------------------------------------------------ */

static char *save(struct writer *w, char *q, mayfly_value v) {
    CHECKED(mfi_pickle_room(&w->e, q));
    return put_value(w, q, v);
}

static char *go_global(struct writer *w, char *q, struct level *level) {
    struct mfi_global *global = level->node;
    const char *module = mayfly_str_get(global->module, NULL);
    const char *name = mayfly_str_get(global->name, NULL);
    if (w->e.protocol < 4) {
        w->depth--;
        if (module == NULL || name == NULL)
            return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "a computed name needs protocol 4");
        CHECKED(global_line(w, q, module, name));
        return store(w, mfi_pickle_fit(&w->e, q), global);
    }
    const size_t depth = w->depth;
    while (level->at < 2) {
        const mayfly_value part = level->at++ == 0 ? global->module : global->name;
        CHECKED(save(w, q, part));
        if (w->depth != depth)
            return q;
    }
    w->depth--;
    return store(w, mfi_put(q, MFI_OP_STACK_GLOBAL), global);
}

static char *go_persistent(struct writer *w, char *q, struct level *level) {
    if (level->at++ == 0)
        return save(w, q, ((struct mfi_single *)level->node)->value);
    w->depth--;
    return mfi_put(q, MFI_OP_BINPERSID);
}

static char *make_object(struct writer *w, char *q, struct mfi_object *object) {
    static const enum mfi_opcode makers[] = {MFI_OP_REDUCE, MFI_OP_NEWOBJ, MFI_OP_NEWOBJ_EX,
                                             MFI_OP_OBJ};
    if (!is_stored(w, object))
        return store(w, mfi_put(q, makers[object->form]), object);
    /* it was met again in its own arguments, and is there by now */
    if (object->form == MFI_INSTANCE)
        return get(w, mfi_put(q, MFI_OP_POP_MARK), object);
    for (int i = object->form == MFI_NEWOBJ_EX ? 3 : 2; i > 0; i--)
        q = mfi_put(q, MFI_OP_POP);
    return get(w, q, object);
}

/* The n-th of the values that a list holds, if there are several, or that stands alone. */
static mayfly_value one_of(mayfly_value v, bool several, uint64_t n) {
    return several ? mfi_part(v, (size_t)n) : n == 0 ? v : mfi_word(0);
}

/* The stages of an object, each one or more values: callable, arguments, keywords; then it is made;
 * items; pairs; states; calls for their effect. `at` has the stage in its upper half. */
enum {
    STAGE_CALLABLE,
    STAGE_ARGUMENTS,
    STAGE_KEYWORDS,
    STAGE_MAKE,
    STAGE_ITEMS,
    STAGE_PAIRS,
    STAGE_STATES,
    STAGE_THEN,
    STAGE_END
};

static uint64_t stage(unsigned n) {
    return (uint64_t)n << 32;
}

/* INST and OBJ have their arguments between a mark and the opcode. */
static char *go_arguments(struct writer *w, char *q, struct level *level,
                          struct mfi_object *object) {
    if (object->form != MFI_INSTANCE) {
        level->at = stage(STAGE_KEYWORDS);
        return save(w, q, object->arguments);
    }
    const mayfly_value item = mfi_part(object->arguments, (size_t)(level->at & UINT32_MAX));
    level->at = item.bits == 0 ? stage(STAGE_KEYWORDS) : level->at + 1;
    return item.bits == 0 ? q : save(w, q, item);
}

static char *go_states(struct writer *w, char *q, struct level *level,
                       const struct mfi_object *object) {
    const uint64_t n = level->at & UINT32_MAX;
    const bool several = (mfi_node_flags(object) & MFI_STATES) != 0;
    if (n > 0)
        q = mfi_put(q, MFI_OP_BUILD);
    const mayfly_value v = one_of(object->state, several, n);
    level->at = v.bits == 0 ? stage(STAGE_THEN) : level->at + 1;
    return v.bits == 0 ? q : save(w, q, v);
}

static char *go_then(struct writer *w, char *q, struct level *level,
                     const struct mfi_object *object) {
    const uint64_t n = level->at & UINT32_MAX;
    if (n > 0)
        q = mfi_put(q, MFI_OP_POP);
    const mayfly_value v = object->then.bits == 0 ? mfi_word(0) : one_of(object->then, true, n);
    level->at = v.bits == 0 ? stage(STAGE_END) : level->at + 1;
    return v.bits == 0 ? q : save(w, q, v);
}

static char *begin_parts(struct writer *w, char *q, const struct mfi_object *object,
                         enum level_kind kind) {
    const mayfly_value v = kind == LEVEL_ITEMS ? object->items : object->pairs;
    if (mayfly_count(v) == 0)
        return q;
    q = enter(w, q, mfi_node_of(v), kind);
    if (q != NULL)
        w->levels[w->depth - 1].by_items = (mfi_node_flags(object) & MFI_ADDED) != 0;
    return q;
}

static char *go_object(struct writer *w, char *q, struct level *level) {
    struct mfi_object *object = level->node;
    switch (level->at >> 32) {
    case STAGE_CALLABLE:
        level->at = stage(STAGE_ARGUMENTS);
        return save(w, object->form == MFI_INSTANCE ? mfi_put(q, MFI_OP_MARK) : q,
                    object->callable);
    case STAGE_ARGUMENTS:
        return go_arguments(w, q, level, object);
    case STAGE_KEYWORDS:
        level->at = stage(STAGE_MAKE);
        if (object->form == MFI_NEWOBJ_EX && w->e.protocol < 4)
            return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE,
                                   "an instance made with keyword arguments needs protocol 4");
        return object->form == MFI_NEWOBJ_EX ? save(w, q, object->keywords) : q;
    case STAGE_MAKE:
        level->at = stage(STAGE_ITEMS);
        return make_object(w, q, object);
    case STAGE_ITEMS:
        level->at = stage(STAGE_PAIRS);
        if ((mfi_node_flags(object) & MFI_ADDED) && w->e.protocol < 4)
            return mfi_pickle_fail(&w->e, MAYFLY_E_PICKLE, "adding to a set needs protocol 4");
        return begin_parts(w, q, object, LEVEL_ITEMS);
    case STAGE_PAIRS:
        level->at = stage(STAGE_STATES);
        return begin_parts(w, q, object, LEVEL_PAIRS);
    case STAGE_STATES:
        return go_states(w, q, level, object);
    case STAGE_THEN:
        return go_then(w, q, level, object);
    default:
        w->depth--;
        return q;
    }
}

static char *go_symbolic(struct writer *w, char *q, struct level *level) {
    switch (mfi_node_kind(level->node)) {
    case MAYFLY_GLOBAL:
        return go_global(w, q, level);
    case MAYFLY_PERSISTENT:
        return go_persistent(w, q, level);
    default:
        return go_object(w, q, level);
    }
}

static char *go_on(struct writer *w, char *q) {
    struct level *level = &w->levels[w->depth - 1];
    switch ((enum level_kind)level->kind) {
    case LEVEL_LIST:
        return go_list(w, q, level, MFI_OP_APPEND, MFI_OP_APPENDS);
    case LEVEL_ITEMS:
        return level->by_items ? go_list(w, q, level, MFI_OP_ADDITEMS, MFI_OP_ADDITEMS)
                               : go_list(w, q, level, MFI_OP_APPEND, MFI_OP_APPENDS);
    case LEVEL_DICT:
    case LEVEL_PAIRS:
        return go_dict(w, q, level);
    case LEVEL_SET:
        return go_set(w, q, level);
    case LEVEL_TUPLE:
        return go_tuple(w, q, level);
    case LEVEL_FROZEN:
        return go_frozen(w, q, level);
    default:
        return go_symbolic(w, q, level);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Later writings begin above the stamps of this one. */
static void retire_stamps(const struct writer *w) {
    const uint64_t next = w->base + w->e.memo_count;
    uint64_t known = atomic_load(&next_stamp);
    while (known < next && !atomic_compare_exchange_weak(&next_stamp, &known, next)) {
    }
}

static int write_all(struct writer *w, mayfly_value value, size_t *ret_size) {
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
    free(w->levels);
    *ret_size = q == NULL ? 0 : (size_t)(q - w->e.base);
    return q == NULL ? w->e.code : 0;
}

int mfi_dump(mayfly_doc *doc, mayfly_value value, const mayfly_dump_options *options,
             mayfly_sink *sink, void *sink_context, char **ret, size_t *ret_size,
             mayfly_error *error) {
    struct writer w = {.options = options, .base = atomic_load(&next_stamp)};
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
