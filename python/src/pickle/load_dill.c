/* SPDX-License-Identifier: MIT
 *
 * The functions that dill's pickles name most, in C.
 */
#include "load.h"

int mpk_dill_setup(PyObject *module, struct mpk_state *state) {
    (void)module;
    state->load_objects[MPK_LOAD_DILL] = PyDict_New();
    return state->load_objects[MPK_LOAD_DILL] == NULL ? -1 : 0;
}
