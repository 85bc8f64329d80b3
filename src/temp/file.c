/* SPDX-License-Identifier: MIT
 *
 * What can be done with a file: each function checks that it may, and asks the layer below.
 */
#define _GNU_SOURCE
#include "file.h"

#include <stdlib.h>

/* ---- the two ends of every operation --------------------------------------------------------- */

const char *mfi_file_label(const mayfly_file *file) {
    if (file->path != NULL)
        return file->path;
    return mfi_store_in_memory(&file->store) ? "(file in memory)" : "(file without a name)";
}

/* A forked child's copy: what the parent had gathered is the parent's to write. */
static void disinherit(mayfly_file *file) {
    if ((file->flags & MFI_DIRTY) != 0) {
        file->flags &= ~(uint32_t)MFI_DIRTY;
        file->window_size = 0;
    }
}

int mfi_file_enter(mayfly_file *file, uint32_t need, const char *operation, mayfly_error *error) {
    if (file == NULL)
        return mfi_fail(error, -EINVAL, operation, NULL, "no file was given (NULL)");
    if (file->store.base.ops == NULL)
        return mfi_fail(error, -EBADF, operation, mfi_file_label(file),
                        "the file is closed; mayfly_file_reopen opens it again");
    if ((file->flags & need) != need)
        return mfi_fail(error, -EBADF, operation, mfi_file_label(file),
                        "its mode does not allow this");
    if (file->process != mfi_process()) {
        disinherit(file);
        if (need == MFI_WRITABLE || (file->flags & MFI_SECRET) != 0)
            return mfi_fail(error, MAYFLY_E_FORKED, operation, mfi_file_label(file),
                            "the file is the parent process's; make one of your own");
    }
    return file->stream == NULL ? 0 : mfi_stream_enter(file, error);
}

int mfi_file_leave(mayfly_file *file, mayfly_error *error) {
    return file->stream == NULL ? 0 : mfi_stream_leave(file, error);
}

int mfi_file_settle(mayfly_file *file, int final, mayfly_error *error) {
    if (file->process != mfi_process())
        return 0;
    int r = file->text == NULL ? 0 : mfi_text_settle(file, final, error);
    if (r == 0)
        r = mfi_raw_flush(file, error);
    return r < 0 ? r : mfi_stream_check(file, error);
}

static int64_t leave_with(mayfly_file *file, int64_t result, mayfly_error *error) {
    const int r = mfi_file_leave(file, result < 0 ? NULL : error);
    return result < 0 || r == 0 ? result : r;
}

static int need_binary(const mayfly_file *file, const char *operation, mayfly_error *error) {
    if (file->text != NULL)
        return mfi_fail(error, -EINVAL, operation, mfi_file_label(file),
                        "bytes at an offset have no meaning in a text file");
    return 0;
}

/* ---- memory, without detours ------------------------------------------------------------------
 */

/* A plain file in memory with nothing above or beside it: what a spool is nearly always. */
static int plain_memory(const mayfly_file *file, uint32_t need) {
    const uint32_t other = MFI_TEXT | MFI_APPEND;
    return file != NULL && file->store.base.ops == &mfi_memory_ops &&
           (file->flags & (need | other)) == need && file->stream == NULL &&
           file->failed_code == 0 && file->process == mfi_process();
}

/* Writes if there is room already; else the long way decides what to do. */
static int write_plainly(mayfly_file *file, const void *data, size_t size) {
    struct mfi_memory_store *memory = &file->store.memory;
    const size_t at = (size_t)file->position;
    const uint64_t limit = file->max_size == 0 ? PTRDIFF_MAX : file->max_size;
    if (size == 0 || at > memory->size || at > limit || size > limit - at)
        return 0;
    if (at + size > memory->capacity && mfi_memory_reserve(memory, at + size) < 0)
        return 0;
    memcpy(memory->data + at, data, size);
    if (at + size > memory->size)
        memory->size = at + size;
    file->position += (int64_t)size;
    return 1;
}

/* ---- reading and writing --------------------------------------------------------------------- */

int64_t mayfly_file_read(mayfly_file *file, void *data, size_t size, mayfly_error *error) {
    if (plain_memory(file, MFI_READABLE) && (uint64_t)file->position < file->store.memory.size) {
        const size_t left = file->store.memory.size - (size_t)file->position;
        const size_t n = size < left ? size : left;
        memcpy(data, file->store.memory.data + file->position, n);
        file->position += (int64_t)n;
        return (int64_t)n;
    }
    const int r = mfi_file_enter(file, MFI_READABLE, "read", error);
    if (r < 0)
        return r;
    if (size > INT64_MAX)
        size = INT64_MAX;
    const int64_t n = file->text != NULL ? mfi_text_read(file, data, size, error)
                                         : mfi_raw_read(file, data, size, error);
    return leave_with(file, n, error);
}

int mayfly_file_write(mayfly_file *file, const void *data, size_t size, mayfly_error *error) {
    if (plain_memory(file, MFI_WRITABLE) && write_plainly(file, data, size))
        return 0;
    int r = mfi_file_enter(file, MFI_WRITABLE, "write", error);
    if (r < 0)
        return r;
    if (size > INT64_MAX)
        return mfi_fail_call(error, -EFBIG, "write", mfi_file_label(file), -1);
    r = file->text != NULL ? mfi_text_write(file, data, size, error)
                           : mfi_raw_write(file, data, size, error);
    return (int)leave_with(file, r, error);
}

int64_t mayfly_file_pread(mayfly_file *file, void *data, size_t size, int64_t offset,
                          mayfly_error *error) {
    int r = mfi_file_enter(file, MFI_READABLE, "pread", error);
    if (r == 0)
        r = need_binary(file, "pread", error);
    if (r < 0)
        return r;
    if (offset < 0)
        return mfi_fail(error, -EINVAL, "pread", mfi_file_label(file), "a negative offset");
    const int64_t position = file->position;
    file->position = offset;
    const int64_t n = mfi_raw_read(file, data, size, error);
    file->position = position;
    return leave_with(file, n, error);
}

int mayfly_file_pwrite(mayfly_file *file, const void *data, size_t size, int64_t offset,
                       mayfly_error *error) {
    int r = mfi_file_enter(file, MFI_WRITABLE, "pwrite", error);
    if (r == 0)
        r = need_binary(file, "pwrite", error);
    if (r < 0)
        return r;
    if (offset < 0)
        return mfi_fail(error, -EINVAL, "pwrite", mfi_file_label(file), "a negative offset");
    const int64_t position = file->position;
    file->position = offset;
    r = mfi_raw_write(file, data, size, error);
    file->position = position;
    return (int)leave_with(file, r, error);
}

int64_t mayfly_file_readv(mayfly_file *file, const mayfly_slice *slices, size_t count,
                          mayfly_error *error) {
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (slices[i].size == 0)
            continue;
        const int64_t n =
            mayfly_file_read(file, slices[i].data, slices[i].size, total == 0 ? error : NULL);
        if (n < 0)
            return total > 0 ? total : n; /* what was read counts; the failure comes again */
        total += n;
        if ((size_t)n < slices[i].size)
            break;
    }
    return total;
}

static size_t total_size(const mayfly_slice *slices, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total = slices[i].size > SIZE_MAX - total ? SIZE_MAX : total + slices[i].size;
    return total;
}

/* Joined first, because all or none of it shall count. Writes as large as those that profit from
 * pwritev spend their time in the kernel's copy, not in this one. */
int mayfly_file_writev(mayfly_file *file, const mayfly_slice *slices, size_t count,
                       mayfly_error *error) {
    if (count == 1)
        return mayfly_file_write(file, slices[0].data, slices[0].size, error);
    const size_t total = total_size(slices, count);
    if (total == 0)
        return mayfly_file_write(file, "", 0, error);
    mfi_auto_free char *joined = total > PTRDIFF_MAX ? NULL : mfi_sys.malloc(total);
    if (joined == NULL)
        return mfi_fail_memory(error, total);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (slices[i].size > 0)
            memcpy(joined + at, slices[i].data, slices[i].size);
        at += slices[i].size;
    }
    const int r = mayfly_file_write(file, joined, total, error);
    if (file != NULL && (file->flags & MFI_SECRET) != 0)
        explicit_bzero(joined, total);
    return r;
}

/* ---- lines and all --------------------------------------------------------------------------- */

static int grow_line(char **line, size_t *capacity, size_t need) {
    if (*line != NULL && need <= *capacity)
        return 0;
    size_t grown = *line == NULL ? 0 : *capacity + *capacity / 2;
    if (grown < need)
        grown = need;
    if (grown < 120)
        grown = 120;
    char *fresh = mfi_sys.realloc(*line, grown);
    if (fresh == NULL)
        return -ENOMEM;
    *line = fresh;
    *capacity = grown;
    return 0;
}

/* Bytes at the position that can be looked at without copying: in memory all, else what the window
 * has or can be filled with. */
static int64_t peek(mayfly_file *file, const char **ret_data, mayfly_error *error) {
    if (mfi_store_in_memory(&file->store)) {
        const struct mfi_memory_store *memory = &file->store.memory;
        if ((uint64_t)file->position >= memory->size)
            return 0;
        *ret_data = memory->data + file->position;
        return (int64_t)memory->size - file->position;
    }
    char probe;
    const uint32_t unbuffered = file->flags & MFI_UNBUFFERED;
    file->flags &= ~(uint32_t)MFI_UNBUFFERED; /* a line is found by reading ahead */
    const int64_t n = mfi_raw_read(file, &probe, 1, error);
    file->flags |= unbuffered;
    if (n <= 0)
        return n;
    file->position--;
    if (file->window == NULL) /* a secret, and no memory for one more can be locked */
        return mfi_fail_call(error, -ENOMEM, "read_line", mfi_file_label(file), -1);
    *ret_data = file->window + (file->position - file->window_at);
    return file->window_at + (int64_t)file->window_size - file->position;
}

static int64_t read_raw_line(mayfly_file *file, char **line, size_t *capacity,
                             mayfly_error *error) {
    size_t length = 0;
    for (;;) {
        const char *data = NULL;
        const int64_t n = peek(file, &data, length == 0 ? error : NULL);
        if (n < 0 && length == 0)
            return n;
        if (n <= 0)
            break;
        const char *end = memchr(data, '\n', (size_t)n);
        const size_t take = end == NULL ? (size_t)n : (size_t)(end - data) + 1;
        if (grow_line(line, capacity, length + take + 1) < 0) {
            file->position -= (int64_t)length; /* nothing was read */
            return mfi_fail_memory(error, length + take + 1);
        }
        memcpy(*line + length, data, take);
        length += take;
        file->position += (int64_t)take;
        if (end != NULL)
            break;
    }
    if (grow_line(line, capacity, length + 1) < 0)
        return mfi_fail_memory(error, length + 1);
    (*line)[length] = '\0';
    return (int64_t)length;
}

int64_t mayfly_file_read_line(mayfly_file *file, char **line, size_t *capacity,
                              mayfly_error *error) {
    const int r = mfi_file_enter(file, MFI_READABLE, "read_line", error);
    if (r < 0)
        return r;
    const int64_t n = file->text != NULL ? mfi_text_read_line(file, line, capacity, error)
                                         : read_raw_line(file, line, capacity, error);
    return leave_with(file, n, error);
}

int mayfly_file_read_all(mayfly_file *file, char **ret, size_t *ret_size, mayfly_error *error) {
    int64_t left = mayfly_file_size(file, error);
    if (left < 0)
        return (int)left;
    left -= file->position;
    mfi_auto_buffer all = {0};
    for (size_t room = (left > 0 ? (size_t)left : 0) + 64;; room = 65536) {
        if (mfi_buffer_reserve(&all, room) < 0)
            return mfi_fail_memory(error, room);
        const int64_t n = mayfly_file_read(file, all.data + all.size, room, error);
        if (n < 0)
            return (int)n;
        all.size += (size_t)n;
        if ((size_t)n < room && file->text == NULL)
            break;
        if (n == 0)
            break;
    }
    all.data[all.size] = '\0';
    *ret_size = all.size;
    *ret = mfi_take(all.data);
    return 0;
}

/* ---- position and size ----------------------------------------------------------------------- */

static int64_t seek_raw(mayfly_file *file, int64_t offset, int whence, mayfly_error *error) {
    int64_t from = 0;
    if (whence == SEEK_CUR)
        from = file->position;
    else if (whence == SEEK_END)
        from = mfi_raw_size(file, error);
    else if (whence != SEEK_SET)
        return mfi_fail(error, -EINVAL, "seek", mfi_file_label(file), "%d is no SEEK_", whence);
    if (from < 0)
        return from;
    if (offset > INT64_MAX - from || from + offset < 0)
        return mfi_fail(error, -EINVAL, "seek", mfi_file_label(file),
                        "leads before the start, or beyond what a file can have");
    mfi_raw_forget(file); /* another program may have written since */
    file->position = from + offset;
    return file->position;
}

int64_t mayfly_file_seek(mayfly_file *file, int64_t offset, int whence, mayfly_error *error) {
    if (whence == SEEK_SET && offset >= 0 && plain_memory(file, 0))
        return file->position = offset;
    const int r = mfi_file_enter(file, 0, "seek", error);
    if (r < 0)
        return r;
    const int64_t at = file->text != NULL ? mfi_text_seek(file, offset, whence, error)
                                          : seek_raw(file, offset, whence, error);
    return leave_with(file, at, error);
}

int64_t mayfly_file_tell(mayfly_file *file, mayfly_error *error) {
    const int r = mfi_file_enter(file, 0, "tell", error);
    if (r < 0)
        return r;
    const int64_t at = file->text != NULL ? mfi_text_tell(file, error) : file->position;
    return leave_with(file, at, error);
}

int mayfly_file_truncate(mayfly_file *file, int64_t size, mayfly_error *error) {
    int r = mfi_file_enter(file, MFI_WRITABLE, "truncate", error);
    if (r == 0 && file->text != NULL)
        r = mfi_text_settle(file, 0, error);
    if (r < 0)
        return r;
    if (size < -1)
        return mfi_fail(error, -EINVAL, "truncate", mfi_file_label(file), "a negative size");
    r = mfi_raw_truncate(file, size == -1 ? file->position : size, error);
    return (int)leave_with(file, r, error);
}

int64_t mayfly_file_size(mayfly_file *file, mayfly_error *error) {
    int r = mfi_file_enter(file, 0, "size", error);
    if (r == 0 && file->text != NULL && file->process == mfi_process())
        r = mfi_text_settle(file, 0, error);
    if (r < 0)
        return r;
    return leave_with(file, mfi_raw_size(file, error), error);
}

/* ---- to the system --------------------------------------------------------------------------- */

int mayfly_file_flush(mayfly_file *file, mayfly_error *error) {
    int r = mfi_file_enter(file, 0, "flush", error);
    if (r < 0)
        return r;
    r = mfi_file_settle(file, 0, error);
    mfi_raw_forget(file); /* from here on other programs may write what is read next */
    return (int)leave_with(file, r, error);
}

int mayfly_file_sync(mayfly_file *file, mayfly_error *error) {
    int r = mayfly_file_flush(file, error);
    if (r < 0 || file->process != mfi_process())
        return r;
    r = file->store.base.ops->sync(&file->store.base);
    return r < 0 ? mfi_fail_call(error, r, "fsync", mfi_file_label(file), -1) : 0;
}

int mayfly_file_fd(mayfly_file *file, mayfly_error *error) {
    int r = mfi_file_enter(file, 0, "fd", error);
    if (r < 0)
        return r;
    if ((file->flags & MFI_SECRET) != 0)
        return mfi_fail(error, -ENOTSUP, "fd", mfi_file_label(file),
                        "a secret file has no descriptor of plain bytes; read it by its handle");
    if (mfi_store_in_memory(&file->store))
        r = mayfly_file_rollover(file, error);
    if (r == 0)
        r = mfi_file_settle(file, 0, error);
    if (r < 0)
        return r;
    const int fd = file->store.disk.fd;
    /* Its offset is the start as long as nobody but us had it. */
    const int there = file->position == 0 && (file->flags & MFI_FD_SHOWN) == 0;
    const off_t at = there ? 0 : mfi_sys.lseek(fd, (off_t)file->position, SEEK_SET);
    if (at < 0)
        return mfi_fail_call(error, (int)at, "lseek", mfi_file_label(file), -1);
    file->flags |= MFI_FD_SHOWN;
    return (int)leave_with(file, fd, error);
}

const char *mayfly_file_path(const mayfly_file *file) {
    return file->path;
}

bool mayfly_file_nameless(const mayfly_file *file) {
    return (file->flags & MFI_NAMELESS) != 0;
}
