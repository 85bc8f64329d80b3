/* SPDX-License-Identifier: MIT
 *
 * Reading pickles one after the other, from memory, a descriptor or a FILE.
 *
 * What is read from a stream lies in a buffer, the machine's window, which holds at least the
 * opcode under way. A length that the stream tells is never allocated at once: the buffer grows as
 * the bytes arrive.
 */
#define _GNU_SOURCE
#include "reader.h"

#include <stdlib.h>

enum { FIRST_READ = 64 << 10 };

/* ---- a buffer over something to read from ---- */

static int more_room(struct mfi_stream *s, struct mfi_decoder *d, size_t used, size_t need) {
    size_t step = used > FIRST_READ ? used : FIRST_READ; /* doubles, and no faster than it fills */
    if (s->exact && need < step)
        step = need;
    if (s->capacity - used >= (need < step ? need : step))
        return 0;
    const size_t capacity = used + step;
    const size_t more = capacity - s->capacity;
    if (capacity > s->capacity && more > d->max_bytes - *d->bytes)
        return MAYFLY_E_LIMIT;
    uint8_t *grown = mfi_sys.realloc(s->buffer, capacity);
    if (grown == NULL)
        return -ENOMEM;
    *d->bytes += more; /* may be less, too: modulo 2^64 */
    d->own_bytes += more;
    s->buffer = grown;
    s->capacity = capacity;
    return 0;
}

static int stream_more(struct mfi_decoder *d, const uint8_t **op, const uint8_t **at, size_t need) {
    struct mfi_stream *s = d->source.context;
    const size_t gone = d->begin == NULL ? 0 : (size_t)(*op - d->begin);
    size_t used = d->begin == NULL ? 0 : (size_t)(d->end - *op);
    const size_t ahead = d->begin == NULL ? 0 : (size_t)(*at - *op);
    int r = 0;
    if (gone > 0 && used > 0)
        memmove(s->buffer, s->buffer + gone, used);
    d->before += gone;
    while (r == 0 && used - ahead < need) {
        const size_t missing = need - (used - ahead);
        r = more_room(s, d, used, missing);
        if (r < 0)
            break;
        const size_t room = s->capacity - used;
        const ssize_t n =
            s->read(s->from, s->buffer + used, s->exact && missing < room ? missing : room);
        if (n <= 0) {
            r = n < 0 ? (int)n : 0;
            break;
        }
        used += (size_t)n;
    }
    d->begin = s->buffer;
    d->end = s->buffer == NULL ? NULL : s->buffer + used;
    *op = d->begin;
    *at = s->buffer == NULL ? NULL : s->buffer + ahead;
    return r < 0 ? r : used - ahead >= need;
}

void mfi_stream_init(struct mfi_stream *s, struct mfi_decoder *d,
                     ssize_t (*read)(void *from, void *data, size_t size), void *from, bool exact) {
    *s = (struct mfi_stream){.read = read, .from = from, .exact = exact};
    d->source = (struct mfi_source){.more = stream_more, .context = s};
}

void mfi_stream_free(struct mfi_stream *s) {
    free(s->buffer);
    s->buffer = NULL;
}

ssize_t mfi_read_descriptor(void *from, void *data, size_t size) {
    return mfi_sys.read(*(int *)from, data, size);
}

ssize_t mfi_read_stdio(void *from, void *data, size_t size) {
    const size_t n = fread(data, 1, size, from);
    return n == 0 && ferror((FILE *)from) ? -EIO : (ssize_t)n;
}

/* ---- readers --------------------------------------------------------------------------------- */

struct mayfly_reader {
    struct mfi_reading reading;
    struct mfi_stream stream;
    struct mfi_cursor k;
    int fd;
    mayfly_error error; /* code 0: none yet */
};

static int open_reader(size_t options_size, mayfly_doc *doc, const mayfly_load_options *options,
                       mayfly_reader **ret, mayfly_error *error) {
    mayfly_load_options known;
    const int r = mfi_options_import(&known, sizeof known, options, options_size, "load", error);
    if (r < 0)
        return r;
    mayfly_reader *reader = mfi_sys.calloc(1, sizeof *reader);
    if (reader == NULL)
        return mfi_fail_memory(error, sizeof *reader);
    mfi_reading_init(&reader->reading, doc, &known, "load", NULL, &reader->error);
    *ret = reader;
    return 0;
}

int mayfly_reader_memory_sized(size_t options_size, mayfly_doc *doc, const void *data, size_t size,
                               const mayfly_load_options *options, mayfly_reader **ret,
                               mayfly_error *error) {
    const int r = open_reader(options_size, doc, options, ret, error);
    if (r < 0)
        return r;
    struct mfi_reading *reading = &(*ret)->reading;
    reading->d.begin = (*ret)->k.at = data;
    reading->d.end = reading->d.begin + size;
    reading->borrow_from = reading->options.flags & MAYFLY_BORROW ? 64 : 0;
    return 0;
}

int mayfly_reader_fd_sized(size_t options_size, mayfly_doc *doc, int fd,
                           const mayfly_load_options *options, mayfly_reader **ret,
                           mayfly_error *error) {
    const int r = open_reader(options_size, doc, options, ret, error);
    if (r < 0)
        return r;
    (*ret)->fd = fd;
    mfi_stream_init(&(*ret)->stream, &(*ret)->reading.d, mfi_read_descriptor, &(*ret)->fd, false);
    return 0;
}

int mayfly_reader_stream_sized(size_t options_size, mayfly_doc *doc, FILE *stream,
                               const mayfly_load_options *options, mayfly_reader **ret,
                               mayfly_error *error) {
    const int r = open_reader(options_size, doc, options, ret, error);
    if (r < 0)
        return r;
    mfi_stream_init(&(*ret)->stream, &(*ret)->reading.d, mfi_read_stdio, stream, true);
    return 0;
}

/* Whether there is another byte. */
static int at_end(mayfly_reader *reader) {
    struct mfi_decoder *d = &reader->reading.d;
    if (reader->k.at != d->end)
        return 0;
    if (d->source.more == NULL)
        return 1;
    reader->k.op = reader->k.at;
    const int r = d->source.more(d, &reader->k.op, &reader->k.at, 1);
    return r < 0 ? mfi_fail_call(&reader->error, r, "read", NULL, -1) : r == 0;
}

int mayfly_reader_next(mayfly_reader *reader, mayfly_value *ret, mayfly_error *error) {
    int r = reader->error.code;
    if (r == 0) {
        r = at_end(reader);
        if (r > 0)
            return 0;
        if (r == 0 && !(reader->reading.options.flags & MAYFLY_KEEP_MEMO))
            mfi_decoder_forget(&reader->reading.d);
        if (r == 0)
            r = mfi_read_one(&reader->reading, &reader->k, ret);
    }
    if (r == 0)
        return 1;
    if (error != NULL)
        *error = reader->error;
    return r;
}

uint64_t mayfly_reader_offset(const mayfly_reader *reader) {
    const struct mfi_decoder *d = &reader->reading.d;
    return d->before + (d->begin == NULL ? 0 : (uint64_t)(reader->k.at - d->begin));
}

const void *mayfly_reader_rest(const mayfly_reader *reader, size_t *ret_size) {
    const struct mfi_decoder *d = &reader->reading.d;
    *ret_size = d->begin == NULL ? 0 : (size_t)(d->end - reader->k.at);
    return reader->k.at;
}

void mayfly_reader_close(mayfly_reader **reader_at) {
    mayfly_reader *reader = *reader_at;
    *reader_at = NULL;
    if (reader == NULL)
        return;
    mfi_decoder_free(&reader->reading.d);
    mfi_stream_free(&reader->stream);
    free(reader);
}

void mayfly_reader_auto(mayfly_reader **reader) {
    mayfly_reader_close(reader);
}
