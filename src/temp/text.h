/* SPDX-License-Identifier: MIT
 *
 * The inside of a text file, for text.c, text_read.c and text_write.c.
 */
#ifndef MFI_TEXT_H
#define MFI_TEXT_H

#include "codec.h"
#include "file.h"

enum { MFI_TEXT_RAW = 16384 }; /* bytes decoded at a time */

/* How lines end when they are read. */
enum mfi_line_end { MFI_END_LF, MFI_END_ANY, MFI_END_CR, MFI_END_CRLF };

struct mfi_text {
    struct mfi_codec codec;
    enum mfi_errors errors;
    enum mfi_line_end line_end;
    int translate;           /* reading turns \r and \r\n into \n */
    const char *written_end; /* what \n becomes when it is written; NULL: itself */
    char encoding[48];       /* for messages */

    /* writing */
    int mark_due; /* a byte order mark is written at position 0 */
    char held[4]; /* the beginning of a character whose end was not written yet */
    size_t held_size;
    struct mfi_buffer encoded;

    /* reading: out is the decoded raw[chunk, raw_used); the file's position is at the end of raw */
    int reading;
    int order_known; /* the byte order mark was looked at */
    char *raw;
    size_t raw_size, raw_used, chunk;
    int64_t raw_at; /* offset in the file of raw[0] */
    struct mfi_buffer out;
    size_t out_used;
    size_t bad; /* strict: so many bytes at raw_used are no character */
};

/* Forgets what was decoded ahead: the position is where the reader is. */
int mfi_text_stop_reading(mayfly_file *file, mayfly_error *error);

#endif
