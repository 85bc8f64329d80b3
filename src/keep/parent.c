/* SPDX-License-Identifier: MIT
 *
 * The directories in which temporary things lie, held open and shared.
 *
 * States      OPEN (references > 0) -last reference-> CLOSED -> freed, or on the list of the spare
 * Invariants  a struct that was ever behind a shared pointer is never freed, only used again as a
 *             struct mfi_parent: a thread that looks at it late finds a counter, whoever's it is.
 *             Above the counter of references stands how often the struct was opened and closed; it
 *             is open while that is odd. Only the thread that makes it even closes and frees what
 * is inside: in one step with seeing that there is no reference, because the struct may be another
 * directory's by the next. Why         the directory is looked up for every file that is made, by
 * all threads at once, and no lock shall stand there. Hazard pointers would do it too, with more
 * code.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "keep.h"

static const uint64_t opened_or_closed = (uint64_t)1 << 32;

static struct mfi_lock spare_lock;
static struct mfi_parent *spare;

static struct mfi_parent *take_spare(void) {
    mfi_lock_take(&spare_lock);
    struct mfi_parent *parent = spare;
    if (parent != NULL)
        spare = parent->next;
    mfi_lock_give(&spare_lock);
    return parent;
}

static void give_spare(struct mfi_parent *parent) {
    mfi_lock_take(&spare_lock);
    parent->next = spare;
    spare = parent;
    mfi_lock_give(&spare_lock);
}

int mfi_parent_adopt(int *fd, const char *path, struct mfi_parent **ret, mayfly_error *error) {
    mfi_auto_free char *copy = mfi_strdup(path);
    if (copy == NULL)
        return mfi_fail_memory(error, strlen(path));
    struct mfi_parent *parent = take_spare();
    if (parent == NULL)
        parent = mfi_sys.calloc(1, sizeof *parent);
    if (parent == NULL)
        return mfi_fail_memory(error, sizeof *parent);
    parent->fd = mfi_take_fd(fd);
    parent->path = mfi_take(copy);
    parent->uid = MFI_UID_UNKNOWN;
    parent->signature = 0;
    parent->reason = NULL;
    atomic_store(&parent->no_tmpfile, 0);
    /* Added and not set: a thread that looked late may hold a count of its own for a moment. */
    (void)atomic_fetch_add(&parent->references, opened_or_closed + 1);
    *ret = parent;
    return 0;
}

int mfi_parent_open(const char *path, struct mfi_parent **ret, mayfly_error *error) {
    mfi_auto_free char *absolute = NULL;
    const int r = mfi_absolute(path, &absolute, error);
    if (r < 0)
        return r;
    mfi_auto_fd fd = mfi_sys.openat(AT_FDCWD, absolute, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return mfi_fail_call(error, fd, "openat", absolute, -1);
    return mfi_parent_adopt(&fd, absolute, ret, error);
}

struct mfi_parent *mfi_parent_ref(struct mfi_parent *parent) {
    (void)atomic_fetch_add_explicit(&parent->references, 1, memory_order_relaxed);
    return parent;
}

void mfi_parent_unref(struct mfi_parent *parent) {
    if (parent == NULL)
        return;
    uint64_t now = atomic_fetch_sub(&parent->references, 1) - 1;
    if ((uint32_t)now != 0 || (now & opened_or_closed) == 0 ||
        !atomic_compare_exchange_strong(&parent->references, &now, now + opened_or_closed))
        return;
    (void)mfi_sys.close(parent->fd); /* O_PATH: nothing to be lost */
    free(parent->path);
    parent->path = NULL;
    give_spare(parent);
}

struct mfi_parent *mfi_parent_acquire(struct mfi_parent *_Atomic *shared) {
    for (;;) {
        struct mfi_parent *parent = atomic_load(shared);
        if (parent == NULL)
            return NULL;
        (void)atomic_fetch_add(&parent->references, 1);
        if (atomic_load(shared) == parent)
            return parent;
        mfi_parent_unref(parent);
    }
}

void mfi_parent_replace(struct mfi_parent *_Atomic *shared, struct mfi_parent *parent) {
    mfi_parent_unref(atomic_exchange(shared, parent));
}
