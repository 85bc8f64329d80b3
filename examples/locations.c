/* SPDX-License-Identifier: MIT
 *
 * Where temporary files are: tempfile-guide.md "Temporary Directory Location";
 * tempfile-deep-dive.md explore_temp_locations.
 */
#include "example.h"

static int show(const char *reason, const char *path, int code, void *user) {
    char text[128] = "can be used";
    (void)user;
    printf("  %-18s %-24s %s\n", reason, path,
           code < 0 ? mayfly_strerror(code, text, sizeof text) : text);
    return 0;
}

/* os.environ['TMPDIR'] = ...: what the environment says now counts, also for child processes. */
static void by_the_environment(const char *custom) {
    const char *before = getenv("TMPDIR"), *path = NULL;
    char *original = before == NULL ? NULL : strdup(before);
    expect(setenv("TMPDIR", custom, 1) == 0, "the environment can be changed");
    try(mayfly_gettempdir(&path, &error));
    printf("Custom temp directory: %s\n", path);
    expect(strcmp(path, custom) == 0, "the custom path, for it exists");
    expect((original != NULL ? setenv("TMPDIR", original, 1) : unsetenv("TMPDIR")) == 0,
           "restored");
    free(original);
}

int main(void) {
    const char *path = NULL;
    mayfly_where_report report;
    try(mayfly_gettempdir(&path, &error));
    printf("Default temp directory: %s, prefix \"%s\"\n", path, mayfly_gettempprefix());
    try(mayfly_where(MAYFLY_PLACE_DEFAULT, NULL, &report, &error));
    printf("Chosen because of %s; permissions %04o, owner %s, %s, %llu bytes free\n", report.reason,
           (unsigned)report.mode, report.owner, report.file_system,
           (unsigned long long)report.free_bytes);
    try(mayfly_where_candidates(MAYFLY_PLACE_DEFAULT, NULL, show, NULL, &error));

    /* tempfile.tempdir = ...: for this process, without touching the environment */
    mayfly_auto(mayfly_dir) custom = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    try(mayfly_temporary_directory(NULL, &custom, &error));
    by_the_environment(mayfly_dir_path(custom));
    try(mayfly_settempdir(mayfly_dir_path(custom), &error));
    try(mayfly_named_temporary_file(NULL, &file, &error));
    printf("Custom temp directory: %s\n", mayfly_file_path(file));
    expect(strncmp(mayfly_file_path(file), mayfly_dir_path(custom),
                   strlen(mayfly_dir_path(custom))) == 0,
           "the file lies where it was told");
    try(mayfly_file_close(&file, &error));
    try(mayfly_settempdir(NULL, &error));
    return 0;
}
