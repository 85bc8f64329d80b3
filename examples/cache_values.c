/* SPDX-License-Identifier: MIT
 *
 * A cache of what was computed: bytes and values, each computed once however many want it;
 * tempfile-guide.md TemporaryCache.
 */
#include "example.h"

static int computed;

static int square(void *context, char **ret, size_t *ret_size, mayfly_error *to) {
    (void)to;
    computed++;
    const int length = asprintf(ret, "%d", *(int *)context * *(int *)context);
    if (length < 0)
        return -ENOMEM;
    *ret_size = (size_t)length;
    return 0;
}

int main(void) {
    mayfly_cache *cache = NULL;
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) found = NULL;
    int seven = 7;
    size_t size;
    try(mayfly_cache_open(NULL, &cache, &error));
    for (int i = 0; i < 3; i++) {
        char *text = NULL;
        try(mayfly_cache_get_or_compute(cache, "7", 1, square, &seven, NULL, &text, &size, &error));
        expect(strcmp(text, "49") == 0, "7 * 7");
        free(text);
    }
    expect(computed == 1, "once");

    try(mayfly_doc_new(NULL, &doc, &error));
    const mayfly_value list = mayfly_list_new(doc);
    try(mayfly_list_append(doc, list, mayfly_int_new(doc, 49)));
    try(mayfly_cache_put_value(cache, "list", 4, doc, list, NULL, &error));
    expect(mayfly_cache_get_value(cache, "list", 4, &found, &error) == 1, "a hit");
    expect(mayfly_equal(mayfly_doc_root(found), list, &error) == 1, "the same list");
    expect(mayfly_cache_remove(cache, "list", 4, &error) == 1, "it was there");
    try(mayfly_cache_close(&cache, &error)); /* and the cache goes with it */
    return 0;
}
