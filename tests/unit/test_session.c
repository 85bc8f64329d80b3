/* SPDX-License-Identifier: MIT
 *
 * P5: named values with snapshots.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../lib/fault.h"

static mayfly_session *new_session(const char *name) {
    mayfly_session *session = NULL;
    if (mayfly_session_new(name, NULL, &session, &mft_error) < 0)
        fail_msg("%s", mft_error.message);
    return session;
}

/* Puts a number under a name. */
static int put(mayfly_session *session, const char *name, int64_t number, mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    const int r = mayfly_doc_new(NULL, &doc, error);
    return r < 0 ? r : mayfly_session_put(session, name, mayfly_int_new(doc, number), error);
}

static void is(const mayfly_session *session, const char *wanted) {
    char *text = NULL;
    mft_ok(mayfly_repr(mayfly_session_objects(session), NULL, &text, NULL, &mft_error));
    assert_string_equal(text, wanted);
    mayfly_free(text);
}

/* A copy of the directory's path; the caller frees it. */
static char *dir_of(const mayfly_session *session) {
    char *path = strdup(mayfly_session_path(session));
    assert_non_null(path);
    return path;
}

static void P5_a_session_restores_a_snapshot(void **state) {
    (void)state;
    mayfly_auto(mayfly_session) session = new_session("work");
    mft_ok(put(session, "a", 1, &mft_error));
    mft_ok(put(session, "b", 2, &mft_error));
    assert_int_equal(mayfly_session_snapshot(session, "first", &mft_error), 0);
    mft_ok(put(session, "a", 3, &mft_error));
    mft_ok(put(session, "c", 4, &mft_error));
    mft_ok(mayfly_session_remove(session, "b", &mft_error));
    assert_int_equal(mayfly_session_snapshot(session, NULL, &mft_error), 1);
    is(session, "{'a': 3, 'c': 4}");
    mft_ok(mayfly_session_restore(session, 0, &mft_error));
    is(session, "{'a': 1, 'b': 2}");
    mft_ok(mayfly_session_restore(session, 1, &mft_error));
    is(session, "{'a': 3, 'c': 4}");
    int64_t number = 0;
    mft_ok(mayfly_int_get(mayfly_session_get(session, "c"), &number, &mft_error));
    assert_int_equal(number, 4);
    assert_int_equal(mayfly_kind_of(mayfly_session_get(session, "b")), MAYFLY_ABSENT);
    mft_ok(mayfly_session_close(&session, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void P5_its_snapshots_are_listed_with_time_and_description(void **state) {
    (void)state;
    mayfly_auto(mayfly_session) session = new_session("w\xc3\xb6rk");
    mayfly_snapshot one;
    assert_string_equal(mayfly_session_name(session), "w\xc3\xb6rk");
    mft_ok(put(session, "a", 1, &mft_error));
    assert_int_equal(mayfly_session_snapshot(session, "first", &mft_error), 0);
    assert_int_equal(mayfly_session_snapshot(session, NULL, &mft_error), 1);
    assert_int_equal(mayfly_session_count(session), 2);
    mft_ok(mayfly_session_look(session, 1, &one, &mft_error));
    assert_string_equal(one.description, "");
    mft_ok(mayfly_session_look(session, 0, &one, &mft_error));
    assert_string_equal(one.description, "first");
    assert_int_equal(one.object_count, 1);
    assert_int_equal(mft_mode(one.path), 0600);
    assert_int_equal(mft_mode(mayfly_session_path(session)), 0700);
    int year, month, day, hour, minute, second;
    assert_int_equal(
        sscanf(one.time, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second),
        6);
    assert_true(year > 2020 && (strlen(one.time) == 19 || strlen(one.time) == 26));
}

static void P5_values_of_any_document_are_copied(void **state) {
    (void)state;
    mayfly_auto(mayfly_session) session = new_session("work");
    mayfly_doc *doc = NULL;
    mft_ok(mayfly_doc_new(NULL, &doc, &mft_error));
    const mayfly_value list = mayfly_list_new(doc);
    mft_ok(mayfly_list_append(doc, list, list));
    mft_ok(mayfly_session_put(session, "loop", list, &mft_error));
    mayfly_doc_free(&doc);
    mft_ok(mayfly_session_put(session, "again", mayfly_session_get(session, "loop"), &mft_error));
    assert_int_equal(mayfly_session_snapshot(session, "", &mft_error), 0);
    mft_ok(mayfly_session_restore(session, 0, &mft_error));
    is(session, "{'loop': [[...]], 'again': [[...]]}");
    mft_fails(-EINVAL, mayfly_session_put(session, "x", (mayfly_value){0}, &mft_error));
    mft_fails(-EILSEQ,
              mayfly_session_put(session, "\xff", mayfly_session_get(session, "loop"), &mft_error));
    mft_fails(-ENOENT, mayfly_session_remove(session, "x", &mft_error));
    is(session, "{'loop': [[...]], 'again': [[...]]}");
    assert_int_equal(mayfly_session_snapshot(session, "goes on", &mft_error), 1);
}

static void P5_a_value_can_be_replaced_again_and_again(void **state) {
    (void)state;
    mayfly_auto(mayfly_session) session = new_session("work");
    mayfly_auto(mayfly_doc) doc = NULL;
    char *large = calloc(1, 1 << 18);
    assert_non_null(large);
    mft_ok(mayfly_doc_new(NULL, &doc, &mft_error));
    const mayfly_value value = mayfly_bytes_new(doc, large, 1 << 18);
    free(large);
    for (int i = 0; i < 100; i++)
        mft_ok(mayfly_session_put(session, "x", value, &mft_error));
    assert_int_equal(mayfly_count(mayfly_session_objects(session)), 1);
    assert_true(mayfly_equal(mayfly_session_get(session, "x"), value, &mft_error) == 1);
}

static void P5_a_bad_index_and_a_file_that_is_gone_are_said(void **state) {
    (void)state;
    mayfly_auto(mayfly_session) session = new_session("work");
    mayfly_snapshot one;
    mft_ok(put(session, "a", 1, &mft_error));
    mft_fails(-ERANGE, mayfly_session_restore(session, 0, &mft_error));
    assert_int_equal(mayfly_session_snapshot(session, "", &mft_error), 0);
    mft_fails(-ERANGE, mayfly_session_restore(session, 1, &mft_error));
    mft_fails(-ERANGE, mayfly_session_restore(session, -1, &mft_error));
    assert_non_null(strstr(mft_error.message, "there is no snapshot -1"));
    mft_fails(-ERANGE, mayfly_session_look(session, 1, &one, &mft_error));
    mft_ok(mayfly_session_look(session, 0, &one, &mft_error));
    mft_ok(put(session, "a", 2, &mft_error));
    mft_write(one.path, "I1\n.");
    mft_fails(MAYFLY_E_SYNTAX, mayfly_session_restore(session, 0, &mft_error));
    mft_write(one.path, "(d");
    mft_fails(MAYFLY_E_PICKLE, mayfly_session_restore(session, 0, &mft_error));
    assert_int_equal(unlink(one.path), 0);
    mft_fails(MAYFLY_E_VANISHED, mayfly_session_restore(session, 0, &mft_error));
    is(session, "{'a': 2}");
}

/* ---- going on -------------------------------------------------------------------------------- */

static void P5_a_session_that_was_kept_goes_on(void **state) {
    (void)state;
    mayfly_session *session = new_session("work");
    char *dir = dir_of(session);
    mft_ok(put(session, "a", 1, &mft_error));
    assert_int_equal(mayfly_session_snapshot(session, "first", &mft_error), 0);
    mft_ok(put(session, "a", 2, &mft_error));
    mft_ok(mayfly_session_keep(session, &mft_error));
    assert_int_equal(mft_entries(dir), 3); /* snapshot, values, index */
    mft_ok(mayfly_session_keep(session, &mft_error));
    assert_int_equal(mft_entries(dir), 3);
    mft_ok(mayfly_session_close(&session, &mft_error));

    mft_ok(mayfly_session_open(dir, &session, &mft_error));
    assert_string_equal(mayfly_session_name(session), "work");
    is(session, "{'a': 2}");
    mft_ok(put(session, "b", 3, &mft_error));
    assert_int_equal(mayfly_session_snapshot(session, "second", &mft_error), 1);
    assert_int_equal(mft_entries(dir), 3);    /* two snapshots, index */
    mft_ok(put(session, "c", 4, &mft_error)); /* not saved */
    mft_ok(mayfly_session_close(&session, &mft_error));

    mft_ok(mayfly_session_open(dir, &session, &mft_error));
    is(session, "{'a': 2, 'b': 3}");
    mft_ok(mayfly_session_restore(session, 0, &mft_error));
    mft_ok(mayfly_session_close(&session, &mft_error));

    mft_ok(mayfly_session_open(dir, &session, &mft_error));
    is(session, "{'a': 1}");
    assert_int_equal(mayfly_session_count(session), 2);
    mft_ok(mayfly_session_close(&session, &mft_error));
    mft_remove(dir);
    free(dir);
}

static ino_t synced[16];
static size_t synced_count;

static int note_sync(int fd) {
    struct stat st;
    const int r = mfi_sys_real.fsync(fd);
    if (r == 0 && fstat(fd, &st) == 0 && synced_count < sizeof synced / sizeof *synced)
        synced[synced_count++] = st.st_ino;
    return r;
}

static bool was_synced(ino_t inode) {
    for (size_t i = 0; i < synced_count; i++)
        if (synced[i] == inode)
            return true;
    return false;
}

/* A power cut after keeping must not leave an index of files that are empty. */
static void P5_all_that_is_kept_is_on_the_disk(void **state) {
    (void)state;
    mayfly_auto(mayfly_session) session = new_session("work");
    char *dir = dir_of(session);
    mft_ok(put(session, "a", 1, &mft_error));
    synced_count = 0;
    mfi_sys.fsync = note_sync;
    mft_ok(mayfly_session_snapshot(session, "before", &mft_error));
    assert_int_equal(synced_count, 0); /* it is temporary */
    mft_ok(mayfly_session_keep(session, &mft_error));
    mft_ok(mayfly_session_snapshot(session, "after", &mft_error));
    mfi_sys = mfi_sys_real;
    DIR *list = opendir(dir);
    assert_non_null(list);
    size_t count = 0;
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;)
        if (entry->d_name[0] != '.') {
            count++;
            if (!was_synced(entry->d_ino))
                fail_msg("%s was not synced", entry->d_name);
        }
    (void)closedir(list);
    assert_int_equal(count, 3); /* two snapshots, index */
    mft_ok(mayfly_session_close(&session, &mft_error));
    mft_remove(dir);
    free(dir);
}

static void P5_what_is_opened_again_is_checked(void **state) {
    (void)state;
    mayfly_session *session = new_session("work");
    char *dir = dir_of(session), index[4096];
    mft_ok(mayfly_session_keep(session, &mft_error));
    mft_ok(mayfly_session_close(&session, &mft_error));
    (void)snprintf(index, sizeof index, "%s/session.pickle", dir);

    assert_int_equal(chmod(index, 0622), 0);
    mft_fails(-EPERM, mayfly_session_open(dir, &session, &mft_error));
    assert_int_equal(chmod(index, 0600), 0);
    mft_ok(mayfly_session_open(dir, &session, &mft_error));
    mft_ok(mayfly_session_close(&session, &mft_error));

    static const char *const wrong[] = {
        "I1\n.",
        "(dS'format'\nS'other 1'\ns.",
        "(dS'format'\nS'mayfly session 1'\nsS'name'\nS'n'\nsS'objects'\nS'../x'\ns"
        "S'snapshots'\n(ls.",
        "(dS'format'\nS'mayfly session 1'\nsS'name'\nS'n'\nsS'objects'\nNs"
        "S'snapshots'\n(l(dS'time'\nS't'\nsS'description'\nS'd'\nsS'object_count'\nI1\ns"
        "S'file'\nS'/etc/passwd'\nsas.",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        mft_write(index, wrong[i]);
        mft_fails(MAYFLY_E_SYNTAX, mayfly_session_open(dir, &session, &mft_error));
    }
    mft_write(index, "cos\nsystem\n.");
    mft_fails(MAYFLY_E_PICKLE, mayfly_session_open(dir, &session, &mft_error));
    mft_remove(dir);
    mft_fails(-ENOENT, mayfly_session_open(dir, &session, &mft_error));
    assert_null(session);
    free(dir);
}

static int use_as_child(void *context) {
    mayfly_session *session = context;
    return mayfly_session_snapshot(session, "", NULL) == MAYFLY_E_FORKED &&
                   mayfly_session_keep(session, NULL) == MAYFLY_E_FORKED &&
                   mayfly_session_restore(session, 0, NULL) == 0 &&
                   mayfly_session_close(&session, NULL) == 0
               ? 0
               : 1;
}

static void P5_a_forked_child_leaves_the_parents_session(void **state) {
    (void)state;
    mayfly_auto(mayfly_session) session = new_session("work");
    mft_ok(put(session, "a", 1, &mft_error));
    assert_int_equal(mayfly_session_snapshot(session, "", &mft_error), 0);
    assert_int_equal(mft_fork_exit(use_as_child, session), 0);
    assert_int_equal(mayfly_session_snapshot(session, "", &mft_error), 1);
    mft_ok(mayfly_session_restore(session, 0, &mft_error));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void P5_a_session_is_exported_as_the_document_writes_it(void **state) {
    (void)state;
    mayfly_auto(mayfly_session) session = new_session("w\xc3\xb6rk \"1\"\x1f");
    mayfly_snapshot one;
    char wanted[1000];
    const int r = mayfly_session_export(session, mft_path("s.json"), &mft_error);
    if (r == -ENOTSUP)
        mft_skip("this library is built without jansson");
    mft_ok(r);
    assert_true(mft_is(mft_path("s.json"),
                       "{\n  \"session_name\": \"w\\u00f6rk \\\"1\\\"\\u001f\",\n"
                       "  \"snapshots\": [],\n  \"current_objects\": []\n}"));
    mft_ok(put(session, "b", 1, &mft_error));
    mft_ok(put(session, "a\\uABCD", 2, &mft_error));
    assert_int_equal(mayfly_session_snapshot(session, "Initial \xf0\x9f\x98\x80", &mft_error), 0);
    mft_ok(mayfly_session_look(session, 0, &one, &mft_error));
    mft_ok(mayfly_session_export(session, mft_path("s.json"), &mft_error));
    (void)snprintf(wanted, sizeof wanted,
                   "{\n  \"session_name\": \"w\\u00f6rk \\\"1\\\"\\u001f\",\n  \"snapshots\": [\n"
                   "    {\n      \"timestamp\": \"%s\",\n"
                   "      \"description\": \"Initial \\ud83d\\ude00\",\n"
                   "      \"object_count\": 2\n    }\n  ],\n  \"current_objects\": [\n"
                   "    \"b\",\n    \"a\\\\uABCD\"\n  ]\n}",
                   one.time);
    assert_true(mft_is(mft_path("s.json"), wanted));
    assert_int_equal(unlink(mft_path("s.json")), 0);
}

/* ---- failures -------------------------------------------------------------------------------- */

static int work(mayfly_session **session, mayfly_error *error) {
    /* The directory is given: looking for one is another test's. */
    int r = mayfly_session_new("work", &(mayfly_session_options){.dir = mft_tmp()}, session, error);
    if (r == 0)
        r = put(*session, "a", 1, error);
    if (r == 0)
        r = (int)mayfly_session_snapshot(*session, "first", error);
    if (r == 0)
        r = (int)mayfly_session_snapshot(*session, "second", error);
    return r < 0 ? r : mayfly_session_restore(*session, 0, error);
}

static void P5_whatever_call_fails_is_said_and_closing_leaves_nothing(void **state) {
    (void)state;
    static const int codes[] = {-EIO, -ENOSPC, -ENOMEM};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (long n = 1, refused = 1; refused > 0; n++) {
            mayfly_error error = {.code = 0};
            mayfly_session *session = NULL;
            mft_fault_refuse(NULL, n, codes[i], 0);
            const int r = work(&session, &error);
            refused = mft_fault_refused();
            mft_fault_end();
            assert_true(r == 0 || error.code == r);
            assert_true(r < 0 || session != NULL);
            assert_true(refused > 0 || r == 0);
            mft_ok(mayfly_session_close(&session, &mft_error));
            if (mft_entries(mft_tmp()) != 0)
                fail_msg("call %ld: something is left", n);
        }
}

static void P5_what_fails_leaves_the_session_as_it_was(void **state) {
    (void)state;
    mayfly_auto(mayfly_session) session = new_session("work");
    char *dir = dir_of(session);
    mft_ok(put(session, "a", 1, &mft_error));
    for (long n = 1;; n++) {
        mft_fault_refuse("memory", n, 0, 0);
        const int r = put(session, "b", n, &mft_error);
        mft_fault_end();
        if (r == 0)
            break;
        is(session, "{'a': 1}");
    }
    mft_ok(mayfly_session_remove(session, "b", &mft_error));
    mft_fault_refuse("pwrite", 1, -ENOSPC, 1);
    mft_fails(-ENOSPC, mayfly_session_snapshot(session, "", &mft_error));
    mft_fails(-ENOSPC, mayfly_session_keep(session, &mft_error));
    mft_fault_end();
    assert_int_equal(mft_entries(dir), 0);
    assert_int_equal(mayfly_session_count(session), 0);
    mft_ok(mayfly_session_keep(session, &mft_error));
    mft_fault_refuse("renameat", 1, -EIO, 1);
    assert_true(mayfly_session_snapshot(session, "", &mft_error) == -EIO);
    mft_fault_end();
    assert_int_equal(mft_entries(dir), 2); /* values, index */
    mft_ok(mayfly_session_close(&session, &mft_error));
    mft_remove(dir);
    free(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(P5_a_session_restores_a_snapshot),
        MFT(P5_its_snapshots_are_listed_with_time_and_description),
        MFT(P5_values_of_any_document_are_copied),
        MFT(P5_a_value_can_be_replaced_again_and_again),
        MFT(P5_a_bad_index_and_a_file_that_is_gone_are_said),
        MFT(P5_a_session_that_was_kept_goes_on),
        MFT(P5_all_that_is_kept_is_on_the_disk),
        MFT(P5_what_is_opened_again_is_checked),
        MFT(P5_a_forked_child_leaves_the_parents_session),
        MFT(P5_a_session_is_exported_as_the_document_writes_it),
        MFT(P5_whatever_call_fails_is_said_and_closing_leaves_nothing),
        MFT(P5_what_fails_leaves_the_session_as_it_was),
    };
    return MFT_MAIN(tests);
}
