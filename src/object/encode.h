/* SPDX-License-Identifier: MIT
 *
 * The writing half of the pickle format: how each thing is said in each protocol, and frames, once,
 * for whatever is walked over (values: write.c; objects of a language binding).
 *
 * Output is written through a cursor that its users hold in a register and pass around; each
 * function returns it moved on, or NULL after a failure (e->code). mfi_pickle_room() gives the
 * slack that the short ones write into without a check; call it before each value, as CPython's
 * pickler looks there whether its frame is full.
 */
#ifndef MFI_ENCODE_H
#define MFI_ENCODE_H

#include <endian.h>
#include <mayfly/pickle.h>

#include "opcodes.h"
#include "value.h"

enum {
    MFI_FRAME_FULL = 64 << 10, /* as CPython: a frame is closed when it has this many bytes, and
                                  larger payloads stand outside frames */
    MFI_FRAME_LEAST = 4,
    MFI_FRAME_HEADER = 9,
    MFI_SLACK = 128,
    MFI_BATCH = 1000, /* items between a mark and what takes them */
};

struct mfi_encoder {
    char *base, *end; /* the buffer */
    char *soft;       /* from here on mfi_pickle_room() has something to do */
    int64_t frame;    /* where its header is; -1: no frame is open */
    uint64_t memo_count;
    int protocol;
    /* Where the buffer comes from: moves the `used` bytes of it to one of `capacity` and returns
     * that, or fails (mfi_pickle_fail). NULL: from the heap, to be freed by mfi_encoder_free(). */
    char *(*move)(struct mfi_encoder *e, size_t used, size_t capacity);
    mayfly_sink *sink; /* NULL: all stays in the buffer */
    void *sink_context;
    mayfly_error *error;
    int code; /* of the failure */
};

/* encode.c */
MFI_COLD char *mfi_pickle_slow(struct mfi_encoder *e, char *q);
char *mfi_pickle_fit(struct mfi_encoder *e, char *q); /* the slack, and no look at the frame */
char *mfi_pickle_begin(struct mfi_encoder *e);        /* the first bytes; into a
                                                         buffer that is there already, if any */
char *mfi_pickle_end(struct mfi_encoder *e, char *q); /* STOP; the rest to the sink */
char *mfi_pickle_payload(struct mfi_encoder *e, char *q, const char *header, size_t header_size,
                         const void *data, size_t size);
char *mfi_pickle_long(struct mfi_encoder *e, char *q, const uint8_t *bytes, size_t size);
char *mfi_pickle_global_line(struct mfi_encoder *e, char *q, const char *module, const char *name);
MFI_COLD char *mfi_pickle_fail(struct mfi_encoder *e, int code, const char *format, ...)
    MFI_PRINTF(3, 4);
void mfi_encoder_free(struct mfi_encoder *e);

MFI_INLINE char *mfi_pickle_room(struct mfi_encoder *e, char *q) {
    return MFI_LIKELY(q < e->soft) ? q : mfi_pickle_slow(e, q);
}

MFI_INLINE char *mfi_put(char *q, enum mfi_opcode op) {
    *q = (char)op;
    return q + 1;
}

MFI_INLINE char *mfi_put_number(char *q, enum mfi_opcode op, uint64_t number, unsigned size) {
    const uint64_t little = htole64(number);
    *q = (char)op;
    memcpy(q + 1, &little, size);
    return q + 1 + size;
}

MFI_INLINE char *mfi_put_int(char *q, int64_t n) {
    if (MFI_LIKELY(n >= INT32_MIN && n <= INT32_MAX)) {
        /* as good as random, so it is not decided by a jump which of the three it is */
        static const char ops[] = {MFI_OP_BININT1, MFI_OP_BININT2, 0, MFI_OP_BININT};
        const unsigned more = (unsigned)((uint64_t)n > 0xff) + 2 * (unsigned)((uint64_t)n > 0xffff);
        (void)mfi_put_number(q, (enum mfi_opcode)ops[more], (uint64_t)n, 4);
        return q + 2 + more;
    }
    const unsigned size = 8 - (unsigned)(__builtin_clzll((uint64_t)(n < 0 ? ~n : n)) - 1) / 8;
    const uint64_t little = htole64((uint64_t)n);
    q = mfi_put_number(q, MFI_OP_LONG1, size, 1);
    memcpy(q, &little, sizeof little);
    return q + size;
}

MFI_INLINE char *mfi_put_float(char *q, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mfi_put_number(q, MFI_OP_BINFLOAT, __builtin_bswap64(bits), 8);
}

/* Refers to what was stored under a number. */
MFI_INLINE char *mfi_put_get(char *q, uint64_t number) {
    return number <= 0xff ? mfi_put_number(q, MFI_OP_BINGET, number, 1)
                          : mfi_put_number(q, MFI_OP_LONG_BINGET, number, 4);
}

/* Stores what is on top under the next number. */
MFI_INLINE char *mfi_put_store(struct mfi_encoder *e, char *q) {
    const uint64_t number = e->memo_count++;
    if (MFI_LIKELY(e->protocol >= 4))
        return mfi_put(q, MFI_OP_MEMOIZE);
    return number <= 0xff ? mfi_put_number(q, MFI_OP_BINPUT, number, 1)
                          : mfi_put_number(q, MFI_OP_LONG_BINPUT, number, 4);
}

/* Up to 64 bytes, in moves of fixed sizes that overlap, and without a call. */
MFI_INLINE void mfi_copy_short(char *to, const char *from, size_t size) {
    if (size >= 16) {
        for (size_t i = 0; i + 16 < size; i += 16)
            memcpy(to + i, from + i, 16);
        memcpy(to + size - 16, from + size - 16, 16);
    } else if (size >= 8) {
        memcpy(to, from, 8);
        memcpy(to + size - 8, from + size - 8, 8);
    } else if (size >= 4) {
        memcpy(to, from, 4);
        memcpy(to + size - 4, from + size - 4, 4);
    } else if (size > 0) {
        to[0] = from[0];
        to[size / 2] = from[size / 2];
        to[size - 1] = from[size - 1];
    }
}

/* Text in UTF-8. */
MFI_INLINE char *mfi_put_text(struct mfi_encoder *e, char *q, const char *text, size_t size) {
    char header[9];
    char *end = header;
    if (MFI_LIKELY(size <= 0xff && e->protocol >= 4)) {
        if (MFI_LIKELY(size <= 64)) { /* within the slack */
            q = mfi_put_number(q, MFI_OP_SHORT_BINUNICODE, size, 1);
            mfi_copy_short(q, text, size);
            return q + size;
        }
        end = mfi_put_number(header, MFI_OP_SHORT_BINUNICODE, size, 1);
    } else if (size <= 0xffffffffu)
        end = mfi_put_number(header, MFI_OP_BINUNICODE, size, 4);
    else if (e->protocol >= 4)
        end = mfi_put_number(header, MFI_OP_BINUNICODE8, size, 8);
    else
        return mfi_pickle_fail(e, MAYFLY_E_PICKLE, "a str of more than 4 GiB needs protocol 4");
    return mfi_pickle_payload(e, q, header, (size_t)(end - header), text, size);
}

/* Bytes, from protocol 3 on. */
MFI_INLINE char *mfi_put_bytes(struct mfi_encoder *e, char *q, const void *data, size_t size) {
    char header[9];
    char *end = header;
    if (size <= 0xff)
        end = mfi_put_number(header, MFI_OP_SHORT_BINBYTES, size, 1);
    else if (size <= 0xffffffffu)
        end = mfi_put_number(header, MFI_OP_BINBYTES, size, 4);
    else if (e->protocol >= 4)
        end = mfi_put_number(header, MFI_OP_BINBYTES8, size, 8);
    else
        return mfi_pickle_fail(e, MAYFLY_E_PICKLE, "bytes of more than 4 GiB need protocol 4");
    return mfi_pickle_payload(e, q, header, (size_t)(end - header), data, size);
}

#endif
