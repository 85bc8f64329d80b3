/* SPDX-License-Identifier: MIT
 *
 * A window of the pickle machine over something that is read bit by bit.
 */
#ifndef MFI_READER_H
#define MFI_READER_H

#include "read.h"

struct mfi_stream {
    ssize_t (*read)(void *from, void *data, size_t size); /* 0: the end; or -errno */
    void *from;
    bool exact; /* not a byte more than is needed is taken */
    uint8_t *buffer;
    size_t capacity;
};

/* Makes the machine read from there. */
void mfi_stream_init(struct mfi_stream *s, struct mfi_decoder *d,
                     ssize_t (*read)(void *from, void *data, size_t size), void *from, bool exact);
void mfi_stream_free(struct mfi_stream *s);

ssize_t mfi_read_descriptor(void *from, void *data, size_t size); /* an int * */
ssize_t mfi_read_stdio(void *from, void *data, size_t size);      /* a FILE * */

#endif
