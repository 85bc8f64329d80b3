/* SPDX-License-Identifier: MIT
 *
 * The constructors of mayfly_file: from options to a handle.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "file.h"
#include "locked.h"
#include "quota.h"
#include "spool.h"
#include "temp.h"

/* ---- modes ----------------------------------------------------------------------------------- */

static uint32_t mode_letter(char letter) {
    switch (letter) {
    case 'r':
        return MFI_READABLE;
    case 'w':
    case 'x':
        return MFI_WRITABLE;
    case 'a':
        return MFI_WRITABLE | MFI_APPEND;
    default:
        return 0;
    }
}

/* As Python's open(): one of r, w, a, x; at most one +; at most one of b and t; in any order. */
static int parse_mode(const char *mode, uint32_t *ret_flags, mayfly_error *error) {
    uint32_t flags = 0;
    int letters = 0, plus = 0, binary = 0, text = 0;
    for (const char *p = mode; *p != '\0'; p++) {
        letters += mode_letter(*p) != 0;
        flags |= mode_letter(*p);
        plus += *p == '+';
        binary += *p == 'b';
        text += *p == 't';
        if (mode_letter(*p) == 0 && strchr("+bt", *p) == NULL)
            letters = 2;
    }
    if (letters != 1 || plus > 1 || binary + text > 1)
        return mfi_fail(error, -EINVAL, "mode", mode,
                        "is none of r, w, a, x with + and b or t, such as \"w+b\"");
    if (plus > 0)
        flags |= MFI_READABLE | MFI_WRITABLE;
    if (binary == 0)
        flags |= MFI_TEXT;
    *ret_flags = flags;
    return 0;
}

static int check_text_options(const mayfly_file_options *options, uint32_t flags,
                              mayfly_error *error) {
    if ((flags & MFI_TEXT) == 0) {
        if (options->encoding != NULL || options->errors != NULL || options->newline != NULL)
            return mfi_fail(error, -EINVAL, "mode", options->mode != NULL ? options->mode : "w+b",
                            "is binary: encoding, errors and newline need a text mode such as "
                            "\"w+t\"");
        return 0;
    }
    if (options->buffering == MAYFLY_BUFFERING_NONE)
        return mfi_fail(error, -EINVAL, "buffering", NULL, "text cannot be unbuffered");
    return 0;
}

static int parse_options(const mayfly_file_options *options, uint32_t *ret_flags,
                         mayfly_error *error) {
    uint32_t flags = MFI_READABLE | MFI_WRITABLE; /* "w+b" */
    int r = options->mode == NULL ? 0 : parse_mode(options->mode, &flags, error);
    if (r == 0)
        r = check_text_options(options, flags, error);
    if (r < 0)
        return r;
    if ((unsigned)options->buffering > MAYFLY_BUFFERING_LINE)
        return mfi_fail(error, -EINVAL, "buffering", NULL, "%u is no MAYFLY_BUFFERING_",
                        (unsigned)options->buffering);
    if ((unsigned)options->roll_to > MAYFLY_ROLL_MEMORY)
        return mfi_fail(error, -EINVAL, "roll_to", NULL, "%u is no MAYFLY_ROLL_",
                        (unsigned)options->roll_to);
    if (options->buffering == MAYFLY_BUFFERING_NONE)
        flags |= MFI_UNBUFFERED;
    if (options->buffering == MAYFLY_BUFFERING_LINE)
        flags |= MFI_LINE_BUFFERED;
    flags |= options->keep ? MFI_KEEP : 0u;
    flags |= options->keep_on_close ? MFI_KEEP_ON_CLOSE : 0u;
    flags |= options->secret ? MFI_SECRET : 0u;
    *ret_flags = flags;
    return 0;
}

/* ---- handles --------------------------------------------------------------------------------- */

uint32_t mfi_file_permissions(const mayfly_file_options *options) {
    return (options->permissions == 0 ? 0600 : options->permissions) |
           (options->sticky ? 01000u : 0u);
}

int mfi_file_new(const mayfly_file_options *options, mayfly_file **ret, mayfly_error *error) {
    uint32_t flags = 0;
    int r = parse_options(options, &flags, error);
    if (r < 0)
        return r;
    mayfly_file *file = mfi_sys.malloc(sizeof *file);
    if (file == NULL)
        return mfi_fail_memory(error, sizeof *file);
    *file = (mayfly_file){
        .flags = flags,
        .permissions = mfi_file_permissions(options),
        .process = mfi_process(),
        .max_size = options->max_size,
        .roll_to = options->roll_to,
    };
    if ((flags & MFI_TEXT) != 0)
        r = mfi_text_open(file, options, error);
    if (r == 0)
        r = mfi_account_open(options->max_bytes, NULL, -1, &file->account, NULL, error);
    if (r < 0) {
        mfi_file_free(file);
        return r;
    }
    *ret = file;
    return 0;
}

int mfi_file_close_store(mayfly_file *file) {
    int r = 0;
    if ((file->flags & MFI_SECRET) != 0 && file->process != mfi_process())
        mfi_store_abandon(&file->store);
    else
        r = file->store.base.ops->close(&file->store.base);
    file->store.base.ops = NULL;
    return r;
}

/* What may not be there in a forked child is left. */
static void free_window(mayfly_file *file) {
    if ((file->flags & MFI_SECRET) == 0)
        free(file->window);
    else if (file->process == mfi_process())
        mfi_locked_free(file->window, MFI_WINDOW);
}

void mfi_file_free(mayfly_file *file) {
    if (file == NULL)
        return;
    if (file->text != NULL)
        mfi_text_close(file);
    if (file->account != NULL)
        mfi_account_close(file->account, (file->flags & MFI_KEEP) != 0);
    if (file->store.base.ops != NULL)
        (void)mfi_file_close_store(file);
    if (file->window != NULL || file->path != NULL || file->later != NULL) {
        free_window(file);
        free(file->path);
        free(file->later);
    }
    free(file);
}

static void free_at(mayfly_file **file) {
    mfi_file_free(*file);
}

#define auto_file __attribute__((cleanup(free_at))) mayfly_file *

static int make_request(const mayfly_file_options *options, const char *name,
                        struct mfi_request *request, mayfly_error *error) {
    *request = (struct mfi_request){
        .prefix = options->prefix == NULL ? mayfly_gettempprefix() : options->prefix,
        .suffix = options->suffix == NULL ? "" : options->suffix,
        .name = name,
        .dir = options->dir,
        .place = options->place,
        .near = options->near,
        .fallback_dirs = options->fallback_dirs,
        .permissions = mfi_file_permissions(options),
        .random = options->random,
    };
    return mfi_request_check(request, error);
}

/* What has to be remembered of a request, because the file may move later. */
static int remember_request(mayfly_file *file, const struct mfi_request *request,
                            mayfly_error *error) {
    file->later = mfi_request_copy(request);
    return file->later == NULL ? mfi_fail_memory(error, sizeof *request) : 0;
}

static int import(size_t options_size, const mayfly_file_options *options,
                  mayfly_file_options *known, const char *operation, mayfly_error *error) {
    return mfi_options_import(known, sizeof *known, options, options_size, operation, error);
}

/* ---- with a name ----------------------------------------------------------------------------- */

static int open_named(const mayfly_file_options *options, const char *name, mayfly_file **ret,
                      mayfly_error *error) {
    struct mfi_request request;
    int r = make_request(options, name, &request, error);
    if (r < 0)
        return r;
    auto_file file = NULL;
    r = mfi_file_new(options, &file, error);
    if (r < 0)
        return r;
    struct mfi_made made;
    r = mfi_create_named(&request, MFI_CREATE_FILE, 0, &made, error);
    if (r < 0)
        return r;
    mfi_auto_fd fd = made.fd;
    file->path = mfi_slot_path(made.slot);
    r = file->path == NULL ? mfi_fail_memory(error, sizeof made.slot->name)
                           : mfi_store_open_disk(file, &fd, &file->store, error);
    if (r < 0) {
        (void)mfi_slot_remove(made.slot, NULL, NULL, NULL);
        mfi_slot_release(made.slot);
        return r;
    }
    if ((file->flags & MFI_KEEP) != 0)
        mfi_slot_hold(made.slot, 1);
    file->slot = made.slot;
    *ret = mfi_take(file);
    return 0;
}

int mayfly_named_temporary_file_sized(size_t options_size, const mayfly_file_options *options,
                                      mayfly_file **ret, mayfly_error *error) {
    mayfly_file_options known;
    const int r = import(options_size, options, &known, "named_temporary_file", error);
    return r < 0 ? r : open_named(&known, NULL, ret, error);
}

int mayfly_file_in_tempdir_sized(size_t options_size, const char *name,
                                 const mayfly_file_options *options, mayfly_file **ret,
                                 mayfly_error *error) {
    mayfly_file_options known;
    const int r = import(options_size, options, &known, "file_in_tempdir", error);
    if (r < 0)
        return r;
    if (name == NULL || known.prefix != NULL || known.suffix != NULL)
        return mfi_fail(error, -EINVAL, "file_in_tempdir", name,
                        "needs a name, and no prefix or suffix beside it");
    return open_named(&known, name, ret, error);
}

/* ---- without a name -------------------------------------------------------------------------- */

static int open_in_memory(mayfly_file *file, mayfly_error *error) {
    file->flags |= MFI_SPOOL | MFI_NAMELESS;
    if ((file->flags & MFI_SECRET) == 0) {
        file->store.base.ops = &mfi_memory_ops;
        return 0;
    }
    const int r = mfi_locked_open(&file->store);
    if (r == -ENOTSUP)
        return mfi_fail(error, r, "secret", NULL, "this mayfly was built without libsodium");
    return r < 0 ? mfi_fail_call(error, r, "secret", NULL, -1) : 0;
}

int mayfly_temporary_file_sized(size_t options_size, const mayfly_file_options *options,
                                mayfly_file **ret, mayfly_error *error) {
    mayfly_file_options known;
    struct mfi_request request;
    int r = import(options_size, options, &known, "temporary_file", error);
    if (r == 0)
        r = make_request(&known, NULL, &request, error);
    if (r < 0)
        return r;
    auto_file file = NULL;
    r = mfi_file_new(&known, &file, error);
    if (r == 0 && (known.fallback_dirs != NULL || known.secret))
        r = remember_request(file, &request, error);
    if (r < 0)
        return r;
    if (known.secret) { /* in locked memory first, where it leaves no trace at all */
        file->roll_to = MAYFLY_ROLL_UNNAMED;
        r = open_in_memory(file, error);
    } else {
        struct mfi_made made = {.fd = -1};
        r = mfi_create_unnamed(&request, 0, &made, error);
        mfi_auto_fd fd = made.fd;
        if (r == 0)
            r = mfi_store_open_disk(file, &fd, &file->store, error);
        file->flags |= made.nameless ? MFI_NAMELESS : 0u;
        file->site = made.site;
    }
    if (r < 0)
        return r;
    *ret = mfi_take(file);
    return 0;
}

/* Whether rolling over would need more than the defaults. */
static int has_request(const mayfly_file_options *options) {
    return options->prefix != NULL || options->suffix != NULL || options->dir != NULL ||
           options->place != MAYFLY_PLACE_DEFAULT || options->fallback_dirs != NULL ||
           options->near != NULL || options->permissions != 0;
}

int mayfly_spooled_temporary_file_sized(size_t options_size, const mayfly_file_options *options,
                                        mayfly_file **ret, mayfly_error *error) {
    mayfly_file_options copy;
    struct mfi_request request;
    int r = 0;
    /* The usual caller's options are looked at where they lie: a spool costs so little that a copy
     * would be seen. */
    if (options == NULL || options_size != sizeof copy) {
        r = import(options_size, options, &copy, "spooled_temporary_file", error);
        options = &copy;
    }
    const int more = r == 0 && has_request(options);
    if (more)
        r = make_request(options, NULL, &request, error);
    if (r < 0)
        return r;
    auto_file file = NULL;
    r = mfi_file_new(options, &file, error);
    if (r == 0 && more)
        r = remember_request(file, &request, error);
    if (r == 0)
        r = open_in_memory(file, error);
    if (r < 0)
        return r;
    *ret = mfi_take(file);
    return 0;
}
