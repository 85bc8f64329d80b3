/* SPDX-License-Identifier: MIT
 *
 * A bar on a terminal's last line.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdint.h>

/* Only when stderr is a terminal, and not when `quiet`. */
void progress_begin(int quiet);

/* done of total bytes (-1: not known). Unless `now`, ten times a second at the most. */
void progress_show(uint64_t chunks, uint64_t rows, int64_t done, int64_t total, int now);

/* Clears the line, so that something else can be printed. */
void progress_clear(void);

#endif
