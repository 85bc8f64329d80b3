/* SPDX-License-Identifier: MIT
 *
 * Spools: in memory first, on disk when they have to be; and moving on when a disk is full.
 *
 * States      MEMORY -outgrown, or asked for-> ROLLED, once and for good
 * Invariants  the old store is what counts until the new one holds everything: a full disk, a
 *             missing directory or a failed write leaves the file as it was, and the same
 *             call can be made again.
 * Not handled a named file stays where it is when its disk is full: its path is known to others.
 */
#define _GNU_SOURCE
#include "spool.h"

#include <stdlib.h>

#include "../keep/event.h"
#include "temp.h"

static const struct mfi_request *request_of(const mayfly_file *file, struct mfi_request *defaults) {
    if (file->later != NULL)
        return file->later;
    *defaults = (struct mfi_request){
        .prefix = mayfly_gettempprefix(), .suffix = "", .permissions = file->permissions};
    return defaults;
}

int mfi_store_open_disk(mayfly_file *file, int *fd, union mfi_any_store *store,
                        mayfly_error *error) {
    if ((file->flags & MFI_SECRET) == 0) {
        store->disk = (struct mfi_disk_store){{&mfi_disk_ops}, mfi_take_fd(fd), 0};
        return 0;
    }
    const int r = mfi_cipher_open(store, *fd);
    if (r == -ENOTSUP)
        return mfi_fail(error, r, "secret", NULL, "this mayfly was built without libsodium");
    if (r < 0)
        return mfi_fail_call(error, r, "secret", NULL, -1);
    (void)mfi_take_fd(fd);
    return 0;
}

/* Where the content goes: a file of the kind that was asked for, or a memfd. */
static int make_target(const mayfly_file *file, size_t first_site, struct mfi_made *made,
                       mayfly_error *error) {
    struct mfi_request defaults;
    const struct mfi_request *request = request_of(file, &defaults);
    *made = (struct mfi_made){.fd = -1};
    if ((file->flags & MFI_SPOOL) == 0 || file->roll_to == MAYFLY_ROLL_UNNAMED)
        return mfi_create_unnamed(request, first_site, made, error);
    if (file->roll_to == MAYFLY_ROLL_NAMED)
        return mfi_create_named(request, MFI_CREATE_FILE, first_site, made, error);
    made->fd = mfi_sys.memfd("mayfly");
    made->nameless = 1;
    return made->fd < 0 ? mfi_fail_call(error, made->fd, "memfd_create", NULL, -1) : 0;
}

static void drop_target(struct mfi_made *made, union mfi_any_store *store) {
    if (store->base.ops != NULL)
        (void)store->base.ops->close(&store->base);
    if (made->fd >= 0)
        (void)mfi_sys.close(made->fd);
    if (made->slot != NULL) {
        (void)mfi_slot_remove(made->slot, NULL, NULL, NULL);
        mfi_slot_release(made->slot);
    }
}

/* Makes a target from `first_site` on and fills it. On failure it is gone again. */
static int fill_target(mayfly_file *file, size_t first_site, struct mfi_made *made,
                       union mfi_any_store *store, mayfly_error *error) {
    int r = make_target(file, first_site, made, error);
    if (r < 0)
        return r;
    r = mfi_store_open_disk(file, &made->fd, store, error);
    if (r == 0) {
        r = mfi_store_copy(&store->base, &file->store.base);
        if (r < 0)
            (void)mfi_fail_call(error, r, "rollover", mfi_file_label(file),
                                store->base.ops == &mfi_disk_ops ? store->disk.fd : -1);
    }
    if (r < 0) {
        drop_target(made, store);
        *store = (union mfi_any_store){{NULL}};
        *made = (struct mfi_made){.fd = -1, .site = made->site};
    }
    return r;
}

/* The new store holds everything: now it is the file's. */
static int adopt_target(mayfly_file *file, const struct mfi_made *made, char *path,
                        const union mfi_any_store *store) {
    const int closed = file->store.base.ops->close(&file->store.base);
    file->store = *store;
    file->slot = made->slot;
    file->path = path;
    file->site = made->site;
    if ((file->flags & MFI_SPOOL) != 0)
        file->flags |= MFI_ROLLED;
    if (!made->nameless)
        file->flags &= ~(uint32_t)MFI_NAMELESS;
    if (made->slot != NULL && (file->flags & MFI_KEEP) != 0)
        mfi_slot_hold(made->slot, 1);
    return closed;
}

static int move(mayfly_file *file, size_t first_site, mayfly_error *error) {
    struct mfi_made made = {.fd = -1};
    union mfi_any_store store = {{NULL}};
    mayfly_error first; /* the caller's is left alone if a later site serves */
    int first_failure = 0;
    for (size_t site = first_site;; site = made.site + 1) {
        mayfly_error *report = first_failure == 0 && error != NULL ? &first : NULL;
        const int r = fill_target(file, site, &made, &store, report);
        if (r == 0)
            break;
        first_failure = first_failure == 0 ? r : first_failure;
        const int elsewhere = r == -ENOSPC || r == -EDQUOT || r == -EFBIG || r == -EIO;
        if (!elsewhere || file->later == NULL || file->later->fallback_dirs == NULL ||
            made.site < site) {
            mfi_event_failed("roll over", MFI_KIND_FILE, file->path, first_failure);
            if (error != NULL)
                *error = first;
            return first_failure;
        }
    }
    char *path = NULL;
    if (made.slot != NULL) {
        path = mfi_slot_path(made.slot);
        if (path == NULL) {
            drop_target(&made, &store);
            return mfi_fail_memory(error, sizeof made.slot->name);
        }
    }
    (void)adopt_target(file, &made, path, &store);
    if (mfi_events_on()) {
        const int64_t size = mfi_raw_size(file, NULL);
        mfi_event(MAYFLY_EVENT_ROLLED_OVER, MFI_KIND_FILE, path, NULL,
                  size < 0 ? 0 : (uint64_t)size);
    }
    return 0;
}

int mfi_spool_make_room(mayfly_file *file, int64_t end, mayfly_error *error) {
    if ((file->flags & (MFI_SPOOL | MFI_ROLLED)) != MFI_SPOOL || file->max_size == 0 || end < 0 ||
        (uint64_t)end <= file->max_size)
        return 0;
    return move(file, 0, error);
}

int mfi_spool_move_on(mayfly_file *file, int code) {
    const int memory = mfi_store_in_memory(&file->store);
    const int no_memory = code == -ENOMEM || code == -EPERM || code == -EAGAIN;
    const int no_disk = code == -ENOSPC || code == -EDQUOT;
    if (memory && no_memory && (file->store.base.ops == &mfi_locked_ops || file->max_size > 0))
        return move(file, 0, NULL) < 0 ? code : 0;
    const int free_to_move = !memory && file->slot == NULL && (file->flags & MFI_FD_SHOWN) == 0 &&
                             file->later != NULL && file->later->fallback_dirs != NULL;
    if (no_disk && free_to_move)
        return move(file, file->site + 1, NULL) < 0 ? code : 0;
    return code;
}

int mayfly_file_rollover(mayfly_file *file, mayfly_error *error) {
    int r = mfi_file_enter(file, 0, "rollover", error);
    if (r < 0 || !mfi_store_in_memory(&file->store))
        return r;
    if (file->process != mfi_process())
        return mfi_fail(error, MAYFLY_E_FORKED, "rollover", mfi_file_label(file), NULL);
    r = move(file, 0, error);
    return r < 0 ? r : mfi_file_leave(file, error);
}

bool mayfly_file_rolled(const mayfly_file *file) {
    return !mfi_store_in_memory(&file->store);
}
