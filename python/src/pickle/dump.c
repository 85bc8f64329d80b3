/* SPDX-License-Identifier: MIT
 *
 * Objects to pickles.
 */
#include "pickle.h"

PyMethodDef mpk_dump_methods[] = {
    {NULL, NULL, 0, NULL},
};

int mpk_dump_setup(PyObject *module, struct mpk_state *state) {
    (void)module;
    (void)state;
    return 0;
}

void mpk_dump_release(struct mpk_state *state) {
    (void)state;
}
