/* SPDX-License-Identifier: MIT
 *
 * Pickles to objects.
 */
#include "pickle.h"

PyMethodDef mpk_load_methods[] = {
    {NULL, NULL, 0, NULL},
};

int mpk_load_setup(PyObject *module, struct mpk_state *state) {
    (void)module;
    (void)state;
    return 0;
}
