/* SPDX-License-Identifier: MIT
 *
 * The way through a tree that is being removed: which directories lie between the root and where
 * the work is, for the sources of this room.
 */
#ifndef MFI_WALK_H
#define MFI_WALK_H

#include "tree.h"

enum {
    MFI_OPEN_ANCESTORS = 12, /* descriptors */
    MFI_RESCANS = 16,        /* of one directory that is refilled */
    MFI_RESCANS_ALL = 1024,  /* of all: directories within directories would multiply the above */
    MFI_ENTRY = 512,         /* bytes that one takes, or less */
    MFI_ENTRIES = 65536      /* bytes for getdents; more gains nothing */
};

/* One directory on the way. Its own name and the names of its subdirectories that are still to be
 * visited lie in walk->names. */
struct mfi_frame {
    int fd; /* -1: closed for the time being */
    uint32_t mode;
    uint32_t uid;
    uint64_t mount;
    struct mfi_identity identity;
    size_t name;    /* where its name lies; the root has none */
    size_t pending; /* where the names of its subdirectories begin */
    size_t path;    /* how long walk->path was before it was entered */
    int rescans;    /* how often it was found refilled */
    int left;       /* something in it could not be removed */
    int repaired;   /* its mode was repaired, or cannot be */
};

struct mfi_crew;

struct mfi_walk {
    int root_dir; /* the directory that the root lies in: the caller's */
    const char *root_name;
    const mayfly_tree_options *options;
    uint32_t euid;
    struct mfi_frame *frames;
    size_t depth; /* frames in use */
    size_t capacity;
    size_t first_open; /* frames before this one are closed */
    struct mfi_buffer names;
    struct mfi_buffer path; /* of the top frame, relative to the root; empty for the root */
    char *entries;          /* MFI_ENTRIES bytes for getdents */
    int rescans;            /* of all directories */
    int root_busy;          /* rmdir(2) said EBUSY of the root */
    int alone;              /* not by several threads, whatever the options say */
    int borrowed;           /* frames[0] is the root of a part, and its descriptor another's: it is
                               not closed, and not left */
    struct mfi_crew *crew;  /* who works on the same tree; NULL: nobody */
    size_t shared;          /* batches that were given away (crew.c), under its lock */
    int shared_left;        /* something in those could not be removed */
    uint64_t files;         /* removed, and not in the books yet (crew.h); so are the directories */
    uint64_t directories;
    mayfly_tree_progress progress; /* from here on: the books, which one walk keeps for all */
    mayfly_leftovers *left;        /* NULL: not wanted */
    int first_code;                /* of what could not be removed */
    char first_path[256];
};

static inline struct mfi_frame *mfi_walk_top(const struct mfi_walk *walk) {
    return &walk->frames[walk->depth - 1];
}

static inline const char *mfi_walk_name(const struct mfi_walk *walk, size_t name) {
    return walk->names.data + name;
}

static inline int mfi_is_dot(const char *name) {
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static inline int mfi_is_not_empty(int code) {
    return code == -ENOTEMPTY || code == -EEXIST;
}

/* What stands under the name is no directory: a link or file was put there in the meantime. */
static inline int mfi_is_no_directory(int code) {
    return code == -ENOTDIR || code == -ELOOP;
}

/* Stands in a directory that is open already, with that path, to go down from there; whatever the
 * walk had in hand is dropped. 0 or -ENOMEM */
int mfi_walk_stand(struct mfi_walk *walk, const struct mfi_frame *frame, const char *path);

/* Goes into `name` (at that offset in names) below the top frame, or into the root at first.
 * `identity` with an inode (NULL: any): only if it is that one.
 * 0; -EXDEV: another mount; MAYFLY_E_REPLACED; -ENOENT: gone, or empty and removed by the way;
 * -errno */
int mfi_walk_enter(struct mfi_walk *walk, size_t name, const struct mfi_identity *identity);

/* Leaves the top frame; the one below it has a descriptor again, or this fails. The frame is
 * dropped in any case; that something was left in it is passed on to the one below. */
int mfi_walk_leave(struct mfi_walk *walk);

/* unlinkat(2) in the top frame's directory, which is repaired for it if need be. */
int mfi_walk_unlink(struct mfi_walk *walk, const char *name, int flags);

/* Adds a name below the top frame. Its offset, or -ENOMEM. */
int64_t mfi_walk_push_name(struct mfi_walk *walk, const char *name);

/* The last name that is pending in the top frame: its offset, or -1. */
int64_t mfi_walk_last_name(const struct mfi_walk *walk);
void mfi_walk_pop_name(struct mfi_walk *walk);

/* Remembers that `name` below the top frame (NULL: the top frame itself) could not be removed. */
void mfi_walk_record(struct mfi_walk *walk, const char *name, int code);

/* Tells the caller how far it is: `name` as above was just finished. 0 or -ECANCELED */
int mfi_walk_tell(struct mfi_walk *walk, const char *name);

void mfi_walk_end(struct mfi_walk *walk);

#endif
