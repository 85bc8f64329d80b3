/* SPDX-License-Identifier: MIT
 *
 * Who removes what, and when: the registry of everything with a name that this process made.
 *
 * A slot stands for one name. It is written before the name exists and freed after it is gone, so
 * at every instant the registry knows at least what there is.
 */
#ifndef MFI_KEEP_H
#define MFI_KEEP_H

#include <pthread.h>
#include <stdatomic.h>

#include "../base/base.h"
#include "../tree/tree.h"

/* ---- the directory in which a temporary thing lies (parent.c) ------------------------------ */

/* Held open, so that the thing is found again whatever happens to the path. Shared by reference;
 * the struct itself is never freed while another thread may look at it. */
struct mfi_parent {
    _Atomic uint64_t references; /* and above them, in which of its lives it is (parent.c) */
    _Atomic int no_tmpfile;      /* 1: O_TMPFILE was tried and is not to be had here */
    int fd;                      /* O_PATH */
    uint32_t uid;                /* owner of what is created there, as the proof has shown */
    char *path;                  /* absolute */
    uint64_t signature;          /* where.c: of the environment in which it was chosen */
    const char *reason;          /* where.c: why it was chosen */
    struct mfi_parent *next;     /* parent.c: list of the spare */
};

/* parent->uid where nothing was proved: the user of what is made there is not looked at. */
#define MFI_UID_UNKNOWN UINT32_MAX

/* Opens a directory as a parent with one reference. Errors: openat(2)'s, -ENOMEM. */
int mfi_parent_open(const char *path, struct mfi_parent **ret, mayfly_error *error);

/* The same for a directory that is open already: takes *fd on success. `path` is its absolute one,
 * copied. */
int mfi_parent_adopt(int *fd, const char *path, struct mfi_parent **ret, mayfly_error *error);

/* Another reference to a parent on which the caller has one. */
struct mfi_parent *mfi_parent_ref(struct mfi_parent *parent);

/* Gives a reference back; the last one closes the descriptor. NULL is fine. */
void mfi_parent_unref(struct mfi_parent *parent);

/* A reference to the parent that a shared pointer shows at this moment, or NULL; without a lock. */
struct mfi_parent *mfi_parent_acquire(struct mfi_parent *_Atomic *shared);

/* Puts another parent (taking the caller's reference; NULL: none) there and gives back the
 * pointer's reference on the one before. */
void mfi_parent_replace(struct mfi_parent *_Atomic *shared, struct mfi_parent *parent);

/* ---- the registry (registry.c) ------------------------------------------------------------- */

enum mfi_kind { MFI_KIND_FILE, MFI_KIND_DIRECTORY };

struct mfi_cell; /* journal.h */

struct mfi_slot {
    _Atomic uint32_t state;      /* registry.c */
    _Atomic uint32_t generation; /* how often it was taken */
    uint32_t index;
    _Atomic uint32_t next_free;
    enum mfi_kind kind;
    _Atomic uint64_t owner; /* mfi_process() of the process that may remove it */
    int random_name;        /* the name is a random one: nobody else can have made it */
    pthread_t maker;        /* while it is reserved */
    struct mfi_parent *parent;
    struct mfi_cell *cell;        /* in the journal; NULL: it does not stand there */
    uint32_t more;                /* index + 1 of the slot whose cell has more of the path */
    uint32_t uid;                 /* owner */
    struct mfi_identity identity; /* known once armed */
    int64_t made;                 /* when, in nanoseconds since 1970; 0: not known */
    int64_t birth;                /* see mfi_slot_unpin */
    char name[256];               /* NUL-terminated; written before the name is created */
};

/* Does what the first slot of a process has to do for all: makes the journal and reaps a little, of
 * which whoever looks on is told. For callers who are going to reserve one under a lock. */
void mfi_slots_prepare(void);

/* Takes a slot for a name to be made in `parent` (another reference is taken). The caller writes
 * slot->name, announces it, creates, then arms or releases. 0 or -ENOMEM. */
int mfi_slot_reserve(struct mfi_parent *parent, enum mfi_kind kind, struct mfi_slot **ret);

/* The same for what needs no journal, because it is kept or lies in a directory that stands there.
 */
int mfi_slot_reserve_unlisted(struct mfi_parent *parent, enum mfi_kind kind, struct mfi_slot **ret);

/* Before slot->name is written, for the first time or again. */
void mfi_slot_begin_name(struct mfi_slot *slot);

/* slot->name is about to be created, exclusively. With slot->random_name the journal has it from
 * now on; a given name may be somebody else's, and must be armed before it exists. */
void mfi_slot_announce(struct mfi_slot *slot);

/* The name is this inode, or will be: nothing else is ever removed under it. From here on the end
 * of the process removes it. `made`: see mfi_time_made. */
void mfi_slot_arm(struct mfi_slot *slot, const struct stat *st, int64_t made);

/* When a file was made, in nanoseconds, from a stat right after that: nothing has changed it yet,
 * so that its time of modification is that of its birth. No call of its own is needed. */
static inline int64_t mfi_time_made(const struct stat *st) {
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Whether a reaper would find it. */
int mfi_slot_is_leased(const struct mfi_slot *slot);

/* In a forked child: takes it over from the process that made it. 0, MAYFLY_E_VANISHED, -ENOTSUP.
 */
int mfi_slot_adopt(struct mfi_slot *slot, mayfly_error *error);

/* The last descriptor of the inode is about to be closed: `fd`. From then on, once its name is
 * gone, the file system may use the inode's number again; when it was made tells the two apart. */
void mfi_slot_unpin(struct mfi_slot *slot, int fd);

/* Whether an open descriptor, or with a name what is called so in the directory `fd`, was made when
 * the slot's inode was. */
int mfi_slot_same_birth(const struct mfi_slot *slot, int fd, const char *name);

/* keep != 0: the end of the process leaves it. */
void mfi_slot_hold(struct mfi_slot *slot, int keep);

/* Whether this process may remove it: it made it, or it was handed over; not after a fork. */
int mfi_slot_owned(const struct mfi_slot *slot);

/* Removes the name if it still is the inode that was armed; a directory with all below.
 * Gone already: 0. Another's by now: MAYFLY_E_REPLACED, untouched. Kept or not makes no difference.
 *
 * tree_options, ret_left   for directories; NULL: defaults, not wanted */
int mfi_slot_remove(struct mfi_slot *slot, const mayfly_tree_options *tree_options,
                    mayfly_leftovers **ret_left, mayfly_error *error);

/* Whether the name is (still) the inode: 0, MAYFLY_E_VANISHED, MAYFLY_E_REPLACED, -errno. */
int mfi_slot_check(const struct mfi_slot *slot, mayfly_error *error);

/* Forgets the name, whether it exists or not. NULL is fine. */
void mfi_slot_release(struct mfi_slot *slot);

/* "<parent's path>/<name>", new memory; NULL: none. */
char *mfi_slot_path(const struct mfi_slot *slot);

#endif
