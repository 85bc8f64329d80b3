/* SPDX-License-Identifier: MIT
 *
 * The directories that may be the temporary one, in order, and the proof that one of them is.
 *
 * Invariant   a candidate is proved by doing what it is for: creating, writing and removing a file.
 *             access(2) and mode bits lie about ACLs, read-only mounts, quotas and full disks.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "temp.h"

enum source {
    SOURCE_END = 0,
    SOURCE_TMPDIR,
    SOURCE_TEMP,
    SOURCE_TMP,
    SOURCE_SLASH_TMP,
    SOURCE_VAR_TMP,
    SOURCE_USR_TMP,
    SOURCE_CWD,
    SOURCE_HOME,
    SOURCE_RUNTIME,
    SOURCES,
};

static const struct {
    const char *reason;
    const char *variable; /* asked in the environment, or */
    const char *path;     /* fixed */
} sources[SOURCES] = {
    [SOURCE_TMPDIR] = {"TMPDIR", "TMPDIR", NULL},
    [SOURCE_TEMP] = {"TEMP", "TEMP", NULL},
    [SOURCE_TMP] = {"TMP", "TMP", NULL},
    [SOURCE_SLASH_TMP] = {"platform list", NULL, "/tmp"},
    [SOURCE_VAR_TMP] = {"platform list", NULL, "/var/tmp"},
    [SOURCE_USR_TMP] = {"platform list", NULL, "/usr/tmp"},
    [SOURCE_CWD] = {"working directory", NULL, "."},
    [SOURCE_HOME] = {"home", "HOME", NULL},
    [SOURCE_RUNTIME] = {"XDG_RUNTIME_DIR", "XDG_RUNTIME_DIR", NULL},
};

static const unsigned char orders[][SOURCES] = {
    [MAYFLY_PLACE_DEFAULT] = {SOURCE_TMPDIR, SOURCE_TEMP, SOURCE_TMP, SOURCE_SLASH_TMP,
                              SOURCE_VAR_TMP, SOURCE_USR_TMP, SOURCE_CWD, SOURCE_HOME},
    [MAYFLY_PLACE_SMALL] = {SOURCE_TMPDIR, SOURCE_SLASH_TMP, SOURCE_TEMP, SOURCE_TMP,
                            SOURCE_VAR_TMP, SOURCE_USR_TMP, SOURCE_CWD, SOURCE_HOME},
    [MAYFLY_PLACE_LARGE] = {SOURCE_VAR_TMP, SOURCE_TMPDIR, SOURCE_TEMP, SOURCE_TMP,
                            SOURCE_SLASH_TMP, SOURCE_USR_TMP, SOURCE_CWD, SOURCE_HOME},
    [MAYFLY_PLACE_PRIVATE] = {SOURCE_RUNTIME, SOURCE_TMPDIR, SOURCE_TEMP, SOURCE_TMP,
                              SOURCE_SLASH_TMP, SOURCE_VAR_TMP, SOURCE_USR_TMP, SOURCE_CWD,
                              SOURCE_HOME},
    [MAYFLY_PLACE_NEAR] = {SOURCE_TMPDIR, SOURCE_TEMP, SOURCE_TMP, SOURCE_SLASH_TMP, SOURCE_VAR_TMP,
                           SOURCE_USR_TMP, SOURCE_CWD, SOURCE_HOME},
};

/* The directory that a source names, NULL: none. */
static int source_path(enum source source, char **ret, mayfly_error *error) {
    mfi_auto_free char *home = NULL;
    const char *path = sources[source].path;
    if (sources[source].variable != NULL)
        path = mfi_getenv(sources[source].variable);
    if (path == NULL && source == SOURCE_HOME)
        path = home = mfi_user_home((uint32_t)mfi_sys.geteuid());
    if (path == NULL) {
        *ret = NULL;
        return 0;
    }
    const int r = mfi_absolute(path, ret, NULL);
    if (r == -ENOMEM)
        return mfi_fail_memory(error, strlen(path));
    if (r < 0)
        *ret = NULL; /* the working directory is gone: that candidate does not exist */
    return 0;
}

/* `near` and the directory it lies in. */
static int near_directory(const char *near, char **ret_dir, uint64_t *ret_device,
                          mayfly_error *error) {
    struct stat st;
    mfi_auto_free char *dir = NULL;
    int r = mfi_absolute(near, &dir, error);
    if (r < 0)
        return r;
    r = mfi_sys.fstatat(AT_FDCWD, dir, &st, 0);
    if (r < 0 || !S_ISDIR(st.st_mode)) {
        char *slash = strrchr(dir, '/');
        slash[slash == dir] = '\0';
        r = mfi_sys.fstatat(AT_FDCWD, dir, &st, 0);
    }
    if (r < 0)
        return mfi_fail_call(error, r, "fstatat", dir, -1);
    *ret_device = (uint64_t)st.st_dev;
    *ret_dir = mfi_take(dir);
    return 0;
}

static int visit_source(enum source source, const uint64_t *device,
                        int (*visit)(struct mfi_candidate *candidate, void *user), void *user,
                        mayfly_error *error) {
    mfi_auto_free char *path = NULL;
    const int r = source_path(source, &path, error);
    if (r < 0 || path == NULL)
        return r;
    struct stat st;
    if (device != NULL &&
        (mfi_sys.fstatat(AT_FDCWD, path, &st, 0) < 0 || (uint64_t)st.st_dev != *device))
        return 0;
    struct mfi_candidate candidate = {sources[source].reason, path};
    const int result = visit(&candidate, user);
    path = candidate.path;
    return result;
}

int mfi_candidates(mayfly_place place, const char *near,
                   int (*visit)(struct mfi_candidate *candidate, void *user), void *user,
                   mayfly_error *error) {
    if ((unsigned)place >= MFI_LENGTH(orders))
        return mfi_fail(error, -EINVAL, "place", NULL, "%u is no MAYFLY_PLACE_", (unsigned)place);
    mfi_auto_free char *beside = NULL;
    uint64_t device = 0;
    if (place == MAYFLY_PLACE_NEAR) {
        if (near == NULL)
            return mfi_fail(error, -EINVAL, "place", NULL, "MAYFLY_PLACE_NEAR needs a path: near");
        const int r = near_directory(near, &beside, &device, error);
        if (r < 0)
            return r;
    }
    for (const unsigned char *source = orders[place]; *source != SOURCE_END; source++) {
        const int r = visit_source((enum source) * source, beside == NULL ? NULL : &device, visit,
                                   user, error);
        if (r != 0)
            return r;
    }
    if (beside == NULL)
        return 0;
    struct mfi_candidate candidate = {"directory of the given path", beside};
    const int r = visit(&candidate, user);
    beside = candidate.path;
    return r;
}

static int check_private(const struct mfi_parent *parent, mayfly_error *error) {
    struct stat st;
    const int r = mfi_sys.fstatat(parent->fd, ".", &st, 0);
    if (r < 0)
        return mfi_fail_call(error, r, "fstatat", parent->path, -1);
    if (st.st_uid != mfi_sys.geteuid())
        return mfi_fail(error, -EPERM, "private", parent->path, "belongs to another user");
    if ((st.st_mode & 077) != 0)
        return mfi_fail(error, -EPERM, "private", parent->path,
                        "is open to other users (mode %04o)", (unsigned)(st.st_mode & 07777));
    return 0;
}

static int write_and_look(int fd, struct mfi_slot *slot, mayfly_error *error) {
    struct mfi_parent *parent = slot->parent;
    struct stat st;
    const int r = mfi_sys.fstat(fd, &st);
    if (r < 0)
        return mfi_fail_call(error, r, "fstat", parent->path, -1);
    mfi_slot_arm(slot, &st, mfi_time_made(&st));
    const ssize_t n = mfi_sys.write(fd, "test", 4);
    if (n != 4)
        return mfi_fail_call(error, n < 0 ? (int)n : -ENOSPC, "write", parent->path, fd);
    parent->uid = st.st_uid;
    return 0;
}

static int create_probe(struct mfi_slot *slot, mayfly_error *error) {
    int fd = -EEXIST;
    slot->random_name = 1;
    for (int attempt = 0; fd == -EEXIST && attempt < 100; attempt++) {
        mfi_slot_begin_name(slot);
        const int r = mfi_random_name(slot->name);
        if (r < 0)
            return mfi_fail_call(error, r, "getrandom", NULL, -1);
        slot->name[MFI_NAME_RANDOM] = '\0';
        mfi_slot_announce(slot);
        fd = mfi_sys.openat(slot->parent->fd, slot->name,
                            O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    return fd < 0 ? mfi_fail_call(error, fd, "openat", slot->parent->path, -1) : fd;
}

static int use_probe(struct mfi_slot *slot, mayfly_error *error) {
    const struct mfi_parent *parent = slot->parent;
    const int fd = create_probe(slot, error);
    if (fd < 0)
        return fd;
    int r = write_and_look(fd, slot, error);
    int closed = mfi_sys.close(fd);
    if (r == 0 && closed < 0)
        r = mfi_fail_call(error, closed, "close", parent->path, -1);
    closed = mfi_sys.unlinkat(parent->fd, slot->name, 0);
    if (r == 0 && closed < 0)
        r = mfi_fail_call(error, closed, "unlinkat", parent->path, -1);
    return r;
}

static int try_file(struct mfi_parent *parent, mayfly_error *error) {
    struct mfi_slot *slot = NULL;
    if (mfi_slot_reserve(parent, MFI_KIND_FILE, &slot) < 0)
        return mfi_fail_memory(error, sizeof *slot);
    const int r = use_probe(slot, error);
    mfi_slot_release(slot);
    return r;
}

int mfi_candidate_prove(const char *path, int must_be_private, struct mfi_parent **ret,
                        mayfly_error *error) {
    struct mfi_parent *parent = NULL;
    int r = mfi_parent_open(path, &parent, error);
    if (r < 0)
        return r;
    if (must_be_private)
        r = check_private(parent, error);
    if (r == 0)
        r = try_file(parent, error);
    if (r < 0) {
        mfi_parent_unref(parent);
        return r;
    }
    *ret = parent;
    return 0;
}

/* Eight bytes at a time: this is asked for every file. A collision would only keep a directory that
 * was proved. */
static inline uint64_t mix_word(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static uint64_t mix(uint64_t hash, const char *text) {
    size_t left = strlen(text) + 1;
    uint64_t word = 0;
    for (; left >= sizeof word; left -= sizeof word, text += sizeof word) {
        memcpy(&word, text, sizeof word);
        hash = mix_word(hash, word);
    }
    word = 0;
    memcpy(&word, text, left);
    return mix_word(hash, word);
}

static int starts(const char *entry, const char *name, size_t size) {
    return strncmp(entry, name, size) == 0;
}

#define STARTS(entry, name) starts(entry, name, sizeof(name) - 1)

/* Two letters tell nearly all other entries apart. */
static inline int matters(const char *entry) {
    if (entry[0] == 'T' && (entry[1] == 'M' || entry[1] == 'E'))
        return STARTS(entry, "TMPDIR=") || STARTS(entry, "TEMP=") || STARTS(entry, "TMP=");
    if (entry[0] == 'H' && entry[1] == 'O')
        return STARTS(entry, "HOME=");
    return entry[0] == 'X' && entry[1] == 'D' && STARTS(entry, "XDG_RUNTIME_DIR=");
}

uint64_t mfi_environment_signature(void) {
    uint64_t hash = 0xcbf29ce484222325u;
    if (environ != NULL && !mfi_privileged())
        for (char **entry = environ; *entry != NULL; entry++)
            if (matters(*entry))
                hash = mix(hash, *entry);
    return hash | 1;
}
