/* SPDX-License-Identifier: MIT
 *
 * What every header of the library shares: export marks, scope-bound handles, version.
 */
#ifndef MAYFLY_API_H
#define MAYFLY_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define MAYFLY_BEGIN_DECLS extern "C" {
#define MAYFLY_END_DECLS   }
#else
#define MAYFLY_BEGIN_DECLS
#define MAYFLY_END_DECLS
#endif

#define MAYFLY_API        __attribute__((visibility("default")))
#define MAYFLY_MUST_CHECK __attribute__((warn_unused_result))

/* The version of this header; mayfly_version() is the version of the library that was loaded. */
#define MAYFLY_VERSION "0.1.0"

/* Ends a handle with its scope, whichever way the scope is left:
 *
 *     mayfly_auto(mayfly_file) file = NULL;
 *     if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
 *         return -1;
 *     ...                                     // closed and removed at the brace, or at any return
 *
 * It closes as mayfly_file_close(&file, NULL) would. What goes wrong there has nobody to be told;
 * a caller who wants to know closes by hand first, which leaves nothing for the end of the scope.
 */
#define mayfly_auto(type) __attribute__((cleanup(type##_auto))) type *

MAYFLY_BEGIN_DECLS

/* Returns the library's version, "major.minor.patch".
 *
 * Ownership: static.
 * Safety:    thread any | fork any | signal yes
 * Since:     0.1 */
MAYFLY_API const char *mayfly_version(void);

/* Frees memory that the library handed over, for callers whose own free() is another one's
 * (a language binding, a second C library). In plain C, free() is the same.
 *
 * Ownership: takes `memory`; NULL is accepted.
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API void mayfly_free(void *memory);

MAYFLY_END_DECLS

#endif
