/* SPDX-License-Identifier: MIT
 *
 * Writing values: what the files that do it share.
 *
 * The walk keeps its own stack of levels, one for each container under way, so that depth costs
 * memory and not the program's stack. A node that was written carries a stamp: which writing it
 * was, and the number under which it is stored. Stamps only ever grow, over all documents, so
 * that nothing has to be cleared afterwards.
 *
 * write.c has containers and the whole, write_rare.c what has no parts, write_object.c what is
 * symbolic, write_later.c what leads back to an object that is not made yet.
 */
#ifndef MFI_WRITE_H
#define MFI_WRITE_H

#include "encode.h"
#include "read.h"

enum mfi_level_kind {
    MFI_LEVEL_LIST,
    MFI_LEVEL_DICT,
    MFI_LEVEL_SET,
    MFI_LEVEL_TUPLE,
    MFI_LEVEL_FROZEN,
    MFI_LEVEL_OBJECT, /* and global, persistent id */
    MFI_LEVEL_ITEMS,  /* of an object */
    MFI_LEVEL_PAIRS,  /* of an object */
    MFI_LEVEL_AGAIN,  /* an object that is under way was met */
};

/* Of records in mfi_writer.later: 1 + the index of each; 0: none. */
struct mfi_queue {
    uint32_t first, last;
};

struct mfi_level {
    void *node;
    void *on;        /* what the parts are given to: the node, or the object whose items they are */
    uint64_t at;     /* the next part */
    uint64_t from;   /* the first part that is written */
    uint64_t number; /* object: under which number its `__new__` is stored */
    struct mfi_queue later; /* object: what waits for it */
    uint8_t kind;
    uint8_t by_items; /* items: ADDITEMS instead of APPENDS */
    uint8_t late;     /* what is on the stack is taken off at the end */
    uint8_t effect;   /* object: a call for its effect, whose result is thrown away */
    uint8_t taking;   /* object: a part of it was written that an opcode has to take */
};

/* Something whose parts from `at` on can be written only when an object is made. */
struct mfi_later {
    void *node, *on;
    uint64_t at;
    uint32_t next; /* in the queue */
    uint8_t kind, by_items;
};

enum mfi_native {
    MFI_NATIVE_SET,
    MFI_NATIVE_FROZENSET,
    MFI_NATIVE_BYTEARRAY,
    MFI_NATIVE_COMPLEX,
    MFI_NATIVES
};

struct mfi_writer {
    struct mfi_encoder e;
    uint64_t base; /* the stamp of number 0 */
    struct mfi_level *levels;
    size_t depth, capacity;
    struct mfi_later *later;
    size_t later_count, later_capacity;
    mayfly_doc *doc;              /* or NULL */
    uint64_t texts[MFI_TEXTS];    /* numbers + 1 of what has no node; 0: not written yet */
    uint64_t native[MFI_NATIVES]; /* the same, of those globals */
    const mayfly_dump_options *options;
};

/* In functions that move a cursor `q` on: NULL is a failure and goes up. */
#define CHECKED(expression)                                                                        \
    do {                                                                                           \
        if ((q = (expression)) == NULL)                                                            \
            return NULL;                                                                           \
    } while (0)

MFI_INLINE bool mfi_is_written(const struct mfi_writer *w, const void *node) {
    return mfi_stamp(node) >= w->base;
}

/* Stores what is on top, `node`, in the memo. */
MFI_INLINE char *mfi_write_store(struct mfi_writer *w, char *q, void *node) {
    mfi_set_stamp(node, w->base + w->e.memo_count);
    return mfi_put_store(&w->e, q);
}

MFI_INLINE char *mfi_write_get(struct mfi_writer *w, char *q, const void *node) {
    return mfi_put_get(q, mfi_stamp(node) - w->base);
}

/* Writes a value, or begins a level for it (the depth tells). */
char *mfi_write_value(struct mfi_writer *w, char *q, mayfly_value v);
char *mfi_write_enter(struct mfi_writer *w, char *q, void *node, enum mfi_level_kind kind);
/* A level has written its last part. */
MFI_INLINE char *mfi_write_leave(struct mfi_writer *w, char *q) {
    return w->levels[--w->depth].late ? mfi_put(q, MFI_OP_POP) : q;
}

/* A value without parts, of the less frequent kinds. */
char *mfi_write_rare(struct mfi_writer *w, char *q, void *node);
char *mfi_write_native(struct mfi_writer *w, char *q, enum mfi_native native);
char *mfi_write_global_line(struct mfi_writer *w, char *q, const char *module, const char *name);

/* The stages of an object, each one or more values: callable, arguments, keywords; then it is made;
 * what waited for it; items; pairs; states; calls for their effect. `at` has the stage in its upper
 * half. */
enum mfi_stage {
    MFI_STAGE_CALLABLE,
    MFI_STAGE_PARTIAL, /* keyword arguments before protocol 4 */
    MFI_STAGE_ARGUMENTS,
    MFI_STAGE_KEYWORDS,
    MFI_STAGE_MAKE,
    MFI_STAGE_LATER,
    MFI_STAGE_ITEMS,
    MFI_STAGE_PAIRS,
    MFI_STAGE_STATES,
    MFI_STAGE_THEN,
    MFI_STAGE_END
};

/* Goes on with a global, a persistent id or an object. */
char *mfi_write_symbolic(struct mfi_writer *w, char *q, struct mfi_level *level);
/* Takes off the stack what has been written of an object that is not made yet. */
char *mfi_write_drop_object(struct mfi_writer *w, char *q, const struct mfi_level *level);

/* An object that is under way was met (the topmost level): puts off what leads to it. */
char *mfi_write_again(struct mfi_writer *w, char *q);
/* Begins a level for the next thing that waited for an object; none: the depth stays. */
char *mfi_write_next_later(struct mfi_writer *w, char *q, struct mfi_level *owner);

/* Whether a batch that begins with part `first` of `count` consists of one alone, without a mark.
 * CPython's pickler asks lists and dicts how long they are; what comes from an iterator only tells
 * when a batch is full, or over. */
MFI_INLINE bool mfi_batch_single(uint64_t first, uint64_t count, bool by_iterator) {
    return count - first == 1 && (count == 1 || by_iterator);
}

/* Writes to a sink, or without one into new memory: *ret. */
int mfi_dump(mayfly_doc *doc, mayfly_value value, const mayfly_dump_options *options,
             mayfly_sink *sink, void *sink_context, char **ret, size_t *ret_size,
             mayfly_error *error);

#endif
