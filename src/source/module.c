/* SPDX-License-Identifier: MIT
 *
 * A shared object in memory, into the process.
 *
 * Sealed      nobody can change or cut the file from which its pages come, and it has no name that
 *             somebody could put another one under; a directory that allows no programs does not
 *             matter.
 * Invariant   the descriptor is held as long as the object is loaded: the loader knows objects by
 *             the names that they were loaded by, here /proc/self/fd/N, and takes an equal one for
 *             the same object. Where somebody closed our descriptor behind our back, and N is
 *             another file now, it gives one that is loaded already: then another number is taken.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

static struct mfi_lock lock;
static struct mfi_module *modules; /* that are loaded */

static bool is_loaded(const void *handle) {
    for (const struct mfi_module *at = modules; at != NULL; at = at->next)
        if (at->handle == handle)
            return true;
    return false;
}

/* What the loader says, without the name that it knows the object by. */
static int tell(const char *path, mayfly_error *error) {
    const char *said = dlerror();
    const char *missing = said == NULL ? NULL : strstr(said, "undefined symbol: ");
    if (missing != NULL)
        return mfi_fail(error, MAYFLY_E_UNRESOLVED, "load source", path,
                        "it uses '%s', which is nowhere defined; give the library that has it in "
                        ".libraries, or a program that exports it",
                        missing + strlen("undefined symbol: "));
    return mfi_fail(error, MAYFLY_E_UNRESOLVED, "load source", path, "%s",
                    said == NULL ? "the loader refuses it" : said);
}

enum { NAME = 40 };

static void name_of(int fd, char to[NAME]) {
    (void)snprintf(to, NAME, "/proc/self/fd/%d", fd);
}

static void *open_once(int fd) {
    char name[NAME];
    name_of(fd, name);
    return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

/* With the lock. */
static int open_new(struct mfi_module *module, const char *path, mayfly_error *error) {
    for (int tries = 0; tries < 100; tries++) {
        void *handle = open_once(module->fd);
        if (handle == NULL)
            return tell(path, error);
        if (!is_loaded(handle)) {
            module->handle = handle;
            return 0;
        }
        (void)dlclose(handle);
        const int moved = mfi_sys.dup(module->fd, module->fd + 1);
        if (moved < 0)
            return mfi_fail_call(error, moved, "dup", path, -1);
        (void)mfi_sys.close(module->fd);
        module->fd = moved;
    }
    return mfi_fail(error, -EBUSY, "load source", path,
                    "the loader takes it for another one: descriptors of loaded sources were "
                    "closed");
}

int mfi_module_load(const char *image, size_t size, const char *path, struct mfi_module **ret,
                    mayfly_error *error) {
    mfi_auto_free struct mfi_module *module = mfi_sys.calloc(1, sizeof *module);
    if (module == NULL)
        return mfi_fail_memory(error, sizeof *module);
    module->fd = mfi_sys.memfd_sealed("mayfly-source", image, size);
    if (module->fd < 0)
        return mfi_fail_call(error, module->fd, "memfd_create", path, -1);
    mfi_lock_take(&lock);
    const int r = open_new(module, path, error);
    if (r == 0) {
        module->next = modules;
        modules = *ret = module;
    }
    mfi_lock_give(&lock);
    if (r == 0)
        (void)mfi_take(module);
    else
        mfi_close_fd(&module->fd);
    return r;
}

void *mfi_module_symbol(const struct mfi_module *module, const char *name) {
    return dlsym(module->handle, name);
}

/* Of the C library: runs what the object gave to atexit(3), which would be called when it is gone.
 */
extern void __cxa_finalize(void *object);

/* Whether the loader still has what had that address. */
static bool is_kept(const struct mfi_module *module, const void *address) {
    char name[NAME];
    Dl_info info;
    name_of(module->fd, name);
    return address != NULL && dladdr(address, &info) != 0 && info.dli_fname != NULL &&
           strcmp(info.dli_fname, name) == 0;
}

/* The loader keeps some for good (-z nodelete, or because others have bound to them): those stay
 * on the list, and so does their descriptor. */
void mfi_module_unload(struct mfi_module **module_at) {
    struct mfi_module *module = mfi_take(*module_at);
    if (module == NULL)
        return;
    void *const *end = mfi_module_symbol(module, MFI_MODULE_END);
    if (end != NULL)
        __cxa_finalize(*end);
    mfi_lock_take(&lock);
    (void)dlclose(module->handle);
    const bool kept = is_kept(module, end);
    struct mfi_module **at = &modules;
    while (!kept && *at != module)
        at = &(*at)->next;
    if (!kept)
        *at = module->next;
    mfi_lock_give(&lock);
    if (kept)
        return;
    mfi_close_fd(&module->fd);
    free(module);
}
