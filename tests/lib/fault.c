/* SPDX-License-Identifier: MIT
 *
 * A wrapper for every entry of the table of system calls, made from the same list.
 *
 * Invariant       what is to be refused is set before the calls are made; threads may make them.
 * Not handled     calls that the C library makes on its own (stdio, getpwuid): the table does not
 *                 see them.
 */
#define _GNU_SOURCE
#include "fault.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/temp/temp.h"
#include "harness.h"

#define NUMBER(type, name, parameters, arguments) CALL_##name,
enum call { MFI_SYSCALLS(NUMBER) CALLS, MEMORY = CALLS, ANY };

#define NAME(type, name, parameters, arguments) #name,
static const char *const call_names[CALLS] = {MFI_SYSCALLS(NAME)};

static _Atomic long counts[ANY + 1], refused;
static _Atomic int last;
static int wanted, wanted_code, wanted_onward;
static long wanted_number;

enum { RECORDED = 1000 };
static unsigned char record[RECORDED];

static int call_of(const char *name) {
    if (name == NULL)
        return ANY;
    if (strcmp(name, "memory") == 0)
        return MEMORY;
    for (int i = 0; i < CALLS; i++)
        if (strcmp(call_names[i], name) == 0)
            return i;
    fail_msg("there is no call \"%s\" in the table of system calls", name);
    return ANY;
}

/* What a refused entry returns, by its type. */
static int refused_int(int code) {
    return code;
}

static ssize_t refused_ssize_t(int code) {
    return code;
}

static uid_t refused_uid_t(int code) {
    (void)code;
    return mfi_sys_real.geteuid(); /* geteuid(2) cannot fail */
}

static void *refused_pointer(int code) {
    (void)code;
    return NULL;
}

static int is_memory(int call) {
    return call == CALL_malloc || call == CALL_calloc || call == CALL_realloc;
}

static int refuse(int call) {
    const long alike = atomic_fetch_add(&counts[call], 1) + 1;
    const long memory = is_memory(call) ? atomic_fetch_add(&counts[MEMORY], 1) + 1 : 0;
    const long all = atomic_fetch_add(&counts[ANY], 1) + 1;
    if (all <= RECORDED)
        record[all - 1] = (unsigned char)call;
    const long mine = wanted == ANY ? all : wanted == MEMORY ? memory : call == wanted ? alike : 0;
    if (wanted_number == 0 || mine < wanted_number || (mine > wanted_number && !wanted_onward))
        return 0;
    if (wanted_code == MFT_FAULT_DIE)
        (void)kill(getpid(), SIGKILL);
    if (wanted_code == MFT_FAULT_TERM) {
        (void)raise(SIGTERM);
        return 0;
    }
    atomic_fetch_add(&refused, 1);
    atomic_store(&last, call);
    return 1;
}

#define REFUSED(type)                                                                              \
    _Generic((type *)NULL,                                                                         \
        int *: refused_int,                                                                        \
        uid_t *: refused_uid_t,                                                                    \
        void **: refused_pointer,                                                                  \
        default: refused_ssize_t)

#define WRAP(type, name, parameters, arguments)                                                    \
    static type wrap_##name parameters {                                                           \
        if (refuse(CALL_##name))                                                                   \
            return REFUSED(type)(wanted_code);                                                     \
        return mfi_sys_real.name arguments;                                                        \
    }
MFI_SYSCALLS(WRAP)

#define MEMBER(type, name, parameters, arguments) .name = wrap_##name,
static const struct mfi_sys wrapped = {MFI_SYSCALLS(MEMBER)};

/* A close that fails has closed all the same (close(2)). */
static int close_and_fail(int fd) {
    const int r = wrap_close(fd);
    if (r < 0)
        (void)mfi_sys_real.close(fd);
    return r;
}

void mft_fault_refuse(const char *name, long n, int code, int onward) {
    const int call = call_of(name);
    for (int i = 0; i <= ANY; i++)
        atomic_store(&counts[i], 0);
    atomic_store(&refused, 0);
    wanted = call;
    wanted_number = n;
    wanted_code = code;
    wanted_onward = onward;
    mfi_sys = wrapped;
    mfi_sys.close = close_and_fail;
}

void mft_fault_count(void) {
    mft_fault_refuse(NULL, 0, 0, 0);
}

long mft_fault_calls(const char *name) {
    return atomic_load(&counts[call_of(name)]);
}

const char *mft_fault_sequence(void) {
    static char text[RECORDED * 18];
    size_t used = 0;
    text[0] = '\0';
    for (long i = 0; i < RECORDED && i < atomic_load(&counts[ANY]); i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i == 0 ? "" : " ",
                                 call_names[record[i]]);
    return text;
}

long mft_fault_refused(void) {
    return atomic_load(&refused);
}

const char *mft_fault_last(void) {
    return atomic_load(&refused) == 0 ? "" : call_names[atomic_load(&last)];
}

void mft_fault_end(void) {
    mfi_sys = mfi_sys_real;
}

/* ---- a scene, with each of its calls refused in turn ----------------------------------------- */

/* The calls by which something is taken away; the first makes sure that it is still ours. */
static int is_removing(const char *call) {
    return strcmp(call, "fstatat") == 0 || strcmp(call, "unlinkat") == 0;
}

static void check_run(long n, int r, const mayfly_error *error, int descriptors) {
    const char *call = mft_fault_last();
    if (r < 0 && error->code != r)
        fail_msg("call %ld (%s) refused: gave %d, and error.code is %d", n, call, r, error->code);
    if (mft_descriptors() != descriptors)
        fail_msg("call %ld (%s) refused: %d descriptors were open before, %d are now", n, call,
                 descriptors, mft_descriptors());
    if (mft_entries(mft_tmp()) == 0)
        return;
    if (r >= 0 || !is_removing(call))
        fail_msg("call %ld (%s) refused, giving %d: something is left in TMPDIR", n, call, r);
    mft_empty();
}

long mft_fault_until_ok(int (*scene)(void *context, mayfly_error *error), void *context, int code,
                        int onward) {
    mfi_where_forget();
    const int descriptors = mft_descriptors();
    for (long n = 1;; n++) {
        mayfly_error error = {.code = 0};
        mft_fault_refuse(NULL, n, code, onward);
        const int r = scene(context, &error);
        mft_fault_end();
        mfi_where_forget();
        check_run(n, r, &error, descriptors);
        if (mft_fault_refused() > 0)
            continue;
        if (r < 0)
            fail_msg("nothing was refused, and it gave %d: %s", r, error.message);
        return n - 1;
    }
}
