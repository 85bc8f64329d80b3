/* SPDX-License-Identifier: MIT
 *
 * Text files: options, positions, and changing between reading and writing.
 *
 * States      resting -read-> READING (decoded ahead) -settle, write, seek-> resting. Writing holds
 *             nothing back but the first bytes of a character that was split between two writes.
 * Positions   a position of a text file is a byte offset in the file. For encodings in which
 *             what a byte means depends on those before it, reading on from a position decodes
 *             the file from its start up to there.
 */
#define _GNU_SOURCE
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

static int parse_errors(const char *errors, enum mfi_errors *ret, mayfly_error *error) {
    static const char *const names[] = {"strict", "replace", "ignore"};
    *ret = MFI_STRICT;
    if (errors == NULL)
        return 0;
    for (size_t i = 0; i < MFI_LENGTH(names); i++)
        if (strcmp(errors, names[i]) == 0) {
            *ret = (enum mfi_errors)i;
            return 0;
        }
    return mfi_fail(error, -EINVAL, "errors", errors, "is none of strict, replace, ignore");
}

static int parse_newline(const char *newline, struct mfi_text *text, mayfly_error *error) {
    static const struct {
        const char *newline;
        enum mfi_line_end end;
        const char *written;
    } table[] = {
        {"", MFI_END_ANY, NULL},
        {"\n", MFI_END_LF, NULL},
        {"\r", MFI_END_CR, "\r"},
        {"\r\n", MFI_END_CRLF, "\r\n"},
    };
    text->translate = newline == NULL;
    text->line_end = MFI_END_LF;
    if (newline == NULL)
        return 0;
    for (size_t i = 0; i < MFI_LENGTH(table); i++)
        if (strcmp(newline, table[i].newline) == 0) {
            text->line_end = table[i].end;
            text->written_end = table[i].written;
            return 0;
        }
    return mfi_fail(error, -EINVAL, "newline", NULL,
                    "is none of NULL, \"\", \"\\n\", \"\\r\", \"\\r\\n\"");
}

int mfi_text_open(mayfly_file *file, const mayfly_file_options *options, mayfly_error *error) {
    mfi_auto_free struct mfi_text *text = mfi_sys.calloc(1, sizeof *text);
    if (text == NULL)
        return mfi_fail_memory(error, sizeof *text);
    int r = parse_errors(options->errors, &text->errors, error);
    if (r == 0)
        r = parse_newline(options->newline, text, error);
    const char *encoding = options->encoding == NULL ? "utf-8" : options->encoding;
    if (r == 0)
        r = mfi_codec_open(&text->codec, encoding, error);
    if (r < 0)
        return r;
    (void)snprintf(text->encoding, sizeof text->encoding, "%s", encoding);
    text->mark_due = 1;
    file->text = mfi_take(text);
    return 0;
}

void mfi_text_close(mayfly_file *file) {
    struct mfi_text *text = mfi_take(file->text);
    if (text == NULL)
        return;
    mfi_codec_close(&text->codec);
    mfi_buffer_free(&text->encoded);
    mfi_buffer_free(&text->out);
    free(text->raw);
    free(text);
}

int mfi_text_settle(mayfly_file *file, int final, mayfly_error *error) {
    const struct mfi_text *text = file->text;
    const int r = mfi_text_stop_reading(file, error);
    if (r < 0)
        return r;
    if (final && text->held_size > 0)
        return mfi_fail(error, -EILSEQ, "encode", mfi_file_label(file),
                        "the last character that was written lacks its end (%zu bytes of it "
                        "came)",
                        text->held_size);
    return 0;
}

int64_t mfi_text_seek(mayfly_file *file, int64_t offset, int whence, mayfly_error *error) {
    struct mfi_text *text = file->text;
    if (offset < 0 || (whence != SEEK_SET && offset != 0) ||
        (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END))
        return mfi_fail(error, -EINVAL, "seek", mfi_file_label(file),
                        "in a text file only to 0, to the end, to here, or to what "
                        "mayfly_file_tell gave");
    const int r = mfi_text_settle(file, 1, error);
    if (r < 0)
        return r;
    if (whence == SEEK_CUR)
        return file->position;
    const int64_t to = whence == SEEK_SET ? offset : mfi_raw_size(file, error);
    if (to < 0)
        return to;
    mfi_raw_forget(file);
    file->position = to;
    text->mark_due = to == 0;
    text->order_known = 0;
    return to;
}
