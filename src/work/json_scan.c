/* SPDX-License-Identifier: MIT
 *
 * The values of a JSON file, one by one: the elements of an array, or values that follow each other
 * (JSON lines).
 *
 * States      BEGIN -> FIRST -> NEXT -> END   an array
 *             BEGIN -> VALUES -> END          no array
 *             any -> failed, for good
 * How         jansson reads a value from a window of the file, which holds that one value and what
 *             was read beyond it, and says where it ended. What is given on is the text in the
 *             window: jansson's numbers are doubles and words of 64 bits, the text's are not.
 * Rejected    json_load of the whole file, which takes a multiple of its size in memory.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "batch_records.h"
#include "window.h"

#ifdef MFI_HAVE_JSON
#include <jansson.h>

enum { FIRST_BUFFER = 64 * 1024 };
enum state { BEGIN, FIRST, NEXT, VALUES, END };

struct mfi_json {
    struct mfi_window in;
    int own; /* not the standard input */
    enum state state;
    uint64_t max_size;
    size_t fed; /* of what is in the window, how many jansson has */
    uint64_t number;
    mayfly_error why; /* code 0: nothing has failed */
};

int mfi_json_supported(mayfly_error *error) {
    (void)error;
    return 0;
}

void mfi_json_close(struct mfi_json **json) {
    if (*json == NULL)
        return;
    struct mfi_json *ending = mfi_take(*json);
    if (ending->own)
        mfi_close_fd(&ending->in.fd);
    free(ending->in.path);
    free(ending->in.buffer);
    free(ending);
}

int mfi_json_open(const char *path, uint64_t max_size, struct mfi_json **ret, mayfly_error *error) {
    const int own = strcmp(path, "-") != 0;
    __attribute__((cleanup(mfi_json_close))) struct mfi_json *json =
        mfi_sys.calloc(1, sizeof *json);
    if (json == NULL)
        return mfi_fail_memory(error, sizeof *json);
    json->own = own;
    json->max_size = max_size;
    json->in.fd = own ? mfi_sys.openat(AT_FDCWD, path, O_RDONLY | O_NOCTTY | O_CLOEXEC, 0) : 0;
    if (json->in.fd < 0)
        return mfi_fail_call(error, json->in.fd, "openat", path, -1);
    json->in.path = mfi_strdup(path);
    if (json->in.path == NULL)
        return mfi_fail_memory(error, strlen(path));
    *ret = mfi_take(json);
    return 0;
}

/* `at`: bytes from the start of the window on. */
static int fail_here(struct mfi_json *json, int at, int code, const char *what) {
    return mfi_fail_at(&json->why, code, "json", json->in.path, json->in.offset + (at < 0 ? 0 : at),
                       "record %llu: %s", (unsigned long long)json->number + 1, what);
}

/* ---- the window ------------------------------------------------------------------------------ */

/* 1: there is more in the window, 0: the input has ended, or a failure. */
static int read_more(struct mfi_json *json) {
    if (json->in.end_of_input)
        return 0;
    if (json->in.size - json->in.start >= json->max_size)
        return fail_here(json, 0, -EFBIG, "longer than max_record");
    return mfi_window_read(&json->in, FIRST_BUFFER, &json->why);
}

/* jansson's callback. */
static size_t feed(void *to, size_t size, void *context) {
    struct mfi_json *json = context;
    size_t ready = json->in.size - json->in.start - json->fed;
    if (ready == 0) {
        const int r = read_more(json);
        if (r <= 0)
            return r < 0 ? (size_t)-1 : 0;
        ready = json->in.size - json->in.start - json->fed;
    }
    const size_t n = ready < size ? ready : size;
    memcpy(to, json->in.buffer + json->in.start + json->fed, n);
    json->fed += n;
    return n;
}

static void consume(struct mfi_json *json, size_t size) {
    json->in.start += size;
    json->in.offset += (int64_t)size;
}

/* The next byte that is no white space, left where it is; -1: the input has ended, -2: it failed */
static int look(struct mfi_json *json) {
    for (;;) {
        for (; json->in.start < json->in.size; consume(json, 1))
            if (memchr(" \t\r\n", json->in.buffer[json->in.start], 4) == NULL)
                return (unsigned char)json->in.buffer[json->in.start];
        const int r = read_more(json);
        if (r <= 0)
            return r == 0 ? -1 : -2;
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

/* One value, from the next byte on. 1, or a failure. */
static int read_value(struct mfi_json *json, struct mfi_json_value *ret) {
    json_error_t why;
    json->fed = 0;
    /* A large int is no int to jansson; what it makes of it is not used. */
    json_t *value = json_load_callback(
        feed, json,
        JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &why);
    if (json->why.code != 0) {
        json_decref(value);
        return json->why.code;
    }
    if (value == NULL && json_error_code(&why) == json_error_out_of_memory)
        return mfi_fail_memory(&json->why, 0);
    if (value == NULL)
        return fail_here(json, why.position, MAYFLY_E_SYNTAX, why.text);
    if ((uint64_t)why.position > json->max_size) {
        json_decref(value);
        return fail_here(json, 0, -EFBIG, "longer than max_record");
    }
    *ret = (struct mfi_json_value){.text = json->in.buffer + json->in.start,
                                   .size = (size_t)why.position,
                                   .is_object = json_is_object(value),
                                   .offset = json->in.offset,
                                   .number = ++json->number};
    json_decref(value);
    consume(json, ret->size);
    return 1;
}

static int begin(struct mfi_json *json) {
    static const char mark[] = "\xef\xbb\xbf";
    int c = look(json);
    if (c == 0xef) {
        while (json->in.size - json->in.start < 3 && read_more(json) > 0)
            continue;
        if (json->in.size - json->in.start >= 3 &&
            memcmp(json->in.buffer + json->in.start, mark, 3) == 0) {
            consume(json, 3);
            c = look(json);
        }
    }
    json->state = c == '[' ? FIRST : VALUES;
    if (c == '[')
        consume(json, 1);
    return c == -2 ? json->why.code : 0;
}

/* After the array's end there is nothing. */
static int end_array(struct mfi_json *json) {
    consume(json, 1);
    json->state = END;
    const int c = look(json);
    if (c >= 0)
        return fail_here(json, 0, MAYFLY_E_SYNTAX, "something follows the end of the array");
    return c == -1 ? 0 : json->why.code;
}

static int next(struct mfi_json *json, struct mfi_json_value *ret) {
    const int r = json->state == BEGIN ? begin(json) : 0;
    if (r < 0 || json->state == END)
        return r;
    int c = look(json);
    if (c == -2)
        return json->why.code;
    if (json->state == VALUES)
        return c == -1 ? 0 : read_value(json, ret);
    if (c == ']')
        return end_array(json);
    if (json->state == NEXT) {
        if (c != ',')
            return fail_here(json, 0, MAYFLY_E_SYNTAX,
                             c == -1 ? "the array does not end" : "a comma or ] is missing");
        consume(json, 1);
        c = look(json);
        if (c == -2)
            return json->why.code;
    }
    json->state = NEXT;
    return c == -1 ? fail_here(json, 0, MAYFLY_E_SYNTAX, "the array does not end")
                   : read_value(json, ret);
}

int mfi_json_next(struct mfi_json *json, struct mfi_json_value *ret, mayfly_error *error) {
    const int r = json->why.code != 0 ? json->why.code : next(json, ret);
    if (r < 0 && error != NULL)
        *error = json->why;
    return r;
}

#else

int mfi_json_supported(mayfly_error *error) {
    return mfi_fail(error, -ENOTSUP, "batch", NULL,
                    "the library was built without jansson, which reads JSON");
}

int mfi_json_open(const char *path, uint64_t max_size, struct mfi_json **ret, mayfly_error *error) {
    (void)path;
    (void)max_size;
    (void)ret;
    return mfi_json_supported(error);
}

int mfi_json_next(struct mfi_json *json, struct mfi_json_value *ret, mayfly_error *error) {
    (void)json;
    (void)ret;
    return mfi_json_supported(error);
}

void mfi_json_close(struct mfi_json **json) {
    (void)json;
}

#endif
