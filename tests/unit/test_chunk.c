/* SPDX-License-Identifier: MIT
 *
 * P3: a large CSV in temporary pieces.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <unistd.h>

#include "../lib/fault.h"

static const char table[] = "h1,h2\r\n1,\"a\nb\"\n2,c\n3,d\n4,e\n5,f";

static mayfly_chunks *split(const mayfly_chunk_options *options) {
    mayfly_chunks *chunks = NULL;
    mft_write(mft_path("t.csv"), table);
    if (mayfly_chunks_open(mft_path("t.csv"), options, &chunks, &mft_error) < 0)
        fail_msg("%s", mft_error.message);
    return chunks;
}

static void P3_every_piece_has_the_header_and_whole_records(void **state) {
    (void)state;
    static const char *const pieces[] = {"h1,h2\r\n1,\"a\nb\"\n2,c\n", "h1,h2\r\n3,d\n4,e\n",
                                         "h1,h2\r\n5,f\n"};
    mayfly_auto(mayfly_chunks) chunks = split(&(mayfly_chunk_options){.rows = 2});
    mayfly_chunk chunk;
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
        assert_true(mft_is(chunk.path, pieces[i]));
        assert_int_equal(mft_mode(chunk.path), 0600);
        assert_int_equal(chunk.number, i + 1);
        assert_int_equal(chunk.rows, i < 2 ? 2 : 1);
        assert_int_equal(chunk.first_row, 2 * i + 1);
        assert_int_equal(chunk.bytes, strlen(pieces[i]));
        assert_int_equal(chunk.input_bytes, sizeof table - 1);
    }
    assert_int_equal(chunk.read_bytes, chunk.input_bytes);
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 0);
    assert_int_equal(mft_entries(mayfly_chunks_dir(chunks)), 3);
    mft_ok(mayfly_chunks_remove(chunks, 2, &mft_error));
    mft_ok(mayfly_chunks_remove(chunks, 2, &mft_error));
    mft_fails(-ENOENT, mayfly_chunks_remove(chunks, 4, &mft_error));
    assert_int_equal(mft_entries(mayfly_chunks_dir(chunks)), 2);
    mft_ok(mayfly_chunks_close(&chunks, &mft_error));
    assert_int_equal(unlink(mft_path("t.csv")), 0);
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void P3_without_a_header_and_dropping_pieces_that_were_used(void **state) {
    (void)state;
    mayfly_auto(mayfly_chunks) chunks =
        split(&(mayfly_chunk_options){.rows = 4, .no_header = true, .drop = true});
    mayfly_chunk chunk;
    uint64_t rows = 0;
    while (mayfly_chunks_next(chunks, &chunk, &mft_error) > 0) {
        rows += chunk.rows;
        assert_int_equal(mft_entries(mayfly_chunks_dir(chunks)), 1);
    }
    assert_int_equal(rows, 6);
    assert_int_equal(unlink(mft_path("t.csv")), 0);
}

static void P3_a_table_of_a_header_has_no_piece(void **state) {
    (void)state;
    static const char *const tables[] = {"h1,h2\n", ""};
    for (int i = 0; i < 2; i++) {
        mayfly_auto(mayfly_chunks) chunks = NULL;
        mayfly_chunk chunk;
        mft_write(mft_path("t.csv"), tables[i]);
        mft_ok(mayfly_chunks_open(mft_path("t.csv"), NULL, &chunks, &mft_error));
        assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 0);
        assert_int_equal(mft_entries(mayfly_chunks_dir(chunks)), 0);
    }
    assert_int_equal(unlink(mft_path("t.csv")), 0);
}

static void P3_a_piece_that_fails_is_removed(void **state) {
    (void)state;
    mayfly_auto(mayfly_chunks) chunks = split(&(mayfly_chunk_options){.rows = 2});
    mayfly_chunk chunk;
    mft_fault_refuse("pwrite", 1, -ENOSPC, 0);
    mft_fails(-ENOSPC, mayfly_chunks_next(chunks, &chunk, &mft_error));
    mft_fault_end();
    assert_int_equal(mft_entries(mayfly_chunks_dir(chunks)), 0);
    assert_int_equal(unlink(mft_path("t.csv")), 0);
}

static void P3_pieces_that_are_kept_stay(void **state) {
    (void)state;
    mayfly_chunks *chunks = split(NULL);
    mayfly_chunk chunk;
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
    mft_ok(mayfly_chunks_keep(chunks, &mft_error));
    char *dir = mft_path(strrchr(mayfly_chunks_dir(chunks), '/') + 1);
    mft_ok(mayfly_chunks_close(&chunks, &mft_error));
    assert_int_equal(mft_entries(dir), 1);
    mft_remove(dir);
    assert_int_equal(unlink(mft_path("t.csv")), 0);
}

static int next_as_child(void *chunks) {
    mayfly_chunk chunk;
    return mayfly_chunks_next(chunks, &chunk, NULL) == MAYFLY_E_FORKED &&
                   mayfly_chunks_remove(chunks, 1, NULL) == MAYFLY_E_FORKED
               ? 0
               : 1;
}

static void P3_a_forked_child_leaves_the_parents_pieces(void **state) {
    (void)state;
    mayfly_auto(mayfly_chunks) chunks = split(NULL);
    mayfly_chunk chunk;
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
    assert_int_equal(mft_fork_exit(next_as_child, chunks), 0);
    assert_true(mft_exists(chunk.path));
    assert_int_equal(unlink(mft_path("t.csv")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(P3_every_piece_has_the_header_and_whole_records),
        MFT(P3_without_a_header_and_dropping_pieces_that_were_used),
        MFT(P3_a_table_of_a_header_has_no_piece),
        MFT(P3_a_piece_that_fails_is_removed),
        MFT(P3_pieces_that_are_kept_stay),
        MFT(P3_a_forked_child_leaves_the_parents_pieces),
    };
    return MFT_MAIN(tests);
}
