/* SPDX-License-Identifier: MIT
 *
 * What an extraction gives: the public mayfly_source.
 */
#ifndef MFI_SOURCE_RESULT_H
#define MFI_SOURCE_RESULT_H

#include "locate.h"

struct mayfly_source {
    struct mfi_buffer text;
    char *name, *signature, *flags, *path;
    uint32_t line;
    bool embedded;
    mayfly_source_form form;
    char why[512];
    size_t unit_size;
    struct mfi_flags needs; /* a list of names */
};

/* What is asked for, with what was found out on the way. */
struct mfi_extraction {
    const struct mfi_wanted *wanted;
    const mayfly_source_options *options;
    const char *compiler;
    struct mfi_origin origin;
    struct mfi_value_bytes *values;
    size_t value_count;
};

/* Makes the text in one form; with `checked`, only one that compiles and lacks nothing that its
 * unit has. Errors: MAYFLY_E_EXTRACT it cannot be told or does not, MAYFLY_E_NO_FUNCTION,
 * MAYFLY_E_NO_COMPILER, -ENOMEM. */
int mfi_make(struct mfi_extraction *extraction, mayfly_source_form form, bool checked,
             struct mayfly_source *ret, mayfly_error *error);

/* Of names, each with a NUL, those that the C library and the mathematical one do not have. */
int mfi_needs_of(const struct mfi_buffer *undefined, struct mfi_flags *ret);

/* The same as the text alone tells: functions that are used, and only declared. */
int mfi_needs_guess(const struct mfi_graph *graph, struct mfi_flags *ret);

/* Looks up the values that are asked for. */
int mfi_values(struct mfi_extraction *extraction, mayfly_error *error);

#endif
