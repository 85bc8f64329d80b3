/* SPDX-License-Identifier: MIT
 *
 * The registry: a slot for every name that this process has made and not yet removed.
 *
 * States      FREE -> RESERVED (the name is being written) -> NAMED (it is, and the file may exist)
 *             -> LIVE (its inode is known) <-> HELD (kept: the end of the process leaves it);
 *             LIVE, HELD -> REMOVING (a thread is at it) -> GONE (removed) -> FREE
 * Invariants  slots lie in blocks that are never moved or freed, so they can be read at any
 *             instant, by any thread. Taking one and giving it back takes no lock.
 * Not handled a thread that makes files while another is already in exit(): what it makes after the
 *             registry was gone through is left, unless it was at it at that moment: then the
 *             journal stays, and a reaper finds it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "event.h"
#include "journal.h"
#include "registry.h"

enum { BLOCKS = 24 };

/* A signal ends the process: other threads make nothing more, and wait for their end. */
static _Atomic int ending;

static struct mfi_slot *_Atomic blocks[BLOCKS];
static _Atomic uint32_t used; /* slots that were ever handed out */

/* The free list: index + 1 of its first slot below, a count of changes above, so that a slot which
 * was taken and given back in between is noticed. */
static _Atomic uint64_t free_list;

static struct mfi_slot *slot_at(uint32_t index) {
    const unsigned block = mfi_block_of(index);
    return atomic_load(&blocks[block]) + (index - mfi_block_start(block));
}

static struct mfi_slot *pop_free(void) {
    uint64_t head = atomic_load(&free_list);
    for (;;) {
        const uint32_t first = (uint32_t)head;
        if (first == 0)
            return NULL;
        struct mfi_slot *slot = slot_at(first - 1);
        const uint64_t next = ((head >> 32) + 1) << 32 | atomic_load(&slot->next_free);
        if (atomic_compare_exchange_weak(&free_list, &head, next))
            return slot;
    }
}

static void push_free(struct mfi_slot *slot) {
    uint64_t head = atomic_load(&free_list);
    uint64_t next;
    do {
        atomic_store(&slot->next_free, (uint32_t)head);
        next = ((head >> 32) + 1) << 32 | (slot->index + 1);
    } while (!atomic_compare_exchange_weak(&free_list, &head, next));
}

static int need_block(unsigned block) {
    if (block >= BLOCKS)
        return -ENOMEM;
    if (atomic_load(&blocks[block]) != NULL)
        return 0;
    struct mfi_slot *fresh = mfi_sys.calloc((size_t)MFI_FIRST_BLOCK << block, sizeof *fresh);
    if (fresh == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < (uint32_t)MFI_FIRST_BLOCK << block; i++)
        fresh[i].index = mfi_block_start(block) + i;
    struct mfi_slot *none = NULL;
    if (!atomic_compare_exchange_strong(&blocks[block], &none, fresh))
        free(fresh); /* another thread was first */
    return 0;
}

static int next_unused(struct mfi_slot **ret) {
    uint32_t index = atomic_load(&used);
    do {
        const int r = need_block(mfi_block_of(index));
        if (r < 0)
            return r;
    } while (!atomic_compare_exchange_weak(&used, &index, index + 1));
    *ret = slot_at(index);
    return 0;
}

static int take_slot(struct mfi_slot **ret) {
    struct mfi_slot *slot = pop_free();
    if (slot == NULL) {
        const int r = next_unused(&slot);
        if (r < 0)
            return r;
    }
    (void)atomic_fetch_add_explicit(&slot->generation, 1, memory_order_acq_rel);
    slot->more = 0;
    slot->cell = NULL;
    slot->maker = pthread_self();
    atomic_store_explicit(&slot->owner, mfi_process(), memory_order_relaxed);
    *ret = slot;
    return 0;
}

/* Gives back a slot and those in whose cells its path goes on. */
static void give_slots(struct mfi_slot *slot) {
    while (slot != NULL) {
        struct mfi_slot *next = slot->more == 0 ? NULL : slot_at(slot->more - 1);
        if (slot->cell != NULL && mfi_slot_owned(slot))
            mfi_cell_set(slot->cell, MFI_CELL_FREE);
        atomic_store_explicit(&slot->state, MFI_SLOT_FREE, memory_order_release);
        push_free(slot);
        slot = next;
    }
}

/* ---- in the journal -------------------------------------------------------------------------- */

/* A path may be too long for one cell: so many slots more lend theirs. */
static void take_cells(struct mfi_slot *slot) {
    slot->cell = mfi_journal_cell(slot->index);
    size_t room = MFI_CELL_TEXT;
    const size_t need = strlen(slot->parent->path) + sizeof slot->name + 1;
    struct mfi_slot *last = slot;
    for (size_t count = 0; slot->cell != NULL && room < need; room += MFI_CELL_TEXT) {
        struct mfi_slot *more = NULL;
        if (++count == MFI_CELL_MOST || take_slot(&more) < 0) {
            slot->cell = NULL; /* not leased */
            return;
        }
        last->more = more->index + 1;
        last = more;
        atomic_store_explicit(&more->state, MFI_SLOT_MORE, memory_order_release);
        more->cell = mfi_journal_cell(more->index);
        if (more->cell == NULL)
            slot->cell = NULL;
    }
}

static void write_name(const struct mfi_slot *slot, struct mfi_cell *cell,
                       enum mfi_cell_state state) {
    struct mfi_cell *more[MFI_CELL_MOST];
    uint32_t indices[MFI_CELL_MOST];
    size_t count = 0;
    for (uint32_t next = slot->more; next != 0; next = slot_at(next - 1)->more) {
        more[count] = slot_at(next - 1)->cell;
        indices[count++] = next - 1;
    }
    mfi_cell_name(cell, slot->kind, slot->parent->path, slot->name, state, more, indices, count);
}

/* The cell says what the slot says. */
static void write_live(const struct mfi_slot *slot, struct mfi_cell *cell) {
    mfi_cell_identify(cell, &slot->identity, slot->made, slot->uid);
    mfi_cell_set(cell, MFI_CELL_LIVE);
}

/* Nobody else has adopted it, nor will. 0: somebody has. The slot is read once: in a handler it may
 * change hands meanwhile. */
static int claim(const struct mfi_slot *slot) {
    struct mfi_cell *cell = __atomic_load_n(&slot->cell, __ATOMIC_RELAXED);
    return cell == NULL || mfi_cell_state(cell) == MFI_CELL_FREE ||
           mfi_cell_move(cell, MFI_CELL_LIVE, MFI_CELL_REMOVING) ||
           mfi_cell_state(cell) != MFI_CELL_ADOPTED;
}

void mfi_slots_prepare(void) {
    (void)mfi_journal_cell(0);
}

/* ---- a name's life --------------------------------------------------------------------------- */

int mfi_slot_reserve_unlisted(struct mfi_parent *parent, enum mfi_kind kind,
                              struct mfi_slot **ret) {
    struct mfi_slot *slot = NULL;
    mfi_exit_watch();
    const int r = take_slot(&slot);
    if (r < 0)
        return r;
    slot->kind = kind;
    slot->random_name = 0;
    slot->parent = mfi_parent_ref(parent);
    slot->identity = (struct mfi_identity){0, 0};
    slot->made = slot->birth = 0;
    slot->name[0] = '\0';
    /* Before `ending` is looked at: the last sweep sees the slot, or this thread sees the sweep. */
    atomic_store(&slot->state, MFI_SLOT_RESERVED);
    while (atomic_load(&ending))
        (void)sched_yield();
    *ret = slot;
    return 0;
}

int mfi_slot_reserve(struct mfi_parent *parent, enum mfi_kind kind, struct mfi_slot **ret) {
    const int r = mfi_slot_reserve_unlisted(parent, kind, ret);
    if (r == 0)
        take_cells(*ret);
    return r;
}

void mfi_slot_begin_name(struct mfi_slot *slot) {
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) != MFI_SLOT_RESERVED)
        atomic_store_explicit(&slot->state, MFI_SLOT_RESERVED, memory_order_release);
}

void mfi_slot_announce(struct mfi_slot *slot) {
    if (slot->cell != NULL)
        write_name(slot, slot->cell, slot->random_name ? MFI_CELL_NAMED : MFI_CELL_FREE);
    if (slot->random_name)
        atomic_store_explicit(&slot->state, MFI_SLOT_NAMED, memory_order_release);
}

void mfi_slot_arm(struct mfi_slot *slot, const struct stat *st, int64_t made) {
    slot->identity = (struct mfi_identity){(uint64_t)st->st_dev, st->st_ino};
    slot->uid = st->st_uid;
    slot->made = made;
    if (slot->cell != NULL)
        write_live(slot, slot->cell);
    atomic_store_explicit(&slot->state, MFI_SLOT_LIVE, memory_order_release);
}

int mfi_slot_is_leased(const struct mfi_slot *slot) {
    return slot->cell != NULL && mfi_cell_state(slot->cell) == MFI_CELL_LIVE;
}

/* The slots in which a long path goes on get cells of this process's journal. */
static int take_over_more(const struct mfi_slot *slot) {
    for (uint32_t next = slot->more; next != 0; next = slot_at(next - 1)->more) {
        struct mfi_cell *own = mfi_journal_cell(next - 1);
        if (own == NULL)
            return -ENOTSUP;
        slot_at(next - 1)->cell = own;
        atomic_store(&slot_at(next - 1)->owner, mfi_process());
    }
    return 0;
}

int mfi_slot_adopt(struct mfi_slot *slot, mayfly_error *error) {
    if (mfi_slot_owned(slot))
        return 0;
    struct mfi_cell *own = mfi_journal_cell(slot->index);
    if (slot->cell == NULL || own == NULL || take_over_more(slot) < 0)
        return mfi_fail(error, -ENOTSUP, "adopt", slot->name,
                        "there is no journal by which it could be handed over; let the parent keep "
                        "it");
    /* First in the child's journal, then out of the parent's: at every instant one has it. */
    write_name(slot, own, MFI_CELL_FREE);
    write_live(slot, own);
    if (!mfi_cell_move(slot->cell, MFI_CELL_LIVE, MFI_CELL_ADOPTED)) {
        mfi_cell_set(own, MFI_CELL_FREE);
        return mfi_fail(error, MAYFLY_E_VANISHED, "adopt", slot->name,
                        "the parent has removed or kept it, or another process has it");
    }
    slot->cell = own;
    atomic_store(&slot->owner, mfi_process());
    mfi_exit_watch();
    return 0;
}

void mfi_slot_unpin(struct mfi_slot *slot, int fd) {
    struct mfi_mount found;
    if (mfi_sys.statmount(fd, "", &found) == 0)
        slot->birth = found.birth;
}

int mfi_slot_same_birth(const struct mfi_slot *slot, int fd, const char *name) {
    struct mfi_mount found;
    if (slot->birth == 0)
        return 1; /* pinned by a descriptor, or the file system does not know */
    return mfi_sys.statmount(fd, name, &found) == 0 && found.birth == slot->birth;
}

void mfi_slot_hold(struct mfi_slot *slot, int keep) {
    uint32_t from = keep ? MFI_SLOT_LIVE : MFI_SLOT_HELD;
    if (!atomic_compare_exchange_strong(&slot->state, &from,
                                        keep ? (uint32_t)MFI_SLOT_HELD : (uint32_t)MFI_SLOT_LIVE) ||
        slot->cell == NULL)
        return;
    if (keep)
        mfi_cell_set(slot->cell, MFI_CELL_FREE);
    else
        write_live(slot, slot->cell);
}

int mfi_slot_owned(const struct mfi_slot *slot) {
    return atomic_load_explicit(&slot->owner, memory_order_relaxed) == mfi_process();
}

void mfi_slot_release(struct mfi_slot *slot) {
    if (slot == NULL)
        return;
    /* Another thread ends the process and removes it at this moment, by what stands here. */
    while (mfi_slot_owned(slot) && atomic_load(&slot->state) == MFI_SLOT_REMOVING)
        (void)sched_yield();
    struct mfi_parent *parent = slot->parent;
    give_slots(slot);
    mfi_parent_unref(parent);
}

char *mfi_slot_path(const struct mfi_slot *slot) {
    const char *dir = slot->parent->path;
    const size_t dir_size = strlen(dir);
    const size_t name_size = strlen(slot->name);
    char *path = mfi_sys.malloc(dir_size + name_size + 2);
    if (path == NULL)
        return NULL;
    memcpy(path, dir, dir_size);
    size_t at = dir_size;
    if (at == 0 || path[at - 1] != '/')
        path[at++] = '/';
    memcpy(path + at, slot->name, name_size + 1);
    return path;
}

/* Whether what has the name is the inode that was armed. */
static int is_armed_inode(const struct mfi_slot *slot, const struct stat *st) {
    return (uint64_t)st->st_dev == slot->identity.device && st->st_ino == slot->identity.inode &&
           mfi_slot_same_birth(slot, slot->parent->fd, slot->name);
}

int mfi_slot_check(const struct mfi_slot *slot, mayfly_error *error) {
    struct stat st;
    const int r = mfi_sys.fstatat(slot->parent->fd, slot->name, &st, AT_SYMLINK_NOFOLLOW);
    if (r == -ENOENT)
        return mfi_fail(error, MAYFLY_E_VANISHED, "fstatat", slot->name,
                        "the file is no longer there: it was removed or renamed by somebody else");
    if (r < 0)
        return mfi_fail_call(error, r, "fstatat", slot->name, slot->parent->fd);
    if (!is_armed_inode(slot, &st))
        return mfi_fail(error, MAYFLY_E_REPLACED, "fstatat", slot->name,
                        "another file has this name by now; it was left alone");
    return 0;
}

static int remove_file(const struct mfi_slot *slot, mayfly_error *error) {
    int r = mfi_slot_check(slot, error);
    if (r == MAYFLY_E_VANISHED)
        return 0;
    if (r < 0)
        return r;
    r = mfi_sys.unlinkat(slot->parent->fd, slot->name, 0);
    if (r < 0 && r != -ENOENT)
        return mfi_fail_call(error, r, "unlinkat", slot->name, slot->parent->fd);
    return 0;
}

static int remove_directory(const struct mfi_slot *slot, const mayfly_tree_options *options,
                            mayfly_leftovers **ret_left, mayfly_error *error) {
    static const mayfly_tree_options defaults;
    mfi_auto_free char *path = mfi_slot_path(slot);
    return mfi_tree_remove(slot->parent->fd, slot->name, path == NULL ? slot->name : path,
                           &slot->identity, options == NULL ? &defaults : options, ret_left, error);
}

static int remove_known(struct mfi_slot *slot, const mayfly_tree_options *options,
                        mayfly_leftovers **ret_left, mayfly_error *error) {
    return slot->kind == MFI_KIND_DIRECTORY ? remove_directory(slot, options, ret_left, error)
                                            : remove_file(slot, error);
}

static void tell_removed(enum mfi_kind kind, const char *path, int code) {
    if (code < 0)
        mfi_event_failed("remove", kind, path, code);
    else
        mfi_event(MAYFLY_EVENT_REMOVED, kind, path, NULL, 0);
}

/* It is REMOVING, and was `before`. */
static int remove_taken(struct mfi_slot *slot, uint32_t before,
                        const mayfly_tree_options *tree_options, mayfly_leftovers **ret_left,
                        mayfly_error *error) {
    const int mine = claim(slot); /* else a child has adopted it */
    const int r = mine ? remove_known(slot, tree_options, ret_left, error) : 0;
    const enum mfi_kind kind = slot->kind;
    mfi_auto_free char *path = mine && mfi_events_on() ? mfi_slot_path(slot) : NULL;
    if (r < 0 && slot->cell != NULL)
        (void)mfi_cell_move(slot->cell, MFI_CELL_REMOVING, MFI_CELL_LIVE);
    atomic_store(&slot->state, r < 0 ? before : (uint32_t)MFI_SLOT_GONE);
    /* From here on it may be another thread's. */
    if (mine && mfi_events_on())
        tell_removed(kind, path, r);
    return r;
}

int mfi_slot_remove(struct mfi_slot *slot, const mayfly_tree_options *tree_options,
                    mayfly_leftovers **ret_left, mayfly_error *error) {
    /* Whoever makes it REMOVING removes it: this call, or the end of the process in another thread.
     */
    uint32_t before = atomic_load(&slot->state);
    do {
        if (before == MFI_SLOT_REMOVING || before == MFI_SLOT_GONE)
            return 0;
    } while (!atomic_compare_exchange_weak(&slot->state, &before, MFI_SLOT_REMOVING));
    return remove_taken(slot, before, tree_options, ret_left, error);
}

/* ---- the end of the process ------------------------------------------------------------------ */

static void unlink_slot(const struct mfi_slot *slot) {
    (void)mfi_sys.unlinkat(slot->parent->fd, slot->name,
                           slot->kind == MFI_KIND_DIRECTORY ? AT_REMOVEDIR : 0);
}

static int by_this_thread(const struct mfi_slot *slot) {
    return pthread_equal(slot->maker, pthread_self());
}

static int sweep_slot(struct mfi_slot *slot) {
    const uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
    if (state == MFI_SLOT_RESERVED || state == MFI_SLOT_NAMED) {
        if (!by_this_thread(slot))
            return -EBUSY; /* another thread is at it: it is in the journal */
        if (state == MFI_SLOT_NAMED)
            unlink_slot(slot);
    }
    uint32_t live = MFI_SLOT_LIVE;
    if (!atomic_compare_exchange_strong(&slot->state, &live, MFI_SLOT_REMOVING))
        return 0;
    const int r = remove_taken(slot, live, NULL, NULL, NULL); /* nobody is left to be told */
    return r == MAYFLY_E_REPLACED ? 0 : r;
}

/* What a slot says at one moment: it may change hands while it is read, which its generation and
 * state tell. Copied by hand, because that is a race on purpose, and not to be reported as one. */
__attribute__((no_sanitize("thread"), noinline)) static int snapshot(const struct mfi_slot *slot,
                                                                     struct mfi_slot *to) {
    const uint32_t generation = atomic_load(&slot->generation);
    const uint32_t state = atomic_load(&slot->state);
    const volatile char *from = (const volatile char *)slot;
    for (size_t i = 0; i < sizeof *to; i++)
        ((volatile char *)to)[i] = from[i];
    atomic_thread_fence(memory_order_acquire);
    to->name[sizeof to->name - 1] = '\0';
    return atomic_load(&slot->generation) == generation && atomic_load(&slot->state) == state &&
           atomic_load(&to->state) == state;
}

/* Without memory, locks or messages. What is being removed at this moment is removed again: the
 * thread that is at it may be the one that was interrupted. */
static int sweep_slot_in_handler(struct mfi_slot *slot) {
    struct stat st;
    struct mfi_slot now;
    if (!snapshot(slot, &now))
        return -EBUSY;
    const uint32_t state = atomic_load(&now.state);
    if (state == MFI_SLOT_RESERVED || state == MFI_SLOT_NAMED) {
        if (!by_this_thread(&now))
            return -EBUSY;
        if (state == MFI_SLOT_NAMED)
            unlink_slot(&now);
    }
    if ((state != MFI_SLOT_LIVE && state != MFI_SLOT_REMOVING) || !claim(&now))
        return 0;
    if (now.kind == MFI_KIND_DIRECTORY) {
        const int r = mfi_tree_strip(now.parent->fd, now.name, &now.identity);
        return r == -ENOENT || r == MAYFLY_E_REPLACED ? 0 : r;
    }
    if (mfi_sys.fstatat(now.parent->fd, now.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        is_armed_inode(&now, &st))
        unlink_slot(&now);
    return 0;
}

/* Goes through what this process owns. Whether anything is left, or is just being made by another
 * thread; what this one was making when it was interrupted, it will not make any more. */
static int sweep(int (*each)(struct mfi_slot *slot)) {
    const uint64_t process = mfi_process();
    int left = 0;
    for (uint32_t index = atomic_load(&used); index > 0; index--) {
        struct mfi_slot *slot = slot_at(index - 1);
        if (atomic_load_explicit(&slot->owner, memory_order_relaxed) == process)
            left |= each(slot) < 0;
    }
    return left;
}

/* The journal goes with what it names; if something is left, a reaper may have better luck. */
void mfi_registry_sweep(void) {
    if (!sweep(sweep_slot))
        mfi_journal_end();
}

void mfi_registry_sweep_in_handler(int dies) {
    if (dies)
        atomic_store(&ending, 1);
    if (!sweep(sweep_slot_in_handler) && dies)
        mfi_journal_end();
}
