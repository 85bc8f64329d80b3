/* SPDX-License-Identifier: MIT
 *
 * Objects that say themselves how they are made again: which of the many ways one is asked, and
 * the writing of what it answers.
 */
#include "dump.h"

/* Lets go of an object that was held while it was written: the memo may know nobody else's. */
char *mpk_release(struct mpk_dumper *d, char *q, PyObject *object) {
    if (MFI_UNLIKELY(Py_REFCNT(object) == 1) && q != NULL && mpk_settle(d) < 0)
        q = NULL;
    if (MFI_UNLIKELY(q == NULL))
        mpk_memo_cut(d);
    Py_DECREF(object);
    return q;
}

static char *refuse(struct mpk_dumper *d, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)PyErr_FormatV(d->state->PicklingError, format, arguments);
    va_end(arguments);
    return NULL;
}

/* ---- what comes from iterators -------------------------------------------------------------- */

/* One item, or a pair; takes the reference. */
static char *save_item(struct mpk_dumper *d, char *q, PyObject *item, bool pairs) {
    if (!pairs)
        q = mpk_save(d, q, item);
    else if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) {
        PyErr_SetString(PyExc_TypeError, "dict items iterator must return 2-tuples");
        q = NULL;
    } else {
        q = mpk_save(d, q, PyTuple_GET_ITEM(item, 0));
        q = q == NULL ? NULL : mpk_save(d, q, PyTuple_GET_ITEM(item, 1));
    }
    if (q != NULL && mpk_settle(d) < 0) /* its parts may be known to nobody but it */
        q = NULL;
    if (q == NULL)
        mpk_memo_cut(d);
    Py_DECREF(item);
    return q;
}

static PyObject *next_item(struct mpk_dumper *d, PyObject *iterator) {
    return mpk_settle(d) < 0 ? NULL : PyIter_Next(iterator);
}

/* The rest of a batch whose first two are here. */
static char *save_marked(struct mpk_dumper *d, char *q, PyObject *iterator, PyObject *first,
                         PyObject *item, bool pairs, int *count) {
    CHECKED(mpk_fit(d, q));
    q = save_item(d, mfi_put(q, MFI_OP_MARK), first, pairs);
    *count = 1;
    while (item != NULL) {
        if (q == NULL) {
            Py_DECREF(item);
            return NULL;
        }
        q = save_item(d, q, item, pairs);
        if (++*count == MFI_BATCH || q == NULL)
            break;
        item = next_item(d, iterator);
        if (item == NULL && PyErr_Occurred())
            return NULL;
    }
    return q == NULL ? NULL : mpk_fit(d, q);
}

static char *save_one_by_one(struct mpk_dumper *d, char *q, PyObject *iterator, bool pairs) {
    PyObject *item;
    while ((item = next_item(d, iterator)) != NULL) {
        CHECKED(save_item(d, q, item, pairs));
        CHECKED(mpk_fit(d, q));
        q = mfi_put(q, pairs ? MFI_OP_SETITEM : MFI_OP_APPEND);
    }
    return PyErr_Occurred() ? NULL : q;
}

char *mpk_save_iterated(struct mpk_dumper *d, char *q, PyObject *iterator, bool pairs) {
    if (d->e.protocol == 0)
        return save_one_by_one(d, q, iterator, pairs);
    int count;
    do {
        PyObject *first = next_item(d, iterator);
        if (first == NULL)
            return PyErr_Occurred() ? NULL : q;
        PyObject *second = next_item(d, iterator);
        if (second == NULL) {
            if (PyErr_Occurred()) {
                Py_DECREF(first);
                return NULL;
            }
            CHECKED(save_item(d, q, first, pairs));
            CHECKED(mpk_fit(d, q));
            return mfi_put(q, pairs ? MFI_OP_SETITEM : MFI_OP_APPEND);
        }
        CHECKED(save_marked(d, q, iterator, first, second, pairs, &count));
        q = mfi_put(q, pairs ? MFI_OP_SETITEMS : MFI_OP_APPENDS);
    } while (count == MFI_BATCH);
    return q;
}

/* ---- the reduce value ----------------------------------------------------------------------- */

enum call { CALL_PLAIN, CALL_NEWOBJ, CALL_NEWOBJ_EX, CALL_ERROR };

/* As pickle, by the name of what is called. */
static enum call kind_of_call(struct mpk_dumper *d, PyObject *callable) {
    if (d->e.protocol < 2)
        return CALL_PLAIN;
    if (callable == d->state->newobj)
        return CALL_NEWOBJ;
    if (Py_IS_TYPE(callable, &PyType_Type) && ((PyTypeObject *)callable)->tp_name[0] != '_')
        return CALL_PLAIN;
    PyObject *name = NULL;
    if (mpk_look_up(callable, d->state->n[MPK_N___name__], &name) < 0)
        return CALL_ERROR;
    enum call kind = CALL_PLAIN;
    if (name != NULL && PyUnicode_Check(name)) {
        if (PyUnicode_Compare(name, d->state->n[MPK_N___newobj_ex__]) == 0)
            kind = CALL_NEWOBJ_EX;
        else if (PyUnicode_Compare(name, d->state->n[MPK_N___newobj__]) == 0)
            kind = CALL_NEWOBJ;
    }
    Py_XDECREF(name);
    return kind;
}

/* Arguments that only the reduce value has: nobody can ask for them again, nor for short text and
 * bytes that only they have. Whether that is still so is seen after they were written. */
static char *save_fleeting(struct mpk_dumper *d, char *q, PyObject *args) {
    static const char ops[] = {0, (char)MFI_OP_TUPLE1, (char)MFI_OP_TUPLE2, (char)MFI_OP_TUPLE3};
    const Py_ssize_t size = PyTuple_GET_SIZE(args);
    CHECKED(mpk_room(d, q));
    if (size > 3)
        q = mfi_put(q, MFI_OP_MARK);
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *part = PyTuple_GET_ITEM(args, i);
        if (mpk_is_lone(part) && PyBytes_CheckExact(part) && PyBytes_GET_SIZE(part) <= 64 &&
            d->e.protocol >= 3) {
            CHECKED(mpk_room(d, q));
            CHECKED(
                mfi_put_bytes(&d->e, q, PyBytes_AS_STRING(part), (size_t)PyBytes_GET_SIZE(part)));
            CHECKED(mpk_store_unseen(d, q, 0));
        } else
            CHECKED(mpk_save(d, q, part));
    }
    CHECKED(mpk_fit(d, q));
    q = mfi_put(q, size > 3 ? MFI_OP_TUPLE : (enum mfi_opcode)(unsigned char)ops[size]);
    if (mpk_is_lone(args))
        return mpk_store_unseen(d, q, 0);
    return mpk_store(d, q, args, mpk_memo_place(d, args));
}

static char *save_arguments(struct mpk_dumper *d, char *q, PyObject *value, PyObject *args) {
    if (mpk_is_lone(args) && mpk_is_lone(value) && PyTuple_CheckExact(args) &&
        PyTuple_GET_SIZE(args) > 0 && !d->watched && !d->exact_memo && d->write == NULL)
        return save_fleeting(d, q, args);
    return mpk_save(d, q, args);
}

/* cls.__new__(cls, *args, **keywords) */
static char *save_newobj_ex(struct mpk_dumper *d, char *q, PyObject *args) {
    if (PyTuple_GET_SIZE(args) != 3)
        return refuse(d, "length of the NEWOBJ_EX argument tuple must be exactly 3, not %zd",
                      PyTuple_GET_SIZE(args));
    PyObject *class = PyTuple_GET_ITEM(args, 0), *more = PyTuple_GET_ITEM(args, 1),
             *keywords = PyTuple_GET_ITEM(args, 2);
    if (!PyType_Check(class))
        return refuse(d, "first item from NEWOBJ_EX argument tuple must be a class, not %.200s",
                      Py_TYPE(class)->tp_name);
    if (!PyTuple_Check(more))
        return refuse(d, "second item from NEWOBJ_EX argument tuple must be a tuple, not %.200s",
                      Py_TYPE(more)->tp_name);
    if (!PyDict_Check(keywords))
        return refuse(d, "third item from NEWOBJ_EX argument tuple must be a dict, not %.200s",
                      Py_TYPE(keywords)->tp_name);
    if (d->e.protocol >= 4) {
        CHECKED(mpk_save(d, q, class));
        CHECKED(mpk_save(d, q, more));
        CHECKED(mpk_save(d, q, keywords));
        return mfi_put(mpk_fit(d, q), MFI_OP_NEWOBJ_EX);
    }
    /* before, a partial that is called without arguments */
    PyObject *make = PyObject_GetAttr(class, d->state->n[MPK_N___new__]);
    PyObject *head = make == NULL ? NULL : Py_BuildValue("(NO)", make, class);
    PyObject *all = head == NULL ? NULL : PySequence_Concat(head, more);
    Py_XDECREF(head);
    PyObject *partial = all == NULL ? NULL : PyObject_Call(d->state->partial, all, keywords);
    PyObject *nothing = partial == NULL ? NULL : PyTuple_New(0);
    Py_XDECREF(all);
    q = nothing == NULL ? NULL : mpk_save(d, q, partial);
    q = q == NULL ? NULL : mpk_save(d, q, nothing);
    q = q == NULL ? NULL : mpk_fit(d, q);
    if (q != NULL && mpk_keep(d, partial) < 0)
        q = NULL;
    if (q == NULL)
        mpk_memo_cut(d);
    Py_XDECREF(nothing);
    Py_XDECREF(partial);
    return q == NULL ? NULL : mfi_put(q, MFI_OP_REDUCE);
}

/* cls.__new__(cls, *args) */
static char *save_newobj(struct mpk_dumper *d, char *q, PyObject *args, PyObject *object) {
    if (PyTuple_GET_SIZE(args) < 1)
        return refuse(d, "__newobj__ arglist is empty");
    PyObject *class = PyTuple_GET_ITEM(args, 0);
    if (!PyType_Check(class))
        return refuse(d, "args[0] from __newobj__ args is not a type");
    if (object != NULL) {
        PyObject *is = PyObject_GetAttr(object, d->state->n[MPK_N___class__]);
        if (is == NULL)
            return NULL;
        const bool same = is == class;
        Py_DECREF(is);
        if (!same)
            return refuse(d, "args[0] from __newobj__ args has the wrong class");
    }
    CHECKED(mpk_save(d, q, class));
    if (mpk_settle(d) < 0)
        return NULL;
    PyObject *rest = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
    if (rest == NULL)
        return NULL;
    q = mpk_release(d, mpk_save(d, q, rest), rest);
    return q == NULL || (q = mpk_fit(d, q)) == NULL ? NULL : mfi_put(q, MFI_OP_NEWOBJ);
}

static char *save_made_state(struct mpk_dumper *d, char *q, PyObject *object, PyObject *state,
                             PyObject *setter) {
    if (setter == NULL) {
        CHECKED(mpk_save(d, q, state));
        return mfi_put(mpk_fit(d, q), MFI_OP_BUILD);
    }
    CHECKED(mpk_save(d, q, setter));
    CHECKED(mpk_save(d, q, object));
    CHECKED(mpk_save(d, q, state));
    CHECKED(mpk_fit(d, q));
    return mfi_put(mfi_put(mfi_put(q, MFI_OP_TUPLE2), MFI_OP_REDUCE), MFI_OP_POP);
}

/* Gives the object its number; a recursive one has it already, and what was written is dropped. */
static char *store_made(struct mpk_dumper *d, char *q, PyObject *object, bool *known) {
    CHECKED(mpk_fit(d, q));
    const size_t place = mpk_memo_place(d, object);
    *known = mpk_memo_has(d, place);
    if (*known)
        return mpk_put_get(d, mfi_put(q, MFI_OP_POP), mpk_memo_number(d, place));
    return mpk_store(d, q, object, place);
}

/* The parts of a reduce value; those that are None are NULL. */
struct parts {
    PyObject *callable, *args, *state, *items, *pairs, *setter;
};

static bool take_parts(struct mpk_dumper *d, PyObject *value, struct parts *p) {
    const Py_ssize_t size = PyTuple_GET_SIZE(value);
    if (size < 2 || size > 6)
        return refuse(d, "tuple returned by __reduce__ must contain 2 through 6 elements") != NULL;
    PyObject **const all[] = {&p->callable, &p->args, &p->state, &p->items, &p->pairs, &p->setter};
    for (Py_ssize_t i = 0; i < 6; i++) {
        PyObject *part = i < size ? PyTuple_GET_ITEM(value, i) : NULL;
        *all[i] = i >= 2 && part == Py_None ? NULL : part;
    }
    if (!PyCallable_Check(p->callable))
        return refuse(d, "first item of the tuple returned by __reduce__ must be callable") != NULL;
    if (!PyTuple_Check(p->args))
        return refuse(d, "second item of the tuple returned by __reduce__ must be a tuple") != NULL;
    if (p->items != NULL && !PyIter_Check(p->items))
        return refuse(d,
                      "fourth element of the tuple returned by __reduce__ must be an iterator, "
                      "not %s",
                      Py_TYPE(p->items)->tp_name) != NULL;
    if (p->pairs != NULL && !PyIter_Check(p->pairs))
        return refuse(d,
                      "fifth element of the tuple returned by __reduce__ must be an iterator, "
                      "not %s",
                      Py_TYPE(p->pairs)->tp_name) != NULL;
    if (p->setter != NULL && !PyCallable_Check(p->setter))
        return refuse(d,
                      "sixth element of the tuple returned by __reduce__ must be a function, "
                      "not %s",
                      Py_TYPE(p->setter)->tp_name) != NULL;
    return true;
}

char *mpk_save_reduce(struct mpk_dumper *d, char *q, PyObject *value, PyObject *object) {
    struct parts p;
    if (!take_parts(d, value, &p))
        return NULL;
    switch (kind_of_call(d, p.callable)) {
    case CALL_ERROR:
        return NULL;
    case CALL_NEWOBJ_EX:
        CHECKED(save_newobj_ex(d, q, p.args));
        break;
    case CALL_NEWOBJ:
        CHECKED(save_newobj(d, q, p.args, object));
        break;
    case CALL_PLAIN:
        CHECKED(mpk_save(d, q, p.callable));
        CHECKED(save_arguments(d, q, value, p.args));
        CHECKED(mpk_fit(d, q));
        q = mfi_put(q, MFI_OP_REDUCE);
    }
    bool known = false;
    if (object != NULL)
        CHECKED(store_made(d, q, object, &known));
    if (known)
        return mpk_fit(d, q);
    if (p.items != NULL)
        CHECKED(mpk_save_iterated(d, q, p.items, false));
    if (p.pairs != NULL)
        CHECKED(mpk_save_iterated(d, q, p.pairs, true));
    if (p.state != NULL)
        CHECKED(save_made_state(d, q, object, p.state, p.setter));
    return mpk_fit(d, q);
}

char *mpk_save_made(struct mpk_dumper *d, char *q, PyObject *value, PyObject *object) {
    if (value == NULL)
        return NULL;
    q = mpk_save_reduce(d, q, value, object);
    if (q != NULL && mpk_settle(d) < 0)
        q = NULL;
    if (q == NULL)
        mpk_memo_cut(d);
    Py_DECREF(value);
    return q;
}

/* ---- which way ------------------------------------------------------------------------------ */

/* What copyreg's table, or the pickler's own, has for a type: a new reference in *ret, or NULL. */
static int find_reducer(struct mpk_dumper *d, PyTypeObject *type, PyObject **ret) {
    if (d->own_table == NULL) {
        *ret = PyDict_GetItemWithError(d->state->dispatch_table, (PyObject *)type);
        Py_XINCREF(*ret);
        return *ret == NULL && PyErr_Occurred() ? -1 : 0;
    }
    *ret = PyObject_GetItem(d->own_table, (PyObject *)type);
    if (*ret == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_KeyError))
            return -1;
        PyErr_Clear();
    }
    return 0;
}

static PyObject *ask_object(struct mpk_dumper *d, PyObject *object) {
    PyObject *const *n = d->state->n;
    PyObject *method = NULL;
    if (mpk_class_reduces(d, object)) /* what object's __reduce_ex__ would do */
        return PyObject_CallMethodNoArgs(object, n[MPK_N___reduce__]);
    if (PyErr_Occurred())
        return NULL;
    if (mpk_look_up(object, n[MPK_N___reduce_ex__], &method) < 0)
        return NULL;
    if (method != NULL) {
        PyObject *protocol = PyLong_FromLong(d->e.protocol);
        PyObject *value = protocol == NULL ? NULL : PyObject_CallOneArg(method, protocol);
        Py_XDECREF(protocol);
        Py_DECREF(method);
        return value;
    }
    if (mpk_look_up(object, n[MPK_N___reduce__], &method) < 0)
        return NULL;
    if (method == NULL) {
        (void)refuse(d, "can't pickle '%.200s' object: %R", Py_TYPE(object)->tp_name, object);
        return NULL;
    }
    PyObject *value = PyObject_CallNoArgs(method);
    Py_DECREF(method);
    return value;
}

/* Writes what a reducer gave, and lets it go. Where pickle fails before it has written anything,
 * the table of what dill can is asked. */
static char *save_answer(struct mpk_dumper *d, char *q, PyObject *value, PyObject *object) {
    if (value == NULL)
        return mpk_save_otherwise(d, q, object);
    if (PyTuple_Check(value))
        return mpk_save_made(d, q, value, object);
    if (PyUnicode_Check(value)) {
        const ptrdiff_t before = q - d->e.base;
        const uint64_t count = d->e.memo_count;
        q = mpk_keep(d, value) < 0 ? NULL : mpk_save_global(d, q, object, value);
        if (q == NULL && d->e.code == 0 && d->e.memo_count == count)
            q = mpk_save_otherwise(d, d->e.base + before, object);
    } else
        q = refuse(d, "__reduce__ must return a string or tuple");
    Py_DECREF(value);
    return q;
}

/* Sets are objects like others before protocol 4. */
static char *save_old_set(struct mpk_dumper *d, char *q, PyObject *object) {
    PyObject *items = PySequence_List(object);
    return items == NULL
               ? NULL
               : mpk_save_made(d, q, Py_BuildValue("(O(N))", Py_TYPE(object), items), object);
}

static char *save_by_reducers(struct mpk_dumper *d, char *q, PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyObject *reducer, *value;
    if (type == &PySet_Type || type == &PyFrozenSet_Type)
        return save_old_set(d, q, object);
    if (d->reducer_override != NULL) {
        value = PyObject_CallOneArg(d->reducer_override, object);
        if (value == NULL)
            return NULL;
        if (value != Py_NotImplemented)
            return save_answer(d, q, value, object);
        Py_DECREF(value);
    }
    if (type == &PyType_Type)
        return mpk_save_type(d, q, object);
    if (type == &PyFunction_Type)
        return mpk_save_function(d, q, object);
    if (find_reducer(d, type, &reducer) < 0)
        return NULL;
    if (reducer != NULL) {
        value = PyObject_CallOneArg(reducer, object);
        Py_DECREF(reducer);
        return save_answer(d, q, value, object);
    }
    if (PyType_IsSubtype(type, &PyType_Type))
        return mpk_save_type(d, q, object);
    bool done;
    CHECKED(mpk_save_special(d, q, object, &done));
    return done ? q : save_answer(d, q, ask_object(d, object), object);
}

char *mpk_save_object(struct mpk_dumper *d, char *q, PyObject *object, bool owned) {
    bool done;
    CHECKED(mpk_save_token(d, q, object, &done));
    if (!done)
        CHECKED(mpk_save_instance(d, q, object, owned, &done));
    if (done)
        return q;
    if (mpk_settle(d) < 0)
        return NULL;
    Py_INCREF(object);
    return mpk_release(d, save_by_reducers(d, q, object), object);
}
