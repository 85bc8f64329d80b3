/* SPDX-License-Identifier: MIT
 *
 * As much of cmocka's interface as the tests use, for C libraries that cmocka is not packaged for.
 */
#ifndef MFT_SHIM_CMOCKA_H
#define MFT_SHIM_CMOCKA_H

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
};

#define cmocka_unit_test_setup_teardown(function, setup, teardown)                                 \
    { #function, function, setup, teardown }
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    mft_run_group(name, tests, sizeof(tests) / sizeof *(tests))

int mft_run_group(const char *group, const struct CMUnitTest *tests, size_t count);
__attribute__((noreturn, format(printf, 3, 4))) void mft_fail_at(const char *file, int line,
                                                                 const char *format, ...);
void mft_equal(const char *file, int line, const char *text, long long a, long long b);
void mft_equal_text(const char *file, int line, const char *a, const char *b);
__attribute__((noreturn)) void mft_skip_now(void);
__attribute__((format(printf, 1, 2))) void print_message(const char *format, ...);

#define fail_msg(...) mft_fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define skip()        mft_skip_now()
#define mft_check(condition)                                                                       \
    ((condition) ? (void)0 : mft_fail_at(__FILE__, __LINE__, "%s", #condition))
#define assert_true(c)         mft_check(c)
#define assert_false(c)        mft_check(!(c))
#define assert_null(p)         mft_check((p) == NULL)
#define assert_non_null(p)     mft_check((p) != NULL)
#define assert_ptr_equal(a, b) mft_check((const void *)(a) == (const void *)(b))
#define assert_int_equal(a, b)                                                                     \
    mft_equal(__FILE__, __LINE__, #a " == " #b, (long long)(a), (long long)(b))
#define assert_int_not_equal(a, b)   mft_check((long long)(a) != (long long)(b))
#define assert_string_equal(a, b)    mft_equal_text(__FILE__, __LINE__, (a), (b))
#define assert_memory_equal(a, b, n) mft_check(memcmp((a), (b), (n)) == 0)
#define assert_in_range(v, low, high)                                                              \
    mft_check((unsigned long long)(v) >= (unsigned long long)(low) &&                              \
              (unsigned long long)(v) <= (unsigned long long)(high))

#endif
