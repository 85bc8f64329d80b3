/* SPDX-License-Identifier: MIT
 *
 * Emptying directories, one after the other.
 *
 * Each directory is read once: what is no directory goes at once, by the name that was just read;
 * the names of subdirectories are kept and visited then. So memory is taken for names of
 * directories only (and for those in a part of a large one, while that is sorted: order.c), and a
 * directory is not read again for each of its subdirectories.
 *
 * Invariants      an error is recorded and the work goes on; only a lack of memory and the caller
 *                 end it. Nothing is opened but directories. A directory that is refilled while it
 *                 is emptied is read MFI_RESCANS times more, then recorded as not empty.
 * Not handled     a file system that leaves names out when entries are removed between two reads:
 *                 they are found because the directory is not empty, and it is read again; but not
 *                 if something else in it is left as well.
 *                 Whoever adds names faster than they are removed, all of them behind the place
 *                 where the directory is being read, prolongs that reading.
 * Why this way    a stat for each entry would double the calls; the kernel tells the type with the
 *                 name, and where it does not, unlinkat(2) refuses a directory.
 */
#define _GNU_SOURCE
#include "empty.h"

#include <fcntl.h>

#include "crew.h"
#include "order.h"

/* With fewer threads there would be descriptors: what failed is not recorded but done again. */
static int is_too_many_threads(const struct mfi_walk *walk, int code) {
    return walk->crew != NULL && (code == -EMFILE || code == -ENFILE);
}

/* ---- one directory --------------------------------------------------------------------------- */

/* unlinkat says EISDIR of a directory on Linux, EPERM where POSIX is followed. */
static int is_directory(int code, const struct mfi_walk *walk, const char *name) {
    struct stat st;
    if (code == -EISDIR)
        return 1;
    return code == -EPERM &&
           mfi_sys.fstatat(mfi_walk_top(walk)->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(st.st_mode);
}

static int remove_entry(struct mfi_walk *walk, const struct mfi_dirent *entry) {
    if (entry->type == DT_DIR)
        return mfi_walk_push_name(walk, entry->name) < 0 ? -ENOMEM : 0;
    const int r = mfi_walk_unlink(walk, entry->name, 0);
    if (r == 0)
        walk->files++;
    if (r == 0 || r == -ENOENT)
        return 0;
    if (is_directory(r, walk, entry->name))
        return mfi_walk_push_name(walk, entry->name) < 0 ? -ENOMEM : 0;
    mfi_walk_record(walk, entry->name, r);
    return 0;
}

int mfi_empty_entries(struct mfi_walk *walk, const char *entries, size_t size) {
    int r = 0;
    for (const char *at = entries; r == 0 && at < entries + size;) {
        const struct mfi_dirent *entry = (const struct mfi_dirent *)(const void *)at;
        if (!mfi_is_dot(entry->name))
            r = remove_entry(walk, entry);
        at += entry->length;
        r = mfi_first(r, mfi_crew_code(walk));
    }
    return r;
}

/* By another thread of the crew, or by this one. */
static int remove_entries(struct mfi_walk *walk, char *entries, size_t size) {
    const int r = mfi_crew_share(walk, entries, size);
    return r == 0 ? mfi_empty_entries(walk, entries, size) : r;
}

/* In pieces that can be shared. */
static int remove_many(struct mfi_walk *walk, char *entries, size_t size) {
    int r = 0;
    for (size_t from = 0, to = 0; r >= 0 && from < size; from = to) {
        while (to < size && to - from < MFI_ENTRIES - MFI_ENTRY)
            to += ((const struct mfi_dirent *)(const void *)(entries + to))->length;
        r = remove_entries(walk, entries + from, to - from);
    }
    return mfi_first(mfi_crew_gather(walk), r);
}

/* What was just read is the beginning of a large directory in no order: more is read before
 * anything is removed. An error in reading shows again at the next time. */
static int remove_in_order(struct mfi_walk *walk, size_t size) {
    mfi_auto_free char *entries = mfi_sys.malloc(MFI_SORTED);
    if (entries == NULL)
        return remove_entries(walk, walk->entries, size);
    memcpy(entries, walk->entries, size);
    for (ssize_t n = 1; n > 0 && size + MFI_ENTRIES <= MFI_SORTED; size += n > 0 ? (size_t)n : 0)
        n = mfi_sys.getdents(mfi_walk_top(walk)->fd, entries + size, MFI_ENTRIES);
    mfi_auto_free char *sorted = mfi_sort_entries(entries, size);
    return remove_many(walk, sorted != NULL ? sorted : entries, size);
}

int mfi_empty_scan(struct mfi_walk *walk) {
    int r = 0;
    while (r >= 0) {
        const ssize_t n = mfi_sys.getdents(mfi_walk_top(walk)->fd, walk->entries, MFI_ENTRIES);
        if (n < 0 && n != -ENOENT) /* which is: the directory itself was removed by somebody */
            mfi_walk_record(walk, NULL, (int)n);
        if (n <= 0)
            break;
        if (n >= MFI_LARGE && !mfi_is_in_order(walk->entries, (size_t)n))
            r = remove_in_order(walk, (size_t)n);
        else
            r = remove_entries(walk, walk->entries, (size_t)n);
    }
    return mfi_first(mfi_crew_gather(walk), r < 0 ? r : 0);
}

/* ---- from one to the next -------------------------------------------------------------------- */

/* The name at the end of those that are pending is done with: removed, recorded or gone. */
static int settle(struct mfi_walk *walk, size_t name) {
    const int r = mfi_walk_tell(walk, mfi_walk_name(walk, name));
    mfi_walk_pop_name(walk);
    return r;
}

/* Goes into the directory, or removes what was put there instead. */
static int enter(struct mfi_walk *walk, size_t name) {
    int r = -EISDIR;
    for (int tries = 0; r == -EISDIR && tries <= MFI_RESCANS; tries++) {
        r = mfi_walk_enter(walk, name, NULL);
        if (!mfi_is_no_directory(r))
            return r;
        r = mfi_walk_unlink(walk, mfi_walk_name(walk, name), 0);
        if (r == 0) {
            walk->files++;
            return -ENOENT;
        }
    }
    return r;
}

/* One that cannot be entered may be empty all the same. */
static void remove_closed(struct mfi_walk *walk, const char *name, int why) {
    const int r = why == -EXDEV ? why : mfi_walk_unlink(walk, name, AT_REMOVEDIR);
    if (r == 0)
        walk->directories++;
    else if (r != -ENOENT)
        mfi_walk_record(walk, name, why);
}

int mfi_empty_visit(struct mfi_walk *walk, size_t name, int rescans) {
    const int r = enter(walk, name);
    if (r == -ENOMEM)
        return r;
    if (is_too_many_threads(walk, r))
        return -EMFILE;
    if (r == 0) {
        mfi_walk_top(walk)->rescans = rescans;
        return mfi_empty_scan(walk);
    }
    if (r != -ENOENT)
        remove_closed(walk, mfi_walk_name(walk, name), r);
    return settle(walk, name);
}

/* Whether the directory that could not be removed is worth another reading. */
static int was_refilled(const struct mfi_walk *walk, int code, const struct mfi_frame *frame) {
    return (mfi_is_no_directory(code) || (mfi_is_not_empty(code) && !frame->left)) &&
           frame->rescans < MFI_RESCANS && walk->rescans < MFI_RESCANS_ALL;
}

int mfi_empty_remove_left(struct mfi_walk *walk, const struct mfi_frame *left) {
    const char *name = mfi_walk_name(walk, left->name);
    const int r = mfi_walk_unlink(walk, name, AT_REMOVEDIR);
    if (was_refilled(walk, r, left)) {
        walk->rescans++;
        return mfi_empty_visit(walk, left->name, left->rescans + 1);
    }
    /* One that holds what is recorded already needs no entry of its own. */
    const int told = left->left && mfi_is_not_empty(r);
    if (r == 0)
        walk->directories++;
    else if (r != -ENOENT && !told)
        mfi_walk_record(walk, name, r);
    return settle(walk, left->name);
}

/* The way up is gone: the directory was moved away. What it still holds is left, and the work goes
 * on in the nearest ancestor that is still in its place. */
static int climb_over_lost(struct mfi_walk *walk, int code) {
    while (code < 0) {
        if (is_too_many_threads(walk, code))
            return -EMFILE;
        if (code != -ENOENT)
            mfi_walk_record(walk, NULL, code);
        if (walk->depth == 1)
            return code;
        code = mfi_walk_leave(walk);
    }
    return settle(walk, (size_t)mfi_walk_last_name(walk));
}

/* The top frame is done: up, and it goes. */
static int finish(struct mfi_walk *walk) {
    const struct mfi_frame done = *mfi_walk_top(walk);
    const int r = mfi_walk_leave(walk);
    return r < 0 ? climb_over_lost(walk, r) : mfi_empty_remove_left(walk, &done);
}

int mfi_empty_step(struct mfi_walk *walk) {
    const int code = mfi_crew_code(walk);
    if (code < 0)
        return code;
    const int64_t next = mfi_walk_last_name(walk);
    if (next >= 0)
        return mfi_empty_visit(walk, (size_t)next, 0);
    return walk->depth > 1 ? finish(walk) : 1;
}
