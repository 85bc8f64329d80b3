/* SPDX-License-Identifier: MIT
 *
 * The way through a tree that is being removed: which directories lie between the root and where
 * the work is, for the sources of this room.
 */
#ifndef MFI_WALK_H
#define MFI_WALK_H

#include "tree.h"

enum { MFI_OPEN_ANCESTORS = 12, MFI_RESCANS = 16, MFI_ENTRIES = 32768 };

/* One directory on the way. Its own name and the names of its subdirectories that are still to be
 * visited lie in walk->names. */
struct mfi_frame {
    int fd; /* -1: closed for the time being */
    uint32_t mode;
    uint32_t uid;
    uint64_t mount;
    struct mfi_identity identity;
    size_t name;     /* where its name lies; the root's is "." */
    size_t pending;  /* where the names of its subdirectories begin */
    int rescans;     /* how often it was found refilled */
    int left;        /* something in it could not be removed */
    int repaired;    /* its mode was repaired, or cannot be */
};

struct mfi_walk {
    int root_dir;          /* the directory that the root lies in: the caller's */
    const char *root_name;
    const mayfly_tree_options *options;
    uint32_t euid;
    struct mfi_frame *frames;
    size_t depth; /* frames in use */
    size_t capacity;
    size_t first_open; /* frames before this one are closed */
    struct mfi_buffer names;
    char *entries; /* MFI_ENTRIES bytes for getdents */
    mayfly_tree_progress progress;
    mayfly_leftovers **left;
    int first_code; /* of what could not be removed */
    char first_path[256];
};

/* Goes into `name` (at that offset in names) below the top frame, or into the root if there is none.
 * `identity` with an inode: only if it is that one.
 * 0, -EXDEV: another mount, MAYFLY_E_REPLACED, -errno */
int mfi_walk_enter(struct mfi_walk *walk, size_t name, const struct mfi_identity *identity);

/* Leaves the top frame; the one below it has a descriptor again, or this fails. The frame is
 * dropped in any case. */
int mfi_walk_leave(struct mfi_walk *walk);

/* Gives rwx for the owner to the top frame's directory, once, if it is this user's.
 * 1: it was done, try again; 0: nothing can be done. */
int mfi_walk_repair(struct mfi_walk *walk);

/* Adds a name below the top frame. Its offset, or -ENOMEM. */
int64_t mfi_walk_push_name(struct mfi_walk *walk, const char *name);

/* The last name that is pending in the top frame: its offset, or -1. */
int64_t mfi_walk_last_name(const struct mfi_walk *walk);
void mfi_walk_pop_name(struct mfi_walk *walk);

/* Remembers that `name` below the top frame (NULL: the top frame itself) could not be removed. */
void mfi_walk_record(struct mfi_walk *walk, const char *name, int code);

/* The path of the top frame and a name below it; new memory or NULL. */
char *mfi_walk_path(const struct mfi_walk *walk, const char *name);

void mfi_walk_end(struct mfi_walk *walk);

#endif
