/* SPDX-License-Identifier: MIT
 *
 * Where a function stands: by the debug information, or by the texts that programs carry.
 */
#ifndef MFI_SOURCE_LOCATE_H
#define MFI_SOURCE_LOCATE_H

#include "extract.h"

/* What is known of a function that is looked for. */
struct mfi_wanted {
    mayfly_function function; /* NULL: by name */
    const char *program;      /* a file; NULL: this process */
    const char *image;        /* the same in memory */
    size_t image_size;
    const char *name; /* or what stands at the call; NULL: not known */
    const char *file; /* where that is; NULL: not known */
    const mayfly_source_options *options;
};

/* Fills in path, symbol, line, flags and built of the origin by the debug information (libdw).
 * Errors: MAYFLY_E_NO_SOURCE there is none, MAYFLY_E_NO_FUNCTION, MAYFLY_E_AMBIGUOUS, -ENOMEM */
int mfi_locate(const struct mfi_wanted *wanted, struct mfi_origin *ret, mayfly_error *error);

/* Fills in all of the origin by the texts that are embedded in this process or in a program, where
 * one defines a function of that name: with `here`, only the text of the file where the call
 * stands. `module`: only texts of that, unless NULL.
 * 1: found, 0: not, or an error: MAYFLY_E_AMBIGUOUS, -ENOMEM. */
int mfi_locate_embedded(const struct mfi_wanted *wanted, const char *name, bool here,
                        const void *module, struct mfi_origin *ret, mayfly_error *error);

/* The name at the call, without & and parentheses, or behind the colon of "unit.c:name". NULL: what
 * stands there is no name. */
char *mfi_plain_name(const char *name);

/* Whether a path is that of the unit in "unit.c:name"; true where there is no unit. */
bool mfi_is_of_unit(const char *name, const char *path);

/* The value of a variable of a function's unit, by the debug information: it must be plain data.
 * *ret_data points into the process. */
int mfi_locate_value(const struct mfi_wanted *wanted, const char *name, const void **ret_data,
                     size_t *ret_size, mayfly_error *error);

#endif
