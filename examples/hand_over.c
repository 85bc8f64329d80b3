/* SPDX-License-Identifier: MIT
 *
 * Who owns what: handles that go to a manager and come back (tempfile-guide.md
 * SafeTemporaryManager), a large input that is linked and not copied into a workspace
 * (tempfile-guide.md temporary_workspace), a replacement that is given up.
 */
#include "example.h"

static void to_a_manager_and_back(void) {
    mayfly_manager *manager = NULL;
    mayfly_file *file = NULL, *same;
    mayfly_dir *dir = NULL, *same_dir;
    try(mayfly_manager_new(&manager, &error));
    try(mayfly_named_temporary_file(NULL, &file, &error));
    try(mayfly_temporary_directory(NULL, &dir, &error));
    same = file;
    same_dir = dir;
    try(mayfly_manager_adopt_file(manager, &file, &error));
    try(mayfly_manager_adopt_dir(manager, &dir, &error));
    expect(file == NULL && dir == NULL && mayfly_manager_count(manager) == 2, "the manager's");
    try(mayfly_manager_take_file(manager, same, &error));
    try(mayfly_manager_take_dir(manager, same_dir, &error));
    try(mayfly_file_close(&same, &error)); /* ours again */
    try(mayfly_dir_close(&same_dir, &error));
    try(mayfly_manager_cleanup(manager, &error)); /* it has nothing left, and can be used on */
    try(mayfly_manager_close(&manager, &error));
}

static void given_up(const char *target) {
    mayfly_auto(mayfly_replace) replace = NULL;
    try(mayfly_replace_begin(target, NULL, &replace, &error));
    try(mayfly_file_write(mayfly_replace_file(replace), "half", 4, &error));
} /* no commit: the target is what it was */

int main(void) {
    mayfly_auto(mayfly_dir) dir = NULL;
    mayfly_auto(mayfly_file) large = NULL;
    mayfly_auto(mayfly_workspace) work = NULL;
    char link[4200];
    to_a_manager_and_back();
    try(mayfly_temporary_directory(NULL, &dir, &error));
    try(mayfly_dir_file(dir, "large.pdf", NULL, &large, &error));
    try(mayfly_file_write(large, "%PDF", 4, &error));
    try(mayfly_file_flush(large, &error));
    given_up(mayfly_file_path(large));
    expect(mayfly_file_size(large, &error) == 4, "nothing has happened");

    try(mayfly_workspace_begin(NULL, &work, &error));
    try(mayfly_workspace_link_in(work, mayfly_file_path(large), NULL, &error));
    snprintf(link, sizeof link, "%s/large.pdf", mayfly_workspace_path(work));
    expect(access(link, R_OK) == 0, "as if it were there");
    return 0;
}
