/* SPDX-License-Identifier: MIT
 *
 * Writing functions, classes and what else goes by value, for the files that do it.
 *
 * Cycles. What a function is made with is written before it has a number, so that nothing of that
 * may lead back to it. What can lead back, the contents of its cells, is therefore put off until
 * the outermost function or class that is under way is made: `later` is the stack of those, and its
 * bottom has the list. So are the attributes of functions while a class is under way.
 */
#ifndef MPK_SPECIAL_H
#define MPK_SPECIAL_H

#include "dump.h"

/* Objects that mayfly's modules in Python have; the last one is there when all are. */
enum mpk_special {
    MPK_REDUCE,
    MPK_NAME,
    MPK_CALL,
    MPK_LATER,
    MPK_SETTINGS,
    MPK_CREATE_FUNCTION,
    MPK_CREATE_CODE,
    MPK_CREATE_CELL,
    MPK_CREATE_TYPE,
    MPK_MAIN_DICT,
    MPK_SPECIALS
};

/* A function or class under way. */
struct mpk_later {
    struct mpk_later *below;
    PyObject *object;
    PyObject *list; /* of the bottom one: cells and functions that wait; or NULL */
    bool is_class;
};

bool mpk_specials_load(struct mpk_dumper *d);
PyObject *mpk_settings_of(struct mpk_dumper *d);           /* borrowed */
int mpk_setting(struct mpk_dumper *d, enum mpk_name name); /* byref or recurse; -1: an exception */
char *mpk_save_by_table(struct mpk_dumper *d, char *q, PyObject *object, bool *done);
bool mpk_is_module_dict(struct mpk_dumper *d, PyObject *dict, PyObject **name);
/* Whether an object is found by its names; MPK_STRAIGHT: in the dict of a module, where pickle's
 * own look finds it, too. */
enum { MPK_STRAIGHT = 2 };
int mpk_is_importable(struct mpk_dumper *d, PyObject *object, PyObject *module, PyObject *name);

/* dump_function.c */
char *mpk_save_code(struct mpk_dumper *d, char *q, PyObject *object);
char *mpk_save_cell(struct mpk_dumper *d, char *q, PyObject *object);
char *mpk_save_wrapped(struct mpk_dumper *d, char *q, PyObject *object);
void mpk_later_push(struct mpk_dumper *d, struct mpk_later *later, PyObject *object, bool is_class);
/* Takes it off, and writes what waited for it if it was the bottom one. */
char *mpk_later_pop(struct mpk_dumper *d, char *q, struct mpk_later *later);

#endif
