/* SPDX-License-Identifier: MIT
 *
 * Writing objects: what the files that do it share.
 *
 * The memo. Every object that is written gets the next number, as in CPython's pickler. To find it
 * again there is a table from addresses to numbers; to keep its address from being used for another
 * object while the dump goes on, a reference. Both are put off where it can be proved that nobody
 * asks: an object that is referred to once, by the container it was found in, cannot be met a
 * second time as long as no code of the user runs. So such a one is only entered in the list
 * `order`, and mpk_settle(), which comes before anything that may run such code, gives to all
 * that is new in the list a place in the table and a reference. Hence the
 *
 * Invariant   whoever has a reference count of one has not been written. What is written is
 *             either settled, and then the memo holds a second reference; or it is not, no code has
 *             run since, and the container that it was found in (one reference) is not looked into
 *             again, or it had more than one reference and is in the table.
 *
 * That a container is not looked into again holds for those that are written before their
 * contents. A tuple is written after them and may be entered again from there: its items are
 * taken for lone only if it is lone itself.
 *
 * When something fails, what is not settled is no longer in the memo (mpk_memo_cut) before the
 * first reference is dropped: it may have been all that held it.
 *
 * Code of the user: reducers, their iterators, attribute look-ups that are not by the plain
 * rules, imports, persistent_id and its kin, a file's write, and, where objects are allocated or
 * let go, finalizers. `epoch` counts such occasions.
 */
#ifndef MPK_DUMP_H
#define MPK_DUMP_H

#include "pickle.h"

#include "object/encode.h"

#include "internals.h"

/* Entries of `order`: an address and, in its lowest bits, what is known. 0: nobody can ask for it.
 */
enum {
    MPK_FOUND = 1, /* the table has it */
    MPK_DICT = 2,  /* it is the dict of this instance, which has none yet */
    MPK_BITS = 3,
};

struct mpk_later;
struct mpk_class;

struct mpk_dumper {
    struct mfi_encoder e;
    struct mpk_state *state;
    /* the memo */
    uint32_t *table; /* `base` + a number; less than base, or too much: free */
    size_t mask, used;
    uint32_t base;
    int shift;
    uintptr_t *order;
    size_t capacity, settled;
    PyObject **kept; /* references until the end of the dump */
    size_t kept_count, kept_capacity;
    /* the dump */
    uint32_t epoch;   /* how often code of the user may have run, over all dumps */
    uint32_t entered; /* dumps that are under way with this one */
    bool watched;     /* each object is asked for by something: the straight path is not taken */
    bool text;        /* protocol 0 */
    bool exact_memo;  /* it outlives the dump, so everything is in it */
    bool fix_imports;
    bool fast;
    int fast_depth;
    PyObject *fast_ids;
    char *floor;     /* the stack must not grow beyond */
    PyObject *bytes; /* the output, unless it is still in the scratch */
    char *scratch;
    size_t largest;  /* capacity that was freed as a whole */
    PyObject *whole; /* the object whose content a payload is, for files */
    /* what may be asked; borrowed from the pickler or the arguments */
    PyObject *pickler, *persistent_id, *reducer_override, *own_table, *buffer_callback, *write;
    PyObject *registered; /* Pickler.dispatch, if there is anything in it */
    PyObject *given[4];   /* byref, fmode, recurse, ignore as they were given, borrowed; or NULL */
    PyObject *settings;   /* of the reducers in Python, for this dump; made when one is asked */
    char *cursor;         /* where the output stands, while a registered saver itself runs */
    uint64_t flushes;     /* how often the file was written to */
    struct mpk_later *later;   /* dump_function.c */
    struct mpk_class *classes; /* dump_instance.c */
    PyObject *main_dict;       /* borrowed */
    mayfly_error error;
};

enum { MPK_SCRATCH = 8 << 10 };

/* In functions that move a cursor `q` on: NULL is a failure and goes up. */
#define CHECKED(expression)                                                                        \
    do {                                                                                           \
        if (MFI_UNLIKELY((q = (expression)) == NULL))                                              \
            return NULL;                                                                           \
    } while (0)

/* ---- dump_memo.c ---------------------------------------------------------------------------- */

int mpk_memo_grow_order(struct mpk_dumper *d);
int mpk_memo_grow_table(struct mpk_dumper *d);
void mpk_memo_clear(struct mpk_dumper *d); /* lets everything go */
void mpk_memo_cut(struct mpk_dumper *d);   /* forgets what is not settled */
int mpk_settle_slow(struct mpk_dumper *d);
int mpk_keep(struct mpk_dumper *d, PyObject *object); /* takes a reference until the end */

#define MPK_NOWHERE SIZE_MAX /* the place of an object that cannot be met again */

MFI_INLINE size_t mpk_memo_slot(const struct mpk_dumper *d, const void *object) {
    return (size_t)(((uintptr_t)object >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> d->shift);
}

/* Where the table has an object, or would have it. */
MFI_INLINE size_t mpk_memo_place(const struct mpk_dumper *d, const void *object) {
    const uint32_t count = (uint32_t)d->e.memo_count;
    size_t at = mpk_memo_slot(d, object);
    for (;; at = (at + 1) & d->mask) {
        const uint32_t number = d->table[at] - d->base;
        if (number >= count || (d->order[number] & ~(uintptr_t)MPK_BITS) == (uintptr_t)object)
            return at;
    }
}
MFI_INLINE uint32_t mpk_memo_number(const struct mpk_dumper *d, size_t place) {
    return d->table[place] - d->base;
}
MFI_INLINE bool mpk_memo_has(const struct mpk_dumper *d, size_t place) {
    return mpk_memo_number(d, place) < (uint32_t)d->e.memo_count;
}

char *mpk_put_store_text(struct mpk_dumper *d, char *q); /* dump_text.c */
char *mpk_put_get_text(struct mpk_dumper *d, char *q, uint32_t number);

MFI_INLINE char *mpk_put_get(struct mpk_dumper *d, char *q, uint32_t number) {
    return MFI_UNLIKELY(d->text) ? mpk_put_get_text(d, q, number) : mfi_put_get(q, number);
}

MFI_INLINE char *mpk_put_store(struct mpk_dumper *d, char *q) {
    return MFI_UNLIKELY(d->text) ? mpk_put_store_text(d, q) : mfi_put_store(&d->e, q);
}

/* Stores what is on top, under the next number; `place` is where the table would have it. */
MFI_INLINE char *mpk_store(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    const size_t number = d->e.memo_count;
    if (MFI_UNLIKELY(d->fast))
        return q;
    if (MFI_UNLIKELY(number >= d->capacity) && mpk_memo_grow_order(d) < 0)
        return NULL;
    if (place == MPK_NOWHERE) {
        d->order[number] = (uintptr_t)object;
        return mpk_put_store(d, q);
    }
    d->table[place] = d->base + (uint32_t)number;
    d->order[number] = (uintptr_t)object | MPK_FOUND;
    q = mpk_put_store(d, q);
    if (MFI_UNLIKELY(++d->used * 2 > d->mask) && mpk_memo_grow_table(d) < 0)
        return NULL;
    return q;
}

/* The same of something that nobody else has, or will have. */
MFI_INLINE char *mpk_store_unseen(struct mpk_dumper *d, char *q, uintptr_t entry) {
    const size_t number = d->e.memo_count;
    if (MFI_UNLIKELY(d->fast))
        return q;
    if (MFI_UNLIKELY(number >= d->capacity) && mpk_memo_grow_order(d) < 0)
        return NULL;
    d->order[number] = entry;
    return mpk_put_store(d, q);
}

/* Before anything that may run code of the user. */
MFI_INLINE int mpk_settle(struct mpk_dumper *d) {
    d->epoch++;
    return d->settled == d->e.memo_count ? 0 : mpk_settle_slow(d);
}

/* ---- dump.c --------------------------------------------------------------------------------- */

char *mpk_save_slow(struct mpk_dumper *d, char *q, PyObject *object, bool owned);
/* All but persistent_id is asked, of an object that is held. */
char *mpk_save_unasked(struct mpk_dumper *d, char *q, PyObject *object);
bool mpk_is_too_deep(const struct mpk_dumper *d); /* with a RecursionError */
char *mpk_save_other(struct mpk_dumper *d, char *q, PyObject *object, bool owned);
char *mpk_save_text_far(struct mpk_dumper *d, char *q, PyObject *object);
char *mpk_save_long_far(struct mpk_dumper *d, char *q, PyObject *object);
char *mpk_save_dict(struct mpk_dumper *d, char *q, PyObject *object, size_t place);
char *mpk_save_pairs(struct mpk_dumper *d, char *q, PyObject *dict);
char *mpk_save_tuple(struct mpk_dumper *d, char *q, PyObject *object, size_t place);
char *mpk_save_list(struct mpk_dumper *d, char *q, PyObject *object, size_t place);
char *mpk_save_set(struct mpk_dumper *d, char *q, PyObject *object, size_t place);
char *mpk_save_frozenset(struct mpk_dumper *d, char *q, PyObject *object, size_t place);

/* The slack, without a look at the frame: before what closes a container. */
MFI_INLINE char *mpk_fit(struct mpk_dumper *d, char *q) {
    return MFI_LIKELY(d->e.end - q >= MFI_SLACK) ? q : mfi_pickle_fit(&d->e, q);
}

/* Where pickle would begin an object, it looks whether the frame is full. To a file, that may run
 * code of the user. */
MFI_INLINE char *mpk_room(struct mpk_dumper *d, char *q) {
    return mfi_pickle_room(&d->e, q);
}

/* A str of ASCII that stands in the slack, so that writing it runs nobody's code. */
MFI_INLINE bool mpk_is_short(PyObject *object) {
    return Py_TYPE(object) == &PyUnicode_Type && PyUnicode_IS_COMPACT_ASCII(object) &&
           PyUnicode_GET_LENGTH(object) <= 64;
}

MFI_INLINE char *mpk_save_str(struct mpk_dumper *d, char *q, PyObject *object, bool owned) {
    size_t place = MPK_NOWHERE;
    if (!(owned && mpk_is_lone(object))) {
        place = mpk_memo_place(d, object);
        if (mpk_memo_has(d, place))
            return mfi_put_get(q, mpk_memo_number(d, place));
    }
    if (MFI_LIKELY(PyUnicode_IS_COMPACT_ASCII(object) && PyUnicode_GET_LENGTH(object) <= 64))
        q = mfi_put_text(&d->e, q, (const char *)((PyASCIIObject *)object + 1),
                         (size_t)PyUnicode_GET_LENGTH(object));
    else
        CHECKED(mpk_save_text_far(d, q, object));
    return mpk_store(d, q, object, place);
}

/* The straight path, for protocols from 2 on. */
MFI_INLINE char *mpk_save_plain(struct mpk_dumper *d, char *q, PyObject *object, bool owned) {
    const PyTypeObject *type = Py_TYPE(object);
    if (type == &PyUnicode_Type)
        return mpk_save_str(d, q, object, owned);
    if (type == &PyLong_Type) {
        int64_t number;
        return MFI_LIKELY(mpk_small_int(object, &number)) ? mfi_put_int(q, number)
                                                          : mpk_save_long_far(d, q, object);
    }
    if (type == &PyFloat_Type)
        return mfi_put_float(q, PyFloat_AS_DOUBLE(object));
    if (object == Py_None)
        return mfi_put(q, MFI_OP_NONE);
    if (type == &PyBool_Type)
        return mfi_put(q, object == Py_True ? MFI_OP_NEWTRUE : MFI_OP_NEWFALSE);
    return mpk_save_other(d, q, object, owned);
}

/* Writes an object; `owned`: it was found in a container that holds it, and that is not looked
 * into a second time. */
MFI_INLINE char *mpk_save_at(struct mpk_dumper *d, char *q, PyObject *object, bool owned) {
    if (MFI_UNLIKELY(q >= d->e.soft || d->watched))
        return mpk_save_slow(d, q, object, owned);
    return mpk_save_plain(d, q, object, owned);
}

/* Out of line: for what is not inside of a loop. */
char *mpk_save(struct mpk_dumper *d, char *q, PyObject *object);

/* ---- dump_rare.c ---------------------------------------------------------------------------- */

char *mpk_save_bytes(struct mpk_dumper *d, char *q, PyObject *object, size_t place);
char *mpk_save_bytearray(struct mpk_dumper *d, char *q, PyObject *object, size_t place);
char *mpk_save_buffer(struct mpk_dumper *d, char *q, PyObject *object, size_t place);

/* ---- dump_text.c: protocols 0 and 1 --------------------------------------------------------- */

/* An object that these have in a way of their own. false: they have not. */
bool mpk_save_old(struct mpk_dumper *d, char **q, PyObject *object);
char *mpk_put_line(struct mpk_dumper *d, char *q, enum mfi_opcode op, const char *text, size_t size,
                   const char *end);
char *mpk_save_old_str(struct mpk_dumper *d, char *q, PyObject *object);

/* ---- dump_instance.c ------------------------------------------------------------------------ */

/* An instance whose class leaves everything to object; *done tells whether it is such a one. */
char *mpk_save_instance(struct mpk_dumper *d, char *q, PyObject *object, bool owned, bool *done);

/* Whether a class is found in a dict without asking its metaclass's code. */
static inline bool mpk_goes_by_address(PyTypeObject *type) {
    const PyTypeObject *meta = Py_TYPE(type);
    return meta->tp_hash == PyType_Type.tp_hash &&
           meta->tp_richcompare == PyType_Type.tp_richcompare;
}

/* Whether the class writes its instances by __reduce__ of its own and has no say otherwise. */
bool mpk_class_reduces(struct mpk_dumper *d, PyObject *object);
int mpk_classes_new(struct mpk_dumper *d);
void mpk_classes_free(struct mpk_dumper *d);

/* ---- dump_reduce.c -------------------------------------------------------------------------- */

/* Lets go of what was held while it was written; gives q back, or NULL. */
char *mpk_release(struct mpk_dumper *d, char *q, PyObject *object);

char *mpk_save_object(struct mpk_dumper *d, char *q, PyObject *object, bool owned);
/* What a reducer returned for `object`, or NULL. */
char *mpk_save_reduce(struct mpk_dumper *d, char *q, PyObject *value, PyObject *object);
char *mpk_save_iterated(struct mpk_dumper *d, char *q, PyObject *iterator, bool pairs);
/* The same for a value that was made for it: takes the reference, also on failure. NULL value:
 * fails.
 */
char *mpk_save_made(struct mpk_dumper *d, char *q, PyObject *value, PyObject *object);

/* ---- dump_global.c -------------------------------------------------------------------------- */

char *mpk_save_global(struct mpk_dumper *d, char *q, PyObject *object, PyObject *name);
/* The same for one that is already known to be there. */
char *mpk_save_found(struct mpk_dumper *d, char *q, PyObject *object, PyObject *module,
                     PyObject *name);
char *mpk_save_type(struct mpk_dumper *d, char *q, PyObject *object);
/* A module that importing would only look up, as a new reference. NULL: it has to be imported, or,
 * with an exception, cannot be. */
PyObject *mpk_module_there(struct mpk_dumper *d, PyObject *name);
/* What a dotted name leads to; NULL with an exception. */
PyObject *mpk_resolve(PyObject *from, PyObject *name);
PyObject *mpk_found_name(PyObject *name);
/* Writes `object` as a global of these names, whatever is there by them. */
char *mpk_put_global(struct mpk_dumper *d, char *q, PyObject *object, PyObject *module,
                     PyObject *name);

/* ---- dump_special.c: what pickle cannot, and dill can --------------------------------------- */

/* What is neither by its name nor an object that knows; *done tells whether it was one. */
bool mpk_is_of_dataclasses(struct mpk_dumper *d, PyTypeObject *type);
char *mpk_save_special(struct mpk_dumper *d, char *q, PyObject *object, bool *done);
/* What reducers in Python put into their answers; *done as above. */
char *mpk_save_token(struct mpk_dumper *d, char *q, PyObject *object, bool *done);
/* After pickle's way failed, with its exception still there. */
char *mpk_save_otherwise(struct mpk_dumper *d, char *q, PyObject *object);
char *mpk_save_shared_dict(struct mpk_dumper *d, char *q, PyObject *dict, size_t place);
char *mpk_save_function(struct mpk_dumper *d, char *q, PyObject *object);
char *mpk_save_class(struct mpk_dumper *d, char *q, PyObject *object);

/* ---- dump_begin.c --------------------------------------------------------------------------- */

/* One dump: the object, between what comes before and after. How many bytes are in the buffer, or
 * -1 with an exception. */
Py_ssize_t mpk_dump_object(struct mpk_dumper *d, PyObject *object);
struct mpk_dumper *mpk_dumper_new(struct mpk_state *state);
void mpk_dumper_free(struct mpk_dumper *d);
struct mpk_dumper *mpk_dumper_take(struct mpk_state *state); /* the spare one, or a new one */
void mpk_dumper_give(struct mpk_state *state, struct mpk_dumper *d);
PyObject *mpk_dumper_result(struct mpk_dumper *d, size_t size);
int mpk_dumper_protocol(struct mpk_dumper *d, PyObject *protocol, PyObject *fix_imports);
/* protocol, byref, fmode, recurse, ignore, fix_imports, buffer_callback, strictio */
enum { MPK_CONFIGURED = 8 };
int mpk_dumper_configure(struct mpk_dumper *d, PyObject *const *values);
PyObject *mpk_write_of(struct mpk_state *state, PyObject *file);
char *mpk_stack_floor(void);

/* ---- pickler.c ------------------------------------------------------------------------------ */

int mpk_pickler_setup(PyObject *module, struct mpk_state *state);
/* A Pickler for one dump; without a file its dump gives bytes. */
PyObject *mpk_pickler_make(struct mpk_state *state, PyObject *const *values, PyObject *file);
PyObject *mpk_pickler_dump(PyObject *pickler, PyObject *object);

#endif
