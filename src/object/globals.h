/* SPDX-License-Identifier: MIT
 *
 * The globals that the pickles of a document named, in their order, each once.
 */
#ifndef MFI_GLOBALS_H
#define MFI_GLOBALS_H

#include <mayfly/pickle.h>

#include "value.h"

struct mfi_use {
    mayfly_value value;    /* the global, extension or call that stands for it */
    mayfly_global_use use; /* module and name are filled in when asked for */
};

struct mfi_uses {
    struct mfi_use *uses;
    size_t count, capacity;
    size_t told; /* how many of the list are in `list` */
    mayfly_global_use *list;
};

/* Notes that the stream named `value` at `offset`. 0 or the document's failure. */
int mfi_uses_note(mayfly_doc *doc, mayfly_value value, uint64_t offset, unsigned flags);
/* The same for a call, if it is one of those that compute a name. */
int mfi_uses_call(mayfly_doc *doc, mayfly_value call, uint64_t offset);
void mfi_uses_free(mayfly_doc *doc);

#endif
