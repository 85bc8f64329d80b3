/* SPDX-License-Identifier: MIT
 *
 * A temporary cache for fetched pages: tempfile-guide.md TemporaryCache and scrape_with_cache.
 * There is no network here; the pages come from a table, and one of them cannot be had.
 */
#include "example.h"

#include <time.h>

static const char *const conference_urls[] = {
    "https://example.com/eccmid/sessions",
    "https://example.com/idweek/posters",
    "https://example.com/escmid/abstracts",
};
enum { URLS = 3 };

static int fetched; /* how often the "network" was asked */

/* requests.get(url): makes the response that is cached. */
static int fetch(void *context, mayfly_doc *doc, mayfly_error *problem) {
    const char *url = context;
    if (strstr(url, "escmid") != NULL) {
        *problem = (mayfly_error){.code = -ECONNREFUSED, .message = "connection refused"};
        return -ECONNREFUSED;
    }
    fetched++;
    const mayfly_value response = mayfly_dict_new(doc), headers = mayfly_dict_new(doc);
    mayfly_dict_put(doc, headers, "Content-Type", mayfly_str_new(doc, "text/html", MAYFLY_ALL));
    mayfly_dict_put(doc, response, "url", mayfly_str_new(doc, url, MAYFLY_ALL));
    mayfly_dict_put(doc, response, "status_code", mayfly_int_new(doc, 200));
    mayfly_dict_put(doc, response, "headers", headers);
    mayfly_dict_put(doc, response, "content", mayfly_str_new(doc, "<html></html>", MAYFLY_ALL));
    mayfly_dict_put(doc, response, "timestamp", mayfly_float_new(doc, (double)time(NULL)));
    mayfly_doc_set_root(doc, response);
    return mayfly_doc_failed(doc, problem);
}

/* Returns how many pages there are. */
static int scrape_with_cache(mayfly_cache *cache) {
    int results = 0;
    for (size_t i = 0; i < URLS; i++) {
        mayfly_auto(mayfly_doc) page = NULL;
        char url[64];
        (void)snprintf(url, sizeof url, "%s", conference_urls[i]);
        printf("Processing: %s\n", url);
        const int r =
            mayfly_cache_get_or_build(cache, url, strlen(url), fetch, url, NULL, &page, &error);
        if (r < 0) {
            printf("Error fetching %s: %s\n", url, error.message); /* and nothing is cached */
            continue;
        }
        printf("%s: %s\n", r == 1 ? "Cache hit" : "Cached", url);
        expect(strcmp(mayfly_str_get(mayfly_get(mayfly_doc_root(page), "url"), NULL), url) == 0,
               "a page is that of its address");
        results++;
    }
    return results;
}

/* The same by hand, with bytes: get, and put what was not there. */
static void with_bytes(mayfly_cache *cache) {
    char *data = NULL;
    size_t size = 0;
    expect(try(mayfly_cache_get(cache, "key", 3, &data, &size, &error)) == 0, "a miss");
    const mayfly_cache_put_options for_a_minute = {.ttl_ms = 60 * 1000};
    try(mayfly_cache_put(cache, "key", 3, "any bytes", 9, &for_a_minute, &error));
    expect(try(mayfly_cache_get(cache, "key", 3, &data, &size, &error)) == 1, "a hit");
    expect(size == 9 && memcmp(data, "any bytes", 9) == 0, "the bytes that were put");
    free(data);
}

int main(void) {
    mayfly_auto(mayfly_cache) cache = NULL;
    const int r = mayfly_cache_open(
        &(mayfly_cache_options){.prefix = "scraping_cache_", .ttl_ms = 3600 * 1000}, &cache,
        &error);
    if (r == -ENOTSUP) {
        puts("this library was built without libsodium: no caches");
        return 0;
    }
    try(r);
    printf("Cache directory: %s\n", mayfly_cache_path(cache));
    expect(scrape_with_cache(cache) == 2, "two pages are there");
    expect(scrape_with_cache(cache) == 2 && fetched == 2, "each was fetched once");
    with_bytes(cache);

    mayfly_cache_statistics s;
    try(mayfly_cache_stats(cache, &s, &error));
    printf("%llu hits, %llu misses\n", (unsigned long long)s.hits, (unsigned long long)s.misses);
    try(mayfly_cache_clear(cache, &error));
    puts("Cache cleared");
    return 0; /* and its directory goes with the handle */
}
