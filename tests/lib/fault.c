/* SPDX-License-Identifier: MIT
 *
 * A wrapper for every entry of the table of system calls, made from the same list.
 */
#define _GNU_SOURCE
#include "fault.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "../../src/base/sys.h"

static _Atomic long all_calls, refused;
static const char *wanted, *last;
static long wanted_number;
static int wanted_code, wanted_onward;

static struct {
    const char *name;
    _Atomic long calls;
} counters[64];

static _Atomic long *counter(const char *name) {
    size_t i = 0;
    while (counters[i].name != NULL && strcmp(counters[i].name, name) != 0)
        i++;
    counters[i].name = name;
    return &counters[i].calls;
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

static int refuse(const char *name, _Atomic long *calls) {
    const long number = atomic_fetch_add(calls, 1) + 1;
    const long overall = atomic_fetch_add(&all_calls, 1) + 1;
    if (wanted_number == 0 || (wanted != NULL && strcmp(wanted, name) != 0))
        return 0;
    const long mine = wanted == NULL ? overall : number;
    if (mine != wanted_number && !(wanted_onward && mine > wanted_number))
        return 0;
    atomic_fetch_add(&refused, 1);
    last = name;
    return 1;
}

#define REFUSED(type)                                                                              \
    _Generic((type *)NULL, int * : refused_int, uid_t * : refused_uid_t, void ** : refused_pointer, \
             default : refused_ssize_t)

#define WRAP(type, name, parameters, arguments)                                                    \
    static type wrap_##name parameters {                                                           \
        static _Atomic long *calls;                                                                \
        if (calls == NULL)                                                                         \
            calls = counter(#name);                                                                \
        if (refuse(#name, calls))                                                                  \
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
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        counters[i].calls = 0;
    all_calls = refused = 0;
    wanted = name;
    wanted_number = n;
    wanted_code = code;
    wanted_onward = onward;
    last = "";
    mfi_sys = wrapped;
    mfi_sys.close = close_and_fail;
}

void mft_fault_count(void) {
    mft_fault_refuse(NULL, 0, 0, 0);
}

long mft_fault_calls(const char *name) {
    return name == NULL ? all_calls : *counter(name);
}

long mft_fault_refused(void) {
    return refused;
}

const char *mft_fault_last(void) {
    return last;
}

void mft_fault_end(void) {
    mfi_sys = mfi_sys_real;
}
