/* SPDX-License-Identifier: MIT
 *
 * The slow paths of writing pickles: room, frames, large payloads.
 *
 * Invariant   the bytes before the header of the open frame are final; with a sink they are handed
 *             over as soon as a frame ends.
 */
#define _GNU_SOURCE
#include "encode.h"

#include <stdio.h>
#include <stdlib.h>

char *mfi_pickle_fail(struct mfi_encoder *e, int code, const char *format, ...) {
    if (e->code != 0)
        return NULL;
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    e->code = mfi_fail(e->error, code, "dump", NULL, "%s", reason);
    return NULL;
}

static void set_soft(struct mfi_encoder *e) {
    e->soft = e->end - MFI_SLACK;
    const char *full = e->base + e->frame + MFI_FRAME_HEADER + MFI_FRAME_FULL;
    if (e->frame >= 0 && full < e->soft)
        e->soft = e->base + e->frame + MFI_FRAME_HEADER + MFI_FRAME_FULL;
    if (e->frame < 0 && e->sink != NULL && e->base + MFI_FRAME_FULL < e->soft)
        e->soft = e->base + MFI_FRAME_FULL;
}

/* Room for `need` bytes and the slack. */
static char *grow(struct mfi_encoder *e, char *q, size_t need) {
    const size_t used = e->base == NULL ? 0 : (size_t)(q - e->base);
    size_t capacity = (size_t)(e->end - e->base);
    if (need > SIZE_MAX / 2 - used - MFI_SLACK)
        return mfi_pickle_fail(e, -ENOMEM, "no memory for %zu bytes", need);
    if (capacity - used >= need + MFI_SLACK)
        return q;
    capacity = capacity < 4096 ? 4096 : 2 * capacity;
    if (capacity < used + need + MFI_SLACK)
        capacity = used + need + MFI_SLACK;
    char *grown = e->move != NULL ? e->move(e, used, capacity) : mfi_sys.realloc(e->base, capacity);
    if (grown == NULL)
        return mfi_pickle_fail(e, -ENOMEM, "no memory for %zu bytes", capacity);
    if (e->move == NULL && capacity >= 2 * (size_t)MFI_HUGE)
        mfi_pages_advise(grown, capacity);
    e->base = grown;
    e->end = grown + capacity;
    set_soft(e);
    return grown + used;
}

static char *open_frame(struct mfi_encoder *e, char *q) {
    if (e->protocol < 4)
        return q;
    q = grow(e, q, MFI_FRAME_HEADER);
    if (q == NULL)
        return NULL;
    e->frame = q - e->base;
    set_soft(e);
    return q + MFI_FRAME_HEADER;
}

static char *close_frame(struct mfi_encoder *e, char *q) {
    if (e->frame < 0)
        return q;
    char *header = e->base + e->frame;
    const size_t size = (size_t)(q - header) - MFI_FRAME_HEADER;
    e->frame = -1;
    if (size >= MFI_FRAME_LEAST) {
        (void)mfi_put_number(header, MFI_OP_FRAME, size, 8);
        return q;
    }
    memmove(header, header + MFI_FRAME_HEADER, size); /* not worth one */
    return q - MFI_FRAME_HEADER;
}

/* Hands what is there to the sink. */
static char *flush(struct mfi_encoder *e, char *q) {
    if (e->sink == NULL || q == e->base)
        return q;
    const int r = e->sink(e->sink_context, e->base, (size_t)(q - e->base));
    if (r < 0)
        return mfi_pickle_fail(e, r, "writing what was dumped: %s", strerror(-r));
    return e->base;
}

char *mfi_pickle_fit(struct mfi_encoder *e, char *q) {
    return e->end - q >= MFI_SLACK ? q : grow(e, q, MFI_SLACK);
}

char *mfi_pickle_slow(struct mfi_encoder *e, char *q) {
    if (e->frame >= 0 && q - (e->base + e->frame) - MFI_FRAME_HEADER >= MFI_FRAME_FULL) {
        q = flush(e, close_frame(e, q));
        q = q == NULL ? NULL : open_frame(e, q);
    } else if (e->frame < 0 && q - e->base >= MFI_FRAME_FULL)
        q = flush(e, q);
    if (q != NULL)
        q = grow(e, q, MFI_SLACK);
    if (q != NULL)
        set_soft(e);
    return q;
}

char *mfi_pickle_begin(struct mfi_encoder *e) {
    e->frame = -1;
    char *q = grow(e, e->base, MFI_SLACK);
    if (q == NULL)
        return NULL;
    set_soft(e);
    if (e->protocol < 2)
        return q;
    return open_frame(e, mfi_put_number(q, MFI_OP_PROTO, (uint64_t)e->protocol, 1));
}

char *mfi_pickle_end(struct mfi_encoder *e, char *q) {
    return flush(e, close_frame(e, mfi_put(q, MFI_OP_STOP)));
}

/* A payload that is large: outside of frames, and past the buffer if there is a sink. */
static char *large_payload(struct mfi_encoder *e, char *q, const char *header, size_t header_size,
                           const void *data, size_t size) {
    q = close_frame(e, q);
    /* and what may follow it, so that the whole is not moved for a few bytes */
    q = grow(e, q, header_size + (e->sink == NULL ? size + 4096 : 0));
    if (q == NULL)
        return NULL;
    memcpy(q, header, header_size);
    q += header_size;
    if (e->sink == NULL) {
        memcpy(q, data, size);
        return open_frame(e, q + size);
    }
    q = flush(e, q);
    if (q == NULL)
        return NULL;
    const int r = e->sink(e->sink_context, data, size);
    if (r < 0)
        return mfi_pickle_fail(e, r, "writing what was dumped: %s", strerror(-r));
    return open_frame(e, q);
}

char *mfi_pickle_payload(struct mfi_encoder *e, char *q, const char *header, size_t header_size,
                         const void *data, size_t size) {
    if (size >= MFI_FRAME_FULL)
        return large_payload(e, q, header, header_size, data, size);
    q = grow(e, q, header_size + size);
    if (q == NULL)
        return NULL;
    memcpy(q, header, header_size);
    if (size > 0)
        memcpy(q + header_size, data, size);
    return q + header_size + size;
}

char *mfi_pickle_long(struct mfi_encoder *e, char *q, const uint8_t *bytes, size_t size) {
    char header[5];
    if (size > INT32_MAX)
        return mfi_pickle_fail(e, MAYFLY_E_PICKLE, "an int of more than 2 GiB cannot be dumped");
    const char *end = size <= 0xff ? mfi_put_number(header, MFI_OP_LONG1, size, 1)
                                   : mfi_put_number(header, MFI_OP_LONG4, size, 4);
    q = grow(e, q, sizeof header + size); /* ints are never outside frames */
    if (q == NULL)
        return NULL;
    memcpy(q, header, (size_t)(end - header));
    q += end - header;
    memcpy(q, bytes, size);
    return q + size;
}

/* GLOBAL of the protocols before 4. */
char *mfi_pickle_global_line(struct mfi_encoder *e, char *q, const char *module, const char *name) {
    const size_t m = strlen(module), n = strlen(name);
    if (m == 0 || n == 0 || memchr(module, '\n', m) != NULL || memchr(name, '\n', n) != NULL)
        return mfi_pickle_fail(e, MAYFLY_E_PICKLE, "\"%s.%s\" can be named only in protocol 4",
                               module, name);
    q = grow(e, q, m + n + 3);
    if (q == NULL)
        return NULL;
    q = mfi_put(q, MFI_OP_GLOBAL);
    memcpy(q, module, m);
    q[m] = '\n';
    memcpy(q + m + 1, name, n);
    q[m + 1 + n] = '\n';
    return q + m + n + 2;
}

void mfi_encoder_free(struct mfi_encoder *e) {
    free(e->base);
    e->base = e->end = e->soft = NULL;
}
