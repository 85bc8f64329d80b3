/* SPDX-License-Identifier: MIT
 *
 * Bytes at the position: gathering small writes, reading ahead, and failing without losing.
 *
 * States      the window is empty; CLEAN (a copy of what is in the store); or DIRTY (accepted,
 *             not in the store yet). A store in memory has no window.
 * Invariants  a dirty window is emptied only by a write that succeeded. A write that fails leaves
 *             window, position and size as they were, and is remembered until the same bytes have
 *             been written after all.
 *             A spool is moved to disk before a write that would make it larger than max_size.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "file.h"
#include "locked.h"
#include "quota.h"
#include "spool.h"

/* ---- failures that wait to be repeated ------------------------------------------------------- */

static int remember(mayfly_file *file, int code, int64_t at, size_t size) {
    if (file->failed_code == 0) {
        file->failed_code = code;
        file->failed_at = at;
        file->failed_size = size;
    }
    return code;
}

/* Bytes [at, at + size) are written: was that what had failed? */
static void forgive(mayfly_file *file, int64_t at, size_t size) {
    if (file->failed_code != 0 && at <= file->failed_at &&
        at + (int64_t)size >= file->failed_at + (int64_t)file->failed_size)
        file->failed_code = 0;
}

static int fail_write(mayfly_file *file, int code, const char *operation, mayfly_error *error) {
    const int fd = file->store.base.ops == &mfi_disk_ops ? file->store.disk.fd : -1;
    return mfi_fail_call(error, code, operation, mfi_file_label(file), fd);
}

static int fail_read(const mayfly_file *file, int code, mayfly_error *error) {
    if (code == MAYFLY_E_SYNTAX)
        return mfi_fail(error, code, "read", mfi_file_label(file),
                        "the encrypted content was altered on the disk");
    return mfi_fail_call(error, code, "read", mfi_file_label(file), -1);
}

/* ---- the store, with the moves that a full one asks for -------------------------------------- */

/* Writes to the store; a spool that may not or cannot hold it moves on first. */
static int store_write(mayfly_file *file, const void *data, size_t size, int64_t at,
                       mayfly_error *error) {
    if (at > INT64_MAX - (int64_t)size)
        return mfi_fail_call(error, -EFBIG, "write", mfi_file_label(file), -1);
    int r = mfi_spool_make_room(file, at + (int64_t)size, error);
    if (r < 0)
        return r;
    r = file->store.base.ops->write(&file->store.base, data, size, at);
    if (r >= 0)
        return 0;
    if (mfi_spool_move_on(file, r) == 0) {
        r = file->store.base.ops->write(&file->store.base, data, size, at);
        if (r >= 0)
            return 0;
    }
    return fail_write(file, r, "write", error);
}

/* ---- the window ------------------------------------------------------------------------------ */

static int need_window(mayfly_file *file, mayfly_error *error) {
    int code = -ENOMEM;
    size_t size = MFI_WINDOW;
    if (file->window != NULL)
        return 0;
    if ((file->flags & MFI_SECRET) != 0)
        file->window = mfi_locked_alloc(&size, &code);
    else
        file->window = mfi_sys.malloc(size);
    if (file->window != NULL)
        return 0;
    return code == -ENOMEM ? mfi_fail_memory(error, size)
                           : mfi_fail_call(error, code, "mlock", mfi_file_label(file), -1);
}

/* Whether bytes pass through the window: not those of a secret file where no more memory can be
 * locked. */
static int has_window(mayfly_file *file) {
    if (mfi_store_in_memory(&file->store) || (file->flags & MFI_UNBUFFERED) != 0)
        return 0;
    return (file->flags & MFI_SECRET) == 0 || need_window(file, NULL) == 0;
}

int mfi_raw_flush(mayfly_file *file, mayfly_error *error) {
    if ((file->flags & MFI_DIRTY) == 0)
        return 0;
    const int r = store_write(file, file->window, file->window_size, file->window_at, error);
    if (r < 0)
        return r;
    forgive(file, file->window_at, file->window_size);
    file->flags &= ~(uint32_t)MFI_DIRTY;
    return 0;
}

void mfi_raw_forget(mayfly_file *file) {
    if ((file->flags & MFI_DIRTY) == 0)
        file->window_size = 0;
}

static int64_t window_end(const mayfly_file *file) {
    return file->window_at + (int64_t)file->window_size;
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* Charges for a file that ends at `end`, or where it ends already. */
static int charge(mayfly_file *file, int64_t end, mayfly_error *error) {
    struct mfi_account *account = file->account;
    uint64_t size = account->charged;
    if ((file->flags & MFI_FD_SHOWN) != 0) { /* somebody else may have written */
        const int64_t now = mfi_raw_size(file, error);
        if (now < 0)
            return (int)now;
        size = (uint64_t)now;
    }
    if (end > 0 && (uint64_t)end > size)
        size = (uint64_t)end;
    return mfi_account_set(account, size, mfi_file_label(file), error);
}

/* After a failure: what is there is what counts. */
static void recharge(mayfly_file *file) {
    const int64_t size = mfi_raw_size(file, NULL);
    if (size >= 0 && (uint64_t)size < file->account->charged)
        (void)mfi_account_set(file->account, (uint64_t)size, NULL, NULL);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int gather(mayfly_file *file, const void *data, size_t size, mayfly_error *error) {
    const int dirty = (file->flags & MFI_DIRTY) != 0;
    const int joins =
        dirty && file->position == window_end(file) && file->window_size + size <= MFI_WINDOW;
    if (!joins) {
        int r = mfi_raw_flush(file, error);
        if (r == 0)
            r = need_window(file, error);
        if (r < 0)
            return r;
        file->window_at = file->position;
        file->window_size = 0;
    }
    memcpy(file->window + file->window_size, data, size);
    file->window_size += size;
    file->flags |= MFI_DIRTY;
    return 0;
}

/* The last `size` bytes gathered were not accepted after all. */
static void ungather(mayfly_file *file, size_t size) {
    file->window_size -= size;
    if (file->window_size == 0)
        file->flags &= ~(uint32_t)MFI_DIRTY;
}

static int straight(mayfly_file *file, const void *data, size_t size, mayfly_error *error) {
    const int r = mfi_raw_flush(file, error);
    if (r < 0)
        return r;
    file->window_size = 0;
    return store_write(file, data, size, file->position, error);
}

int mfi_raw_write(mayfly_file *file, const void *data, size_t size, mayfly_error *error) {
    if (size == 0)
        return 0;
    if ((file->flags & MFI_APPEND) != 0) {
        const int64_t end = mfi_raw_size(file, error);
        if (end < 0)
            return (int)end;
        file->position = end;
    }
    /* Gathered, it would stand in the way for ever. */
    if (size > (uint64_t)(INT64_MAX - file->position))
        return fail_write(file, -EFBIG, "write", error);
    if (file->account != NULL) {
        const int charged = charge(file, file->position + (int64_t)size, error);
        if (charged < 0)
            return remember(file, charged, file->position, size);
    }
    const int gathered = size < MFI_WINDOW && has_window(file);
    int r = gathered ? gather(file, data, size, error) : straight(file, data, size, error);
    if (r == 0 && gathered && (file->flags & MFI_LINE_BUFFERED) != 0 &&
        memchr(data, '\n', size) != NULL) {
        r = mfi_raw_flush(file, error);
        if (r < 0)
            ungather(file, size);
    }
    if (r < 0 && file->account != NULL)
        recharge(file);
    if (r < 0)
        return remember(file, r, file->position, size);
    forgive(file, file->position, size);
    file->position += (int64_t)size;
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* What the window has of the bytes at the position. */
static size_t from_window(mayfly_file *file, char *data, size_t size) {
    if (file->window_size == 0 || file->position < file->window_at ||
        file->position >= window_end(file))
        return 0;
    const size_t left = (size_t)(window_end(file) - file->position);
    const size_t n = size < left ? size : left;
    memcpy(data, file->window + (file->position - file->window_at), n);
    file->position += (int64_t)n;
    return n;
}

static int64_t fill_window(mayfly_file *file, mayfly_error *error) {
    int r = need_window(file, error);
    if (r < 0)
        return r;
    file->window_size = 0;
    const int64_t n =
        file->store.base.ops->read(&file->store.base, file->window, MFI_WINDOW, file->position);
    if (n < 0)
        return fail_read(file, (int)n, error);
    file->window_at = file->position;
    file->window_size = (size_t)n;
    return n;
}

static int64_t read_store(mayfly_file *file, char *data, size_t size, mayfly_error *error) {
    const int64_t n = file->store.base.ops->read(&file->store.base, data, size, file->position);
    if (n < 0)
        return fail_read(file, (int)n, error);
    file->position += n;
    return n;
}

int64_t mfi_raw_read(mayfly_file *file, void *data, size_t size, mayfly_error *error) {
    if (mfi_store_in_memory(&file->store))
        return read_store(file, data, size, error);
    int r = mfi_raw_flush(file, error);
    if (r < 0)
        return r;
    const size_t have = from_window(file, data, size);
    if (have == size)
        return (int64_t)have;
    char *rest = (char *)data + have;
    if (size - have >= MFI_WINDOW || !has_window(file)) {
        const int64_t n = read_store(file, rest, size - have, have == 0 ? error : NULL);
        return n < 0 ? (have > 0 ? (int64_t)have : n) : (int64_t)have + n;
    }
    const int64_t n = fill_window(file, have == 0 ? error : NULL);
    if (n < 0)
        return have > 0 ? (int64_t)have : n;
    return (int64_t)(have + from_window(file, rest, size - have));
}

/* ---- size ------------------------------------------------------------------------------------ */

int64_t mfi_raw_size(mayfly_file *file, mayfly_error *error) {
    int64_t size = file->store.base.ops->size(&file->store.base);
    if (size < 0)
        return mfi_fail_call(error, (int)size, "fstat", mfi_file_label(file), -1);
    if ((file->flags & MFI_DIRTY) != 0 && window_end(file) > size)
        size = window_end(file);
    return size;
}

int mfi_raw_truncate(mayfly_file *file, int64_t size, mayfly_error *error) {
    int r = mfi_raw_flush(file, error);
    if (r == 0 && file->account != NULL)
        r = charge(file, size, error);
    if (r == 0)
        r = mfi_spool_make_room(file, size, error);
    if (r < 0)
        return r;
    r = file->store.base.ops->truncate(&file->store.base, size);
    if (file->account != NULL)
        recharge(file);
    if (r < 0)
        return fail_write(file, r, "ftruncate", error);
    file->window_size = 0;
    /* Cut off before what had failed: the caller has given it up. */
    if (file->failed_code != 0 && size <= file->failed_at)
        file->failed_code = 0;
    return 0;
}
