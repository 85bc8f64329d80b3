/* SPDX-License-Identifier: MIT
 *
 * Values in temporary files and buffers, and back.
 */
#define _GNU_SOURCE
#include <mayfly/dump.h>

#include <fcntl.h>
#include <stdlib.h>

#include "reader.h"
#include "write.h"

/* ---- dumping --------------------------------------------------------------------------------- */

static int to_file(void *context, const void *data, size_t size) {
    const int64_t r = mayfly_file_write(context, data, size, NULL);
    return r < 0 ? (int)r : 0;
}

static int to_stream(void *context, const void *data, size_t size) {
    return fwrite(data, 1, size, context) == size ? 0 : -(errno != 0 ? errno : EIO);
}

static int to_descriptor(void *context, const void *data, size_t size) {
    const char *at = data;
    while (size > 0) {
        const ssize_t n = mfi_sys.write(*(int *)context, at, size);
        if (n < 0)
            return (int)n;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

/* A sink that has the file say what went wrong. */
struct file_sink {
    mayfly_file *file;
    mayfly_error error;
    int code;
};

static int to_new_file(void *context, const void *data, size_t size) {
    struct file_sink *to = context;
    const int64_t r = mayfly_file_write(to->file, data, size, &to->error);
    return r < 0 ? to->code = (int)r : 0;
}

static int fill_file(mayfly_file *file, mayfly_doc *doc, mayfly_value value,
                     const mayfly_dump_options *options, mayfly_error *error) {
    struct file_sink to = {.file = file};
    int r = mfi_dump(doc, value, options, to_new_file, &to, NULL, NULL, error);
    if (to.code < 0) {
        if (error != NULL)
            *error = to.error;
        return to.code;
    }
    if (r == 0)
        r = mayfly_file_flush(file, error);
    if (r == 0) {
        const int64_t at = mayfly_file_seek(file, 0, SEEK_SET, error);
        r = at < 0 ? (int)at : 0;
    }
    return r;
}

static int dump_new(size_t options_size, mayfly_doc *doc, mayfly_value value,
                    const mayfly_dump_options *options, bool in_memory, mayfly_file **ret,
                    mayfly_error *error) {
    mayfly_dump_options known;
    mayfly_file *file = NULL;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "dump", error);
    if (r < 0)
        return r;
    const mayfly_file_options how = {
        .prefix = known.prefix, .suffix = known.suffix, .dir = known.dir, .secret = known.secret};
    r = in_memory ? mayfly_spooled_temporary_file(&how, &file, error)
                  : mayfly_named_temporary_file(&how, &file, error);
    if (r < 0)
        return r;
    r = fill_file(file, doc, value, &known, error);
    if (r == 0 && known.keep && !in_memory)
        r = mayfly_file_keep(file, error);
    if (r == 0)
        *ret = file;
    else
        (void)mayfly_file_close(&file, NULL); /* what failed first is what counts */
    return r;
}

int mayfly_dump_sized(size_t options_size, mayfly_doc *doc, mayfly_value value,
                      const mayfly_dump_options *options, mayfly_file **ret, mayfly_error *error) {
    return dump_new(options_size, doc, value, options, false, ret, error);
}

int mayfly_dump_io_sized(size_t options_size, mayfly_doc *doc, mayfly_value value,
                         const mayfly_dump_options *options, mayfly_file **ret,
                         mayfly_error *error) {
    return dump_new(options_size, doc, value, options, true, ret, error);
}

int mayfly_dump_file_sized(size_t options_size, mayfly_doc *doc, mayfly_value value,
                           const mayfly_dump_options *options, mayfly_file *file,
                           mayfly_error *error) {
    return mayfly_dump_to_sized(options_size, doc, value, options, to_file, file, error);
}

int mayfly_dump_stream_sized(size_t options_size, mayfly_doc *doc, mayfly_value value,
                             const mayfly_dump_options *options, FILE *stream,
                             mayfly_error *error) {
    return mayfly_dump_to_sized(options_size, doc, value, options, to_stream, stream, error);
}

int mayfly_dump_fd_sized(size_t options_size, mayfly_doc *doc, mayfly_value value,
                         const mayfly_dump_options *options, int fd, mayfly_error *error) {
    return mayfly_dump_to_sized(options_size, doc, value, options, to_descriptor, &fd, error);
}

/* ---- loading --------------------------------------------------------------------------------- */

/* What is read into memory as a whole. */
struct whole {
    char *data;
    size_t size;
};

static int room_for(const mayfly_load_options *options, int64_t size, const char *path,
                    struct whole *whole, mayfly_error *error) {
    const uint64_t most = options->max_bytes != 0 ? options->max_bytes : (uint64_t)4 << 30;
    if ((uint64_t)size > most)
        return mfi_fail(error, MAYFLY_E_LIMIT, "load", path,
                        "it has %lld bytes, more than the %llu that max_bytes allows",
                        (long long)size, (unsigned long long)most);
    whole->data = mfi_sys.malloc((size_t)size + 1);
    return whole->data == NULL ? mfi_fail_memory(error, (size_t)size) : 0;
}

/* Builds the document; takes `whole` over. *ret_used: how much the pickle had. */
static int load_whole(const struct whole *whole, const mayfly_load_options *options,
                      const char *path, bool mapped, mayfly_doc **ret, size_t *ret_used,
                      mayfly_error *error) {
    mayfly_doc *doc;
    const struct mfi_input input = {.data = whole->data,
                                    .size = whole->size,
                                    .owned = whole->data,
                                    .mapped = mapped,
                                    .again = *ret != NULL,
                                    .operation = "load",
                                    .path = path};
    int r = mfi_doc_for(ret, options, &doc, error);
    if (r < 0) {
        if (mapped)
            (void)mfi_sys.munmap(whole->data, whole->size);
        else
            free(whole->data);
        return r;
    }
    r = mfi_loads(&input, options, doc, ret_used, error);
    return mfi_doc_done(r, doc, ret);
}

int mayfly_load_sized(size_t options_size, mayfly_file *file, const mayfly_load_options *options,
                      mayfly_doc **ret, mayfly_error *error) {
    mayfly_load_options known;
    struct whole whole = {0};
    size_t used;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "load", error);
    if (r < 0)
        return r;
    const int64_t size = mayfly_file_size(file, error), at = mayfly_file_tell(file, error);
    if (size < 0 || at < 0)
        return (int)(size < 0 ? size : at);
    r = room_for(&known, size > at ? size - at : 0, mayfly_file_path(file), &whole, error);
    if (r < 0)
        return r;
    while (size > at && whole.size < (size_t)(size - at)) {
        const int64_t n = mayfly_file_read(file, whole.data + whole.size,
                                           (size_t)(size - at) - whole.size, error);
        if (n < 0) {
            free(whole.data);
            return (int)n;
        }
        if (n == 0)
            break;
        whole.size += (size_t)n;
    }
    r = load_whole(&whole, &known, mayfly_file_path(file), false, ret, &used, error);
    const int64_t moved =
        mayfly_file_seek(file, r == 0 ? at + (int64_t)used : at, SEEK_SET, r == 0 ? error : NULL);
    return r < 0 || moved >= 0 ? r : (int)moved;
}

/* From what is read as it goes; `exact`: not a byte more than the pickle has, for what cannot be
 * taken back. *ret_used: how much it has. */
static int load_going(size_t options_size, const mayfly_load_options *options,
                      ssize_t (*read)(void *, void *, size_t), void *from, bool exact,
                      mayfly_doc **ret, uint64_t *ret_used, mayfly_error *error) {
    mayfly_load_options known;
    mayfly_doc *doc;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "load", error);
    if (r < 0)
        return r;
    r = mfi_doc_for(ret, &known, &doc, error);
    if (r < 0)
        return r;
    struct mfi_reading reading;
    struct mfi_stream stream;
    struct mfi_cursor k = {0};
    mayfly_value root;
    mfi_reading_init(&reading, doc, &known, "load", NULL, error);
    mfi_stream_init(&stream, &reading.d, read, from, exact);
    r = mfi_read_one(&reading, &k, &root);
    *ret_used = reading.d.before + (r == 0 ? (uint64_t)(k.at - reading.d.begin) : 0);
    mfi_decoder_free(&reading.d);
    mfi_stream_free(&stream);
    return mfi_doc_done(r, doc, ret);
}

int mayfly_load_stream_sized(size_t options_size, FILE *stream, const mayfly_load_options *options,
                             mayfly_doc **ret, mayfly_error *error) {
    uint64_t used;
    return load_going(options_size, options, mfi_read_stdio, stream, true, ret, &used, error);
}

int mayfly_load_fd_sized(size_t options_size, int fd, const mayfly_load_options *options,
                         mayfly_doc **ret, mayfly_error *error) {
    uint64_t used = 0;
    const off_t at = mfi_sys.lseek(fd, 0, SEEK_CUR);
    int r = load_going(options_size, options, mfi_read_descriptor, &fd, at < 0, ret, &used, error);
    if (at < 0)
        return r;
    const off_t moved = mfi_sys.lseek(fd, r == 0 ? at + (off_t)used : at, SEEK_SET);
    return r < 0 || moved >= 0 ? r : mfi_fail_call(error, (int)moved, "seek", NULL, -1);
}

/* ---- paths ----------------------------------------------------------------------------------- */

static int read_whole(int fd, int64_t size, struct whole *whole) {
    while (whole->size < (size_t)size) {
        const ssize_t n = mfi_sys.read(fd, whole->data + whole->size, (size_t)size - whole->size);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        whole->size += (size_t)n;
    }
    return 0;
}

/* The content of an open file, read or mapped. */
static int fetch(int fd, const struct stat *st, const char *path,
                 const mayfly_load_options *options, struct whole *whole, mayfly_error *error) {
    if ((options->flags & MAYFLY_MAP) && st->st_size > 0) {
        whole->data = mfi_sys.map_file((size_t)st->st_size, fd);
        whole->size = (size_t)st->st_size;
        return whole->data == NULL ? mfi_fail(error, -ENOMEM, "mmap", path,
                                              "it cannot be mapped; load it without MAYFLY_MAP")
                                   : 0;
    }
    int r = room_for(options, st->st_size, path, whole, error);
    if (r < 0)
        return r;
    r = read_whole(fd, st->st_size, whole);
    if (r < 0) {
        free(whole->data);
        return mfi_fail_call(error, r, "read", path, fd);
    }
    return 0;
}

int mayfly_load_path_sized(size_t options_size, const char *path,
                           const mayfly_load_options *options, mayfly_doc **ret,
                           mayfly_error *error) {
    mayfly_load_options known;
    struct whole whole = {0};
    struct stat st;
    size_t used;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "load", error);
    if (r < 0)
        return r;
    const mayfly_trust_options how = {
        .flags = (known.flags & MAYFLY_LOAD_ANY_OWNER) ? MAYFLY_TRUST_ANY_OWNER : 0,
        .operation = "load",
        .way_out = "if that is meant, say MAYFLY_LOAD_ANY_OWNER"};
    mfi_auto_fd fd = mfi_trust_openat(AT_FDCWD, path, path, &how, &st, error);
    if (fd < 0)
        return fd;
    r = fetch(fd, &st, path, &known, &whole, error);
    return r < 0 ? r
                 : load_whole(&whole, &known, path, (known.flags & MAYFLY_MAP) && st.st_size > 0,
                              ret, &used, error);
}
