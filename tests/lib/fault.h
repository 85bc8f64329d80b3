/* SPDX-License-Identifier: MIT
 *
 * Refusing system calls and allocations, by wrapping every entry of the library's table.
 *
 * A call is named as in MFI_SYSCALLS of src/base/sys.h; "memory" stands for malloc, calloc and
 * realloc together, NULL for every call there is. A name that the table lacks fails the test.
 */
#ifndef MFT_FAULT_H
#define MFT_FAULT_H

#include <mayfly/error.h>

/* As a code: the process is killed before the call, as by a power cut. For a forked child. */
#define MFT_FAULT_DIE 1

/* As a code: SIGTERM is raised before the call, which is made if the process lives on. */
#define MFT_FAULT_TERM 2

/* Starts counting calls and refuses nothing. */
void mft_fault_count(void);

/* Refuses the n-th call (from 1; 0: none) of that name with `code` (-errno; memory: NULL). With
 * `onward` also all later ones. */
void mft_fault_refuse(const char *name, long n, int code, int onward);

/* Calls of that name since then. */
long mft_fault_calls(const char *name);

/* The calls since then in their order, separated by blanks; the first thousand of them. */
const char *mft_fault_sequence(void);

/* How many calls were refused. */
long mft_fault_refused(void);

/* The name of the call that was refused last. */
const char *mft_fault_last(void);

/* Back to the real table. */
void mft_fault_end(void);

/* Runs `scene` again and again, refusing its first call, its second and so on with `code` (with
 * `onward`: that one and all later ones), until a run is refused nothing and gives 0. Returns how
 * many runs were refused a call.
 *
 * After each run as many descriptors must be open as before and the test's TMPDIR must be empty.
 * A run that fails must say so in error->code. Only where a removal itself was refused, and the
 * run failed, may something be left; it is taken away before the next run.
 *
 * A call that closes or removes on behalf of a failure may be refused unseen, so a refused run
 * may also give 0. */
long mft_fault_until_ok(int (*scene)(void *context, mayfly_error *error), void *context, int code,
                        int onward);

#endif
