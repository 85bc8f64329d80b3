/* SPDX-License-Identifier: MIT
 *
 * A lock for rare and short work, which a fork cannot leave locked.
 *
 * How             it holds the number of the process whose thread has it. In a forked child that
 *                 number is another process's: nobody there can give it back, so it is taken over.
 * Invariant       what it guards is changed by one store at the end of the guarded part, so that a
 *                 copy made by fork in the middle is the old state or the new one.
 * Why no mutex    pthread_mutex_lock in the child of a threaded parent may wait for ever.
 */
#define _GNU_SOURCE
#include <sched.h>

#include "base.h"

void mfi_lock_take(struct mfi_lock *lock) {
    const uint64_t mine = mfi_process();
    for (;;) {
        uint64_t holder = 0;
        if (atomic_compare_exchange_strong(&lock->holder, &holder, mine))
            return;
        if (holder != mine && atomic_compare_exchange_strong(&lock->holder, &holder, mine))
            return;
        (void)sched_yield();
    }
}

void mfi_lock_give(struct mfi_lock *lock) {
    atomic_store(&lock->holder, 0);
}
