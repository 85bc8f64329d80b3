/* SPDX-License-Identifier: MIT
 *
 * Cleaning up when the process is told to stop.
 */
#ifndef MAYFLY_SIGNALS_H
#define MAYFLY_SIGNALS_H

#include <mayfly/error.h>

MAYFLY_BEGIN_DECLS

/* Deadly signals, as a mask. */
enum {
    MAYFLY_ON_HUP = 1 << 0,
    MAYFLY_ON_INT = 1 << 1,
    MAYFLY_ON_QUIT = 1 << 2,
    MAYFLY_ON_PIPE = 1 << 3,
    MAYFLY_ON_TERM = 1 << 4,
    MAYFLY_ON_XCPU = 1 << 5,
    MAYFLY_ON_XFSZ = 1 << 6,
    MAYFLY_ON_ABRT = 1 << 7,
    MAYFLY_ON_USUAL = (1 << 7) - 1, /* all but ABRT */
};

/* Installs handlers for these signals, in place of those asked for before; 0: none any more.
 *
 * When one arrives, everything that this process made and does not keep is removed, directories
 * with all that is in them; then the handler that was there before is called, or, where there was
 * none, the process ends by that signal, as its parent sees. A signal that is ignored stays
 * ignored. In a forked child nothing of the parent's is removed.
 *
 * A program that wants to live on after such a signal, or to save something first, must not ask for
 * it, or install its own handler after this call.
 *
 * Errors:    -EINVAL  other bits
 *            sigaction(2)'s; then none is installed
 * Safety:    thread any, but not at once with another call of sigaction(2) for these signals |
 *            fork: inherited | signal no; what is installed is async-signal-safe
 * Since:     0.1 (contract K4; signal-safety(7)) */
MAYFLY_API int mayfly_keep_on_signals(unsigned signals, mayfly_error *error);

MAYFLY_END_DECLS

#endif
