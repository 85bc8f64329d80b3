/* SPDX-License-Identifier: MIT
 *
 * Refusing system calls and allocations, by wrapping every entry of the library's table.
 */
#ifndef MFT_FAULT_H
#define MFT_FAULT_H

/* Starts counting calls and refuses nothing. */
void mft_fault_count(void);

/* Refuses the n-th call (from 1) of that name, or of any name if it is NULL, with `code` (-errno;
 * memory: NULL). With `onward` also all later ones. */
void mft_fault_refuse(const char *name, long n, int code, int onward);

/* Calls of that name, or all, since then. */
long mft_fault_calls(const char *name);

/* How many calls were refused. */
long mft_fault_refused(void);

/* The name of the call that was refused last. */
const char *mft_fault_last(void);

/* Back to the real table. */
void mft_fault_end(void);

#endif
