/* SPDX-License-Identifier: MIT
 *
 * Encodings, one character at a time or many: for text.c.
 */
#ifndef MFI_CODEC_H
#define MFI_CODEC_H

#include <iconv.h>

#include "../base/base.h"

enum mfi_encoding {
    MFI_UTF8,
    MFI_LATIN1,
    MFI_ASCII,
    MFI_UTF16,
    MFI_UTF32,
    MFI_ICONV,
};

enum mfi_errors { MFI_STRICT, MFI_REPLACE, MFI_IGNORE };

struct mfi_codec {
    enum mfi_encoding encoding;
    int with_bom;   /* utf-8-sig, utf-16, utf-32: a mark at the start */
    int big_endian; /* UTF-16 and UTF-32: of what is read or written now */
    int stateful;   /* MFI_ICONV: what a byte means depends on those before */
    iconv_t from;   /* MFI_ICONV: to UTF-8; (iconv_t)-1: none */
    iconv_t to;     /* MFI_ICONV: from UTF-8 */
};

/* 0, or -EINVAL with a sentence: unknown. */
int mfi_codec_open(struct mfi_codec *codec, const char *name, mayfly_error *error);
void mfi_codec_close(struct mfi_codec *codec);

/* What became of a piece of input. */
enum mfi_step {
    MFI_STEP_DONE, /* `used` bytes are `out_size` bytes of UTF-8 (0: a shift sequence) */
    MFI_STEP_MORE, /* the input ends within a character */
    MFI_STEP_BAD,  /* the first `used` bytes are no character */
};

struct mfi_piece {
    enum mfi_step step;
    size_t used;
    size_t out_size;
    char out[16];
};

/* Decodes one character at the start of `in` (size > 0). final: nothing will follow. */
void mfi_decode_one(struct mfi_codec *codec, const char *in, size_t size, int final,
                    struct mfi_piece *ret);

/* How many bytes at the start of `in` are whole characters that are the same in UTF-8, without
 * '\r' if `stop_at_cr`: they can be copied. 0 for encodings where that never is so. */
size_t mfi_decode_same(const struct mfi_codec *codec, const char *in, size_t size, int stop_at_cr);

/* Decodes one character of UTF-8; as mfi_decode_one, and its code point. */
void mfi_utf8_one(const char *in, size_t size, int final, struct mfi_piece *ret,
                  uint32_t *ret_point);

/* Encodes a code point, given also as UTF-8, at the end of `to`.
 * 0, -EILSEQ: the encoding lacks it, -ENOMEM */
int mfi_encode_one(struct mfi_codec *codec, uint32_t point, const char *utf8, size_t size,
                   struct mfi_buffer *to);

/* Starts and ends a run of characters that are encoded: shift states. 0 or -ENOMEM. */
void mfi_encode_begin(struct mfi_codec *codec);
int mfi_encode_end(struct mfi_codec *codec, struct mfi_buffer *to);

/* The byte order mark. 0 or -ENOMEM; nothing for encodings without. */
int mfi_encode_bom(const struct mfi_codec *codec, struct mfi_buffer *to);

/* Reads a mark at the start of a file: sets the byte order, returns its size (0: there is none). */
size_t mfi_decode_bom(struct mfi_codec *codec, const char *in, size_t size);

/* Forgets what was decoded before. */
void mfi_decode_reset(struct mfi_codec *codec);

#endif
