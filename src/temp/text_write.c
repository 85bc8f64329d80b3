/* SPDX-License-Identifier: MIT
 *
 * Writing text: UTF-8 in, newlines translated, encoded, handed on.
 *
 * Invariants  all of a write is encoded before any of it is written, and what is held of a split
 *             character changes only when it was written: a failed write has not happened.
 *             Every write ends in the encoding's first shift state, so that what is in the file is
 *             whole at any time.
 */
#define _GNU_SOURCE
#include "text.h"

/* One write on its way. */
struct writing {
    mayfly_file *file;
    struct mfi_text *text;
    char held[4]; /* to be held when it has succeeded */
    size_t held_size;
    mayfly_error *error;
};

static int fail_at(const struct writing *w, size_t offset, const char *what, uint32_t point) {
    const char *label = mfi_file_label(w->file);
    if (what != NULL)
        return mfi_fail_at(w->error, -EILSEQ, "encode", label, (int64_t)offset,
                           "what was given is %s; nothing of it was written", what);
    return mfi_fail_at(w->error, -EILSEQ, "encode", label, (int64_t)offset,
                       "%s has no U+%04X; name another encoding, or errors = \"replace\". "
                       "Nothing was written",
                       w->text->encoding, (unsigned)point);
}

static int encode_ascii(struct writing *w, const char *ascii) {
    int r = 0;
    for (; *ascii != '\0' && r == 0; ascii++)
        r = mfi_encode_one(&w->text->codec, (unsigned char)*ascii, ascii, 1, &w->text->encoded);
    return r;
}

/* What stands in for something that cannot be encoded. */
static int stand_in(struct writing *w) {
    const int r = w->text->errors == MFI_REPLACE ? encode_ascii(w, "?") : 0;
    return r == -EILSEQ ? 0 : r;
}

static int no_memory(const struct writing *w, int r) {
    return r == -ENOMEM ? mfi_fail_memory(w->error, w->text->encoded.size) : r;
}

static int encode_point(struct writing *w, const struct mfi_piece *piece, uint32_t point,
                        size_t offset) {
    struct mfi_text *text = w->text;
    if (point == '\n' && text->written_end != NULL)
        return no_memory(w, encode_ascii(w, text->written_end));
    int r = mfi_encode_one(&text->codec, point, piece->out, piece->out_size, &text->encoded);
    if (r == -EILSEQ && text->errors == MFI_STRICT)
        return fail_at(w, offset, NULL, point);
    if (r == -EILSEQ)
        r = stand_in(w);
    return no_memory(w, r);
}

static int encode_piece(struct writing *w, const struct mfi_piece *piece, uint32_t point,
                        size_t offset) {
    if (piece->step == MFI_STEP_DONE)
        return encode_point(w, piece, point, offset);
    if (w->text->errors == MFI_STRICT)
        return fail_at(w, offset, "no valid UTF-8 there", 0);
    return no_memory(w, stand_in(w));
}

/* Completes what was held with the first bytes of `data`. Returns how many were used of it. */
static int64_t complete_held(struct writing *w, const char *data, size_t size) {
    const struct mfi_text *text = w->text;
    char joined[4];
    struct mfi_piece piece = {.step = MFI_STEP_MORE};
    uint32_t point = 0;
    size_t have = text->held_size, taken = 0;
    memcpy(joined, text->held, have);
    while (piece.step == MFI_STEP_MORE && taken < size) {
        joined[have++] = data[taken++];
        mfi_utf8_one(joined, have, 0, &piece, &point);
    }
    if (piece.step == MFI_STEP_MORE) {
        memcpy(w->held, joined, have);
        w->held_size = have;
        return (int64_t)taken;
    }
    if (piece.step == MFI_STEP_BAD)
        taken -= have - piece.used; /* the byte that did not fit begins something else */
    const int r = encode_piece(w, &piece, point, 0);
    return r < 0 ? r : (int64_t)taken;
}

/* Where a run of characters that are the same in UTF-8 ends. */
static size_t plain_run(const struct mfi_text *text, const char *data, size_t size) {
    if (text->codec.encoding == MFI_ICONV || text->codec.encoding == MFI_UTF16 ||
        text->codec.encoding == MFI_UTF32)
        return 0;
    if (text->written_end != NULL) {
        const char *newline = memchr(data, '\n', size);
        size = newline == NULL ? size : (size_t)(newline - data);
    }
    return mfi_decode_same(&text->codec, data, size, 0);
}

static int encode_all(struct writing *w, const char *data, size_t size) {
    struct mfi_text *text = w->text;
    size_t at = 0;
    if (text->held_size > 0) {
        const int64_t used = complete_held(w, data, size);
        if (used < 0)
            return (int)used;
        at = (size_t)used;
    }
    while (at < size) {
        const size_t run = plain_run(text, data + at, size - at);
        if (run > 0 && mfi_buffer_append(&text->encoded, data + at, run) < 0)
            return no_memory(w, -ENOMEM);
        at += run;
        if (at == size)
            break;
        struct mfi_piece piece;
        uint32_t point = 0;
        mfi_utf8_one(data + at, size - at, 0, &piece, &point);
        if (piece.step == MFI_STEP_MORE) {
            w->held_size = size - at;
            memcpy(w->held, data + at, w->held_size);
            break;
        }
        const int r = encode_piece(w, &piece, point, at);
        if (r < 0)
            return r;
        at += piece.used;
    }
    return 0;
}

static int mark_if_due(struct writing *w) {
    const struct mfi_text *text = w->text;
    if (!text->mark_due || !text->codec.with_bom)
        return 0;
    int64_t at = w->file->position;
    if ((w->file->flags & MFI_APPEND) != 0)
        at = mfi_raw_size(w->file, w->error);
    if (at != 0)
        return at < 0 ? (int)at : 0;
    return no_memory(w, mfi_encode_bom(&text->codec, &w->text->encoded));
}

int mfi_text_write(mayfly_file *file, const char *data, size_t size, mayfly_error *error) {
    struct mfi_text *text = file->text;
    struct writing w = {.file = file, .text = text, .error = error};
    int r = mfi_text_stop_reading(file, error);
    if (r < 0)
        return r;
    /* Most text: UTF-8 into UTF-8 as it is. */
    if (text->codec.encoding == MFI_UTF8 && !text->codec.with_bom && text->held_size == 0 &&
        text->written_end == NULL && mfi_utf8_run(data, size, 0) == size)
        return mfi_raw_write(file, data, size, error);
    text->encoded.size = 0;
    r = mark_if_due(&w);
    if (r < 0)
        return r;
    mfi_encode_begin(&text->codec);
    r = encode_all(&w, data, size);
    if (r == 0)
        r = no_memory(&w, mfi_encode_end(&text->codec, &text->encoded));
    if (r == 0)
        r = mfi_raw_write(file, text->encoded.data, text->encoded.size, error);
    if (r < 0)
        return r;
    memcpy(text->held, w.held, sizeof text->held);
    text->held_size = w.held_size;
    text->mark_due = 0;
    return 0;
}
