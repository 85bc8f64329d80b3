/* SPDX-License-Identifier: MIT
 *
 * How the library reports what went wrong.
 *
 * Every function that can fail returns an int or an int64_t: zero or more is good, a negative
 * value is a failure. Values from -1 to -4095 are `-errno`; MAYFLY_E_... are the library's own.
 * The last parameter is an optional `mayfly_error *`, owned by the caller, which is filled in on
 * failure and left alone on success. It needs no initialisation:
 *
 *     mayfly_error error;
 *     if (mayfly_temporary_file(NULL, &file, &error) < 0)
 *         fprintf(stderr, "%s\n", error.message);
 *
 * Within one call the first failure wins: what goes wrong while cleaning up after it does not
 * hide it. Nothing is printed, nothing exits, errno means nothing after a call.
 */
#ifndef MAYFLY_ERROR_H
#define MAYFLY_ERROR_H

#include <mayfly/api.h>

MAYFLY_BEGIN_DECLS

/* The library's own codes. Values never change and are never used again for something else. */
#define MAYFLY_ERROR_CODES(X)                                                                      \
    X(MAYFLY_E_OPTION, -5001, "an option that this version of the library does not know")          \
    X(MAYFLY_E_REPLACED, -5002, "another file has taken the name")                                 \
    X(MAYFLY_E_VANISHED, -5003, "the file is no longer under its name")                            \
    X(MAYFLY_E_LEFTOVER, -5004, "something could not be removed and was left behind")              \
    X(MAYFLY_E_SYNTAX, -5005, "the input is not of the form that it should have")                  \
    X(MAYFLY_E_FORKED, -5006, "the handle belongs to the process before the fork")                 \
    X(MAYFLY_E_PICKLE, -5007, "the pickle is damaged, or cannot be made")                          \
    X(MAYFLY_E_LIMIT, -5008, "a limit that was set is reached")                                    \
    X(MAYFLY_E_POLICY, -5009, "the policy does not allow it")                                      \
    X(MAYFLY_E_NO_SOURCE, -5020, "there is no source text of it")                                  \
    X(MAYFLY_E_CHANGED, -5021, "the source was changed after the program was built")               \
    X(MAYFLY_E_NO_FUNCTION, -5022, "there is no such function")                                    \
    X(MAYFLY_E_AMBIGUOUS, -5023, "several functions could be meant")                               \
    X(MAYFLY_E_EXTRACT, -5024, "the source cannot be made to stand alone in this form")            \
    X(MAYFLY_E_COMPILE, -5025, "the compiler refuses the source")                                  \
    X(MAYFLY_E_UNRESOLVED, -5026, "the source needs names that nothing defines")                   \
    X(MAYFLY_E_NO_COMPILER, -5027, "there is no compiler")

typedef enum mayfly_error_code {
#define MAYFLY_ERROR_ENUM(name, value, text) name = value,
    MAYFLY_ERROR_CODES(MAYFLY_ERROR_ENUM)
#undef MAYFLY_ERROR_ENUM
} mayfly_error_code;

typedef struct mayfly_error {
    int code;             /* what the function returned */
    int64_t offset;       /* the byte, record or character that it is about; -1: none */
    char operation[32];   /* the failing step: a system call ("openat") or a part ("decode") */
    char path[512];       /* the file or directory concerned, its end if it is longer; or "" */
    char message[1536];   /* one sentence for a person: operation, path, reason, the way out */
    uint64_t reserved[8]; /* zero */
} mayfly_error;

/* Describes a code: the system's text for an errno, the library's for its own.
 *
 * code    negative (as returned) or positive errno
 * buffer  receives the text, cut to `size` bytes with its NUL
 * Returns `buffer`.
 *
 * Safety: thread any | fork any | signal no
 * Since:  0.1 */
MAYFLY_API const char *mayfly_strerror(int code, char *buffer, size_t size);

MAYFLY_END_DECLS

#endif
