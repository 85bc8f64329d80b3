/* SPDX-License-Identifier: MIT
 *
 * P2: caches in files.
 */
#define _GNU_SOURCE
#include "../lib/caches.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/work/cache.h"
#include "../lib/fault.h"

static void put(mayfly_cache *cache, const char *key, const char *value) {
    mft_ok(mayfly_cache_put(cache, key, strlen(key), value, strlen(value), NULL, &mft_error));
}

/* Whether the key has that value; NULL: a miss. */
static int has(mayfly_cache *cache, const char *key, const char *value) {
    char *data = NULL;
    size_t size = 0;
    const int r = mayfly_cache_get(cache, key, strlen(key), &data, &size, &mft_error);
    if (r < 0)
        fail_msg("%s", mft_error.message);
    const int same =
        r == 0 ? value == NULL
               : value != NULL && size == strlen(value) && memcmp(data, value, size + 1) == 0;
    free(data);
    return same;
}

static mayfly_cache_statistics stats(mayfly_cache *cache) {
    mayfly_cache_statistics s = {0};
    mft_ok(mayfly_cache_stats(cache, &s, &mft_error));
    return s;
}

/* The file that a key has, whether it is there or not. */
static char *file_of(const mayfly_cache *cache, const char *key) {
    static char path[512];
    struct mfi_cache_name name;
    assert_int_equal(mfi_cache_name(key, strlen(key), &name), 0);
    (void)snprintf(path, sizeof path, "%s/%s", mayfly_cache_path(cache), name.text);
    return path;
}

/* ---- what it is ------------------------------------------------------------------------------ */

static void P2_what_was_put_is_got_and_nothing_else(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    assert_true(has(cache, "a", NULL));
    put(cache, "a", "1");
    put(cache, "b", "");
    assert_true(has(cache, "a", "1") && has(cache, "b", "") && has(cache, "c", NULL));
    put(cache, "a", "another one");
    assert_true(has(cache, "a", "another one"));
    const mayfly_cache_statistics s = stats(cache);
    assert_int_equal(s.entries, 2);
    assert_int_equal(s.hits, 3);
    assert_int_equal(s.misses, 2);
    assert_int_equal(s.puts, 3);
    assert_int_equal(s.bytes, 2 * mfi_cache_entry_size(1, 0) + 11);
}

static void P2_keys_are_any_bytes_and_values_of_any_size(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    static const size_t sizes[] = {0, 1, 47, 63, 64, 65, 4096, 16287, 16288, 16384, 70000, 3000000};
    static char key[70000], value[3000000];
    uint32_t seed = 1507;
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (char)mft_random(&seed);
    memcpy(key, value, sizeof key); /* zeros and slashes are among them */
    for (size_t k = 0; k < 11; k++)
        for (size_t v = 0; v < 12; v++) {
            char *got = NULL;
            size_t size = 0;
            mft_ok(mayfly_cache_put(cache, key, sizes[k], value, sizes[v], NULL, &mft_error));
            const int r = mayfly_cache_get(cache, key, sizes[k], &got, &size, &mft_error);
            if (r != 1 || size != sizes[v] || memcmp(got, value, size) != 0 || got[size] != '\0')
                fail_msg("key of %zu, value of %zu: %d", sizes[k], sizes[v], r);
            free(got);
        }
    assert_int_equal(stats(cache).entries, 11);
}

static void P2_it_is_private_and_gone_with_its_handle(void **state) {
    (void)state;
    struct stat st;
    const mode_t umask_before = umask(0777);
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    put(cache, "a", "1");
    (void)umask(umask_before);
    assert_true(has(cache, "a", "1"));
    assert_int_equal(mft_mode(mayfly_cache_path(cache)), 0700);
    assert_int_equal(stat(file_of(cache, "a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(mft_entries(mft_tmp()), 1);
    mft_ok(mayfly_cache_close(&cache, &mft_error));
    assert_null(cache);
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void P2_a_given_directory_stays_and_is_opened_again(void **state) {
    (void)state;
    char *path = mft_path("kept");
    mayfly_auto(mayfly_cache) cache = open_cache(&(mayfly_cache_options){.path = path});
    put(cache, "a", "1");
    mft_ok(mayfly_cache_close(&cache, &mft_error));
    assert_int_equal(mft_mode(path), 0700);
    mayfly_auto(mayfly_cache) again = open_cache(&(mayfly_cache_options){.path = path});
    mayfly_auto(mayfly_cache) beside = open_cache(&(mayfly_cache_options){.path = path});
    assert_true(has(again, "a", "1"));
    put(beside, "a", "2");
    assert_true(has(again, "a", "2"));
    assert_int_equal(stats(again).puts, 2);
    mft_remove(path);
}

static void P2_remove_and_clear(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    put(cache, "a", "1");
    put(cache, "b", "2");
    put(cache, "c", "3");
    assert_int_equal(mayfly_cache_remove(cache, "a", 1, &mft_error), 1);
    assert_int_equal(mayfly_cache_remove(cache, "a", 1, &mft_error), 0);
    assert_true(has(cache, "a", NULL) && has(cache, "b", "2"));
    mft_ok(mayfly_cache_clear(cache, &mft_error));
    assert_true(has(cache, "b", NULL) && has(cache, "c", NULL));
    const mayfly_cache_statistics s = stats(cache);
    assert_true(s.entries == 0 && s.bytes == 0);
    put(cache, "b", "4");
    assert_true(has(cache, "b", "4"));
}

/* ---- time ------------------------------------------------------------------------------------ */

static int64_t the_time = 1000000000000000000;

static int64_t told_time(void) {
    return the_time;
}

static void P2_entries_end_by_the_time_of_the_cache_or_their_own(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(&(mayfly_cache_options){.ttl_ms = 1000});
    const mayfly_cache_put_options own = {.ttl_ms = 10}, ever = {.ttl_ms = MAYFLY_CACHE_FOREVER},
                                   long_ago = {.ttl_ms = UINT64_MAX - 1};
    mfi_sys.realtime = told_time;
    put(cache, "cache's", "1");
    mft_ok(mayfly_cache_put(cache, "own", 3, "2", 1, &own, &mft_error));
    mft_ok(mayfly_cache_put(cache, "ever", 4, "3", 1, &ever, &mft_error));
    mft_ok(mayfly_cache_put(cache, "long", 4, "4", 1, &long_ago, &mft_error));
    the_time += 10 * 1000000 - 1;
    assert_true(has(cache, "own", "2"));
    the_time += 1;
    assert_true(has(cache, "own", NULL) && !mft_exists(file_of(cache, "own")));
    the_time += 990 * 1000000 - 1;
    assert_true(has(cache, "cache's", "1"));
    the_time += 1;
    assert_true(has(cache, "cache's", NULL) && !mft_exists(file_of(cache, "cache's")));
    the_time = INT64_MAX - 1;
    assert_true(has(cache, "ever", "3") && has(cache, "long", "4"));
    const mayfly_cache_statistics s = stats(cache);
    assert_true(s.expired == 2 && s.damaged == 0 && s.entries == 2);
}

static void P2_a_clock_that_was_set_back_ends_what_has_an_end(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(&(mayfly_cache_options){.ttl_ms = 1000});
    the_time = 1000000000000000000;
    mfi_sys.realtime = told_time;
    put(cache, "a", "1");
    the_time -= 1;
    assert_true(has(cache, "a", NULL));
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void write_at(const char *path, long at, char byte) {
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte, file), (unsigned char)byte);
    assert_int_equal(fclose(file), 0);
}

static void P2_every_altered_byte_makes_a_miss(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(&(mayfly_cache_options){.ttl_ms = 3600000});
    char value[100];
    memset(value, 'v', sizeof value);
    value[99] = '\0';
    put(cache, "key", value);
    char *path = file_of(cache, "key");
    size_t size;
    char *whole = mft_read(path, &size);
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit++) {
            put(cache, "key", value);
            free(whole);
            whole = mft_read(path, &size);
            write_at(path, (long)i, (char)(whole[i] ^ 1 << bit));
            if (!has(cache, "key", NULL) || mft_exists(path))
                fail_msg("bit %d of byte %zu", bit, i);
        }
    assert_int_equal(stats(cache).damaged, size * 8);
    assert_int_equal(stats(cache).entries, 0);
    free(whole);
}

static void P2_a_torn_or_lengthened_entry_is_a_miss(void **state) {
    (void)state;
    static const size_t sizes[] = {5, 5000, 40000};
    static char value[40001];
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    for (size_t s = 0; s < 3; s++) {
        memset(value, 'v', sizes[s]);
        value[sizes[s]] = '\0';
        const long full = (long)mfi_cache_entry_size(3, sizes[s]);
        const long cuts[] = {0, 1, 20, 47, 48, 50, 51, full - 1, full + 1, full + 100000};
        for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
            put(cache, "key", value);
            assert_true(has(cache, "key", value));
            assert_int_equal(truncate(file_of(cache, "key"), cuts[c]), 0);
            if (!has(cache, "key", NULL) || mft_exists(file_of(cache, "key")))
                fail_msg("of %ld bytes, cut to %ld", full, cuts[c]);
        }
        /* The size is right, what a power cut did not write are zeros. */
        put(cache, "key", value);
        assert_int_equal(truncate(file_of(cache, "key"), full - 3), 0);
        assert_int_equal(truncate(file_of(cache, "key"), full), 0);
        assert_true(has(cache, "key", NULL));
    }
}

static void P2_an_entry_under_another_keys_name_is_a_miss(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    put(cache, "ab", "1");
    char *from = strdup(file_of(cache, "ab"));
    assert_int_equal(rename(from, file_of(cache, "cd")), 0);
    free(from);
    assert_true(has(cache, "cd", NULL));
    assert_false(mft_exists(file_of(cache, "cd")));
}

static void P2_an_entry_of_another_cache_is_a_miss(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) one = open_cache(NULL);
    mayfly_auto(mayfly_cache) other = open_cache(NULL);
    put(one, "a", "1");
    char *from = strdup(file_of(one, "a"));
    assert_int_equal(rename(from, file_of(other, "a")), 0);
    free(from);
    assert_true(has(other, "a", NULL));
}

static void P2_links_pipes_and_directories_are_misses(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    put(cache, "a", "1");
    char *path = strdup(file_of(cache, "a"));
    char *moved = mft_path("moved");
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink(moved, path), 0);
    assert_true(has(cache, "a", NULL));
    assert_false(mft_exists(path));
    assert_true(mft_exists(moved)); /* the link was removed, and not what it led to */
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_true(has(cache, "a", NULL));
    assert_false(mft_exists(path));
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(has(cache, "a", NULL)); /* and it stays: it may hold something */
    assert_int_equal(rmdir(path), 0);
    put(cache, "a", "2");
    assert_true(has(cache, "a", "2"));
    assert_int_equal(unlink(moved), 0);
    free(path);
}

static void P2_a_newer_entry_is_not_taken_for_the_bad_one(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    struct mfi_cache_name name;
    put(cache, "a", "old");
    assert_int_equal(mfi_cache_name("a", 1, &name), 0);
    const int bad = open(file_of(cache, "a"), O_RDONLY | O_CLOEXEC);
    put(cache, "a", "new");
    mfi_cache_discard(cache, &name, bad);
    assert_true(has(cache, "a", "new"));
    assert_int_equal(close(bad), 0);
}

static void P2_the_sum_tells_what_is_different(void **state) {
    (void)state;
    unsigned char data[300];
    uint32_t seed = 31;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)mft_random(&seed);
    for (size_t size = 0; size <= sizeof data; size++) {
        const uint64_t sum = mfi_cache_sum(data, size, 1);
        assert_int_equal(sum, mfi_cache_sum(data, size, 1));
        assert_true(sum != mfi_cache_sum(data, size, 2));
        for (size_t bit = 0; bit < size * 8; bit++) {
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            if (mfi_cache_sum(data, size, 1) == sum)
                fail_msg("%zu bytes: bit %zu changes nothing", size, bit);
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
    }
    memset(data, 0, sizeof data);
    for (size_t size = 1; size <= sizeof data; size++)
        assert_true(mfi_cache_sum(data, size, 1) != mfi_cache_sum(data, size - 1, 1));
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void P2_the_least_recently_used_goes_first(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(&(mayfly_cache_options){.max_entries = 3});
    put(cache, "a", "1");
    put(cache, "b", "2");
    put(cache, "c", "3");
    assert_true(has(cache, "a", "1"));
    put(cache, "c", "4"); /* a replacement needs no room */
    put(cache, "d", "5");
    assert_true(has(cache, "b", NULL) && has(cache, "a", "1") && has(cache, "c", "4"));
    put(cache, "e", "6");
    assert_true(has(cache, "d", NULL) && has(cache, "e", "6"));
    const mayfly_cache_statistics s = stats(cache);
    assert_true(s.entries == 3 && s.evicted == 2);
}

static void P2_bytes_are_bounded_to_the_last_one(void **state) {
    (void)state;
    char value[101];
    const uint64_t each = mfi_cache_entry_size(1, 100);
    mayfly_auto(mayfly_cache) cache = open_cache(&(mayfly_cache_options){.max_bytes = 3 * each});
    memset(value, 'v', 100);
    value[100] = '\0';
    put(cache, "a", value);
    put(cache, "b", value);
    put(cache, "c", value);
    assert_int_equal(stats(cache).bytes, 3 * each);
    assert_int_equal(stats(cache).evicted, 0);
    value[99] = '\0';
    put(cache, "a", value); /* smaller, and used now */
    put(cache, "d", "");
    assert_true(has(cache, "b", NULL) && has(cache, "c", NULL) == 0 && has(cache, "a", value));
    assert_true(stats(cache).bytes <= 3 * each);
}

static void P2_what_is_larger_than_all_is_refused_with_the_numbers(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(&(mayfly_cache_options){.max_bytes = 1000});
    static char value[1000];
    put(cache, "a", "1");
    mft_fails(-EFBIG, mayfly_cache_put(cache, "b", 1, value, 1000, NULL, &mft_error));
    assert_non_null(strstr(mft_error.message, "1049 bytes"));
    assert_non_null(strstr(mft_error.message, "are 1000"));
    assert_true(has(cache, "a", "1"));
}

static void P2_a_thousand_entries_stay_within_their_bounds_and_are_listed_seldom(void **state) {
    (void)state;
    enum { MOST = 64, PUTS = 1000 };
    mayfly_auto(mayfly_cache) cache = open_cache(&(mayfly_cache_options){.max_entries = MOST});
    mft_fault_count();
    for (int i = 0; i < PUTS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", i);
        put(cache, key, key);
        assert_true(mft_entries(mayfly_cache_path(cache)) <= MOST + 1);
    }
    const long listings = mft_fault_calls("getdents") / 2;
    mft_fault_end();
    /* Each takes away one that must go, and an eighth. */
    assert_true(listings <= (PUTS - MOST) / (1 + MOST / 8) + 1);
    assert_true(has(cache, "999", "999") && has(cache, "0", NULL));
}

/* ---- computing ------------------------------------------------------------------------------- */

struct computing {
    int calls, result;
    const char *value;
};

static int compute(void *context, char **ret, size_t *ret_size, mayfly_error *error) {
    struct computing *computing = context;
    computing->calls++;
    if (computing->result < 0) {
        error->code = computing->result;
        (void)snprintf(error->message, sizeof error->message, "no luck");
        return computing->result;
    }
    *ret = strdup(computing->value);
    *ret_size = strlen(computing->value);
    return computing->result;
}

static int fetch(mayfly_cache *cache, struct computing *computing, const char *expected) {
    char *value = NULL;
    size_t size = 0;
    mft_error.code = 0;
    const int r = mayfly_cache_get_or_compute(cache, "key", 3, compute, computing, NULL, &value,
                                              &size, &mft_error);
    if (r >= 0)
        assert_string_equal(value, expected);
    free(value);
    return r;
}

static void P2_it_is_computed_once(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    struct computing computing = {.value = "v"};
    assert_int_equal(fetch(cache, &computing, "v"), 0);
    assert_int_equal(fetch(cache, &computing, "v"), 1);
    assert_int_equal(computing.calls, 1);
    assert_int_equal(stats(cache).computed, 1);
}

static void P2_a_failure_is_told_and_not_stored(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    struct computing computing = {.value = "v", .result = -ECONNREFUSED};
    mft_fails(-ECONNREFUSED, fetch(cache, &computing, NULL));
    assert_string_equal(mft_error.message, "no luck");
    computing.result = 1; /* good, but not to be stored */
    assert_int_equal(fetch(cache, &computing, "v"), 0);
    computing.result = 0;
    assert_int_equal(fetch(cache, &computing, "v"), 0);
    assert_int_equal(computing.calls, 3);
    assert_int_equal(stats(cache).entries, 1);
}

static void P2_what_cannot_be_stored_is_given_all_the_same(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(&(mayfly_cache_options){.max_bytes = 40});
    struct computing computing = {.value = "v"};
    assert_int_equal(fetch(cache, &computing, "v"), 0);
    assert_int_equal(stats(cache).entries, 0);
}

static int told[2];

/* Tells that it has begun, and goes on when the other pipe ends. */
static int compute_slowly(void *context, char **ret, size_t *ret_size, mayfly_error *error) {
    (void)error;
    char c;
    const int *gate = context;
    if (write(told[1], "b", 1) != 1 || read(gate[0], &c, 1) != 0)
        return -EIO;
    *ret = strdup("slow");
    *ret_size = 4;
    return 0;
}

static int fetch_slowly(mayfly_cache *cache, int gate[2]) {
    char *value = NULL;
    size_t size = 0;
    const int r = mayfly_cache_get_or_compute(cache, "key", 3, compute_slowly, gate, NULL, &value,
                                              &size, NULL);
    const int good = r >= 0 && size == 4 && memcmp(value, "slow", 4) == 0;
    free(value);
    return good ? r : -1;
}

/* So many processes begin; the first to compute is let go on, or killed. Returns how many computed;
 * the others took it from the cache. */
static int crowd(mayfly_cache *cache, int kill_first) {
    enum { MANY = 8 };
    int gate[2], computed = 0;
    pid_t pids[MANY];
    char c;
    assert_true(pipe(told) == 0 && pipe(gate) == 0);
    for (int i = 0; i < MANY; i++) {
        pids[i] = mft_start();
        if (pids[i] == 0) {
            (void)close(gate[1]);
            const int r = fetch_slowly(cache, gate);
            _exit(r < 0 ? 9 : r);
        }
        if (i == 0)
            assert_int_equal(read(told[0], &c, 1), 1); /* it has the lock */
    }
    if (kill_first)
        assert_int_equal(kill(pids[0], SIGKILL), 0);
    (void)close(gate[1]);
    for (int i = 0; i < MANY; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        if (kill_first && i == 0) {
            assert_true(WIFSIGNALED(status));
            continue;
        }
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        computed += WEXITSTATUS(status) == 0;
    }
    (void)close(gate[0]);
    (void)close(told[0]);
    (void)close(told[1]);
    return computed;
}

static void P2_of_many_processes_one_computes_and_the_others_wait(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    assert_int_equal(crowd(cache, 0), 1);
    assert_int_equal(stats(cache).computed, 1);
    assert_int_equal(stats(cache).hits, 7);
}

static void P2_if_the_one_that_computes_is_killed_another_does(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    assert_int_equal(crowd(cache, 1), 1);
    assert_int_equal(stats(cache).hits, 6);
}

static int compute_with_others(void *context, char **ret, size_t *ret_size, mayfly_error *error) {
    struct computing inner = {.value = "inner"};
    mayfly_cache *cache = context;
    char *value = NULL;
    size_t size = 0;
    const int r =
        mayfly_cache_get_or_compute(cache, "other", 5, compute, &inner, NULL, &value, &size, error);
    *ret = value;
    *ret_size = size;
    return r < 0 ? r : 0;
}

static void P2_a_computation_may_use_the_cache(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    char *value = NULL;
    size_t size = 0;
    mft_ok(mayfly_cache_get_or_compute(cache, "key", 3, compute_with_others, cache, NULL, &value,
                                       &size, &mft_error));
    assert_string_equal(value, "inner");
    free(value);
    assert_true(has(cache, "other", "inner") && has(cache, "key", "inner"));
}

/* ---- values ---------------------------------------------------------------------------------- */

static int build(void *context, mayfly_doc *doc, mayfly_error *error) {
    (void)error;
    ++*(int *)context;
    const mayfly_value list = mayfly_list_new(doc);
    mayfly_list_append(doc, list, mayfly_int_new(doc, 42));
    mayfly_doc_set_root(doc, list);
    return 0;
}

static void P2_values_are_stored_as_pickles(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) back = NULL;
    char *pickle = NULL;
    size_t size = 0;
    mft_ok(mayfly_doc_new(NULL, &doc, &mft_error));
    const mayfly_value page = mayfly_dict_new(doc);
    (void)mayfly_dict_put(doc, page, "status_code", mayfly_int_new(doc, 200));
    (void)mayfly_dict_put(doc, page, "content", mayfly_str_new(doc, "<html>", MAYFLY_ALL));
    assert_int_equal(mayfly_cache_get_value(cache, "page", 4, &back, &mft_error), 0);
    assert_null(back);
    mft_ok(mayfly_cache_put_value(cache, "page", 4, doc, page, NULL, &mft_error));
    assert_int_equal(mayfly_cache_get_value(cache, "page", 4, &back, &mft_error), 1);
    assert_int_equal(mayfly_equal(mayfly_doc_root(back), page, &mft_error), 1);
    assert_int_equal(mayfly_cache_get(cache, "page", 4, &pickle, &size, &mft_error), 1);
    assert_memory_equal(pickle, "\x80\x05", 2);
    free(pickle);
    put(cache, "text", "no pickle");
    mft_fails(MAYFLY_E_PICKLE, mayfly_cache_get_value(cache, "text", 4, &back, &mft_error));
    assert_true(has(cache, "text", "no pickle"));
}

static void P2_a_value_is_built_once(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    mayfly_auto(mayfly_doc) doc = NULL;
    int calls = 0;
    for (int i = 0; i < 3; i++) {
        const int r =
            mayfly_cache_get_or_build(cache, "key", 3, build, &calls, NULL, &doc, &mft_error);
        assert_int_equal(r, i > 0);
        int64_t number = 0;
        mft_ok(mayfly_int_get(mayfly_item(mayfly_doc_root(doc), 0), &number, &mft_error));
        assert_int_equal(number, 42);
    }
    assert_int_equal(calls, 1);
}

/* ---- places ---------------------------------------------------------------------------------- */

static void P2_a_directory_that_is_no_cache_is_refused(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL); /* skips without libsodium */
    mayfly_cache *none = NULL;
    char *path = mft_path("place"), *file = mft_path("place/mine");
    const mayfly_cache_options there = {.path = path};
    assert_int_equal(mkdir(path, 0700), 0);
    mft_write(file, "mine");
    mft_fails(-ENOTEMPTY, mayfly_cache_open(&there, &none, &mft_error));
    assert_true(mft_is(file, "mine"));
    assert_int_equal(unlink(file), 0);
    assert_int_equal(chmod(path, 0777), 0);
    mft_fails(-EPERM, mayfly_cache_open(&there, &none, &mft_error));
    assert_int_equal(chmod(path, 0700), 0);
    mft_write(mft_path("place/.mayfly-cache"), "something else here");
    mft_fails(MAYFLY_E_SYNTAX, mayfly_cache_open(&there, &none, &mft_error));
    mft_remove(path);
    mft_write(path, "a file");
    mft_fails(-ENOTDIR, mayfly_cache_open(&there, &none, &mft_error));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(mayfly_cache_path(cache), path), 0);
    mft_fails(-ENOTDIR, mayfly_cache_open(&there, &none, &mft_error));
    assert_int_equal(unlink(path), 0);
    mft_fails(-ENOENT, mayfly_cache_open(&(mayfly_cache_options){.path = mft_path("no/where")},
                                         &none, &mft_error));
    assert_null(none);
}

static int refused(int dir, mode_t mode) {
    (void)dir;
    (void)mode;
    return -EOPNOTSUPP;
}

static int not_linked(int fd, int to, const char *name) {
    (void)fd;
    (void)to;
    (void)name;
    return -ENOENT;
}

static void P2_it_works_without_unnamed_files_and_without_proc(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(&(mayfly_cache_options){.max_entries = 2});
    for (int lack = 0; lack < 2; lack++) {
        if (lack == 0)
            mfi_sys.open_unnamed = refused;
        else
            mfi_sys.link_fd = not_linked;
        put(cache, "a", "1");
        put(cache, "a", "2");
        put(cache, "b", "3");
        put(cache, "c", "4");
        assert_true(has(cache, "a", NULL) && has(cache, "b", "3") && has(cache, "c", "4"));
        assert_int_equal(mft_entries(mayfly_cache_path(cache)), 3);
        mfi_sys = mfi_sys_real;
    }
}

static void P2_a_hit_makes_three_calls_and_no_lock(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    put(cache, "a", "1");
    mft_fault_count();
    assert_true(has(cache, "a", "1"));
    const char *calls = mft_fault_sequence();
    mft_fault_end();
    assert_string_equal(calls, "openat pread malloc close");
}

static int use_in_child(void *context) {
    mayfly_cache *cache = context;
    char *value = NULL;
    size_t size;
    if (mayfly_cache_get(cache, "parent's", 8, &value, &size, NULL) != 1 || size != 1)
        return 1;
    free(value);
    if (mayfly_cache_put(cache, "child's", 7, "c", 1, NULL, NULL) < 0)
        return 2;
    return mayfly_cache_close(&cache, NULL) < 0 ? 3 : 0;
}

static void P2_a_forked_child_uses_it_and_removes_nothing(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    put(cache, "parent's", "p");
    const int status = mft_fork(use_in_child, cache);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(has(cache, "parent's", "p") && has(cache, "child's", "c"));
    assert_int_equal(stats(cache).puts, 2);
}

static void P2_when_the_directory_is_gone_there_are_misses_and_an_error(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) owner = open_cache(NULL);
    mayfly_auto(mayfly_cache) other =
        open_cache(&(mayfly_cache_options){.path = mayfly_cache_path(owner)});
    put(owner, "a", "1");
    assert_true(has(other, "a", "1"));
    mft_ok(mayfly_cache_close(&owner, &mft_error));
    assert_true(has(other, "a", NULL));
    mft_fails(-ENOENT, mayfly_cache_put(other, "a", 1, "1", 1, NULL, &mft_error));
    struct computing computing = {.value = "v"};
    mft_fails(-ENOENT, fetch(other, &computing, "v"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(P2_what_was_put_is_got_and_nothing_else),
        MFT(P2_keys_are_any_bytes_and_values_of_any_size),
        MFT(P2_it_is_private_and_gone_with_its_handle),
        MFT(P2_a_given_directory_stays_and_is_opened_again),
        MFT(P2_remove_and_clear),
        MFT(P2_entries_end_by_the_time_of_the_cache_or_their_own),
        MFT(P2_a_clock_that_was_set_back_ends_what_has_an_end),
        MFT(P2_every_altered_byte_makes_a_miss),
        MFT(P2_a_torn_or_lengthened_entry_is_a_miss),
        MFT(P2_an_entry_under_another_keys_name_is_a_miss),
        MFT(P2_an_entry_of_another_cache_is_a_miss),
        MFT(P2_links_pipes_and_directories_are_misses),
        MFT(P2_a_newer_entry_is_not_taken_for_the_bad_one),
        MFT(P2_the_sum_tells_what_is_different),
        MFT(P2_the_least_recently_used_goes_first),
        MFT(P2_bytes_are_bounded_to_the_last_one),
        MFT(P2_what_is_larger_than_all_is_refused_with_the_numbers),
        MFT(P2_a_thousand_entries_stay_within_their_bounds_and_are_listed_seldom),
        MFT(P2_it_is_computed_once),
        MFT(P2_a_failure_is_told_and_not_stored),
        MFT(P2_what_cannot_be_stored_is_given_all_the_same),
        MFT(P2_of_many_processes_one_computes_and_the_others_wait),
        MFT(P2_if_the_one_that_computes_is_killed_another_does),
        MFT(P2_a_computation_may_use_the_cache),
        MFT(P2_values_are_stored_as_pickles),
        MFT(P2_a_value_is_built_once),
        MFT(P2_a_directory_that_is_no_cache_is_refused),
        MFT(P2_it_works_without_unnamed_files_and_without_proc),
        MFT(P2_a_hit_makes_three_calls_and_no_lock),
        MFT(P2_a_forked_child_uses_it_and_removes_nothing),
        MFT(P2_when_the_directory_is_gone_there_are_misses_and_an_error),
    };
    return MFT_MAIN(tests);
}
