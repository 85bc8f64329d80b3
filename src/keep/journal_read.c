/* SPDX-License-Identifier: MIT
 *
 * Reading journals, this process's or another's, in use or left behind.
 *
 * Invariants  nothing in a journal is believed but what its sums confirm. It is read by pread: a
 *             file that is cut short meanwhile is an end, not a signal.
 *             A journal is nobody's only if both locks can be had and the process that wrote it is
 *             not there any more: one that has closed the journal by mistake is alive all the same.
 *             The pid is asked for that only, to leave something alone, never to remove it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include "journal.h"

enum { CELLS_AT_ONCE = 64 };

/* ---- who has it ------------------------------------------------------------------------------ */

/* Whether the process that wrote it is alive. */
static int writer_lives(const struct mfi_journal *journal) {
    return !journal->damaged_head && !journal->other_boot && journal->head.started != 0 &&
           mfi_process_started(journal->head.pid) == journal->head.started;
}

/* A descendant has the lease: it was told to inherit it. */
static int heir_lives(const struct mfi_journal *journal, int take) {
    const int r = mfi_sys.flock(journal->fd, LOCK_EX | LOCK_NB);
    if (r == 0 && !take)
        (void)mfi_sys.flock(journal->fd, LOCK_UN);
    return r == -EAGAIN;
}

/* Whether the lock of the process that wrote it is taken; with `take` it is ours if not. */
static int is_locked(const struct mfi_journal *journal, int take) {
    int pid = 0;
    return take ? mfi_sys.lock_owner(journal->fd, 0) < 0
                : mfi_sys.lock_holder(journal->fd, &pid) != 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int read_head(struct mfi_journal *journal) {
    const struct mfi_journal_head *head = &journal->head;
    const ssize_t n = mfi_sys.pread(journal->fd, &journal->head, sizeof journal->head, 0);
    static const struct mfi_journal_head nothing;
    if (n < 0)
        return (int)n;
    journal->fresh = memcmp(head, &nothing, (size_t)n) == 0;
    journal->damaged_head = n != (ssize_t)sizeof *head ||
                            memcmp(head->magic, MFI_JOURNAL_MAGIC, 14) != 0 ||
                            head->version != MFI_JOURNAL_VERSION || head->cell_size != MFI_CELL ||
                            head->order != MFI_JOURNAL_ORDER || head->sum != mfi_head_sum(head);
    if (journal->damaged_head) {
        journal->head = (struct mfi_journal_head){.uid = (uint32_t)mfi_sys.geteuid()};
        return 0;
    }
    char boot[MFI_BOOT_ID];
    mfi_boot_id(boot);
    journal->other_boot = memcmp(boot, head->boot, sizeof boot) != 0;
    journal->head.command[sizeof head->command - 1] = '\0';
    return 0;
}

/* Opens the file if it is one of ours. */
static int open_file(struct mfi_journal *journal) {
    struct stat st;
    const int r = mfi_sys.fstatat(journal->dir, journal->name, &st, AT_SYMLINK_NOFOLLOW);
    if (r < 0)
        return r;
    if (!S_ISREG(st.st_mode) || st.st_uid != mfi_sys.geteuid() || (st.st_mode & 022) != 0)
        return -EPERM;
    const struct mfi_identity own = mfi_journal_identity();
    journal->identity = (struct mfi_identity){(uint64_t)st.st_dev, st.st_ino};
    if (own.inode == st.st_ino && own.device == (uint64_t)st.st_dev) {
        /* Opening and closing it again would give our own lock back. */
        journal->holder = MFI_HOLDER_SELF;
        journal->fd = mfi_journal_fd();
        return 0;
    }
    journal->fd = mfi_sys.openat(journal->dir, journal->name,
                                 O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    return journal->fd < 0 ? journal->fd : 0;
}

/* Reads the head, and how many cells there are. It must still be there: between the stat and the
 * lock another reaper may have finished it. */
static int look_inside(struct mfi_journal *journal) {
    struct stat st;
    const int r = mfi_sys.fstat(journal->fd, &st);
    if (r < 0)
        return r;
    if (st.st_ino != journal->identity.inode || st.st_nlink == 0)
        return -ENOENT;
    if (st.st_size > MFI_JOURNAL_HEAD)
        journal->cells = (uint32_t)((st.st_size - MFI_JOURNAL_HEAD) / MFI_CELL);
    return read_head(journal);
}

int mfi_journal_open(int dir, const char *name, int take, struct mfi_journal *ret) {
    *ret = (struct mfi_journal){.fd = -1, .dir = dir, .name = name};
    mfi_journal_stand_still();
    int r = open_file(ret);
    mfi_journal_go_on();
    if (r < 0)
        return r;
    const int self = ret->holder == MFI_HOLDER_SELF;
    const int locked = !self && is_locked(ret, take);
    if (!locked || !take) /* who reaps asks no more of one that is held */
        r = look_inside(ret);
    if (r < 0) {
        mfi_journal_close(ret);
        return r;
    }
    if (locked || (!self && writer_lives(ret)))
        ret->holder = MFI_HOLDER_OWNER;
    else if (!self && heir_lives(ret, take))
        ret->holder = MFI_HOLDER_HEIR;
    return 0;
}

void mfi_journal_close(struct mfi_journal *journal) {
    if (journal->fd >= 0 && journal->holder != MFI_HOLDER_SELF)
        (void)mfi_sys.close(journal->fd);
    journal->fd = -1;
}

/* ---- cells ----------------------------------------------------------------------------------- */

/* Copies what a cell says; 0 where its sum is wrong. */
static int confirm(const struct mfi_cell *cell) {
    const uint64_t word = atomic_load_explicit(&cell->word, memory_order_relaxed);
    const enum mfi_cell_state state = (enum mfi_cell_state)(word & 7);
    return state >= MFI_CELL_NAMED && state <= MFI_CELL_MORE && cell->size > 0 &&
           cell->size <= (uint32_t)MFI_CELL_MOST * MFI_CELL_TEXT &&
           mfi_cell_sum(cell, state) == word;
}

/* The text of a cell and of those in which it goes on. 0, -EILSEQ or -ENOMEM. */
static int read_text(const struct mfi_journal *journal, const struct mfi_cell *first, char *text) {
    struct mfi_cell cell;
    memcpy(&cell, first, sizeof cell);
    size_t at = 0;
    uint32_t left = cell.size;
    for (;;) {
        const size_t part = left < MFI_CELL_TEXT ? left : MFI_CELL_TEXT;
        memcpy(text + at, cell.text, part);
        at += part;
        left -= (uint32_t)part;
        text[at] = '\0';
        if (left == 0)
            return cell.more == 0 && strlen(text) == at ? 0 : -EILSEQ;
        if (cell.more == 0 || cell.more > journal->cells)
            return -EILSEQ;
        const off_t offset = MFI_JOURNAL_HEAD + (off_t)(cell.more - 1) * MFI_CELL;
        if (mfi_sys.pread(journal->fd, &cell, sizeof cell, offset) != (ssize_t)sizeof cell ||
            !confirm(&cell) || mfi_cell_state(&cell) != MFI_CELL_MORE || cell.size != left)
            return -EILSEQ;
    }
}

struct reading {
    const struct mfi_journal *journal;
    int (*visit)(const struct mfi_record *record, void *user);
    void *user;
    uint64_t damaged;
    char text[MFI_CELL_MOST * MFI_CELL_TEXT + 1];
};

static int visit_cell(struct reading *reading, const struct mfi_cell *cell) {
    const uint64_t word = atomic_load_explicit(&cell->word, memory_order_relaxed);
    if (word == 0)
        return 0;
    const enum mfi_cell_state state = (enum mfi_cell_state)(word & 7);
    if (!confirm(cell)) {
        reading->damaged++;
        return 0;
    }
    if (state == MFI_CELL_MORE || state == MFI_CELL_ADOPTED)
        return 0;
    struct mfi_record record = {
        .state = state,
        .kind = cell->kind == MFI_KIND_DIRECTORY ? MFI_KIND_DIRECTORY : MFI_KIND_FILE,
        .path = reading->text,
    };
    char *slash = NULL;
    if (read_text(reading->journal, cell, reading->text) == 0)
        slash = strrchr(reading->text, '/');
    if (slash == NULL || reading->text[0] != '/' || mfi_check_name(slash + 1, NULL) < 0) {
        reading->damaged++;
        return 0;
    }
    record.name = slash + 1;
    if (state != MFI_CELL_NAMED) {
        record.identity = (struct mfi_identity){cell->device, cell->inode};
        record.birth = cell->birth;
        record.uid = cell->uid;
    }
    return reading->visit(&record, reading->user);
}

int mfi_journal_read(const struct mfi_journal *journal,
                     int (*visit)(const struct mfi_record *record, void *user), void *user,
                     uint64_t *ret_damaged) {
    *ret_damaged = 0;
    mfi_auto_free struct reading *reading = mfi_sys.malloc(sizeof *reading);
    mfi_auto_free struct mfi_cell *cells = mfi_sys.malloc((size_t)CELLS_AT_ONCE * MFI_CELL);
    if (reading == NULL || cells == NULL)
        return -ENOMEM;
    *reading = (struct reading){.journal = journal, .visit = visit, .user = user};
    for (uint32_t at = 0; at < journal->cells; at += CELLS_AT_ONCE) {
        const off_t offset = MFI_JOURNAL_HEAD + (off_t)at * MFI_CELL;
        const ssize_t n =
            mfi_sys.pread(journal->fd, cells, (size_t)CELLS_AT_ONCE * MFI_CELL, offset);
        if (n < 0)
            return (int)n;
        for (ssize_t i = 0; i < n / MFI_CELL; i++) {
            const int r = visit_cell(reading, &cells[i]);
            if (r != 0)
                return r;
        }
        if (n < (ssize_t)CELLS_AT_ONCE * MFI_CELL)
            break;
    }
    *ret_damaged = reading->damaged;
    return 0;
}
