/* SPDX-License-Identifier: MIT
 *
 * Telling the one who looks on, for all rooms from here on up.
 */
#ifndef MFI_EVENT_H
#define MFI_EVENT_H

#include <mayfly/event.h>

#include "keep.h"

/* Whether somebody looks on; what an event needs is put together only then. */
extern _Atomic int mfi_events_wanted;

static inline int mfi_events_on(void) {
    return atomic_load_explicit(&mfi_events_wanted, memory_order_relaxed);
}

void mfi_event_tell(const mayfly_event *event);

static inline void mfi_event(mayfly_event_kind kind, enum mfi_kind what, const char *path,
                             const char *target, uint64_t bytes) {
    if (mfi_events_on())
        mfi_event_tell(&(mayfly_event){.kind = kind,
                                       .directory = what == MFI_KIND_DIRECTORY,
                                       .path = path,
                                       .target = target,
                                       .bytes = bytes});
}

static inline void mfi_event_failed(const char *operation, enum mfi_kind what, const char *path,
                                    int code) {
    if (mfi_events_on())
        mfi_event_tell(&(mayfly_event){.kind = MAYFLY_EVENT_FAILED,
                                       .directory = what == MFI_KIND_DIRECTORY,
                                       .path = path,
                                       .operation = operation,
                                       .code = code});
}

#endif
