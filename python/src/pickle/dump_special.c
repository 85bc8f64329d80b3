/* SPDX-License-Identifier: MIT
 *
 * What pickle cannot write, and dill can.
 */
#include "dump.h"

char *mpk_save_special(struct mpk_dumper *d, char *q, PyObject *object, bool *done) {
    (void)d;
    (void)object;
    *done = false;
    return q;
}

char *mpk_save_function(struct mpk_dumper *d, char *q, PyObject *object) {
    return mpk_save_global(d, q, object, NULL);
}

char *mpk_save_class(struct mpk_dumper *d, char *q, PyObject *object) {
    return mpk_save_global(d, q, object, NULL);
}
