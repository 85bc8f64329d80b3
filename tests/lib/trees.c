/* SPDX-License-Identifier: MIT
 *
 * Trees to be removed, and who removes them.
 */
#define _GNU_SOURCE
#include "trees.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

char *mft_tree(const char *name) {
    char *path = mft_path(name);
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

void mft_fill(const char *dir, int depth, int width) {
    char path[4096];
    for (int i = 0; i < width; i++) {
        snprintf(path, sizeof path, "%s/file-%d", dir, i);
        mft_write(path, "x");
        snprintf(path, sizeof path, "%s/dir-%d", dir, i);
        if (depth > 0) {
            assert_int_equal(mkdir(path, 0755), 0);
            mft_fill(path, depth - 1, width);
        }
    }
}

void mft_dig(const char *root, int depth, int files) {
    int at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < depth; i++) {
        if (mkdirat(at, "d", 0700) != 0 ||
            (files > 0 && i % files == 0 && mknodat(at, "f", S_IFREG | 0600, 0) != 0))
            abort();
        const int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(at);
        at = next;
    }
    (void)close(at);
}

void mft_give_away(const char *path) {
    if (geteuid() == 0 && lchown(path, 65534, 65534) != 0)
        abort();
}

char *mft_tree_of_nobody(const char *name) {
    char *path = mft_tree(name);
    assert_int_equal(chmod(mft_tmp(), 0777), 0);
    mft_give_away(path);
    return path;
}

int mft_remove_by(const char *root, unsigned jobs, mayfly_leftovers **ret_left) {
    return mayfly_remove_tree(root, &(mayfly_tree_options){.jobs = jobs}, ret_left, &mft_error);
}

void mft_expect_left(const mayfly_leftovers *left, size_t index, const char *path, int code) {
    const char *found = NULL;
    int why = 0;
    assert_int_equal(mayfly_leftovers_get(left, index, &found, &why), 0);
    assert_string_equal(found, path);
    assert_int_equal(why, code);
}

static void *remove_with_small_stack(void *context) {
    const struct mft_removal *removal = context;
    return (void *)(intptr_t)mft_remove_by(removal->root, removal->jobs, NULL);
}

int mft_leave_descriptors(int spare) {
    const struct rlimit limit = {64, 64};
    int opened[64], count = 0;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    while (count < 64 && (opened[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    if (count < spare)
        return -1;
    while (spare-- > 0)
        close(opened[--count]);
    return 0;
}

int mft_remove_with_little(void *removal) {
    const struct rlimit limit = {16, 16};
    pthread_attr_t attributes;
    pthread_t thread;
    void *result = NULL;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setstacksize(&attributes, 256 * 1024) != 0 ||
        pthread_create(&thread, &attributes, remove_with_small_stack, removal) != 0 ||
        pthread_join(thread, &result) != 0)
        return 1;
    return result == NULL ? 0 : 2;
}
