/* SPDX-License-Identifier: MIT
 *
 * P2: a cache among many: 64 processes on one, of which some are killed all the time; each of its
 * system calls refused, and the process killed before each of them.
 */
#define _GNU_SOURCE
#include "../lib/caches.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/work/cache.h"
#include "../lib/fault.h"

/* ---- values that show whether they are right ------------------------------------------------- */

/* The value of a key says whose it is and which edition, over and over, so that one that is torn,
 * mixed of two or another key's does not pass. */
static size_t make_value(unsigned key, unsigned edition, char *to, size_t capacity) {
    const size_t size = (key * 7919u + edition * 104729u) % (unsigned)capacity;
    char word[40];
    const int length = snprintf(word, sizeof word, "%u/%u/%zu;", key, edition, size);
    for (size_t i = 0; i < size; i++)
        to[i] = word[i % (size_t)length];
    return size;
}

static int is_right(unsigned key, const char *value, size_t size, size_t capacity) {
    static char expected[64 * 1024];
    unsigned of = key, edition = 0;
    if (size == 0)
        return 1; /* some editions are empty */
    /* A value too short to say its edition is compared with each. */
    if (size >= 40 && (sscanf(value, "%u/%u/", &of, &edition) != 2 || of != key))
        return 0;
    const unsigned last = size >= 40 ? edition : 99;
    for (; edition <= last; edition++)
        if (make_value(key, edition, expected, capacity) == size &&
            memcmp(expected, value, size) == 0)
            return 1;
    return 0;
}

/* ---- 64 processes ---------------------------------------------------------------------------- */

enum { PROCESSES = 64, OPERATIONS = 300, KEYS = 300, VALUE = 20000, MOST = 100 };
enum { MOST_BYTES = 500000 };

static const mayfly_cache_options bounded = {.max_entries = MOST, .max_bytes = MOST_BYTES};

/* What a process ends with. */
enum { GOOD = 0, WRONG = 3, FAILED = 4, OVER = 5 };

static int compute(void *context, char **ret, size_t *ret_size, mayfly_error *error) {
    const unsigned *key = context;
    (void)error;
    *ret = calloc(VALUE + 1, 1);
    *ret_size = *ret == NULL ? 0 : make_value(*key, 7, *ret, VALUE);
    return *ret == NULL ? -ENOMEM : 0;
}

static int one_operation(mayfly_cache *cache, uint32_t *seed, mayfly_error *error) {
    const unsigned key = mft_random(seed) % KEYS, what = mft_random(seed) % 100;
    static char made[VALUE];
    char *value = NULL;
    size_t size = 0;
    int r = 0;
    if (what < 60) {
        r = mayfly_cache_get(cache, &key, sizeof key, &value, &size, error);
    } else if (what < 85) {
        size = make_value(key, mft_random(seed) % 100, made, VALUE);
        r = mayfly_cache_put(cache, &key, sizeof key, made, size, NULL, error);
        return r < 0 ? FAILED : GOOD;
    } else if (what < 95) {
        unsigned copy = key;
        r = mayfly_cache_get_or_compute(cache, &key, sizeof key, compute, &copy, NULL, &value,
                                        &size, error);
        if (r == 0)
            r = 1;
    } else if (what < 99) {
        return mayfly_cache_remove(cache, &key, sizeof key, error) < 0 ? FAILED : GOOD;
    } else {
        mayfly_cache_statistics s;
        if (mayfly_cache_stats(cache, &s, error) < 0)
            return FAILED;
        return s.entries <= MOST && s.bytes <= MOST_BYTES ? GOOD : OVER;
    }
    const int right = r < 1 || is_right(key, value, size, VALUE);
    free(value);
    return r < 0 ? FAILED : right ? GOOD : WRONG;
}

struct crowd {
    const char *path;
    int operations;
};

static int work(const struct crowd *crowd, uint32_t seed) {
    mayfly_error error;
    mayfly_cache_options options = bounded;
    mayfly_cache *cache = NULL;
    options.path = crowd->path;
    if (mayfly_cache_open(&options, &cache, &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        return FAILED;
    }
    int r = GOOD;
    for (int i = 0; i < crowd->operations && r == GOOD; i++)
        r = one_operation(cache, &seed, &error);
    if (r == FAILED)
        fprintf(stderr, "%s\n", error.message);
    (void)mayfly_cache_close(&cache, NULL);
    return r;
}

static pid_t start(const struct crowd *crowd, uint32_t seed) {
    const pid_t pid = mft_start();
    if (pid == 0)
        _exit(work(crowd, seed));
    return pid;
}

/* Counts by itself, with the writers' lock: what the directory has, and not what it is said to. */
static void check_bounds(mayfly_cache *cache) {
    uint64_t entries = 0, bytes = 0;
    struct stat st;
    char path[512];
    const int lock = mfi_cache_lock(cache, 0, MFI_LOCK_WAIT);
    assert_true(lock >= 0);
    DIR *dir = opendir(mayfly_cache_path(cache));
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", mayfly_cache_path(cache), entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &st) != 0)
            continue;
        entries++;
        bytes += (uint64_t)st.st_size;
    }
    (void)closedir(dir);
    mfi_cache_unlock(&lock);
    if (entries > MOST || bytes > MOST_BYTES)
        fail_msg("%d entries of %d, %d bytes of %d", (int)entries, MOST, (int)bytes, MOST_BYTES);
}

/* Until as many as that have ended by themselves, each one that ends or is killed is followed by
 * another; kills fall when the kernel likes, among processes chosen at random. */
static void P2_64_processes_and_random_kills_never_give_a_wrong_value(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) cache = open_cache(&bounded);
    const int many = mft_wrapped() ? 8 : PROCESSES, kills_wanted = mft_wrapped() ? 8 : 200;
    const struct crowd crowd = {mayfly_cache_path(cache), mft_wrapped() ? 50 : OPERATIONS};
    pid_t pids[PROCESSES];
    uint32_t seed = 20131;
    int kills = 0, ended = 0, running = many;
    print_message("seed %u\n", seed);
    for (int i = 0; i < many; i++)
        pids[i] = start(&crowd, mft_random(&seed));
    while (running > 0) {
        int status;
        if (kills < kills_wanted) {
            /* Between two kills some work is done here, and the others do some of theirs. */
            mayfly_error error;
            for (int i = 0; i < 5; i++)
                assert_int_equal(one_operation(cache, &seed, &error), GOOD);
            (void)kill(pids[mft_random(&seed) % (unsigned)many], SIGKILL); /* a zombie takes it */
            kills++;
        }
        check_bounds(cache);
        const pid_t pid = waitpid(-1, &status, kills < kills_wanted ? WNOHANG : 0);
        if (pid <= 0)
            continue;
        if (WIFEXITED(status) && WEXITSTATUS(status) != GOOD)
            fail_msg("a process ended with %d", WEXITSTATUS(status));
        ended += WIFEXITED(status);
        for (int i = 0; i < many; i++)
            if (pids[i] == pid) {
                running--;
                pids[i] = 0;
                if (kills < kills_wanted) {
                    pids[i] = start(&crowd, mft_random(&seed));
                    running++;
                } else {
                    pids[i] = getpid(); /* never killed: no kills come any more */
                }
            }
    }
    mayfly_cache_statistics s;
    mft_ok(mayfly_cache_stats(cache, &s, &mft_error));
    print_message("%d ended, %d kills; %d hits, %d puts, %d evicted, %d damaged\n", ended, kills,
                  (int)s.hits, (int)s.puts, (int)s.evicted, (int)s.damaged);
    assert_int_equal(s.damaged, 0); /* not even what a killed writer was at */
    check_bounds(cache);
    assert_true(s.entries <= MOST && s.bytes <= MOST_BYTES);
}

/* ---- killed before every call ---------------------------------------------------------------- */

static const char old_value[] = "the old value", new_value[] = "the new one";

static int no_unnamed(int dir, mode_t mode) {
    (void)dir;
    (void)mode;
    return -EOPNOTSUPP;
}

struct run {
    const char *path;
    long n;
    int code, named;
};

static int compute_new(void *context, char **ret, size_t *ret_size, mayfly_error *error) {
    (void)context;
    (void)error;
    *ret = strdup(new_value);
    *ret_size = strlen(new_value);
    return *ret == NULL ? -ENOMEM : 0;
}

/* Everything that changes a cache: what is new, replaced, evicted, found bad, computed, removed. */
static int use_all(const char *path, mayfly_error *error) {
    const mayfly_cache_options options = {.path = path, .max_entries = 3};
    const mayfly_cache_put_options short_lived = {.ttl_ms = 1};
    mayfly_auto(mayfly_cache) cache = NULL;
    mfi_auto_free char *got = NULL;
    mfi_auto_free char *computed = NULL;
    size_t size = 0;
    int r = mayfly_cache_open(&options, &cache, error);
    if (r == 0)
        r = mayfly_cache_put(cache, "kept", 4, new_value, strlen(new_value), NULL, error);
    if (r == 0)
        r = mayfly_cache_put(cache, "brief", 5, new_value, strlen(new_value), &short_lived, error);
    if (r == 0)
        r = mayfly_cache_put(cache, "more", 4, new_value, strlen(new_value), NULL, error);
    if (r == 0)
        r = mayfly_cache_put(cache, "most", 4, new_value, strlen(new_value), NULL, error);
    if (r == 0)
        r = mayfly_cache_get(cache, "most", 4, &got, &size, error);
    if (r >= 0)
        r = mayfly_cache_get_or_compute(cache, "computed", 8, compute_new, NULL, NULL, &computed,
                                        &size, error);
    if (r >= 0)
        r = mayfly_cache_remove(cache, "more", 4, error);
    return r < 0 ? r : 0;
}

static int killed_run(void *context) {
    const struct run *run = context;
    mayfly_error error;
    mft_fault_refuse(NULL, run->n, run->code, 0);
    if (run->named)
        mfi_sys.open_unnamed = no_unnamed;
    const int r = use_all(run->path, &error);
    mft_fault_end();
    if (r < 0)
        fprintf(stderr, "%s\n", error.message);
    return r < 0 ? FAILED : GOOD;
}

/* A right value or a miss. */
static void check_key(mayfly_cache *cache, const char *key, long n) {
    char *value = NULL;
    size_t size = 0;
    const int r = mayfly_cache_get(cache, key, strlen(key), &value, &size, &mft_error);
    if (r < 0)
        fail_msg("call %ld, %s: %s", n, key, mft_error.message);
    if (r == 1 && strcmp(value, new_value) != 0 &&
        (strcmp(key, "kept") != 0 || strcmp(value, old_value) != 0))
        fail_msg("call %ld: %s has \"%s\"", n, key, value);
    free(value);
}

/* After it, another process finds the cache in order: values, numbers, bounds, room. */
static void check_cache(const char *path, long n) {
    static const char *const keys[] = {"kept", "brief", "more", "most", "computed"};
    const mayfly_cache_options options = {.path = path, .max_entries = 3};
    mayfly_auto(mayfly_cache) cache = open_cache(&options);
    mayfly_cache_statistics s;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        check_key(cache, keys[i], n);
    mft_ok(mayfly_cache_stats(cache, &s, &mft_error));
    if (s.damaged != 0)
        fail_msg("call %ld: an entry is damaged", n);
    if (s.entries > 3 || (int)s.entries + 1 != mft_entries(path))
        fail_msg("call %ld: %d entries are told, %d files are there", n, (int)s.entries,
                 mft_entries(path));
    mft_ok(mayfly_cache_put(cache, "kept", 4, old_value, strlen(old_value), NULL, &mft_error));
}

static long sweep_kills(const char *path, int named) {
    for (long n = 1;; n += mft_wrapped() ? 11 : 1) {
        struct run run = {path, n, MFT_FAULT_DIE, named};
        const int status = mft_fork(killed_run, &run);
        check_cache(path, n);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), GOOD);
            return n - 1;
        }
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        if (n % 3 == 0)
            mft_remove(path); /* and from the beginning: also making it is killed */
    }
}

static void P2_killed_before_every_call_there_is_a_right_value_or_a_miss(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) any = open_cache(NULL); /* skips without libsodium */
    assert_non_null(any);
    char *path = mft_path("kept");
    long kills = 0;
    for (int named = 0; named < 2; named++)
        kills += sweep_kills(path, named);
    print_message("%ld kill points, no wrong value\n", kills);
    assert_true(kills > 100 || mft_wrapped());
    mft_remove(path);
}

/* ---- every call refused ---------------------------------------------------------------------- */

static void sweep_faults(const char *path, int code, int named) {
    for (long n = 1;; n += mft_wrapped() ? 11 : 1) {
        const int before = mft_descriptors();
        mft_fault_refuse(NULL, n, code, 0);
        if (named)
            mfi_sys.open_unnamed = no_unnamed;
        mft_error.code = 0;
        const int r = use_all(path, &mft_error);
        const long refused = mft_fault_refused();
        const char *call = mft_fault_last();
        mft_fault_end();
        if (r < 0 && (mft_error.code != r || mft_error.message[0] == '\0'))
            fail_msg("call %ld (%s): gave %d, and error.code is %d", n, call, r, mft_error.code);
        if (mft_descriptors() != before)
            fail_msg("call %ld (%s): %d descriptors before, %d after", n, call, before,
                     mft_descriptors());
        if (refused == 0) {
            assert_int_equal(r, 0);
            return;
        }
        check_cache(path, n);
        if (n % 3 == 0)
            mft_remove(path);
    }
}

static void P2_every_refused_call_is_told_and_does_no_harm(void **state) {
    (void)state;
    static const int codes[] = {-EIO, -ENOSPC, -EACCES, -EMFILE, -ENOMEM};
    mayfly_auto(mayfly_cache) any = open_cache(NULL); /* skips without libsodium */
    assert_non_null(any);
    char *path = mft_path("kept");
    for (size_t c = 0; c < sizeof codes / sizeof *codes; c++)
        for (int named = 0; named < 2; named++)
            sweep_faults(path, codes[c], named);
    mft_remove(path);
}

/* A temporary one leaves nothing, unless it is its removal that is refused, which then says so. */
static int use_temporary(int *closing, mayfly_error *error) {
    mayfly_auto(mayfly_cache) cache = NULL;
    *closing = 0;
    int r = mayfly_cache_open(&(mayfly_cache_options){.dir = mft_tmp()}, &cache, error);
    if (r == 0)
        r = mayfly_cache_put(cache, "a", 1, "1", 1, NULL, error);
    if (r < 0)
        return r;
    *closing = 1;
    return mayfly_cache_close(&cache, error);
}

static void P2_a_temporary_cache_that_fails_leaves_nothing(void **state) {
    (void)state;
    mayfly_auto(mayfly_cache) any = open_cache(NULL); /* skips without libsodium */
    assert_non_null(any);
    mft_ok(mayfly_cache_close(&any, &mft_error));
    static const int codes[] = {-ENOSPC, -EMFILE, -ENOMEM};
    for (size_t c = 0; c < sizeof codes / sizeof *codes; c++)
        for (long n = 1, refused = 1; refused > 0; n++) {
            const int before = mft_descriptors();
            int closing = 0;
            mft_fault_refuse(NULL, n, codes[c], 0);
            const int r = use_temporary(&closing, &mft_error);
            const char *call = mft_fault_last();
            refused = mft_fault_refused();
            mft_fault_end();
            assert_int_equal(mft_descriptors(), before);
            if (mft_entries(mft_tmp()) > 0 && !(closing && r < 0))
                fail_msg("call %ld (%s) refused, giving %d: something is left", n, call, r);
            mft_empty();
        }
}

/* ---- two that open a new one ----------------------------------------------------------------- */

static mayfly_cache *quicker;

/* Between looking for a cache and looking for what else is there, another process makes one. */
static ssize_t listed_too_late(int fd, void *entries, size_t size) {
    mfi_sys.getdents = mfi_sys_real.getdents;
    char path[64], where[512] = "";
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_true(readlink(path, where, sizeof where - 1) > 0);
    mft_ok(mayfly_cache_open(&(mayfly_cache_options){.path = where}, &quicker, &mft_error));
    mft_ok(mayfly_cache_put(quicker, "a", 1, "1", 1, NULL, &mft_error));
    return mfi_sys_real.getdents(fd, entries, size);
}

static void P2_who_opens_a_new_one_a_moment_later_has_the_same(void **state) {
    (void)state;
    char *data = NULL;
    size_t size = 0;
    mayfly_auto(mayfly_cache) first = open_cache(NULL); /* or there are none */
    (void)first;
    mfi_sys.getdents = listed_too_late;
    mayfly_auto(mayfly_cache) cache = NULL;
    const int r =
        mayfly_cache_open(&(mayfly_cache_options){.path = mft_path("new")}, &cache, &mft_error);
    mfi_sys = mfi_sys_real;
    mft_ok(r);
    assert_int_equal(mayfly_cache_get(cache, "a", 1, &data, &size, &mft_error), 1);
    free(data);
    mft_ok(mayfly_cache_clear(quicker, &mft_error));
    mft_ok(mayfly_cache_close(&quicker, &mft_error));
    mft_ok(mayfly_remove_tree(mft_path("new"), NULL, NULL, &mft_error));
}

/* ---- waiting that is interrupted ------------------------------------------------------------- */

static int interrupted(int fd, int64_t at, int how) {
    if (how != MFI_LOCK_HEED)
        return mfi_sys_real.lock_byte(fd, at, how);
    mfi_sys = mfi_sys_real;
    return -EINTR;
}

static int make_one(void *context, char **ret, size_t *ret_size, mayfly_error *error) {
    (void)context, (void)error;
    *ret = strdup("1");
    *ret_size = 1;
    return *ret == NULL ? -ENOMEM : 0;
}

static void P2_who_waits_and_is_interrupted_can_go_on(void **state) {
    (void)state;
    char *data = NULL;
    size_t size = 0;
    mayfly_auto(mayfly_cache) cache = open_cache(NULL);
    mfi_sys.lock_byte = interrupted;
    mft_fails(-EINTR, mayfly_cache_get_or_compute(cache, "a", 1, make_one, NULL, NULL, &data, &size,
                                                  &mft_error));
    assert_null(data);
    assert_int_equal(
        mayfly_cache_get_or_compute(cache, "a", 1, make_one, NULL, NULL, &data, &size, &mft_error),
        0);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(P2_64_processes_and_random_kills_never_give_a_wrong_value),
        MFT(P2_killed_before_every_call_there_is_a_right_value_or_a_miss),
        MFT(P2_every_refused_call_is_told_and_does_no_harm),
        MFT(P2_a_temporary_cache_that_fails_leaves_nothing),
        MFT(P2_who_opens_a_new_one_a_moment_later_has_the_same),
        MFT(P2_who_waits_and_is_interrupted_can_go_on),
    };
    return MFT_MAIN(tests);
}
