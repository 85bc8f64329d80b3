/* SPDX-License-Identifier: MIT
 *
 * A workspace: tempfile-guide.md process_pdf_with_temp_workspace, temporary_workspace.
 */
#include "example.h"

static void save(mayfly_workspace *work, const char *name, const char *text) {
    mayfly_auto(mayfly_file) file = NULL;
    try(mayfly_dir_file(mayfly_workspace_dir(work), name, NULL, &file, &error));
    try(mayfly_file_write(file, text, strlen(text), &error));
    try(mayfly_file_close(&file, &error));
}

/* Stands for what would read the PDF. */
static int extract_posters(mayfly_workspace *work) {
    save(work, "output/extracted_text.txt", "Mock extracted text from conference posters");
    save(work, "output/poster_data.json", "{\"posters\": [{\"id\": \"P001\"}]}");
    return 1;
}

static int process_pdf(const char *pdf, const char *results) {
    mayfly_auto(mayfly_workspace) work = NULL;
    char text[4200], data[4200];
    snprintf(text, sizeof text, "%s/extracted_text.txt", results);
    snprintf(data, sizeof data, "%s/poster_data.json", results);
    try(mayfly_workspace_begin(
        &(mayfly_workspace_options){.dir.prefix = "pdf_processing_", .keep_on_error = false}, &work,
        &error));
    printf("Processing PDF in: %s\n", mayfly_workspace_path(work));
    try(mayfly_workspace_copy_in(work, pdf, "input.pdf", &error));
    try(mayfly_dir_mkdir(mayfly_workspace_dir(work), "output", &error));
    const int posters = extract_posters(work);
    try(mayfly_workspace_carry_out(work, "output/extracted_text.txt", text, 0, &error));
    try(mayfly_workspace_carry_out(work, "output/poster_data.json", data, 0, &error));
    try(mayfly_workspace_commit(work, NULL, &error)); /* all of them, or none */
    printf("Saved: %s and %s\n", text, data);
    return posters;
}

/* temporary_workspace(cleanup_on_error=False): work that fails leaves it to be looked at. */
static void fail_in_a_workspace(void) {
    mayfly_auto(mayfly_workspace) work = NULL;
    char clue[4200];
    try(mayfly_workspace_begin(
        &(mayfly_workspace_options){.dir.prefix = "conference_", .keep_on_error = true}, &work,
        &error));
    save(work, "data.txt", "Working data");
    snprintf(clue, sizeof clue, "%s/data.txt", mayfly_workspace_path(work));
    /* The work has failed here: so there is no commit. */
    try(mayfly_workspace_close(&work, &error));
    expect(access(clue, F_OK) == 0, "it was kept");
    *strrchr(clue, '/') = '\0';
    try(mayfly_remove_tree(clue, NULL, NULL, &error));
}

int main(void) {
    mayfly_auto(mayfly_dir) here = NULL; /* stands for the working directory */
    mayfly_auto(mayfly_file) pdf = NULL;
    char saved[4200];
    try(mayfly_temporary_directory(NULL, &here, &error));
    try(mayfly_dir_file(here, "conference_posters.pdf", NULL, &pdf, &error));
    try(mayfly_file_write(pdf, "%PDF-1.7", 8, &error));
    try(mayfly_file_flush(pdf, &error));
    expect(process_pdf(mayfly_file_path(pdf), mayfly_dir_path(here)) == 1, "one poster");
    snprintf(saved, sizeof saved, "%s/poster_data.json", mayfly_dir_path(here));
    expect(access(saved, F_OK) == 0, "the result is there");
    fail_in_a_workspace();
    return 0;
}
