/* SPDX-License-Identifier: MIT
 *
 * The registry: a slot for every name that this process has made and not yet removed.
 *
 * States      FREE -> RESERVED (the name is written, the file may exist) -> LIVE (its inode is
 *             known) <-> HELD (kept: the end of the process leaves it); LIVE, HELD -> GONE
 * (removed)
 *             -> FREE
 * Invariants  slots lie in blocks that are never moved or freed, so they can be read at any
 *             instant, by any thread. Taking one and giving it back takes no lock.
 * Not handled a thread that makes files while another is already in exit(): what it makes after the
 *             registry was gone through is left.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "registry.h"

enum { FIRST_BLOCK = 64, BLOCKS = 24 }; /* block k has 64 << k slots */

static struct mfi_slot *_Atomic blocks[BLOCKS];
static _Atomic uint32_t used; /* slots that were ever handed out */

/* The free list: index + 1 of its first slot below, a count of changes above, so that a slot which
 * was taken and given back in between is noticed. */
static _Atomic uint64_t free_list;

static unsigned block_of(uint32_t index) {
    return 31u - (unsigned)__builtin_clz(index / FIRST_BLOCK + 1u);
}

static uint32_t block_start(unsigned block) {
    return FIRST_BLOCK * ((1u << block) - 1u);
}

static struct mfi_slot *slot_at(uint32_t index) {
    const unsigned block = block_of(index);
    return atomic_load(&blocks[block]) + (index - block_start(block));
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
    struct mfi_slot *fresh = mfi_sys.calloc((size_t)FIRST_BLOCK << block, sizeof *fresh);
    if (fresh == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < (uint32_t)FIRST_BLOCK << block; i++)
        fresh[i].index = block_start(block) + i;
    struct mfi_slot *none = NULL;
    if (!atomic_compare_exchange_strong(&blocks[block], &none, fresh))
        free(fresh); /* another thread was first */
    return 0;
}

static int next_unused(struct mfi_slot **ret) {
    uint32_t index = atomic_load(&used);
    do {
        const int r = need_block(block_of(index));
        if (r < 0)
            return r;
    } while (!atomic_compare_exchange_weak(&used, &index, index + 1));
    *ret = slot_at(index);
    return 0;
}

int mfi_slot_reserve(struct mfi_parent *parent, enum mfi_kind kind, struct mfi_slot **ret) {
    mfi_exit_watch();
    struct mfi_slot *slot = pop_free();
    if (slot == NULL) {
        const int r = next_unused(&slot);
        if (r < 0)
            return r;
    }
    slot->kind = kind;
    slot->random_name = 0;
    slot->parent = mfi_parent_ref(parent);
    slot->identity = (struct mfi_identity){0, 0};
    slot->birth = 0;
    slot->name[0] = '\0';
    atomic_store_explicit(&slot->owner, mfi_process(), memory_order_relaxed);
    atomic_store_explicit(&slot->state, MFI_SLOT_RESERVED, memory_order_release);
    *ret = slot;
    return 0;
}

void mfi_slot_arm(struct mfi_slot *slot, uint64_t device, uint64_t inode) {
    slot->identity = (struct mfi_identity){device, inode};
    atomic_store_explicit(&slot->state, MFI_SLOT_LIVE, memory_order_release);
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
    (void)atomic_compare_exchange_strong(&slot->state, &from,
                                         keep ? (uint32_t)MFI_SLOT_HELD : (uint32_t)MFI_SLOT_LIVE);
}

int mfi_slot_owned(const struct mfi_slot *slot) {
    return atomic_load_explicit(&slot->owner, memory_order_relaxed) == mfi_process();
}

void mfi_slot_release(struct mfi_slot *slot) {
    if (slot == NULL)
        return;
    struct mfi_parent *parent = slot->parent;
    atomic_store_explicit(&slot->state, MFI_SLOT_FREE, memory_order_release);
    push_free(slot);
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

int mfi_slot_check(const struct mfi_slot *slot, mayfly_error *error) {
    struct stat st;
    const int r = mfi_sys.fstatat(slot->parent->fd, slot->name, &st, AT_SYMLINK_NOFOLLOW);
    if (r == -ENOENT)
        return mfi_fail(error, MAYFLY_E_VANISHED, "fstatat", slot->name,
                        "the file is no longer there: it was removed or renamed by somebody else");
    if (r < 0)
        return mfi_fail_call(error, r, "fstatat", slot->name, slot->parent->fd);
    if ((uint64_t)st.st_dev != slot->identity.device || st.st_ino != slot->identity.inode ||
        !mfi_slot_same_birth(slot, slot->parent->fd, slot->name))
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

int mfi_slot_remove(struct mfi_slot *slot, const mayfly_tree_options *tree_options,
                    mayfly_leftovers **ret_left, mayfly_error *error) {
    /* Whoever makes it GONE removes it: this call, or the end of the process in another thread. */
    const uint32_t before = atomic_exchange(&slot->state, MFI_SLOT_GONE);
    if (before == MFI_SLOT_GONE)
        return 0;
    const int r = slot->kind == MFI_KIND_DIRECTORY
                      ? remove_directory(slot, tree_options, ret_left, error)
                      : remove_file(slot, error);
    if (r < 0)
        atomic_store(&slot->state, before);
    return r;
}

/* At the end of the process: what is live goes, and what was just being made under a random name,
 * whose inode is not known yet. A given name in that state may be somebody else's. */
static void sweep_slot(struct mfi_slot *slot, uint64_t process) {
    if (atomic_load_explicit(&slot->owner, memory_order_relaxed) != process)
        return;
    const uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
    if (state == MFI_SLOT_LIVE)
        (void)mfi_slot_remove(slot, NULL, NULL, NULL); /* nobody is left to be told */
    else if (state == MFI_SLOT_RESERVED && slot->random_name && slot->name[0] != '\0')
        (void)mfi_sys.unlinkat(slot->parent->fd, slot->name,
                               slot->kind == MFI_KIND_DIRECTORY ? AT_REMOVEDIR : 0);
}

void mfi_registry_sweep(void) {
    const uint64_t process = mfi_process();
    for (uint32_t index = atomic_load(&used); index > 0; index--)
        sweep_slot(slot_at(index - 1), process);
}
