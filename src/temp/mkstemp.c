/* SPDX-License-Identifier: MIT
 *
 * The low level: made, handed over, forgotten.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "temp.h"

static int read_options(struct mfi_request *request, uint32_t permissions, size_t options_size,
                        const mayfly_name_options *options, mayfly_error *error) {
    mayfly_name_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "mkstemp", error);
    if (r < 0)
        return r;
    *request = (struct mfi_request){
        .prefix = known.prefix == NULL ? mayfly_gettempprefix() : known.prefix,
        .suffix = known.suffix == NULL ? "" : known.suffix,
        .dir = known.dir,
        .place = known.place,
        .near = known.near,
        .fallback_dirs = known.fallback_dirs,
        .permissions = known.permissions == 0 ? permissions : known.permissions,
        .random = known.random,
    };
    return mfi_request_check(request, error);
}

int mayfly_mkstemp_sized(size_t options_size, const mayfly_name_options *options, char **ret_path,
                         mayfly_error *error) {
    struct mfi_request request;
    int r = read_options(&request, 0600, options_size, options, error);
    if (r < 0)
        return r;
    int fd = -1;
    r = mfi_create_loose(&request, MFI_CREATE_FILE, &fd, ret_path, error);
    return r < 0 ? r : fd;
}

int mayfly_mkdtemp_sized(size_t options_size, const mayfly_name_options *options, char **ret_path,
                         mayfly_error *error) {
    struct mfi_request request;
    int r = read_options(&request, 0700, options_size, options, error);
    if (r < 0)
        return r;
    mfi_auto_fd fd = -1;
    return mfi_create_loose(&request, MFI_CREATE_DIRECTORY, &fd, ret_path, error);
}

static int invent(const struct mfi_request *request, struct mfi_parent *parent, char **ret_path,
                  mayfly_error *error) {
    struct mfi_slot stand_in = {.parent = parent};
    struct stat st;
    int r = 0;
    for (unsigned attempt = 0; r == 0; attempt++) {
        r = mfi_request_name(request, attempt, stand_in.name);
        if (r == 0)
            r = mfi_sys.fstatat(parent->fd, stand_in.name, &st, AT_SYMLINK_NOFOLLOW);
    }
    if (r != -ENOENT)
        return mfi_fail_call(error, r, "fstatat", parent->path, parent->fd);
    char *path = mfi_slot_path(&stand_in);
    if (path == NULL)
        return mfi_fail_memory(error, strlen(parent->path));
    *ret_path = path;
    return 0;
}

int mayfly_mktemp_sized(size_t options_size, const mayfly_name_options *options, char **ret_path,
                        mayfly_error *error) {
    struct mfi_request request;
    int r = read_options(&request, 0600, options_size, options, error);
    if (r < 0)
        return r;
    struct mfi_parent *parent = NULL;
    r = mfi_request_site(&request, 0, &parent, error);
    if (r < 0)
        return r;
    r = invent(&request, parent, ret_path, error);
    mfi_parent_unref(parent);
    return r;
}
