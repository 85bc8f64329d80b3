/* SPDX-License-Identifier: MIT
 *
 * Printing values as Python would.
 */
#ifndef MFI_REPR_H
#define MFI_REPR_H

#include "value.h"

/* A container that is being printed, to know it again inside itself. */
struct mfi_inside {
    const struct mfi_inside *outer;
    uint64_t bits;
};

struct mfi_printer {
    struct mfi_buffer out;
    size_t max_bytes; /* 0: no limit */
    uint32_t depth, max_depth;
    const struct mfi_inside *inside;
    int code; /* of the failure */
};

/* All do nothing after a failure, or when the text is as long as it may be. */
void mfi_print(struct mfi_printer *p, mayfly_value v);
void mfi_print_text(struct mfi_printer *p, const char *text);
void mfi_print_format(struct mfi_printer *p, const char *format, ...) MFI_PRINTF(2, 3);
void mfi_print_str(struct mfi_printer *p, const char *text, size_t size);
/* A name from a pickle: without quotes, and escaped where it cannot be printed. */
void mfi_print_name(struct mfi_printer *p, const char *name);
void mfi_print_float(struct mfi_printer *p, double value);
bool mfi_print_full(const struct mfi_printer *p);
/* Items with commas between them, from the first-th on. */
void mfi_print_items(struct mfi_printer *p, mayfly_value v, size_t first);
void mfi_print_pairs(struct mfi_printer *p, mayfly_value v); /* in braces */

/* Objects (repr_known.c). */
void mfi_print_object(struct mfi_printer *p, mayfly_value v);
void mfi_print_global(struct mfi_printer *p, mayfly_value v);
void mfi_print_array(struct mfi_printer *p, mayfly_value v); /* repr_array.c */

bool mfi_is_printable(uint32_t c); /* printable.c */

/* The str() of an object of a known class (repr_known.c): 1, 0: it has none but its repr. */
int mfi_known_text(mayfly_value v, struct mfi_printer *p);

#endif
