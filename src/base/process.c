/* SPDX-License-Identifier: MIT
 *
 * Which process is this? Asked before every removal, so it must cost nothing.
 *
 * How             the process's number lies in a page that the kernel hands zeroed to a forked
 *                 child (madvise(2), MADV_WIPEONFORK, Linux 4.14). Zero means: a new process; it
 *                 takes the next number from a counter in ordinary memory, which is inherited,
 *                 so that a child's is always higher than its parent's.
 * Why not getpid  it is a system call since glibc 2.25, and pids are used again.
 * Why not pthread_atfork alone   clone(2), _Fork(3) and some run-times do not call its handlers.
 *                 It is the fall-back where the page cannot be had.
 */
#define _GNU_SOURCE
#include "base.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WIPE_ON_FORK = 18, PAGE = 4096 }; /* MADV_WIPEONFORK */

static _Atomic uint64_t number = 1;
static _Atomic uint64_t without_page = 1; /* the word where no page is to be had */
_Atomic(uint64_t) *_Atomic mfi_process_word;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forget_in_child(void) {
    atomic_store(&without_page, 0);
}

static void set_up(void) {
    void *page = mfi_sys.mmap(PAGE, -1, 0);
    if (page != NULL && mfi_sys.madvise(page, PAGE, WIPE_ON_FORK) == 0) {
        _Atomic(uint64_t) *in_page = page;
        atomic_store(in_page, 1);
        atomic_store(&mfi_process_word, in_page);
        return;
    }
    if (page != NULL)
        (void)mfi_sys.munmap(page, PAGE);
    (void)pthread_atfork(NULL, NULL, forget_in_child);
    atomic_store(&mfi_process_word, &without_page);
}

uint64_t mfi_process_slowly(void) {
    _Atomic(uint64_t) *here = atomic_load_explicit(&mfi_process_word, memory_order_acquire);
    if (here == NULL) {
        (void)pthread_once(&once, set_up);
        here = atomic_load(&mfi_process_word);
    }
    uint64_t mine = atomic_load_explicit(here, memory_order_acquire);
    if (mine == 0) {
        /* Several threads of the child may come here at once: each takes a number, one of them
         * gets into the page. Numbers only rise, so whoever forks next has inherited one that is
         * at least as high as any that was ever in use. */
        const uint64_t next = atomic_fetch_add(&number, 1) + 1;
        if (atomic_compare_exchange_strong(here, &mine, next))
            mine = next;
    }
    return mine;
}
