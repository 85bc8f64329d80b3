/* SPDX-License-Identifier: MIT
 *
 * The extension module mayfly._pickle: what its parts share.
 *
 * dump*.c write objects, load*.c read them. How each thing is said in the pickle format stands in
 * src/object/ (encode.h, decode.h, opcodes.h), once; what is known of the insides of CPython stands
 * in internals.h, once.
 */
#ifndef MPK_PICKLE_H
#define MPK_PICKLE_H

#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signature.h"

/* Strings that are looked up: made once for each interpreter. */
/* The formatter finds no end with such lists. */
/* clang-format off */
#define MPK_NAMES(X) \
    X(__annotate_func__) X(__annotations__) X(__eq__) X(__hash__) X(__mp_main__) X(module) X(name) X(value) X(__class__) X(__dict__) X(__doc__) X(__func__) X(__getnewargs__) \
    X(__getnewargs_ex__) X(__getstate__) X(__init__) X(__kwdefaults__) X(__main__) X(__module__) \
    X(__name__) X(__new__) X(__newobj__) X(__newobj_ex__) X(__qualname__) X(__reduce__) \
    X(__reduce_ex__) X(__setstate__) X(__slots__) X(__slotnames__) X(__weakref__) X(__builtins__) X(ASCII) \
    X(append) X(add) X(allow) X(buffer_callback) X(buffers) X(byref) X(bytes) X(builtins) \
    X(cell_contents) X(data_only) X(default) X(dispatch) X(dispatch_table) X(encoding) X(errors) \
    X(extend) X(file) X(find_class) X(fix_imports) X(fmode) X(ignore) X(items) X(latin1) X(obj) \
    X(object) X(pause_gc) X(peek) X(persistent_id) X(persistent_load) X(protocol) X(read) \
    X(readinto) X(readline) X(recurse) X(reduce) X(reducer_override) X(strict) X(strictio) X(update) \
    X(write) X(__getinitargs__) X(__import__) X(__spec__) X(_initializing) X(fget) X(fset) X(fdel) \
    X(data) X(dill) X(trusted)
/* clang-format on */

enum mpk_name {
#define MPK_NAME_ENUM(name) MPK_N_##name,
    MPK_NAMES(MPK_NAME_ENUM)
#undef MPK_NAME_ENUM
        MPK_N_COUNT
};

struct mpk_dumper;
struct mpk_loader;

/* One for each interpreter that imported the module. */
struct mpk_state {
    PyObject *n[MPK_N_COUNT];
    PyObject *PickleError, *PicklingError, *UnpicklingError;      /* pickle's own */
    PyObject *newobj, *newobj_ex;                                 /* copyreg's functions */
    PyObject *dispatch_table, *slotnames;                         /* copyreg's */
    PyObject *extensions, *inverted_extensions, *extension_cache; /* copyreg's */
    PyObject *import_mapping, *name_mapping;                      /* Python 3 to 2 */
    PyObject *reverse_import_mapping, *reverse_name_mapping;      /* and back */
    PyObject *codecs_encode, *getattr, *partial;
    PyObject *Pickler, *Unpickler;
    PyObject *load_objects[12]; /* whatever load*.c needs, an enum of its own numbers them */
    PyObject *registered;       /* Pickler.dispatch: savers by type */
    PyObject *MemoProxy;
    PyObject *special[16];    /* dump_special.c */
    PyObject *settings;       /* mayfly.settings, once somebody has looked at them; or NULL */
    struct mpk_dumper *spare; /* one that no dump uses, with its memory */
    int default_protocol;
    unsigned ways; /* enum mfi_way: how this CPython reads numbers in them */
    struct mpk_loader *spare_loader;
};

extern struct PyModuleDef mpk_module;
static inline struct mpk_state *mpk_state_of(PyObject *module) {
    return (struct mpk_state *)PyModule_GetState(module);
}
struct mpk_state *mpk_state_of_type(PyTypeObject *type);

/* Makes a heap type that belongs to the module, and adds it under its name; a new reference. */
PyObject *mpk_add_type(PyObject *module, PyType_Spec *spec, const char *name);

/* Py_NewRef(), which Python 3.9 lacks. */
static inline PyObject *mpk_ref(PyObject *object) {
    Py_INCREF(object);
    return object;
}

/* An attribute, or NULL where there is none; -1: another exception than AttributeError. */
static inline int mpk_look_up(PyObject *object, PyObject *name, PyObject **ret) {
#if PY_VERSION_HEX >= 0x030D0000
    return PyObject_GetOptionalAttr(object, name, ret);
#else
    return _PyObject_LookupAttr(object, name, ret);
#endif
}

/* What a part adds to the module; each setup makes its types. */
/* What somebody has set in mayfly.settings, borrowed; NULL: nothing is said there. */
PyObject *mpk_default(const struct mpk_state *state, enum mpk_name name);

extern PyMethodDef mpk_dump_methods[], mpk_load_methods[];
int mpk_dump_setup(PyObject *module, struct mpk_state *state);
int mpk_load_setup(PyObject *module, struct mpk_state *state);
void mpk_dump_release(struct mpk_state *state);
void mpk_load_release(struct mpk_state *state);

static inline int mpk_parse(const struct mpk_state *state, const struct mpy_signature *signature,
                            PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                            PyObject **out) {
    return mpy_take(state->n, signature, args, nargs, kwnames, out);
}
static inline int mpk_parse_tuple(const struct mpk_state *state,
                                  const struct mpy_signature *signature, PyObject *args,
                                  PyObject *kwargs, PyObject **out) {
    return mpy_take_tuple(state->n, signature, args, kwargs, out);
}

#endif
