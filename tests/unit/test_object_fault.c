/* SPDX-License-Identifier: MIT
 *
 * O6: values and pickles when there is no memory: told, or done without, and never a wrong result.
 */
#define _GNU_SOURCE
#include "../lib/pickles.h"

#include <errno.h>

#include "../lib/fault.h"

/* Globals, calls, an instance with a state, sets, numbers far apart in the memo, a call out of the
 * memo that is computed, text with escapes. */
static const char stream[] =
    "\200\4](cdatetime\ndate\n\224C\4\7\350\2\35\205R"
    "cshop\nOrder\n)\201}(\214\1a\224K\1\214\1b\224K\2\214\1c\224K\3\214\1d\224K\4ub"
    "\217(K\1K\2K\3K\4K\5K\6K\7K\10K\11\214\1x\220"
    "(K\1K\2\221r\377\377\377\377"
    "cbuiltins\ngetattr\nh\0\214\1f\206R"
    "(NK\1K\2K\3t\212\11\1\2\3\4\5\6\7\10\11"
    "V\\u20ac\n"
    "(icls\nInst\n"
    "e.";

static mayfly_doc *sample(void) {
    mayfly_doc *doc = NULL;
    mft_ok(mayfly_loads(B(stream), NULL, &doc, &mft_error));
    return doc;
}

/* Runs a scene with its n-th allocation refused, then with all from the n-th on, until none is. */
static void starve(int (*scene)(void *context, mayfly_error *error), void *context, long least) {
    for (int onward = 0; onward < 2; onward++)
        for (long n = 1;; n++) {
            mft_error = (mayfly_error){.code = 0};
            mft_fault_refuse("memory", n, -ENOMEM, onward);
            const int r = scene(context, &mft_error);
            const long refused = mft_fault_refused();
            mft_fault_end();
            if ((r != 0 && r != -ENOMEM) || mft_error.code != r)
                fail_msg("allocation %ld (onward %d): %d, error.code %d: %s", n, onward, r,
                         mft_error.code, mft_error.message);
            if (refused == 0) {
                assert_true(n > least);
                break;
            }
        }
}

static int load_it(void *context, mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    const mayfly_global_use *uses = NULL;
    size_t count = 0;
    (void)context;
    int r = mayfly_loads(B(stream), NULL, &doc, error);
    if (r == 0)
        r = mayfly_loads(B(stream), NULL, &doc, error);
    if (r == 0)
        r = mayfly_doc_globals(doc, &uses, &count, error);
    if (r == 0 && count != 5)
        r = -EPROTO;
    return r;
}

static void O6_loading_without_memory_says_so(void **state) {
    (void)state;
    starve(load_it, NULL, 10);
}

static int copy_it(void *context, mayfly_error *error) {
    mayfly_auto(mayfly_doc) copy = NULL;
    int r = mayfly_doc_new(NULL, &copy, error);
    if (r < 0)
        return r;
    const mayfly_value v = mayfly_copy(copy, mayfly_doc_root(context));
    r = mayfly_doc_failed(copy, error);
    if ((v.bits == 0) != (r < 0))
        return -EPROTO;
    if (r == 0) {
        r = mayfly_equal(v, mayfly_doc_root(context), error);
        r = r == 0 ? -EPROTO : r > 0 ? 0 : r;
    }
    return r;
}

static void O6_copying_and_comparing_without_memory_says_so(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = sample();
    starve(copy_it, doc, 5);
}

static int print_it(void *context, mayfly_error *error) {
    char *text = NULL;
    mayfly_value date = {0};
    int r = mayfly_repr(mayfly_doc_root(context), NULL, &text, NULL, error);
    free(text);
    text = NULL;
    if (r == 0)
        r = mayfly_at(mayfly_doc_root(context), "/0", &date, error);
    if (r == 0)
        r = mayfly_text(date, &text, error);
    if (r == 0 && strcmp(text, "2024-02-29") != 0)
        r = -EPROTO;
    free(text);
    return r;
}

static void O6_printing_without_memory_says_so(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = sample();
    starve(print_it, doc, 3);
}

static int take_nothing(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return 0;
}

static int list_it(void *context, mayfly_error *error) {
    (void)context;
    return mayfly_disassemble(B(stream), true, take_nothing, NULL, error);
}

static void O6_disassembling_without_memory_says_so(void **state) {
    (void)state;
    starve(list_it, NULL, 3);
}

static int allow_it(void *context, mayfly_error *error) {
    mayfly_auto(mayfly_policy) policy = NULL;
    mayfly_auto(mayfly_doc) doc = NULL;
    (void)context;
    int r = mayfly_policy_new("datetime date\n", MAYFLY_ALL, &policy, error);
    if (r == 0)
        r = mayfly_loads(B("cdatetime\ndate\n."), NULL, &doc, error);
    return r < 0 ? r : mayfly_doc_check(doc, policy, error);
}

static void O6_a_policy_without_memory_allows_nothing(void **state) {
    (void)state;
    starve(allow_it, NULL, 5);
}

/* A document at its limit, whatever the limit is. */
static void O4_every_limit_of_memory_is_told_and_kept(void **state) {
    (void)state;
    uint64_t enough = 0;
    for (uint64_t most = 1; enough == 0; most += 64) {
        mayfly_auto(mayfly_doc) doc = NULL;
        const int r =
            mayfly_loads(B(stream), &(mayfly_load_options){.max_bytes = most}, &doc, &mft_error);
        if (r == 0)
            enough = most;
        else
            assert_int_equal(r, MAYFLY_E_LIMIT);
        assert_true(doc == NULL || mayfly_doc_bytes(doc) <= most);
        assert_true(most < 1 << 20);
    }
    assert_true(enough > 1000);
}

static int set_of_equals(void *context, mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    (void)context;
    const int r = mayfly_loads(B("\217((K\1K\2K\3t(K\1K\2K\3t\220."), NULL, &doc, error);
    return r == 0 && mayfly_count(mayfly_doc_root(doc)) != 1 ? -EPROTO : r;
}

static void O6_equal_items_are_one_or_memory_is_told(void **state) {
    (void)state;
    starve(set_of_equals, NULL, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(O6_loading_without_memory_says_so),
        MFT(O6_copying_and_comparing_without_memory_says_so),
        MFT(O6_printing_without_memory_says_so),
        MFT(O6_disassembling_without_memory_says_so),
        MFT(O6_a_policy_without_memory_allows_nothing),
        MFT(O4_every_limit_of_memory_is_told_and_kept),
        MFT(O6_equal_items_are_one_or_memory_is_told),
    };
    return MFT_MAIN(tests);
}
