/* SPDX-License-Identifier: MIT
 *
 * Where captured text is kept: a file that may be a ring.
 *
 * Why a ring in a file     what is kept of the newest may be larger than memory, too, and a file of
 *                          ours goes from memory to disk by itself.
 */
#define _GNU_SOURCE
#include "capture.h"

static bool is_ring(const struct mfi_sink *sink) {
    return sink->max_bytes != 0 && sink->full == MAYFLY_CAPTURE_DROP_OLDEST;
}

uint64_t mfi_sink_size(const struct mfi_sink *sink) {
    return is_ring(sink) && sink->end > sink->max_bytes ? sink->max_bytes : sink->end;
}

uint64_t mfi_sink_dropped(const struct mfi_sink *sink) {
    return sink->end - mfi_sink_size(sink) + sink->dropped;
}

static void append(struct mfi_sink *sink, const char *data, size_t size) {
    const int r = mayfly_file_write(sink->file, data, size, &sink->error);
    if (r < 0)
        sink->code = r;
    *(r < 0 ? &sink->dropped : &sink->end) += size;
}

/* What would be overwritten by the same piece is not written. */
static void write_round(struct mfi_sink *sink, const char *data, size_t size) {
    const uint64_t skipped = size > sink->max_bytes ? size - sink->max_bytes : 0;
    uint64_t end = sink->end + skipped;
    for (size_t done = (size_t)skipped; done < size;) {
        const uint64_t at = end % sink->max_bytes, room = sink->max_bytes - at;
        const size_t step = size - done < room ? size - done : (size_t)room;
        const int r = mayfly_file_pwrite(sink->file, data + done, step, (int64_t)at, &sink->error);
        if (r < 0) {
            sink->code = r;
            sink->dropped += size;
            return;
        }
        done += step;
        end += step;
    }
    sink->end = end;
}

void mfi_sink_write(struct mfi_sink *sink, const char *data, size_t size) {
    if (sink->code < 0) {
        sink->dropped += size;
        return;
    }
    if (is_ring(sink)) {
        write_round(sink, data, size);
        return;
    }
    size_t fits = size;
    if (sink->max_bytes != 0 && size > sink->max_bytes - sink->end)
        fits = (size_t)(sink->max_bytes - sink->end);
    if (fits > 0)
        append(sink, data, fits);
    sink->dropped += size - fits;
    if (fits < size && sink->code == 0 && sink->full == MAYFLY_CAPTURE_FAIL)
        sink->code = mfi_fail(&sink->error, MAYFLY_E_LIMIT, "capture", NULL,
                              "more was printed than the %llu bytes of max_bytes",
                              (unsigned long long)sink->max_bytes);
}

int64_t mfi_sink_read(struct mfi_sink *sink, uint64_t offset, void *data, size_t size,
                      mayfly_error *error) {
    const uint64_t have = mfi_sink_size(sink);
    uint64_t at = offset, rest = offset < have ? have - offset : 0;
    if (is_ring(sink) && rest > 0) {
        at = (sink->end - have + offset) % sink->max_bytes;
        rest = sink->max_bytes - at < rest ? sink->max_bytes - at : rest;
    }
    if (rest < size)
        size = (size_t)rest;
    return size == 0 ? 0 : mayfly_file_pread(sink->file, data, size, (int64_t)at, error);
}

static int copy(struct mfi_sink *sink, mayfly_file *to, mayfly_error *error) {
    enum { PIECE = 64 * 1024 };
    mfi_auto_free char *data = mfi_sys.malloc(PIECE);
    if (data == NULL)
        return mfi_fail_memory(error, PIECE);
    for (uint64_t at = 0;;) {
        const int64_t n = mfi_sink_read(sink, at, data, PIECE, error);
        if (n <= 0)
            return (int)n;
        const int r = mayfly_file_write(to, data, (size_t)n, error);
        if (r < 0)
            return r;
        at += (uint64_t)n;
    }
}

int mfi_sink_straighten(struct mfi_sink *sink, const mayfly_file_options *options,
                        mayfly_error *error) {
    mayfly_auto(mayfly_file) straight = NULL;
    if (!is_ring(sink) || sink->end <= sink->max_bytes)
        return 0;
    int r = mayfly_spooled_temporary_file(options, &straight, error);
    if (r == 0)
        r = copy(sink, straight, error);
    if (r < 0)
        return r;
    mayfly_file *ring = sink->file;
    sink->file = mfi_take(straight);
    sink->dropped = mfi_sink_dropped(sink);
    sink->end = sink->max_bytes;
    (void)mayfly_file_close(&ring, NULL); /* nothing of it is wanted any more */
    return 0;
}
