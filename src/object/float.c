/* SPDX-License-Identifier: MIT
 *
 * Floats as text: what Python's repr() gives, the shortest that reads back as the same number; and
 * what its float() reads. Independent of the locale.
 */
#define _GNU_SOURCE
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "value.h"

static _Atomic(locale_t) plain;

/* The locale "C", made once; a second one that a race makes is given back. */
static locale_t plain_locale(void) {
    locale_t known = atomic_load(&plain);
    if (known != (locale_t)0)
        return known;
    const locale_t made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t none = (locale_t)0;
    if (made == (locale_t)0 || atomic_compare_exchange_strong(&plain, &none, made))
        return made;
    freelocale(made);
    return none;
}

static double parse(const char *text, char **end) {
    const locale_t l = plain_locale();
    return l == (locale_t)0 ? strtod(text, end) : strtod_l(text, end, l);
}

/* Digits and exponent with `precision` digits after the first; the locale may have any point. */
static void digits_of(double value, int precision, char *digits, int *exponent) {
    char text[64];
    (void)snprintf(text, sizeof text, "%.*e", precision, value);
    size_t n = 0;
    const char *at = text;
    for (; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            digits[n++] = *at;
    digits[n] = '\0';
    *exponent = (int)strtol(at + 1, NULL, 10);
}

static bool reads_back(const char *digits, int exponent, double value) {
    char text[64];
    (void)snprintf(text, sizeof text, "%c.%se%d", digits[0], digits + 1, exponent);
    return parse(text, NULL) == value;
}

static void shortest(double value, char *digits, int *exponent) {
    /* Only the smallest numbers may do with fewer than the 15 digits that all decimals keep. */
    int precision = value < 0x1p-1020 ? 0 : 14;
    do
        digits_of(value, precision, digits, exponent);
    while (!reads_back(digits, *exponent, value) && precision++ < 16);
    size_t n = strlen(digits);
    while (n > 1 && digits[n - 1] == '0')
        digits[--n] = '\0';
}

void mfi_float_text(double value, char to[MFI_FLOAT_TEXT]) {
    if (isnan(value) || isinf(value)) {
        (void)snprintf(to, MFI_FLOAT_TEXT, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    const char *minus = signbit(value) ? "-" : "";
    value = fabs(value);
    char digits[32] = "0";
    int exponent = 0;
    if (value != 0)
        shortest(value, digits, &exponent);
    const int n = (int)strlen(digits);
    if (exponent < -4 || exponent >= 16)
        (void)snprintf(to, MFI_FLOAT_TEXT, "%s%c%s%se%c%02d", minus, digits[0], n > 1 ? "." : "",
                       digits + 1, exponent < 0 ? '-' : '+', abs(exponent) % 1000);
    else if (exponent < 0)
        (void)snprintf(to, MFI_FLOAT_TEXT, "%s0.%.*s%s", minus, -exponent - 1, "0000", digits);
    else if (n <= exponent + 1)
        (void)snprintf(to, MFI_FLOAT_TEXT, "%s%s%.*s.0", minus, digits, exponent + 1 - n,
                       "0000000000000000");
    else
        (void)snprintf(to, MFI_FLOAT_TEXT, "%s%.*s.%s", minus, exponent + 1, digits,
                       digits + exponent + 1);
}

int mfi_float_parse(const char *text, size_t size, double *ret) {
    mfi_auto_free char *copy = mfi_sys.malloc(size + 1);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, text, size);
    copy[size] = '\0';
    /* strtod(3) also knows hexadecimal, nan(...) and leading blanks, which Python does not. */
    if (size == 0 || strpbrk(copy, "xX( \t\n\v\f\r") != NULL || strlen(copy) != size)
        return -EINVAL;
    char *end;
    const double d = parse(copy, &end);
    if (*end != '\0')
        return -EINVAL;
    if (isinf(d) && strpbrk(copy, "iI") == NULL)
        return -ERANGE;
    *ret = d;
    return 0;
}
