/* SPDX-License-Identifier: MIT
 *
 * Giving a temporary file a permanent name, by every way there is.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/temp/temp.h"
#include "../lib/fault.h"

enum source { NAMED, UNNAMED, UNLINKED, MEMORY, SPOOLED };

static mayfly_file *make(enum source source, const char *text) {
    mayfly_file *file = NULL;
    int r;
    if (source == NAMED)
        r = mayfly_named_temporary_file(NULL, &file, &mft_error);
    else if (source == UNNAMED)
        r = mayfly_temporary_file(NULL, &file, &mft_error);
    else if (source == UNLINKED) {
        mft_fault_refuse("open_unnamed", 1, -EOPNOTSUPP, 1);
        r = mayfly_temporary_file(NULL, &file, &mft_error);
        mft_fault_end();
        mfi_where_forget(); /* the directory was remembered as one without unnamed files */
    } else
        r = mayfly_spooled_temporary_file(
            &(mayfly_file_options){.max_size = source == SPOOLED ? 1 : 0}, &file, &mft_error);
    if (r < 0 || mayfly_file_write(file, text, strlen(text), &mft_error) < 0)
        fail_msg("%s", mft_error.message);
    return file;
}

static void every_kind_of_file_gets_its_name_and_says_how(void **state) {
    (void)state;
    static const mayfly_persist_path fresh[] = {MAYFLY_PERSIST_RENAMED, MAYFLY_PERSIST_LINKED,
                                                MAYFLY_PERSIST_COPIED, MAYFLY_PERSIST_COPIED,
                                                MAYFLY_PERSIST_LINKED};
    static const mayfly_persist_path over[] = {MAYFLY_PERSIST_RENAMED, MAYFLY_PERSIST_LINK_RENAMED,
                                               MAYFLY_PERSIST_COPIED, MAYFLY_PERSIST_COPIED,
                                               MAYFLY_PERSIST_LINK_RENAMED};
    char *target = mft_path("target");
    for (int source = NAMED; source <= SPOOLED; source++)
        for (int exists = 0; exists < 2; exists++) {
            mayfly_persist_result result = {0};
            mayfly_auto(mayfly_file) file = make((enum source)source, "the new content");
            if (exists)
                mft_write(target, "old");
            mft_ok(mayfly_file_persist(file, target, 0, &result, &mft_error));
            const mayfly_persist_path expected = exists ? over[source] : fresh[source];
            if (expected == MAYFLY_PERSIST_COPIED && result.path == MAYFLY_PERSIST_REFLINKED)
                result.path = MAYFLY_PERSIST_COPIED; /* a file system that shares blocks */
            assert_int_equal(result.path, expected);
            assert_int_equal(result.replaced, exists);
            assert_true(mft_is(target, "the new content"));
            assert_int_equal(mft_mode(target), 0600);
            /* the handle stands for the target now, and goes on */
            assert_string_equal(mayfly_file_path(file), target);
            mft_ok(mayfly_file_write(file, "!", 1, &mft_error));
            mft_ok(mayfly_file_close(&file, &mft_error));
            assert_true(mft_is(target, "the new content!"));
            assert_int_equal(mft_entries(mft_tmp()), 1);
            assert_int_equal(unlink(target), 0);
        }
}

static void noclobber_never_replaces(void **state) {
    (void)state;
    char *target = mft_path("target");
    for (int source = NAMED; source <= SPOOLED; source++) {
        mayfly_auto(mayfly_file) file = make((enum source)source, "new");
        mft_write(target, "old");
        mft_fails(-EEXIST, mayfly_file_persist(file, target, MAYFLY_NOCLOBBER, NULL, &mft_error));
        assert_true(mft_is(target, "old"));
        assert_int_equal(unlink(target), 0);
        mft_ok(mayfly_file_persist(file, target, MAYFLY_NOCLOBBER, NULL, &mft_error));
        mft_ok(mayfly_file_close(&file, &mft_error));
        assert_true(mft_is(target, "new"));
        assert_int_equal(unlink(target), 0);
    }
}

/* The target appears after it was looked at: the last call must notice by itself. */
static char *appearing;
static int appear_then_rename(int from, const char *old, int to, const char *name, unsigned flags) {
    mft_write(appearing, "theirs");
    return mfi_sys_real.renameat2(from, old, to, name, flags);
}
static int appear_then_link(int from, const char *old, int to, const char *name, int flags) {
    mft_write(appearing, "theirs");
    return mfi_sys_real.linkat(from, old, to, name, flags);
}
static int unknown_rename(int from, const char *old, int to, const char *name, unsigned flags) {
    (void)from, (void)old, (void)to, (void)name, (void)flags;
    return -EINVAL;
}

static void noclobber_holds_also_in_a_race_and_without_renameat2(void **state) {
    (void)state;
    appearing = mft_path("target");
    for (int old_kernel = 0; old_kernel < 2; old_kernel++) {
        mayfly_auto(mayfly_file) file = make(NAMED, "ours");
        mfi_sys.renameat2 = old_kernel ? unknown_rename : appear_then_rename;
        mfi_sys.linkat = appear_then_link;
        mft_fails(-EEXIST,
                  mayfly_file_persist(file, appearing, MAYFLY_NOCLOBBER, NULL, &mft_error));
        mfi_sys = mfi_sys_real;
        assert_true(mft_is(appearing, "theirs"));
        assert_int_equal(unlink(appearing), 0);
        mfi_sys.renameat2 = old_kernel ? unknown_rename : mfi_sys_real.renameat2;
        mft_ok(mayfly_file_persist(file, appearing, MAYFLY_NOCLOBBER, NULL, &mft_error));
        mfi_sys = mfi_sys_real;
        assert_true(mft_is(appearing, "ours"));
        mft_ok(mayfly_file_close(&file, &mft_error));
        assert_int_equal(unlink(appearing), 0);
        assert_int_equal(mft_entries(mft_tmp()), 0);
    }
}

static void durable_syncs_the_content_before_the_name_and_the_directory_after_it(void **state) {
    (void)state;
    char *target = mft_path("target");
    for (int source = NAMED; source <= SPOOLED; source++) {
        mayfly_persist_result result;
        mayfly_auto(mayfly_file) file = make((enum source)source, "new");
        mft_fault_count();
        mft_ok(mayfly_file_persist(file, target, MAYFLY_DURABLE, &result, &mft_error));
        assert_int_equal(mft_fault_calls("fsync"), 2);
        mft_fault_end();
        assert_true(result.durable);
        mft_ok(mayfly_file_close(&file, &mft_error));
        assert_int_equal(unlink(target), 0);
    }
    mayfly_auto(mayfly_file) file = make(NAMED, "new");
    mft_write(target, "old");
    mft_fault_refuse("fsync", 1, -EIO, 0);
    mft_fails(-EIO, mayfly_file_persist(file, target, MAYFLY_DURABLE, NULL, &mft_error));
    assert_true(mft_is(target, "old")); /* not synced: not renamed */
    mft_fault_refuse("fsync", 2, -EIO, 0);
    mft_fails(-EIO, mayfly_file_persist(file, target, MAYFLY_DURABLE, NULL, &mft_error));
    mft_fault_end();
    assert_true(mft_is(target, "new")); /* the directory was not: it stands, and we know */
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(unlink(target), 0);
}

static void another_file_system_gets_a_copy_beside_the_target(void **state) {
    (void)state;
    char other[] = "/dev/shm/mayfly-persist-XXXXXX", target[64];
    struct stat here, there;
    if (mkdtemp(other) == NULL)
        mft_skip("there is no /dev/shm");
    assert_int_equal(stat(mft_tmp(), &here) | stat(other, &there), 0);
    if (here.st_dev == there.st_dev) {
        assert_int_equal(rmdir(other), 0);
        mft_skip("/dev/shm is the same file system");
    }
    snprintf(target, sizeof target, "%s/target", other);
    for (int source = NAMED; source <= UNNAMED; source++) {
        mayfly_persist_result result;
        mayfly_auto(mayfly_file) file = make((enum source)source, "new");
        mft_write(target, "old");
        assert_int_equal(chmod(target, 0640), 0);
        mft_fails(-EXDEV,
                  mayfly_file_persist(file, target, MAYFLY_ATOMIC_ONLY, &result, &mft_error));
        assert_true(mft_is(target, "old"));
        mft_ok(mayfly_file_persist(file, target, MAYFLY_PRESERVE, &result, &mft_error));
        assert_int_equal(result.path, MAYFLY_PERSIST_COPIED);
        assert_int_equal(mft_mode(target), 0640);
        mft_ok(mayfly_file_write(file, "er", 2, &mft_error));
        mft_ok(mayfly_file_close(&file, &mft_error));
        assert_true(mft_is(target, "newer"));
        assert_int_equal(mft_entries(mft_tmp()), 0);
        assert_int_equal(mft_entries(other), 1);
    }
    mft_remove(other);
}

/* Every call in turn is refused: afterwards the target is the old one in full or the new one in
 * full, the file can be persisted still, and nothing else is left. */
static void a_failure_at_any_call_leaves_the_target_whole(void **state) {
    (void)state;
    char *dir = mft_path("d"), *target = mft_path("d/target");
    long points = 0;
    assert_int_equal(mkdir(dir, 0700), 0);
    for (int source = NAMED; source <= SPOOLED; source++)
        for (long n = 1;; n++) {
            mayfly_auto(mayfly_file) file = make((enum source)source, "the new one");
            mft_write(target, "the old one");
            mft_fault_refuse(NULL, n, -EIO, 0);
            const int r = mayfly_file_persist(file, target, MAYFLY_DURABLE | MAYFLY_PRESERVE_BEST,
                                              NULL, &mft_error);
            const long refused = mft_fault_refused();
            const char *call = mft_fault_last();
            mft_fault_end();
            if (!mft_is(target, r < 0 ? "the old one" : "the new one") &&
                !mft_is(target, "the new one"))
                fail_msg("source %d, call %ld (%s): the target is broken", source, n, call);
            if (r < 0)
                assert_int_equal(mft_error.code, r);
            (void)mayfly_file_close(&file, NULL); /* may tell of the failure once more */
            if (mft_entries(dir) != 1)
                fail_msg("source %d, call %ld (%s): something is left beside it", source, n, call);
            if (refused == 0)
                break;
            points++;
        }
    print_message("%ld points of failure\n", points);
    assert_true(points > 40);
    mft_remove(dir);
}

static void CVE_2022_32207_replacing_never_widens_the_mode(void **state) {
    (void)state;
    char *target = mft_path("target");
    static const unsigned modes[] = {0600, 0400, 0640, 0200};
    const mode_t before = umask(022);
    for (size_t i = 0; i < 4; i++) {
        mayfly_auto(mayfly_file) file = NULL;
        mft_write(target, "old");
        assert_int_equal(chmod(target, modes[i]), 0);
        mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.permissions = 0666}, &file,
                                           &mft_error));
        mft_ok(mayfly_file_persist(file, target, 0, NULL, &mft_error));
        assert_int_equal(mft_mode(target), modes[i]);
        mft_ok(mayfly_file_close(&file, &mft_error));
        assert_int_equal(unlink(target), 0);
    }
    (void)umask(before);
}

static void preserve_keeps_owner_mode_and_attributes(void **state) {
    (void)state;
    char *target = mft_path("target"), value[16] = "";
    struct stat st;
    mft_write(target, "old");
    assert_int_equal(chmod(target, 0664), 0);
    const int attributes = setxattr(target, "user.mayfly", "yes", 3, 0) == 0;
    if (geteuid() == 0)
        assert_int_equal(chown(target, 1234, 5678), 0);
    mayfly_persist_result result;
    mayfly_auto(mayfly_file) file = make(NAMED, "new");
    mft_ok(mayfly_file_persist(file, target, MAYFLY_PRESERVE, &result, &mft_error));
    assert_true(result.preserved);
    assert_int_equal(stat(target, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0664);
    if (geteuid() == 0)
        assert_true(st.st_uid == 1234 && st.st_gid == 5678);
    if (attributes)
        assert_int_equal(getxattr(target, "user.mayfly", value, sizeof value), 3);
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(unlink(target), 0);
}

static void what_cannot_be_preserved_fails_or_narrows(void **state) {
    (void)state;
    char *target = mft_path("target");
    mft_write(target, "old");
    assert_int_equal(chmod(target, 0664), 0);
    if (geteuid() != 0)
        mft_skip("only root can make a target that belongs to somebody else");
    assert_int_equal(chown(target, 1234, 5678), 0);
    mayfly_auto(mayfly_file) file = make(NAMED, "new");
    mayfly_persist_result result;
    mft_fault_refuse("fchown", 1, -EPERM, 1);
    mft_fails(-EPERM, mayfly_file_persist(file, target, MAYFLY_PRESERVE, &result, &mft_error));
    assert_non_null(strstr(mft_error.message, "owner"));
    assert_true(mft_is(target, "old"));
    mft_fault_refuse("fchown", 1, -EPERM, 1);
    mft_ok(mayfly_file_persist(file, target, MAYFLY_PRESERVE_BEST, &result, &mft_error));
    mft_fault_end();
    assert_false(result.preserved);
    assert_int_equal(mft_mode(target), 0644); /* not the group's any more: no more than others */
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(unlink(target), 0);
}

static void a_link_is_replaced_itself_and_CVE_2021_28153_its_target_not_made(void **state) {
    (void)state;
    char *target = mft_path("target"), *victim = mft_path("victim");
    assert_int_equal(symlink(victim, target), 0);
    mayfly_auto(mayfly_file) file = make(NAMED, "new");
    mft_ok(mayfly_file_persist(file, target, 0, NULL, &mft_error));
    struct stat st;
    assert_int_equal(lstat(target, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_false(mft_exists(victim));
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(unlink(target), 0);
}

static void P1_what_is_no_file_is_not_replaced_by_one(void **state) {
    (void)state;
    char *pipe = mft_path("pipe"), *link_to_device = mft_path("link"), *out = mft_path("out");
    assert_int_equal(mkfifo(pipe, 0600) | symlink("/dev/null", link_to_device) |
                         symlink("/proc/self/fd/1", out),
                     0);
    const char *const targets[] = {pipe, link_to_device, out};
    for (int source = NAMED; source <= SPOOLED; source++)
        for (size_t i = 0; i < 3; i++) {
            struct stat before, after;
            mayfly_auto(mayfly_file) file = make((enum source)source, "x");
            assert_int_equal(lstat(targets[i], &before), 0);
            mft_fails(-EINVAL, mayfly_file_persist(file, targets[i], 0, NULL, &mft_error));
            assert_int_equal(lstat(targets[i], &after), 0);
            assert_true(before.st_ino == after.st_ino);
        }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(unlink(targets[i]), 0);
}

static void bad_targets_are_refused_with_a_sentence(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = make(NAMED, "x");
    char *dir = mft_path("dir");
    assert_int_equal(mkdir(dir, 0700), 0);
    mft_fails(-EISDIR, mayfly_file_persist(file, dir, 0, NULL, &mft_error));
    mft_fails(-EINVAL, mayfly_file_persist(file, "", 0, NULL, &mft_error));
    mft_fails(-EINVAL, mayfly_file_persist(file, "x/", 0, NULL, &mft_error));
    mft_fails(-EINVAL, mayfly_file_persist(file, "..", 0, NULL, &mft_error));
    mft_fails(-EINVAL, mayfly_file_persist(file, "x", 1u << 20, NULL, &mft_error));
    mft_fails(-EINVAL, mayfly_file_persist(file, "x", MAYFLY_PRESERVE | MAYFLY_PRESERVE_BEST, NULL,
                                           &mft_error));
    mft_fails(-ENOENT, mayfly_file_persist(file, mft_path("no/such"), 0, NULL, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_remove(dir);
}

static void a_file_that_lost_its_name_is_not_persisted(void **state) {
    (void)state;
    char *target = mft_path("target");
    mayfly_file *file = make(NAMED, "x");
    char *path = mft_path(strrchr(mayfly_file_path(file), '/') + 1);
    assert_int_equal(unlink(path), 0);
    mft_fails(MAYFLY_E_VANISHED, mayfly_file_persist(file, target, 0, NULL, &mft_error));
    mft_write(path, "attacker's");
    mft_fails(MAYFLY_E_REPLACED, mayfly_file_persist(file, target, 0, NULL, &mft_error));
    assert_false(mft_exists(target));
    mft_fails(MAYFLY_E_REPLACED, mayfly_file_close(&file, &mft_error));
    assert_int_equal(unlink(path), 0);
}

static void a_secret_file_is_not_persisted_in_clear(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    const int r = mayfly_temporary_file(&(mayfly_file_options){.secret = true}, &file, &mft_error);
    if (r == -ENOTSUP)
        mft_skip("this build has no libsodium");
    mft_fails(-ENOTSUP, mayfly_file_persist(file, mft_path("t"), 0, NULL, &mft_error));
}

/* A second name is a copy, which the kernel may make: nothing of that is a write of ours. */
static void a_write_that_fails_after_a_copy_takes_nothing_of_the_target(void **state) {
    (void)state;
    static char data[50000];
    static const char *const refused[] = {NULL, "reflink", "copy_range"};
    char *one = mft_path("one"), *two = mft_path("two");
    for (size_t way = 0; way < 3; way++) {
        memset(data, 'x', sizeof data);
        mayfly_file *file = make(NAMED, "");
        mft_ok(mayfly_file_write(file, data, sizeof data, &mft_error));
        mft_ok(mayfly_file_persist(file, one, 0, NULL, &mft_error));
        for (size_t i = 1; i <= way; i++)
            mft_fault_refuse(refused[i], 1, -EOPNOTSUPP, 1);
        mft_ok(mayfly_file_persist(file, two, 0, NULL, &mft_error));
        mft_fault_end();
        mft_fault_refuse("pwrite", 1, -ENOSPC, 0);
        mft_fails(-ENOSPC, mayfly_file_write(file, data, sizeof data, &mft_error));
        mft_fault_end();
        assert_int_equal(mayfly_file_size(file, &mft_error), sizeof data);
        (void)mayfly_file_close(&file, NULL);
        size_t size = 0;
        free(mft_read(two, &size));
        assert_int_equal(size, sizeof data);
        assert_int_equal(unlink(one) | unlink(two), 0);
    }
}

static int no_such_rename(int from, const char *old, int to, const char *name, unsigned flags) {
    (void)from, (void)old, (void)to, (void)name, (void)flags;
    return -EINVAL;
}

static void noclobber_that_cannot_take_the_old_name_away_makes_no_new_one(void **state) {
    (void)state;
    char *target = mft_path("target");
    mayfly_file *file = make(NAMED, "x");
    mft_fault_refuse("unlinkat", 1, -EIO, 0);
    mfi_sys.renameat2 = no_such_rename; /* NFS has none */
    mft_fails(-EIO, mayfly_file_persist(file, target, MAYFLY_NOCLOBBER, NULL, &mft_error));
    assert_false(mft_exists(target));
    mft_ok(mayfly_file_persist(file, target, MAYFLY_NOCLOBBER, NULL, &mft_error));
    mft_fault_end();
    assert_true(mft_is(target, "x"));
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 1);
    assert_int_equal(unlink(target), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(every_kind_of_file_gets_its_name_and_says_how),
        MFT(noclobber_never_replaces),
        MFT(noclobber_holds_also_in_a_race_and_without_renameat2),
        MFT(durable_syncs_the_content_before_the_name_and_the_directory_after_it),
        MFT(another_file_system_gets_a_copy_beside_the_target),
        MFT(a_failure_at_any_call_leaves_the_target_whole),
        MFT(CVE_2022_32207_replacing_never_widens_the_mode),
        MFT(preserve_keeps_owner_mode_and_attributes),
        MFT(what_cannot_be_preserved_fails_or_narrows),
        MFT(a_link_is_replaced_itself_and_CVE_2021_28153_its_target_not_made),
        MFT(P1_what_is_no_file_is_not_replaced_by_one),
        MFT(bad_targets_are_refused_with_a_sentence),
        MFT(a_file_that_lost_its_name_is_not_persisted),
        MFT(a_secret_file_is_not_persisted_in_clear),
        MFT(a_write_that_fails_after_a_copy_takes_nothing_of_the_target),
        MFT(noclobber_that_cannot_take_the_old_name_away_makes_no_new_one),
    };
    return MFT_MAIN(tests);
}
