/* SPDX-License-Identifier: MIT
 *
 * Which directory, which name, str or bytes; and the functions that make something and hand it
 * over: mkstemp, mkdtemp, mktemp, gettempdir.
 *
 * tempfile.tempdir and tempfile.template are variables that programs set. They are looked at anew
 * each time; only when tempdir is another object than before is the library told.
 */
#include "core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As CPython's names: programs and tests look for them. 40 bits of getrandom(2), made exclusively.
 */
enum { RANDOM_CHARACTERS = 8 };

/* What mayfly.tempfile has by that name; borrowed. It is loaded here if the program came another
 * way: by mayfly.workspace, mayfly.Manager. */
static PyObject *variable(const struct mpy_state *state, enum mpy_name name) {
    if (state->globals == NULL) {
        PyObject *module = PyImport_ImportModule("mayfly.tempfile");
        if (module == NULL)
            return NULL;
        Py_DECREF(module);
    }
    return PyDict_GetItemWithError(state->globals, state->n[name]);
}

/* ---- the default directory ---------------------------------------------------------------------
 */

/* What the search for the directory depends on. CPython's module remembers what it found for good;
 * the documents say that a changed TMPDIR counts. So the entries of the environment that were
 * looked at are remembered, and the last of all, behind which a new one would be put: comparing
 * them costs less than asking for three variables. */
static int matters(const char *entry) {
    return strncmp(entry, "TMPDIR=", 7) == 0 || strncmp(entry, "TEMP=", 5) == 0 ||
           strncmp(entry, "TMP=", 4) == 0;
}

static void remember_environment(struct mpy_state *state) {
    size_t count = 0, found = 0;
    while (environ != NULL && environ[count] != NULL) {
        const int more = found < MPY_VARIABLES - 1 && matters(environ[count]);
        if (more)
            state->variables[found++] = (struct mpy_variable){count, environ[count]};
        count++;
    }
    if (count > 0)
        state->variables[found++] = (struct mpy_variable){count - 1, environ[count - 1]};
    state->variable_count = found;
    state->environment_size = count;
    state->environment = environ;
}

static int same_environment(const struct mpy_state *state) {
    if (environ != state->environment || environ == NULL ||
        environ[state->environment_size] != NULL)
        return 0;
    for (size_t i = 0; i < state->variable_count; i++)
        if (environ[state->variables[i].index] != state->variables[i].entry)
            return 0;
    return 1;
}

static int tell_library(struct mpy_state *state, PyObject *tempdir) {
    mpy_auto_text path = {NULL, NULL};
    if (mpy_text_from(tempdir, &path) < 0)
        return -1;
    /* What is wrong with it the next file tells, for which it is then named. */
    state->told = path.text[0] == '/' && mayfly_settempdir(path.text, NULL) == 0;
    state->found = 0;
    Py_INCREF(tempdir);
    Py_XSETREF(state->tempdir, tempdir);
    return 0;
}

static PyObject *find_tempdir(struct mpy_state *state) {
    mayfly_error error;
    const char *path = NULL;
    (void)mayfly_settempdir(NULL, NULL);
    Py_CLEAR(state->tempdir);
    int r = 0;
    Py_BEGIN_ALLOW_THREADS r = mayfly_gettempdir(&path, &error);
    Py_END_ALLOW_THREADS if (r == -ENOENT) {
        PyErr_Format(PyExc_FileNotFoundError, "%s", error.message);
        return NULL;
    }
    if (r < 0)
        return mpy_raise(state, r, &error);
    PyObject *object = PyUnicode_DecodeFSDefault(path);
    if (object == NULL || PyDict_SetItem(state->globals, state->n[N_tempdir], object) < 0) {
        Py_XDECREF(object);
        return NULL;
    }
    state->found = 1;
    state->told = 1; /* it is the library's own default */
    remember_environment(state);
    Py_XSETREF(state->tempdir, object);
    return object;
}

PyObject *mpy_gettempdir(struct mpy_state *state) {
    PyObject *tempdir = variable(state, N_tempdir);
    if (tempdir != NULL && tempdir == state->tempdir)
        return state->found && !same_environment(state) ? find_tempdir(state) : tempdir;
    if (tempdir == NULL && PyErr_Occurred())
        return NULL;
    if (tempdir == NULL || tempdir == Py_None)
        return find_tempdir(state);
    return tell_library(state, tempdir) < 0 ? NULL : tempdir;
}

static PyObject *gettempdir(PyObject *module, PyObject *unused) {
    (void)unused;
    PyObject *tempdir = mpy_gettempdir(mpy_state_of(module));
    if (tempdir == NULL)
        return NULL;
    if (PyUnicode_CheckExact(tempdir)) {
        Py_INCREF(tempdir);
        return tempdir;
    }
    PyObject *result = NULL;
    return PyUnicode_FSDecoder(tempdir, &result) ? result : NULL;
}

static PyObject *gettempdirb(PyObject *module, PyObject *unused) {
    (void)unused;
    PyObject *tempdir = mpy_gettempdir(mpy_state_of(module)), *result = NULL;
    return tempdir != NULL && PyUnicode_FSConverter(tempdir, &result) ? result : NULL;
}

static PyObject *get_template(const struct mpy_state *state) { /* borrowed */
    PyObject *set = variable(state, N_template);
    return set == NULL && !PyErr_Occurred() ? state->template_ : set;
}

static PyObject *gettempprefix(PyObject *module, PyObject *unused) {
    (void)unused;
    PyObject *set = get_template(mpy_state_of(module)), *result = NULL;
    return set != NULL && PyUnicode_FSDecoder(set, &result) ? result : NULL;
}

static PyObject *gettempprefixb(PyObject *module, PyObject *unused) {
    (void)unused;
    PyObject *set = get_template(mpy_state_of(module)), *result = NULL;
    return set != NULL && PyUnicode_FSConverter(set, &result) ? result : NULL;
}

/* ---- str or bytes ------------------------------------------------------------------------------
 */

static int mixed(void) {
    PyErr_SetString(PyExc_TypeError, "Can't mix bytes and non-bytes in path components.");
    return -1;
}

/* 0: str, 1: bytes, 2: says nothing, -1: an exception. */
static int kind_of(PyObject *object) {
    if (object == NULL || object == Py_None)
        return 2;
    if (PyUnicode_Check(object))
        return 0;
    if (PyBytes_Check(object))
        return 1;
    PyObject *path = PyOS_FSPath(object);
    if (path == NULL)
        return -1;
    const int bytes = PyBytes_Check(path);
    Py_DECREF(path);
    return bytes;
}

static int infer(const struct mpy_state *state, PyObject *dir, PyObject *prefix, PyObject *suffix) {
    const int kinds[] = {kind_of(dir), kind_of(prefix), kind_of(suffix)};
    int kind = 2;
    for (int i = 0; i < 3; i++) {
        if (kinds[i] < 0)
            return -1;
        if (kind != 2 && kinds[i] != 2 && kind != kinds[i])
            return mixed();
        kind = kinds[i] == 2 ? kind : kinds[i];
    }
    if (kind != 2)
        return kind;
    PyObject *tempdir = variable(state, N_tempdir);
    return tempdir != NULL && PyBytes_Check(tempdir);
}

/* ---- sites -------------------------------------------------------------------------------------
 */

static int is_strict(const struct mpy_state *state) {
    PyObject *strict = variable(state, N_strict);
    return strict == NULL ? 1 : PyObject_IsTrue(strict);
}

/* CPython joins directory and prefix and lets the prefix lead anywhere. */
static int split_prefix(struct mpy_site *site, struct mpy_state *state) {
    const int strict = is_strict(state);
    if (strict != 0) {
        if (strict > 0)
            PyErr_Format(PyExc_ValueError,
                         "prefix '%s' holds a '/', which would lead out of the directory "
                         "(mayfly.tempfile.strict = False allows it)",
                         site->prefix.text);
        return -1;
    }
    const char *dir = site->use_dir == NULL ? site->default_dir : site->use_dir;
    if (site->prefix.text[0] == '/')
        dir = "";
    site->whole.owner = PyBytes_FromFormat("%s/%s", dir, site->prefix.text);
    if (site->whole.owner == NULL)
        return -1;
    char *whole = PyBytes_AS_STRING(site->whole.owner);
    char *slash = strrchr(whole, '/');
    *slash = '\0';
    site->use_dir = whole;
    site->use_prefix = slash + 1;
    return 0;
}

/* Tests put their own generator of names in the place of ours, whose module is _private. */
static int find_names(const struct mpy_state *state, struct mpy_site *site) {
    PyObject *function = variable(state, N__get_candidate_names);
    if (function == NULL)
        return PyErr_Occurred() ? -1 : 0;
    PyObject *module = PyObject_GetAttr(function, state->n[N___module__]);
    if (module == NULL)
        PyErr_Clear();
    const int ours = module != NULL && PyUnicode_Check(module) &&
                     PyUnicode_CompareWithASCIIString(module, "mayfly._private") == 0;
    Py_XDECREF(module);
    site->names = ours ? NULL : function;
    return 0;
}

/* A directory without "//", "/./" and a '/' at its end, as paths are that CPython's functions
 * return. */
static int tidy(struct mpy_text *dir) {
    const char *from = dir->text;
    const size_t size = strlen(from);
    if (strstr(from, "//") == NULL && strstr(from, "/.") == NULL && strncmp(from, "./", 2) != 0 &&
        (size < 2 || from[size - 1] != '/'))
        return 0;
    PyObject *copy = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size + 1);
    if (copy == NULL)
        return -1;
    char *start = PyBytes_AS_STRING(copy), *to = start;
    if (*from == '/')
        *to++ = '/';
    while (*from != '\0') {
        const size_t length = strcspn(from, "/");
        if (length > 0 && !(length == 1 && from[0] == '.')) {
            if (to > start && to[-1] != '/')
                *to++ = '/';
            memcpy(to, from, length);
            to += length;
        }
        from += length + (from[length] == '/');
    }
    if (to == start)
        *to++ = '.';
    *to = '\0';
    Py_SETREF(dir->owner, copy);
    dir->text = start;
    return 0;
}

/* ".." is taken out by its letters, as os.path.abspath does it, where that leads to the same place:
 * behind a symbolic link it does not. */
static int without_parents(struct mpy_text *dir) {
    struct stat one, other;
    if (strstr(dir->text, "..") == NULL)
        return 0;
    PyObject *paths = PyImport_ImportModule("posixpath");
    PyObject *path = paths == NULL ? NULL : PyObject_CallMethod(paths, "abspath", "y", dir->text);
    Py_XDECREF(paths);
    if (path == NULL)
        return -1;
    if (PyBytes_Check(path) && stat(dir->text, &one) == 0 &&
        stat(PyBytes_AS_STRING(path), &other) == 0 && one.st_dev == other.st_dev &&
        one.st_ino == other.st_ino) {
        Py_SETREF(dir->owner, path);
        dir->text = PyBytes_AS_STRING(path);
    } else {
        Py_DECREF(path);
    }
    return 0;
}

int mpy_site_fill(struct mpy_state *state, PyObject *dir, PyObject *prefix, PyObject *suffix,
                  struct mpy_site *ret) {
    *ret = (struct mpy_site){0};
    ret->bytes = infer(state, dir, prefix, suffix);
    if (ret->bytes < 0)
        return -1;
    if (dir == NULL || dir == Py_None) {
        PyObject *tempdir = mpy_gettempdir(state);
        if (tempdir == NULL || mpy_text_from(tempdir, &ret->dir) < 0)
            return -1;
        ret->default_dir = ret->dir.text;
        ret->use_dir = state->told ? NULL : ret->dir.text;
    } else {
        if (mpy_text_from(dir, &ret->dir) < 0 || tidy(&ret->dir) < 0 ||
            without_parents(&ret->dir) < 0)
            return -1;
        ret->use_dir = ret->dir.text;
    }
    if (ret->use_dir != NULL && ret->use_dir[0] == '\0')
        ret->use_dir = "."; /* as a path that is joined to nothing */
    if (prefix == NULL || prefix == Py_None) {
        prefix = get_template(state);
        if (prefix == NULL)
            return -1;
        if (prefix == state->template_)
            prefix = NULL;
    }
    if (mpy_text_from(prefix, &ret->prefix) < 0 || mpy_text_from(suffix, &ret->suffix) < 0)
        return -1;
    ret->use_prefix = ret->prefix.text;
    if (ret->prefix.text != NULL && strchr(ret->prefix.text, '/') != NULL &&
        split_prefix(ret, state) < 0)
        return -1;
    return find_names(state, ret);
}

void mpy_site_end(struct mpy_site *site) {
    mpy_text_end(&site->dir);
    mpy_text_end(&site->prefix);
    mpy_text_end(&site->suffix);
    mpy_text_end(&site->whole);
}

int mpy_site_again(struct mpy_site *site, int code) {
    if (code != -ENOENT || site->use_dir != NULL)
        return 0;
    site->use_dir = site->default_dir; /* the directory is another one by the same name */
    return 1;
}

PyObject *mpy_path_object(const char *path, int bytes) {
    return bytes ? PyBytes_FromString(path) : PyUnicode_DecodeFSDefault(path);
}

char *mpy_site_given(const struct mpy_site *site) {
    PyObject *names = PyObject_CallNoArgs(site->names);
    PyObject *name = names == NULL ? NULL : PyIter_Next(names);
    Py_XDECREF(names);
    mpy_auto_text text = {NULL, NULL};
    char *given = NULL;
    if (name == NULL && !PyErr_Occurred())
        PyErr_SetString(PyExc_FileExistsError, "No usable temporary file name found");
    if (name == NULL || mpy_text_from(name, &text) < 0) {
        Py_XDECREF(name);
        return NULL;
    }
    const char *prefix = site->use_prefix == NULL ? "tmp" : site->use_prefix;
    const char *suffix = site->suffix.text == NULL ? "" : site->suffix.text;
    const size_t size = strlen(prefix) + strlen(text.text) + strlen(suffix) + 1;
    given = malloc(size);
    if (given == NULL)
        PyErr_NoMemory();
    else
        (void)PyOS_snprintf(given, size, "%s%s%s", prefix, text.text, suffix);
    Py_DECREF(name);
    return given;
}

/* ---- made and handed over
 * ------------------------------------------------------------------------ */

enum { SUFFIX, PREFIX, DIR, TEXT, MODE };

static mayfly_name_options name_options(const struct mpy_site *site, uint64_t mode) {
    return (mayfly_name_options){
        .prefix = site->use_prefix,
        .suffix = site->suffix.text,
        .dir = site->use_dir,
        .permissions = (uint32_t)mode,
        .random = RANDOM_CHARACTERS,
    };
}

typedef int maker(size_t options_size, const mayfly_name_options *options, char **ret_path,
                  mayfly_error *error);

static int make(maker *function, struct mpy_site *site, uint64_t mode, char **ret_path,
                mayfly_error *error) {
    int r = 0;
    do {
        const mayfly_name_options options = name_options(site, mode);
        Py_BEGIN_ALLOW_THREADS r = function(sizeof options, &options, ret_path, error);
        Py_END_ALLOW_THREADS
    } while (r < 0 && mpy_site_again(site, r));
    return r;
}

/* The caller's own names: slowly, in Python. */
static PyObject *make_by_names(const char *function, const struct mpy_site *site) {
    PyObject *module = PyImport_ImportModule("mayfly._private");
    if (module == NULL)
        return NULL;
    const char *dir = site->use_dir == NULL ? site->default_dir : site->use_dir;
    PyObject *result = PyObject_CallMethod(
        module, function, "yyyOi", dir, site->use_prefix == NULL ? "tmp" : site->use_prefix,
        site->suffix.text == NULL ? "" : site->suffix.text, site->names, site->bytes);
    Py_DECREF(module);
    return result;
}

static PyObject *mkstemp_(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames) {
    static const struct mpy_signature signature = {
        "mkstemp", 4, 5, {N_suffix, N_prefix, N_dir, N_text, N_mode}};
    struct mpy_state *state = mpy_state_of(module);
    PyObject *values[5];
    uint64_t mode = 0;
    mpy_auto_site site = {{0}, .bytes = 0};
    if (mpy_parse(state, &signature, args, nargs, kwnames, values) < 0 ||
        mpy_number(values[MODE], &mode) < 0 ||
        mpy_site_fill(state, values[DIR], values[PREFIX], values[SUFFIX], &site) < 0)
        return NULL;
    if (site.names != NULL)
        return make_by_names("mkstemp", &site);
    char *path = NULL;
    mayfly_error error;
    const int fd = make(mayfly_mkstemp_sized, &site, mode, &path, &error);
    if (fd < 0)
        return mpy_raise(state, fd, &error);
    PyObject *name = mpy_path_object(path, site.bytes);
    PyObject *result = NULL;
    if (name != NULL && PySys_Audit("tempfile.mkstemp", "O", name) == 0)
        result = Py_BuildValue("iO", fd, name);
    if (result == NULL) { /* an audit hook refused it */
        (void)unlink(path);
        (void)close(fd);
    }
    Py_XDECREF(name);
    mayfly_free(path);
    return result;
}

static PyObject *mkdtemp_(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames) {
    static const struct mpy_signature signature = {
        "mkdtemp", 3, 4, {N_suffix, N_prefix, N_dir, N_mode}};
    struct mpy_state *state = mpy_state_of(module);
    PyObject *values[4];
    uint64_t mode = 0;
    mpy_auto_site site = {{0}, .bytes = 0};
    if (mpy_parse(state, &signature, args, nargs, kwnames, values) < 0 ||
        mpy_number(values[3], &mode) < 0 ||
        mpy_site_fill(state, values[DIR], values[PREFIX], values[SUFFIX], &site) < 0)
        return NULL;
    if (site.names != NULL)
        return make_by_names("mkdtemp", &site);
    char *path = NULL;
    mayfly_error error;
    const int r = make(mayfly_mkdtemp_sized, &site, mode, &path, &error);
    if (r < 0)
        return mpy_raise(state, r, &error);
    PyObject *name = mpy_path_object(path, site.bytes);
    if (name == NULL || PySys_Audit("tempfile.mkdtemp", "O", name) < 0) {
        (void)rmdir(path);
        Py_CLEAR(name);
    }
    mayfly_free(path);
    return name;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static PyObject *mktemp_(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
    static const struct mpy_signature signature = {"mktemp", 3, 3, {N_suffix, N_prefix, N_dir}};
    struct mpy_state *state = mpy_state_of(module);
    PyObject *values[3];
    mpy_auto_site site = {{0}, .bytes = 0};
    if (mpy_parse(state, &signature, args, nargs, kwnames, values) < 0 ||
        mpy_site_fill(state, values[DIR], values[PREFIX], values[SUFFIX], &site) < 0)
        return NULL;
    char *path = NULL;
    mayfly_error error;
    const int r = make(mayfly_mktemp_sized, &site, 0, &path, &error);
    if (r < 0)
        return mpy_raise(state, r, &error);
    PyObject *name = mpy_path_object(path, site.bytes);
    mayfly_free(path);
    return name;
}
#pragma GCC diagnostic pop

PyMethodDef mpy_site_methods[] = {
    {"gettempdir", gettempdir, METH_NOARGS,
     "gettempdir()\n--\n\nThe directory for temporary things, as str."},
    {"gettempdirb", gettempdirb, METH_NOARGS, "gettempdirb()\n--\n\nThe same as bytes."},
    {"gettempprefix", gettempprefix, METH_NOARGS,
     "gettempprefix()\n--\n\nWhat names begin with, as str."},
    {"gettempprefixb", gettempprefixb, METH_NOARGS, "gettempprefixb()\n--\n\nThe same as bytes."},
    {"mkstemp", (PyCFunction)(void (*)(void))mkstemp_, METH_FASTCALL | METH_KEYWORDS,
     "mkstemp(suffix=None, prefix=None, dir=None, text=False, *, mode=0o600)\n--\n\n"
     "Makes a file and returns (descriptor, path). The caller removes it."},
    {"mkdtemp", (PyCFunction)(void (*)(void))mkdtemp_, METH_FASTCALL | METH_KEYWORDS,
     "mkdtemp(suffix=None, prefix=None, dir=None, *, mode=0o700)\n--\n\n"
     "Makes a directory and returns its path. The caller removes it."},
    {"mktemp", (PyCFunction)(void (*)(void))mktemp_, METH_FASTCALL | METH_KEYWORDS,
     "mktemp(suffix='', prefix='tmp', dir=None)\n--\n\n"
     "Invents a name, which anybody may take before you do: use mkstemp."},
    {NULL, NULL, 0, NULL},
};
