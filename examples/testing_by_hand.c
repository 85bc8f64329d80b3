/* SPDX-License-Identifier: MIT
 *
 * A test's own temporary directory under any framework, not only cmocka: dill-temp.md
 * TempFileTestCase.
 */
#include "example.h"

static void leaves_nothing(void) {
    mayfly_test *test = NULL;
    mayfly_file *file;
    mayfly_dir *dir;
    try(mayfly_test_begin(&test, &error));
    expect(strcmp(getenv("TMPDIR"), mayfly_test_tmpdir(test)) == 0, "the test's own TMPDIR");
    expect(mayfly_test_state(test) == NULL, "there was no state before");
    try(mayfly_test_file(test, NULL, &file, &error));
    try(mayfly_test_dir(test, NULL, &dir, &error));
    expect(mayfly_manager_count(mayfly_test_manager(test)) == 2, "both are the test's");
    FILE *made = fopen(mayfly_test_path(test, "output.txt"), "w"); /* goes with the test */
    expect(made != NULL && fclose(made) == 0, "made by the test itself");
    try(mayfly_test_end(&test, &error));
}

static void leaves_something(void) {
    mayfly_test *test = NULL;
    char *path = NULL;
    try(mayfly_test_begin(&test, &error));
    const int fd = (int)try(mayfly_mkstemp(NULL, &path, &error));
    (void)close(fd);
    free(path);
    expect(mayfly_test_end(&test, &error) == MAYFLY_E_LEFTOVER, "it fails");
    printf("%s\n", error.message);
}

int main(void) {
    leaves_nothing();
    leaves_something();
    mayfly_auto(mayfly_test) scoped = NULL; /* ends with its scope, whatever happens in it */
    try(mayfly_test_begin(&scoped, &error));
    return 0;
}
