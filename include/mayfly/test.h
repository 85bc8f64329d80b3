/* SPDX-License-Identifier: MIT
 *
 * A test with temporary files and directories of its own, which fails if it leaves anything behind
 * (row P7; dill.temp's TempFileTestCase).
 *
 *     static void reads_what_was_written(void **state) {
 *         mayfly_file *file;                                 // the test's: not to be closed
 *         assert_int_equal(mayfly_test_file(*state, NULL, &file, NULL), 0);
 *         ...
 *     }
 *
 *     cmocka_unit_test_setup_teardown(reads_what_was_written, mayfly_test_setup,
 *                                     mayfly_test_teardown)
 *
 * A test has a directory that nobody else uses. TMPDIR says so while it runs, so what the test
 * calls, and the processes that it starts, make their temporary files there. At its end what was
 * handed out is removed. Whatever else is there then was left behind, and so was a descriptor that
 * is open and was not before; both are named.
 *
 * Not for tests that run at the same time in threads of one process: the environment and the
 * descriptors are the process's.
 */
#ifndef MAYFLY_TEST_H
#define MAYFLY_TEST_H

#include <mayfly/dump.h>
#include <mayfly/manager.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_test mayfly_test;

/* ---- for cmocka ------------------------------------------------------------------------------ */

/* Set-up and tear-down as cmocka wants them. *state is the test in between, and afterwards what it
 * was before. What goes wrong is printed to the standard error: there is no other way to say it.
 *
 * Errors:    -1: it could not be set up; something was left behind, or could not be removed
 * Safety:    thread no (the environment) | fork: the child's tear-down does nothing | signal no
 * Since:     0.1 (contract P7) */
MAYFLY_API int mayfly_test_setup(void **state);
MAYFLY_API int mayfly_test_teardown(void **state);

/* What *state was before the set-up. Ownership: the caller's. Safety: thread any | fork any |
 * signal yes. Since: 0.1 */
MAYFLY_API void *mayfly_test_state(const mayfly_test *test);

/* ---- for others ------------------------------------------------------------------------------ */

/* Begins a test: makes its directory, sets TMPDIR, notes which descriptors are open.
 *
 * Ownership: the caller ends the test.
 * Errors:    as mayfly_temporary_directory; -ENOENT the open descriptors cannot be listed, for want
 *            of /proc
 * Safety:    thread no (the environment) | fork any | signal no
 * Since:     0.1 (contract P7) */
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_test_begin(mayfly_test **ret, mayfly_error *error);

/* Ends it: removes what was handed out, looks for what is left, removes that as well, sets TMPDIR
 * as it was, and frees the handle, in every case. NULL is accepted twice over.
 *
 * Errors:    MAYFLY_E_LEFTOVER  files were left behind, descriptors are open or were closed; the
 *                               message names them, as many as it has room for
 *            as mayfly_manager_cleanup, mayfly_dir_close
 * Safety:    thread no (the environment) | fork: does nothing in the child | signal no
 * Since:     0.1 (contract P7) */
MAYFLY_API int mayfly_test_end(mayfly_test **test, mayfly_error *error);
MAYFLY_API void mayfly_test_auto(mayfly_test **test);

/* ---- what a test has ------------------------------------------------------------------------- */

/* Its directory. Ownership: the test's. Safety: thread any | fork any | signal yes. Since: 0.1 */
MAYFLY_API const char *mayfly_test_tmpdir(const mayfly_test *test);

/* Its manager, to hand files and directories over that were made elsewhere. Ownership: the test's.
 * Safety: thread any | fork any | signal yes. Since: 0.1 */
MAYFLY_API mayfly_manager *mayfly_test_manager(const mayfly_test *test);

/* A path in its directory; nothing is made. What the test makes there, a file or a tree, goes with
 * it.
 *
 * name       one file name
 * Returns NULL if it is none, or for want of memory.
 *
 * Ownership: the test's.
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 (contract P7) */
MAYFLY_API const char *mayfly_test_path(mayfly_test *test, const char *name);

/* Creates a named file, a directory, or a file with a value dumped to it (create_temp_object),
 * which goes with the test.
 *
 * Ownership: *ret is the test's; mayfly_manager_take_file gives it to the caller.
 * Errors:    as mayfly_named_temporary_file, mayfly_temporary_directory, mayfly_dump
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract P7) */
#define mayfly_test_file(...) mayfly_test_file_sized(sizeof(mayfly_file_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_test_file_sized(size_t options_size, mayfly_test *test,
                                                        const mayfly_file_options *options,
                                                        mayfly_file **ret, mayfly_error *error);
#define mayfly_test_dir(...) mayfly_test_dir_sized(sizeof(mayfly_dir_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_test_dir_sized(size_t options_size, mayfly_test *test,
                                                       const mayfly_dir_options *options,
                                                       mayfly_dir **ret, mayfly_error *error);
#define mayfly_test_dump(...) mayfly_test_dump_sized(sizeof(mayfly_dump_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_test_dump_sized(size_t options_size, mayfly_test *test,
                                                        mayfly_doc *doc, mayfly_value value,
                                                        const mayfly_dump_options *options,
                                                        mayfly_file **ret, mayfly_error *error);

MAYFLY_END_DECLS

#endif
