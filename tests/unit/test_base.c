/* SPDX-License-Identifier: MIT
 *
 * What all rooms stand on.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "../../src/base/base.h"
#include "../../src/keep/keep.h"
#include "../lib/fault.h"

static void errors_say_operation_path_and_reason(void **state) {
    (void)state;
    mayfly_error error;
    memset(&error, 0x5a, sizeof error); /* needs no initialisation */
    assert_int_equal(mfi_fail(&error, -EACCES, "openat", "/a/b", NULL), -EACCES);
    assert_string_equal(error.message, "openat \"/a/b\": Permission denied");
    assert_string_equal(error.path, "/a/b");
    assert_string_equal(error.operation, "openat");
    assert_int_equal(error.code, -EACCES);
    assert_int_equal(error.offset, -1);
    assert_int_equal(mfi_fail_at(&error, MAYFLY_E_SYNTAX, "load", "x", 1042, "no %s", "good"),
                     MAYFLY_E_SYNTAX);
    assert_string_equal(error.message, "load \"x\": byte 1042: no good");
    assert_int_equal(mfi_fail(NULL, -EIO, "read", NULL, NULL), -EIO); /* nobody asks */
}

static void a_long_path_keeps_its_end_and_a_long_sentence_its_beginning(void **state) {
    (void)state;
    mayfly_error error;
    char path[5000];
    memset(path, 'p', sizeof path - 1);
    memcpy(path + sizeof path - 8, "the-end", 8);
    (void)mfi_fail(&error, -EIO, "read", path, "%s", path);
    assert_int_equal(strlen(error.path), sizeof error.path - 1);
    assert_int_equal(strncmp(error.path, "...", 3), 0);
    assert_string_equal(error.path + strlen(error.path) - 7, "the-end");
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static void every_code_has_a_text(void **state) {
    (void)state;
    char text[200];
    static const int own[] = {
#define VALUE(name, value, sentence) name,
        MAYFLY_ERROR_CODES(VALUE)
#undef VALUE
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        assert_ptr_equal(mayfly_strerror(own[i], text, sizeof text), text);
        assert_true(strlen(text) > 10);
        assert_true(own[i] < -4095);
    }
    assert_string_equal(mayfly_strerror(-ENOENT, text, sizeof text), "No such file or directory");
    assert_string_equal(mayfly_strerror(ENOENT, text, 8), "No such");
}

static void options_grow_with_the_library(void **state) {
    (void)state;
    struct {
        int one, two, three;
    } known = {7, 7, 7}, given = {1, 2, 3};
    mft_ok(mfi_options_import(&known, sizeof known, NULL, 0, "x", &mft_error));
    assert_int_equal(known.one | known.two | known.three, 0);
    mft_ok(mfi_options_import(&known, sizeof known, &given, sizeof given.one, "x", &mft_error));
    assert_true(known.one == 1 && known.two == 0); /* an older caller */
    given.three = 0;
    mft_ok(mfi_options_import(&known, 2 * sizeof given.one, &given, sizeof given, "x", &mft_error));
    given.three = 1;
    mft_fails(MAYFLY_E_OPTION, mfi_options_import(&known, 2 * sizeof given.one, &given,
                                                  sizeof given, "x", &mft_error));
}

static void a_buffer_that_cannot_grow_is_what_it_was(void **state) {
    (void)state;
    mfi_auto_buffer buffer = {0};
    assert_int_equal(mfi_buffer_append(&buffer, "one", 3), 0);
    mft_fault_refuse("realloc", 1, -ENOMEM, 1);
    assert_int_equal(mfi_buffer_append(&buffer, buffer.data, 0), 0);
    char large[4096] = "";
    assert_int_equal(mfi_buffer_append(&buffer, large, sizeof large), -ENOMEM);
    mft_fault_end();
    assert_int_equal(mfi_buffer_reserve(&buffer, SIZE_MAX - 2), -ENOMEM);
    assert_string_equal(buffer.data, "one");
    assert_int_equal(buffer.size, 3);
}

static void paths_are_made_absolute_by_the_working_directory_of_now(void **state) {
    (void)state;
    char cwd[1024], expected[1100];
    mfi_auto_free char *one = NULL;
    mfi_auto_free char *two = NULL;
    mfi_auto_free char *three = NULL;
    assert_non_null(getcwd(cwd, sizeof cwd));
    mft_ok(mfi_absolute("/x/../y", &one, &mft_error));
    assert_string_equal(one, "/x/../y"); /* nothing is resolved */
    mft_ok(mfi_absolute("a", &two, &mft_error));
    snprintf(expected, sizeof expected, "%s/a", cwd);
    assert_string_equal(two, expected);
    mft_ok(mfi_absolute(".", &three, &mft_error));
    assert_string_equal(three, cwd);
}

static void names_that_are_no_names_are_refused(void **state) {
    (void)state;
    char large[300];
    memset(large, 'n', sizeof large);
    large[256] = '\0';
    static const char *const bad[] = {"", ".", "..", "a/b", "/"};
    for (size_t i = 0; i < 5; i++)
        mft_fails(-EINVAL, mfi_check_name(bad[i], &mft_error));
    mft_fails(-EINVAL, mfi_check_name(NULL, &mft_error));
    mft_fails(-EINVAL, mfi_check_name(large, &mft_error));
    large[255] = '\0';
    mft_ok(mfi_check_name(large, &mft_error));
}

static struct mfi_lock lock;
static long counted;

static void *count_locked(void *unused) {
    for (int i = 0; i < 20000; i++) {
        mfi_lock_take(&lock);
        counted++;
        mfi_lock_give(&lock);
    }
    return unused;
}

static int take_inherited_lock(void *unused) {
    (void)unused;
    mfi_lock_take(&lock); /* held by the parent, which cannot give it back here */
    mfi_lock_give(&lock);
    return 0;
}

static void the_lock_excludes_threads_and_survives_a_fork(void **state) {
    (void)state;
    pthread_t threads[4];
    counted = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_locked, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(counted, 80000);
    mfi_lock_take(&lock);
    assert_int_equal(mft_fork(take_inherited_lock, NULL), 0);
    mfi_lock_give(&lock);
}

static void *reserve_and_release(void *parent) {
    struct mfi_slot *slots[100];
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 100; i++) {
            if (mfi_slot_reserve(parent, MFI_KIND_FILE, &slots[i]) < 0)
                return parent;
            snprintf(slots[i]->name, sizeof slots[i]->name, "%p-%d", (void *)slots, i);
        }
        for (int i = 0; i < 100; i++) {
            char name[256];
            snprintf(name, sizeof name, "%p-%d", (void *)slots, i);
            if (strcmp(name, slots[i]->name) != 0)
                return parent; /* given to somebody else too */
            mfi_slot_release(slots[i]);
        }
    }
    return NULL;
}

static void slots_are_never_given_out_twice(void **state) {
    (void)state;
    struct mfi_parent *parent = NULL;
    pthread_t threads[4];
    mft_ok(mfi_parent_open(mft_tmp(), &parent, &mft_error));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reserve_and_release, parent), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    mfi_parent_unref(parent);
}

static struct mfi_parent *_Atomic shared;
static _Atomic int stop;

static void *acquire_and_release(void *unused) {
    long seen = 0;
    while (!atomic_load(&stop)) {
        struct mfi_parent *parent = mfi_parent_acquire(&shared);
        if (parent != NULL)
            seen += parent->path[0] == '/'; /* alive while it is held */
        mfi_parent_unref(parent);
    }
    (void)seen;
    return unused;
}

static void a_shared_directory_is_exchanged_while_others_use_it(void **state) {
    (void)state;
    pthread_t threads[3];
    atomic_store(&stop, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, acquire_and_release, NULL), 0);
    for (int i = 0; i < 3000; i++) {
        struct mfi_parent *parent = NULL;
        mft_ok(mfi_parent_open(mft_tmp(), &parent, &mft_error));
        mfi_parent_replace(&shared, parent);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    mfi_parent_replace(&shared, NULL);
}

static void the_version_of_header_and_library_is_the_same(void **state) {
    (void)state;
    assert_string_equal(mayfly_version(), MAYFLY_VERSION);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(errors_say_operation_path_and_reason),
        MFT(a_long_path_keeps_its_end_and_a_long_sentence_its_beginning),
        MFT(every_code_has_a_text),
        MFT(options_grow_with_the_library),
        MFT(a_buffer_that_cannot_grow_is_what_it_was),
        MFT(paths_are_made_absolute_by_the_working_directory_of_now),
        MFT(names_that_are_no_names_are_refused),
        MFT(the_lock_excludes_threads_and_survives_a_fork),
        MFT(slots_are_never_given_out_twice),
        MFT(a_shared_directory_is_exchanged_while_others_use_it),
        MFT(the_version_of_header_and_library_is_the_same),
    };
    return MFT_MAIN(tests);
}
