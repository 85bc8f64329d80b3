/* SPDX-License-Identifier: MIT
 *
 * Writing values.
 */
#ifndef MFI_WRITE_H
#define MFI_WRITE_H

#include "encode.h"
#include "read.h"

/* Writes to a sink, or without one into new memory: *ret. */
int mfi_dump(mayfly_doc *doc, mayfly_value value, const mayfly_dump_options *options,
             mayfly_sink *sink, void *sink_context, char **ret, size_t *ret_size,
             mayfly_error *error);

#endif
