/* SPDX-License-Identifier: MIT
 *
 * The module object: its state, what it imports, its types and functions.
 */
#include "internals.h"

/* Subclasses written in Python belong to no module: their bases are asked in order. */
struct mpk_state *mpk_state_of_type(PyTypeObject *type) {
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyHeapTypeObject *base = (PyHeapTypeObject *)PyTuple_GET_ITEM(mro, i);
        if ((base->ht_type.tp_flags & Py_TPFLAGS_HEAPTYPE) != 0 && base->ht_module != NULL &&
            PyModule_GetDef(base->ht_module) == &mpk_module)
            return mpk_state_of(base->ht_module);
    }
    PyErr_Clear();
    PyErr_SetString(PyExc_SystemError, "a type that is none of mayfly._pickle");
    return NULL;
}

PyObject *mpk_add_type(PyObject *module, PyType_Spec *spec, const char *name) {
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type != NULL && PyObject_SetAttrString(module, name, type) < 0)
        Py_CLEAR(type);
    return type;
}

static int make_names(struct mpk_state *state) {
    static const char *const texts[] = {
#define MPK_NAME_TEXT(name) #name,
        MPK_NAMES(MPK_NAME_TEXT)
#undef MPK_NAME_TEXT
    };
    for (int i = 0; i < MPK_N_COUNT; i++) {
        state->n[i] = PyUnicode_InternFromString(texts[i]);
        if (state->n[i] == NULL)
            return -1;
    }
    return 0;
}

static int import_helpers(struct mpk_state *state) {
    const struct {
        const char *module, *name;
        PyObject **to;
    } wanted[] = {
        {"_pickle", "PickleError", &state->PickleError},
        {"_pickle", "PicklingError", &state->PicklingError},
        {"_pickle", "UnpicklingError", &state->UnpicklingError},
        {"copyreg", "__newobj__", &state->newobj},
        {"copyreg", "__newobj_ex__", &state->newobj_ex},
        {"copyreg", "dispatch_table", &state->dispatch_table},
        {"copyreg", "_slotnames", &state->slotnames},
        {"copyreg", "_extension_registry", &state->extensions},
        {"copyreg", "_inverted_registry", &state->inverted_extensions},
        {"copyreg", "_extension_cache", &state->extension_cache},
        {"_compat_pickle", "REVERSE_IMPORT_MAPPING", &state->import_mapping},
        {"_compat_pickle", "REVERSE_NAME_MAPPING", &state->name_mapping},
        {"_compat_pickle", "IMPORT_MAPPING", &state->reverse_import_mapping},
        {"_compat_pickle", "NAME_MAPPING", &state->reverse_name_mapping},
        {"codecs", "encode", &state->codecs_encode},
        {"builtins", "getattr", &state->getattr},
        {"functools", "partial", &state->partial},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        PyObject *module = PyImport_ImportModule(wanted[i].module);
        if (module == NULL)
            return -1;
        *wanted[i].to = PyObject_GetAttrString(module, wanted[i].name);
        Py_DECREF(module);
        if (*wanted[i].to == NULL)
            return -1;
    }
    return 0;
}

PyObject *mpk_default(const struct mpk_state *state, enum mpk_name name) {
    if (state->settings == NULL)
        return NULL;
    PyObject *value = PyDict_GetItemWithError(state->settings, state->n[name]);
    return value == Py_None ? NULL : value;
}

static PyObject *use_settings(PyObject *module, PyObject *settings) {
    if (!PyDict_Check(settings))
        return PyErr_Format(PyExc_TypeError, "settings must be a dict");
    Py_XSETREF(mpk_state_of(module)->settings, mpk_ref(settings));
    Py_RETURN_NONE;
}

/* mayfly._settings calls it, so that who has never looked at settings does not pay for them. */
static PyMethodDef methods[] = {
    {"_use_settings", use_settings, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module) {
    struct mpk_state *state = mpk_state_of(module);
    if (make_names(state) < 0 || import_helpers(state) < 0)
        return -1;
    if (PyModule_AddFunctions(module, mpk_dump_methods) < 0 ||
        PyModule_AddFunctions(module, mpk_load_methods) < 0)
        return -1;
    if (PyObject_SetAttrString(module, "PickleError", state->PickleError) < 0 ||
        PyObject_SetAttrString(module, "PicklingError", state->PicklingError) < 0 ||
        PyObject_SetAttrString(module, "UnpicklingError", state->UnpicklingError) < 0)
        return -1;
    if (PyModule_AddIntConstant(module, "_internals", MPK_INTERNALS) < 0)
        return -1;
    return mpk_dump_setup(module, state) < 0 ? -1 : mpk_load_setup(module, state);
}

/* All objects of the state lie between its first and this many pointers. */
enum { OBJECTS = offsetof(struct mpk_state, spare) / sizeof(PyObject *) };
static PyObject **object_at(struct mpk_state *state, size_t index) {
    return (PyObject **)state + index;
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct mpk_state *state = mpk_state_of(module);
    for (size_t i = 0; state != NULL && i < OBJECTS; i++)
        Py_VISIT(*object_at(state, i));
    return 0;
}

/* The types stay until the module is freed: what still lives asks them where its state is. */
static void release(void *module) {
    struct mpk_state *state = mpk_state_of(module);
    if (state == NULL)
        return;
    mpk_dump_release(state);
    mpk_load_release(state);
    for (size_t i = 0; i < OBJECTS; i++)
        Py_CLEAR(*object_at(state, i));
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

struct PyModuleDef mpk_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "mayfly._pickle",
    .m_doc = "Python objects to pickles and back.",
    .m_size = sizeof(struct mpk_state),
    .m_methods = methods,
    .m_slots = module_slots,
    .m_traverse = traverse,
    .m_free = release,
};

PyMODINIT_FUNC PyInit__pickle(void);
PyMODINIT_FUNC PyInit__pickle(void) {
    return PyModuleDef_Init(&mpk_module);
}
