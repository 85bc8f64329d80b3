/* SPDX-License-Identifier: MIT
 *
 * The normal end of a process: return from main, exit(3), quick_exit(3).
 *
 * Not handled _exit(2), abort(3) and deadly signals run no handler; unnamed files go with the
 *             process all the same.
 * Why atexit  and no destructor attribute: only a process that has made something with a name
 *             pays. Handlers that the program set after its first file run before this one and
 *             still have their files; those set before it run after, and find them gone, which
 *             closing does not mind.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>

#include "registry.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic int watched;

static void watch(void) {
    /* Where there is no room for a handler, closing by hand still removes. */
    (void)atexit(mfi_registry_sweep);
    (void)at_quick_exit(mfi_registry_sweep);
    atomic_store_explicit(&watched, 1, memory_order_release);
}

void mfi_exit_watch(void) {
    if (atomic_load_explicit(&watched, memory_order_acquire) == 0)
        (void)pthread_once(&once, watch);
}
