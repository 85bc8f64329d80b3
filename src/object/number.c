/* SPDX-License-Identifier: MIT
 *
 * Whole numbers as text: Python's int() with base 0, and back.
 *
 * Decimal conversion is quadratic, so it is bounded as in Python: 4,300 digits. A number with more
 * is written in hexadecimal.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "value.h"

enum { MOST_DIGITS = 4300, MOST_BYTES = 1786, LIMBS = 2 + MOST_DIGITS / 9 };

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static unsigned digit_of(char c) {
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10 : 99;
}

struct literal {
    const char *at, *end;
    unsigned base;
    bool negative;
};

/* Takes blanks, sign and prefix off. */
static int open_literal(struct literal *l) {
    while (l->at < l->end && is_space(*l->at))
        l->at++;
    while (l->at < l->end && is_space(l->end[-1]))
        l->end--;
    if (l->at < l->end && (*l->at == '-' || *l->at == '+'))
        l->negative = *l->at++ == '-';
    l->base = 10;
    if (l->end - l->at >= 2 && l->at[0] == '0') {
        const char c = (char)(l->at[1] | 0x20);
        l->base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
        if (l->base != 10)
            l->at += 2;
        if (l->base != 10 && l->at < l->end && *l->at == '_')
            l->at++;
    }
    return l->at < l->end ? 0 : -EINVAL;
}

/* Whether the digits are such, with single underscores between them; counts them. */
static bool check_digits(const struct literal *l, size_t *ret_count) {
    bool zeros = true, underscore = true;
    *ret_count = 0;
    for (const char *at = l->at; at < l->end; at++) {
        if (*at == '_') {
            if (underscore)
                return false;
            underscore = true;
            continue;
        }
        if (digit_of(*at) >= l->base)
            return false;
        underscore = false;
        zeros &= *at == '0';
        ++*ret_count;
    }
    return !underscore && (l->base != 10 || zeros || *l->at != '0');
}

/* *number = *number * base + digit, over `count` limbs of 32 bits. */
static void shift_in(uint32_t *number, size_t count, unsigned base, unsigned digit) {
    uint64_t carry = digit;
    for (size_t i = 0; i < count; i++) {
        carry += (uint64_t)number[i] * base;
        number[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void to_twos_complement(uint8_t *bytes, size_t size) {
    unsigned carry = 1;
    for (size_t i = 0; i < size; i++) {
        carry += (uint8_t)~bytes[i];
        bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static int convert(mayfly_doc *doc, const struct literal *l, size_t digits, mayfly_value *ret) {
    const size_t limbs = digits / 8 + 2; /* a digit has at most four bits */
    mfi_auto_free uint32_t *number = mfi_sys.calloc(limbs, sizeof *number);
    mfi_auto_free uint8_t *bytes = mfi_sys.malloc(4 * limbs);
    if (number == NULL || bytes == NULL)
        return mfi_doc_fail(doc, -ENOMEM, "no memory for a number of %zu digits", digits);
    size_t used = 1, done = 0;
    for (const char *at = l->at; at < l->end; at++)
        if (*at != '_') {
            shift_in(number, used, l->base, digit_of(*at));
            used = ++done / 8 + 1 < limbs ? done / 8 + 1 : limbs;
        }
    for (size_t i = 0; i < 4 * limbs; i++)
        bytes[i] = (uint8_t)(number[i / 4] >> (8 * (i % 4)));
    if (l->negative)
        to_twos_complement(bytes, 4 * limbs);
    *ret = mfi_big_new(doc, bytes, 4 * limbs);
    return ret->bits == 0 ? doc->failure.code : 0;
}

/* Digits of a base that is a power of two, from the last: no arithmetic. */
static int convert_bits(mayfly_doc *doc, const struct literal *l, size_t digits,
                        mayfly_value *ret) {
    const unsigned width = l->base == 16 ? 4 : l->base == 8 ? 3 : 1;
    const size_t size = digits / 8 * width + width + 2;
    mfi_auto_free uint8_t *bytes = mfi_sys.calloc(size, 1);
    if (bytes == NULL)
        return mfi_doc_fail(doc, -ENOMEM, "no memory for a number of %zu digits", digits);
    size_t bit = 0;
    for (const char *at = l->end; at-- > l->at;) {
        if (*at == '_')
            continue;
        const unsigned shifted = digit_of(*at) << (bit % 8);
        bytes[bit / 8] |= (uint8_t)shifted;
        bytes[bit / 8 + 1] |= (uint8_t)(shifted >> 8);
        bit += width;
    }
    if (l->negative)
        to_twos_complement(bytes, size);
    *ret = mfi_big_new(doc, bytes, size);
    return ret->bits == 0 ? doc->failure.code : 0;
}

int mfi_int_parse(mayfly_doc *doc, const char *text, size_t size, mayfly_value *ret) {
    struct literal l = {.at = text, .end = text + size};
    size_t digits;
    if (open_literal(&l) < 0 || !check_digits(&l, &digits) ||
        (l.base == 10 && digits > MOST_DIGITS))
        return -EINVAL;
    return l.base == 10 ? convert(doc, &l, digits, ret) : convert_bits(doc, &l, digits, ret);
}

/* ---- as text --------------------------------------------------------------------------------- */

static int hexadecimal(const uint8_t *magnitude, size_t size, bool negative, char **ret) {
    char *text = mfi_sys.malloc(2 * size + 4);
    if (text == NULL)
        return -ENOMEM;
    size_t n =
        (size_t)snprintf(text, 2 * size + 4, "%s0x%x", negative ? "-" : "", magnitude[size - 1]);
    for (size_t i = size - 1; i-- > 0;) {
        text[n++] = "0123456789abcdef"[magnitude[i] >> 4];
        text[n++] = "0123456789abcdef"[magnitude[i] & 15];
    }
    text[n] = '\0';
    *ret = text;
    return 0;
}

/* Divides by 10^9; gives the remainder. */
static uint32_t divide(uint32_t *number, size_t count) {
    uint64_t rest = 0;
    for (size_t i = count; i-- > 0;) {
        rest = rest << 32 | number[i];
        number[i] = (uint32_t)(rest / 1000000000);
        rest %= 1000000000;
    }
    return (uint32_t)rest;
}

static int decimal(const uint8_t *magnitude, size_t size, bool negative, char **ret) {
    uint32_t number[LIMBS] = {0}, groups[LIMBS];
    size_t count = (size + 3) / 4, made = 0;
    for (size_t i = 0; i < size; i++)
        number[i / 4] |= (uint32_t)magnitude[i] << (8 * (i % 4));
    do {
        groups[made++] = divide(number, count);
        while (count > 0 && number[count - 1] == 0)
            count--;
    } while (count > 0);
    const size_t most = 9 * made + 2;
    char *text = mfi_sys.malloc(most);
    if (text == NULL)
        return -ENOMEM;
    size_t n =
        (size_t)snprintf(text, most, "%s%u", negative ? "-" : "", (unsigned)groups[made - 1]);
    while (--made > 0)
        n += (size_t)snprintf(text + n, most - n, "%09u", (unsigned)groups[made - 1]);
    *ret = text;
    return 0;
}

int mfi_big_text(const uint8_t *bytes, size_t size, char **ret) {
    const bool negative = size > 0 && bytes[size - 1] >= 0x80;
    mfi_auto_free uint8_t *magnitude = mfi_sys.calloc(size + 1, 1);
    if (magnitude == NULL)
        return -ENOMEM;
    memcpy(magnitude, bytes, size);
    if (negative)
        to_twos_complement(magnitude, size);
    while (size > 1 && magnitude[size - 1] == 0)
        size--;
    if (size > MOST_BYTES)
        return hexadecimal(magnitude, size, negative, ret);
    const int r = decimal(magnitude, size, negative, ret);
    if (r < 0 || strlen(*ret) - negative <= MOST_DIGITS)
        return r;
    free(*ret);
    *ret = NULL;
    return hexadecimal(magnitude, size, negative, ret);
}

int mayfly_int_text(mayfly_value value, char **ret, mayfly_error *error) {
    uint8_t scratch[9];
    size_t size;
    const uint8_t *bytes = mayfly_int_bytes(value, scratch, &size);
    if (bytes == NULL)
        return mfi_fail(error, -EINVAL, "value", NULL, "it is %s and not int",
                        mayfly_kind_name(mfi_kind(value)));
    const int r = mfi_big_text(bytes, size, ret);
    return r < 0 ? mfi_fail_memory(error, 3 * size) : 0;
}
