/* SPDX-License-Identifier: MIT
 *
 * The slow paths of the pickle machine: more input, more memory, arguments that are lines of text,
 * and saying what is wrong.
 */
#define _GNU_SOURCE
#include "decode.h"

#include <stdio.h>
#include <stdlib.h>

const char *mfi_opcode_name(int code) {
    switch (code) {
#define NAME(name, value, argument, protocol)                                                      \
    case value:                                                                                    \
        return #name;
        MFI_OPCODES(NAME)
#undef NAME
    default:
        return NULL;
    }
}

int mfi_decode_fail(struct mfi_decoder *d, const struct mfi_cursor *k, int code, const char *format,
                    ...) {
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    const char *name = k->op < d->end ? mfi_opcode_name(*k->op) : NULL;
    d->code = mfi_fail_at(d->error, code, d->operation, d->path, (int64_t)mfi_offset(d, k),
                          "%s%s%s", name == NULL ? "" : name, name == NULL ? "" : ": ", reason);
    return d->code;
}

int mfi_decode_underflow(struct mfi_decoder *d, const struct mfi_cursor *k) {
    return mfi_decode_fail(d, k, MAYFLY_E_PICKLE,
                           d->mark_count > 0 ? "a mark is where a value should be on the stack"
                                             : "there are not enough values on the stack");
}

int mfi_decode_more(struct mfi_decoder *d, struct mfi_cursor *k, uint64_t need) {
    int r = 0;
    if (d->beyond != NULL) {
        if (k->at != d->end)
            return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "its frame ends within it");
        mfi_leave_frame(d);
        if ((uint64_t)(d->end - k->at) >= need)
            return 0;
    }
    const uint64_t have = (uint64_t)(d->end - k->at);
    if (d->source.more != NULL && need <= SIZE_MAX / 2)
        r = d->source.more(d, &k->op, &k->at, (size_t)need);
    if (r > 0)
        return 0;
    if (r == MAYFLY_E_LIMIT || r == -ENOMEM)
        return mfi_decode_fail(d, k, r, "%llu more bytes are said to follow; max_bytes is %llu",
                               (unsigned long long)need, (unsigned long long)d->max_bytes);
    if (r < 0)
        return d->code = mfi_fail_call(d->error, r, "read", d->path, -1);
    if (need > INT64_MAX)
        d->fault = MFI_FAULT_SIZE;
    if (k->op == k->at && have == 0)
        d->fault = MFI_FAULT_END;
    if (d->fault == MFI_FAULT_END)
        return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "the input ends here, without STOP: %s",
                               d->before == 0 && k->at == d->begin ? "it is empty"
                                                                   : "it was cut off");
    return mfi_decode_fail(d, k, MAYFLY_E_PICKLE,
                           "the input ends within it: %llu bytes should follow and %llu do",
                           (unsigned long long)need, (unsigned long long)(d->end - k->at));
}

/* The frame's bytes are made readable. */
int mfi_decode_frame(struct mfi_decoder *d, struct mfi_cursor *k, uint64_t size) {
    if (d->beyond != NULL && k->at != d->end)
        return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "the last frame has not ended");
    const int r = mfi_need(d, k, size);
    if (r == 0 && (d->ways & MFI_WAY_FRAMES) != 0) {
        mfi_leave_frame(d);
        d->beyond = d->end;
        d->end = k->at + size;
    }
    return r;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* A larger array of words, counted as memory. NULL: refused. */
static void *larger(struct mfi_decoder *d, const struct mfi_cursor *k, void *old, size_t capacity,
                    size_t *ret_capacity) {
    enum { FIRST = 256, MANY = 16 << 10, HUGE_WORDS = MFI_HUGE / sizeof(uint64_t) };
    size_t wanted = capacity == 0 ? FIRST : 2 * capacity;
    if (wanted >= MANY && wanted < HUGE_WORDS && 4 * (uint64_t)MFI_HUGE < d->max_bytes - *d->bytes)
        wanted = HUGE_WORDS;
    const uint64_t more = (wanted - capacity) * sizeof(uint64_t);
    if (more > d->max_bytes || *d->bytes > d->max_bytes - more) {
        (void)mfi_decode_fail(d, k, MAYFLY_E_LIMIT,
                              "reading needs more than the %llu bytes that max_bytes allows",
                              (unsigned long long)d->max_bytes);
        return NULL;
    }
    void *grown = mfi_pages_resize(old, capacity * sizeof(uint64_t), wanted * sizeof(uint64_t));
    if (grown == NULL) {
        (void)mfi_decode_fail(d, k, -ENOMEM, "no memory for %zu bytes", wanted * sizeof(uint64_t));
        return NULL;
    }
    *d->bytes += more;
    d->own_bytes += more;
    *ret_capacity = wanted;
    return grown;
}

int mfi_decode_grow(struct mfi_decoder *d, struct mfi_cursor *k) {
    const bool first = d->stack == NULL;
    const size_t used = first ? 0 : (size_t)(k->sp - d->stack);
    const size_t fence = first ? 0 : (size_t)(d->fence - d->stack);
    size_t capacity;
    mfi_slot *grown = larger(d, k, d->stack, (size_t)(d->limit - d->stack), &capacity);
    if (grown == NULL)
        return d->code;
    d->stack = grown;
    d->limit = grown + capacity;
    d->fence = grown + fence;
    k->sp = grown + used;
    return 0;
}

int mfi_decode_mark_room(struct mfi_decoder *d, const struct mfi_cursor *k) {
    if (d->mark_count >= d->max_marks)
        return mfi_decode_fail(d, k, MAYFLY_E_LIMIT, "more than %llu marks are open: max_depth",
                               (unsigned long long)d->max_marks);
    size_t capacity;
    size_t *grown = larger(d, k, d->marks, d->mark_room, &capacity);
    if (grown == NULL)
        return d->code;
    d->marks = grown;
    d->mark_room = capacity;
    d->mark_capacity = capacity < d->max_marks ? capacity : (size_t)d->max_marks;
    return 0;
}

void mfi_decoder_forget(struct mfi_decoder *d) {
    d->memo_size = 0;
    d->memo_count = 0;
    *d->bytes -= mfi_map_bytes(&d->sparse);
    d->own_bytes -= mfi_map_bytes(&d->sparse);
    mfi_map_free(&d->sparse);
}

void mfi_decoder_free(struct mfi_decoder *d) {
    *d->bytes -= d->own_bytes;
    d->own_bytes = 0;
    mfi_pages_release(d->stack, (size_t)(d->limit - d->stack) * sizeof *d->stack);
    mfi_pages_release(d->marks, d->mark_room * sizeof *d->marks);
    mfi_pages_release(d->memo, d->memo_capacity * sizeof *d->memo);
    mfi_map_free(&d->sparse);
    mfi_buffer_free(&d->text);
}

/* ---- the memo -------------------------------------------------------------------------------- */

/* Numbers that leave a gap of more than this go into a map: a number of four bytes must not cost
 * memory for all the numbers before it. */
enum { WIDEST_GAP = 4096 };

static int dense_room(struct mfi_decoder *d, const struct mfi_cursor *k, uint64_t number) {
    while (number >= d->memo_capacity) {
        size_t capacity;
        mfi_slot *grown = larger(d, k, d->memo, d->memo_capacity, &capacity);
        if (grown == NULL)
            return d->code;
        d->memo = grown;
        d->memo_capacity = capacity;
    }
    while (d->memo_size <= number)
        d->memo[d->memo_size++] = 0;
    return 0;
}

int mfi_memo_far(struct mfi_decoder *d, const struct mfi_cursor *k, uint64_t number, mfi_slot slot,
                 mfi_slot *ret_replaced) {
    uint64_t *sparse = mfi_map_find(&d->sparse, number + 1);
    mfi_slot *at;
    if (sparse != NULL) { /* it is in one of the two only */
        *ret_replaced = *sparse;
        *sparse = slot;
        return 0;
    }
    if (number < d->memo_size + WIDEST_GAP) {
        const int r = number < d->memo_size ? 0 : dense_room(d, k, number);
        if (r < 0)
            return r;
        at = &d->memo[number];
    } else {
        const size_t before = mfi_map_bytes(&d->sparse);
        if (2 * before > d->max_bytes - *d->bytes && 2 * d->sparse.count > d->sparse.mask)
            return mfi_decode_fail(d, k, MAYFLY_E_LIMIT,
                                   "the memo needs more than max_bytes (%llu)",
                                   (unsigned long long)d->max_bytes);
        if ((at = mfi_map_at(&d->sparse, number + 1)) == NULL)
            return mfi_decode_fail(d, k, -ENOMEM, "no memory for number %llu",
                                   (unsigned long long)number);
        *d->bytes += mfi_map_bytes(&d->sparse) - before;
        d->own_bytes += mfi_map_bytes(&d->sparse) - before;
    }
    d->memo_count += *at == 0;
    *ret_replaced = *at;
    *at = slot;
    return 0;
}

mfi_slot *mfi_memo_find_far(const struct mfi_decoder *d, uint64_t number) {
    return mfi_map_find(&d->sparse, number + 1);
}

/* ---- arguments that are lines ---- */

int mfi_decode_no_text(struct mfi_decoder *d, const struct mfi_cursor *k, const char *text,
                       size_t size, int code, const char *what) {
    d->fault = text[0] == '\n'   ? MFI_FAULT_PICKLE
               : code == -ERANGE ? MFI_FAULT_SIZE
                                 : MFI_FAULT_TEXT;
    return mfi_decode_fail(d, k, MAYFLY_E_PICKLE,
                           code == -ERANGE ? "\"%s\" is too large for a %s" : "\"%s\" is no %s",
                           mfi_quote(text, size).text, what);
}

/* What the source knows of lines; -ENOSYS: nothing. */
static int whole_line(struct mfi_decoder *d, struct mfi_cursor *k) {
    if (d->source.line == NULL)
        return -ENOSYS;
    const int r = d->source.line(d, &k->op, &k->at);
    if (r < 0)
        return d->code = mfi_fail_call(d->error, r, "read", d->path, -1);
    return r;
}

int mfi_decode_line(struct mfi_decoder *d, struct mfi_cursor *k, const char **ret,
                    size_t *ret_size) {
    size_t seen = 0;
    for (;;) {
        const size_t have = (size_t)(d->end - k->at);
        const uint8_t *found = have == seen ? NULL : memchr(k->at + seen, '\n', have - seen);
        if (found != NULL) {
            *ret = (const char *)k->at;
            *ret_size = (size_t)(found - k->at);
            k->at = found + 1;
            return 0;
        }
        seen = have;
        int r = 0;
        if (d->beyond != NULL) {
            if ((r = mfi_decode_more(d, k, have + 1)) < 0)
                return r;
            continue;
        }
        r = whole_line(d, k);
        if (d->source.more == NULL || r == 0)
            return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "the input ends within its line");
        if (r == -ENOSYS)
            r = mfi_decode_more(d, k, have + 1);
        if (r < 0)
            return r;
    }
}

/* A number as int(line, 10) reads it. */
int mfi_line_number(struct mfi_decoder *d, const struct mfi_cursor *k, const char *text,
                    size_t size, enum mfi_fault if_negative, uint64_t *ret) {
    size = mfi_number_size(text, size);
    uint64_t n = 0;
    size_t i = 0, digits = 0;
    while (i < size && strchr(" \t\r\v\f", text[i]) != NULL && text[i] != '\0')
        i++;
    const bool negative = i < size && text[i] == '-';
    i += negative || (i < size && text[i] == '+');
    for (; i < size && text[i] >= '0' && text[i] <= '9' && n <= INT64_MAX / 10 - 1; i++, digits++) {
        n = 10 * n + (uint64_t)(text[i] - '0');
        /* CPython takes it as a Python program would: digits may be grouped */
        i += i + 2 < size && text[i + 1] == '_' && text[i + 2] >= '0' && text[i + 2] <= '9';
    }
    while (i < size && strchr(" \t\r\v\f", text[i]) != NULL && text[i] != '\0')
        i++;
    *ret = n;
    if (digits > 0 && i == size && (n == 0 || !negative))
        return 0;
    const bool beyond = i < size && strspn(text + i, "0123456789") >= size - i;
    (void)mfi_decode_no_text(d, k, text, size, beyond ? -ERANGE : 0, "number of the memo");
    if (digits > 0 && i == size)
        d->fault = if_negative;
    return d->code;
}

/* What strtol(3) reads, as CPython does: 0 and the value; 1: it is none such. */
int mfi_line_small_int(const char *text, size_t size, unsigned ways, bool *ret_bool, int64_t *ret) {
    char copy[32], *end;
    const size_t used = mfi_number_size(text, size);
    if (used >= sizeof copy)
        return 1;
    memcpy(copy, text, used);
    copy[used] = '\0';
    errno = 0;
    const long n = strtol(copy, &end, (ways & MFI_WAY_DECIMAL) != 0 ? 10 : 0);
    if (errno == ERANGE || *end != '\0' || text[0] == '\n')
        return 1;
    *ret_bool = size == 2 && (n == 0 || n == 1) && ((ways & MFI_WAY_BOOLS) == 0 || text[0] == '0');
    *ret = n;
    return 0;
}

static unsigned hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 99;
}

/* Reads `count` hexadecimal digits; -1: there are not as many. */
static int64_t hex(const char *text, size_t left, size_t count) {
    uint32_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned digit = i < left ? hex_digit(text[i]) : 99;
        if (digit > 15)
            return -1;
        n = n << 4 | digit;
    }
    return n;
}

/* The escape of a bytes literal behind the backslash at text[0]; how long it is, 0: it is none. */
static size_t byte_escape(const char *text, size_t left, char *ret, size_t *ret_size) {
    static const char plain[] = "\\\\''\"\"b\bf\ft\tn\nr\rv\va\a";
    *ret_size = 1;
    for (size_t i = 0; i < sizeof plain - 1; i += 2)
        if (text[0] == plain[i]) {
            *ret = plain[i + 1];
            return 1;
        }
    if (text[0] == 'x') {
        const int64_t n = hex(text + 1, left - 1, 2);
        *ret = (char)n;
        return n < 0 ? 0 : 3;
    }
    unsigned n = 0;
    size_t digits = 0;
    while (digits < 3 && digits < left && text[digits] >= '0' && text[digits] <= '7')
        n = 8 * n + (unsigned)(text[digits++] - '0');
    if (digits > 0) {
        *ret = (char)n;
        return digits;
    }
    if (text[0] != '\n')
        ret[0] = '\\', ret[1] = text[0], *ret_size = 2; /* what is no escape stays */
    else
        *ret_size = 0;
    return 1;
}

int mfi_line_quoted(struct mfi_decoder *d, struct mfi_cursor *k) {
    const char *text;
    size_t size;
    int r = mfi_decode_line(d, k, &text, &size);
    if (r < 0)
        return r;
    if (size < 2 || text[0] != text[size - 1] || (text[0] != '\'' && text[0] != '"'))
        return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "its argument is not in quotes");
    d->text.size = 0;
    r = mfi_buffer_append(&d->text, "", 0);
    for (size_t i = 1; i < size - 1 && r == 0;) {
        char bytes[2] = {text[i], 0};
        size_t made = 1, used = 0;
        if (text[i] == '\\' && i + 1 < size - 1)
            used = byte_escape(text + i + 1, size - 2 - i, bytes, &made);
        if (text[i] == '\\' && used == 0) {
            d->fault = MFI_FAULT_TEXT;
            return mfi_decode_fail(d, k, MAYFLY_E_PICKLE, "the escape at byte %zu is not whole", i);
        }
        r = mfi_buffer_append(&d->text, bytes, made);
        i += 1 + used;
    }
    return r < 0 ? mfi_decode_fail(d, k, r, "no memory for %zu bytes", size) : 0;
}

/* "raw-unicode-escape": bytes are Latin-1, only \u and \U are escapes. */
int mfi_line_unescaped(struct mfi_decoder *d, struct mfi_cursor *k) {
    const char *text;
    size_t size;
    int r = mfi_decode_line(d, k, &text, &size);
    if (r < 0)
        return r;
    d->text.size = 0;
    r = mfi_buffer_append(&d->text, "", 0);
    for (size_t i = 0; i < size && r == 0;) {
        uint32_t c = (unsigned char)text[i++];
        char bytes[8];
        size_t n = 0;
        if (c == '\\' && i < size && (text[i] == 'u' || text[i] == 'U')) {
            const size_t digits = text[i] == 'u' ? 4 : 8;
            const int64_t escaped = hex(text + i + 1, size - i - 1, digits);
            if (escaped < 0 || escaped > 0x10ffff) {
                d->fault = MFI_FAULT_TEXT;
                return mfi_decode_fail(d, k, MAYFLY_E_PICKLE,
                                       "the escape at byte %zu is no character", i - 1);
            }
            c = (uint32_t)escaped;
            i += 1 + digits;
        } else if (c == '\\' && i < size) { /* it hides what follows */
            bytes[n++] = '\\';
            c = (unsigned char)text[i++];
        }
        n += mfi_put_utf8(c, bytes + n);
        r = mfi_buffer_append(&d->text, bytes, n);
    }
    return r < 0 ? mfi_decode_fail(d, k, r, "no memory for %zu bytes", size) : 0;
}
