/* SPDX-License-Identifier: MIT
 *
 * The lease journal: what a process has made, in a file that outlives it.
 *
 * A process has one, made with its first name. The file is locked (fcntl(2), so that the lock is
 * the process's and ends with it) and mapped: a slot of the registry has a cell in it at the same
 * index, and writing a cell is writing memory. When the lock is free and the cells are not, the
 * owner was killed: a reaper removes what they name.
 *
 * Format      a page with struct mfi_journal_head, then cells of MFI_CELL bytes. Native byte order:
 *             a journal is for the machine on which it was written.
 * Invariants  a cell says what it says only if the sum in its word is that of its content, so a
 *             torn or damaged one is found out; the word is written last, in one store.
 */
#ifndef MFI_JOURNAL_H
#define MFI_JOURNAL_H

#include "keep.h"

enum { MFI_CELL = 512, MFI_JOURNAL_HEAD = 4096, MFI_CELL_TEXT = 448 };

#define MFI_JOURNAL_SUFFIX ".lease"

enum mfi_cell_state {
    MFI_CELL_FREE = 0,
    MFI_CELL_NAMED,    /* is about to be made, under a random name: its inode is not known */
    MFI_CELL_LIVE,     /* exists */
    MFI_CELL_REMOVING, /* the same, and its owner is at it: nobody may adopt it any more */
    MFI_CELL_ADOPTED,  /* another process has it in its own journal */
    MFI_CELL_MORE,     /* the rest of another cell's text */
};

/* One name. */
struct mfi_cell {
    _Atomic uint64_t word; /* the state in the low 3 bits, the sum of all below in the others */
    uint64_t device, inode;
    int64_t birth; /* nanoseconds since 1970; 0: not known */
    uint32_t uid;
    uint32_t more; /* index + 1 of the cell where the text goes on; 0: none */
    uint32_t kind; /* enum mfi_kind */
    uint32_t size; /* of the whole text: directory, '/', name */
    uint32_t spare[4];
    char text[MFI_CELL_TEXT];
};

_Static_assert(sizeof(struct mfi_cell) == MFI_CELL, "a cell is part of the format");

/* Who wrote the journal. */
struct mfi_journal_head {
    char magic[16];
    uint32_t version, cell_size;
    uint32_t order; /* MFI_JOURNAL_ORDER */
    uint32_t uid;
    int32_t pid;
    uint32_t spare;
    uint64_t started; /* of the process, in clock ticks since boot */
    int64_t opened;   /* seconds since 1970 */
    char boot[MFI_BOOT_ID];
    char command[128];
    uint64_t sum;
};

#define MFI_JOURNAL_MAGIC "mayfly lease\n"
enum { MFI_JOURNAL_VERSION = 1, MFI_JOURNAL_ORDER = 0x01020304 };

/* ---- writing (journal.c) -------------------------------------------------------------------- */

/* The cell of a slot's index in this process's journal, which is made at the first call. NULL:
 * there is none, and nothing will be reaped. */
struct mfi_cell *mfi_journal_cell(uint32_t index);

/* Gives the cell its text, "dir/name", and a state (MFI_CELL_FREE: not yet). A text that is too
 * long goes on in `more` cells, in a row at those indices; a caller has MFI_CELL_MOST of them at
 * most. */
enum { MFI_CELL_MOST = 10 };
void mfi_cell_name(struct mfi_cell *cell, enum mfi_kind kind, const char *dir, const char *name,
                   enum mfi_cell_state state, struct mfi_cell *const *more,
                   const uint32_t *more_index, size_t more_count);

/* Which inode it is; to be followed by mfi_cell_set. */
void mfi_cell_identify(struct mfi_cell *cell, const struct mfi_identity *identity, int64_t birth,
                       uint32_t uid);
void mfi_cell_set(struct mfi_cell *cell, enum mfi_cell_state state);

/* From one state to another, unless somebody else was first. */
int mfi_cell_move(struct mfi_cell *cell, enum mfi_cell_state from, enum mfi_cell_state to);

enum mfi_cell_state mfi_cell_state(const struct mfi_cell *cell);

uint64_t mfi_cell_sum(const struct mfi_cell *cell, enum mfi_cell_state state);
uint64_t mfi_head_sum(const struct mfi_journal_head *head);

/* The descriptors of this process's journal and of its directory, or -1. */
int mfi_journal_fd(void);
int mfi_journal_dir(void);

/* The journal's device and inode, so that a reaper leaves it alone. inode 0: there is none. */
struct mfi_identity mfi_journal_identity(void);

/* The directory and name of this process's journal; NULL: there is none. */
const char *mfi_journal_path(void);
const char *mfi_journal_name(void);

/* The end of the process: the journal goes. Async-signal-safe. */
void mfi_journal_end(void);

/* Between the two no journal of this process is being made by another thread: the one that there is
 * is known by its identity, and not opened by mistake, whose closing would give its lock back. */
void mfi_journal_stand_still(void);
void mfi_journal_go_on(void);

/* For a guard: a mapping is a reference to the open file, and keeps an inherited lease alive. */
void mfi_journal_unmap(void);

/* Closes and removes it, so that the next name makes another. For tests. */
void mfi_journal_forget(void);

/* The pid of the process that owns the journal; 0: none. Tells a vfork child from its parent. */
int mfi_journal_pid(void);

/* ---- where (lease_dir.c) --------------------------------------------------------------------- */

/* Opens the directory for a new journal, making it. A descriptor, locked against cleaners; the path
 * in new memory; whether it is ours to remove when it is empty. */
int mfi_lease_dir_make(char **ret_path, int *ret_ours, mayfly_error *error);

/* Calls `visit` with each directory in which there may be journals. A result other than 0 ends it
 * and is returned. */
int mfi_lease_dirs(int (*visit)(int fd, const char *path, void *user), void *user,
                   mayfly_error *error);

/* ---- reading (journal_read.c) ---------------------------------------------------------------- */

enum mfi_holder {
    MFI_HOLDER_NONE,  /* nobody: the lock was free, and is ours now */
    MFI_HOLDER_OWNER, /* the process that wrote it */
    MFI_HOLDER_HEIR,  /* that is dead; a process that inherited the lease is not */
    MFI_HOLDER_SELF,  /* this process's own */
};

struct mfi_journal {
    int fd;
    int dir;          /* the caller's */
    const char *name; /* the caller's */
    struct mfi_identity identity;
    struct mfi_journal_head head;
    int damaged_head;
    int fresh; /* nothing was written yet: its owner is at it, or died at it */
    int other_boot;
    enum mfi_holder holder;
    uint32_t cells;
};

/* Opens the journal `name` in directory `dir` and finds out who holds it. With `take`, one that
 * nobody holds stays locked by us until it is closed. -ENOENT: gone; -EPERM: not to be trusted. */
int mfi_journal_open(int dir, const char *name, int take, struct mfi_journal *ret);
void mfi_journal_close(struct mfi_journal *journal);

/* A cell in plain words. */
struct mfi_record {
    enum mfi_cell_state state;
    enum mfi_kind kind;
    struct mfi_identity identity;
    int64_t birth;
    uint32_t uid;
    char *path; /* absolute; NUL-terminated; the reader's */
    char *name; /* its last component, in path */
};

/* Calls `visit` for each cell that names something; a result other than 0 ends the reading and is
 * returned. `ret_damaged` counts those whose sum is wrong (of a journal in use: which are just
 * being written). */
int mfi_journal_read(const struct mfi_journal *journal,
                     int (*visit)(const struct mfi_record *record, void *user), void *user,
                     uint64_t *ret_damaged);

/* ---- reaping (reap.c) ------------------------------------------------------------------------ */

/* What a process that makes its first name does for the others: a bounded piece of reaping. */
void mfi_reap_some(void);

/* Whether children inherit this process's lease (lease.c). */
int mfi_lease_is_inherited(void);

/* Reaps one journal that is taken. 0: all is gone, and the journal with it. */
int mfi_reap_journal(struct mfi_journal *journal, mayfly_error *error);

#endif
