/* SPDX-License-Identifier: MIT
 *
 * S1: files that somebody else could have written are refused.
 */
#define _GNU_SOURCE
#include "../lib/sources.h"

#include <errno.h>
#include <fcntl.h>

static const char text[] = "int square(int x) { return x * x; }\n";

static char *prepare(const char *name) {
    char *path = mft_path(name);
    mft_write(path, text);
    assert_int_equal(chmod(path, 0600), 0);
    return path;
}

/* Refused with that code, and taken when it is meant. */
static void refused(const char *path, int code) {
    mayfly_namespace *ns = NULL;
    mft_fails(code, mayfly_load_source(path, NULL, &ns, &mft_error));
    assert_non_null(strstr(mft_error.message, path));
    if (code != -EPERM && code != -EMLINK)
        return;
    assert_non_null(strstr(mft_error.message, ".any_owner"));
    const mayfly_load_source_options any = {.any_owner = true};
    mft_ok(mayfly_load_source(path, &any, &ns, &mft_error));
    assert_int_equal(call_int(ns, NULL, 4), 16);
    mft_ok(mayfly_namespace_close(&ns, &mft_error));
}

static void taken(const char *path) {
    mayfly_auto(mayfly_namespace) ns = NULL;
    mft_ok(mayfly_load_source(path, NULL, &ns, &mft_error));
    assert_int_equal(call_int(ns, NULL, 3), 9);
}

static void what_others_may_write_is_refused(void **state) {
    (void)state;
    static const mode_t bad[] = {0660, 0602, 0666, 0620}, good[] = {0600, 0644, 0400, 0755};
    const char *path = prepare("mode.c");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(chmod(path, bad[i]), 0);
        refused(path, -EPERM);
        assert_int_equal(chmod(path, good[i]), 0);
        taken(path);
    }
    (void)unlink(path);
}

static void links_and_what_is_no_file_are_refused(void **state) {
    (void)state;
    const char *path = prepare("file.c"), *odd = mft_path("odd.c");
    assert_int_equal(symlink(path, odd), 0);
    refused(odd, -ELOOP);
    assert_int_equal(unlink(odd), 0);
    assert_int_equal(mkfifo(odd, 0600), 0);
    refused(odd, -EINVAL); /* and nobody waits for a writer */
    assert_int_equal(unlink(odd), 0);
    assert_int_equal(mkdir(odd, 0700), 0);
    refused(odd, -EINVAL);
    assert_int_equal(rmdir(odd), 0);
    refused(odd, -ENOENT);
    refused("/dev/null", -EINVAL);
    (void)unlink(path);
}

static void a_file_with_another_name_is_refused(void **state) {
    (void)state;
    const char *path = prepare("file.c"), *other = mft_path("other.c");
    assert_int_equal(link(path, other), 0);
    refused(path, -EMLINK);
    refused(other, -EMLINK);
    assert_int_equal(unlink(other), 0);
    taken(path);
    (void)unlink(path);
}

static void a_directory_in_which_others_may_rename_is_refused(void **state) {
    (void)state;
    const char *dir = mft_path("dir"), *below = mft_path("dir/below");
    assert_int_equal(mkdir(dir, 0700) | mkdir(below, 0700), 0);
    const char *path = prepare("dir/below/file.c");
    static const mode_t bad[] = {0777, 0770, 0702}, good[] = {01777, 0755, 0700};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(chmod(dir, bad[i]), 0); /* above the one that it lies in */
        refused(path, -EPERM);
        assert_int_equal(chmod(dir, good[i]), 0);
        assert_int_equal(chmod(below, bad[i]), 0);
        refused(path, -EPERM);
        assert_int_equal(chmod(below, good[i]), 0);
        taken(path);
    }
    mft_remove(dir);
}

static void a_link_on_the_way_leads_to_where_it_is_checked(void **state) {
    (void)state;
    const char *dir = mft_path("open"), *way = mft_path("way");
    assert_int_equal(mkdir(dir, 0700) | symlink(dir, way), 0);
    (void)prepare("open/file.c");
    taken(mft_path("way/file.c"));
    assert_int_equal(chmod(dir, 0777), 0);
    refused(mft_path("way/file.c"), -EPERM);
    mft_remove(dir);
    (void)unlink(way);
}

static void headers_that_others_may_write_are_refused(void **state) {
    (void)state;
    const char *path = mft_path("user.c"), *header = mft_path("own.h");
    mft_write(path, "#include \"own.h\"\nint square(int x) { return x * x + OWN; }\n");
    mft_write(header, "#define OWN 0\n");
    for (int i = 0; i < 2; i++) { /* also when it is in the cache */
        mayfly_namespace *ns = NULL;
        assert_int_equal(chmod(header, 0666), 0);
        mft_fails(-EPERM, mayfly_load_source(path, NULL, &ns, &mft_error));
        assert_non_null(strstr(mft_error.message, "own.h"));
        mft_ok(mayfly_load_source(path, &(mayfly_load_source_options){.any_owner = true}, &ns,
                                  &mft_error));
        mft_ok(mayfly_namespace_close(&ns, &mft_error));
        mft_fails(-EPERM, mayfly_load_source(path, NULL, &ns, &mft_error));
        assert_int_equal(chmod(header, 0644), 0);
        taken(path);
    }
    (void)unlink(path);
    (void)unlink(header);
}

/* ---- other users: as root, who can be another one -------------------------------------------- */

static void need_root(void) {
    if (geteuid() != 0)
        mft_skip("only root can make files of other users");
}

/* As nobody: 0 if the code is the expected one. */
struct attempt {
    const char *path;
    int code;
};

static int as_nobody(void *context) {
    const struct attempt *attempt = context;
    mayfly_namespace *ns = NULL;
    const mayfly_load_source_options options = {.uncached = true};
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 1;
    const int r = mayfly_load_source(attempt->path, &options, &ns, NULL);
    (void)mayfly_namespace_close(&ns, NULL);
    return r == attempt->code ? 0 : 2;
}

static void another_users_file_or_directory_is_refused(void **state) {
    (void)state;
    need_root();
    const char *dir = mft_path("theirs");
    assert_int_equal(mkdir(dir, 0700), 0);
    const char *path = prepare("theirs/file.c");
    assert_int_equal(chown(path, 65534, 65534), 0);
    refused(path, -EPERM);
    assert_int_equal(chown(path, 0, 0) | chown(dir, 65534, 65534), 0);
    refused(path, -EPERM);
    assert_int_equal(chown(dir, 0, 0), 0);
    taken(path);
    mft_remove(dir);
}

static void roots_files_are_everybodys_and_a_third_users_are_not(void **state) {
    (void)state;
    need_root();
    const char *path = prepare("file.c");
    assert_int_equal(chmod(path, 0644) | chmod(mft_tmp(), 01777), 0);
    assert_int_equal(mft_fork(as_nobody, &(struct attempt){path, 0}), 0);
    assert_int_equal(chown(path, 1, 1), 0);
    assert_int_equal(mft_fork(as_nobody, &(struct attempt){path, -EPERM}), 0);
    assert_int_equal(chown(path, 65534, 65534), 0);
    assert_int_equal(mft_fork(as_nobody, &(struct attempt){path, 0}), 0);
    assert_int_equal(chmod(mft_tmp(), 0700), 0);
    (void)unlink(path);
}

/* ---- what is checked is what is read --------------------------------------------------------- */

static void a_file_larger_than_allowed_is_refused(void **state) {
    (void)state;
    mayfly_namespace *ns = NULL;
    const char *path = prepare("file.c");
    const mayfly_load_source_options options = {.max_bytes = sizeof text - 2};
    mft_fails(MAYFLY_E_LIMIT, mayfly_load_source(path, &options, &ns, &mft_error));
    (void)unlink(path);
}

static void a_name_without_a_directory_is_of_this_one(void **state) {
    (void)state;
    const char *path = prepare("file.c");
    assert_int_equal(chdir(mft_tmp()), 0);
    taken("file.c");
    refused("", -EINVAL);
    refused("..", -EINVAL);
    (void)unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SOURCES(what_others_may_write_is_refused),
        SOURCES(links_and_what_is_no_file_are_refused),
        SOURCES(a_file_with_another_name_is_refused),
        SOURCES(a_directory_in_which_others_may_rename_is_refused),
        SOURCES(headers_that_others_may_write_are_refused),
        SOURCES(a_link_on_the_way_leads_to_where_it_is_checked),
        SOURCES(another_users_file_or_directory_is_refused),
        SOURCES(roots_files_are_everybodys_and_a_third_users_are_not),
        SOURCES(a_file_larger_than_allowed_is_refused),
        SOURCES(a_name_without_a_directory_is_of_this_one),
    };
    return MFT_MAIN(tests);
}
