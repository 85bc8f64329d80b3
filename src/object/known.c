/* SPDX-License-Identifier: MIT
 *
 * Classes that are known by name: what their arguments are called, and what their objects amount
 * to. Nothing is imported: it is all in what a pickle says.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "value.h"

/* A name that begins with '*' stands for all arguments from there on. */
static const struct mfi_known known[] = {
    {"collections", "OrderedDict", MAYFLY_CLASS_ORDERED_DICT, "items"},
    {"collections", "defaultdict", MAYFLY_CLASS_DEFAULT_DICT, "default_factory"},
    {"collections", "Counter", MAYFLY_CLASS_COUNTER, "counts"},
    {"collections", "deque", MAYFLY_CLASS_DEQUE, "iterable maxlen"},
    {"datetime", "datetime", MAYFLY_CLASS_DATETIME, "data tzinfo"},
    {"datetime", "date", MAYFLY_CLASS_DATE, "data"},
    {"datetime", "time", MAYFLY_CLASS_TIME, "data tzinfo"},
    {"datetime", "timedelta", MAYFLY_CLASS_TIMEDELTA, "days seconds microseconds"},
    {"datetime", "timezone", MAYFLY_CLASS_TIMEZONE, "offset name"},
    {"decimal", "Decimal", MAYFLY_CLASS_DECIMAL, "value"},
    {"fractions", "Fraction", MAYFLY_CLASS_FRACTION, "numerator denominator"},
    {"uuid", "UUID", MAYFLY_CLASS_UUID, NULL},
    {"pathlib._local", "PosixPath", MAYFLY_CLASS_PATH, "*parts"}, /* Python 3.13 */
    {"pathlib._local", "PurePosixPath", MAYFLY_CLASS_PATH, "*parts"},
    {"pathlib._local", "WindowsPath", MAYFLY_CLASS_PATH, "*parts"},
    {"pathlib._local", "PureWindowsPath", MAYFLY_CLASS_PATH, "*parts"},
    {"pathlib", "PosixPath", MAYFLY_CLASS_PATH, "*parts"},
    {"pathlib", "PurePosixPath", MAYFLY_CLASS_PATH, "*parts"},
    {"pathlib", "WindowsPath", MAYFLY_CLASS_PATH, "*parts"},
    {"pathlib", "PureWindowsPath", MAYFLY_CLASS_PATH, "*parts"},
    {"array", "_array_reconstructor", MAYFLY_CLASS_ARRAY, "arraytype typecode mformat_code items"},
    {"array", "array", MAYFLY_CLASS_ARRAY, "typecode items"},
    {"builtins", "range", MAYFLY_CLASS_RANGE, "start stop step"},
    {"builtins", "slice", MAYFLY_CLASS_SLICE, "start stop step"},
    {"builtins", "getattr", MAYFLY_CLASS_ATTRIBUTE, "object name"},
    {"copyreg", "_reconstructor", MAYFLY_CLASS_INSTANCE, "cls base state"},
    {"copyreg", "__newobj__", MAYFLY_CLASS_INSTANCE, "cls *args"},
    {"dill._dill", "_create_function", MAYFLY_CLASS_FUNCTION,
     "code globals name defaults closure state"},
    {"dill._dill", "_create_cell", MAYFLY_CLASS_CELL, "contents"},
    {"dill._dill", "_create_type", MAYFLY_CLASS_TYPE, "metaclass name bases dict"},
    {"dill._dill", "_load_type", MAYFLY_CLASS_TYPE_BY_NAME, "name"},
    {"dill._dill", "_import_module", MAYFLY_CLASS_MODULE, "name"},
    {"dill._dill", "_create_namedtuple", MAYFLY_CLASS_NAMED_TUPLE, "name fields module defaults"},
    {"dill._dill", "_create_code", MAYFLY_CLASS_CODE, NULL},
    {"mayfly", "CFunction", MAYFLY_CLASS_C_FUNCTION, "name source signature flags hash"},
    {"types", "CodeType", MAYFLY_CLASS_CODE, NULL},
    {"types", "FunctionType", MAYFLY_CLASS_FUNCTION, "code globals name defaults closure"},
};

bool mfi_global_is(mayfly_value v, const char *module, const char *name) {
    const char *m = mayfly_global_module(v), *n = mayfly_global_name(v);
    return m != NULL && n != NULL && strcmp(m, module) == 0 && strcmp(n, name) == 0;
}

/* dill was one module once, and its copy of getattr has another name. */
static const char *current_module(const char *module) {
    return strcmp(module, "dill.dill") == 0 ? "dill._dill" : module;
}

const struct mfi_known *mfi_known_of(mayfly_value object) {
    static const struct mfi_known attribute = {"dill._dill", "_get_attr", MAYFLY_CLASS_ATTRIBUTE,
                                               "object name"};
    static const struct mfi_known uuid = {"uuid", "UUID", MAYFLY_CLASS_UUID, NULL};
    if (!mfi_is(object, MAYFLY_OBJECT))
        return NULL;
    const mayfly_value callable = mayfly_object_callable(object);
    const char *module = mayfly_global_module(callable), *name = mayfly_global_name(callable);
    if (module == NULL || name == NULL)
        return NULL;
    module = current_module(module);
    if (strcmp(name, "_reconstructor") == 0 && strcmp(module, "copyreg") == 0 &&
        mfi_global_is(mayfly_item(mayfly_object_arguments(object), 0), "uuid", "UUID"))
        return &uuid; /* protocols 0 and 1 */
    for (size_t i = 0; i < MFI_LENGTH(known); i++)
        if (strcmp(known[i].name, name) == 0 && strcmp(known[i].module, module) == 0)
            return &known[i];
    return strcmp(module, "dill._dill") == 0 && strcmp(name, "_get_attr") == 0 ? &attribute : NULL;
}

mayfly_class mayfly_class_of(mayfly_value value) {
    if (!mfi_is(value, MAYFLY_OBJECT))
        return MAYFLY_CLASS_NONE;
    const struct mfi_known *found = mfi_known_of(value);
    if (found != NULL)
        return found->known;
    return ((const struct mfi_object *)mfi_node_of(value))->form == MFI_REDUCE
               ? MAYFLY_CLASS_CALL
               : MAYFLY_CLASS_INSTANCE;
}

/* ---- code objects ---------------------------------------------------------------------------- */

/* The arguments of a code object, by how many there are: Python 3.8 to 3.10, 3.11 on. dill puts the
 * line table of 3.10 first, if it has one. */
static const char code_3_8[] = "co_argcount co_posonlyargcount co_kwonlyargcount co_nlocals "
                               "co_stacksize co_flags co_code co_consts co_names co_varnames "
                               "co_filename co_name co_firstlineno co_lnotab co_freevars "
                               "co_cellvars";
static const char code_3_11[] = "co_argcount co_posonlyargcount co_kwonlyargcount co_nlocals "
                                "co_stacksize co_flags co_code co_consts co_names co_varnames "
                                "co_filename co_name co_qualname co_firstlineno co_linetable "
                                "co_exceptiontable co_freevars co_cellvars";

static const char *code_fields(mayfly_value arguments, size_t *ret_skip) {
    const size_t count = mayfly_count(arguments);
    *ret_skip = mayfly_kind_of(mayfly_item(arguments, 0)) == MAYFLY_INT ? 0 : 1;
    return count - *ret_skip == 16 ? code_3_8 : count - *ret_skip >= 18 ? code_3_11 : NULL;
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* The position of a name in a list of names; -1: it is not in it. */
static int64_t position(const char *names, const char *name) {
    const size_t size = strlen(name);
    for (int64_t at = 0; *names != '\0'; at++) {
        const size_t length = strcspn(names, " ");
        if (length == size && memcmp(names, name, size) == 0)
            return at;
        names += length;
        names += *names == ' ';
    }
    return -1;
}

mayfly_value mfi_field(mayfly_value object, const char *name) {
    const struct mfi_known *found = mfi_known_of(object);
    const mayfly_value arguments = mayfly_object_arguments(object);
    size_t skip = 0;
    if (found == NULL)
        return mfi_word(0);
    const char *names =
        found->known == MAYFLY_CLASS_CODE ? code_fields(arguments, &skip) : found->fields;
    const int64_t at = names == NULL ? -1 : position(names, name);
    return at < 0 ? mfi_word(0) : mayfly_item(arguments, (size_t)at + skip);
}

/* ---- what objects amount to ------------------------------------------------------------------ */

/* The instance of a subclass of a built-in class, by copyreg: the last argument is its content. */
static mayfly_value reconstructed(mayfly_value object) {
    const mayfly_value state = mfi_field(object, "state");
    const mayfly_kind kind = mfi_kind(state);
    return kind == MAYFLY_LIST || kind == MAYFLY_DICT || kind == MAYFLY_TUPLE ||
                   kind == MAYFLY_SET || kind == MAYFLY_FROZENSET
               ? state
               : mfi_word(0);
}

/* A named tuple, or another subclass of tuple: its only argument is the tuple, or all are items. */
static mayfly_value instance_items(mayfly_value object) {
    const mayfly_value arguments = mayfly_object_arguments(object);
    return mayfly_count(arguments) == 1 && mfi_is(mayfly_item(arguments, 0), MAYFLY_TUPLE)
               ? mayfly_item(arguments, 0)
               : arguments;
}

mayfly_value mfi_underlying(mayfly_value v) {
    if (!mfi_is(v, MAYFLY_OBJECT))
        return v;
    const struct mfi_object *object = mfi_node_of(v);
    const mayfly_value first = mayfly_item(object->arguments, 0);
    if (object->pairs.bits != 0)
        return object->pairs;
    if (object->items.bits != 0)
        return object->items;
    const struct mfi_known *found = mfi_known_of(v);
    const mayfly_class class = found == NULL ? MAYFLY_CLASS_NONE : found->known;
    if (class == MAYFLY_CLASS_INSTANCE && object->form == MFI_REDUCE)
        return reconstructed(v);
    if (class == MAYFLY_CLASS_COUNTER || class == MAYFLY_CLASS_DEQUE)
        return first;
    if (found == NULL && (object->form == MFI_NEWOBJ || object->form == MFI_NEWOBJ_EX))
        return instance_items(v);
    return mfi_word(0);
}
