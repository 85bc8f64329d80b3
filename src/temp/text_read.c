/* SPDX-License-Identifier: MIT
 *
 * Reading text: bytes are decoded a chunk at a time, newlines translated, lines found.
 *
 * Invariants  out is what raw[chunk, raw_used) means. "\r\n" is taken as one: never is the \r in
 *             one chunk and the \n in the next. A character that is cut by the end of raw waits
 *             for the rest.
 *             What stood before a malformed byte is handed out first; then every read fails
 *             there, at the same place, until the reader is moved.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "text.h"

/* ---- decoding -------------------------------------------------------------------------------- */

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* What comes after a '\r' that ends at raw[at]: 1: a '\n' of `*used` bytes, 0: something else,
 * -1: that is not known yet. */
static int newline_follows(struct mfi_text *text, size_t at, int final, size_t *used) {
    struct mfi_piece next;
    if (at >= text->raw_size)
        return final ? 0 : -1;
    if (text->codec.stateful) { /* looking ahead by the decoder would change its state */
        *used = 1;
        return text->raw[at] == '\n';
    }
    mfi_decode_one(&text->codec, text->raw + at, text->raw_size - at, final, &next);
    mfi_decode_reset(&text->codec);
    *used = next.used;
    if (next.step == MFI_STEP_MORE)
        return -1;
    return next.step == MFI_STEP_DONE && next.out_size == 1 && next.out[0] == '\n';
}

/* Takes one decoded character over. 1: go on, 0: wait for more input, -ENOMEM. */
static int take_piece(struct mfi_text *text, struct mfi_piece *piece, int final) {
    size_t used = piece->used;
    if (text->translate && piece->out_size == 1 && piece->out[0] == '\r') {
        size_t more = 0;
        const int follows = newline_follows(text, text->raw_used + used, final, &more);
        if (follows < 0)
            return 0;
        used += follows ? more : 0;
        piece->out[0] = '\n';
    }
    if (mfi_buffer_append(&text->out, piece->out, piece->out_size) < 0)
        return -ENOMEM;
    text->raw_used += used;
    return 1;
}

static int take_bad(struct mfi_text *text, const struct mfi_piece *piece) {
    if (text->errors == MFI_STRICT) {
        text->bad = piece->used;
        return 0;
    }
    if (text->errors == MFI_REPLACE && mfi_buffer_append(&text->out, replacement, 3) < 0)
        return -ENOMEM;
    text->raw_used += piece->used;
    return 1;
}

/* Decodes from raw_used on until out has `limit` bytes or raw has no whole character. */
static int decode(struct mfi_text *text, int final, size_t limit) {
    int r = 1;
    text->bad = 0;
    while (r > 0 && text->raw_used < text->raw_size && text->out.size < limit) {
        const char *in = text->raw + text->raw_used;
        size_t left = text->raw_size - text->raw_used;
        if (left > limit - text->out.size)
            left = limit - text->out.size;
        const size_t same = mfi_decode_same(&text->codec, in, left, text->translate);
        if (same > 0) {
            if (mfi_buffer_append(&text->out, in, same) < 0)
                return -ENOMEM;
            text->raw_used += same;
            continue;
        }
        struct mfi_piece piece;
        mfi_decode_one(&text->codec, in, text->raw_size - text->raw_used, final, &piece);
        if (piece.step == MFI_STEP_MORE)
            return 0;
        r = piece.step == MFI_STEP_DONE ? take_piece(text, &piece, final) : take_bad(text, &piece);
    }
    return r < 0 ? r : 0;
}

/* ---- filling --------------------------------------------------------------------------------- */

/* The decoder as it is after the first `upto` bytes of the file. */
static int replay(mayfly_file *file, int64_t upto, mayfly_error *error) {
    struct mfi_text *text = file->text;
    char bytes[512];
    size_t have = 0;
    mfi_decode_reset(&text->codec);
    for (int64_t at = 0; at < upto;) {
        const int64_t left = upto - at;
        const size_t want =
            left < (int64_t)(sizeof bytes - have) ? (size_t)left : sizeof bytes - have;
        const int64_t n = file->store.base.ops->read(&file->store.base, bytes + have, want, at);
        if (n <= 0)
            return n < 0 ? mfi_fail_call(error, (int)n, "read", mfi_file_label(file), -1) : 0;
        at += n;
        have += (size_t)n;
        size_t used = 0;
        while (used < have) {
            struct mfi_piece piece;
            mfi_decode_one(&text->codec, bytes + used, have - used, 0, &piece);
            if (piece.step == MFI_STEP_MORE)
                break;
            used += piece.used;
        }
        memmove(bytes, bytes + used, have - used);
        have -= used;
    }
    return 0;
}

/* Learns the byte order from the start of the file. At the start, the mark is skipped. */
static int find_order(mayfly_file *file, mayfly_error *error) {
    struct mfi_text *text = file->text;
    char start[4];
    text->order_known = 1;
    if (!text->codec.with_bom)
        return 0;
    const int64_t n = file->store.base.ops->read(&file->store.base, start, sizeof start, 0);
    if (n < 0)
        return mfi_fail_call(error, (int)n, "read", mfi_file_label(file), -1);
    const size_t mark = mfi_decode_bom(&text->codec, start, (size_t)n);
    if (file->position == 0)
        file->position = (int64_t)mark;
    return 0;
}

static int start_reading(mayfly_file *file, mayfly_error *error) {
    struct mfi_text *text = file->text;
    int r = mfi_text_settle(file, 1, error);
    if (r == 0)
        r = mfi_raw_flush(file, error);
    if (r < 0)
        return r;
    if (text->raw == NULL)
        text->raw = mfi_sys.malloc(MFI_TEXT_RAW);
    if (text->raw == NULL)
        return mfi_fail_memory(error, MFI_TEXT_RAW);
    if (!text->order_known || file->position == 0)
        r = find_order(file, error);
    if (r == 0 && text->codec.stateful)
        r = replay(file, file->position, error);
    else
        mfi_decode_reset(&text->codec);
    if (r < 0)
        return r;
    text->raw_at = file->position;
    text->raw_size = text->raw_used = text->chunk = 0;
    text->out.size = text->out_used = 0;
    text->reading = 1;
    return 0;
}

static int fail_bad(const mayfly_file *file, mayfly_error *error) {
    const struct mfi_text *text = file->text;
    const unsigned char *bad = (const unsigned char *)text->raw + text->raw_used;
    char bytes[3 * 4 + 1] = "";
    for (size_t i = 0; i < text->bad && i < 4; i++)
        (void)snprintf(bytes + 3 * i, 4, " %02x", bad[i]);
    return mfi_fail_at(error, -EILSEQ, "decode", mfi_file_label(file),
                       text->raw_at + (int64_t)text->raw_used,
                       "the bytes%s are not %s; name the right encoding, or errors = \"replace\"",
                       bytes, text->encoding);
}

/* Decodes the next chunk. 1: out has something new, 0: end of file, or a failure. */
static int fill(mayfly_file *file, mayfly_error *error) {
    struct mfi_text *text = file->text;
    int r = text->reading ? 0 : start_reading(file, error);
    if (r < 0)
        return r;
    text->out.size = text->out_used = 0;
    for (;;) {
        const size_t left = text->raw_size - text->raw_used;
        memmove(text->raw, text->raw + text->raw_used, left);
        text->raw_at += (int64_t)text->raw_used;
        text->raw_used = text->chunk = 0;
        text->raw_size = left;
        const int64_t n = mfi_raw_read(file, text->raw + left, MFI_TEXT_RAW - left, error);
        if (n < 0)
            return (int)n;
        text->raw_size += (size_t)n;
        if (decode(text, n == 0, SIZE_MAX) < 0)
            return mfi_fail_memory(error, MFI_TEXT_RAW);
        if (text->out.size > 0)
            return 1;
        if (text->bad > 0)
            return fail_bad(file, error);
        if (n == 0)
            return 0;
    }
}

/* ---- where the reader is --------------------------------------------------------------------- */

static int64_t reader_at(mayfly_file *file, mayfly_error *error) {
    struct mfi_text *text = file->text;
    if (text->out_used == text->out.size)
        return text->raw_at + (int64_t)text->raw_used;
    /* Decoded once more, as far as the reader has come. */
    const struct mfi_buffer out = text->out;
    const size_t raw_used = text->raw_used;
    const size_t bad = text->bad;
    int r = 0;
    if (text->codec.stateful)
        r = replay(file, text->raw_at + (int64_t)text->chunk, error);
    if (r < 0)
        return r;
    text->out = (struct mfi_buffer){0};
    text->raw_used = text->chunk;
    r = text->out_used == 0 ? 0 : decode(text, 1, text->out_used);
    const int64_t at = text->raw_at + (int64_t)text->raw_used;
    if (r == 0 && text->codec.stateful) /* and on, to where the decoder was */
        r = decode(text, 1, out.size);
    mfi_buffer_free(&text->out);
    text->out = out;
    text->raw_used = raw_used;
    text->bad = bad;
    return r < 0 ? mfi_fail_memory(error, out.size) : at;
}

int64_t mfi_text_tell(mayfly_file *file, mayfly_error *error) {
    if (file->text->reading)
        return reader_at(file, error);
    return file->position;
}

int mfi_text_stop_reading(mayfly_file *file, mayfly_error *error) {
    struct mfi_text *text = file->text;
    if (!text->reading)
        return 0;
    const int64_t at = reader_at(file, error);
    if (at < 0)
        return (int)at;
    file->position = at;
    text->reading = 0;
    text->out.size = text->out_used = 0;
    text->bad = 0;
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* 1: out has something to read, 0: the end, or a failure. */
static int need_out(mayfly_file *file, mayfly_error *error) {
    const struct mfi_text *text = file->text;
    return text->reading && text->out_used < text->out.size ? 1 : fill(file, error);
}

/* The most that fits, in whole characters. */
static size_t whole(const char *data, size_t size, size_t room) {
    if (size <= room)
        return size;
    while (room > 0 && ((unsigned char)data[room] & 0xc0) == 0x80)
        room--;
    return room;
}

int64_t mfi_text_read(mayfly_file *file, char *data, size_t size, mayfly_error *error) {
    struct mfi_text *text = file->text;
    size_t have = 0;
    if (size < 4)
        return mfi_fail(error, -EINVAL, "read", mfi_file_label(file),
                        "a text file needs room for a character: 4 bytes");
    while (have < size) {
        if (!text->reading || text->out_used == text->out.size) {
            const int r = fill(file, have == 0 ? error : NULL);
            if (r < 0 && have == 0)
                return r;
            if (r <= 0)
                break;
        }
        const char *from = text->out.data + text->out_used;
        const size_t n = whole(from, text->out.size - text->out_used, size - have);
        if (n == 0)
            break;
        memcpy(data + have, from, n);
        have += n;
        text->out_used += n;
    }
    return (int64_t)have;
}

int64_t mfi_text_skip(mayfly_file *file, int64_t size, mayfly_error *error) {
    struct mfi_text *text = file->text;
    while (size > 0) {
        const int r = need_out(file, error);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        const int64_t left = (int64_t)(text->out.size - text->out_used);
        const int64_t n = size < left ? size : left;
        text->out_used += (size_t)n;
        size -= n;
    }
    return mfi_text_tell(file, error);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* How many bytes of `data` belong to the line, up to its end if it is there. *ended: 1: it is, 0:
 * no, -1: after a '\r' it depends on what comes. `before`: the line's last byte so far. */
static size_t line_part(enum mfi_line_end end, const char *data, size_t size, char before,
                        int *ended) {
    *ended = 0;
    for (size_t i = 0; i < size; i++) {
        if (end == MFI_END_LF || end == MFI_END_CRLF) {
            const char *at = memchr(data + i, '\n', size - i);
            if (at == NULL)
                return size;
            i = (size_t)(at - data);
            *ended = end == MFI_END_LF || (i > 0 ? data[i - 1] : before) == '\r';
        } else if (data[i] == '\r') {
            *ended = end == MFI_END_CR ? 1 : -1;
            if (end == MFI_END_ANY && i + 1 < size) {
                *ended = 1;
                i += data[i + 1] == '\n';
            }
        } else if (end == MFI_END_ANY && data[i] == '\n') {
            *ended = 1;
        }
        if (*ended != 0)
            return i + 1;
    }
    return size;
}

static int append_line(char **line, size_t *capacity, size_t *length, const char *data, size_t n) {
    if (*line == NULL || *capacity < *length + n + 1) {
        const size_t grown = (*length + n + 1) * 3 / 2 + 64;
        char *fresh = mfi_sys.realloc(*line, grown);
        if (fresh == NULL)
            return -ENOMEM;
        *line = fresh;
        *capacity = grown;
    }
    if (n > 0)
        memcpy(*line + *length, data, n);
    *length += n;
    (*line)[*length] = '\0';
    return 0;
}

/* After a '\r' at the end of a chunk: a '\n' that follows belongs to it. */
static int take_newline(mayfly_file *file, char **line, size_t *capacity, size_t *length) {
    struct mfi_text *text = file->text;
    if (need_out(file, NULL) <= 0 || text->out.data[text->out_used] != '\n')
        return 0;
    text->out_used++;
    return append_line(line, capacity, length, "\n", 1);
}

int64_t mfi_text_read_line(mayfly_file *file, char **line, size_t *capacity, mayfly_error *error) {
    struct mfi_text *text = file->text;
    size_t length = 0;
    int ended = 0;
    if (append_line(line, capacity, &length, "", 0) < 0)
        return mfi_fail_memory(error, 64);
    while (ended == 0) {
        const int r = need_out(file, length == 0 ? error : NULL);
        if (r < 0 && length == 0)
            return r;
        if (r <= 0)
            break;
        const char *data = text->out.data + text->out_used;
        const char before = length == 0 ? '\0' : (*line)[length - 1];
        const size_t n =
            line_part(text->line_end, data, text->out.size - text->out_used, before, &ended);
        if (append_line(line, capacity, &length, data, n) < 0)
            return mfi_fail_memory(error, length + n);
        text->out_used += n;
    }
    if (ended < 0 && take_newline(file, line, capacity, &length) < 0)
        return mfi_fail_memory(error, length);
    return (int64_t)length;
}
