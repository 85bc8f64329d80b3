/* SPDX-License-Identifier: MIT
 *
 * Which directory a place means, and what is known about it.
 *
 * States      for each place: unknown -proof-> known, with the signature of the environment in
 *             which it was proved -> unknown again when the environment is another, when a file
 *             made there belongs to another user than the proof's (create.c), or when nothing can
 *             be made there any more
 * Invariants  looking up what is known takes no lock and no system call. MAYFLY_PLACE_NEAR is
 *             never remembered: it depends on a path.
 * Why not remember for good, as tempfile does: a server that starts as root and then becomes
 *             another user would go on with root's directory.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "temp.h"

static struct mfi_parent *_Atomic known[MAYFLY_PLACE_NEAR];
static struct mfi_parent *_Atomic chosen; /* mayfly_settempdir */
static struct mfi_lock proving;

/* One proof after another, with what was wrong with those before. */
struct search {
    struct mfi_parent *found;
    struct mfi_buffer tried;
    mayfly_error *error;
};

static int try_candidate(struct mfi_candidate *candidate, void *user) {
    struct search *search = user;
    mayfly_error why;
    const int private = strcmp(candidate->reason, "XDG_RUNTIME_DIR") == 0;
    const int r = mfi_candidate_prove(candidate->path, private, &search->found, &why);
    if (r == 0) {
        search->found->reason = candidate->reason;
        return 1;
    }
    if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
        return mfi_fail(search->error, r, why.operation, why.path, NULL);
    char text[160];
    (void)mayfly_strerror(r, text, sizeof text);
    mfi_auto_free char *line = mfi_format("%s%s \"%s\": %s", search->tried.size == 0 ? "" : "; ",
                                          candidate->reason, candidate->path, text);
    if (line != NULL)
        (void)mfi_buffer_append(&search->tried, line, strlen(line)); /* the list is for people */
    return 0;
}

static int search_place(mayfly_place place, const char *near, struct mfi_parent **ret,
                        mayfly_error *error) {
    struct search search = {.error = error};
    const int r = mfi_candidates(place, near, try_candidate, &search, error);
    mfi_auto_buffer tried = search.tried;
    if (r < 0)
        return r;
    if (r == 0)
        return mfi_fail(error, -ENOENT, "gettempdir", NULL,
                        "no directory for temporary files can be used (%s); set TMPDIR to one "
                        "that exists and can be written",
                        tried.data == NULL ? "none is named" : tried.data);
    *ret = search.found;
    return 0;
}

static struct mfi_parent *recall(mayfly_place place, uint64_t signature) {
    struct mfi_parent *parent = NULL;
    if (place == MAYFLY_PLACE_DEFAULT &&
        atomic_load_explicit(&chosen, memory_order_relaxed) != NULL)
        parent = mfi_parent_acquire(&chosen);
    if (parent != NULL)
        return parent;
    parent = mfi_parent_acquire(&known[place]);
    if (parent != NULL && parent->signature == signature)
        return parent;
    mfi_parent_unref(parent);
    return NULL;
}

int mfi_where_parent(mayfly_place place, const char *near, struct mfi_parent **ret,
                     mayfly_error *error) {
    if ((unsigned)place >= MAYFLY_PLACE_NEAR)
        return search_place(place, near, ret, error);
    const uint64_t signature = mfi_environment_signature();
    struct mfi_parent *parent = recall(place, signature);
    if (parent == NULL) {
        mfi_slots_prepare(); /* whoever is told of it may come back here: not under the lock */
        mfi_lock_take(&proving);
        parent = recall(place, signature); /* another thread may have proved it meanwhile */
        int r = 0;
        if (parent == NULL)
            r = search_place(place, NULL, &parent, error);
        if (r == 0 && parent->signature == 0 && parent->uid != MFI_UID_UNKNOWN) {
            parent->signature = signature;
            mfi_parent_replace(&known[place], mfi_parent_ref(parent));
        }
        mfi_lock_give(&proving);
        if (r < 0)
            return r;
    }
    *ret = parent;
    return 0;
}

void mfi_where_stale(mayfly_place place) {
    if ((unsigned)place < MAYFLY_PLACE_NEAR)
        mfi_parent_replace(&known[place], NULL);
}

void mfi_where_forget(void) {
    for (size_t i = 0; i < MFI_LENGTH(known); i++)
        mfi_parent_replace(&known[i], NULL);
    mfi_parent_replace(&chosen, NULL);
}

/* ---- public ---------------------------------------------------------------------------------- */

/* Paths that were handed out: they stay valid for ever, and there are few different ones. */
struct told {
    struct told *next;
    char path[];
};

static struct told *_Atomic told;

static const char *tell_for_ever(const char *path) {
    for (const struct told *t = atomic_load(&told); t != NULL; t = t->next)
        if (strcmp(t->path, path) == 0)
            return t->path;
    const size_t size = strlen(path) + 1;
    struct told *fresh = mfi_sys.malloc(sizeof *fresh + size);
    if (fresh == NULL)
        return NULL;
    memcpy(fresh->path, path, size);
    fresh->next = atomic_load(&told);
    while (!atomic_compare_exchange_weak(&told, &fresh->next, fresh)) {
    }
    return fresh->path;
}

/* A uid that has changed since the proof is seen here without making a file. */
static int current_parent(mayfly_place place, const char *near, struct mfi_parent **ret,
                          mayfly_error *error) {
    static _Atomic int64_t last_uid = -1;
    const int64_t uid = (int64_t)mfi_sys.geteuid();
    if (atomic_exchange(&last_uid, uid) != uid)
        for (size_t i = 0; i < MFI_LENGTH(known); i++)
            mfi_where_stale((mayfly_place)i);
    return mfi_where_parent(place, near, ret, error);
}

int mayfly_gettempdir(const char **ret_path, mayfly_error *error) {
    struct mfi_parent *parent = NULL;
    const int r = current_parent(MAYFLY_PLACE_DEFAULT, NULL, &parent, error);
    if (r < 0)
        return r;
    const char *path = tell_for_ever(parent->path);
    const size_t size = strlen(parent->path);
    mfi_parent_unref(parent);
    if (path == NULL)
        return mfi_fail_memory(error, size);
    *ret_path = path;
    return 0;
}

int mayfly_settempdir(const char *path, mayfly_error *error) {
    struct mfi_parent *parent = NULL;
    if (path != NULL) {
        const int r = mfi_parent_open(path, &parent, error);
        if (r < 0)
            return r;
        parent->reason = "mayfly_settempdir";
        parent->uid = MFI_UID_UNKNOWN;
    }
    mfi_parent_replace(&chosen, parent);
    return 0;
}

const char *mayfly_gettempprefix(void) {
    return "tmp";
}

static int describe(const struct mfi_parent *parent, mayfly_where_report *report,
                    mayfly_error *error) {
    struct stat st;
    struct mfi_filesystem fs;
    int r = mfi_sys.fstatat(parent->fd, ".", &st, 0);
    if (r < 0)
        return mfi_fail_call(error, r, "fstatat", parent->path, -1);
    r = mfi_sys.statfs(parent->fd, &fs);
    if (r < 0)
        return mfi_fail_call(error, r, "statfs", parent->path, -1);
    (void)snprintf(report->path, sizeof report->path, "%s", parent->path);
    (void)snprintf(report->reason, sizeof report->reason, "%s", parent->reason);
    report->mode = (uint32_t)(st.st_mode & 07777);
    report->uid = st.st_uid;
    report->gid = st.st_gid;
    mfi_user_name(st.st_uid, report->owner, sizeof report->owner);
    (void)snprintf(report->file_system, sizeof report->file_system, "%s", fs.type);
    report->in_memory = fs.in_memory != 0;
    mfi_auto_fd unnamed = mfi_sys.open_unnamed(parent->fd, 0600);
    report->unnamed = unnamed >= 0;
    report->total_bytes = fs.total_bytes;
    report->free_bytes = fs.free_bytes;
    report->total_inodes = fs.total_inodes;
    report->free_inodes = fs.free_inodes;
    return 0;
}

int mayfly_where_sized(size_t report_size, mayfly_place place, const char *near,
                       mayfly_where_report *ret, mayfly_error *error) {
    struct mfi_parent *parent = NULL;
    int r = current_parent(place, near, &parent, error);
    if (r < 0)
        return r;
    mfi_auto_free mayfly_where_report *report = mfi_sys.calloc(1, sizeof *report);
    r = report == NULL ? mfi_fail_memory(error, sizeof *report) : describe(parent, report, error);
    mfi_parent_unref(parent);
    if (r < 0)
        return r;
    memcpy(ret, report, report_size < sizeof *report ? report_size : sizeof *report);
    return 0;
}

struct visitor {
    int (*visit)(const char *reason, const char *path, int code, void *user);
    void *user;
};

static int visit_proved(struct mfi_candidate *candidate, void *user) {
    const struct visitor *visitor = user;
    struct mfi_parent *parent = NULL;
    const int private = strcmp(candidate->reason, "XDG_RUNTIME_DIR") == 0;
    const int code = mfi_candidate_prove(candidate->path, private, &parent, NULL);
    mfi_parent_unref(parent);
    return visitor->visit(candidate->reason, candidate->path, code, visitor->user);
}

int mayfly_where_candidates(mayfly_place place, const char *near,
                            int (*visit)(const char *reason, const char *path, int code,
                                         void *user),
                            void *user, mayfly_error *error) {
    struct visitor visitor = {visit, user};
    return mfi_candidates(place, near, visit_proved, &visitor, error);
}
