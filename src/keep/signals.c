/* SPDX-License-Identifier: MIT
 *
 * Deadly signals: what this process has made goes before it does.
 *
 * States      a signal is ours or not; ours -arrives-> swept -> the handler before ours is called,
 *             or the signal is raised again with its default action
 * Invariants  the handler calls what is async-signal-safe (tools/check has the list): it allocates
 *             nothing, takes no lock, and reads slots, which are valid at every instant.
 *             Only the process that made a thing removes it: not a forked child, and not a child of
 *             vfork(2), which runs in its parent's memory and is told by its pid.
 *             A second signal during the sweep waits for its end, so that it cannot cut it short.
 * Not handled SIGSEGV and its like: memory cannot be trusted then. SIGKILL and SIGSTOP have no
 *             handlers. For all of them there is the journal.
 */
#define _GNU_SOURCE
#include <mayfly/signals.h>

#include <sched.h>

#include "journal.h"
#include "registry.h"

static const struct {
    unsigned bit;
    int signal;
} known[] = {
    {MAYFLY_ON_HUP, SIGHUP},   {MAYFLY_ON_INT, SIGINT},   {MAYFLY_ON_QUIT, SIGQUIT},
    {MAYFLY_ON_PIPE, SIGPIPE}, {MAYFLY_ON_TERM, SIGTERM}, {MAYFLY_ON_XCPU, SIGXCPU},
    {MAYFLY_ON_XFSZ, SIGXFSZ}, {MAYFLY_ON_ABRT, SIGABRT},
};

static struct sigaction before[MFI_LENGTH(known)]; /* what was there when ours was installed */
static volatile sig_atomic_t installed[MFI_LENGTH(known)];

static size_t index_of(int signal) {
    size_t i = 0;
    while (i < MFI_LENGTH(known) && known[i].signal != signal)
        i++;
    return i;
}

static int is_default(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == SIG_DFL;
}

static int is_ignored(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == SIG_IGN;
}

/* ---- when one arrives ------------------------------------------------------------------------ */

/* One sweep at a time, in one thread; whoever comes during it waits for its end. */
static void sweep_once(int dies) {
    static _Atomic int sweeping;
    static _Thread_local volatile sig_atomic_t here;
    if (here || mfi_sys.getpid() != mfi_journal_pid())
        return;
    while (atomic_exchange(&sweeping, 1) != 0)
        (void)sched_yield();
    here = 1;
    mfi_registry_sweep_in_handler(dies);
    here = 0;
    atomic_store(&sweeping, 0);
}

/* The signal is blocked while its handler runs; it is delivered at the return. */
static void die_of(int signal) {
    const struct sigaction action = {.sa_handler = SIG_DFL};
    (void)mfi_sys.sigaction(signal, &action, NULL);
    (void)mfi_sys.raise(signal);
}

static void handle(int signal, siginfo_t *info, void *context) {
    const int saved = errno;
    const size_t i = index_of(signal);
    sweep_once(i < MFI_LENGTH(known) && is_default(&before[i]));
    if (i < MFI_LENGTH(known)) {
        if (is_default(&before[i]))
            die_of(signal);
        else if ((before[i].sa_flags & SA_SIGINFO) != 0)
            before[i].sa_sigaction(signal, info, context);
        else if (!is_ignored(&before[i]))
            before[i].sa_handler(signal);
    }
    errno = saved;
}

/* ---- asking for them ------------------------------------------------------------------------- */

static int install(size_t i) {
    struct sigaction current;
    struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    ours.sa_sigaction = handle;
    int r = mfi_sys.sigaction(known[i].signal, NULL, &current);
    if (r < 0 || installed[i] || is_ignored(&current))
        return r;
    /* All of ours wait while one is handled. */
    (void)sigemptyset(&ours.sa_mask);
    for (size_t other = 0; other < MFI_LENGTH(known); other++)
        (void)sigaddset(&ours.sa_mask, known[other].signal);
    before[i] = current;
    r = mfi_sys.sigaction(known[i].signal, &ours, NULL);
    installed[i] = r == 0;
    return r;
}

/* Unless somebody has put another handler over ours: then ours stays below it. */
static int uninstall(size_t i) {
    struct sigaction current;
    int r = 0;
    if (!installed[i])
        return 0;
    r = mfi_sys.sigaction(known[i].signal, NULL, &current);
    if (r < 0 || (current.sa_flags & SA_SIGINFO) == 0 || current.sa_sigaction != handle)
        return r;
    r = mfi_sys.sigaction(known[i].signal, &before[i], NULL);
    installed[i] = r != 0;
    return r;
}

int mayfly_keep_on_signals(unsigned signals, mayfly_error *error) {
    if ((signals & ~(unsigned)(MAYFLY_ON_USUAL | MAYFLY_ON_ABRT)) != 0)
        return mfi_fail(error, -EINVAL, "keep_on_signals", NULL, "unknown signals 0x%x",
                        signals & ~(unsigned)(MAYFLY_ON_USUAL | MAYFLY_ON_ABRT));
    (void)mfi_process(); /* made ready here, because a handler could not */
    int r = 0;
    for (size_t i = 0; i < MFI_LENGTH(known) && r == 0; i++)
        r = (signals & known[i].bit) != 0 ? install(i) : uninstall(i);
    if (r == 0)
        return 0;
    for (size_t i = 0; i < MFI_LENGTH(known); i++)
        (void)uninstall(i);
    return mfi_fail_call(error, r, "sigaction", NULL, -1);
}
