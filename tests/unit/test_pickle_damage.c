/* SPDX-License-Identifier: MIT
 *
 * O6: pickles that were cut off or changed on their way.
 */
#define _GNU_SOURCE
#include "../lib/pickles.h"

static const struct {
    const char *data;
    size_t size;
} whole[] = {
    {B("(lp0\nI1\naF2.5\naL3L\naS'a\\n'\np1\naVb\\u20ac\naNa(dp2\nS'k'\n(I4\nI5\ntsacm\nf\n(tR(d"
       "S'x'\nI01\nsba(icls\nC\na.")},
    {B("]q\0(K\1M\2\1J\3\4\5\6G@\4\0\0\0\0\0\0U\1aX\2\0\0\0bc}q\1(U\1kK\1u(K\1K\2tcm\nf\n)R}be.")},
    {B("\x80\2]q\0(\x88\x89\x8a\1\7\x85\x86N\x87"
       "cm\nC\n)\x81}q\1X\1\0\0\0kK\1sb\x82\1e.")},
};

/* One of each protocol from 0 on; the caller frees it. */
static char *stream_of(int protocol, size_t *ret_size) {
    char *data = NULL;
    if (protocol < 3) {
        data = malloc(whole[protocol].size);
        if (data == NULL)
            abort();
        memcpy(data, whole[protocol].data, *ret_size = whole[protocol].size);
        return data;
    }
    mayfly_auto(mayfly_doc) doc = loaded(whole[1].data, whole[1].size);
    const mayfly_value root = mayfly_doc_root(doc);
    const mayfly_value text = mayfly_str_new(doc, "text", 4);
    mft_ok(mayfly_list_append(doc, root, mayfly_bytes_new(doc, "bytes", 5)));
    mft_ok(mayfly_list_append(doc, root, mayfly_bytearray_new(doc, "bytearray", 9)));
    mft_ok(mayfly_list_append(doc, root, mayfly_frozenset_new(doc, &text, 1)));
    mft_ok(mayfly_list_append(doc, root, mayfly_int_from_text(doc, "0x123456789abcdef01", 19)));
    mft_ok(mayfly_dumps(doc, root, &(mayfly_dump_options){.protocol = protocol}, &data, ret_size,
                        &mft_error));
    return data;
}

static void O6_every_truncation_names_its_offset(void **state) {
    (void)state;
    for (int protocol = 0; protocol <= 5; protocol++) {
        size_t size = 0;
        char *data = stream_of(protocol, &size);
        mayfly_doc *doc = loaded(data, size); /* as a whole, it is good */
        mayfly_doc_free(&doc);
        for (size_t cut = 0; cut < size; cut++) {
            char where[32];
            char *part = malloc(cut + 1); /* of its own, so that reading on would be noticed */
            if (part == NULL)
                abort();
            memcpy(part, data, cut);
            refused(part, cut, NULL, MAYFLY_E_PICKLE);
            assert_true(mft_error.offset >= 0 && mft_error.offset <= (int64_t)cut);
            (void)snprintf(where, sizeof where, "byte %lld: ", (long long)mft_error.offset);
            assert_says(where);
            FILE *stream = fmemopen(part, cut + (cut == 0), "r");
            assert_non_null(stream);
            if (cut > 0) {
                mayfly_doc *none = NULL;
                mft_fails(MAYFLY_E_PICKLE, mayfly_load_stream(stream, NULL, &none, &mft_error));
                assert_says(where);
            }
            assert_int_equal(fclose(stream), 0);
            free(part);
        }
        free(data);
    }
}

static void O4_damage_anywhere_is_told_or_without_effect(void **state) {
    (void)state;
    enum { ROUNDS = 3000 };
    uint32_t seed = 20240229;
    mayfly_auto(mayfly_doc) doc = NULL;
    long told = 0;
    for (int protocol = 0; protocol <= 5; protocol++) {
        size_t size = 0;
        char *data = stream_of(protocol, &size);
        for (int round = 0; round < ROUNDS; round++) {
            const size_t at = mft_random(&seed) % size;
            const char before = data[at];
            data[at] = (char)mft_random(&seed);
            const mayfly_load_options options = {.max_bytes = 1 << 20};
            const int r = mayfly_loads(data, size, &options, &doc, &mft_error);
            if (r == 0) {
                char *text = NULL;
                mft_ok(mayfly_repr(mayfly_doc_root(doc), NULL, &text, NULL, &mft_error));
                free(text);
            } else if ((r != MAYFLY_E_PICKLE && r != MAYFLY_E_LIMIT) || mft_error.code != r)
                fail_msg("seed 20240229, protocol %d, round %d: %d", protocol, round, r);
            told += r < 0;
            data[at] = before;
        }
        free(data);
    }
    assert_in_range(told, ROUNDS, 6 * ROUNDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(O6_every_truncation_names_its_offset),
        MFT(O4_damage_anywhere_is_told_or_without_effect),
    };
    return MFT_MAIN(tests);
}
