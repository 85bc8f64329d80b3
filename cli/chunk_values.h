/* SPDX-License-Identifier: MIT
 *
 * The arguments of mayfly chunks.
 */
#ifndef CLI_CHUNK_VALUES_H
#define CLI_CHUNK_VALUES_H

#include "command.h"

struct chunk_values {
    mayfly_chunk_options options;
    const char *shell; /* --command; or NULL */
    size_t jobs;
    unsigned retries;
    int has_command, keep, keep_going, quiet, as_stdin;
    int print_json; /* as chunks are made */
};

/* 0, or EXIT_USAGE after saying what is wrong. */
int read_chunk_values(const struct cli_values *values, struct chunk_values *ret);

#endif
