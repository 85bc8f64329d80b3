/* SPDX-License-Identifier: MIT
 *
 * JSON as text: strings from bytes, and white space.
 *
 * Why text   a record goes through as it was written: 0.1 stays 0.1 and a number of 30 digits
 *            keeps them all, which no parsed value of a C program promises.
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "batch_records.h"

/* ---- strings --------------------------------------------------------------------------------- */

/* How many bytes the character at `data` has; 0: it is none (RFC 3629). */
static size_t character(const unsigned char *data, size_t size) {
    static const struct {
        unsigned char first, last, second_from, second_to, length;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    size_t i = 0;
    while (i < MFI_LENGTH(forms) && (data[0] < forms[i].first || data[0] > forms[i].last))
        i++;
    if (i == MFI_LENGTH(forms) || forms[i].length > size)
        return 0;
    if (forms[i].length > 1 && (data[1] < forms[i].second_from || data[1] > forms[i].second_to))
        return 0;
    for (size_t k = 2; k < forms[i].length; k++)
        if ((data[k] & 0xc0) != 0x80)
            return 0;
    return forms[i].length;
}

static int append_escaped(struct mfi_buffer *to, unsigned char c) {
    static const char plain[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    char text[8];
    const char *at = c == 0 ? NULL : strchr(plain, c);
    if (at != NULL)
        (void)snprintf(text, sizeof text, "\\%c", letters[at - plain]);
    else
        (void)snprintf(text, sizeof text, "\\u%04x", c);
    return mfi_buffer_append(to, text, strlen(text));
}

static int is_plain(unsigned char c) {
    return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

int mfi_json_string(struct mfi_buffer *to, const char *data, size_t size) {
    const unsigned char *bytes = (const unsigned char *)data;
    int r = mfi_buffer_append(to, "\"", 1);
    for (size_t at = 0; at < size && r == 0;) {
        size_t end = at;
        while (end < size && is_plain(bytes[end]))
            end++;
        if (end == at && bytes[at] >= 0x80) {
            end = at + character(bytes + at, size - at);
            if (end == at)
                return -EILSEQ;
        }
        if (end > at)
            r = mfi_buffer_append(to, data + at, end - at);
        else
            r = append_escaped(to, bytes[end++]);
        at = end;
    }
    return r == 0 ? mfi_buffer_append(to, "\"", 1) : r;
}

/* ---- white space ----------------------------------------------------------------------------- */

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The end of a string, a number or a word that begins at `at`. */
static size_t token_end(const char *text, size_t at, size_t size) {
    if (text[at] == '"') {
        for (at++; at < size && text[at] != '"'; at++)
            at += text[at] == '\\';
        return at < size ? at + 1 : size;
    }
    while (at < size && !is_space(text[at]) && memchr(",:[]{}\"", text[at], 7) == NULL)
        at++;
    return at;
}

static int break_line(struct mfi_buffer *to, int level) {
    int r = level < 0 ? 0 : mfi_buffer_append(to, "\n", 1);
    for (int i = 0; i < level && r == 0; i++)
        r = mfi_buffer_append(to, "  ", 2);
    return r;
}

/* A bracket that opens; one that closes at once stays beside it. Returns where to go on. */
static size_t open_bracket(struct mfi_buffer *to, const char *text, size_t at, size_t size,
                           int *level, int *r) {
    size_t next = at + 1;
    *r = mfi_buffer_append(to, text + at, 1);
    while (next < size && is_space(text[next]))
        next++;
    if (next < size && (text[next] == ']' || text[next] == '}')) {
        *r = *r < 0 ? *r : mfi_buffer_append(to, text + next, 1);
        return next + 1;
    }
    *level += *level >= 0;
    *r = *r < 0 ? *r : break_line(to, *level);
    return next;
}

int mfi_json_tidy(struct mfi_buffer *to, const char *text, size_t size, int level) {
    int r = 0;
    for (size_t at = 0; at < size && r == 0;) {
        const char c = text[at];
        size_t next = at + 1;
        if (is_space(c)) {
            at = next;
            continue;
        }
        if (c == '[' || c == '{') {
            next = open_bracket(to, text, at, size, &level, &r);
        } else if (c == ']' || c == '}') {
            level -= level > 0;
            r = break_line(to, level);
            r = r < 0 ? r : mfi_buffer_append(to, text + at, 1);
        } else if (c == ',') {
            r = mfi_buffer_append(to, ", ", level < 0 ? 2 : 1);
            r = r < 0 ? r : break_line(to, level);
        } else if (c == ':') {
            r = mfi_buffer_append(to, ": ", 2);
        } else {
            next = token_end(text, at, size);
            r = mfi_buffer_append(to, text + at, next - at);
        }
        at = next;
    }
    return r;
}
