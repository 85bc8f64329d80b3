/* SPDX-License-Identifier: MIT
 *
 * O2, O4: pickles out of and into memory, descriptors, streams; what they name, and what they may.
 */
#define _GNU_SOURCE
#include "../lib/pickles.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/base/sys.h"

static mayfly_value plain(mayfly_doc *doc) {
    const mayfly_value list = mayfly_list_new(doc), dict = mayfly_dict_new(doc);
    const mayfly_value pair[] = {mayfly_int_new(doc, -1), mayfly_float_new(doc, 0.5)};
    const mayfly_value items[] = {dict,
                                  mayfly_none_new(doc),
                                  mayfly_bool_new(doc, true),
                                  mayfly_int_new(doc, INT64_MIN),
                                  mayfly_int_from_text(doc, "0x123456789abcdef0123456789", 27),
                                  mayfly_complex_new(doc, 1, 2),
                                  mayfly_bytes_new(doc, "by\xff", 3),
                                  mayfly_bytes_new(doc, "", 0),
                                  mayfly_bytearray_new(doc, "array", 5),
                                  mayfly_tuple_new(doc, pair, 2),
                                  mayfly_frozenset_new(doc, pair, 2),
                                  mayfly_str_new(doc, "\xed\xa0\x80\xe2\x82\xac", 6),
                                  dict,
                                  list};
    mft_ok(mayfly_dict_put(doc, dict, "a key", pair[0]));
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        mft_ok(mayfly_list_append(doc, list, items[i]));
    return list;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void O2_every_protocol_brings_everything_back(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value before = plain(doc);
    for (int protocol = 0; protocol <= 5; protocol++) {
        char *data = NULL;
        size_t size = 0;
        mft_ok(mayfly_dumps(doc, before,
                            &(mayfly_dump_options){.protocol = protocol == 1 ? 2 : protocol}, &data,
                            &size, &mft_error));
        assert_int_equal(data[0], (char)0x80);
        assert_int_equal(data[1], protocol == 0 ? 4 : protocol == 1 ? 2 : protocol);
        assert_int_equal(data[size - 1], '.');
        mayfly_auto(mayfly_doc) again = loaded(data, size);
        free(data);
        const mayfly_value after = mayfly_doc_root(again);
        assert_int_equal(mayfly_equal(before, after, &mft_error), 1);
        assert_true(mayfly_same(mayfly_item(after, 0), mayfly_item(after, 12)));
        assert_true(mayfly_same(mayfly_item(after, 13), after));
    }
    static const int unknown[] = {1, 6, -1};
    for (size_t i = 0; i < 3; i++) {
        char *data = NULL;
        size_t size;
        mft_fails(-EINVAL, mayfly_dumps(doc, before, &(mayfly_dump_options){.protocol = unknown[i]},
                                        &data, &size, &mft_error));
        assert_says("2 to 5");
        assert_null(data);
    }
}

static void O2_plain_data_is_written_as_cpython_writes_it(void **state) {
    (void)state;
    static const char expected[] = "\200\004\225\033\0\0\0\0\0\0\0}\224\214\001a\224]\224(K\001G?"
                                   "\340\0\0\0\0\0\0N\210h\001es.";
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value dict = mayfly_dict_new(doc), list = mayfly_list_new(doc);
    const mayfly_value key = mayfly_str_new(doc, "a", 1);
    const mayfly_value items[] = {mayfly_int_new(doc, 1), mayfly_float_new(doc, 0.5),
                                  mayfly_none_new(doc), mayfly_bool_new(doc, true), key};
    for (size_t i = 0; i < 5; i++)
        mft_ok(mayfly_list_append(doc, list, items[i]));
    mft_ok(mayfly_dict_set(doc, dict, key, list));
    char *data = NULL;
    size_t size = 0;
    mft_ok(mayfly_dumps(doc, dict, NULL, &data, &size, &mft_error));
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(data, expected, size);
    free(data);
}

struct sink {
    char *data;
    size_t size;
    int calls, fail_at;
};

static int take(void *context, const void *data, size_t size) {
    struct sink *sink = context;
    if (++sink->calls == sink->fail_at)
        return -EDQUOT;
    char *grown = realloc(sink->data, sink->size + size + 1);
    if (grown == NULL)
        abort();
    memcpy(grown + sink->size, data, size);
    sink->data = grown;
    sink->size += size;
    grown[sink->size] = '\0';
    return 0;
}

static void O2_a_sink_gets_what_dumps_gives_and_ends_it_when_it_fails(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value list = mayfly_list_new(doc);
    static char large[300000];
    memset(large, 'x', sizeof large);
    for (int i = 0; i < 50000; i++)
        mft_ok(mayfly_list_append(doc, list, mayfly_int_new(doc, i)));
    mft_ok(mayfly_list_append(doc, list, mayfly_str_new(doc, large, sizeof large)));
    mft_ok(mayfly_list_append(doc, list, mayfly_bytes_new(doc, large, sizeof large)));
    for (int protocol = 2; protocol <= 5; protocol++) {
        const mayfly_dump_options options = {.protocol = protocol};
        struct sink whole = {0};
        char *data = NULL;
        size_t size = 0;
        mft_ok(mayfly_dump_to(doc, list, &options, take, &whole, &mft_error));
        mft_ok(mayfly_dumps(doc, list, &options, &data, &size, &mft_error));
        assert_int_equal(size, whole.size);
        assert_memory_equal(data, whole.data, size);
        assert_true(whole.calls > 2);
        free(whole.data);
        for (int fail_at = 1; fail_at <= whole.calls; fail_at++) {
            struct sink part = {.fail_at = fail_at};
            mft_fails(-EDQUOT, mayfly_dump_to(doc, list, &options, take, &part, &mft_error));
            assert_int_equal(part.calls, fail_at);
            assert_true(part.size == 0 || memcmp(part.data, data, part.size) == 0);
            free(part.data);
        }
        free(data);
    }
}

/* ---- buffers beside the stream --------------------------------------------------------------- */

struct buffers {
    char data[4][16];
    size_t sizes[4];
    bool readonly[4];
    int count, given, answer;
};

static int take_buffer(void *context, const void *data, size_t size, bool readonly) {
    struct buffers *all = context;
    if (all->answer <= 0)
        return all->answer;
    memcpy(all->data[all->count], data, size);
    all->readonly[all->count] = readonly;
    all->sizes[all->count++] = size;
    return 1;
}

static int next_buffer(void *context, const void **ret, size_t *ret_size) {
    struct buffers *all = context;
    if (all->given == all->count)
        return all->answer;
    *ret = all->data[all->given];
    *ret_size = all->sizes[all->given++];
    return 1;
}

static mayfly_value two_buffers(mayfly_doc *doc) {
    const mayfly_value items[] = {mayfly_buffer_new(doc, "first", 5, true),
                                  mayfly_buffer_new(doc, "second", 6, false)};
    return mayfly_tuple_new(doc, items, 2);
}

static void O2_buffers_travel_beside_the_stream_both_ways(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_doc) again = NULL;
    struct buffers all = {.answer = 1};
    char *data = NULL;
    size_t size = 0;
    const mayfly_dump_options beside = {.protocol = 5, .take_buffer = take_buffer, .context = &all};
    mft_ok(mayfly_dumps(doc, two_buffers(doc), &beside, &data, &size, &mft_error));
    assert_int_equal(all.count, 2);
    assert_memory_equal(all.data[1], "second", 6);
    assert_true(all.readonly[0] && !all.readonly[1]);
    assert_null(memmem(data, size, "first", 5));
    const mayfly_load_options options = {.next_buffer = next_buffer, .context = &all};
    mft_ok(mayfly_loads(data, size, &options, &again, &mft_error));
    assert_int_equal(mayfly_equal(mayfly_doc_root(again), two_buffers(doc), &mft_error), 1);
    memset(all.data, 0, sizeof all.data); /* they were copied */
    const char *second = mayfly_bytes_get(mayfly_item(mayfly_doc_root(again), 1), &size);
    assert_int_equal(size, 6);
    assert_memory_equal(second, "second", 6);
    free(data);
}

static void O2_a_buffer_that_is_not_taken_stays_in_the_stream(void **state) {
    (void)state;
    for (int protocol = 2; protocol <= 5; protocol++) {
        mayfly_auto(mayfly_doc) doc = new_doc();
        struct buffers all = {.answer = protocol == 5 ? 0 : 1};
        char *data = NULL;
        size_t size = 0;
        const mayfly_dump_options options = {
            .protocol = protocol, .take_buffer = take_buffer, .context = &all};
        mft_ok(mayfly_dumps(doc, two_buffers(doc), &options, &data, &size, &mft_error));
        assert_int_equal(all.count, 0);
        mayfly_auto(mayfly_doc) again = loaded(data, size);
        const mayfly_value root = mayfly_doc_root(again);
        assert_int_equal(mayfly_kind_of(mayfly_item(root, 0)), MAYFLY_BYTES);
        assert_int_equal(mayfly_kind_of(mayfly_item(root, 1)), MAYFLY_BYTEARRAY);
        assert_memory_equal(mayfly_bytes_get(mayfly_item(root, 1), NULL), "second", 6);
        free(data);
    }
    mayfly_auto(mayfly_doc) doc = new_doc();
    struct buffers all = {.answer = -EPIPE};
    char *data = NULL;
    size_t size;
    const mayfly_dump_options options = {
        .protocol = 5, .take_buffer = take_buffer, .context = &all};
    mft_fails(-EPIPE, mayfly_dumps(doc, two_buffers(doc), &options, &data, &size, &mft_error));
}

static void O2_a_buffer_that_does_not_come_is_missed_or_left_open(void **state) {
    (void)state;
    struct buffers none = {.answer = 0};
    const mayfly_load_options options = {.next_buffer = next_buffer, .context = &none};
    mayfly_doc *doc = NULL;
    mft_fails(MAYFLY_E_PICKLE, mayfly_loads(B("\x80\5\x97."), &options, &doc, &mft_error));
    assert_says("byte 2: NEXT_BUFFER: there is no out-of-band buffer");
    none.answer = -EIO;
    mft_fails(-EIO, mayfly_loads(B("\x80\5\x97."), &options, &doc, &mft_error));
    assert_says("NEXT_BUFFER");
    doc = loaded(B("\x80\5\x97."));
    size_t size = 9;
    assert_int_equal(mayfly_kind_of(mayfly_doc_root(doc)), MAYFLY_BUFFER);
    assert_non_null(mayfly_bytes_get(mayfly_doc_root(doc), &size));
    assert_int_equal(size, 0);
    char *data = NULL;
    mft_fails(MAYFLY_E_PICKLE,
              mayfly_dumps(doc, mayfly_doc_root(doc), NULL, &data, &size, &mft_error));
    assert_says("needs protocol 5");
    mft_ok(mayfly_dumps(doc, mayfly_doc_root(doc), &(mayfly_dump_options){.protocol = 5}, &data,
                        &size, &mft_error));
    assert_non_null(memchr(data, 0x97, size));
    free(data);
    mayfly_doc_free(&doc);
}

/* ---- what stays in the input ----------------------------------------------------------------- */

static bool lies_in(const void *at, const char *data, size_t size) {
    return (uintptr_t)at >= (uintptr_t)data && (uintptr_t)at < (uintptr_t)data + size;
}

static void O4_large_text_and_bytes_are_borrowed_only_when_asked(void **state) {
    (void)state;
    static char data[2000];
    size_t size = 2, length = 0;
    memcpy(data, "](", 2);
    static const char ops[] = {'X', 'B', 'X', 'B'};
    static const size_t sizes[] = {500, 600, 10, 20};
    for (size_t i = 0; i < 4; i++) {
        data[size] = ops[i];
        data[size + 1] = (char)sizes[i];
        data[size + 2] = (char)(sizes[i] >> 8);
        data[size + 3] = data[size + 4] = 0;
        memset(data + size + 5, 'a' + (int)i, sizes[i]);
        size += 5 + sizes[i];
    }
    memcpy(data + size, "e.", 2);
    size += 2;
    for (int borrow = 0; borrow < 2; borrow++) {
        const mayfly_load_options options = {.flags = borrow ? MAYFLY_BORROW : 0};
        mayfly_auto(mayfly_doc) doc = NULL;
        mft_ok(mayfly_loads(data, size, &options, &doc, &mft_error));
        const mayfly_value root = mayfly_doc_root(doc);
        for (size_t i = 0; i < 4; i++) {
            const char *content = i % 2 == 0 ? mayfly_str_get(mayfly_item(root, i), &length)
                                             : mayfly_bytes_get(mayfly_item(root, i), &length);
            assert_int_equal(length, sizes[i]);
            assert_int_equal(content[length - 1], 'a' + (int)i);
            assert_int_equal(lies_in(content, data, size), borrow && i < 2);
            if (!lies_in(content, data, size))
                assert_int_equal(content[length], 0);
        }
        mayfly_auto(mayfly_doc) copy = new_doc(); /* a copy borrows from nobody */
        const mayfly_value copied = mayfly_copy(copy, root);
        assert_false(lies_in(mayfly_str_get(mayfly_item(copied, 0), &length), data, size));
        assert_int_equal(mayfly_str_get(mayfly_item(copied, 0), NULL)[length], 0);
    }
}

/* ---- readers --------------------------------------------------------------------------------- */

/* Pickles of all protocols, one after the other; each is a list of its number and some text. */
enum { PICKLES = 9 };

static char *several(size_t *ret_size, uint64_t ends[PICKLES]) {
    struct sink all = {0};
    for (int i = 0; i < PICKLES; i++) {
        mayfly_auto(mayfly_doc) doc = new_doc();
        const mayfly_value list = mayfly_list_new(doc);
        const mayfly_value text = mayfly_str_new(doc, "some text that is stored", MAYFLY_ALL);
        mft_ok(mayfly_list_append(doc, list, mayfly_int_new(doc, i)));
        mft_ok(mayfly_list_append(doc, list, text));
        mft_ok(mayfly_list_append(doc, list, text));
        mft_ok(mayfly_dump_to(doc, list, &(mayfly_dump_options){.protocol = 2 + i % 4}, take, &all,
                              &mft_error));
        ends[i] = all.size;
    }
    *ret_size = all.size;
    return all.data;
}

static void read_all(mayfly_reader *reader, mayfly_doc *doc, const uint64_t *ends) {
    mayfly_value values[PICKLES], value;
    for (int i = 0; i < PICKLES; i++) {
        assert_int_equal(mayfly_reader_offset(reader), i == 0 ? 0 : ends[i - 1]);
        assert_int_equal(mayfly_reader_next(reader, &values[i], &mft_error), 1);
        assert_true(mayfly_same(mayfly_doc_root(doc), values[i]));
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(mayfly_reader_next(reader, &value, &mft_error), 0);
    assert_int_equal(mayfly_reader_offset(reader), ends[PICKLES - 1]);
    for (int i = 0; i < PICKLES; i++) {
        assert_int_equal(number(mayfly_item(values[i], 0)), i);
        assert_string_equal(mayfly_str_get(mayfly_item(values[i], 1), NULL),
                            "some text that is stored");
        assert_true(mayfly_same(mayfly_item(values[i], 1), mayfly_item(values[i], 2)));
    }
}

static void O4_a_reader_goes_through_memory_pickle_by_pickle(void **state) {
    (void)state;
    uint64_t ends[PICKLES];
    size_t size = 0, rest = 1;
    char *data = several(&size, ends);
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_reader) reader = NULL;
    mft_ok(mayfly_reader_memory(doc, data, size, NULL, &reader, &mft_error));
    assert_ptr_equal(mayfly_reader_rest(reader, &rest), data);
    assert_int_equal(rest, size);
    read_all(reader, doc, ends);
    assert_ptr_equal(mayfly_reader_rest(reader, &rest), data + size);
    assert_int_equal(rest, 0);
    mayfly_reader_close(&reader);
    mayfly_reader_close(&reader);
    free(data);
}

static ssize_t read_one_byte(int fd, void *data, size_t size) {
    return mfi_sys_real.read(fd, data, size > 1 ? 1 : size);
}

/* A child that writes byte after byte; gives the end to read from. */
static int trickle(const char *data, size_t size, pid_t *ret_pid) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *ret_pid = mft_start();
    if (*ret_pid == 0) {
        for (size_t i = 0; i < size; i++)
            if (write(ends[1], data + i, 1) != 1)
                _exit(1);
        _exit(0);
    }
    assert_int_equal(close(ends[1]), 0);
    return ends[0];
}

static void end_trickle(int fd, pid_t pid) {
    int status = -1;
    assert_int_equal(close(fd), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void O4_a_reader_takes_a_pipe_as_it_comes(void **state) {
    (void)state;
    uint64_t ends[PICKLES];
    size_t size = 0;
    char *data = several(&size, ends);
    for (int single = 0; single < 2; single++) {
        mayfly_auto(mayfly_doc) doc = new_doc();
        mayfly_auto(mayfly_reader) reader = NULL;
        pid_t pid;
        const int fd = trickle(data, size, &pid);
        if (single)
            mfi_sys.read = read_one_byte;
        mft_ok(mayfly_reader_fd(doc, fd, NULL, &reader, &mft_error));
        read_all(reader, doc, ends);
        mfi_sys = mfi_sys_real;
        end_trickle(fd, pid);
    }
    free(data);
}

static void O4_what_a_reader_read_too_much_of_a_pipe_is_told(void **state) {
    (void)state;
    static const char data[] = "K\1.K\2.and text";
    int ends[2];
    size_t size = 0;
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_reader) reader = NULL;
    mayfly_value value;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], data, sizeof data - 1), sizeof data - 1);
    assert_int_equal(close(ends[1]), 0);
    mft_ok(mayfly_reader_fd(doc, ends[0], NULL, &reader, &mft_error));
    assert_int_equal(mayfly_reader_next(reader, &value, &mft_error), 1);
    assert_int_equal(mayfly_reader_next(reader, &value, &mft_error), 1);
    assert_int_equal(number(value), 2);
    const char *rest = mayfly_reader_rest(reader, &size);
    assert_int_equal(size, 8);
    assert_memory_equal(rest, "and text", 8);
    assert_int_equal(mayfly_reader_offset(reader), 6);
    assert_int_equal(close(ends[0]), 0);
}

static void O4_a_reader_takes_of_a_stream_what_the_pickle_has(void **state) {
    (void)state;
    uint64_t ends[PICKLES];
    size_t size = 0;
    char *data = several(&size, ends);
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_reader) reader = NULL;
    mayfly_value value;
    FILE *stream = fmemopen(data, size, "r");
    assert_non_null(stream);
    mft_ok(mayfly_reader_stream(doc, stream, NULL, &reader, &mft_error));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(mayfly_reader_next(reader, &value, &mft_error), 1);
        assert_int_equal(ftell(stream), (long)ends[i]);
    }
    rewind(stream);
    mayfly_reader_close(&reader);
    mft_ok(mayfly_reader_stream(doc, stream, NULL, &reader, &mft_error));
    read_all(reader, doc, ends);
    assert_int_equal(fclose(stream), 0);
    free(data);
}

static void O6_after_an_error_a_reader_says_it_again(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_reader) reader = NULL;
    mayfly_value value = {0};
    mft_ok(mayfly_reader_memory(doc, B("K\1.Kx\xff.K\3."), NULL, &reader, &mft_error));
    assert_int_equal(mayfly_reader_next(reader, &value, &mft_error), 1);
    for (int i = 0; i < 3; i++) {
        mft_fails(MAYFLY_E_PICKLE, mayfly_reader_next(reader, &value, &mft_error));
        assert_says("byte 5: unknown opcode 0xff");
        assert_int_equal(mft_error.offset, 5);
    }
    assert_int_equal(number(value), 1);
    mayfly_reader_close(&reader);
    mft_ok(mayfly_reader_fd(doc, -1, NULL, &reader, &mft_error));
    mft_fails(-EBADF, mayfly_reader_next(reader, &value, &mft_error));
    mft_fails(-EBADF, mayfly_reader_next(reader, &value, &mft_error));
}

/* ---- disassembling --------------------------------------------------------------------------- */

static void O4_a_pickle_is_disassembled_without_building_anything(void **state) {
    (void)state;
    struct sink out = {0};
    static const char data[] = "\x80\2]q\0(K\1U\1xe.K\7.";
    mft_ok(mayfly_disassemble(data, sizeof data - 1, false, take, &out, &mft_error));
    assert_string_equal(out.data, "    0: \\x80 PROTO      2\n"
                                  "    2: ]    EMPTY_LIST\n"
                                  "    3: q    BINPUT     0\n"
                                  "    5: (    MARK\n"
                                  "    6: K        BININT1    1\n"
                                  "    8: U        SHORT_BINSTRING 'x'\n"
                                  "   11: e        APPENDS    (MARK at 5)\n"
                                  "   12: .    STOP\n"
                                  "highest protocol among opcodes = 2\n");
    free(out.data);
    out = (struct sink){0};
    mft_ok(mayfly_disassemble(data, sizeof data - 1, true, take, &out, &mft_error));
    assert_non_null(strstr(out.data, "   13: K    BININT1    7\n"));
    free(out.data);
    out = (struct sink){.fail_at = 1};
    mft_fails(-EDQUOT, mayfly_disassemble(data, sizeof data - 1, true, take, &out, &mft_error));
    out = (struct sink){0};
    mft_fails(MAYFLY_E_PICKLE, mayfly_disassemble(B("K\1Kx"), false, take, &out, &mft_error));
    assert_non_null(strstr(out.data, "    2: K    BININT1    120\n"));
    free(out.data);
}

static void O6_a_document_has_no_root_after_an_error(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_load_options options = {.flags = MAYFLY_ONE_ONLY};
    mft_fails(MAYFLY_E_PICKLE, mayfly_loads("N.x", 3, &options, &doc, &mft_error));
    assert_int_equal(mayfly_doc_root(doc).bits, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(O2_every_protocol_brings_everything_back),
        MFT(O2_plain_data_is_written_as_cpython_writes_it),
        MFT(O2_a_sink_gets_what_dumps_gives_and_ends_it_when_it_fails),
        MFT(O2_buffers_travel_beside_the_stream_both_ways),
        MFT(O2_a_buffer_that_is_not_taken_stays_in_the_stream),
        MFT(O2_a_buffer_that_does_not_come_is_missed_or_left_open),
        MFT(O4_large_text_and_bytes_are_borrowed_only_when_asked),
        MFT(O4_a_reader_goes_through_memory_pickle_by_pickle),
        MFT(O4_a_reader_takes_a_pipe_as_it_comes),
        MFT(O4_what_a_reader_read_too_much_of_a_pipe_is_told),
        MFT(O4_a_reader_takes_of_a_stream_what_the_pickle_has),
        MFT(O6_after_an_error_a_reader_says_it_again),
        MFT(O4_a_pickle_is_disassembled_without_building_anything),
        MFT(O6_a_document_has_no_root_after_an_error),
    };
    return MFT_MAIN(tests);
}
