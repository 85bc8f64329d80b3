/* SPDX-License-Identifier: MIT
 *
 * The inside of the registry, for the sources of this room.
 */
#ifndef MFI_REGISTRY_H
#define MFI_REGISTRY_H

#include "keep.h"

enum mfi_slot_state {
    MFI_SLOT_FREE = 0,
    MFI_SLOT_RESERVED, /* its name is being written */
    MFI_SLOT_NAMED,    /* the name, a random one, is complete, and may exist */
    MFI_SLOT_LIVE,
    MFI_SLOT_HELD,
    MFI_SLOT_REMOVING,
    MFI_SLOT_GONE,
    MFI_SLOT_MORE, /* only its cell is used: a long path goes on in it */
};

/* Slots lie in blocks, and the cells of the journal as well: block k has MFI_FIRST_BLOCK << k. */
enum { MFI_FIRST_BLOCK = 64 };

static inline unsigned mfi_block_of(uint32_t index) {
    return 31u - (unsigned)__builtin_clz(index / MFI_FIRST_BLOCK + 1u);
}

static inline uint32_t mfi_block_start(unsigned block) {
    return MFI_FIRST_BLOCK * ((1u << block) - 1u);
}

/* Removes everything that this process owns and does not keep. */
void mfi_registry_sweep(void);

/* The same within a signal handler (signals.c). dies: the process ends right after it. */
void mfi_registry_sweep_in_handler(int dies);

/* Sees to it that the sweep happens when the process ends (exit.c). */
void mfi_exit_watch(void);

#endif
