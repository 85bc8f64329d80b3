/* SPDX-License-Identifier: MIT
 *
 * What the system knows of a user, and what the environment says.
 */
#define _GNU_SOURCE
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "base.h"

static int find(uid_t uid, struct passwd *entry, char *buffer, size_t size) {
    struct passwd *found = NULL;
    const int code = getpwuid_r(uid, entry, buffer, size, &found);
    if (code != 0)
        return -code;
    return found == NULL ? -ENOENT : 0;
}

void mfi_user_name(uint32_t uid, char *name, size_t size) {
    char buffer[4096];
    struct passwd entry;
    if (find(uid, &entry, buffer, sizeof buffer) == 0)
        (void)snprintf(name, size, "%s", entry.pw_name);
    else
        (void)snprintf(name, size, "%lu", (unsigned long)uid);
}

char *mfi_user_home(uint32_t uid) {
    char buffer[4096];
    struct passwd entry;
    return find(uid, &entry, buffer, sizeof buffer) == 0 ? mfi_strdup(entry.pw_dir) : NULL;
}

int mfi_privileged(void) {
    static _Atomic int known; /* 0: not yet, 1: no, 2: yes; it never changes in a process */
    int value = atomic_load_explicit(&known, memory_order_relaxed);
    if (value == 0) {
        value = getauxval(AT_SECURE) != 0 ? 2 : 1;
        atomic_store_explicit(&known, value, memory_order_relaxed);
    }
    return value == 2;
}

const char *mfi_getenv(const char *name) {
    const char *value = mfi_privileged() ? NULL : getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}
