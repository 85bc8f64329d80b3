/* SPDX-License-Identifier: MIT
 *
 * The type Pickler, for what shows its memo.
 */
#ifndef MPK_PICKLER_H
#define MPK_PICKLER_H

#include "dump.h"

struct mpk_pickler {
    PyObject_HEAD struct mpk_dumper *d; /* its own: the memo lives from dump to dump */
    PyObject *write;                    /* NULL: dump gives bytes */
    PyObject *persistent_id, *dispatch_table;
    PyObject *configured[MPK_CONFIGURED];
    int bin, fast, proto;
    bool running;
};

/* pickler_memo.c: Pickler.memo, which looks like a dict from id to (number, object). */
PyObject *mpk_memo_proxy(struct mpk_pickler *pickler);
int mpk_memo_assign(struct mpk_pickler *pickler, PyObject *value);
int mpk_pickler_memo_setup(PyObject *module, struct mpk_state *state);

#endif
