/* SPDX-License-Identifier: MIT
 *
 * The directories that all threads share, at the one moment that is too short to be met with: their
 * source is compiled into this program, with a pause in it.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#include "../../src/keep/keep.h"

static _Thread_local int pauses; /* this thread does, once */
static _Atomic int paused, go_on;

static void pause_here(void) {
    if (!pauses)
        return;
    pauses = 0;
    paused = 1;
    while (!go_on)
        (void)sched_yield();
}

#undef atomic_compare_exchange_strong
#define atomic_compare_exchange_strong(at, expected, value)                                        \
    (pause_here(), atomic_compare_exchange_strong_explicit(                                        \
                       at, expected, value, memory_order_seq_cst, memory_order_seq_cst))
#include "../../src/keep/parent.c"

static void *give_back_slowly(void *parent) {
    pauses = 1;
    mfi_parent_unref(parent);
    return NULL;
}

/* One thread gives the last reference back and is interrupted. Another that looked late finishes
 * for it, and a third opens a directory in the same struct. */
static void a_thread_that_is_late_does_not_close_the_next_directory(void **state) {
    (void)state;
    struct mfi_parent *one = NULL, *two = NULL;
    pthread_t thread;
    mft_ok(mfi_parent_open("/", &one, &mft_error));
    assert_int_equal(pthread_create(&thread, NULL, give_back_slowly, one), 0);
    while (!paused)
        (void)sched_yield();
    (void)atomic_fetch_add(&one->references, 1); /* as mfi_parent_acquire, from an old pointer */
    mfi_parent_unref(one);
    mft_ok(mfi_parent_open(mft_tmp(), &two, &mft_error));
    assert_ptr_equal(one, two);
    go_on = 1;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(two->path, mft_tmp());
    assert_true(fcntl(two->fd, F_GETFD) >= 0);
    mfi_parent_unref(two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(a_thread_that_is_late_does_not_close_the_next_directory),
    };
    return MFT_MAIN(tests);
}
