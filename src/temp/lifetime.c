/* SPDX-License-Identifier: MIT
 *
 * How files end: closed, kept, opened again.
 *
 * States      OPEN -close_descriptor-> removed, or CLOSED (kept, or keep_on_close) -reopen-> OPEN;
 *             any -close-> gone
 * Invariants  every step is tried, whatever went wrong before it; the first failure is told.
 *             In a forked child nothing is written and nothing is removed.
 */
#define _GNU_SOURCE
#include <mayfly/lease.h>

#include <fcntl.h>
#include <stdlib.h>

#include "file.h"
#include "spool.h"
#include "temp.h"

/* The first failure of several steps: `then` is asked only for what matters after it. */
struct outcome {
    int code;
    mayfly_error *error;
};

static mayfly_error *report(const struct outcome *outcome) {
    return outcome->code < 0 ? NULL : outcome->error;
}

static void note(struct outcome *outcome, int code) {
    outcome->code = mfi_first(outcome->code, code);
}

static int mine(const mayfly_file *file) {
    return file->process == mfi_process();
}

/* Nobody but this handle can see the content: it need not be written before it goes. */
static int unseen(const mayfly_file *file) {
    return file->slot == NULL && file->path == NULL && (file->flags & MFI_FD_SHOWN) == 0;
}

static int tell_failed_write(const mayfly_file *file, mayfly_error *error) {
    return mfi_fail_at(error, file->failed_code, "write", mfi_file_label(file), file->failed_at,
                       "a write of %zu bytes failed there and was not repeated with success",
                       file->failed_size);
}

static void end_io(mayfly_file *file, struct outcome *outcome) {
    if (file->stream != NULL)
        note(outcome, mfi_stream_close(file, !mine(file), report(outcome)));
    if (file->store.base.ops == NULL)
        return;
    if (mine(file)) {
        if (file->text != NULL)
            note(outcome, mfi_text_settle(file, 1, report(outcome)));
        if (!unseen(file))
            note(outcome, mfi_raw_flush(file, report(outcome)));
        if (file->failed_code != 0 && outcome->code == 0)
            note(outcome, tell_failed_write(file, report(outcome)));
    }
    file->flags &= ~(uint32_t)MFI_DIRTY;
    file->window_size = 0;
}

static void close_store(mayfly_file *file, struct outcome *outcome) {
    if (file->store.base.ops == NULL)
        return;
    const int r = mfi_file_close_store(file);
    if (r < 0)
        note(outcome, mfi_fail_call(report(outcome), r, "close", mfi_file_label(file), -1));
}

static void end_name(mayfly_file *file, struct outcome *outcome) {
    if (file->slot == NULL)
        return;
    if ((file->flags & MFI_KEEP) == 0 && mine(file))
        note(outcome, mfi_slot_remove(file->slot, NULL, NULL, report(outcome)));
    mfi_slot_release(file->slot);
    file->slot = NULL;
}

int mayfly_file_close(mayfly_file **file, mayfly_error *error) {
    if (file == NULL || *file == NULL)
        return 0;
    mayfly_file *ending = *file;
    *file = NULL;
    if (ending->store.base.ops == &mfi_memory_ops && ending->stream == NULL &&
        ending->text == NULL && ending->failed_code == 0) {
        mfi_file_free(ending); /* nothing that could go wrong, and nothing left */
        return 0;
    }
    struct outcome outcome = {0, error};
    end_io(ending, &outcome);
    end_name(ending, &outcome);
    close_store(ending, &outcome);
    mfi_file_free(ending);
    return outcome.code;
}

void mayfly_file_auto(mayfly_file **file) {
    (void)mayfly_file_close(file, NULL);
}

int mayfly_file_close_descriptor(mayfly_file *file, mayfly_error *error) {
    if (file->store.base.ops == NULL)
        return 0;
    struct outcome outcome = {0, error};
    end_io(file, &outcome);
    if ((file->flags & (MFI_KEEP | MFI_KEEP_ON_CLOSE)) == 0 && file->slot != NULL) {
        end_name(file, &outcome);
        free(file->path);
        file->path = NULL;
    }
    if (file->slot != NULL)
        mfi_slot_unpin(file->slot, file->store.disk.fd);
    close_store(file, &outcome);
    return outcome.code;
}

/* ---- opening again --------------------------------------------------------------------------- */

static int open_checked(const struct mfi_slot *slot, mayfly_error *error) {
    mfi_auto_fd fd = mfi_sys.openat(slot->parent->fd, slot->name,
                                    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd == -ENOENT)
        return mfi_fail(error, MAYFLY_E_VANISHED, "openat", slot->name,
                        "the file is no longer there: it was removed or renamed by somebody else");
    struct stat st = {0};
    int r = fd < 0 ? 0 : mfi_sys.fstat(fd, &st);
    if (r < 0)
        return mfi_fail_call(error, r, "fstat", slot->name, -1);
    const int other = (uint64_t)st.st_dev != slot->identity.device ||
                      st.st_ino != slot->identity.inode || !S_ISREG(st.st_mode) ||
                      (fd >= 0 && !mfi_slot_same_birth(slot, fd, ""));
    if (fd == -ELOOP || fd == -ENXIO || fd == -EISDIR || (fd >= 0 && other))
        return mfi_fail(error, MAYFLY_E_REPLACED, "openat", slot->name,
                        "another file has this name by now; it was left alone");
    if (fd < 0)
        return mfi_fail_call(error, fd, "openat", slot->name, slot->parent->fd);
    return mfi_take_fd(&fd);
}

int mayfly_file_reopen(mayfly_file *file, mayfly_error *error) {
    if (file->store.base.ops != NULL)
        return mfi_fail(error, -EBUSY, "reopen", mfi_file_label(file), "the file is open");
    if ((file->flags & MFI_SECRET) != 0)
        return mfi_fail(error, -ENOTSUP, "reopen", mfi_file_label(file),
                        "the key of a secret file is wiped when it is closed");
    if (file->slot == NULL)
        return mfi_fail(error, MAYFLY_E_VANISHED, "reopen", mfi_file_label(file),
                        "the file was removed when it was closed; keep_on_close keeps it");
    const int fd = open_checked(file->slot, error);
    if (fd < 0)
        return fd;
    struct stat st;
    const int r = mfi_sys.fstat(fd, &st);
    file->store.disk = (struct mfi_disk_store){{&mfi_disk_ops}, fd, r < 0 ? -1 : st.st_size};
    file->position = 0;
    file->failed_code = 0;
    if (file->text == NULL)
        return 0;
    const int64_t at = mfi_text_seek(file, 0, SEEK_SET, error);
    return at < 0 ? (int)at : 0;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static int hold(mayfly_file *file, int keep, const char *operation, mayfly_error *error) {
    if (!mine(file))
        return mfi_fail(error, MAYFLY_E_FORKED, operation, mfi_file_label(file),
                        "the file is the parent process's");
    if (file->slot == NULL && file->path == NULL)
        return mfi_fail(error, -ENOENT, operation, mfi_file_label(file),
                        "it has no name under which it could be kept; mayfly_file_persist gives "
                        "it one");
    file->flags = keep ? file->flags | MFI_KEEP : file->flags & ~(uint32_t)MFI_KEEP;
    if (file->slot != NULL)
        mfi_slot_hold(file->slot, keep);
    return 0;
}

int mayfly_file_keep(mayfly_file *file, mayfly_error *error) {
    return hold(file, 1, "keep", error);
}

int mayfly_file_unkeep(mayfly_file *file, mayfly_error *error) {
    return hold(file, 0, "unkeep", error);
}

/* ---- the reaper, and other processes --------------------------------------------------------- */

int mayfly_file_is_leased(const mayfly_file *file) {
    return file->slot != NULL && mfi_slot_is_leased(file->slot);
}

int mayfly_file_adopt(mayfly_file *file, mayfly_error *error) {
    if ((file->flags & MFI_SECRET) != 0 && !mine(file))
        return mfi_fail(error, -ENOTSUP, "adopt", mfi_file_label(file),
                        "the content of a secret file is in memory that a child does not have");
    const int named = file->slot != NULL && (file->flags & MFI_KEEP) == 0;
    const int r = named ? mfi_slot_adopt(file->slot, error) : 0;
    if (r == 0)
        file->process = mfi_process();
    return r;
}
