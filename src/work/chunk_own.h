/* SPDX-License-Identifier: MIT
 *
 * What chunk.c, its output and chunk_run.c have in common.
 */
#ifndef MFI_CHUNK_OWN_H
#define MFI_CHUNK_OWN_H

#include <mayfly/chunk.h>

/* Whether a piece goes when the next is asked for, from now on. Returns what was so before. */
bool mfi_chunks_set_drop(mayfly_chunks *chunks, bool drop);

#endif
