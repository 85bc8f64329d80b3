/* SPDX-License-Identifier: MIT
 *
 * What the kernel tells of processes and of itself, by proc(5).
 *
 * Not handled a system without /proc: then nothing is known, and whoever asks goes on without.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base.h"

/* The first `size` - 1 bytes of a small file, NUL after them. How many, or -errno. */
static ssize_t read_small(const char *path, char *to, size_t size) {
    mfi_auto_fd fd = mfi_sys.openat(AT_FDCWD, path, O_RDONLY | O_NOCTTY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    const ssize_t n = mfi_sys.read(fd, to, size - 1);
    to[n < 0 ? 0 : n] = '\0';
    return n;
}

void mfi_boot_id(char *to) {
    char text[64] = "";
    const ssize_t n = read_small("/proc/sys/kernel/random/boot_id", text, sizeof text);
    text[strcspn(text, "\n")] = '\0';
    memset(to, 0, MFI_BOOT_ID); /* it is compared as a whole */
    (void)snprintf(to, MFI_BOOT_ID, "%.36s", n < 0 ? "" : text);
}

/* Where field `wanted` of proc_pid_stat(5) begins. `name_end` is the parenthesis after field 2,
 * which may hold anything. */
static const char *field(const char *name_end, int wanted) {
    const char *at = name_end;
    for (int i = 2; i < wanted && at != NULL; i++)
        at = strchr(at + 1, ' ');
    return at == NULL ? "" : at + 1;
}

uint64_t mfi_process_started(int pid) {
    enum { STATE = 3, FLAGS = 9, THREADS = 20, STARTED = 22, EXITING = 4 };
    char path[40], text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (read_small(path, text, sizeof text) <= 0)
        return 0;
    const char *end = strrchr(text, ')');
    if (end == NULL)
        return 0;
    const char state = field(end, STATE)[0];
    const int ends = state == 'Z' || state == 'X' || state == 'x' ||
                     (strtoul(field(end, FLAGS), NULL, 10) & EXITING) != 0;
    if (ends && strtol(field(end, THREADS), NULL, 10) <= 1)
        return 0;
    return strtoull(field(end, STARTED), NULL, 10);
}

void mfi_process_command(int pid, char *to, size_t size) {
    char path[40];
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    const ssize_t n = read_small(path, to, size);
    to[n < 0 ? 0 : n] = '\0';
    for (ssize_t i = 0; i + 1 < n; i++)
        if ((unsigned char)to[i] < ' ' || to[i] == 0x7f)
            to[i] = ' '; /* NUL parts arguments; control characters are not for terminals */
}

uint32_t mfi_umask(void) {
    enum { MOST_PRIVATE = 077 };
    char text[1024];
    if (read_small("/proc/self/status", text, sizeof text) <= 0)
        return MOST_PRIVATE;
    const char *at = strstr(text, "\nUmask:");
    return at == NULL ? MOST_PRIVATE : (uint32_t)strtoul(at + 7, NULL, 8) & 0777u;
}

struct each {
    int fd; /* of the list itself */
    int (*visit)(const char *target, void *context);
    void *context;
};

static int visit_descriptor(const struct mfi_dirent *entry, void *context) {
    const struct each *each = context;
    char target[4096];
    if (strtol(entry->name, NULL, 10) == each->fd)
        return 0;
    const ssize_t n = mfi_sys.readlinkat(each->fd, entry->name, target, sizeof target - 1);
    if (n < 0)
        return (int)n;
    target[n] = '\0';
    return each->visit(target, each->context);
}

int mfi_each_descriptor(int (*visit)(const char *target, void *context), void *context) {
    mfi_auto_fd fd =
        mfi_sys.openat(AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    struct each each = {fd, visit, context};
    return fd < 0 ? fd : mfi_each_entry(fd, visit_descriptor, &each);
}
