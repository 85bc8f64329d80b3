/* SPDX-License-Identifier: MIT
 *
 * What loading was asked for: the keywords of pickle, of dill, and our own.
 */
#include "load.h"

enum { IGNORE, FIX_IMPORTS, ENCODING, ERRORS, BUFFERS, ALLOW, DATA_ONLY, PAUSE_GC, TRUSTED };

static int read_flag(PyObject *value, bool *ret) {
    const int is = value == NULL || value == Py_None ? *ret : PyObject_IsTrue(value);
    *ret = is > 0;
    return is < 0 ? -1 : 0;
}

static int read_text(PyObject *value, const char *what, const char **ret, PyObject **owner) {
    if (value == NULL)
        return 0;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s", what, Py_TYPE(value)->tp_name);
        return -1;
    }
    const char *text = PyUnicode_AsUTF8(value);
    if (text == NULL)
        return -1;
    *ret = text;
    *owner = mpk_ref(value);
    return 0;
}

int mpk_load_options_read(struct mpk_load_options *options, PyObject **values) {
    *options = (struct mpk_load_options){
        .ignore = -1, .encoding = "ASCII", .errors = "strict", .fix_imports = true};
    if (values == NULL)
        return 0;
    PyObject *buffers = values[BUFFERS], *allow = values[ALLOW];
    if (values[IGNORE] != NULL && values[IGNORE] != Py_None)
        options->ignore = PyObject_IsTrue(values[IGNORE]);
    if ((options->ignore < 0 && PyErr_Occurred()) ||
        read_flag(values[FIX_IMPORTS], &options->fix_imports) < 0 ||
        read_flag(values[DATA_ONLY], &options->data_only) < 0 ||
        read_flag(values[PAUSE_GC], &options->pause_gc) < 0 ||
        read_flag(values[TRUSTED], &options->trusted) < 0 ||
        read_text(values[ENCODING], "encoding", &options->encoding, &options->encoding_owner) < 0 ||
        read_text(values[ERRORS], "errors", &options->errors, &options->errors_owner) < 0)
        return -1;
    if (buffers != NULL && buffers != Py_None &&
        (options->buffers = PyObject_GetIter(buffers)) == NULL)
        return -1;
    if (allow != NULL && allow != Py_None && (options->allow = mpk_allow_set(allow)) == NULL)
        return -1;
    return 0;
}

void mpk_load_options_end(struct mpk_load_options *options) {
    Py_CLEAR(options->encoding_owner);
    Py_CLEAR(options->errors_owner);
    Py_CLEAR(options->buffers);
    Py_CLEAR(options->allow);
}

/* ---- the collector --------------------------------------------------------------------------- */

/* What gc has under that name, called; PyGC_Disable() is not in Python 3.9. */
static bool call_gc(const char *name) {
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *result = gc == NULL ? NULL : PyObject_CallMethod(gc, name, NULL);
    const bool is = result == Py_True;
    Py_XDECREF(result);
    Py_XDECREF(gc);
    if (result == NULL)
        PyErr_Clear();
    return is;
}

bool mpk_gc_pause(const struct mpk_load_options *options) {
    if (MFI_LIKELY(!options->pause_gc) || !call_gc("isenabled"))
        return false;
    (void)call_gc("disable");
    return true;
}

void mpk_gc_go_on(bool paused) {
    PyObject *type, *value, *traceback;
    if (MFI_LIKELY(!paused))
        return;
    PyErr_Fetch(&type, &value, &traceback);
    (void)call_gc("enable");
    PyErr_Restore(type, value, traceback);
}

/* ---- dill's last step ------------------------------------------------------------------------ */

static int is_ignored(const struct mpk_loader *l) {
    PyObject *set = l->options.ignore >= 0 ? NULL : mpk_default(l->state, MPK_N_ignore);
    return set != NULL ? PyObject_IsTrue(set) : l->options.ignore > 0;
}

int mpk_load_repoint(struct mpk_loader *l, PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    if (MFI_LIKELY((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0))
        return 0;
    PyObject *const *n = l->state->n;
    PyObject *module = PyDict_GetItemWithError(type->tp_dict, n[MPK_N___module__]);
    if (module == NULL || !PyUnicode_Check(module) ||
        (module != n[MPK_N___main__] && PyUnicode_Compare(module, n[MPK_N___main__]) != 0))
        return PyErr_Occurred() ? -1 : 0;
    PyObject *main = PyDict_GetItemWithError(PyImport_GetModuleDict(), n[MPK_N___main__]);
    PyObject *name = ((PyHeapTypeObject *)type)->ht_name, *cls = NULL;
    if (main != NULL && PyModule_CheckExact(main) &&
        PyDict_GetItemWithError(PyModule_GetDict(main), name) == (PyObject *)type)
        return 0;
    if (PyErr_Occurred())
        return -1;
    const int ignored = is_ignored(l);
    if (ignored != 0)
        return ignored < 0 ? -1 : 0;
    int r = main == NULL ? 0 : mpk_attribute(main, name, &cls);
    if (r > 0 && cls != (PyObject *)type)
        r = PyObject_SetAttr(object, n[MPK_N___class__], cls);
    Py_XDECREF(cls);
    if (r >= 0)
        return 0;
    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_AttributeError))
        return -1;
    PyErr_Clear(); /* it was defined in a file: it keeps the class that came with it */
    return 0;
}
