/* SPDX-License-Identifier: MIT
 *
 * What operations cost in system calls, which is what they cost at all.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "../lib/harness.h"
#include "../../src/temp/temp.h"
#include "../lib/syscalls.h"

static void warm_up(void) {
    mayfly_auto(mayfly_file) file = NULL;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
        _Exit(1);
}

/* Some C libraries' malloc asks the system even when it is warm; that is not ours to count. */
static void leave_out_allocation(char *names) {
    static const char *const calls[] = {"mmap", "munmap", "brk", "madvise"};
    char *to = names, *next = names;
    for (char *name; (name = strsep(&next, " ")) != NULL;) {
        int allocates = 0;
        const size_t size = strlen(name);
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
            allocates |= strcmp(name, calls[i]) == 0;
        if (allocates || size == 0)
            continue;
        if (to != names)
            *to++ = ' ';
        memmove(to, name, size);
        to += size;
    }
    *to = '\0';
}

static void expect(void (*warm)(void), void (*body)(void), const char *calls) {
    char names[4096];
    if (mft_wrapped())
        mft_skip("the calls of what the test runs under would be counted");
    const int r = mft_syscalls(warm, body, names, sizeof names);
    if (r == -EPERM || r == -ENOSYS)
        mft_skip("system calls cannot be traced here");
    if (r < 0)
        fail_msg("traced child: %d after \"%s\"", r, names);
#ifndef __GLIBC__
    leave_out_allocation(names);
#else
    (void)leave_out_allocation;
#endif
    assert_string_equal(names, calls);
}

static void make_named(void) {
    mayfly_file *file = NULL;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0 || mayfly_file_close(&file, NULL) < 0)
        _Exit(1);
}

static void named_file_is_openat_fstat_fstatat_unlinkat_close(void **state) {
    (void)state;
    expect(warm_up, make_named, "openat fstat fstatat unlinkat close");
}

static void write_named(void) {
    mayfly_file *file = NULL;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0 ||
        mayfly_file_write(file, "one\n", 4, NULL) < 0 ||
        mayfly_file_write(file, "two\n", 4, NULL) < 0 || mayfly_file_close(&file, NULL) < 0)
        _Exit(1);
}

static void warm_up_writing(void) {
    write_named();
}

static void named_file_with_small_writes_has_one_write_more(void **state) {
    (void)state;
    expect(warm_up_writing, write_named, "openat fstat pwrite fstatat unlinkat close");
}

static void make_unnamed(void) {
    mayfly_file *file = NULL;
    if (mayfly_temporary_file(NULL, &file, NULL) < 0 || mayfly_file_close(&file, NULL) < 0)
        _Exit(1);
}

static void unnamed_file_is_openat_close(void **state) {
    (void)state;
    expect(make_unnamed, make_unnamed, "openat close");
}

static void use_spool(void) {
    char data[1024] = "x", back[1024];
    mayfly_file *file = NULL;
    if (mayfly_spooled_temporary_file(&(mayfly_file_options){.max_size = 4096}, &file, NULL) < 0 ||
        mayfly_file_write(file, data, sizeof data, NULL) < 0 ||
        mayfly_file_seek(file, 0, SEEK_SET, NULL) != 0 ||
        mayfly_file_read(file, back, sizeof back, NULL) != sizeof back ||
        mayfly_file_close(&file, NULL) < 0)
        _Exit(1);
}

static void spool_in_memory_makes_no_system_call(void **state) {
    (void)state;
    expect(use_spool, use_spool, "");
}

static void make_directory(void) {
    mayfly_dir *dir = NULL;
    if (mayfly_temporary_directory(NULL, &dir, NULL) < 0 || mayfly_dir_close(&dir, NULL) < 0)
        _Exit(1);
}

/* The fstat proves the mode, which the umask may have changed, and gives the identity that the
 * fstatat before the removal compares; the flock keeps cleaners away. */
static void directory_is_mkdirat_openat_fstat_flock_and_the_removal(void **state) {
    (void)state;
    expect(make_directory, make_directory, "mkdirat openat fstat flock fstatat unlinkat close");
}

/* The slot and its cell in the journal, as creating and closing use them. */
static void remember_and_forget(void) {
    static struct mfi_parent *parent;
    struct mfi_slot *slot = NULL;
    struct stat st = {.st_ino = 1};
    if (parent == NULL && mfi_where_parent(MAYFLY_PLACE_DEFAULT, NULL, &parent, NULL) < 0)
        _Exit(1);
    if (mfi_slot_reserve(parent, MFI_KIND_FILE, &slot) < 0)
        _Exit(1);
    slot->random_name = 1;
    memcpy(slot->name, "tmp0123456789abc", 17);
    mfi_slot_announce(slot);
    mfi_slot_arm(slot, &st, 1);
    mfi_slot_release(slot);
}

static void remembering_and_forgetting_a_name_makes_no_system_call(void **state) {
    (void)state;
    expect(remember_and_forget, remember_and_forget, "");
}

static void use_mkstemp(void) {
    char *path = NULL;
    const int fd = mayfly_mkstemp(NULL, &path, NULL);
    if (fd < 0)
        _Exit(1);
    (void)remove(path);
    free(path);
}

static void mkstemp_is_openat_fstat(void **state) {
    (void)state;
    expect(use_mkstemp, use_mkstemp, "openat fstat unlink");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(named_file_is_openat_fstat_fstatat_unlinkat_close),
        MFT(named_file_with_small_writes_has_one_write_more),
        MFT(unnamed_file_is_openat_close),
        MFT(spool_in_memory_makes_no_system_call),
        MFT(directory_is_mkdirat_openat_fstat_flock_and_the_removal),
        MFT(mkstemp_is_openat_fstat),
        MFT(remembering_and_forgetting_a_name_makes_no_system_call),
    };
    return MFT_MAIN(tests);
}
