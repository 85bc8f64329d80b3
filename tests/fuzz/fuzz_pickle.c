/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a pickle, within small limits: no crash. What was read can be shown, is equal to its
 * copy, and is written at every protocol so that it is read again as the same; a reader in pieces
 * says what mayfly_loads says.
 */
#include <mayfly/pickle.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 8 << 20 };

#define check(good) check_at((good), __LINE__, #good)

static void check_at(bool good, int line, const char *what) {
    if (!good) {
        fprintf(stderr, "line %d: %s\n", line, what);
        abort();
    }
}

static void check_failure(int r, const mayfly_error *error) {
    check(r < 0 && error->code == r && error->message[0] != '\0');
}

/* nan is not equal to itself in another document, so no value with one is; what is written says
 * whether two values are the same. Returns the bytes, or NULL when they have no such form. */
static char *written(mayfly_doc *doc, mayfly_value value, int protocol, size_t *size) {
    mayfly_error error;
    char *bytes = NULL;
    const int r = mayfly_dumps(doc, value, &(mayfly_dump_options){.protocol = protocol}, &bytes,
                               size, &error);
    if (r < 0) {
        check_failure(r, &error);
        return NULL;
    }
    return bytes;
}

/* A name with dots is written as calls before protocol 4, and read as what it is then: calls. */
static bool same_bytes(const char *a, size_t size_a, const char *b, size_t size_b, int protocol) {
    return protocol < 4 || (size_a == size_b && memcmp(a, b, size_a) == 0);
}

static void write_and_read(mayfly_doc *doc, int protocol) {
    mayfly_auto(mayfly_doc) again = NULL;
    mayfly_error error;
    size_t size = 0, size_again = 0;
    /* without documents, which know how texts were shared where they are no data */
    free(written(doc, mayfly_doc_root(doc), protocol, &size));
    char *bytes = written(NULL, mayfly_doc_root(doc), protocol, &size);
    if (bytes == NULL)
        return;
    const int r = mayfly_loads(
        bytes, size,
        &(mayfly_load_options){.flags = MAYFLY_ONE_ONLY, .max_bytes = (uint64_t)MEMORY * 8}, &again,
        &error);
    check(r == 0);
    char *bytes_again = written(NULL, mayfly_doc_root(again), protocol, &size_again);
    check(bytes_again != NULL && same_bytes(bytes, size, bytes_again, size_again, protocol));
    free(bytes_again);
    free(bytes);
}

static void show(mayfly_doc *doc) {
    mayfly_error error;
    char *text = NULL;
    size_t size = 0;
    const mayfly_value root = mayfly_doc_root(doc);
    const int r =
        mayfly_repr(root, &(mayfly_repr_options){.max_bytes = 1 << 16}, &text, &size, &error);
    check(r == 0 && strlen(text) == size);
    free(text);
}

static void copy(mayfly_doc *doc) {
    mayfly_auto(mayfly_doc) to = NULL;
    mayfly_error error;
    size_t size = 0, size_again = 0;
    check(mayfly_doc_new(NULL, &to, &error) == 0);
    const mayfly_value copied = mayfly_copy(to, mayfly_doc_root(doc));
    check(mayfly_doc_failed(to, &error) == 0);
    check(mayfly_equal(copied, copied, &error) == 1);
    check(mayfly_equal(copied, mayfly_doc_root(doc), &error) >= 0);
    char *bytes = written(NULL, mayfly_doc_root(doc), 5, &size);
    char *again = written(NULL, copied, 5, &size_again);
    check((bytes == NULL) == (again == NULL));
    check(bytes == NULL || (size == size_again && memcmp(bytes, again, size) == 0));
    free(bytes);
    free(again);
}

static void read_in_pieces(const uint8_t *data, size_t size, int r_loads) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_reader *reader = NULL;
    mayfly_value value;
    mayfly_error error;
    FILE *stream = fmemopen((void *)(uintptr_t)data, size, "rb");
    check(stream != NULL && mayfly_doc_new(NULL, &doc, &error) == 0);
    setvbuf(stream, NULL, _IOFBF, 16);
    check(mayfly_reader_stream(doc, stream, &(mayfly_load_options){.max_bytes = MEMORY}, &reader,
                               &error) == 0);
    const int r = mayfly_reader_next(reader, &value, &error);
    if (r < 0)
        check_failure(r, &error);
    /* How much memory reading takes is not the same. */
    if (r != MAYFLY_E_LIMIT && r_loads != MAYFLY_E_LIMIT)
        check((r > 0) == (r_loads == 0));
    while (r > 0 && mayfly_reader_next(reader, &value, &error) > 0)
        ;
    mayfly_reader_close(&reader);
    fclose(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_error error;
    const mayfly_global_use *uses = NULL;
    size_t count = 0;
    if (size == 0)
        return 0;
    const int r =
        mayfly_loads(data, size, &(mayfly_load_options){.max_bytes = MEMORY}, &doc, &error);
    read_in_pieces(data, size, r);
    if (r < 0) {
        check_failure(r, &error);
        check(error.code != MAYFLY_E_PICKLE || error.offset <= (int64_t)size);
        return 0;
    }
    check(mayfly_doc_globals(doc, &uses, &count, &error) == 0);
    show(doc);
    copy(doc);
    for (int protocol = 2; protocol <= 5; protocol++)
        write_and_read(doc, protocol);
    return 0;
}
