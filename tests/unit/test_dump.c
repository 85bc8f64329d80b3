/* SPDX-License-Identifier: MIT
 *
 * O1, O2: values in temporary files and buffers, and back; whose files are loaded, and whose not.
 */
#define _GNU_SOURCE
#include "../lib/pickles.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/fault.h"

/* A record with `size` bytes of text; absent where the document has no room. */
static mayfly_value record(mayfly_doc *doc, size_t size) {
    static char text[600000];
    const mayfly_value dict = mayfly_dict_new(doc), list = mayfly_list_new(doc);
    memset(text, 't', sizeof text);
    for (int i = 0; i < 20; i++)
        (void)mayfly_list_append(doc, list, mayfly_int_new(doc, i));
    (void)mayfly_dict_put(doc, dict, "name", mayfly_str_new(doc, "libc6", 5));
    (void)mayfly_dict_put(doc, dict, "list", list);
    (void)mayfly_dict_put(doc, dict, "itself", dict);
    (void)mayfly_dict_put(doc, dict, "text", mayfly_str_new(doc, text, size));
    (void)mayfly_dict_put(doc, dict, "bytes", mayfly_bytes_new(doc, text, size));
    (void)mayfly_dict_put(doc, dict, "cost", mayfly_decimal_new(doc, "1.50"));
    return dict;
}

static void assert_record(const mayfly_doc *doc, size_t size) {
    mayfly_auto(mayfly_doc) expected = new_doc();
    assert_int_equal(mayfly_equal(mayfly_doc_root(doc), record(expected, size), &mft_error), 1);
}

static char *pickled(size_t size, size_t *ret_size) {
    mayfly_auto(mayfly_doc) doc = new_doc();
    char *data = NULL;
    mft_ok(mayfly_dumps(doc, record(doc, size), NULL, &data, ret_size, &mft_error));
    return data;
}

/* Writes the pickle of a record to a new file. */
static char *pickle_file(const char *name, size_t size, mode_t mode) {
    char *path = mft_path(name);
    size_t length = 0;
    char *data = pickled(size, &length);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, data, length), length);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    free(data);
    return path;
}

/* ---- dumping to a new file ------------------------------------------------------------------- */

static void O1_a_dump_is_read_by_others_under_its_name_and_goes_when_closed(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 100, 70000, 600000};
    for (size_t i = 0; i < 4; i++) {
        mayfly_auto(mayfly_doc) doc = new_doc();
        mayfly_auto(mayfly_doc) again = NULL;
        mayfly_auto(mayfly_file) file = NULL;
        size_t length = 0, there = 0;
        char *expected = pickled(sizes[i], &length);
        mft_ok(mayfly_dump(doc, record(doc, sizes[i]), NULL, &file, &mft_error));
        assert_int_equal(mayfly_file_tell(file, NULL), 0);
        char *path = mft_path(strrchr(mayfly_file_path(file), '/') + 1);
        char *data = mft_read(path, &there); /* it is flushed */
        assert_int_equal(there, length);
        assert_memory_equal(data, expected, length);
        assert_int_equal(mft_mode(path), 0600);
        mft_ok(mayfly_load(file, NULL, &again, &mft_error));
        assert_record(again, sizes[i]);
        assert_int_equal(mayfly_file_tell(file, NULL), length);
        mft_ok(mayfly_load_path(path, NULL, &again, &mft_error));
        assert_record(again, sizes[i]);
        mft_ok(mayfly_file_close(&file, &mft_error));
        assert_false(mft_exists(path));
        assert_record(again, sizes[i]); /* the file is not needed any more */
        free(data);
        free(expected);
    }
}

static void O1_a_dump_has_the_name_place_and_protocol_that_were_asked_for(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_file) file = NULL;
    char *dir = mft_path("sub");
    assert_int_equal(mkdir(dir, 0700), 0);
    const mayfly_dump_options options = {
        .prefix = "state-", .suffix = ".pkl", .dir = dir, .keep = true, .protocol = 2};
    mft_ok(mayfly_dump(doc, record(doc, 10), &options, &file, &mft_error));
    char *path = mft_path(mayfly_file_path(file) + strlen(mft_tmp()) + 1);
    assert_string_equal(path, mayfly_file_path(file));
    assert_int_equal(strncmp(path, dir, strlen(dir)), 0);
    assert_int_equal(strncmp(strrchr(path, '/'), "/state-", 7), 0);
    assert_string_equal(path + strlen(path) - 4, ".pkl");
    mft_ok(mayfly_file_close(&file, &mft_error));
    size_t size = 0;
    char *data = mft_read(path, &size); /* it was kept */
    assert_memory_equal(data, "\x80\2", 2);
    free(data);
    mayfly_auto(mayfly_doc) again = NULL;
    mft_ok(mayfly_load_path(path, NULL, &again, &mft_error));
    assert_record(again, 10);
    mft_remove(dir);
    mft_fails(-EINVAL, mayfly_dump(doc, mayfly_none_new(doc),
                                   &(mayfly_dump_options){.suffix = "/x"}, &file, &mft_error));
    mft_fails(-EINVAL, mayfly_dump(doc, mayfly_none_new(doc), &(mayfly_dump_options){.protocol = 9},
                                   &file, &mft_error));
    mft_fails(-ENOENT, mayfly_dump(doc, mayfly_none_new(doc), &options, &file, &mft_error));
    assert_null(file);
}

static void O2_a_dump_in_memory_has_no_name_at_all(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_doc) again = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    size_t length = 0;
    char *expected = pickled(70000, &length), *data = malloc(length + 1);
    assert_non_null(data);
    mft_ok(mayfly_dump_io(doc, record(doc, 70000), &(mayfly_dump_options){.keep = true}, &file,
                          &mft_error));
    assert_null(mayfly_file_path(file));
    assert_int_equal(mft_entries(mft_tmp()), 0);
    assert_int_equal(mayfly_file_tell(file, NULL), 0);
    assert_int_equal(mayfly_file_read(file, data, length + 1, NULL), length);
    assert_memory_equal(data, expected, length);
    assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, NULL), 0);
    mft_ok(mayfly_load(file, NULL, &again, &mft_error));
    assert_record(again, 70000);
    mft_ok(mayfly_load_io(data, length, NULL, &again, &mft_error));
    assert_record(again, 70000);
    free(expected);
    free(data);
}

static void O6_what_cannot_be_dumped_leaves_no_file(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_file *file = NULL;
    const mayfly_dump_options keep = {.keep = true};
    mft_fails(MAYFLY_E_PICKLE, mayfly_dump(doc, (mayfly_value){0}, &keep, &file, &mft_error));
    assert_says("absent");
    mft_fails(MAYFLY_E_PICKLE,
              mayfly_dump(doc, mayfly_extension_new(doc, 0), &keep, &file, &mft_error));
    assert_int_equal(mayfly_str_new(doc, "\xff", 1).bits, 0);
    mft_fails(-EILSEQ, mayfly_dump(doc, mayfly_none_new(doc), &keep, &file, &mft_error));
    mft_fails(-EILSEQ, mayfly_dump_io(doc, mayfly_none_new(doc), &keep, &file, &mft_error));
    assert_null(file);
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void O6_options_of_a_later_version_are_refused_if_they_say_anything(void **state) {
    (void)state;
    struct {
        mayfly_dump_options known;
        uint64_t more;
    } dump = {.more = 1};
    struct {
        mayfly_load_options known;
        uint64_t more;
    } load = {.more = 1};
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_file) file = NULL;
    mft_fails(MAYFLY_E_OPTION, mayfly_dump_sized(sizeof dump, doc, mayfly_none_new(doc),
                                                 &dump.known, &file, &mft_error));
    mft_fails(MAYFLY_E_OPTION,
              mayfly_loads_sized(sizeof load, "N.", 2, &load.known, &doc, &mft_error));
    dump.more = load.more = 0;
    mft_ok(
        mayfly_dump_sized(sizeof dump, doc, mayfly_none_new(doc), &dump.known, &file, &mft_error));
    mft_ok(mayfly_load_sized(sizeof load, file, &load.known, &doc, &mft_error));
}

/* ---- files that are there -------------------------------------------------------------------- */

static void O1_pickles_follow_each_other_in_files_streams_and_pipes(void **state) {
    (void)state;
    enum { MANY = 5 };
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_file) file = NULL;
    FILE *stream = tmpfile();
    int ends[2];
    assert_non_null(stream);
    assert_int_equal(pipe(ends), 0);
    mft_ok(mayfly_temporary_file(NULL, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "head", 4, &mft_error));
    for (size_t i = 0; i < MANY; i++) {
        mft_ok(mayfly_dump_file(doc, record(doc, i), NULL, file, &mft_error));
        mft_ok(mayfly_dump_stream(doc, record(doc, i), NULL, stream, &mft_error));
        mft_ok(mayfly_dump_fd(doc, record(doc, i), NULL, ends[1], &mft_error));
    }
    mft_ok(mayfly_file_write(file, "tail", 4, &mft_error));
    assert_int_equal(fputs("tail", stream) < 0, 0);
    assert_int_equal(write(ends[1], "tail", 4), 4);
    assert_int_equal(close(ends[1]), 0);
    rewind(stream);
    assert_int_equal(mayfly_file_seek(file, 4, SEEK_SET, NULL), 4);
    mayfly_auto(mayfly_doc) again = NULL;
    for (size_t i = 0; i < MANY; i++) {
        mft_ok(mayfly_load(file, NULL, &again, &mft_error));
        assert_record(again, i);
        mft_ok(mayfly_load_stream(stream, NULL, &again, &mft_error));
        assert_record(again, i);
        mft_ok(mayfly_load_fd(ends[0], NULL, &again, &mft_error));
        assert_record(again, i);
    }
    char tail[8] = "";
    assert_int_equal(mayfly_file_read(file, tail, 8, NULL), 4);
    assert_string_equal(tail, "tail");
    assert_int_equal(fread(tail, 1, 8, stream), 4);
    assert_int_equal(read(ends[0], tail, 8), 4);
    mft_fails(MAYFLY_E_PICKLE, mayfly_load_fd(ends[0], NULL, &again, &mft_error));
    assert_says("empty");
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(close(ends[0]), 0);
}

static void O6_a_load_that_fails_leaves_the_position_where_it_was(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_doc *doc = NULL;
    mft_ok(mayfly_temporary_file(NULL, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "head]N", 6, &mft_error));
    assert_int_equal(mayfly_file_seek(file, 4, SEEK_SET, NULL), 4);
    mft_fails(MAYFLY_E_PICKLE, mayfly_load(file, NULL, &doc, &mft_error));
    assert_says("byte 2: ");
    assert_null(doc);
    assert_int_equal(mayfly_file_tell(file, NULL), 4);
    mft_ok(mayfly_file_seek(file, 0, SEEK_END, &mft_error) < 0 ? -1 : 0);
    mft_fails(MAYFLY_E_PICKLE, mayfly_load(file, NULL, &doc, &mft_error));
    assert_says("empty");
}

static void O1_a_path_is_loaded_read_or_mapped(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 300000};
    char *empty = mft_path("empty");
    mft_write(empty, "");
    for (unsigned flags = 0; flags <= MAYFLY_MAP; flags += MAYFLY_MAP) {
        const mayfly_load_options options = {.flags = flags | MAYFLY_ONE_ONLY};
        mayfly_auto(mayfly_doc) doc = NULL;
        for (size_t i = 0; i < 2; i++) {
            char *path = pickle_file("x.pkl", sizes[i], 0644);
            mft_ok(mayfly_load_path(path, &options, &doc, &mft_error));
            assert_int_equal(unlink(path), 0);
            assert_record(doc, sizes[i]);
            mayfly_auto(mayfly_doc) copy = new_doc();
            const mayfly_value copied = mayfly_copy(copy, mayfly_doc_root(doc));
            mft_ok(mayfly_loads("N.", 2, NULL, &doc, &mft_error)); /* lets go of the file */
            mayfly_doc_set_root(copy, copied);
            assert_record(copy, sizes[i]);
        }
        mft_fails(MAYFLY_E_PICKLE, mayfly_load_path(empty, &options, &doc, &mft_error));
        assert_says(empty);
        assert_says("it is empty");
    }
    mft_remove(empty);
}

static void O6_an_error_names_the_path_and_the_place(void **state) {
    (void)state;
    mayfly_doc *doc = NULL;
    char *path = mft_path("damaged");
    mft_write(path, "]q1K\1h\7.");
    for (unsigned flags = 0; flags <= MAYFLY_MAP; flags += MAYFLY_MAP) {
        const mayfly_load_options options = {.flags = flags};
        mft_fails(MAYFLY_E_PICKLE, mayfly_load_path(path, &options, &doc, &mft_error));
        assert_says(path);
        assert_says("byte 5: BINGET: nothing was stored under number 7");
        assert_int_equal(mft_error.offset, 5);
        assert_string_equal(mft_error.path, path);
    }
    mft_write(path, "N.more");
    mft_fails(
        MAYFLY_E_PICKLE,
        mayfly_load_path(path, &(mayfly_load_options){.flags = MAYFLY_ONE_ONLY}, &doc, &mft_error));
    mft_fails(MAYFLY_E_LIMIT,
              mayfly_load_path(path, &(mayfly_load_options){.max_bytes = 5}, &doc, &mft_error));
    assert_says("max_bytes");
    assert_null(doc);
    mft_remove(path);
}

/* ---- whose files ----------------------------------------------------------------------------- */

static const mayfly_load_options any_owner = {.flags = MAYFLY_LOAD_ANY_OWNER};

static void O4_a_link_is_not_followed_whatever_is_asked(void **state) {
    (void)state;
    char *path = pickle_file("x.pkl", 5, 0600), *link_path = mft_path("link");
    mayfly_doc *doc = NULL;
    assert_int_equal(symlink(path, link_path), 0);
    mft_fails(-ELOOP, mayfly_load_path(link_path, NULL, &doc, &mft_error));
    assert_says("symbolic link");
    mft_fails(-ELOOP, mayfly_load_path(link_path, &any_owner, &doc, &mft_error));
    mft_remove(link_path);
    mft_remove(path);
    mft_fails(-ENOENT, mayfly_load_path(path, NULL, &doc, &mft_error));
    assert_null(doc);
}

static void O4_what_others_may_write_is_refused_unless_asked(void **state) {
    (void)state;
    static const mode_t modes[] = {0620, 0602, 0666, 0644, 0400, 0755};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char *path = pickle_file("x.pkl", 5, modes[i]);
        mayfly_auto(mayfly_doc) doc = NULL;
        if (modes[i] & 022) {
            mft_fails(-EPERM, mayfly_load_path(path, NULL, &doc, &mft_error));
            assert_says("others may write it");
            assert_says("MAYFLY_LOAD_ANY_OWNER");
            assert_null(doc);
        } else
            mft_ok(mayfly_load_path(path, NULL, &doc, &mft_error));
        mft_ok(mayfly_load_path(path, &any_owner, &doc, &mft_error));
        assert_record(doc, 5);
        mft_remove(path);
    }
}

static void O4_a_file_of_another_user_is_refused_unless_asked(void **state) {
    (void)state;
    if (geteuid() != 0)
        mft_skip("only root can give a file away");
    char *path = pickle_file("x.pkl", 5, 0644);
    mayfly_auto(mayfly_doc) doc = NULL;
    assert_int_equal(chown(path, 65534, 65534), 0);
    mft_fails(-EPERM, mayfly_load_path(path, NULL, &doc, &mft_error));
    assert_says("belongs to user 65534");
    assert_null(doc);
    mft_ok(mayfly_load_path(path, &any_owner, &doc, &mft_error));
    assert_record(doc, 5);
    mft_remove(path);
}

static void O4_what_is_no_regular_file_is_refused_without_waiting(void **state) {
    (void)state;
    mayfly_doc *doc = NULL;
    char *fifo = mft_path("fifo"), *dir = mft_path("dir");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    const char *const paths[] = {fifo, dir, "/dev/null", "/dev/zero"};
    for (size_t i = 0; i < 4; i++)
        for (int asked = 0; asked < 2; asked++) {
            mft_fails(-EINVAL,
                      mayfly_load_path(paths[i], asked ? &any_owner : NULL, &doc, &mft_error));
            assert_says("no regular file");
            assert_says(paths[i]);
        }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char *path = mft_path("socket");
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    mft_fails(-ENXIO, mayfly_load_path(path, NULL, &doc, &mft_error));
    assert_int_equal(close(fd), 0);
    assert_null(doc);
    mft_empty();
}

/* ---- when the system refuses ----------------------------------------------------------------- */

static void O6_a_full_disk_leaves_nothing_half_written(void **state) {
    (void)state;
    static const char *const calls[] = {"pwrite", "pwritev", "write"};
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_doc) again = NULL;
    long refused = 0;
    for (size_t call = 0; call < 3; call++)
        for (long n = 1; n < 4; n++)
            for (int keep = 0; keep < 2; keep++) {
                mayfly_file *file = NULL;
                const mayfly_dump_options options = {.keep = keep != 0};
                mft_fault_refuse(calls[call], n, -ENOSPC, 1);
                const int r = mayfly_dump(doc, record(doc, 600000), &options, &file, &mft_error);
                const long now = mft_fault_refused();
                mft_fault_end();
                refused += now;
                if (now > 0) {
                    assert_int_equal(r, -ENOSPC);
                    assert_int_equal(mft_error.code, -ENOSPC);
                    assert_null(file);
                } else {
                    mft_ok(r);
                    char *path = mft_path(strrchr(mayfly_file_path(file), '/') + 1);
                    mft_ok(mayfly_load_path(path, NULL, &again, &mft_error));
                    mft_ok(mayfly_file_close(&file, &mft_error));
                    mft_empty();
                }
                assert_int_equal(mft_entries(mft_tmp()), 0);
            }
    assert_true(refused > 0);
}

static void O6_a_full_device_is_told(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    FILE *stream = fopen("/dev/full", "we");
    assert_true(fd >= 0 && stream != NULL);
    mft_fails(-ENOSPC, mayfly_dump_fd(doc, record(doc, 600000), NULL, fd, &mft_error));
    mft_fails(-ENOSPC, mayfly_dump_stream(doc, record(doc, 600000), NULL, stream, &mft_error));
    assert_int_equal(close(fd), 0);
    (void)fclose(stream);
    mft_fails(-EBADF, mayfly_dump_fd(doc, record(doc, 10), NULL, -1, &mft_error));
    mft_fails(-EBADF, mayfly_load_fd(-1, NULL, &(mayfly_doc *){NULL}, &mft_error));
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.mode = "rb"}, &file, &mft_error));
    mft_fails(-EBADF, mayfly_dump_file(doc, record(doc, 10), NULL, file, &mft_error));
}

/* What the sweeps below run, with each call refused in turn. */
static int build(mayfly_doc **ret, size_t size, mayfly_error *error) {
    int r = mayfly_doc_new(NULL, ret, error);
    if (r == 0)
        mayfly_doc_set_root(*ret, record(*ret, size));
    return r < 0 ? r : mayfly_doc_failed(*ret, error);
}

static int to_file_and_back(void *context, mayfly_error *error) {
    const mayfly_load_options options = {.flags = *(unsigned *)context};
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) again = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    int r = build(&doc, 300000, error);
    if (r == 0)
        r = mayfly_dump(doc, mayfly_doc_root(doc), &(mayfly_dump_options){.dir = mft_tmp()}, &file,
                        error);
    if (r == 0)
        r = mayfly_load_path(mayfly_file_path(file), &options, &again, error);
    if (r == 0)
        r = mayfly_load(file, &options, &again, error);
    return r < 0 ? r : mayfly_file_close(&file, error);
}

static int through_memory(void *context, mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) again = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_reader) reader = NULL;
    mayfly_value value;
    char *data = NULL;
    size_t size = 0;
    (void)context;
    int r = build(&doc, 40000, error);
    if (r == 0)
        r = mayfly_dump_io(doc, mayfly_doc_root(doc), NULL, &file, error);
    if (r == 0)
        r = mayfly_load(file, NULL, &again, error);
    if (r == 0)
        r = mayfly_dumps(again, mayfly_doc_root(again), &(mayfly_dump_options){.protocol = 2},
                         &data, &size, error);
    if (r == 0)
        r = mayfly_loads(data, size, NULL, &again, error);
    if (r == 0)
        r = mayfly_equal(mayfly_doc_root(doc), mayfly_doc_root(again), error) < 0 ? -ENOMEM : 0;
    if (r == 0)
        r = mayfly_reader_memory(doc, data, size, NULL, &reader, error);
    if (r == 0)
        r = mayfly_reader_next(reader, &value, error);
    free(data);
    return r < 0 ? r : 0;
}

static unsigned mapped = MAYFLY_MAP, read_in = 0;

static void O6_every_call_may_fail_and_nothing_is_left(void **state) {
    (void)state;
    static const int codes[] = {-ENOSPC, -EIO, -ENOMEM, -EMFILE, -EACCES};
    long points = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        points += mft_fault_until_ok(to_file_and_back, &read_in, codes[i], 0);
        points += mft_fault_until_ok(to_file_and_back, &mapped, codes[i], 0);
        points += mft_fault_until_ok(through_memory, NULL, codes[i], 0);
    }
    print_message("%ld points of failure\n", points);
    assert_true(points > 300);
}

/* From the n-th allocation on there is none any more. What only saves time is done without. */
static long until_there_is_memory(int (*scene)(void *context, mayfly_error *error), void *context) {
    for (long n = 1;; n++) {
        mft_error = (mayfly_error){.code = 0};
        mft_fault_refuse("memory", n, -ENOMEM, 1);
        const int r = scene(context, &mft_error);
        const long refused = mft_fault_refused();
        mft_fault_end();
        if (mft_error.code != r || mft_entries(mft_tmp()) != 0 || (r < 0 && r != -ENOMEM))
            fail_msg("allocation %ld: %d, error.code %d: %s", n, r, mft_error.code,
                     mft_error.message);
        if (refused == 0)
            return n;
    }
}

static void O6_memory_may_end_anywhere(void **state) {
    (void)state;
    assert_true(until_there_is_memory(to_file_and_back, &read_in) > 10);
    assert_true(until_there_is_memory(to_file_and_back, &mapped) > 10);
    assert_true(until_there_is_memory(through_memory, NULL) > 20);
}

static void O4_a_file_that_stays_in_memory_counts(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_doc) again = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    static char large[900000];
    const mayfly_value list = mayfly_list_new(doc);
    mft_ok(mayfly_list_append(doc, list, mayfly_bytes_new(doc, large, sizeof large)));
    for (int i = 0; i < 12000; i++)
        mft_ok(mayfly_list_append(doc, list, mayfly_str_new(doc, "sixteen bytes...", 16)));
    mft_ok(mayfly_dump(doc, list, NULL, &file, &mft_error));
    mft_fails(MAYFLY_E_LIMIT,
              mayfly_load_path(mayfly_file_path(file), &(mayfly_load_options){.max_bytes = 1300000},
                               &again, &mft_error));
}

/* A descriptor that has a position is read in blocks, and its position is put right. */
static void O1_a_file_by_its_descriptor_is_left_behind_the_pickle(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_doc) again = NULL;
    FILE *file = tmpfile();
    assert_non_null(file);
    const int fd = fileno(file);
    for (size_t i = 0; i < 3; i++)
        mft_ok(mayfly_dump_fd(doc, record(doc, i), &(mayfly_dump_options){.protocol = 2}, fd,
                              &mft_error));
    assert_int_equal(write(fd, "tail", 4), 4);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    for (size_t i = 0; i < 3; i++) {
        mft_ok(mayfly_load_fd(fd, NULL, &again, &mft_error));
        assert_record(again, i);
    }
    const off_t behind = lseek(fd, 0, SEEK_CUR);
    mft_fails(MAYFLY_E_PICKLE, mayfly_load_fd(fd, NULL, &again, &mft_error));
    assert_int_equal(lseek(fd, 0, SEEK_CUR), behind);
    char tail[8] = "";
    assert_int_equal(read(fd, tail, 8), 4);
    assert_string_equal(tail, "tail");
    assert_int_equal(fclose(file), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(O1_a_dump_is_read_by_others_under_its_name_and_goes_when_closed),
        MFT(O1_a_dump_has_the_name_place_and_protocol_that_were_asked_for),
        MFT(O2_a_dump_in_memory_has_no_name_at_all),
        MFT(O6_what_cannot_be_dumped_leaves_no_file),
        MFT(O6_options_of_a_later_version_are_refused_if_they_say_anything),
        MFT(O1_pickles_follow_each_other_in_files_streams_and_pipes),
        MFT(O6_a_load_that_fails_leaves_the_position_where_it_was),
        MFT(O1_a_path_is_loaded_read_or_mapped),
        MFT(O6_an_error_names_the_path_and_the_place),
        MFT(O4_a_link_is_not_followed_whatever_is_asked),
        MFT(O4_what_others_may_write_is_refused_unless_asked),
        MFT(O4_a_file_of_another_user_is_refused_unless_asked),
        MFT(O4_what_is_no_regular_file_is_refused_without_waiting),
        MFT(O6_a_full_disk_leaves_nothing_half_written),
        MFT(O6_a_full_device_is_told),
        MFT(O6_every_call_may_fail_and_nothing_is_left),
        MFT(O6_memory_may_end_anywhere),
        MFT(O4_a_file_that_stays_in_memory_counts),
        MFT(O1_a_file_by_its_descriptor_is_left_behind_the_pickle),
    };
    return MFT_MAIN(tests);
}
