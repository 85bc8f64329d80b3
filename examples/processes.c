/* SPDX-License-Identifier: MIT
 *
 * Forked children, leases and guards: who removes what. tempfile-deep-dive.md "Cleanup" patterns,
 * where more than one process is at work.
 */
#include "example.h"

#include <sys/wait.h>

static mayfly_file *file;
static mayfly_dir *dir;

/* The child takes over what its parent made: from here on it removes it. */
static int take_over(void) {
    if (mayfly_file_adopt(file, &error) < 0 || mayfly_dir_adopt(dir, &error) < 0)
        return fprintf(stderr, "%s\n", error.message), 1;
    return mayfly_file_close(&file, &error) < 0 || mayfly_dir_close(&dir, &error) < 0;
}

static void handed_over(void) {
    int status;
    try(mayfly_named_temporary_file(NULL, &file, &error));
    try(mayfly_temporary_directory(NULL, &dir, &error));
    expect(mayfly_file_is_leased(file) && mayfly_dir_is_leased(dir), "found after SIGKILL, too");
    const pid_t child = fork();
    if (child == 0)
        _exit(take_over());
    expect(child > 0 && waitpid(child, &status, 0) == child && status == 0, "it took them over");
    expect(access(mayfly_file_path(file), F_OK) != 0, "and removed the file");
    expect(access(mayfly_dir_path(dir), F_OK) != 0, "and the directory");
    try(mayfly_file_close(&file, &error)); /* gone already is no error */
    try(mayfly_dir_close(&dir, &error));
}

/* What runs on after this process is killed keeps the directory; and who needs it gone at once
 * has a guard. */
static void passed_on(void) {
    mayfly_auto(mayfly_dir) own = NULL;
    try(mayfly_temporary_directory(NULL, &own, &error));
    try(mayfly_lease_inherit(&error)); /* before starting a daemon */
    try(mayfly_keep_guard(&error));
}

static void kept_and_cleaned(void) {
    mayfly_auto(mayfly_dir) own = NULL;
    mayfly_leftovers *left = NULL;
    try(mayfly_temporary_directory(NULL, &own, &error));
    try(mayfly_dir_mkdir(own, "a/b", &error));
    expect(faccessat(mayfly_dir_fd(own), "a/b", F_OK, 0) == 0, "by its descriptor");
    try(mayfly_dir_keep(own, &error)); /* as long as nobody has looked at it */
    try(mayfly_dir_unkeep(own, &error));
    const int r = mayfly_dir_cleanup(own, &left, &error);
    for (size_t i = 0; i < mayfly_leftovers_count(left); i++) {
        const char *path;
        int code;
        try(mayfly_leftovers_get(left, i, &path, &code));
        printf("%s could not be removed: %d\n", path, code);
    }
    mayfly_leftovers_free(&left);
    expect(r == 0 && mayfly_dir_fd(own) == -1, "all of it is gone");
}

int main(void) {
    handed_over();
    passed_on();
    kept_and_cleaned();
    return 0;
}
