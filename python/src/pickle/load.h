/* SPDX-License-Identifier: MIT
 *
 * Loading: what its parts share.
 *
 *     load.c             the loop over the opcodes, with what is worth inlining there (load_make.h)
 *     load_object.c      calls, instances, states
 *     load_shape.c       states that are put into their instances without a dict between
 *     load_global.c      what a pickle names, and whether it may
 *     load_file.c        reading from Python's files
 *     load_path.c        reading a file that somebody else might have written
 *     load_options.c     keywords
 *     load_function.c    load(), loads()
 *     load_unpickler.c   Unpickler
 *     load_memo.c        Unpickler.memo
 *     load_dill.c        the functions that dill's pickles name
 *
 * A slot of the pickle machine (object/decode.h) is a reference to an object. In the memo, and only
 * there, it may be a number instead, told by its lowest bit: that of a state which was folded into
 * its instance (load_shape.c).
 */
#ifndef MPK_LOAD_H
#define MPK_LOAD_H

#include "internals_load.h"
#include "object/decode.h"

/* Python objects that loading keeps in the state of the module. */
enum mpk_load_object {
    MPK_LOAD_DILL,     /* dict: (module, name) -> function, of dill's names that are here in C */
    MPK_LOAD_MEMO,     /* the type of Unpickler.memo */
    MPK_LOAD_PLAIN,    /* dict: (module, name) -> what plain data is made with */
    MPK_LOAD_IMPORT,   /* builtins.__import__ as it is without anybody's own */
    MPK_LOAD_BUILTINS, /* the dict of builtins */
    MPK_LOAD_MODULE,   /* what stands for dill's own module */
    MPK_LOAD_SETATTR,  /* builtins.setattr as it is without anybody's own */
    MPK_LOAD_EMPTY,    /* what stands for the content of an empty cell, once a pickle named it */
};

struct mpk_load_options {
    const char *encoding, *errors; /* of strings of Python 2 */
    PyObject *encoding_owner, *errors_owner;
    PyObject *buffers; /* an iterator, or NULL */
    PyObject *allow;   /* a set of (module, name), or NULL */
    bool fix_imports, data_only, pause_gc, trusted;
    int ignore; /* -1: not said */
};

/* A class with the attributes that its instances' states have had (load_shape.c). */
struct mpk_shape;

struct mpk_fold {
    PyObject *instance;
    struct mpk_shape *shape;
    size_t number, pair_number; /* in the memo */
    bool is_pair;               /* the state was (None, dict), which has the second number */
};

struct mpk_loader {
    struct mfi_decoder d; /* first: the machine's functions get the loader */
    struct mfi_cursor k;
    struct mpk_state *state;
    struct mpk_load_options options;
    mayfly_error error;
    uint64_t bytes;
    char reason[256]; /* of a failure that is no exception yet */
    uint64_t offset;  /* of the call or name under way */
    bool busy;

    PyObject *unpickler;       /* borrowed; NULL: load() or loads() */
    PyObject *find_class;      /* somebody's own, or NULL */
    PyObject *persistent_load; /* or NULL */

    PyObject *read, *readline, *readinto, *peek; /* of the file; NULL: it has none */
    uint8_t *window;
    size_t window_size;
    size_t ahead; /* how many bytes at the window's end the file was not yet asked for */

    struct mpk_shape *shapes; /* the newest first */
    size_t shape_count;
    size_t builds; /* states put into their objects so far */
    struct mpk_fold *folds;
    size_t fold_count, fold_capacity, folds_settled;
};

#define MPK_OBJECT(slot) ((PyObject *)(uintptr_t)(slot))
#define MPK_SLOT(object) ((mfi_slot)(uintptr_t)(object))

static inline PyObject *const *mpk_objects(const mfi_slot *slots) {
    return (PyObject *const *)(const void *)slots;
}

/* Drops `count` references. */
void mpk_drop_items(const mfi_slot *items, size_t count);

/* Says what is wrong with the pickle: the machine adds where. */
int mpk_load_fail(struct mpk_loader *l, const char *format, ...) MFI_PRINTF(2, 3);

/* ---- load.c ---------------------------------------------------------------------------------- */

void mpk_loader_init(struct mpk_loader *l, struct mpk_state *state, const char *operation);
/* One pickle from l->k.at on. NULL: an exception. */
PyObject *mpk_loader_run(struct mpk_loader *l);
/* Lets go of what belongs to one pickle: its memo, shapes, folded states. */
void mpk_loader_forget(struct mpk_loader *l);
void mpk_loader_end(struct mpk_loader *l); /* and frees what it has */

/* ---- load_object.c --------------------------------------------------------------------------- */

/* What the machine's functions of these names do. */
mfi_slot mpk_load_reduce(struct mpk_loader *l, PyObject *callable, PyObject *arguments);
mfi_slot mpk_load_newobj(struct mpk_loader *l, PyObject *cls, PyObject *arguments,
                         PyObject *keywords);
mfi_slot mpk_load_instance(struct mpk_loader *l, PyObject *cls, const mfi_slot *items,
                           size_t count);
int mpk_load_build(struct mpk_loader *l, PyObject *object, PyObject *state);
int mpk_load_append(struct mpk_loader *l, PyObject *list, const mfi_slot *items, size_t count);
int mpk_load_set_items(struct mpk_loader *l, PyObject *dict, const mfi_slot *pairs, size_t count);
int mpk_load_add_items(struct mpk_loader *l, PyObject *set, const mfi_slot *items, size_t count);
mfi_slot mpk_load_persistent(struct mpk_loader *l, PyObject *id);
mfi_slot mpk_load_buffer(struct mpk_loader *l);
mfi_slot mpk_load_readonly(struct mpk_loader *l, PyObject *buffer);

/* ---- load_shape.c ---------------------------------------------------------------------------- */

/* A state that was just put into its object: whether later ones can be put in directly. */
void mpk_shape_learn(struct mpk_loader *l, PyObject *object, PyObject *state);
/* Puts attributes into an object as the shape of its class has them. 1: done, the pairs, the dict
 * and, with is_pair, the None below it are taken; 0: somebody else has to. */
int mpk_shape_fold(struct mpk_loader *l, mfi_slot *pairs, size_t count, uint64_t memo,
                   const mfi_slot *fence, bool is_pair);
/* Makes the dicts of all folded states: before code runs that could change an instance. */
int mpk_shape_settle_all(struct mpk_loader *l);
static inline int mpk_shape_settle(struct mpk_loader *l) {
    return MFI_LIKELY(l->folds_settled == l->fold_count) ? 0 : mpk_shape_settle_all(l);
}
/* Before `count` objects, each `step` after the last, are hashed: the same if that may run code. */
int mpk_shape_settle_some(struct mpk_loader *l, const mfi_slot *items, size_t count, size_t step);
static inline int mpk_shape_settle_for(struct mpk_loader *l, const mfi_slot *items, size_t count,
                                       size_t step) {
    return MFI_LIKELY(l->folds_settled == l->fold_count)
               ? 0
               : mpk_shape_settle_some(l, items, count, step);
}
/* What a folded state, which the memo has at `stored`, was. */
PyObject *mpk_shape_recall(struct mpk_loader *l, mfi_slot *stored);
void mpk_shape_forget_all(struct mpk_loader *l);
static inline void mpk_shape_forget(struct mpk_loader *l) {
    l->builds = 0;
    if (MFI_UNLIKELY(l->shapes != NULL || l->fold_count > 0))
        mpk_shape_forget_all(l);
}

/* ---- load_global.c --------------------------------------------------------------------------- */

mfi_slot mpk_load_global(struct mpk_loader *l, PyObject *module, PyObject *name);
mfi_slot mpk_load_extension(struct mpk_loader *l, uint32_t code);
/* As Unpickler.find_class() finds it. */
PyObject *mpk_find_class(struct mpk_loader *l, PyObject *module, PyObject *name);
/* The set of (module, name) that `allow` says. */
PyObject *mpk_allow_set(PyObject *allow);
/* Whether data_only or allow forbid that the object is called, or its state set. 0, or -1. */
int mpk_may_call(struct mpk_loader *l, PyObject *callable, PyObject *arguments);
int mpk_may_change(struct mpk_loader *l, PyObject *object);
int mpk_global_setup(PyObject *module, struct mpk_state *state);

/* ---- load_file.c ----------------------------------------------------------------------------- */

int mpk_file_bind(struct mpk_loader *l, PyObject *file); /* finds its methods */
void mpk_file_open(struct mpk_loader *l);                /* has the machine read from it */
/* Has the file stand behind the pickle, and no further than it must. 0 or -1. */
int mpk_file_settle(struct mpk_loader *l);
void mpk_file_end(struct mpk_loader *l);

/* ---- load_path.c, load_options.c ------------------------------------------------------------- */

/* The content of a file that nobody else could have written. NULL: an exception. */
PyObject *mpk_load_path(PyObject *path, bool trusted);

enum { MPK_LOAD_OPTIONS = 9 };
/* From MPK_LOAD_OPTIONS values in the order of MPK_LOAD_NAMES; NULL: none was given. */
int mpk_load_options_read(struct mpk_load_options *options, PyObject **values);
void mpk_load_options_end(struct mpk_load_options *options);
#define MPK_LOAD_NAMES                                                                             \
    MPK_N_ignore, MPK_N_fix_imports, MPK_N_encoding, MPK_N_errors, MPK_N_buffers, MPK_N_allow,     \
        MPK_N_data_only, MPK_N_pause_gc, MPK_N_trusted

/* Pauses the collector if that was asked for; and has it go on. */
bool mpk_gc_pause(const struct mpk_load_options *options);
void mpk_gc_go_on(bool paused);
/* dill's: an instance of a class of __main__ gets the class that __main__ has now. */
int mpk_load_repoint(struct mpk_loader *l, PyObject *object);

/* ---- the types, dill --------------------------------------------------------------------------
 */

int mpk_unpickler_setup(PyObject *module, struct mpk_state *state);
int mpk_unpickler_memo_setup(PyObject *module, struct mpk_state *state);
PyObject *mpk_memo_get(PyObject *unpickler, struct mpk_loader *l);
int mpk_memo_set(PyObject *unpickler, struct mpk_loader *l, PyObject *value);
struct mpk_loader *mpk_unpickler_loader(PyObject *unpickler);
int mpk_dill_setup(PyObject *module, struct mpk_state *state);

#endif
