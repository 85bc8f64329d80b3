/* SPDX-License-Identifier: MIT
 *
 * The inside of the registry, for the sources of this room.
 */
#ifndef MFI_REGISTRY_H
#define MFI_REGISTRY_H

#include "keep.h"

enum mfi_slot_state {
    MFI_SLOT_FREE = 0,
    MFI_SLOT_RESERVED,
    MFI_SLOT_LIVE,
    MFI_SLOT_HELD,
    MFI_SLOT_GONE,
};

/* Removes everything that this process owns and does not keep. */
void mfi_registry_sweep(void);

/* Sees to it that the sweep happens when the process ends (exit.c). */
void mfi_exit_watch(void);

#endif
