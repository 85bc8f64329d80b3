/* SPDX-License-Identifier: MIT
 *
 * From a function's place to a text that stands alone: what the steps of that hand on.
 */
#ifndef MFI_SOURCE_EXTRACT_H
#define MFI_SOURCE_EXTRACT_H

#include "flags.h"
#include "pieces.h"

/* Where a function stands, and with what its file was compiled. */
struct mfi_origin {
    char *path;   /* of the unit, absolute if it is known */
    char *within; /* the header that the function stands in; NULL: it is in the unit itself */
    char *symbol; /* what the program calls it */
    uint32_t line;
    const char *text; /* of the file */
    size_t size;
    char *owned; /* the same, if it is to be freed */
    bool embedded;
    const void *module; /* of embedded texts: whose headers to look at */
    struct mfi_flags flags;
    struct mfi_flags headers; /* files that it was compiled with, if the flags do not tell where to
                                 look for them */
    int64_t built;            /* when the program was, in nanoseconds since 1970; 0: not known */
};

void mfi_origin_free(struct mfi_origin *origin);

/* ---- headers.c ------------------------------------------------------------------------------- */

/* Adds the project's headers of the unit, which is the graph's only file. *ret_newest: when the one
 * that was changed last was. */
int mfi_headers(struct mfi_graph *graph, const struct mfi_origin *origin, int64_t *ret_newest,
                mayfly_error *error);

/* ---- what a function looks like (head.c) -------------------------------------------------------
 */

/* The piece with the body of a function: by its name, or by a line that it has. MFI_NONE: there is
 * none. *ret_name: what the text calls it. */
uint32_t mfi_find_function(const struct mfi_graph *graph, const char *symbol, uint32_t line,
                           uint32_t *ret_name);

/* "int square(int x)" of the function that a piece defines; name MFI_NONE: whichever it is, as
 * *ret_name tells. NULL: it has no such head, or there is no memory. */
char *mfi_signature(const struct mfi_graph *graph, uint32_t piece, uint32_t name,
                    uint32_t *ret_name);

/* Calls `give` for each variable that a piece defines. */
void mfi_each_variable(const struct mfi_graph *graph, uint32_t piece,
                       void (*give)(void *context, uint32_t name), void *context);

/* ---- the file (emit.c) -------------------------------------------------------------------------
 */

/* The value of a variable. */
struct mfi_value_bytes {
    const char *name;
    const void *data;
    size_t size;
};

struct mfi_emission {
    const struct mfi_origin *origin;
    const struct mfi_graph *graph; /* NULL: the whole unit */
    uint32_t piece, name;          /* the function in the graph */
    const char *called;            /* what it is called in the text */
    const char *alias;             /* or NULL */
    const char *signature;
    const struct mfi_flags *flags;
    mayfly_source_form form;
    const struct mfi_value_bytes *values;
    size_t value_count;
    const char *const *needs; /* ends with NULL; or NULL */
};

int mfi_emit(const struct mfi_emission *emission, struct mfi_buffer *to, mayfly_error *error);

/* ---- the compiler as a witness (witness.c)
 * -----------------------------------------------------------------
 */

/* Runs the text through the preprocessor; its output is in `ret`.
 * Errors: MAYFLY_E_NO_COMPILER, MAYFLY_E_COMPILE with its first message, -ENOMEM. */
int mfi_preprocess(const char *compiler, const struct mfi_origin *origin, struct mfi_buffer *ret,
                   mayfly_error *error);

/* Compiles a text and forgets the result; `undefined` receives the names that it uses and does not
 * have, each with a NUL. Errors: as above. */
int mfi_check(const char *compiler, const struct mfi_flags *flags, const char *text, size_t size,
              struct mfi_buffer *undefined, mayfly_error *error);

#endif
