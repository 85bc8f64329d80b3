/* SPDX-License-Identifier: MIT
 *
 * The extension module mayfly._core: what its parts share.
 *
 * It translates. Names, places, lifetimes and removal are the C library's; buffering, text and
 * iteration are io's. What is left is here: Python's arguments, exceptions, and objects that tie
 * a handle of the library to an object of io.
 */
#ifndef MPY_CORE_H
#define MPY_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <mayfly.h>

#include "signature.h"
#include <sys/types.h>

/* Strings that are compared with and looked up: made once for each interpreter. */
/* The formatter finds no end with such lists. */
/* clang-format off */
#define MPY_NAMES(X) \
    X(buffer) X(buffering) X(close) X(closed) X(delete) X(delete_on_close) X(detach) X(dir) \
    X(durable) X(encoding) X(errors) X(fileno) X(flush) X(getvalue) X(ignore_cleanup_errors) \
    X(isatty) X(keep) X(keep_on_error) X(max_bytes) X(max_files) X(max_size) X(mode) X(name) \
    X(newline) X(newlines) X(overwrite) X(path) X(permissions) X(preserve) X(prefix) X(raw) \
    X(read) X(read1) X(readable) X(readinto) X(readinto1) X(readline) X(readlines) X(secret) \
    X(seek) X(seekable) X(strict) X(suffix) X(target) X(tell) X(tempdir) X(template) X(text) \
    X(truncate) X(writable) X(write) X(writelines) X(backup) X(follow) X(signals) X(source) \
    X(_get_candidate_names) X(__module__) X(__enter__) X(__exit__) X(_finalizing) X(dirs)
/* clang-format on */

enum mpy_name {
#define MPY_NAME_ENUM(name) N_##name,
    MPY_NAMES(MPY_NAME_ENUM)
#undef MPY_NAME_ENUM
        N_COUNT
};

struct mpy_directory;

/* An entry of the environment. */
enum { MPY_VARIABLES = 4 };
struct mpy_variable {
    size_t index;
    const char *entry;
};

/* One for each interpreter that imported the module. */
struct mpy_state {
    PyObject *n[N_COUNT];
    PyObject *Error; /* of codes that are the library's own */
    PyObject *FileIO, *RawIOBase, *BytesIO, *BufferedRandom, *BufferedReader, *BufferedWriter;
    PyObject *TextIOWrapper, *IOBase;
    PyObject *RawFile, *HandleFile, *Wrapper, *Spooled, *Directory, *Replace, *Workspace, *Manager;
    PyObject *Batches, *Buffer, *Cache, *Capture, *Chunks, *Test;
    PyObject *GenericAlias;
    PyObject *globals;   /* of mayfly.tempfile */
    PyObject *template_; /* "tmp": the object that `template` is unless somebody sets it */
    PyObject *tempdir;   /* what mayfly_settempdir was last given */
    PyObject *wb_plus;   /* "w+b" */
    Py_ssize_t raw_offset, handle_offset, spool_offset; /* where our part of such objects begins */
    struct mpy_directory *live; /* for the end of the interpreter, the newest first */
    int at_exit;
    int told;  /* `tempdir` is the library's default */
    int found; /* because the library found it, in this environment: */
    char **environment;
    size_t environment_size, variable_count;
    struct mpy_variable variables[MPY_VARIABLES];
};

extern struct PyModuleDef mpy_module;
struct mpy_state *mpy_state_of_type(PyTypeObject *type);
static inline struct mpy_state *mpy_state_of(PyObject *module) {
    return (struct mpy_state *)PyModule_GetState(module);
}

/* ---- arguments.c ---------------------------------------------------------------------------- */

static inline int mpy_parse(const struct mpy_state *state, const struct mpy_signature *signature,
                            PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                            PyObject **out) {
    return mpy_take(state->n, signature, args, nargs, kwnames, out);
}
static inline int mpy_parse_tuple(const struct mpy_state *state,
                                  const struct mpy_signature *signature, PyObject *args,
                                  PyObject *kwargs, PyObject **out) {
    return mpy_take_tuple(state->n, signature, args, kwargs, out);
}

/* A path or a piece of a name as the system has it. Zero it, fill it, end it. */
struct mpy_text {
    const char *text; /* NULL: None was given */
    PyObject *owner;
};
int mpy_text_from(PyObject *object, struct mpy_text *ret);
#define mpy_auto_text __attribute__((cleanup(mpy_text_end))) struct mpy_text
void mpy_text_end(struct mpy_text *text);

/* A string that is no path: an encoding. NULL for None. -1: a TypeError. */
int mpy_string_from(PyObject *object, const char *what, const char **ret);

/* Numbers and truth values with a default for what was not given. -1 with an exception. */
int mpy_number(PyObject *object, uint64_t *ret);
int mpy_truth(PyObject *object, int missing);

/* For PyArg_ParseTupleAndKeywords, where an object is made once in a while: "O&" to a mpy_text. */
int mpy_text_argument(PyObject *object, void *ret);
/* Which of several words, the last followed by NULL; `text` NULL leaves *ret. -1: a ValueError. */
int mpy_choice(const char *text, const char *what, const char *const *words, int *ret);
/* One ASCII character; `text` NULL leaves *ret. -1: a ValueError. */
int mpy_letter(const char *text, const char *what, char *ret);
/* object.method(name=value) */
PyObject *mpy_call_keyword(PyObject *object, const char *method, const char *name, PyObject *value);

/* Raises what the library reported; always NULL. */
PyObject *mpy_raise(const struct mpy_state *state, int code, const mayfly_error *error);
/* What a closing has to tell that must not stop a program that runs under CPython's module. */
int mpy_tell_end(const struct mpy_state *state, int code, const mayfly_error *error);

/* ---- held.c --------------------------------------------------------------------------------- */

/* Zero it, begin it. Entering gives Python's lock back while it waits. */
struct mpy_gate {
    PyThread_type_lock lock;
    unsigned long holder; /* the thread that is inside */
    pid_t process;
};
int mpy_gate_begin(struct mpy_gate *gate);
int mpy_gate_enter(struct mpy_gate *gate); /* -1: RuntimeError, it would wait for itself */
void mpy_gate_leave(struct mpy_gate *gate);
void mpy_gate_end(struct mpy_gate *gate);

/* What an object begins with that holds such a handle; NULL: closed, or not yet open. */
struct mpy_held {
    PyObject_HEAD struct mpy_state *state;
    struct mpy_gate gate;
    void *handle;
    int (*end)(void **handle, mayfly_error *error);
};
int mpy_held_begin(PyObject *object);              /* first thing in tp_init */
void mpy_held_end(PyObject *object);               /* in tp_dealloc */
struct mpy_held *mpy_held_enter(PyObject *object); /* NULL: an exception */
void mpy_held_leave(struct mpy_held *self);
PyObject *mpy_held_close(PyObject *object, PyObject *unused);   /* close() */
PyObject *mpy_held_scope(PyObject *object, PyObject *unused);   /* __enter__() */
PyObject *mpy_held_scope_end(PyObject *object, PyObject *args); /* __exit__() */

/* ---- site.c --------------------------------------------------------------------------------- */

/* Where something is made and what it is called. */
struct mpy_site {
    struct mpy_text dir, prefix, suffix;
    struct mpy_text whole;   /* strict = False: directory and prefix in one */
    const char *use_dir;     /* for the library; NULL: the default */
    const char *default_dir; /* which that is, for a second try */
    const char *use_prefix;
    int bytes;       /* results are bytes, not str */
    PyObject *names; /* somebody's own _get_candidate_names(), borrowed; or NULL */
};
#define mpy_auto_site __attribute__((cleanup(mpy_site_end))) struct mpy_site
int mpy_site_fill(struct mpy_state *state, PyObject *dir, PyObject *prefix, PyObject *suffix,
                  struct mpy_site *ret);
void mpy_site_end(struct mpy_site *site);
/* After `code`: whether the default directory should be named instead, once. */
int mpy_site_again(struct mpy_site *site, int code);
PyObject *mpy_path_object(const char *path, int bytes);
/* What the caller's own generator of names proposes: prefix, name, suffix; new memory. */
char *mpy_site_given(const struct mpy_site *site);

PyObject *mpy_gettempdir(struct mpy_state *state); /* borrowed: str or bytes, as it was set */
extern PyMethodDef mpy_site_methods[];

/* ---- raw.c ---------------------------------------------------------------------------------- */

/* What a file lives by. */
struct mpy_raw {
    mayfly_file *handle;
    struct mpy_state *state;
    PyObject *name;    /* RawFile: NULL: the number of its descriptor */
    int fd;            /* RawFile: -1: closed */
    int number;        /* what fd was */
    int named;         /* wording of the warning */
    unsigned alone;    /* RawFile: nobody else moves its position; see descriptor.c */
    int64_t at;        /* then: its position */
    int keep_on_close; /* the name goes with the object, not with its closing */
    char reading, writing;
    char mode[5]; /* as io says it */
};
int mpy_raw_setup(PyObject *module, struct mpy_state *state);
/* Takes the handle in every case. */
PyObject *mpy_raw_new(struct mpy_state *state, mayfly_file *handle, const char *mode, int named,
                      int by_handle);
struct mpy_raw *mpy_raw_of(const struct mpy_state *state, PyObject *file);
int mpy_raw_end(PyObject *file, struct mpy_raw *raw); /* closes the handle; -1: an exception */
int mpy_raw_close_handle(PyObject *file, struct mpy_raw *raw); /* the same, or but the descriptor */
PyObject *mpy_raw_dealloc_warn(PyObject *file, PyObject *source);
void mpy_raw_finalize(PyObject *file, struct mpy_raw *raw, PyObject *base);
/* ---- descriptor.c */
extern PyType_Slot mpy_raw_file_slots[];
PyObject *mpy_raw_over(struct mpy_state *state, int fd, const char *mode); /* without a handle */
void mpy_raw_alone(struct mpy_raw *raw);

/* ---- stack.c -------------------------------------------------------------------------------- */

/* What open() takes. */
struct mpy_opening {
    PyObject *mode, *encoding, *errors, *newline;
    int reading, writing, updating, appending, binary;
    int buffering;
    char raw_mode[6];
};
int mpy_opening_read(const struct mpy_state *state, PyObject *mode, PyObject *buffering,
                     PyObject *encoding, PyObject *errors, PyObject *newline,
                     struct mpy_opening *ret);
/* Buffering and text over a raw file, which it takes in every case. */
PyObject *mpy_stack(struct mpy_state *state, PyObject *raw, const struct mpy_opening *opening);

/* ---- file.c, wrapper.c, spool.c, directory.c, more.c ------------------------------------------
 */

PyObject *mpy_temporary_file(struct mpy_state *state, PyObject **values);
extern PyMethodDef mpy_file_methods[];
PyObject *mpy_wrapper_new(struct mpy_state *state, PyObject *file, PyObject *raw, PyObject *name,
                          int delete_on_close, int delete);
int mpy_wrapper_setup(PyObject *module, struct mpy_state *state);
int mpy_spool_setup(PyObject *module, struct mpy_state *state);
int mpy_directory_setup(PyObject *module, struct mpy_state *state);
extern PyMethodDef mpy_directory_methods[];
int mpy_replace_setup(PyObject *module, struct mpy_state *state);
int mpy_workspace_setup(PyObject *module, struct mpy_state *state);
int mpy_manager_setup(PyObject *module, struct mpy_state *state);
int mpy_batches_setup(PyObject *module, struct mpy_state *state);
int mpy_cache_setup(PyObject *module, struct mpy_state *state);
int mpy_capture_setup(PyObject *module, struct mpy_state *state);
int mpy_chunks_setup(PyObject *module, struct mpy_state *state);
int mpy_test_setup(PyObject *module, struct mpy_state *state);
int mpy_buffer_setup(PyObject *module, struct mpy_state *state);
extern PyMethodDef mpy_more_methods[];
extern PyMethodDef mpy_trust_methods[];
PyObject *mpy_persist(struct mpy_state *state, PyObject *file, PyObject **values);

/* Py_NewRef(), which Python 3.9 lacks. */
static inline PyObject *mpy_ref(PyObject *object) {
    Py_INCREF(object);
    return object;
}

/* Makes a heap type that belongs to the module, and adds it under its name. */
PyObject *mpy_add_type(PyObject *module, PyType_Spec *spec, PyObject *base, const char *name);
PyObject *mpy_class_getitem(PyObject *type, PyObject *item);

#endif
