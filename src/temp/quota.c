/* SPDX-License-Identifier: MIT
 *
 * Counting what is held.
 *
 * Invariants  bytes are added before they are written, and all limits are asked before any is
 *             charged for good: whoever is refused has changed nothing. A counter is what all open
 *             accounts and closed ones that stay have charged.
 */
#define _GNU_SOURCE
#include "quota.h"

#include <stdlib.h>

static struct mfi_quota process = {.references = 1};

static const char *const no_name = "temporary file";

/* ---- one counter ----------------------------------------------------------------------------- */

static int add(_Atomic uint64_t *counter, const _Atomic uint64_t *most, uint64_t more,
               uint64_t *ret_held) {
    const uint64_t limit = atomic_load(most);
    uint64_t held = atomic_load(counter);
    do {
        *ret_held = held;
        if (limit != 0 && (held > limit || more > limit - held))
            return -EDQUOT;
    } while (!atomic_compare_exchange_weak(counter, &held, held + more));
    return 0;
}

static int refuse(mayfly_error *error, const char *path, const char *whose, const char *what,
                  uint64_t limit, uint64_t held, uint64_t more) {
    return mfi_fail(error, -EDQUOT, "quota", path,
                    "the limit of %s is %llu %s: %llu are held, %llu more were asked for; remove "
                    "something or raise it",
                    whose, (unsigned long long)limit, what, (unsigned long long)held,
                    (unsigned long long)more);
}

static int add_bytes(struct mfi_quota *quota, uint64_t more, const char *whose, const char *path,
                     mayfly_error *error) {
    uint64_t held = 0;
    const int r = add(&quota->bytes, &quota->max_bytes, more, &held);
    return r == 0 ? 0
                  : refuse(error, path, whose, "bytes", atomic_load(&quota->max_bytes), held, more);
}

static int add_file(struct mfi_quota *quota, const char *whose, const char *path,
                    mayfly_error *error) {
    uint64_t held = 0;
    const int r = add(&quota->files, &quota->max_files, 1, &held);
    return r == 0 ? 0
                  : refuse(error, path, whose, "files", atomic_load(&quota->max_files), held, 1);
}

/* Never below nothing: what another process made may be removed through a handle here. */
static void take(_Atomic uint64_t *counter, uint64_t less) {
    uint64_t held = atomic_load(counter);
    while (!atomic_compare_exchange_weak(counter, &held, held > less ? held - less : 0)) {
    }
}

static int process_counts(void) {
    return atomic_load_explicit(&process.max_bytes, memory_order_relaxed) != 0 ||
           atomic_load_explicit(&process.max_files, memory_order_relaxed) != 0;
}

/* ---- directories ----------------------------------------------------------------------------- */

struct mfi_quota *mfi_quota_new(uint64_t max_bytes, uint64_t max_files, int *ret_code) {
    *ret_code = 0;
    const int counts = process_counts();
    if (max_bytes == 0 && max_files == 0 && !counts)
        return NULL;
    struct mfi_quota *quota = mfi_sys.calloc(1, sizeof *quota);
    if (quota == NULL) {
        *ret_code = -ENOMEM;
        return NULL;
    }
    atomic_store(&quota->references, 1);
    atomic_store(&quota->max_bytes, max_bytes);
    atomic_store(&quota->max_files, max_files);
    quota->counts_for_process = counts;
    return quota;
}

void mfi_quota_unref(struct mfi_quota *quota) {
    if (quota != NULL && atomic_fetch_sub(&quota->references, 1) == 1)
        free(quota);
}

void mfi_quota_drop(struct mfi_quota *quota) {
    if (quota == NULL)
        return;
    const uint64_t bytes = atomic_exchange(&quota->bytes, 0);
    const uint64_t files = atomic_exchange(&quota->files, 0);
    if (quota->counts_for_process) {
        take(&process.bytes, bytes);
        take(&process.files, files + (quota->root_counted ? 1 : 0));
        quota->root_counted = 0;
    }
}

int mfi_quota_add_entry(struct mfi_quota *quota, const char *path, mayfly_error *error) {
    int r = quota == NULL ? 0 : add_file(quota, "this directory", path, error);
    if (r == 0 && quota != NULL && quota->counts_for_process) {
        r = add_file(&process, "this process", path, error);
        if (r < 0)
            take(&quota->files, 1);
    }
    return r;
}

int mfi_quota_add_root(struct mfi_quota *quota, mayfly_error *error) {
    if (quota == NULL || !quota->counts_for_process)
        return 0;
    const int r = add_file(&process, "this process", "temporary directory", error);
    quota->root_counted = r == 0;
    return r;
}

void mfi_quota_take_entry(struct mfi_quota *quota) {
    if (quota == NULL)
        return;
    take(&quota->files, 1);
    if (quota->counts_for_process)
        take(&process.files, 1);
}

/* ---- files ----------------------------------------------------------------------------------- */

int mfi_account_open(uint64_t max_bytes, struct mfi_quota *dir, int64_t existing,
                     struct mfi_account **ret, const char *path, mayfly_error *error) {
    const int counts = dir != NULL ? dir->counts_for_process : process_counts();
    *ret = NULL;
    if (max_bytes == 0 && dir == NULL && !counts)
        return 0;
    path = path == NULL ? no_name : path;
    struct mfi_account *account = mfi_sys.calloc(1, sizeof *account);
    if (account == NULL)
        return mfi_fail_memory(error, sizeof *account);
    *account =
        (struct mfi_account){.max_bytes = max_bytes, .dir = dir, .counts_for_process = counts};
    int r = 0;
    if (existing >= 0)
        account->charged = (uint64_t)existing;
    else if (dir != NULL)
        r = mfi_quota_add_entry(dir, path, error);
    else if (counts)
        r = add_file(&process, "this process", path, error);
    if (r < 0) {
        free(account);
        return r;
    }
    if (dir != NULL)
        (void)atomic_fetch_add(&dir->references, 1);
    account->counted = dir != NULL || counts;
    *ret = account;
    return 0;
}

static int grow(struct mfi_account *account, uint64_t more, const char *path, mayfly_error *error) {
    if (account->max_bytes != 0 &&
        (account->charged > account->max_bytes || more > account->max_bytes - account->charged))
        return refuse(error, path, "this file", "bytes", account->max_bytes, account->charged,
                      more);
    int r = account->dir == NULL ? 0 : add_bytes(account->dir, more, "its directory", path, error);
    if (r == 0 && account->counts_for_process) {
        r = add_bytes(&process, more, "this process", path, error);
        if (r < 0 && account->dir != NULL)
            take(&account->dir->bytes, more);
    }
    if (r == 0)
        account->charged += more;
    return r;
}

int mfi_account_set(struct mfi_account *account, uint64_t size, const char *path,
                    mayfly_error *error) {
    if (size > account->charged)
        return grow(account, size - account->charged, path, error);
    const uint64_t less = account->charged - size;
    account->charged = size;
    if (account->dir != NULL)
        take(&account->dir->bytes, less);
    if (account->counts_for_process)
        take(&process.bytes, less);
    return 0;
}

void mfi_account_close(struct mfi_account *account, int kept_in_dir) {
    if (account == NULL)
        return;
    if (!kept_in_dir || account->dir == NULL) {
        (void)mfi_account_set(account, 0, NULL, NULL);
        if (account->dir != NULL)
            mfi_quota_take_entry(account->dir);
        else if (account->counted)
            take(&process.files, 1);
    }
    mfi_quota_unref(account->dir);
    free(account);
}

/* ---- public ---------------------------------------------------------------------------------- */

void mayfly_set_quota(uint64_t max_bytes, uint64_t max_files) {
    atomic_store(&process.max_bytes, max_bytes);
    atomic_store(&process.max_files, max_files);
}

void mayfly_quota_usage(mayfly_usage *ret) {
    *ret = (mayfly_usage){.bytes = atomic_load(&process.bytes),
                          .files = atomic_load(&process.files),
                          .max_bytes = atomic_load(&process.max_bytes),
                          .max_files = atomic_load(&process.max_files)};
}
