/* SPDX-License-Identifier: MIT
 *
 * Encodings. UTF-8, UTF-16, UTF-32, Latin-1 and ASCII are done here; all others by iconv(3).
 *
 * Why not all by iconv    it does not say how long a malformed sequence is, which decides how many
 *             replacement characters there are; its UTF-16 has another byte order and mark in each
 *             C library; and some put '*' in place of what they cannot encode without a word.
 */
#define _GNU_SOURCE
#include "codec.h"

#include <ctype.h>
#include <stdlib.h>

/* ---- names ----------------------------------------------------------------------------------- */

enum { ORDER_NATIVE, ORDER_LITTLE, ORDER_BIG };

/* Names with everything but letters and digits left out, in lower case. */
static const struct {
    const char *name;
    unsigned char encoding;
    unsigned char with_bom;
    unsigned char order;
} known_names[] = {
    {"utf8", MFI_UTF8, 0, 0},     {"u8", MFI_UTF8, 0, 0},       {"utf", MFI_UTF8, 0, 0},
    {"cp65001", MFI_UTF8, 0, 0},  {"utf8sig", MFI_UTF8, 1, 0},  {"latin1", MFI_LATIN1, 0, 0},
    {"latin", MFI_LATIN1, 0, 0},  {"l1", MFI_LATIN1, 0, 0},     {"iso88591", MFI_LATIN1, 0, 0},
    {"88591", MFI_LATIN1, 0, 0},  {"cp819", MFI_LATIN1, 0, 0},  {"ascii", MFI_ASCII, 0, 0},
    {"usascii", MFI_ASCII, 0, 0}, {"646", MFI_ASCII, 0, 0},     {"utf16", MFI_UTF16, 1, 0},
    {"u16", MFI_UTF16, 1, 0},     {"utf16le", MFI_UTF16, 0, 1}, {"utf16be", MFI_UTF16, 0, 2},
    {"utf32", MFI_UTF32, 1, 0},   {"u32", MFI_UTF32, 1, 0},     {"utf32le", MFI_UTF32, 0, 1},
    {"utf32be", MFI_UTF32, 0, 2},
};

static void normalize(const char *name, char *to, size_t size) {
    size_t n = 0;
    for (; *name != '\0' && n + 1 < size; name++)
        if (isalnum((unsigned char)*name))
            to[n++] = (char)tolower((unsigned char)*name);
    to[n] = '\0';
}

static int native_is_big(void) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 0;
}

/* Python writes euc_jp where iconv wants EUC-JP or EUCJP. */
static iconv_t open_pair(const char *name, int from) {
    char spelled[64];
    for (int spelling = 0; spelling < 3; spelling++) {
        size_t n = 0;
        for (const char *p = name; *p != '\0' && n + 1 < sizeof spelled; p++)
            if (spelling < 2 || (*p != '_' && *p != '-'))
                spelled[n++] = spelling == 1 && *p == '_' ? '-' : *p;
        spelled[n] = '\0';
        const iconv_t cd = from ? iconv_open("UTF-8", spelled) : iconv_open(spelled, "UTF-8");
        if (cd != (iconv_t)-1)
            return cd;
    }
    return (iconv_t)-1;
}

static int open_iconv(struct mfi_codec *codec, const char *name, const char *plain,
                      mayfly_error *error) {
    static const char *const stateful[] = {"iso2022", "utf7", "hz", "ibm", "cp93"};
    codec->encoding = MFI_ICONV;
    /* A suffix such as //TRANSLIT would change what "strict" means. */
    if (strchr(name, '/') == NULL && name[0] != '\0') {
        codec->from = open_pair(name, 1);
        codec->to = open_pair(name, 0);
    }
    if (codec->from == (iconv_t)-1 || codec->to == (iconv_t)-1) {
        mfi_codec_close(codec);
        return mfi_fail(error, -EINVAL, "encoding", name,
                        "is not known on this system (iconv -l lists what is)");
    }
    for (size_t i = 0; i < MFI_LENGTH(stateful); i++)
        codec->stateful |= strncmp(plain, stateful[i], strlen(stateful[i])) == 0;
    return 0;
}

int mfi_codec_open(struct mfi_codec *codec, const char *name, mayfly_error *error) {
    char plain[64];
    *codec =
        (struct mfi_codec){.from = (iconv_t)-1, .to = (iconv_t)-1, .big_endian = native_is_big()};
    normalize(name, plain, sizeof plain);
    for (size_t i = 0; i < MFI_LENGTH(known_names); i++)
        if (strcmp(plain, known_names[i].name) == 0) {
            codec->encoding = known_names[i].encoding;
            codec->with_bom = known_names[i].with_bom;
            if (known_names[i].order != ORDER_NATIVE)
                codec->big_endian = known_names[i].order == ORDER_BIG;
            return 0;
        }
    return open_iconv(codec, name, plain, error);
}

void mfi_codec_close(struct mfi_codec *codec) {
    if (codec->from != (iconv_t)-1)
        (void)iconv_close(codec->from);
    if (codec->to != (iconv_t)-1)
        (void)iconv_close(codec->to);
    codec->from = codec->to = (iconv_t)-1;
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

void mfi_utf8_one(const char *in, size_t size, int final, struct mfi_piece *ret,
                  uint32_t *ret_point) {
    unsigned char low, high;
    const unsigned char *bytes = (const unsigned char *)in;
    const size_t length = mfi_utf8_announced(bytes[0], &low, &high);
    *ret = (struct mfi_piece){.step = MFI_STEP_BAD, .used = 1};
    if (length == 0)
        return;
    uint32_t point = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
    size_t i = 1;
    for (; i < length && i < size; i++) {
        if (bytes[i] < low || bytes[i] > high)
            break;
        point = point << 6 | (bytes[i] & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    ret->used = i;
    if (i < length) {
        if (i == size && !final)
            ret->step = MFI_STEP_MORE;
        return;
    }
    ret->step = MFI_STEP_DONE;
    ret->out_size = length;
    memcpy(ret->out, in, length);
    *ret_point = point;
}

size_t mfi_decode_same(const struct mfi_codec *codec, const char *in, size_t size, int stop_at_cr) {
    const unsigned flags = stop_at_cr ? MFI_STOP_AT_CR : 0;
    if (codec->encoding == MFI_UTF8)
        return mfi_utf8_run(in, size, flags);
    if (codec->encoding == MFI_LATIN1 || codec->encoding == MFI_ASCII)
        return mfi_ascii_run(in, size, flags);
    return 0;
}

/* ---- decoding -------------------------------------------------------------------------------- */

static uint32_t unit(const struct mfi_codec *codec, const char *in, size_t size) {
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | (unsigned char)in[codec->big_endian ? i : size - 1 - i];
    return value;
}

static void done(struct mfi_piece *ret, uint32_t point, size_t used) {
    ret->step = MFI_STEP_DONE;
    ret->used = used;
    ret->out_size = mfi_put_utf8(point, ret->out);
}

/* The input ends within a character: more is needed, or what there is is bad as a whole. */
static void cut_short(struct mfi_piece *ret, size_t size, int final) {
    ret->step = final ? MFI_STEP_BAD : MFI_STEP_MORE;
    ret->used = size;
}

static void utf16_one(const struct mfi_codec *codec, const char *in, size_t size, int final,
                      struct mfi_piece *ret) {
    if (size < 2) {
        cut_short(ret, size, final);
        return;
    }
    const uint32_t first = unit(codec, in, 2);
    if (first < 0xd800 || first > 0xdfff) {
        done(ret, first, 2);
        return;
    }
    if (first < 0xdc00 && size < 4) {
        cut_short(ret, size, final);
        return;
    }
    const uint32_t second = first < 0xdc00 ? unit(codec, in + 2, 2) : 0;
    if (second >= 0xdc00 && second <= 0xdfff)
        done(ret, 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 4);
    else
        *ret = (struct mfi_piece){.step = MFI_STEP_BAD, .used = 2};
}

static void utf32_one(const struct mfi_codec *codec, const char *in, size_t size, int final,
                      struct mfi_piece *ret) {
    if (size < 4) {
        cut_short(ret, size, final);
        return;
    }
    const uint32_t point = unit(codec, in, 4);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        *ret = (struct mfi_piece){.step = MFI_STEP_BAD, .used = 4};
    else
        done(ret, point, 4);
}

/* One try, with so much input and room for so much output. */
static enum mfi_step iconv_try(const struct mfi_codec *codec, const char *in, size_t have,
                               size_t room, struct mfi_piece *ret) {
    char *from = (char *)(uintptr_t)in; /* iconv takes char **, and does not write there */
    char *to = ret->out;
    size_t from_left = have, to_left = room;
    const size_t r = iconv(codec->from, &from, &from_left, &to, &to_left);
    ret->used = have - from_left;
    ret->out_size = room - to_left;
    if (r != (size_t)-1 || ret->used > 0)
        return MFI_STEP_DONE;
    return errno == EINVAL || errno == E2BIG ? MFI_STEP_MORE : MFI_STEP_BAD;
}

/* With more input and more room until something comes out: so it is one character, and a position
 * between any two can be told. */
static void iconv_one(const struct mfi_codec *codec, const char *in, size_t size, int final,
                      struct mfi_piece *ret) {
    static const unsigned char rooms[] = {1, 2, 3, 4, sizeof ret->out};
    for (size_t have = 1; have <= size; have++)
        for (size_t i = 0; i < MFI_LENGTH(rooms); i++) {
            ret->step = iconv_try(codec, in, have, rooms[i], ret);
            if (ret->step == MFI_STEP_BAD)
                *ret = (struct mfi_piece){.step = MFI_STEP_BAD, .used = 1};
            if (ret->step != MFI_STEP_MORE)
                return;
            if (errno == EINVAL)
                break; /* more room would not help */
        }
    cut_short(ret, size, final);
}

void mfi_decode_one(struct mfi_codec *codec, const char *in, size_t size, int final,
                    struct mfi_piece *ret) {
    uint32_t point = 0;
    *ret = (struct mfi_piece){.used = 0};
    switch (codec->encoding) {
    case MFI_UTF8:
        mfi_utf8_one(in, size, final, ret, &point);
        break;
    case MFI_LATIN1:
        done(ret, (unsigned char)in[0], 1);
        break;
    case MFI_ASCII:
        if ((unsigned char)in[0] < 0x80)
            done(ret, (unsigned char)in[0], 1);
        else
            *ret = (struct mfi_piece){.step = MFI_STEP_BAD, .used = 1};
        break;
    case MFI_UTF16:
        utf16_one(codec, in, size, final, ret);
        break;
    case MFI_UTF32:
        utf32_one(codec, in, size, final, ret);
        break;
    case MFI_ICONV:
        iconv_one(codec, in, size, final, ret);
        break;
    }
}

void mfi_decode_reset(struct mfi_codec *codec) {
    if (codec->from != (iconv_t)-1)
        (void)iconv(codec->from, NULL, NULL, NULL, NULL);
}

/* ---- encoding -------------------------------------------------------------------------------- */

static int put_unit(const struct mfi_codec *codec, uint32_t value, size_t size,
                    struct mfi_buffer *to) {
    char bytes[4];
    for (size_t i = 0; i < size; i++)
        bytes[codec->big_endian ? size - 1 - i : i] = (char)(value >> (8 * i) & 0xff);
    return mfi_buffer_append(to, bytes, size);
}

static int put_utf16(const struct mfi_codec *codec, uint32_t point, struct mfi_buffer *to) {
    if (point < 0x10000)
        return put_unit(codec, point, 2, to);
    const int r = put_unit(codec, 0xd800 + ((point - 0x10000) >> 10), 2, to);
    return r < 0 ? r : put_unit(codec, 0xdc00 + ((point - 0x10000) & 0x3ff), 2, to);
}

static int put_iconv(const struct mfi_codec *codec, const char *utf8, size_t size,
                     struct mfi_buffer *to) {
    char out[32];
    char *from = (char *)(uintptr_t)utf8;
    char *end = out;
    size_t from_left = size, to_left = sizeof out;
    /* A count above 0 says that something else was put in its place. */
    if (iconv(codec->to, &from, &from_left, &end, &to_left) != 0)
        return -EILSEQ;
    return mfi_buffer_append(to, out, sizeof out - to_left);
}

int mfi_encode_one(struct mfi_codec *codec, uint32_t point, const char *utf8, size_t size,
                   struct mfi_buffer *to) {
    const char byte = (char)(point & 0xff);
    switch (codec->encoding) {
    case MFI_UTF8:
        return mfi_buffer_append(to, utf8, size);
    case MFI_LATIN1:
        return point > 0xff ? -EILSEQ : mfi_buffer_append(to, &byte, 1);
    case MFI_ASCII:
        return point > 0x7f ? -EILSEQ : mfi_buffer_append(to, &byte, 1);
    case MFI_UTF16:
        return put_utf16(codec, point, to);
    case MFI_UTF32:
        return put_unit(codec, point, 4, to);
    case MFI_ICONV:
        break;
    }
    return put_iconv(codec, utf8, size, to);
}

void mfi_encode_begin(struct mfi_codec *codec) {
    if (codec->to != (iconv_t)-1)
        (void)iconv(codec->to, NULL, NULL, NULL, NULL);
}

int mfi_encode_end(struct mfi_codec *codec, struct mfi_buffer *to) {
    char out[32];
    char *end = out;
    size_t left = sizeof out;
    if (codec->to == (iconv_t)-1)
        return 0;
    (void)iconv(codec->to, NULL, NULL, &end, &left);
    return mfi_buffer_append(to, out, sizeof out - left);
}

int mfi_encode_bom(const struct mfi_codec *codec, struct mfi_buffer *to) {
    if (!codec->with_bom)
        return 0;
    if (codec->encoding == MFI_UTF8)
        return mfi_buffer_append(to, "\xef\xbb\xbf", 3);
    return put_unit(codec, 0xfeff, codec->encoding == MFI_UTF16 ? 2 : 4, to);
}

size_t mfi_decode_bom(struct mfi_codec *codec, const char *in, size_t size) {
    if (!codec->with_bom)
        return 0;
    if (codec->encoding == MFI_UTF8)
        return size >= 3 && memcmp(in, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    const size_t width = codec->encoding == MFI_UTF16 ? 2 : 4;
    const int native = native_is_big();
    for (int big = 0; big < 2 && size >= width; big++) {
        codec->big_endian = big;
        if (unit(codec, in, width) == 0xfeff)
            return width;
    }
    codec->big_endian = native;
    return 0;
}
