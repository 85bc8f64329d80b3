/* SPDX-License-Identifier: MIT
 *
 * F6: sensitive data.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/temp/file.h"
#include "../lib/fault.h"

static const char plain[] = "the launch code is 0000, do not tell";

/* A secret file on disk; NULL in a build without libsodium. */
static mayfly_file *on_disk(void) {
    mayfly_file *file = NULL;
    const int r =
        mayfly_named_temporary_file(&(mayfly_file_options){.secret = true}, &file, &mft_error);
    if (r == -ENOTSUP)
        mft_skip("this build has no libsodium");
    if (r < 0)
        fail_msg("%s", mft_error.message);
    return file;
}

static mayfly_file *in_memory(const mayfly_file_options *options) {
    mayfly_file *file = NULL;
    const int r = mayfly_temporary_file(options, &file, &mft_error);
    if (r == -ENOTSUP)
        mft_skip("this build has no libsodium");
    if (r < 0)
        fail_msg("%s", mft_error.message);
    return file;
}

static int holds(const char *path, const char *text) {
    size_t size = 0;
    char *data = mft_read(path, &size);
    const int found = memmem(data, size, text, strlen(text)) != NULL;
    free(data);
    return found;
}

static void F6_a_plain_file_is_0600_as_fstat_proves(void **state) {
    (void)state;
    struct stat st;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.mode = "w+t", .prefix = "secure_"},
                                       &file, &mft_error));
    assert_int_equal(fstat(mayfly_file_fd(file, NULL), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void F6_nothing_of_a_secret_file_is_readable_on_disk(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = on_disk();
    char back[64] = "", *copy = mft_path("copy");
    for (int i = 0; i < 1000; i++)
        mft_ok(mayfly_file_write(file, plain, sizeof plain - 1, &mft_error));
    mft_ok(mayfly_file_flush(file, &mft_error));
    assert_int_equal(mft_mode(mayfly_file_path(file)), 0600);
    assert_false(holds(mayfly_file_path(file), "launch"));
    assert_int_equal(link(mayfly_file_path(file), copy), 0);
    assert_int_equal(mayfly_file_pread(file, back, sizeof plain - 1, 0, NULL), sizeof plain - 1);
    assert_string_equal(back, plain);
    mft_fails(-ENOTSUP, mayfly_file_fd(file, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_false(holds(copy, "launch")); /* nor afterwards */
    assert_int_equal(unlink(copy), 0);
}

static void F6_the_same_content_is_never_encrypted_the_same_way_twice(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = on_disk();
    size_t one_size = 0, two_size = 0;
    mft_ok(mayfly_file_pwrite(file, plain, sizeof plain, 0, &mft_error));
    mft_ok(mayfly_file_flush(file, &mft_error));
    char *one = mft_read(mayfly_file_path(file), &one_size);
    mft_ok(mayfly_file_pwrite(file, plain, sizeof plain, 0, &mft_error));
    mft_ok(mayfly_file_flush(file, &mft_error));
    char *two = mft_read(mayfly_file_path(file), &two_size);
    assert_int_equal(one_size, two_size);
    size_t same = 0;
    for (size_t i = 0; i < one_size; i++)
        same += one[i] == two[i];
    assert_true(same < one_size / 16);
    free(one);
    free(two);
}

static void F6_a_bit_that_was_changed_on_disk_is_noticed(void **state) {
    (void)state;
    static const long places[] = {0, 30, 2000, 4135, 4136 + 5};
    for (size_t i = 0; i < 5; i++) {
        mayfly_auto(mayfly_file) file = on_disk();
        static char data[8192];
        char byte;
        mft_ok(mayfly_file_write(file, data, sizeof data, &mft_error));
        mft_ok(mayfly_file_flush(file, &mft_error));
        const int fd = open(mayfly_file_path(file), O_RDWR | O_CLOEXEC);
        assert_int_equal(pread(fd, &byte, 1, places[i]), 1);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, places[i]), 1);
        assert_int_equal(close(fd), 0);
        mft_fails(MAYFLY_E_SYNTAX, mayfly_file_pread(file, data, sizeof data, 0, &mft_error));
        assert_non_null(strstr(mft_error.message, "altered"));
    }
}

static void F6_blocks_that_were_exchanged_are_noticed(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = on_disk();
    static char data[8192], one[4136], two[4136];
    mft_ok(mayfly_file_write(file, data, sizeof data, &mft_error));
    mft_ok(mayfly_file_flush(file, &mft_error));
    const int fd = open(mayfly_file_path(file), O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, one, 4136, 0) + pread(fd, two, 4136, 4136), 2 * 4136);
    assert_int_equal(pwrite(fd, two, 4136, 0) + pwrite(fd, one, 4136, 4136), 2 * 4136);
    assert_int_equal(close(fd), 0);
    mft_fails(MAYFLY_E_SYNTAX, mayfly_file_pread(file, data, sizeof data, 0, &mft_error));
}

/* Sanitizers take mlock(2) away; then there is nothing to be seen. */
static int locking_works(void) {
    static char page[8192];
    char line[256];
    long before = -1, after = -1, *to = &before;
    for (int round = 0; round < 2; round++, to = &after) {
        FILE *stream = fopen("/proc/self/status", "r");
        while (stream != NULL && fgets(line, sizeof line, stream) != NULL)
            if (sscanf(line, "VmLck: %ld", to) == 1)
                break;
        if (stream != NULL)
            (void)fclose(stream);
        if (round == 0 && mlock(page, sizeof page) != 0)
            return 0;
    }
    (void)munlock(page, sizeof page);
    return after > before;
}

static void F6_in_memory_it_is_locked_and_left_out_of_core_dumps(void **state) {
    (void)state;
    static char smaps[1 << 20];
    if (!locking_works())
        mft_skip("memory cannot be locked here");
    mayfly_auto(mayfly_file) file = in_memory(&(mayfly_file_options){.secret = true});
    mft_fault_refuse("memfd_secret", 1, -ENOSYS, 1); /* the ordinary kind of locked memory */
    mft_ok(mayfly_file_write(file, plain, sizeof plain, &mft_error));
    mft_fault_end();
    assert_false(mayfly_file_rolled(file));
    const char *data = ((const union mfi_any_store *)(const void *)file)->memory.data;
    assert_string_equal(data, plain);
    FILE *stream = fopen("/proc/self/smaps", "r");
    if (stream == NULL)
        mft_skip("/proc/self/smaps cannot be read");
    const size_t n = fread(smaps, 1, sizeof smaps - 1, stream);
    smaps[n] = '\0';
    (void)fclose(stream);
    char start[32];
    snprintf(start, sizeof start, "%lx-", (unsigned long)(uintptr_t)data);
    const char *entry = strstr(smaps, start);
    const char *flags = entry == NULL ? NULL : strstr(entry, "VmFlags:");
    if (flags == NULL)
        mft_skip("smaps tells no flags here");
    char line[256];
    snprintf(line, sizeof line, "%.*s ", (int)strcspn(flags, "\n"), flags);
    assert_non_null(strstr(line, " lo ")); /* locked */
    assert_non_null(strstr(line, " dd ")); /* not dumped */
    assert_non_null(strstr(line, " wf ")); /* wiped in a forked child */
}

static int wiped;
static size_t unmapped;
static int look_before_unmapping(void *memory, size_t size) {
    const char *bytes = memory;
    wiped = 1;
    for (size_t i = 0; i < size; i++)
        wiped &= bytes[i] == 0;
    unmapped += size;
    return mfi_sys_real.munmap(memory, size);
}

static void F6_memory_is_wiped_before_it_is_given_back(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = in_memory(&(mayfly_file_options){.secret = true});
    mft_ok(mayfly_file_write(file, plain, sizeof plain, &mft_error));
    mfi_sys.munmap = look_before_unmapping;
    unmapped = 0;
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_true(wiped && unmapped >= 4096);
    file = on_disk();
    mft_ok(mayfly_file_write(file, plain, sizeof plain, &mft_error));
    unmapped = 0;
    mft_ok(mayfly_file_close(&file, &mft_error));
    mfi_sys = mfi_sys_real;
    assert_true(wiped && unmapped >= 4096); /* the key among it */
}

static int large_locks_fail(const void *memory, size_t size) {
    return size > 150000 ? -ENOMEM : mfi_sys_real.mlock(memory, size);
}

static void F6_past_the_limit_of_locked_memory_nothing_is_lost(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = in_memory(&(mayfly_file_options){.secret = true});
    static char block[10000], back[10000];
    mft_fault_refuse("memfd_secret", 1, -ENOSYS, 1);
    mfi_sys.mlock = large_locks_fail;
    for (int i = 0; i < 40; i++) {
        memset(block, 'a' + i % 26, sizeof block);
        mft_ok(mayfly_file_write(file, block, sizeof block, &mft_error));
    }
    mft_fault_end();
    assert_true(mayfly_file_rolled(file));
    assert_true(mayfly_file_nameless(file));
    for (int i = 0; i < 40; i++) {
        memset(block, 'a' + i % 26, sizeof block);
        assert_int_equal(mayfly_file_pread(file, back, sizeof back, i * (int)sizeof back, NULL),
                         sizeof back);
        assert_memory_equal(back, block, sizeof block);
    }
}

static int read_it(void *context) {
    char data[8];
    return mayfly_file_pread(context, data, sizeof data, 0, NULL) == MAYFLY_E_FORKED ? 0 : 1;
}

static void F6_a_forked_child_does_not_get_it(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) memory = in_memory(&(mayfly_file_options){.secret = true});
    mayfly_auto(mayfly_file) disk = on_disk();
    mft_ok(mayfly_file_write(memory, plain, sizeof plain, &mft_error));
    mft_ok(mayfly_file_write(disk, plain, sizeof plain, &mft_error));
    assert_int_equal(mft_fork(read_it, memory), 0);
    assert_int_equal(mft_fork(read_it, disk), 0);
}

static mayfly_file *handed;

static int close_it(void *context) {
    (void)context;
    const int adopted = mayfly_file_adopt(handed, NULL);
    return mayfly_file_close(&handed, NULL) == 0 && adopted == -ENOTSUP ? 0 : 1;
}

/* Its copy of the handle leads to memory that it does not have. */
static void F6_a_forked_child_may_close_it_and_cannot_adopt_it(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++)
        for (int on_file = 0; on_file < 2; on_file++) {
            if (kind == 1)
                mft_fault_refuse("memfd_secret", 1, -ENOSYS, 1);
            mayfly_auto(mayfly_file) file =
                on_file ? on_disk() : in_memory(&(mayfly_file_options){.secret = true});
            mft_ok(mayfly_file_write(file, plain, sizeof plain, &mft_error));
            mft_fault_end();
            handed = file;
            assert_int_equal(mft_fork_exit(close_it, NULL), 0);
            char back[sizeof plain];
            assert_int_equal(mayfly_file_pread(file, back, sizeof back, 0, NULL), sizeof plain);
            assert_string_equal(back, plain);
        }
}

static int can_have_secret_memory(void) {
    const int fd = mfi_sys.memfd_secret();
    if (fd < 0 || ftruncate(fd, 4096) != 0)
        return 0;
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (memory == MAP_FAILED)
        return 0;
    (void)munmap(memory, 4096);
    return 1;
}

/* What a mapping is called in /proc/self/maps. */
static int lies_in(const void *data, const char *what) {
    char line[4400];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long from = 0, to = 0;
        if (sscanf(line, "%lx-%lx", &from, &to) == 2 && (uintptr_t)data >= from &&
            (uintptr_t)data < to)
            found = strstr(line, what) != NULL;
    }
    if (maps != NULL)
        (void)fclose(maps);
    return found;
}

static void F6_where_the_kernel_has_memory_that_it_cannot_read_it_lies_there(void **state) {
    (void)state;
    if (!can_have_secret_memory())
        mft_skip("memfd_secret(2) is not to be had");
    mayfly_auto(mayfly_file) file = in_memory(&(mayfly_file_options){.secret = true});
    mft_ok(mayfly_file_write(file, plain, sizeof plain, &mft_error));
    const union mfi_any_store *store = (const union mfi_any_store *)(const void *)file;
    assert_true(lies_in(store->memory.data, "secretmem"));
}

/* What is gathered before it is encrypted, and what is read ahead. */
static void F6_of_a_file_on_disk_nothing_in_clear_lies_in_ordinary_memory(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = on_disk();
    char byte;
    mft_ok(mayfly_file_write(file, plain, sizeof plain, &mft_error));
    assert_non_null(file->window);
    assert_memory_equal(file->window, plain, sizeof plain);
    assert_true(lies_in(file->window, can_have_secret_memory() ? "secretmem" : ""));
    mft_ok(mayfly_file_flush(file, &mft_error));
    assert_int_equal(mayfly_file_pread(file, &byte, 1, 0, &mft_error), 1);
    mfi_sys.munmap = look_before_unmapping;
    wiped = 1;
    unmapped = 0;
    mft_ok(mayfly_file_close(&file, &mft_error));
    mfi_sys = mfi_sys_real;
    assert_true(wiped && unmapped >= MFI_WINDOW + 4096);
}

static long locks_left;

static int few_locks(const void *memory, size_t size) {
    locks_left -= (long)size;
    return locks_left < 0 ? -ENOMEM : mfi_sys_real.mlock(memory, size);
}

/* What users are often given. And with less still it goes without gathering. */
static void F6_64_KiB_of_locked_memory_are_enough_for_a_file_on_disk(void **state) {
    (void)state;
    for (int less = 0; less < 2; less++) {
        char *line = NULL, back[sizeof plain];
        size_t capacity = 0;
        mft_fault_refuse("memfd_secret", 1, -ENOSYS, 1);
        mfi_sys.mlock = few_locks;
        locks_left = less ? 8192 : 65536;
        mayfly_auto(mayfly_file) file = on_disk();
        for (int i = 0; i < 300; i++)
            mft_ok(mayfly_file_write(file, plain, sizeof plain, &mft_error));
        for (int i = 0; i < 300; i++) {
            const int64_t at = i * (int64_t)sizeof plain;
            assert_int_equal(mayfly_file_pread(file, back, sizeof back, at, NULL), sizeof back);
            assert_string_equal(back, plain);
        }
        assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, NULL), 0);
        if (less)
            mft_fails(-ENOMEM, mayfly_file_read_line(file, &line, &capacity, &mft_error));
        else
            assert_int_equal(mayfly_file_read_line(file, &line, &capacity, NULL),
                             300 * (int64_t)sizeof plain);
        free(line);
        mft_ok(mayfly_file_close(&file, &mft_error));
        mft_fault_end();
    }
}

static void F6_a_failed_write_shows_nothing_when_the_file_grows_later(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = on_disk();
    static char data[200000], back[200000];
    memset(data, 'x', sizeof data);
    mft_ok(mayfly_file_write(file, "begin", 5, &mft_error));
    mft_ok(mayfly_file_flush(file, &mft_error));
    mft_fault_refuse("pwrite", 2, -ENOSPC, 0); /* after the first batch of blocks */
    mft_fails(-ENOSPC, mayfly_file_write(file, data, sizeof data, &mft_error));
    mft_fault_end();
    assert_int_equal(mayfly_file_size(file, NULL), 5);
    mft_ok(mayfly_file_truncate(file, 150000, &mft_error));
    assert_int_equal(mayfly_file_pread(file, back, sizeof back, 0, NULL), 150000);
    memset(data, 0, sizeof data);
    memcpy(data, "begin", 5);
    assert_memory_equal(back, data, 150000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(F6_a_plain_file_is_0600_as_fstat_proves),
        MFT(F6_nothing_of_a_secret_file_is_readable_on_disk),
        MFT(F6_the_same_content_is_never_encrypted_the_same_way_twice),
        MFT(F6_a_bit_that_was_changed_on_disk_is_noticed),
        MFT(F6_blocks_that_were_exchanged_are_noticed),
        MFT(F6_in_memory_it_is_locked_and_left_out_of_core_dumps),
        MFT(F6_memory_is_wiped_before_it_is_given_back),
        MFT(F6_past_the_limit_of_locked_memory_nothing_is_lost),
        MFT(F6_a_forked_child_does_not_get_it),
        MFT(F6_a_forked_child_may_close_it_and_cannot_adopt_it),
        MFT(F6_where_the_kernel_has_memory_that_it_cannot_read_it_lies_there),
        MFT(F6_of_a_file_on_disk_nothing_in_clear_lies_in_ordinary_memory),
        MFT(F6_64_KiB_of_locked_memory_are_enough_for_a_file_on_disk),
        MFT(F6_a_failed_write_shows_nothing_when_the_file_grows_later),
    };
    return MFT_MAIN(tests);
}
