/* SPDX-License-Identifier: MIT
 *
 * The module object: its state, its types, its functions.
 */
#include "core.h"

/* Subclasses written in Python belong to no module: their bases are asked in order. */
struct mpy_state *mpy_state_of_type(PyTypeObject *type) {
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyHeapTypeObject *base = (PyHeapTypeObject *)PyTuple_GET_ITEM(mro, i);
        if ((base->ht_type.tp_flags & Py_TPFLAGS_HEAPTYPE) != 0 && base->ht_module != NULL &&
            PyModule_GetDef(base->ht_module) == &mpy_module)
            return mpy_state_of(base->ht_module);
    }
    PyErr_Clear();
    PyErr_SetString(PyExc_SystemError, "a type that is none of mayfly._core");
    return NULL;
}

PyObject *mpy_add_type(PyObject *module, PyType_Spec *spec, PyObject *base, const char *name) {
    PyObject *bases = base == NULL ? NULL : PyTuple_Pack(1, base);
    if (base != NULL && bases == NULL)
        return NULL;
    PyObject *type = PyType_FromModuleAndSpec(module, spec, bases);
    Py_XDECREF(bases);
    if (type != NULL && PyObject_SetAttrString(module, name, type) < 0)
        Py_CLEAR(type);
    return type;
}

PyObject *mpy_class_getitem(PyObject *type, PyObject *item) {
    return Py_GenericAlias(type, item);
}

/* mayfly.tempfile hands over its variables: tempdir, template, strict. */
static PyObject *bind(PyObject *module, PyObject *globals) {
    struct mpy_state *state = mpy_state_of(module);
    if (!PyDict_Check(globals)) {
        PyErr_SetString(PyExc_TypeError, "globals() of a module");
        return NULL;
    }
    Py_INCREF(globals);
    Py_XSETREF(state->globals, globals);
    PyObject *set = PyDict_GetItemWithError(globals, state->n[N_template]);
    if (set == NULL)
        return NULL;
    Py_INCREF(set);
    Py_XSETREF(state->template_, set);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"_bind", bind, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int make_names(struct mpy_state *state) {
    static const char *const texts[] = {
#define MPY_NAME_TEXT(name) #name,
        MPY_NAMES(MPY_NAME_TEXT)
#undef MPY_NAME_TEXT
    };
    for (int i = 0; i < N_COUNT; i++) {
        state->n[i] = PyUnicode_InternFromString(texts[i]);
        if (state->n[i] == NULL)
            return -1;
    }
    state->wb_plus = PyUnicode_InternFromString("w+b");
    return state->wb_plus == NULL ? -1 : 0;
}

static int find_io(struct mpy_state *state) {
    const struct {
        const char *name;
        PyObject **to;
    } wanted[] = {
        {"FileIO", &state->FileIO},
        {"_RawIOBase", &state->RawIOBase},
        {"_IOBase", &state->IOBase},
        {"BytesIO", &state->BytesIO},
        {"BufferedRandom", &state->BufferedRandom},
        {"BufferedReader", &state->BufferedReader},
        {"BufferedWriter", &state->BufferedWriter},
        {"TextIOWrapper", &state->TextIOWrapper},
    };
    PyObject *io = PyImport_ImportModule("_io");
    for (size_t i = 0; io != NULL && i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].to = PyObject_GetAttrString(io, wanted[i].name);
        if (*wanted[i].to == NULL)
            Py_CLEAR(io);
    }
    Py_XDECREF(io);
    return io == NULL ? -1 : 0;
}

/* io.IOBase is an abstract class above the one we derive from; io registers its own the same way.
 */
static int register_as_io(const struct mpy_state *state) {
    PyObject *io = PyImport_ImportModule("io");
    PyObject *base = io == NULL ? NULL : PyObject_GetAttrString(io, "IOBase");
    PyObject *done =
        base == NULL ? NULL : PyObject_CallMethod(base, "register", "O", state->Spooled);
    PyObject *raw = done == NULL ? NULL : PyObject_GetAttrString(io, "RawIOBase");
    PyObject *also =
        raw == NULL ? NULL : PyObject_CallMethod(raw, "register", "O", state->HandleFile);
    const int r = also == NULL ? -1 : 0;
    Py_XDECREF(also);
    Py_XDECREF(raw);
    Py_XDECREF(done);
    Py_XDECREF(base);
    Py_XDECREF(io);
    return r;
}

static int add_error(PyObject *module, struct mpy_state *state) {
    state->Error = PyErr_NewExceptionWithDoc(
        "mayfly.Error", "What only mayfly can say; errno is one of its own codes.", PyExc_OSError,
        NULL);
    return state->Error == NULL ? -1 : PyObject_SetAttrString(module, "Error", state->Error);
}

static int execute(PyObject *module) {
    struct mpy_state *state = mpy_state_of(module);
    typedef int setup(PyObject * module, struct mpy_state * state);
    static setup *const steps[] = {
        add_error,           mpy_raw_setup,     mpy_wrapper_setup,   mpy_spool_setup,
        mpy_directory_setup, mpy_replace_setup, mpy_workspace_setup, mpy_manager_setup,
        mpy_batches_setup,   mpy_cache_setup,   mpy_capture_setup,   mpy_chunks_setup,
        mpy_test_setup,      mpy_buffer_setup,
    };
    static PyMethodDef *const functions[] = {methods,          mpy_site_methods,
                                             mpy_file_methods, mpy_directory_methods,
                                             mpy_more_methods, mpy_trust_methods};
    if (make_names(state) < 0 || find_io(state) < 0)
        return -1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i](module, state) < 0)
            return -1;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (PyModule_AddFunctions(module, functions[i]) < 0)
            return -1;
    if (PyModule_AddIntConstant(module, "ON_USUAL", MAYFLY_ON_USUAL) < 0 ||
        PyModule_AddStringConstant(module, "version", mayfly_version()) < 0)
        return -1;
    return register_as_io(state);
}

/* All objects of the state lie between its first and this many pointers. */
static PyObject **object_at(struct mpy_state *state, size_t index) {
    return (PyObject **)state + index;
}
enum { OBJECTS = offsetof(struct mpy_state, raw_offset) / sizeof(PyObject *) };

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct mpy_state *state = mpy_state_of(module);
    for (size_t i = 0; state != NULL && i < OBJECTS; i++)
        Py_VISIT(*object_at(state, i));
    return 0;
}

/* The types stay until the module is freed: what still lives asks them where its state is. */
static void release(void *module) {
    struct mpy_state *state = mpy_state_of(module);
    for (size_t i = 0; state != NULL && i < OBJECTS; i++)
        Py_CLEAR(*object_at(state, i));
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

struct PyModuleDef mpy_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "mayfly._core",
    .m_doc = "What mayfly's modules are made of.",
    .m_size = sizeof(struct mpy_state),
    .m_slots = module_slots,
    .m_traverse = traverse,
    .m_free = release,
};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void) {
    return PyModuleDef_Init(&mpy_module);
}
