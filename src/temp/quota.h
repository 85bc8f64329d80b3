/* SPDX-License-Identifier: MIT
 *
 * Limits and what is charged to them, for the sources of this room.
 */
#ifndef MFI_QUOTA_H
#define MFI_QUOTA_H

#include <mayfly/quota.h>

#include "../base/base.h"

/* A limit with what is held; of a directory, or of the process. Shared by reference. */
struct mfi_quota {
    _Atomic uint32_t references;
    _Atomic uint64_t bytes, files;
    _Atomic uint64_t max_bytes, max_files;
    int root_counted;       /* the directory itself, at the process */
    int counts_for_process; /* what is charged here is charged to the process as well */
};

/* What one file has charged, and to whom. NULL in the handle: nobody asked. */
struct mfi_account {
    uint64_t max_bytes; /* its own limit; 0: none */
    uint64_t charged;
    struct mfi_quota *dir; /* NULL: it lies in no directory that counts */
    int counts_for_process;
    int counted; /* as a file */
};

/* A directory's limit with one reference; NULL where nothing limits it (*ret_code 0) or there is no
 * memory. */
struct mfi_quota *mfi_quota_new(uint64_t max_bytes, uint64_t max_files, int *ret_code);
void mfi_quota_unref(struct mfi_quota *quota);

/* The directory is gone, and all that was charged to it. */
void mfi_quota_drop(struct mfi_quota *quota);

/* The directory itself counts for the process. -EDQUOT in a sentence. NULL is fine. */
int mfi_quota_add_root(struct mfi_quota *quota, mayfly_error *error);

/* One file or directory more in a directory. -EDQUOT in a sentence. NULL is fine. */
int mfi_quota_add_entry(struct mfi_quota *quota, const char *path, mayfly_error *error);
void mfi_quota_take_entry(struct mfi_quota *quota);

/* Opens an account where there is something to count. -EDQUOT: there may be no file more.
 * existing: the size of a file that was there, and counted; -1 for a new one. */
int mfi_account_open(uint64_t max_bytes, struct mfi_quota *dir, int64_t existing,
                     struct mfi_account **ret, const char *path, mayfly_error *error);

/* Charges for a file of `size` bytes in all, more or less than before. -EDQUOT: nothing was. */
int mfi_account_set(struct mfi_account *account, uint64_t size, const char *path,
                    mayfly_error *error);

/* Ends it; kept_in_dir: the file stays in its directory, and stays charged to it. NULL is fine. */
void mfi_account_close(struct mfi_account *account, int kept_in_dir);

#endif
