/* SPDX-License-Identifier: MIT
 *
 * Which system calls a piece of code really makes, seen from outside by ptrace(2).
 */
#ifndef MFT_SYSCALLS_H
#define MFT_SYSCALLS_H

#include <stddef.h>

/* Runs `warm` and then `body` in a traced child and writes the names of the calls that `body`
 * made, separated by blanks, into `names`. 0, or -errno: tracing is not to be had here
 * (-ENOSYS: not on this machine). */
int mft_syscalls(void (*warm)(void), void (*body)(void), char *names, size_t size);

#endif
