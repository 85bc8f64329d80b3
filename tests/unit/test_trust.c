/* SPDX-License-Identifier: MIT
 *
 * mayfly/trust.h: whose word a file is. What is loaded by these rules has tests of its own
 * (test_dump, test_source_trust, the command's and Python's).
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fault.h"

static const mayfly_trust_options any_owner = {.flags = MAYFLY_TRUST_ANY_OWNER};
static const mayfly_trust_options any_kind = {.flags = MAYFLY_TRUST_ANY_KIND};
static const mayfly_trust_options follow = {.flags = MAYFLY_TRUST_FOLLOW};
static const mayfly_trust_options in_words = {.operation = "read rules",
                                              .way_out = "if that is meant, say --force"};

static char *file_of(const char *name, mode_t mode) {
    char *path = mft_path(name);
    mft_write(path, "text");
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void assert_says(const char *part) {
    if (strstr(mft_error.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", mft_error.message, part);
}

/* Both ways of asking agree: by the path, and of the open file. */
static void taken(const char *path, const mayfly_trust_options *options) {
    char text[8];
    const int fd = mayfly_trust_open(path, options, &mft_error);
    mft_ok(fd);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(read(fd, text, 2), 2);
    assert_int_equal(mayfly_trust_check(fd, path, options, &mft_error), 0);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 2);
    assert_int_equal(close(fd), 0);
}

static void refused(int code, const char *path, const mayfly_trust_options *options) {
    const int before = mft_descriptors();
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    assert_true(fd >= 0);
    mft_fails(code, mayfly_trust_check(fd, path, options, &mft_error));
    assert_says(path);
    assert_int_equal(close(fd), 0);
    mft_fails(code, mayfly_trust_open(path, options, &mft_error));
    assert_says(path);
    assert_int_equal(mft_descriptors(), before);
}

static void O4_what_others_may_write_is_not_this_users_word(void **state) {
    (void)state;
    static const mode_t modes[] = {0620, 0602, 0666, 0777, 0600, 0644, 0400, 0755};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char *path = file_of("x", modes[i]);
        if (modes[i] & 022) {
            refused(-EPERM, path, NULL);
            assert_says("others may write it");
            refused(-EPERM, path, &any_kind);
            refused(-EPERM, path, &follow);
        } else
            taken(path, NULL);
        taken(path, &any_owner);
        mft_remove(path);
    }
}

static void O4_what_another_user_has_is_not_this_users_word(void **state) {
    (void)state;
    if (geteuid() != 0)
        mft_skip("only root can give a file away");
    char *path = file_of("x", 0644);
    assert_int_equal(chown(path, 65534, 65534), 0);
    refused(-EPERM, path, NULL);
    assert_says("belongs to user 65534");
    refused(-EPERM, path, &any_kind);
    taken(path, &any_owner);
    mft_remove(path);
}

/* The effective user counts, and root's files are as good as one's own. */
static int ask_as_another(void *context) {
    const int *fds = context;
    if (seteuid(65534) < 0)
        return 1;
    const int own = mayfly_trust_check(fds[0], NULL, NULL, NULL);
    const int roots = mayfly_trust_check(fds[1], NULL, NULL, NULL);
    const int theirs = mayfly_trust_check(fds[2], NULL, NULL, NULL);
    return own < 0 || roots < 0 || theirs != -EPERM;
}

static void O4_who_this_user_is_says_the_effective_one(void **state) {
    (void)state;
    if (geteuid() != 0)
        mft_skip("only root can become another user");
    static const uid_t owners[] = {65534, 0, 65533};
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        char *path = file_of("x", 0644);
        fds[i] = open(path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(fchown(fds[i], owners[i], owners[i]), 0);
        mft_remove(path);
    }
    const int status = mft_fork(ask_as_another, fds);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(close(fds[i]), 0);
    assert_int_equal(status, 0);
}

static void O4_a_link_is_refused_or_what_it_leads_to_is_asked(void **state) {
    (void)state;
    char *path = file_of("x", 0600), *way = mft_path("way");
    assert_int_equal(symlink(path, way), 0);
    mft_fails(-ELOOP, mayfly_trust_open(way, NULL, &mft_error));
    assert_says("symbolic link");
    mft_fails(-ELOOP, mayfly_trust_open(way, &any_owner, &mft_error));
    taken(way, &follow);
    assert_int_equal(chmod(path, 0666), 0);
    refused(-EPERM, way, &follow);
    mft_remove(path);
    mft_fails(-ENOENT, mayfly_trust_open(way, &follow, &mft_error));
    mft_remove(way);
}

static void O4_what_is_no_regular_file_is_refused_and_not_waited_for(void **state) {
    (void)state;
    char *fifo = mft_path("fifo"), *dir = mft_path("dir");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    const char *const paths[] = {fifo, dir, "/dev/null"};
    for (size_t i = 0; i < 3; i++) {
        refused(-EINVAL, paths[i], NULL);
        assert_says("no regular file");
        refused(-EINVAL, paths[i], &any_owner);
    }
    mft_empty();
}

static void O4_of_a_pipe_the_owner_counts_where_any_kind_will_do(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    mft_fails(-EINVAL, mayfly_trust_check(ends[0], NULL, NULL, &mft_error));
    assert_int_equal(mayfly_trust_check(ends[0], NULL, &any_kind, &mft_error), 0);
    if (geteuid() == 0) {
        assert_int_equal(fchown(ends[0], 65534, 65534), 0);
        mft_fails(-EPERM, mayfly_trust_check(ends[0], NULL, &any_kind, &mft_error));
    }
    assert_int_equal(close(ends[0]) | close(ends[1]), 0);
    const int fd = mayfly_trust_open("/dev/null", &any_kind, &mft_error); /* root's, 0666 */
    mft_ok(fd);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(close(fd), 0);
}

static void errors_are_in_the_callers_words(void **state) {
    (void)state;
    char *path = file_of("x", 0606);
    mft_fails(-EPERM, mayfly_trust_open(path, &in_words, &mft_error));
    assert_says("read rules \"");
    assert_says("(mode 0606); if that is meant, say --force");
    assert_string_equal(mft_error.path, path);
    mft_fails(-EPERM, mayfly_trust_open(path, NULL, &mft_error));
    assert_string_equal(strchr(mft_error.message, '('), "(mode 0606)");
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    mft_fails(-EPERM, mayfly_trust_check(fd, NULL, &in_words, &mft_error));
    assert_string_equal(mft_error.message, "read rules: others may write it (mode 0606); "
                                           "if that is meant, say --force");
    assert_int_equal(close(fd), 0);
    mft_remove(path);
}

static void wrong_requests_are_refused(void **state) {
    (void)state;
    char *path = file_of("x", 0600);
    const mayfly_trust_options unknown = {.flags = 1u << 30};
    const struct {
        mayfly_trust_options known;
        int more;
    } newer = {.more = 1};
    mft_fails(-EINVAL, mayfly_trust_open(path, &unknown, &mft_error));
    mft_fails(-EINVAL, mayfly_trust_check(0, path, &unknown, &mft_error));
    mft_fails(MAYFLY_E_OPTION,
              mayfly_trust_open_sized(sizeof newer, path, &newer.known, &mft_error));
    mft_fails(-EBADF, mayfly_trust_check(-1, NULL, NULL, &mft_error));
    mft_fails(-ENOENT, mayfly_trust_open(mft_path("absent"), NULL, &mft_error));
    assert_int_equal(mayfly_trust_open(mft_path("absent"), NULL, NULL), -ENOENT);
    mft_remove(path);
}

static void a_refused_call_leaves_no_descriptor(void **state) {
    (void)state;
    static const char *const calls[] = {"openat", "fstat"};
    char *path = file_of("x", 0600);
    for (size_t i = 0; i < 2; i++) {
        const int before = mft_descriptors();
        mft_fault_refuse(calls[i], 1, -EIO, 0);
        const int r = mayfly_trust_open(path, NULL, &mft_error);
        const long refused = mft_fault_refused();
        mft_fault_end();
        assert_int_equal(refused, 1);
        assert_int_equal(r, -EIO);
        assert_string_equal(mft_error.operation, calls[i]);
        assert_int_equal(mft_descriptors(), before);
    }
    mft_remove(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(O4_what_others_may_write_is_not_this_users_word),
        MFT(O4_what_another_user_has_is_not_this_users_word),
        MFT(O4_who_this_user_is_says_the_effective_one),
        MFT(O4_a_link_is_refused_or_what_it_leads_to_is_asked),
        MFT(O4_what_is_no_regular_file_is_refused_and_not_waited_for),
        MFT(O4_of_a_pipe_the_owner_counts_where_any_kind_will_do),
        MFT(errors_are_in_the_callers_words),
        MFT(wrong_requests_are_refused),
        MFT(a_refused_call_leaves_no_descriptor),
    };
    return MFT_MAIN(tests);
}
