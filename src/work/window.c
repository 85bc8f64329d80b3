/* SPDX-License-Identifier: MIT
 *
 * Reading into a window.
 */
#define _GNU_SOURCE
#include "window.h"

static int make_room(struct mfi_window *w, size_t first, mayfly_error *error) {
    if (w->start > 0) {
        memmove(w->buffer, w->buffer + w->start, w->size - w->start);
        w->size -= w->start;
        w->start = 0;
    }
    if (w->size < w->capacity)
        return 0;
    const size_t capacity = w->capacity == 0 ? first : w->capacity * 2;
    char *buffer = mfi_sys.realloc(w->buffer, capacity);
    if (buffer == NULL)
        return mfi_fail_memory(error, capacity);
    w->buffer = buffer;
    w->capacity = capacity;
    return 0;
}

int mfi_window_read(struct mfi_window *w, size_t first, mayfly_error *error) {
    const int r = make_room(w, first, error);
    if (r < 0)
        return r;
    const ssize_t n = mfi_sys.read(w->fd, w->buffer + w->size, w->capacity - w->size);
    if (n < 0)
        return mfi_fail_call(error, (int)n, "read", w->path, -1);
    w->end_of_input = n == 0;
    w->size += (size_t)n;
    return n > 0;
}
