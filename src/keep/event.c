/* SPDX-License-Identifier: MIT
 *
 * Telling the one who looks on.
 *
 * Invariant   hook and user belong together: they stand in one struct, which is never freed,
 * because another thread may be calling the one before.
 */
#define _GNU_SOURCE
#include "event.h"

#include <stdlib.h>

struct hook {
    mayfly_event_hook call;
    void *user;
    struct hook *before; /* so that none is lost to a leak checker */
};

static struct hook *_Atomic current;
static struct hook *_Atomic all;
static _Thread_local int telling;
_Atomic int mfi_events_wanted;

void mayfly_set_event_hook(mayfly_event_hook hook, void *user) {
    struct hook *fresh = hook == NULL ? NULL : mfi_sys.malloc(sizeof *fresh);
    if (fresh != NULL) {
        *fresh = (struct hook){hook, user, atomic_load(&all)};
        while (!atomic_compare_exchange_weak(&all, &fresh->before, fresh)) {
        }
    }
    atomic_store(&current, fresh);
    atomic_store(&mfi_events_wanted, fresh != NULL);
}

void mfi_event_tell(const mayfly_event *event) {
    const struct hook *hook = atomic_load(&current);
    if (hook == NULL || telling)
        return;
    telling = 1;
    hook->call(event, hook->user);
    telling = 0;
}

const char *mayfly_event_name(mayfly_event_kind kind) {
    static const char *const names[] = {"",        "created", "rolled over", "persisted",
                                        "removed", "failed",  "reaped"};
    return (unsigned)kind < MFI_LENGTH(names) ? names[kind] : "";
}
