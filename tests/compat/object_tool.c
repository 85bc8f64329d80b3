/* SPDX-License-Identifier: MIT
 *
 * Does with pickles what it is told on standard input, for the comparison with CPython
 * (object_cpython.py). All numbers are little-endian.
 *
 *     request   command (1 byte), protocol (1), flags (2), length (4), so many bytes of data
 *     reply     status (1), length (4), so many bytes
 *
 *     status    0 done; 1 the pickle could not be loaded; 2 what came after loading failed. Then
 *               the bytes are "code offset message".
 *     flags     bits 0-4 MAYFLY_BORROW, ...; 5 a small limit of memory; 6-7 mayfly_strings;
 *               8 no_fix_imports; 9 into a document that was used before; 10 all (disassemble);
 *               11 through a FILE, 12 from memory (stream); 13 plain (build)
 *
 *     D  load, dump              R  load, repr              T  load, text
 *     L  load                    I  disassemble             G  load, globals, a line each
 *     E  two pickles (the length of the first before them): "1" when they are equal
 *     C  load, copy into a second document, dump that       W  load, look at all of it
 *     @  a path (its length before it) and a pickle: the repr of what is there
 *     S  read pickle after pickle through a pipe, in pieces of a size that stands before them:
 *        each dumped, with its length
 *     B  a seed: build something, dump        b  the same, repr
 */
#define _GNU_SOURCE
#include "object_tool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOAD_FLAGS = 0x1f,
    SMALL = 1 << 5,
    STRINGS_SHIFT = 6,
    NO_FIX = 1 << 8,
    REUSE = 1 << 9,
    ALL = 1 << 10,
    BY_FILE = 1 << 11,
    BY_MEMORY = 1 << 12,
    PLAIN = 1 << 13,
    KEEP = 1 << 14,
};

struct request {
    uint8_t command, protocol;
    unsigned flags;
    size_t size;
    char *data;
};

struct reply {
    uint8_t status;
    char *data;
    size_t size, capacity;
};

static mayfly_doc *used; /* the document of REUSE */

static int add(void *context, const void *data, size_t size) {
    struct reply *reply = context;
    while (reply->size + size > reply->capacity) {
        reply->capacity = reply->capacity * 2 + 4096;
        reply->data = realloc(reply->data, reply->capacity);
        if (reply->data == NULL)
            abort();
    }
    if (size > 0)
        memcpy(reply->data + reply->size, data, size);
    reply->size += size;
    return 0;
}

static uint32_t get_u32(const void *from) {
    const uint8_t *p = from;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_u32(uint8_t *to, size_t value) {
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

/* An error's code must be what was returned, and it must say something. */
static void fail(struct reply *reply, uint8_t status, int code, const mayfly_error *error) {
    char text[64];
    if (code >= 0 || error->code != code || error->message[0] == '\0')
        abort();
    reply->status = status;
    reply->size = 0;
    snprintf(text, sizeof text, "%d %lld ", code, (long long)error->offset);
    add(reply, text, strlen(text));
    add(reply, error->message, strlen(error->message));
}

static mayfly_load_options options_of(const struct request *request) {
    return (mayfly_load_options){
        .flags = (request->flags & LOAD_FLAGS) | (request->flags & KEEP ? MAYFLY_KEEP_MEMO : 0),
        .strings = (mayfly_strings)(request->flags >> STRINGS_SHIFT & 3),
        .no_fix_imports = (request->flags & NO_FIX) != 0,
        .max_bytes = request->flags & SMALL ? (uint64_t)64 << 20 : (uint64_t)2 << 30,
    };
}

static int load(const struct request *request, const void *data, size_t size, mayfly_doc **doc,
                struct reply *reply) {
    mayfly_error error;
    const mayfly_load_options options = options_of(request);
    const int r = mayfly_loads(data, size, &options, doc, &error);
    if (r < 0)
        fail(reply, 1, r, &error);
    return r;
}

static void dump(mayfly_doc *doc, mayfly_value value, int protocol, struct reply *reply) {
    mayfly_error error;
    char *data = NULL;
    size_t size = 0;
    const int r = mayfly_dumps(doc, value, &(mayfly_dump_options){.protocol = protocol}, &data,
                               &size, &error);
    if (r < 0)
        fail(reply, 2, r, &error);
    else
        add(reply, data, size);
    free(data);
}

/* The same in pieces, which must give the same bytes. */
static void dump_twice(mayfly_doc *doc, mayfly_value value, int protocol, struct reply *reply) {
    struct reply pieces = {0};
    mayfly_error error;
    dump(doc, value, protocol, reply);
    const int r = mayfly_dump_to(doc, value, &(mayfly_dump_options){.protocol = protocol}, add,
                                 &pieces, &error);
    if ((r < 0) != (reply->status != 0) ||
        (r == 0 && (pieces.size != reply->size ||
                    (pieces.size > 0 && memcmp(pieces.data, reply->data, pieces.size) != 0))))
        abort();
    free(pieces.data);
}

static void repr(mayfly_value value, struct reply *reply) {
    mayfly_error error;
    char *text = NULL;
    size_t size = 0;
    const int r = mayfly_repr(value, NULL, &text, &size, &error);
    if (r < 0)
        fail(reply, 2, r, &error);
    else if (strlen(text) != size)
        abort();
    else
        add(reply, text, size);
    free(text);
}

static void text(mayfly_value value, struct reply *reply) {
    mayfly_error error;
    char *string = NULL;
    const int r = mayfly_text(value, &string, &error);
    if (r < 0)
        fail(reply, 2, r, &error);
    else
        add(reply, string, strlen(string));
    free(string);
}

static void globals(mayfly_doc *doc, struct reply *reply) {
    const mayfly_global_use *uses = NULL;
    size_t count = 0;
    mayfly_error error;
    const int r = mayfly_doc_globals(doc, &uses, &count, &error);
    if (r < 0) {
        fail(reply, 2, r, &error);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char where[64];
        snprintf(where, sizeof where, " %u %llu\n", uses[i].flags,
                 (unsigned long long)uses[i].offset);
        add(reply, uses[i].module, strlen(uses[i].module));
        add(reply, " ", 1);
        add(reply, uses[i].name, strlen(uses[i].name));
        add(reply, where, strlen(where));
    }
}

static void disassemble(const struct request *request, struct reply *reply) {
    mayfly_error error;
    const int r = mayfly_disassemble(request->data, request->size, (request->flags & ALL) != 0, add,
                                     reply, &error);
    if (r < 0) {
        /* The lines stay; the reason comes after them. */
        char code[32];
        snprintf(code, sizeof code, "\n%d ", r);
        add(reply, code, strlen(code));
        add(reply, error.message, strlen(error.message));
        reply->status = 2;
    }
}

static void copy(mayfly_doc *from, int protocol, struct reply *reply) {
    mayfly_auto(mayfly_doc) to = NULL;
    mayfly_error error;
    if (mayfly_doc_new(NULL, &to, &error) < 0)
        abort();
    const mayfly_value value = mayfly_copy(to, mayfly_doc_root(from));
    const int r = mayfly_doc_failed(to, &error);
    if (r < 0)
        fail(reply, 2, r, &error);
    else
        dump(to, value, protocol, reply);
}

static void equal(const struct request *request, struct reply *reply) {
    mayfly_auto(mayfly_doc) a = NULL;
    mayfly_auto(mayfly_doc) b = NULL;
    mayfly_error error;
    const size_t first = request->size >= 4 ? get_u32(request->data) : SIZE_MAX;
    if (first > request->size - 4)
        abort();
    if (load(request, request->data + 4, first, &a, reply) < 0 ||
        load(request, request->data + 4 + first, request->size - 4 - first, &b, reply) < 0)
        return;
    const int r = mayfly_equal(mayfly_doc_root(a), mayfly_doc_root(b), &error);
    if (r < 0)
        fail(reply, 2, r, &error);
    else
        add(reply, r == 1 ? "1" : "0", 1);
    if (r >= 0 && mayfly_equal(mayfly_doc_root(b), mayfly_doc_root(a), &error) != r)
        abort();
}

static void at(const struct request *request, struct reply *reply) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_error error;
    mayfly_value found = {0};
    const size_t length = request->size >= 4 ? get_u32(request->data) : SIZE_MAX;
    if (length > request->size - 4)
        abort();
    char *path = strndup(request->data + 4, length);
    if (load(request, request->data + 4 + length, request->size - 4 - length, &doc, reply) == 0) {
        const int r = mayfly_at(mayfly_doc_root(doc), path, &found, &error);
        if (r < 0)
            fail(reply, 2, r, &error);
        else
            repr(found, reply);
    }
    free(path);
}

/* ---- streams --------------------------------------------------------------------------------- */

struct feed {
    int fd;
    const char *data;
    size_t size, piece;
};

static void *feed(void *context) {
    const struct feed *f = context;
    for (size_t done = 0; done < f->size;) {
        const size_t left = f->size - done;
        const ssize_t n = write(f->fd, f->data + done, left < f->piece ? left : f->piece);
        if (n < 0)
            break; /* the reader has given up */
        done += (size_t)n;
    }
    close(f->fd);
    return NULL;
}

static void read_all(mayfly_doc *doc, mayfly_reader *reader, int protocol, size_t size,
                     struct reply *reply) {
    mayfly_value value;
    mayfly_error error, again;
    int r;
    while ((r = mayfly_reader_next(reader, &value, &error)) > 0) {
        struct reply one = {0};
        uint8_t length[4];
        dump(doc, value, protocol, &one);
        put_u32(length, one.size);
        add(reply, length, sizeof length);
        add(reply, one.data, one.size);
        free(one.data);
        if (one.status != 0 || !mayfly_same(value, mayfly_doc_root(doc))) {
            reply->status = 2;
            return;
        }
    }
    if (r == 0) {
        if (mayfly_reader_offset(reader) != size)
            abort();
    } else {
        if (mayfly_reader_next(reader, &value, &again) != r)
            abort();
        fail(reply, 1, r, &error);
    }
}

static void stream(const struct request *request, struct reply *reply) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_reader *reader = NULL;
    const mayfly_load_options options = options_of(request);
    mayfly_error error;
    FILE *file = NULL;
    pthread_t thread;
    int ends[2], r;
    if (request->size < 4 || pipe(ends) < 0 || mayfly_doc_new(NULL, &doc, NULL) < 0)
        abort();
    struct feed f = {ends[1], request->data + 4, request->size - 4, get_u32(request->data)};
    if (pthread_create(&thread, NULL, feed, &f) != 0)
        abort();
    if (request->flags & BY_MEMORY)
        r = mayfly_reader_memory(doc, f.data, f.size, &options, &reader, &error);
    else if (request->flags & BY_FILE)
        r = (file = fdopen(ends[0], "rb")) == NULL
                ? -1
                : mayfly_reader_stream(doc, file, &options, &reader, &error);
    else
        r = mayfly_reader_fd(doc, ends[0], &options, &reader, &error);
    if (r < 0)
        abort();
    read_all(doc, reader, request->protocol, f.size, reply);
    mayfly_reader_close(&reader);
    if (file != NULL)
        fclose(file);
    else
        close(ends[0]);
    pthread_join(thread, NULL);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void build(const struct request *request, struct reply *reply) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_error error;
    if (request->size != 4 || mayfly_doc_new(NULL, &doc, &error) < 0)
        abort();
    const mayfly_value value =
        object_build(doc, get_u32(request->data), (request->flags & PLAIN) != 0);
    mayfly_doc_set_root(doc, value);
    const int r = mayfly_doc_failed(doc, &error);
    if (r < 0)
        fail(reply, 2, r, &error);
    else if (request->command == 'B')
        dump_twice(doc, value, request->protocol, reply);
    else
        repr(value, reply);
}

static void with_document(const struct request *request, mayfly_doc *doc, struct reply *reply) {
    char sum[32];
    const mayfly_value root = mayfly_doc_root(doc);
    switch (request->command) {
    case 'D':
        dump_twice(doc, root, request->protocol, reply);
        break;
    case 'R':
        repr(root, reply);
        break;
    case 'T':
        text(root, reply);
        break;
    case 'G':
        globals(doc, reply);
        break;
    case 'C':
        copy(doc, request->protocol, reply);
        break;
    case 'W':
        snprintf(sum, sizeof sum, "%llu", (unsigned long long)object_walk(root));
        add(reply, sum, strlen(sum));
        break;
    case 'L':
        break;
    default:
        abort();
    }
}

static void answer(const struct request *request, struct reply *reply) {
    mayfly_auto(mayfly_doc) own = NULL;
    mayfly_doc **doc = request->flags & REUSE ? &used : &own;
    switch (request->command) {
    case 'I':
        disassemble(request, reply);
        break;
    case 'E':
        equal(request, reply);
        break;
    case '@':
        at(request, reply);
        break;
    case 'S':
        stream(request, reply);
        break;
    case 'B':
    case 'b':
        build(request, reply);
        break;
    default:
        if (load(request, request->data, request->size, doc, reply) == 0)
            with_document(request, *doc, reply);
    }
}

int main(void) {
    uint8_t head[8];
    signal(SIGPIPE, SIG_IGN); /* of a stream that is damaged */
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        struct reply reply = {0};
        struct request request = {.command = head[0],
                                  .protocol = head[1],
                                  .flags = (unsigned)head[2] | (unsigned)head[3] << 8,
                                  .size = get_u32(head + 4)};
        /* Exactly of its size, so that a sanitizer sees a byte read too far. */
        request.data = malloc(request.size > 0 ? request.size : 1);
        if (request.data == NULL || fread(request.data, 1, request.size, stdin) != request.size)
            return 1;
        answer(&request, &reply);
        head[0] = reply.status;
        put_u32(head + 1, reply.size);
        if (fwrite(head, 1, 5, stdout) != 5 ||
            (reply.size > 0 && fwrite(reply.data, 1, reply.size, stdout) != reply.size) ||
            fflush(stdout) != 0)
            return 1;
        free(request.data);
        free(reply.data);
    }
    mayfly_doc_free(&used);
    return 0;
}
