/* SPDX-License-Identifier: MIT
 *
 * Functions by value, as dill writes them: code, globals by the module's name, cells.
 */
#include "special.h"

/* Calls without a number: nobody can ask for what is made only for them. */
static char *put_call(struct mpk_dumper *d, char *q, enum mfi_opcode tuple) {
    CHECKED(mpk_fit(d, q));
    return mfi_put(mfi_put(q, tuple), MFI_OP_REDUCE);
}

static char *put_mark(struct mpk_dumper *d, char *q) {
    CHECKED(mpk_fit(d, q));
    return mfi_put(q, MFI_OP_MARK);
}

static char *save_or_none(struct mpk_dumper *d, char *q, PyObject *object) {
    return mpk_save(d, q, object == NULL ? Py_None : object);
}

/* Gives it its number, unless its parts led to it and it has one. */
static char *store_new(struct mpk_dumper *d, char *q, PyObject *object, bool *known) {
    CHECKED(mpk_fit(d, q));
    const size_t place = mpk_memo_place(d, object);
    *known = mpk_memo_has(d, place);
    return *known ? mpk_put_get(d, mfi_put(q, MFI_OP_POP), mpk_memo_number(d, place))
                  : mpk_store(d, q, object, place);
}

/* ---- code ----------------------------------------------------------------------------------- */

#if PY_VERSION_HEX >= 0x030B0000
#define CODE_PART(code, name, function) function(code)
#else
#define CODE_PART(code, name, function) mpk_ref((code)->name)
#endif

/* What a code object may have made for the asking. */
static char *save_part(struct mpk_dumper *d, char *q, PyObject *value) {
    if (value == NULL)
        return NULL;
    q = mpk_keep(d, value) < 0 ? NULL : mpk_save(d, q, value);
    Py_DECREF(value);
    return q;
}

static char *save_number(struct mpk_dumper *d, char *q, long number) {
    CHECKED(mpk_fit(d, q));
    if (d->e.protocol >= 2)
        return mfi_put_int(q, number);
    PyObject *object = PyLong_FromLong(number);
    q = object == NULL ? NULL : mpk_save(d, q, object);
    Py_XDECREF(object);
    return q;
}

/* types.CodeType's arguments, in its order. */
static char *save_code_parts(struct mpk_dumper *d, char *q, PyObject *object) {
    PyCodeObject *code = (PyCodeObject *)object;
    CHECKED(save_number(d, q, code->co_argcount));
    CHECKED(save_number(d, q, code->co_posonlyargcount));
    CHECKED(save_number(d, q, code->co_kwonlyargcount));
    CHECKED(save_number(d, q, code->co_nlocals));
    CHECKED(save_number(d, q, code->co_stacksize));
    CHECKED(save_number(d, q, code->co_flags));
    CHECKED(save_part(d, q, CODE_PART(code, co_code, PyCode_GetCode)));
    CHECKED(mpk_save(d, q, code->co_consts));
    CHECKED(mpk_save(d, q, code->co_names));
    CHECKED(save_part(d, q, CODE_PART(code, co_varnames, PyCode_GetVarnames)));
    CHECKED(mpk_save(d, q, code->co_filename));
    CHECKED(mpk_save(d, q, code->co_name));
#if PY_VERSION_HEX >= 0x030B0000
    CHECKED(mpk_save(d, q, code->co_qualname));
    CHECKED(save_number(d, q, code->co_firstlineno));
    CHECKED(mpk_save(d, q, code->co_linetable));
    CHECKED(mpk_save(d, q, code->co_exceptiontable));
#else
    CHECKED(save_number(d, q, code->co_firstlineno));
#if PY_VERSION_HEX >= 0x030A0000
    CHECKED(mpk_save(d, q, code->co_linetable));
#else
    CHECKED(mpk_save(d, q, code->co_lnotab));
#endif
#endif
    CHECKED(save_part(d, q, CODE_PART(code, co_freevars, PyCode_GetFreevars)));
    return save_part(d, q, CODE_PART(code, co_cellvars, PyCode_GetCellvars));
}

char *mpk_save_code(struct mpk_dumper *d, char *q, PyObject *object) {
    bool known;
    if (!mpk_specials_load(d))
        return NULL;
    CHECKED(mpk_save(d, q, d->state->special[MPK_CREATE_CODE]));
    CHECKED(put_mark(d, q));
    CHECKED(save_code_parts(d, q, object));
    CHECKED(put_call(d, q, MFI_OP_TUPLE));
    return store_new(d, q, object, &known);
}

/* ---- what waits ----------------------------------------------------------------------------- */

static int wait_for(struct mpk_dumper *d, PyObject *object) {
    struct mpk_later *bottom = d->later;
    while (bottom->below != NULL)
        bottom = bottom->below;
    /* a list is made where the collector, and so finalizers, may run */
    if (mpk_settle(d) < 0 || (bottom->list == NULL && (bottom->list = PyList_New(0)) == NULL))
        return -1;
    return PyList_Append(bottom->list, object);
}

void mpk_later_push(struct mpk_dumper *d, struct mpk_later *later, PyObject *object,
                    bool is_class) {
    *later = (struct mpk_later){d->later, object, NULL, is_class};
    d->later = later;
}

static char *save_function_state(struct mpk_dumper *d, char *q, PyFunctionObject *f);

/* The content of a cell, as a state: cell.cell_contents = content. */
static char *fill_cell(struct mpk_dumper *d, char *q, PyObject *cell) {
    PyObject *content = PyCell_Get(cell);
    if (content == NULL)
        return q;
    CHECKED(mpk_fit(d, q));
    q = mfi_put(mfi_put(mfi_put(q, MFI_OP_NONE), MFI_OP_EMPTY_DICT), MFI_OP_MARK);
    q = mpk_save(d, q, d->state->n[MPK_N_cell_contents]);
    q = q == NULL || mpk_keep(d, content) < 0 ? NULL : mpk_save(d, q, content);
    Py_DECREF(content);
    if (q == NULL || (q = mpk_fit(d, q)) == NULL)
        return NULL;
    q = mfi_put(q, MFI_OP_SETITEMS);
    return mfi_put(mfi_put(q, MFI_OP_TUPLE2), MFI_OP_BUILD);
}

char *mpk_later_pop(struct mpk_dumper *d, char *q, struct mpk_later *later) {
    PyObject *list = later->list;
    d->later = later->below;
    for (Py_ssize_t i = 0; q != NULL && list != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        q = mpk_save(d, q, item); /* by its number */
        if (q != NULL)
            q = Py_IS_TYPE(item, &PyCell_Type)
                    ? fill_cell(d, q, item)
                    : save_function_state(d, q, (PyFunctionObject *)item);
        q = q == NULL || (q = mpk_fit(d, q)) == NULL ? NULL : mfi_put(q, MFI_OP_POP);
    }
    if (q != NULL && list != NULL && mpk_settle(d) < 0)
        q = NULL;
    if (q == NULL)
        mpk_memo_cut(d);
    Py_XDECREF(list);
    return q;
}

/* ---- cells ---------------------------------------------------------------------------------- */

static bool is_leaf(PyObject *object) {
    const PyTypeObject *type = Py_TYPE(object);
    return object == Py_None || type == &PyLong_Type || type == &PyUnicode_Type ||
           type == &PyFloat_Type || type == &PyBytes_Type || type == &PyBool_Type;
}

/* Whether reducers in Python have something under way, so that cells are theirs. */
static int is_open_there(struct mpk_dumper *d) {
    if (d->settings == NULL)
        return 0;
    PyObject *open = PyObject_GetAttrString(d->settings, "open");
    const Py_ssize_t size = open == NULL ? -1 : PyObject_Size(open);
    Py_XDECREF(open);
    return size < 0 ? -1 : size > 0;
}

char *mpk_save_cell(struct mpk_dumper *d, char *q, PyObject *object) {
    bool done, known;
    if (!mpk_specials_load(d))
        return NULL;
    PyObject *content = PyCell_GET(object);
    const int theirs = d->later == NULL ? is_open_there(d) : 0;
    if (theirs < 0)
        return NULL;
    if (content == NULL || theirs)
        return mpk_save_by_table(d, q, object, &done);
    const bool leaf = is_leaf(content);
    if (leaf && mpk_keep(d, content) < 0) /* a file's write may put another one there */
        return NULL;
    CHECKED(mpk_save(d, q, d->state->special[MPK_CREATE_CELL]));
    CHECKED(mpk_save(d, q, leaf ? content : Py_None));
    CHECKED(mpk_fit(d, q));
    if (d->e.protocol < 2) { /* TUPLE needs a mark there, and the table says it so */
        PyErr_SetString(d->state->PicklingError, "dump a cell: this needs protocol 2 or higher");
        return NULL;
    }
    CHECKED(put_call(d, q, MFI_OP_TUPLE1));
    CHECKED(store_new(d, q, object, &known));
    if (leaf)
        return q;
    if (d->later != NULL)
        return wait_for(d, object) < 0 ? NULL : q;
    return fill_cell(d, q, object);
}

/* ---- functions ------------------------------------------------------------------------------ */

static bool same_text(PyObject *a, PyObject *b) {
    return a == b || (a != NULL && b != NULL && PyUnicode_Check(a) && PyUnicode_Check(b) &&
                      PyUnicode_Compare(a, b) == 0);
}

/* From Python 3.14 on they are made when somebody asks, by code: of anybody, and which may name
 * what is not there. Then they are written as text. */
static PyObject *annotations_of(struct mpk_dumper *d, PyFunctionObject *f) {
#if PY_VERSION_HEX >= 0x030E0000
    if (f->func_annotations == NULL && f->func_annotate != NULL && mpk_settle(d) < 0)
        return NULL;
#endif
    PyObject *found = PyObject_GetAttr((PyObject *)f, d->state->n[MPK_N___annotations__]);
#if PY_VERSION_HEX >= 0x030E0000
    if (found == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        PyObject *module = PyImport_ImportModule("mayfly._dill.reduce_annotations");
        found = module == NULL ? NULL : PyObject_CallMethod(module, "as_text", "O", f);
        Py_XDECREF(module);
    }
#endif
    return found;
}

/* What making it again does not give: __doc__ and its kin, as a dict; NULL: nothing, or an
 * exception. */
static PyObject *odd_attributes(struct mpk_dumper *d, PyFunctionObject *f) {
    PyObject *const *n = d->state->n;
    PyObject *ret = PyDict_New(), *consts = ((PyCodeObject *)f->func_code)->co_consts;
    PyObject *first = PyTuple_GET_SIZE(consts) > 0 ? PyTuple_GET_ITEM(consts, 0) : NULL;
    int r = ret == NULL ? -1 : 0;
    if (r == 0 && f->func_doc != NULL && f->func_doc != Py_None && f->func_doc != first)
        r = PyDict_SetItem(ret, n[MPK_N___doc__], f->func_doc);
    if (r == 0 && f->func_kwdefaults != NULL)
        r = PyDict_SetItem(ret, n[MPK_N___kwdefaults__], f->func_kwdefaults);
#if PY_VERSION_HEX < 0x030E0000
    if (r == 0 && f->func_annotations != NULL)
#else
    if (r == 0 && (f->func_annotations != NULL || f->func_annotate != NULL))
#endif
    {
        PyObject *annotations = annotations_of(d, f);
        r = annotations == NULL ? -1 : 0;
        if (r == 0 && PyObject_IsTrue(annotations) > 0)
            r = PyDict_SetItem(ret, n[MPK_N___annotations__], annotations);
        Py_XDECREF(annotations);
    }
#if PY_VERSION_HEX >= 0x030B0000
    if (r == 0 && !same_text(f->func_qualname, ((PyCodeObject *)f->func_code)->co_qualname))
#else
    if (r == 0 && !same_text(f->func_qualname, f->func_name))
#endif
        r = PyDict_SetItem(ret, n[MPK_N___qualname__], f->func_qualname);
    PyObject *module = PyDict_GetItemWithError(f->func_globals, n[MPK_N___name__]);
    if (r == 0 && !same_text(module, f->func_module))
        r = PyDict_SetItem(ret, n[MPK_N___module__],
                           f->func_module == NULL ? Py_None : f->func_module);
#if PY_VERSION_HEX >= 0x030C0000
    if (r == 0 && f->func_typeparams != NULL && PyObject_IsTrue(f->func_typeparams) > 0)
        r = PyDict_SetItemString(ret, "__type_params__", f->func_typeparams);
#endif
    if (r < 0)
        Py_CLEAR(ret);
    return ret;
}

static bool is_odd(const PyFunctionObject *f) {
    PyObject *consts = ((PyCodeObject *)f->func_code)->co_consts;
    PyObject *first = PyTuple_GET_SIZE(consts) > 0 ? PyTuple_GET_ITEM(consts, 0) : NULL;
    return (f->func_doc != NULL && f->func_doc != Py_None && f->func_doc != first) ||
           f->func_kwdefaults != NULL || f->func_annotations != NULL ||
#if PY_VERSION_HEX >= 0x030C0000
           (f->func_typeparams != NULL && f->func_typeparams != Py_None) ||
#endif
#if PY_VERSION_HEX >= 0x030E0000
           f->func_annotate != NULL ||
#endif
#if PY_VERSION_HEX >= 0x030B0000
           f->func_qualname != ((PyCodeObject *)f->func_code)->co_qualname;
#else
           f->func_qualname != f->func_name;
#endif
}

/* The state (attributes, odd ones), if there is any, for the function on top. */
static char *save_function_state(struct mpk_dumper *d, char *q, PyFunctionObject *f) {
    if (mpk_settle(d) < 0) /* what is asked for below is made, or compared by code of the user */
        return NULL;
    PyObject *name = PyDict_GetItemWithError(f->func_globals, d->state->n[MPK_N___name__]);
    const bool attributes = f->func_dict != NULL && PyDict_GET_SIZE(f->func_dict) > 0;
    if (!is_odd(f) && !attributes && same_text(name, f->func_module))
        return PyErr_Occurred() ? NULL : q;
    PyObject *odd = odd_attributes(d, f);
    if (odd == NULL)
        return NULL;
    if (PyDict_GET_SIZE(odd) == 0 && !attributes) {
        Py_DECREF(odd);
        return q;
    }
    q = mpk_keep(d, odd) < 0 ? NULL : save_or_none(d, q, attributes ? f->func_dict : NULL);
    q = q == NULL ? NULL : mpk_save(d, q, odd);
    Py_DECREF(odd);
    if (q == NULL || (q = mpk_fit(d, q)) == NULL)
        return NULL;
    return mfi_put(mfi_put(q, MFI_OP_TUPLE2), MFI_OP_BUILD);
}

static char *save_by_value(struct mpk_dumper *d, char *q, PyFunctionObject *f) {
    struct mpk_later later;
    bool known = false, waits = d->later != NULL && d->later->is_class;
    CHECKED(mpk_save(d, q, d->state->special[MPK_CREATE_FUNCTION]));
    CHECKED(put_mark(d, q));
    mpk_later_push(d, &later, (PyObject *)f, false);
    q = mpk_save(d, q, f->func_code);
    q = q == NULL ? NULL : mpk_save(d, q, f->func_globals);
    q = q == NULL ? NULL : mpk_save(d, q, f->func_name);
    q = q == NULL ? NULL : save_or_none(d, q, f->func_defaults);
    q = q == NULL ? NULL : save_or_none(d, q, f->func_closure);
    q = q == NULL ? NULL : put_call(d, q, MFI_OP_TUPLE);
    q = q == NULL ? NULL : store_new(d, q, (PyObject *)f, &known);
    if (q != NULL && !known && waits)
        q = wait_for(d, (PyObject *)f) < 0 ? NULL : q;
    else if (q != NULL && !known)
        q = save_function_state(d, q, f);
    return mpk_later_pop(d, q, &later);
}

/* Whether what its annotations name may be a class that the reducers in Python are writing. */
static int is_waited_for(struct mpk_dumper *d, const PyFunctionObject *f) {
#if PY_VERSION_HEX >= 0x030E0000
    return f->func_annotations != NULL || f->func_annotate != NULL ? is_open_there(d) : 0;
#else
    (void)d, (void)f;
    return 0;
#endif
}

char *mpk_save_function(struct mpk_dumper *d, char *q, PyObject *object) {
    PyFunctionObject *f = (PyFunctionObject *)object;
    PyObject *name;
    bool done;
    const int importable = mpk_is_importable(d, object, f->func_module, f->func_qualname);
    if (importable)
        return importable == MPK_STRAIGHT
                   ? mpk_save_found(d, q, object, f->func_module, f->func_qualname)
                   : mpk_save_global(d, q, object, NULL);
    if (!mpk_specials_load(d))
        return NULL;
    const int recurse = mpk_setting(d, MPK_N_recurse);
    if (recurse < 0)
        return NULL;
    const int waits = recurse ? 0 : is_waited_for(d, f);
    if (waits < 0)
        return NULL;
    if (!recurse && !waits && d->e.protocol >= 2 && mpk_is_module_dict(d, f->func_globals, &name))
        return save_by_value(d, q, f);
    CHECKED(mpk_save_by_table(d, q, object, &done));
    return done ? q : mpk_save_global(d, q, object, NULL);
}

/* property, staticmethod, classmethod */
char *mpk_save_wrapped(struct mpk_dumper *d, char *q, PyObject *object) {
    static const enum mpk_name names[] = {MPK_N_fget, MPK_N_fset, MPK_N_fdel, MPK_N___doc__};
    PyObject *parts[4] = {NULL, NULL, NULL, NULL}, *value = NULL;
    const bool property = Py_IS_TYPE(object, &PyProperty_Type);
    const int count = property ? 4 : 1;
    int made = 0;
    while (made < count) {
        const enum mpk_name name = property ? names[made] : MPK_N___func__;
        if ((parts[made] = PyObject_GetAttr(object, d->state->n[name])) == NULL)
            break;
        made++;
    }
    PyObject *args = NULL;
    if (made == count)
        args = property ? PyTuple_Pack(4, parts[0], parts[1], parts[2], parts[3])
                        : PyTuple_Pack(1, parts[0]);
    if (args != NULL)
        value = PyTuple_Pack(2, Py_TYPE(object), args);
    Py_XDECREF(args);
    while (made > 0)
        Py_DECREF(parts[--made]);
    return mpk_save_made(d, q, value, object);
}
