/* SPDX-License-Identifier: MIT
 *
 * This process's lease journal: made with its first name, written by every later one.
 *
 * States      NONE -first name-> OPEN, or REFUSED (no directory for it: nothing is reaped), or NONE
 *             still (no descriptor for it: the next name asks again);
 *             after a fork NONE again in the child, whose parent's journal stays mapped: adopting
 *             writes there
 * Invariants  a mapping is never undone, so a cell can be written at any instant. The journal is
 *             locked before anything is written to it, and proved to be still there after that.
 *             Its descriptor is no lower than 3, and never closed by us: that would give the lock
 *             back (fcntl(2)).
 * Not handled a program that closes descriptors it does not know loses the lock. A reaper then
 *             finds by pid and start time that it is alive, and leaves it (journal_read.c); but not
 *             a reaper in another pid namespace that shares the directory.
 * Why fcntl   and not flock: a forked child would go on holding it, and keep everything of a dead
 *             parent's. Passing the lease on is asked for (lease.c) and is what flock is used for.
 */
#define _GNU_SOURCE
#include "journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#include "registry.h"

enum { BLOCKS = 24 };

/* What the hot path reads is valid when `process` is this process's number. */
static struct {
    _Atomic uint64_t process; /* 0: never asked for */
    _Atomic int open;         /* of `process`: 0 means REFUSED */
    _Atomic uint64_t making;  /* the number of the process that is at it; 0: none */
    struct mfi_cell *_Atomic blocks[BLOCKS];
    struct mfi_identity identity;
    _Atomic int pid; /* of the process that opened it, or is at it */
    int fd, dir;
    int dir_is_ours;
    char *dir_path;
    char name[32];
} journal = {.fd = -1, .dir = -1};

static struct mfi_lock opening;

/* ---- sums ------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t sum, uint64_t word) {
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    return sum ^ (sum >> 29);
}

static uint64_t mix_bytes(uint64_t sum, const char *bytes, size_t size) {
    for (; size >= 8; bytes += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        sum = mix(sum, word);
    }
    return sum;
}

/* Text is followed by zeros up to a multiple of 8. */
static size_t padded(size_t size) {
    return (size + 7) & ~(size_t)7;
}

uint64_t mfi_cell_sum(const struct mfi_cell *cell, enum mfi_cell_state state) {
    const size_t size = cell->size < MFI_CELL_TEXT ? cell->size : MFI_CELL_TEXT;
    uint64_t sum = mix(0x6d61796670796c66u + (uint64_t)state, cell->kind);
    sum = mix(sum, (uint64_t)cell->size << 32 | cell->more);
    sum = mix_bytes(sum, cell->text, padded(size));
    if (state == MFI_CELL_LIVE || state == MFI_CELL_REMOVING) {
        sum = mix(sum, cell->device);
        sum = mix(sum, cell->inode);
        sum = mix(sum, (uint64_t)cell->birth);
        sum = mix(sum, cell->uid);
    }
    return (sum & ~(uint64_t)7) | (uint64_t)state;
}

uint64_t mfi_head_sum(const struct mfi_journal_head *head) {
    return mix_bytes(1, (const char *)head, offsetof(struct mfi_journal_head, sum));
}

/* ---- cells ----------------------------------------------------------------------------------- */

/* The part [from, from + MFI_CELL_TEXT) of "dir/name" goes into the cell. */
static void fill_text(struct mfi_cell *cell, size_t from, const char *dir, size_t dir_size,
                      const char *name, size_t name_size) {
    const size_t whole = dir_size + 1 + name_size;
    const size_t end = whole < from + MFI_CELL_TEXT ? whole : from + MFI_CELL_TEXT;
    for (size_t i = end - from; i < padded(end - from); i++)
        cell->text[i] = '\0';
    if (from < dir_size)
        memcpy(cell->text, dir + from, (dir_size < end ? dir_size : end) - from);
    if (from <= dir_size && dir_size < end)
        cell->text[dir_size - from] = '/';
    const size_t name_at = dir_size + 1;
    if (end > name_at) {
        const size_t skip = from > name_at ? from - name_at : 0;
        memcpy(cell->text + name_at + skip - from, name + skip, end - name_at - skip);
    }
}

static void publish(struct mfi_cell *cell, enum mfi_cell_state state) {
    atomic_store_explicit(&cell->word, state == MFI_CELL_FREE ? 0 : mfi_cell_sum(cell, state),
                          memory_order_release);
}

void mfi_cell_name(struct mfi_cell *cell, enum mfi_kind kind, const char *dir, const char *name,
                   enum mfi_cell_state state, struct mfi_cell *const *more,
                   const uint32_t *more_index, size_t more_count) {
    const size_t dir_size = dir[0] == '/' && dir[1] == '\0' ? 0 : strlen(dir);
    const size_t name_size = strlen(name);
    const size_t whole = dir_size + 1 + name_size;
    publish(cell, MFI_CELL_FREE);
    uint32_t next = 0;
    for (size_t i = more_count; i > 0; i--) { /* the last first, so that each can name the next */
        struct mfi_cell *rest = more[i - 1];
        if (whole <= i * MFI_CELL_TEXT)
            continue;
        publish(rest, MFI_CELL_FREE);
        rest->kind = (uint32_t)kind;
        rest->more = next;
        rest->size = (uint32_t)(whole - i * MFI_CELL_TEXT);
        fill_text(rest, i * MFI_CELL_TEXT, dir, dir_size, name, name_size);
        publish(rest, MFI_CELL_MORE);
        next = more_index[i - 1] + 1;
    }
    cell->kind = (uint32_t)kind;
    cell->more = next;
    cell->size = (uint32_t)whole;
    fill_text(cell, 0, dir, dir_size, name, name_size);
    publish(cell, state);
}

void mfi_cell_identify(struct mfi_cell *cell, const struct mfi_identity *identity, int64_t birth,
                       uint32_t uid) {
    cell->device = identity->device;
    cell->inode = identity->inode;
    cell->birth = birth;
    cell->uid = uid;
}

void mfi_cell_set(struct mfi_cell *cell, enum mfi_cell_state state) {
    publish(cell, state);
}

int mfi_cell_move(struct mfi_cell *cell, enum mfi_cell_state from, enum mfi_cell_state to) {
    uint64_t word = mfi_cell_sum(cell, from);
    return atomic_compare_exchange_strong(&cell->word, &word, mfi_cell_sum(cell, to));
}

enum mfi_cell_state mfi_cell_state(const struct mfi_cell *cell) {
    return (enum mfi_cell_state)(atomic_load_explicit(&cell->word, memory_order_acquire) & 7);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void write_head(struct mfi_journal_head *head) {
    *head = (struct mfi_journal_head){
        .magic = MFI_JOURNAL_MAGIC,
        .version = MFI_JOURNAL_VERSION,
        .cell_size = MFI_CELL,
        .order = MFI_JOURNAL_ORDER,
        .uid = (uint32_t)mfi_sys.geteuid(),
        .pid = mfi_sys.getpid(),
        .opened = (int64_t)time(NULL),
    };
    head->started = mfi_process_started(head->pid);
    mfi_boot_id(head->boot);
    mfi_process_command(head->pid, head->command, sizeof head->command);
    head->sum = mfi_head_sum(head);
}

/* A new journal under a new name, locked, and still there: a reaper that came between making and
 * locking it has taken it for a dead one's and removed it. */
static int make_locked(int dir, struct stat *st) {
    char random[MFI_NAME_RANDOM + 1] = "";
    const char *name = journal.name;
    for (int attempt = 0; attempt < 100; attempt++) {
        int r = mfi_random_name(random);
        if (r < 0)
            return r;
        (void)snprintf(journal.name, sizeof journal.name, "%s" MFI_JOURNAL_SUFFIX, random);
        mfi_auto_fd fd =
            mfi_sys.openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd == -EEXIST)
            continue;
        if (fd >= 0 && fd < 3) { /* whoever opens what he takes for a standard stream */
            const int high = mfi_sys.dup(fd, 3);
            (void)mfi_sys.close(mfi_take_fd(&fd));
            fd = high;
        }
        if (fd < 0)
            return fd;
        r = mfi_sys.lock_owner(fd, 0);
        if (r == -EAGAIN)
            continue;
        if (r == 0)
            r = mfi_sys.fstat(fd, st);
        if (r < 0) {
            (void)mfi_sys.unlinkat(dir, name, 0);
            return r;
        }
        if (st->st_nlink > 0)
            return mfi_take_fd(&fd);
    }
    return -EEXIST;
}

/* Room for a block of cells, and the block in memory. */
static struct mfi_cell *map_block(int fd, unsigned block) {
    const size_t size = ((size_t)MFI_FIRST_BLOCK << block) * MFI_CELL;
    const int64_t at = MFI_JOURNAL_HEAD + (int64_t)mfi_block_start(block) * MFI_CELL;
    if (mfi_sys.allocate(fd, at + (int64_t)size) < 0)
        return NULL;
    return mfi_sys.mmap(size, fd, at);
}

static int write_new(int fd, const struct stat *st) {
    struct mfi_journal_head head;
    write_head(&head);
    struct mfi_cell *first = map_block(fd, 0);
    if (first == NULL)
        return -ENOMEM;
    const ssize_t n = mfi_sys.pwrite(fd, &head, sizeof head, 0);
    if (n != (ssize_t)sizeof head)
        return n < 0 ? (int)n : -ENOSPC;
    (void)mfi_sys.fchmod(fd, 01600); /* systemd-tmpfiles leaves files with the sticky bit */
    journal.identity = (struct mfi_identity){(uint64_t)st->st_dev, st->st_ino};
    for (unsigned i = 0; i < BLOCKS; i++)
        atomic_store(&journal.blocks[i], NULL);
    atomic_store(&journal.blocks[0], first);
    return 0;
}

static void remove_journal(void) {
    if (journal.name[0] != '\0')
        (void)mfi_sys.unlinkat(journal.dir, journal.name, 0);
    if (journal.dir_is_ours) /* and empty: this was the last journal in it */
        (void)mfi_sys.unlinkat(AT_FDCWD, journal.dir_path, AT_REMOVEDIR);
}

static void drop(void) {
    mfi_close_fd(&journal.fd);
    mfi_close_fd(&journal.dir);
    free(journal.dir_path);
    journal.dir_path = NULL;
    journal.fd = journal.dir = -1;
}

/* What is being made stands in the struct before it exists: a signal may end the process here. */
static int open_once(void) {
    struct stat st;
    journal.dir = mfi_lease_dir_make(&journal.dir_path, &journal.dir_is_ours, NULL);
    if (journal.dir < 0)
        return journal.dir;
    atomic_store(&journal.making, mfi_process());
    journal.fd = make_locked(journal.dir, &st);
    const int r = journal.fd < 0 ? journal.fd : write_new(journal.fd, &st);
    if (r < 0)
        remove_journal();
    atomic_store(&journal.making, 0);
    if (r < 0)
        drop();
    return r;
}

/* The directory goes with the last journal in it: another process may have ended between our look
 * at the one and the making of the other. */
static int open_new(void) {
    enum { ATTEMPTS = 10 };
    int r = -ENOENT;
    for (int attempt = 0; r == -ENOENT && attempt < ATTEMPTS; attempt++)
        r = open_once();
    return r;
}

/* In a forked child: the parent's is left alone, but for the descriptors, which would keep the
 * parent's lease where it was made to be inherited. */
static void leave_parents(void) {
    if (journal.fd >= 0 && !mfi_lease_is_inherited()) {
        struct stat st; /* the number may be another file's by now */
        if (mfi_sys.fstat(journal.fd, &st) == 0 && (uint64_t)st.st_dev == journal.identity.device &&
            st.st_ino == journal.identity.inode) {
            (void)mfi_sys.close(journal.fd);
            (void)mfi_sys.close(journal.dir);
        }
    }
    free(journal.dir_path);
    journal.dir_path = NULL;
    journal.fd = journal.dir = -1;
    journal.name[0] = '\0'; /* the parent's: it must not be taken for ours */
}

/* For want of descriptors: with the next name it is tried again. */
static int may_pass(int code) {
    return code == -EMFILE || code == -ENFILE;
}

static void open_for(uint64_t process) {
    mfi_lock_take(&opening);
    int fresh = 0;
    if (atomic_load(&journal.process) != process) {
        atomic_store(&journal.open, 0);
        atomic_store(&journal.making, 0); /* the parent's, if it was at it when it forked */
        leave_parents();
        atomic_store(&journal.pid, mfi_sys.getpid());
        const int r = open_new();
        fresh = r == 0;
        atomic_store(&journal.open, fresh);
        if (!may_pass(r))
            atomic_store(&journal.process, process);
    }
    mfi_lock_give(&opening);
    if (fresh)
        mfi_reap_some();
}

static struct mfi_cell *need_block(unsigned block) {
    mfi_lock_take(&opening);
    struct mfi_cell *cells = atomic_load(&journal.blocks[block]);
    if (cells == NULL) {
        cells = map_block(journal.fd, block);
        atomic_store(&journal.blocks[block], cells);
    }
    mfi_lock_give(&opening);
    return cells;
}

struct mfi_cell *mfi_journal_cell(uint32_t index) {
    const uint64_t process = mfi_process();
    if (atomic_load_explicit(&journal.process, memory_order_acquire) != process)
        open_for(process);
    if (!atomic_load_explicit(&journal.open, memory_order_relaxed))
        return NULL;
    const unsigned block = mfi_block_of(index);
    struct mfi_cell *cells = atomic_load_explicit(&journal.blocks[block], memory_order_acquire);
    if (cells == NULL)
        cells = need_block(block);
    return cells == NULL ? NULL : cells + (index - mfi_block_start(block));
}

/* ---- asking and ending ----------------------------------------------------------------------- */

static int is_mine(void) {
    return atomic_load(&journal.process) == mfi_process() && atomic_load(&journal.open);
}

int mfi_journal_fd(void) {
    return is_mine() ? journal.fd : -1;
}

int mfi_journal_dir(void) {
    return is_mine() ? journal.dir : -1;
}

int mfi_journal_pid(void) {
    return atomic_load(&journal.pid);
}

struct mfi_identity mfi_journal_identity(void) {
    return is_mine() ? journal.identity : (struct mfi_identity){0, 0};
}

const char *mfi_journal_path(void) {
    return is_mine() ? journal.dir_path : NULL;
}

const char *mfi_journal_name(void) {
    return journal.name;
}

void mfi_journal_end(void) {
    /* A child that was forked while its parent was at it leaves it to the parent. */
    if (is_mine() || atomic_load(&journal.making) == mfi_process())
        remove_journal();
}

void mfi_journal_stand_still(void) {
    mfi_lock_take(&opening);
}

void mfi_journal_go_on(void) {
    mfi_lock_give(&opening);
}

void mfi_journal_unmap(void) {
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct mfi_cell *cells = atomic_exchange(&journal.blocks[i], NULL);
        if (cells != NULL)
            (void)mfi_sys.munmap(cells, ((size_t)MFI_FIRST_BLOCK << i) * MFI_CELL);
    }
}

void mfi_journal_forget(void) {
    mfi_journal_end();
    if (is_mine())
        drop();
    atomic_store(&journal.open, 0);
    atomic_store(&journal.process, 0);
}
