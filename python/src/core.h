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
    PyObject *RawFile, *HandleFile, *Wrapper, *Spooled, *Directory, *Replace, *Workspace, *Manager,
        *Buffer;
    PyObject *GenericAlias;
    PyObject *globals;           /* of mayfly.tempfile */
    PyObject *template_;         /* "tmp": the object that `template` is unless somebody sets it */
    PyObject *tempdir;           /* what mayfly_settempdir was last given */
    PyObject *wb_plus, *rb_plus; /* "w+b", "rb+" */
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

/* What a function takes: names in order, the first `positional` also without their name. */
struct mpy_signature {
    const char *function;
    int positional, count;
    unsigned char names[20]; /* enum mpy_name */
};

/* Puts arguments into `out`, NULL where there is none; borrowed. 0, or -1 with a TypeError. */
int mpy_parse(const struct mpy_state *state, const struct mpy_signature *signature,
              PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **out);
int mpy_parse_tuple(const struct mpy_state *state, const struct mpy_signature *signature,
                    PyObject *args, PyObject *kwargs, PyObject **out);

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

/* Raises what the library reported; always NULL. */
PyObject *mpy_raise(const struct mpy_state *state, int code, const mayfly_error *error);
/* What a closing has to tell that must not stop a program that runs under CPython's module. */
int mpy_tell_end(const struct mpy_state *state, int code, const mayfly_error *error);

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
    int named;         /* wording of the warning */
    int fresh;         /* at its start: nobody has had it yet */
    int keep_on_close; /* the name goes with the object, not with its closing */
};
int mpy_raw_setup(PyObject *module, struct mpy_state *state);
/* Takes the handle in every case. */
PyObject *mpy_raw_new(struct mpy_state *state, mayfly_file *handle, PyObject *mode, int named,
                      int by_handle);
struct mpy_raw *mpy_raw_of(const struct mpy_state *state, PyObject *file);
int mpy_raw_end(PyObject *file, struct mpy_raw *raw); /* closes the handle; -1: an exception */

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
int mpy_buffer_setup(PyObject *module, struct mpy_state *state);
extern PyMethodDef mpy_more_methods[];
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
