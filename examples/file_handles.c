/* SPDX-License-Identifier: MIT
 *
 * A file's handle in all its uses: several pieces at once, offsets, syncing, keeping, closing the
 * descriptor and opening it again; tempfile-deep-dive.md "Controlling Temporary File Deletion".
 */
#include "example.h"

static void pieces_and_offsets(void) {
    mayfly_auto(mayfly_file) file = NULL;
    char head[5] = "", tail[5] = "";
    try(mayfly_temporary_file(NULL, &file, &error));
    printf("without a name at any time: %s\n", mayfly_file_nameless(file) ? "yes" : "no");
    const mayfly_slice parts[] = {{"head", 4}, {"tail", 4}};
    try(mayfly_file_writev(file, parts, 2, &error)); /* both, or none of them */
    expect(mayfly_file_tell(file, &error) == 8, "behind both");
    try(mayfly_file_pwrite(file, "T", 1, 4, &error)); /* the position stays where it is */
    try(mayfly_file_pread(file, tail, 4, 4, &error));
    expect(strcmp(tail, "Tail") == 0 && mayfly_file_tell(file, &error) == 8, "by its offset");
    try(mayfly_file_seek(file, 0, SEEK_SET, &error));
    try(mayfly_file_readv(file, &(mayfly_slice){head, 4}, 1, &error));
    expect(strcmp(head, "head") == 0, "what was written first");
    try(mayfly_file_sync(file, &error)); /* on the disk from here on */
}

/* For a program that wants to have the file for itself. */
static void closed_and_opened_again(void) {
    mayfly_auto(mayfly_file) file = NULL;
    char text[8] = "";
    try(mayfly_named_temporary_file(&(mayfly_file_options){.keep_on_close = true}, &file, &error));
    try(mayfly_file_write(file, "content", 7, &error));
    try(mayfly_file_close_descriptor(file, &error));
    expect(access(mayfly_file_path(file), R_OK) == 0, "there, and nobody has it open");
    try(mayfly_file_reopen(file, &error));
    try(mayfly_file_read(file, text, 7, &error));
    expect(strcmp(text, "content") == 0, "what was there before");
}

static void kept_after_all(void) {
    mayfly_file *file = NULL;
    try(mayfly_named_temporary_file(NULL, &file, &error));
    try(mayfly_file_keep(file, &error));   /* the work failed: somebody wants to look at it */
    try(mayfly_file_unkeep(file, &error)); /* it went well in the end */
    char *path = strdup(mayfly_file_path(file));
    try(mayfly_file_close(&file, &error));
    expect(access(path, F_OK) != 0, "gone");
    free(path);
}

static void rolled_over_by_hand(void) {
    mayfly_auto(mayfly_file) spool = NULL;
    try(mayfly_spooled_temporary_file(NULL, &spool, &error));
    try(mayfly_file_write(spool, "small", 5, &error));
    expect(!mayfly_file_rolled(spool), "in memory");
    try(mayfly_file_rollover(spool, &error));
    expect(mayfly_file_rolled(spool) && mayfly_file_size(spool, &error) == 5, "on disk, all of it");
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void only_a_name(void) {
    char *path = NULL;
    try(mayfly_mktemp(NULL, &path, &error)); /* the compiler warns: use mayfly_mkstemp */
    expect(access(path, F_OK) != 0, "nothing was made, and anybody may take the name");
    mayfly_free(path);
}
#pragma GCC diagnostic pop

int main(void) {
    printf("mayfly %s\n", mayfly_version());
    pieces_and_offsets();
    closed_and_opened_again();
    kept_after_all();
    rolled_over_by_hand();
    only_a_name();
    return 0;
}
