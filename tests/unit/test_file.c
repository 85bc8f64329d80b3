/* SPDX-License-Identifier: MIT
 *
 * F1, F2, F5, F7: files, and what can be done with them, whatever they lie in.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fault.h"

/* Every kind of file that can be read and written. */
static const struct kind {
    const char *name;
    int named, spool;
    mayfly_file_options options;
} kinds[] = {
    {"unnamed", 0, 0, {0}},
    {"named", 1, 0, {0}},
    {"unbuffered", 1, 0, {.buffering = MAYFLY_BUFFERING_NONE}},
    {"line buffered", 1, 0, {.buffering = MAYFLY_BUFFERING_LINE}},
    {"memory", 0, 1, {0}},
    {"spool", 0, 1, {.max_size = 100}},
    {"spool to a name", 0, 1, {.max_size = 50, .roll_to = MAYFLY_ROLL_NAMED}},
    {"spool to a memfd", 0, 1, {.max_size = 1000, .roll_to = MAYFLY_ROLL_MEMORY}},
    {"secret", 0, 0, {.secret = true}},
    {"secret spool", 0, 1, {.secret = true, .max_size = 5000}},
    {"secret on disk", 1, 0, {.secret = true}},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static mayfly_file *open_kind(const struct kind *kind) {
    mayfly_file *file = NULL;
    int r;
    if (kind->named)
        r = mayfly_named_temporary_file(&kind->options, &file, &mft_error);
    else if (kind->spool)
        r = mayfly_spooled_temporary_file(&kind->options, &file, &mft_error);
    else
        r = mayfly_temporary_file(&kind->options, &file, &mft_error);
    if (r == -ENOTSUP && kind->options.secret)
        return NULL; /* a build without libsodium */
    if (r < 0)
        fail_msg("%s: %s", kind->name, mft_error.message);
    return file;
}

static void F1_a_temporary_file_has_no_name_at_any_time(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_temporary_file(NULL, &file, &mft_error));
    assert_null(mayfly_file_path(file));
    assert_int_equal(mft_entries(mft_tmp()), 0);
    struct stat st;
    assert_int_equal(fstat(mayfly_file_fd(file, NULL), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_nlink, 0);
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_null(file);
}

static void
F1_where_O_TMPFILE_is_missing_the_name_goes_at_once_and_the_handle_says_so(void **state) {
    (void)state;
    static const int codes[] = {-EOPNOTSUPP, -EISDIR, -EINVAL, -ENOENT};
    for (size_t i = 0; i < 4; i++) {
        mayfly_auto(mayfly_file) file = NULL;
        mft_fault_refuse("open_unnamed", 1, codes[i], 1);
        mft_ok(mayfly_temporary_file(NULL, &file, &mft_error));
        mft_fault_end();
        assert_false(mayfly_file_nameless(file));
        assert_int_equal(mft_entries(mft_tmp()), 0);
        mft_ok(mayfly_file_write(file, "x", 1, &mft_error));
    }
}

static void F2_other_processes_open_it_by_name_and_it_is_gone_when_closed(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_named_temporary_file(
        &(mayfly_file_options){.prefix = "conference_", .suffix = ".csv"}, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "This is temporary data", 22, &mft_error));
    mft_ok(mayfly_file_flush(file, &mft_error));
    char *path = mft_path(strrchr(mayfly_file_path(file), '/') + 1);
    assert_string_equal(path, mayfly_file_path(file));
    assert_true(mft_is(path, "This is temporary data"));
    assert_int_equal(mft_mode(path), 0600);
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_false(mft_exists(path));
}

static void F2_it_is_gone_when_its_scope_ends(void **state) {
    (void)state;
    {
        mayfly_auto(mayfly_file) file = NULL;
        mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
        assert_int_equal(mft_entries(mft_tmp()), 1);
    }
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void F2_modes_allow_what_they_say(void **state) {
    (void)state;
    static const struct {
        const char *mode;
        int valid, reads, writes;
    } rows[] = {
        {"w+b", 1, 1, 1}, {"wb", 1, 0, 1},  {"rb", 1, 1, 0},  {"r+b", 1, 1, 1}, {"ab", 1, 0, 1},
        {"a+b", 1, 1, 1}, {"xb", 1, 0, 1},  {"x+b", 1, 1, 1}, {"bw+", 1, 1, 1}, {"w", 1, 0, 1},
        {"r", 1, 1, 0},   {"w+t", 1, 1, 1}, {"", 0, 0, 0},    {"b", 0, 0, 0},   {"rw", 0, 0, 0},
        {"w++", 0, 0, 0}, {"wbt", 0, 0, 0}, {"wz", 0, 0, 0},  {"U", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mayfly_auto(mayfly_file) file = NULL;
        char data[8];
        const mayfly_file_options options = {.mode = rows[i].mode};
        const int r = mayfly_named_temporary_file(&options, &file, &mft_error);
        assert_int_equal(r, rows[i].valid ? 0 : -EINVAL);
        if (r < 0)
            continue;
        assert_int_equal(mayfly_file_write(file, "x", 1, NULL), rows[i].writes ? 0 : -EBADF);
        assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, NULL), 0);
        assert_int_equal(mayfly_file_read(file, data, sizeof data, NULL),
                         rows[i].reads ? rows[i].writes : -EBADF);
    }
}

static void F2_append_writes_at_the_end_wherever_the_position_is(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    char data[16] = "";
    mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.mode = "a+b"}, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "abc", 3, &mft_error));
    mft_ok(mayfly_file_seek(file, 0, SEEK_SET, &mft_error));
    mft_ok(mayfly_file_write(file, "def", 3, &mft_error));
    mft_ok(mayfly_file_pwrite(file, "ghi", 3, 1, &mft_error));
    assert_int_equal(mayfly_file_pread(file, data, sizeof data, 0, NULL), 9);
    assert_string_equal(data, "abcdefghi");
}

static void F2_a_bad_combination_of_options_is_refused_with_a_sentence(void **state) {
    (void)state;
    static const mayfly_file_options bad[] = {
        {.encoding = "utf-8"},
        {.newline = "\n"},
        {.mode = "w+b", .errors = "strict"},
        {.mode = "w+", .buffering = MAYFLY_BUFFERING_NONE},
        {.mode = "w+", .encoding = "no such encoding"},
        {.mode = "w+", .errors = "sometimes"},
        {.mode = "w+", .newline = "x"},
        {.prefix = "../x"},
        {.suffix = "/x"},
        {.dir = ""},
        {.buffering = (mayfly_buffering)9},
        {.roll_to = (mayfly_roll)9},
        {.permissions = 070000},
        {.place = (mayfly_place)77},
        {.place = MAYFLY_PLACE_NEAR},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mayfly_file *file = NULL;
        mft_fails(-EINVAL, mayfly_named_temporary_file(&bad[i], &file, &mft_error));
        assert_null(file);
        assert_true(strlen(mft_error.message) > 10);
    }
}

static void F5_a_given_name_gets_a_number_when_it_is_taken(void **state) {
    (void)state;
    static const char *const expected[] = {"data.json", "data_1.json", "data_2.json"};
    mayfly_file *files[4] = {NULL};
    for (int i = 0; i < 3; i++) {
        mft_ok(mayfly_file_in_tempdir("data.json", NULL, &files[i], &mft_error));
        assert_string_equal(strrchr(mayfly_file_path(files[i]), '/') + 1, expected[i]);
    }
    mft_ok(mayfly_file_in_tempdir(".profile", NULL, &files[3], &mft_error));
    mft_ok(mayfly_file_close(&files[3], &mft_error));
    for (int i = 0; i < 3; i++)
        mft_ok(mayfly_file_close(&files[i], &mft_error));
    mft_fails(-EINVAL, mayfly_file_in_tempdir("a/b", NULL, &files[0], &mft_error));
    mft_fails(-EINVAL, mayfly_file_in_tempdir("..", NULL, &files[0], &mft_error));
    mft_fails(-EINVAL, mayfly_file_in_tempdir("", NULL, &files[0], &mft_error));
}

static void F5_a_dangling_link_of_that_name_is_not_followed(void **state) {
    (void)state;
    char *victim = mft_path("victim"), *link_path = mft_path("name.txt");
    assert_int_equal(symlink(victim, link_path), 0);
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_file_in_tempdir("name.txt", NULL, &file, &mft_error));
    assert_string_equal(strrchr(mayfly_file_path(file), '/') + 1, "name_1.txt");
    assert_false(mft_exists(victim));
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(unlink(link_path), 0);
}

/* ---- every kind against a plain array ---------------------------------------------------------
 */

enum { MODEL = 300000 };

struct model {
    char data[MODEL];
    size_t size, position;
};

static void model_write(struct model *model, const char *data, size_t size, size_t at) {
    if (size == 0)
        return;
    if (at > model->size)
        memset(model->data + model->size, 0, at - model->size);
    memcpy(model->data + at, data, size);
    if (at + size > model->size)
        model->size = at + size;
}

static void step(mayfly_file *file, struct model *model, uint32_t *seed, const char *what) {
    static char data[40000], back[40000];
    const size_t size = mft_random(seed) % (mft_random(seed) % 8 == 0 ? sizeof data : 300);
    const size_t at = mft_random(seed) % (MODEL / 2);
    for (size_t i = 0; i < size; i++)
        data[i] = (char)mft_random(seed);
    size_t left = model->position < model->size ? model->size - model->position : 0;
    int64_t n;
    switch (mft_random(seed) % 9) {
    case 0:
    case 1:
        if (model->position + size > MODEL)
            break;
        mft_ok(mayfly_file_write(file, data, size, &mft_error));
        model_write(model, data, size, model->position);
        model->position += size;
        break;
    case 2:
        n = mayfly_file_read(file, back, size, &mft_error);
        left = size < left ? size : left;
        if (n != (int64_t)left || memcmp(back, model->data + model->position, left) != 0)
            fail_msg("%s: read of %zu at %zu gave %lld of %zu", what, size, model->position,
                     (long long)n, left);
        model->position += left;
        break;
    case 3:
        mft_ok(mayfly_file_pwrite(file, data, size, (int64_t)at, &mft_error));
        model_write(model, data, size, at);
        break;
    case 4:
        n = mayfly_file_pread(file, back, size, (int64_t)at, &mft_error);
        left = at < model->size ? model->size - at : 0;
        left = size < left ? size : left;
        if (n != (int64_t)left || memcmp(back, model->data + at, left) != 0)
            fail_msg("%s: pread of %zu at %zu gave %lld of %zu", what, size, at, (long long)n,
                     left);
        break;
    case 5:
        assert_int_equal(mayfly_file_seek(file, (int64_t)at, SEEK_SET, &mft_error), at);
        model->position = at;
        break;
    case 6:
        if (mft_random(seed) % 4 == 0) {
            mft_ok(mayfly_file_truncate(file, (int64_t)at, &mft_error));
            if (at > model->size)
                memset(model->data + model->size, 0, at - model->size);
            model->size = at;
        }
        break;
    case 7:
        assert_int_equal(mayfly_file_size(file, &mft_error), model->size);
        assert_int_equal(mayfly_file_tell(file, &mft_error), model->position);
        break;
    default:
        mft_ok(mayfly_file_flush(file, &mft_error));
    }
}

static void every_kind_of_file_behaves_like_an_array_of_bytes(void **state) {
    (void)state;
    static struct model model;
    for (size_t k = 0; k < KINDS; k++) {
        mayfly_auto(mayfly_file) file = open_kind(&kinds[k]);
        uint32_t seed = 12345u + (uint32_t)k;
        if (file == NULL)
            continue;
        model.size = model.position = 0;
        for (int i = 0; i < 1500; i++)
            step(file, &model, &seed, kinds[k].name);
        char *all = NULL;
        size_t size = 0;
        mft_ok(mayfly_file_seek(file, 0, SEEK_SET, &mft_error));
        mft_ok(mayfly_file_read_all(file, &all, &size, &mft_error));
        assert_int_equal(size, model.size);
        assert_memory_equal(all, model.data, size);
        free(all);
    }
}

static void lines_are_found_in_every_kind(void **state) {
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        mayfly_auto(mayfly_file) file = open_kind(&kinds[k]);
        char *line = NULL, text[32];
        size_t capacity = 0;
        if (file == NULL)
            continue;
        for (int i = 0; i < 5000; i++)
            mft_ok(mayfly_file_write(file, text, (size_t)sprintf(text, "line %d\n", i), NULL));
        mft_ok(mayfly_file_write(file, "last", 4, NULL));
        assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, NULL), 0);
        for (int i = 0; i < 5000; i++) {
            const int64_t n = mayfly_file_read_line(file, &line, &capacity, &mft_error);
            assert_int_equal(n, sprintf(text, "line %d\n", i));
            assert_string_equal(line, text);
        }
        assert_int_equal(mayfly_file_read_line(file, &line, &capacity, NULL), 4);
        assert_string_equal(line, "last");
        assert_int_equal(mayfly_file_read_line(file, &line, &capacity, NULL), 0);
        free(line);
    }
}

static void vectored_writes_are_all_or_nothing(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    char one[] = "one,", two[] = "two", back[4], rest[16] = "";
    mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.buffering = MAYFLY_BUFFERING_NONE},
                                       &file, &mft_error));
    const mayfly_slice slices[] = {{one, 4}, {NULL, 0}, {two, 3}};
    mft_fault_refuse("pwrite", 1, -ENOSPC, 0);
    mft_fails(-ENOSPC, mayfly_file_writev(file, slices, 3, &mft_error));
    mft_fault_end();
    assert_int_equal(mayfly_file_size(file, NULL), 0);
    mft_ok(mayfly_file_writev(file, slices, 3, &mft_error));
    const mayfly_slice to[] = {{back, 4}, {rest, sizeof rest}};
    assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, NULL), 0);
    assert_int_equal(mayfly_file_readv(file, to, 2, &mft_error), 7);
    assert_memory_equal(back, "one,", 4);
    assert_string_equal(rest, "two");
}

static void K5_a_write_that_fails_has_not_happened_and_can_be_made_again(void **state) {
    (void)state;
    static const mayfly_buffering ways[] = {MAYFLY_BUFFERING_DEFAULT, MAYFLY_BUFFERING_NONE,
                                            MAYFLY_BUFFERING_LINE};
    static char large[50000];
    memset(large, 'L', sizeof large);
    for (size_t i = 0; i < 3; i++) {
        mayfly_auto(mayfly_file) file = NULL;
        mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.buffering = ways[i]}, &file,
                                           &mft_error));
        mft_ok(mayfly_file_write(file, "accepted\n", 9, &mft_error));
        mft_fault_refuse("pwrite", 1, -ENOSPC, 1);
        mft_fails(-ENOSPC, mayfly_file_write(file, large, sizeof large, &mft_error));
        assert_non_null(strstr(mft_error.message, "bytes and")); /* what is free */
        mft_fault_end();
        assert_int_equal(mayfly_file_tell(file, NULL), 9);
        assert_int_equal(mayfly_file_size(file, NULL), 9);
        mayfly_persist_result result;
        mft_fails(-ENOSPC, mayfly_file_persist(file, mft_path("t"), 0, &result, &mft_error));
        mft_ok(mayfly_file_write(file, large, sizeof large, &mft_error));
        mft_ok(mayfly_file_flush(file, &mft_error));
        size_t size = 0;
        char *content = mft_read(mayfly_file_path(file), &size);
        assert_int_equal(size, 9 + sizeof large);
        assert_memory_equal(content, "accepted\n", 9);
        free(content);
        mft_ok(mayfly_file_close(&file, &mft_error));
    }
}

static void K5_a_failed_write_that_is_not_repeated_is_told_by_close(void **state) {
    (void)state;
    mayfly_file *file = NULL;
    mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.buffering = MAYFLY_BUFFERING_NONE},
                                       &file, &mft_error));
    mft_fault_refuse("pwrite", 1, -EIO, 0);
    mft_fails(-EIO, mayfly_file_write(file, "x", 1, &mft_error));
    mft_fault_end();
    mft_fails(-EIO, mayfly_file_close(&file, &mft_error));
    assert_null(file);
}

static int past_the_limit(void *context) {
    static char data[3000];
    (void)context;
    const struct rlimit limit = {4096, 4096};
    mayfly_file *file = NULL;
    (void)signal(SIGXFSZ, SIG_IGN);
    if (mayfly_named_temporary_file(&(mayfly_file_options){.buffering = MAYFLY_BUFFERING_NONE},
                                    &file, NULL) < 0 ||
        setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
        mayfly_file_write(file, data, sizeof data, NULL) < 0)
        return 1;
    if (mayfly_file_write(file, data, sizeof data, NULL) != -EFBIG)
        return 2;
    if (mayfly_file_size(file, NULL) != sizeof data || mayfly_file_tell(file, NULL) != sizeof data)
        return 3;
    if (mayfly_file_write(file, data, 1000, NULL) < 0)
        return 4;
    return mayfly_file_close(&file, NULL) == -EFBIG ? 0 : 5; /* 1000 are not all that had failed */
}

static void K5_what_a_partial_write_added_is_taken_back(void **state) {
    (void)state;
    assert_int_equal(mft_fork(past_the_limit, NULL), 0);
}

static void K5_an_unnamed_file_moves_to_a_fallback_directory_when_its_disk_is_full(void **state) {
    (void)state;
    char *second = mft_path("second"), back[32] = "";
    const char *const dirs[] = {second, NULL};
    assert_int_equal(mkdir(second, 0700), 0);
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_temporary_file(
        &(mayfly_file_options){.fallback_dirs = dirs, .buffering = MAYFLY_BUFFERING_NONE}, &file,
        &mft_error));
    mft_ok(mayfly_file_write(file, "before,", 7, &mft_error));
    mft_fault_refuse("pwrite", 1, -ENOSPC, 0);
    mft_ok(mayfly_file_write(file, "after", 5, &mft_error));
    assert_int_equal(mft_fault_calls("open_unnamed"), 1);
    mft_fault_end();
    assert_int_equal(mayfly_file_pread(file, back, sizeof back, 0, NULL), 12);
    assert_string_equal(back, "before,after");
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_remove(second);
}

static void the_descriptor_stands_where_the_handle_is(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    char data[8] = "";
    mft_ok(mayfly_temporary_file(NULL, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "0123456789", 10, &mft_error));
    assert_int_equal(mayfly_file_seek(file, 4, SEEK_SET, NULL), 4);
    const int fd = mayfly_file_fd(file, &mft_error);
    assert_int_equal(read(fd, data, 3), 3);
    assert_string_equal(data, "456");
    assert_int_equal(mayfly_file_tell(file, NULL), 4); /* the handle has its own position */
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void seeking_before_the_start_or_with_nonsense_is_refused(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_spooled_temporary_file(NULL, &file, &mft_error));
    mft_fails(-EINVAL, mayfly_file_seek(file, -1, SEEK_SET, &mft_error));
    mft_fails(-EINVAL, mayfly_file_seek(file, 0, 77, &mft_error));
    assert_int_equal(mayfly_file_seek(file, 5, SEEK_SET, NULL), 5);
    mft_fails(-EINVAL, mayfly_file_seek(file, INT64_MAX, SEEK_CUR, &mft_error));
    mft_fails(-EINVAL, mayfly_file_truncate(file, -2, &mft_error));
    mft_fails(-EINVAL, mayfly_file_pread(file, NULL, 0, -1, &mft_error));
    assert_int_equal(mayfly_file_seek(file, INT64_MAX, SEEK_SET, NULL), INT64_MAX);
    mft_fails(-EFBIG, mayfly_file_write(file, "x", 1, &mft_error));
}

/* It could never be handed to the system, and nothing after it. */
static void what_ends_beyond_all_files_is_refused_at_once(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_temporary_file(NULL, &file, &mft_error));
    mft_fails(-EFBIG, mayfly_file_pwrite(file, "x", 1, INT64_MAX, &mft_error));
    mft_ok(mayfly_file_write(file, "y", 1, &mft_error));
    mft_ok(mayfly_file_flush(file, &mft_error));
    assert_int_equal(mayfly_file_size(file, &mft_error), 1);
    mft_ok(mayfly_file_close(&file, &mft_error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(F1_a_temporary_file_has_no_name_at_any_time),
        MFT(F1_where_O_TMPFILE_is_missing_the_name_goes_at_once_and_the_handle_says_so),
        MFT(F2_other_processes_open_it_by_name_and_it_is_gone_when_closed),
        MFT(F2_it_is_gone_when_its_scope_ends),
        MFT(F2_modes_allow_what_they_say),
        MFT(F2_append_writes_at_the_end_wherever_the_position_is),
        MFT(F2_a_bad_combination_of_options_is_refused_with_a_sentence),
        MFT(F5_a_given_name_gets_a_number_when_it_is_taken),
        MFT(F5_a_dangling_link_of_that_name_is_not_followed),
        MFT(every_kind_of_file_behaves_like_an_array_of_bytes),
        MFT(lines_are_found_in_every_kind),
        MFT(vectored_writes_are_all_or_nothing),
        MFT(K5_a_write_that_fails_has_not_happened_and_can_be_made_again),
        MFT(K5_a_failed_write_that_is_not_repeated_is_told_by_close),
        MFT(K5_what_a_partial_write_added_is_taken_back),
        MFT(K5_an_unnamed_file_moves_to_a_fallback_directory_when_its_disk_is_full),
        MFT(the_descriptor_stands_where_the_handle_is),
        MFT(what_ends_beyond_all_files_is_refused_at_once),
        MFT(seeking_before_the_start_or_with_nonsense_is_refused),
    };
    return MFT_MAIN(tests);
}
