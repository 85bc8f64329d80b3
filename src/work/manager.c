/* SPDX-License-Identifier: MIT
 *
 * Many handles with one end.
 *
 * Invariant   what was made has an owner at every instant: its scope here until the list has it.
 *             Everything is tried at the end, the newest first.
 * Why mfi_lock    a pthread mutex that another thread holds during a fork would never be free in
 * the child.
 */
#define _GNU_SOURCE
#include <mayfly/manager.h>

#include <stdlib.h>

#include "../base/base.h"

struct item {
    mayfly_file *file; /* one of the two */
    mayfly_dir *dir;
};

struct mayfly_manager {
    struct mfi_lock lock;
    struct item *items;
    size_t count, capacity;
};

int mayfly_manager_new(mayfly_manager **ret, mayfly_error *error) {
    mayfly_manager *manager = mfi_sys.calloc(1, sizeof *manager);
    if (manager == NULL)
        return mfi_fail_memory(error, sizeof *manager);
    *ret = manager;
    return 0;
}

static int add(mayfly_manager *manager, struct item item, mayfly_error *error) {
    int r = 0;
    mfi_lock_take(&manager->lock);
    if (manager->count == manager->capacity) {
        const size_t capacity = manager->capacity == 0 ? 16 : manager->capacity * 2;
        struct item *items = mfi_sys.realloc(manager->items, capacity * sizeof *items);
        if (items == NULL)
            r = mfi_fail_memory(error, capacity * sizeof *items);
        else {
            manager->items = items;
            manager->capacity = capacity;
        }
    }
    if (r == 0)
        manager->items[manager->count++] = item;
    mfi_lock_give(&manager->lock);
    return r;
}

static int take_out(mayfly_manager *manager, const struct item *item, mayfly_error *error) {
    int r = -ENOENT;
    mfi_lock_take(&manager->lock);
    for (size_t i = manager->count; r < 0 && i > 0; i--)
        if (manager->items[i - 1].file == item->file && manager->items[i - 1].dir == item->dir) {
            memmove(manager->items + i - 1, manager->items + i,
                    (manager->count - i) * sizeof *manager->items);
            manager->count--;
            r = 0;
        }
    mfi_lock_give(&manager->lock);
    return r < 0 ? mfi_fail(error, r, "manager", NULL, "that is not the manager's") : 0;
}

int mayfly_manager_file_sized(size_t options_size, mayfly_manager *manager,
                              const mayfly_file_options *options, mayfly_file **ret,
                              mayfly_error *error) {
    mayfly_auto(mayfly_file) file = NULL;
    int r = mayfly_named_temporary_file_sized(options_size, options, &file, error);
    if (r == 0)
        r = add(manager, (struct item){.file = file}, error);
    if (r < 0)
        return r;
    *ret = mfi_take(file);
    return 0;
}

int mayfly_manager_dir_sized(size_t options_size, mayfly_manager *manager,
                             const mayfly_dir_options *options, mayfly_dir **ret,
                             mayfly_error *error) {
    mayfly_auto(mayfly_dir) dir = NULL;
    int r = mayfly_temporary_directory_sized(options_size, options, &dir, error);
    if (r == 0)
        r = add(manager, (struct item){.dir = dir}, error);
    if (r < 0)
        return r;
    *ret = mfi_take(dir);
    return 0;
}

int mayfly_manager_adopt_file(mayfly_manager *manager, mayfly_file **file, mayfly_error *error) {
    const int r = add(manager, (struct item){.file = *file}, error);
    if (r == 0)
        *file = NULL;
    return r;
}

int mayfly_manager_adopt_dir(mayfly_manager *manager, mayfly_dir **dir, mayfly_error *error) {
    const int r = add(manager, (struct item){.dir = *dir}, error);
    if (r == 0)
        *dir = NULL;
    return r;
}

int mayfly_manager_take_file(mayfly_manager *manager, mayfly_file *file, mayfly_error *error) {
    return take_out(manager, &(struct item){.file = file}, error);
}

int mayfly_manager_take_dir(mayfly_manager *manager, mayfly_dir *dir, mayfly_error *error) {
    return take_out(manager, &(struct item){.dir = dir}, error);
}

size_t mayfly_manager_count(mayfly_manager *manager) {
    mfi_lock_take(&manager->lock);
    const size_t count = manager->count;
    mfi_lock_give(&manager->lock);
    return count;
}

/* The newest, or 0 where there is none. */
static int take_newest(mayfly_manager *manager, struct item *ret) {
    mfi_lock_take(&manager->lock);
    const int any = manager->count > 0;
    if (any)
        *ret = manager->items[--manager->count];
    mfi_lock_give(&manager->lock);
    return any;
}

int mayfly_manager_cleanup(mayfly_manager *manager, mayfly_error *error) {
    struct item item;
    mayfly_error first;
    size_t failures = 0;
    int result = 0;
    while (take_newest(manager, &item)) {
        mayfly_error *report = failures == 0 ? &first : NULL;
        const int r = item.file != NULL ? mayfly_file_close(&item.file, report)
                                        : mayfly_dir_close(&item.dir, report);
        if (r < 0 && failures++ == 0)
            result = r;
    }
    if (failures == 0)
        return 0;
    return mfi_fail(error, result, "manager", NULL,
                    "%zu could not be cleaned up, the others are; the first: %s", failures,
                    first.message);
}

int mayfly_manager_close(mayfly_manager **manager, mayfly_error *error) {
    if (manager == NULL || *manager == NULL)
        return 0;
    mayfly_manager *ending = mfi_take(*manager);
    const int r = mayfly_manager_cleanup(ending, error);
    free(ending->items);
    free(ending);
    return r;
}

void mayfly_manager_auto(mayfly_manager **manager) {
    (void)mayfly_manager_close(manager, NULL);
}
