/* SPDX-License-Identifier: MIT
 *
 * A test that owns what it makes, and is looked at when it ends.
 *
 * Invariants  whatever is wrong, everything is tried: what was handed out goes, what was left goes,
 *             TMPDIR is as it was.
 * How         descriptors are compared by what they are open on, and not by number: the library
 *             itself holds the directories that it knows, and may open them anew. For the same
 *             reason all places are asked for before each count.
 */
#define _GNU_SOURCE
#include <mayfly/test.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "../base/base.h"

struct list {
    char **texts;
    size_t count, capacity;
};

struct mayfly_test {
    mayfly_dir *dir;
    mayfly_manager *manager;
    struct list descriptors; /* what was open at the beginning, sorted */
    struct list paths;       /* that were handed out */
    char *tmpdir;            /* of before; NULL: it was not set */
    bool tmpdir_set;
    void *state;
    uint64_t process;
};

/* ---- lists ----------------------------------------------------------------------------------- */

static void list_free(struct list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->texts[i]);
    free(list->texts);
    *list = (struct list){0};
}

/* Takes the text; NULL: there was no memory for it. */
static int list_add(struct list *list, char *text) {
    if (text == NULL)
        return -ENOMEM;
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        char **texts = mfi_sys.realloc(list->texts, capacity * sizeof *texts);
        if (texts == NULL) {
            free(text);
            return -ENOMEM;
        }
        list->texts = texts;
        list->capacity = capacity;
    }
    list->texts[list->count++] = text;
    return 0;
}

static int by_text(const void *one, const void *other) {
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/* libffi keeps its own file open from the first callback of ctypes on, to the end of the process.
 */
static bool is_kept_by_others(const char *target) {
    const char *name = strrchr(target, '/');
    return name != NULL && strncmp(name, "/libffi.so", sizeof "/libffi.so" - 1) == 0;
}

static int add_descriptor(const char *target, void *context) {
    if (is_kept_by_others(target))
        return 0;
    return list_add(context, mfi_strdup(target));
}

static int list_descriptors(struct list *list, mayfly_error *error) {
    static const mayfly_place places[] = {MAYFLY_PLACE_DEFAULT, MAYFLY_PLACE_SMALL,
                                          MAYFLY_PLACE_LARGE, MAYFLY_PLACE_PRIVATE};
    mayfly_where_report report;
    for (size_t i = 0; i < MFI_LENGTH(places); i++)
        (void)mayfly_where(places[i], NULL, &report, NULL);
    const int r = mfi_each_descriptor(add_descriptor, list);
    if (r < 0)
        return mfi_fail_call(error, r, "descriptors", "/proc/self/fd", -1);
    if (list->count > 0)
        qsort(list->texts, list->count, sizeof *list->texts, by_text);
    return 0;
}

/* ---- beginning ------------------------------------------------------------------------------- */

static int set_tmpdir(mayfly_test *test, mayfly_error *error) {
    const char *before = getenv("TMPDIR");
    if (before != NULL && (test->tmpdir = mfi_strdup(before)) == NULL)
        return mfi_fail_memory(error, strlen(before));
    const int r = mfi_sys.set_environment("TMPDIR", mayfly_dir_path(test->dir));
    test->tmpdir_set = r == 0;
    return r < 0 ? mfi_fail_call(error, r, "setenv", "TMPDIR", -1) : 0;
}

int mayfly_test_begin(mayfly_test **ret, mayfly_error *error) {
    mayfly_auto(mayfly_test) test = mfi_sys.calloc(1, sizeof *test);
    if (test == NULL)
        return mfi_fail_memory(error, sizeof *test);
    test->process = mfi_process();
    int r = mayfly_manager_new(&test->manager, error);
    if (r == 0)
        r = mayfly_temporary_directory(&(mayfly_dir_options){.prefix = "test_"}, &test->dir, error);
    if (r == 0)
        r = set_tmpdir(test, error);
    if (r == 0)
        r = list_descriptors(&test->descriptors, error);
    if (r < 0)
        return r;
    *ret = mfi_take(test);
    return 0;
}

/* ---- what it has ----------------------------------------------------------------------------- */

const char *mayfly_test_tmpdir(const mayfly_test *test) {
    return mayfly_dir_path(test->dir);
}

mayfly_manager *mayfly_test_manager(const mayfly_test *test) {
    return test->manager;
}

void *mayfly_test_state(const mayfly_test *test) {
    return test->state;
}

const char *mayfly_test_path(mayfly_test *test, const char *name) {
    if (mfi_check_name(name, NULL) < 0 ||
        list_add(&test->paths, mfi_format("%s/%s", mayfly_test_tmpdir(test), name)) < 0)
        return NULL;
    return test->paths.texts[test->paths.count - 1];
}

int mayfly_test_file_sized(size_t options_size, mayfly_test *test,
                           const mayfly_file_options *options, mayfly_file **ret,
                           mayfly_error *error) {
    return mayfly_manager_file_sized(options_size, test->manager, options, ret, error);
}

int mayfly_test_dir_sized(size_t options_size, mayfly_test *test, const mayfly_dir_options *options,
                          mayfly_dir **ret, mayfly_error *error) {
    return mayfly_manager_dir_sized(options_size, test->manager, options, ret, error);
}

int mayfly_test_dump_sized(size_t options_size, mayfly_test *test, mayfly_doc *doc,
                           mayfly_value value, const mayfly_dump_options *options,
                           mayfly_file **ret, mayfly_error *error) {
    mayfly_auto(mayfly_file) file = NULL;
    int r = mayfly_dump_sized(options_size, doc, value, options, &file, error);
    mayfly_file *made = file;
    if (r == 0)
        r = mayfly_manager_adopt_file(test->manager, &file, error);
    if (r == 0)
        *ret = made;
    return r;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* What was found: a sentence of which each part is one thing. */
struct findings {
    struct mfi_buffer text;
    size_t count;
    int directory; /* that is looked at */
    int failed;    /* no memory, or it cannot be looked at */
};

static void find(struct findings *findings, char *text) {
    if (text == NULL || (findings->count > 0 && mfi_buffer_append(&findings->text, ", ", 2) < 0) ||
        mfi_buffer_append(&findings->text, text, strlen(text)) < 0)
        findings->failed = -ENOMEM;
    findings->count++;
    free(text);
}

static int find_entry(const struct mfi_dirent *entry, void *context) {
    struct findings *findings = context;
    struct stat st;
    if (mfi_sys.fstatat(findings->directory, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        find(findings, mfi_format("\"%s\"", entry->name));
    else if (S_ISREG(st.st_mode))
        find(findings, mfi_format("file \"%s\" (%lld bytes)", entry->name, (long long)st.st_size));
    else
        find(findings, mfi_format("%s \"%s\"",
                                  S_ISDIR(st.st_mode)   ? "directory"
                                  : S_ISLNK(st.st_mode) ? "link"
                                                        : "special file",
                                  entry->name));
    return 0;
}

static void find_files(const mayfly_test *test, struct findings *findings) {
    mfi_auto_fd fd =
        mfi_sys.openat(mayfly_dir_fd(test->dir), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    findings->directory = fd;
    const int r = fd < 0 ? fd : mfi_each_entry(fd, find_entry, findings);
    findings->failed = mfi_first(findings->failed, r);
}

/* Both lists are sorted: what stands in one only has come or gone. */
static void find_descriptors(const mayfly_test *test, struct findings *findings) {
    const struct list *before = &test->descriptors;
    struct list now = {0};
    const int r = list_descriptors(&now, NULL);
    for (size_t i = 0, k = 0; r == 0 && (i < before->count || k < now.count);) {
        const int order = i == before->count ? 1
                          : k == now.count   ? -1
                                             : strcmp(before->texts[i], now.texts[k]);
        if (order < 0)
            find(findings, mfi_format("a closed descriptor of %s", before->texts[i]));
        if (order > 0)
            find(findings, mfi_format("an open descriptor of %s", now.texts[k]));
        i += order <= 0;
        k += order >= 0;
    }
    list_free(&now);
    findings->failed = mfi_first(findings->failed, r);
}

static int look(const mayfly_test *test, mayfly_error *error) {
    struct findings findings = {.failed = 0};
    int r = 0;
    find_files(test, &findings);
    find_descriptors(test, &findings);
    if (findings.count > 0)
        r = mfi_fail(error, MAYFLY_E_LEFTOVER, "test", mayfly_test_tmpdir(test),
                     "%zu left behind: %s", findings.count,
                     findings.text.data == NULL ? "" : findings.text.data);
    else if (findings.failed < 0)
        r = mfi_fail_call(error, findings.failed, "test", mayfly_test_tmpdir(test), -1);
    mfi_buffer_free(&findings.text);
    return r;
}

static int put_back(mayfly_test *test, mayfly_error *error) {
    const int r = test->tmpdir_set ? mfi_sys.set_environment("TMPDIR", test->tmpdir) : 0;
    return r < 0 ? mfi_fail_call(error, r, "setenv", "TMPDIR", -1) : 0;
}

/* Of each step the first failure counts, and the later steps are made all the same. */
static int end(mayfly_test *test, int begun, mayfly_error *error) {
    int r = mayfly_manager_close(&test->manager, error);
    for (size_t i = test->paths.count; i > 0; i--)
        r = mfi_first(
            r, mayfly_remove_tree(test->paths.texts[i - 1], NULL, NULL, r < 0 ? NULL : error));
    if (begun)
        r = mfi_first(r, look(test, r < 0 ? NULL : error));
    r = mfi_first(r, put_back(test, r < 0 ? NULL : error));
    return mfi_first(r, mayfly_dir_close(&test->dir, r < 0 ? NULL : error));
}

static int close_test(mayfly_test **test, int begun, mayfly_error *error) {
    if (test == NULL || *test == NULL)
        return 0;
    mayfly_test *ending = mfi_take(*test);
    int r = 0;
    if (ending->process == mfi_process()) {
        r = end(ending, begun, error);
    } else { /* a child's copies: nothing is removed */
        (void)mayfly_manager_close(&ending->manager, NULL);
        (void)mayfly_dir_close(&ending->dir, NULL);
    }
    list_free(&ending->descriptors);
    list_free(&ending->paths);
    free(ending->tmpdir);
    free(ending);
    return r;
}

int mayfly_test_end(mayfly_test **test, mayfly_error *error) {
    return close_test(test, 1, error);
}

/* Also the end of one that could not be begun, in which there is nothing to be looked for. */
void mayfly_test_auto(mayfly_test **test) {
    (void)close_test(test, 0, NULL);
}

/* ---- for cmocka ------------------------------------------------------------------------------ */

static int tell(int r, const mayfly_error *error) {
    if (r < 0)
        (void)fprintf(stderr, "mayfly: %s\n", error->message);
    return r < 0 ? -1 : 0;
}

int mayfly_test_setup(void **state) {
    mayfly_error error;
    mayfly_test *test = NULL;
    const int r = mayfly_test_begin(&test, &error);
    if (r == 0) {
        test->state = *state;
        *state = test;
    }
    return tell(r, &error);
}

int mayfly_test_teardown(void **state) {
    mayfly_error error;
    mayfly_test *test = *state;
    *state = test == NULL ? NULL : test->state;
    return tell(mayfly_test_end(&test, &error), &error);
}
