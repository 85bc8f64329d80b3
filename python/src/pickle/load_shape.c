/* SPDX-License-Identifier: MIT */
#include "load.h"
void mpk_shape_learn(struct mpk_loader *l, PyObject *object, PyObject *state) {}
int mpk_shape_fold(struct mpk_loader *l, mfi_slot *pairs, size_t count, uint64_t memo,
                   const mfi_slot *fence, bool is_pair) {return 0;}
int mpk_shape_settle_all(struct mpk_loader *l) {return 0;}
PyObject *mpk_shape_recall(struct mpk_loader *l, mfi_slot *stored) {return NULL;}
void mpk_shape_forget(struct mpk_loader *l) {}
