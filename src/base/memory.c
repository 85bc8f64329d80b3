/* SPDX-License-Identifier: MIT
 *
 * Scope-bound cleaning, growing buffers, and options that grow with the library.
 */
#define _GNU_SOURCE
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

void mfi_close_fd(const int *fd) {
    if (*fd >= 0)
        (void)mfi_sys.close(*fd); /* on a failing path: the first error is the one that counts */
}

void mfi_free_at(void *pointer_at) {
    free(mfi_take_pointer(pointer_at));
}

void mayfly_free(void *memory) {
    free(memory);
}

const char *mayfly_version(void) {
    return MAYFLY_VERSION;
}

int mfi_buffer_reserve(struct mfi_buffer *buffer, size_t more) {
    if (more > SIZE_MAX / 2 - buffer->size - 1)
        return -ENOMEM;
    const size_t need = buffer->size + more + 1;
    if (need <= buffer->capacity)
        return 0;
    size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity + buffer->capacity / 2;
    if (capacity < need)
        capacity = need;
    char *grown = mfi_sys.realloc(buffer->data, capacity);
    if (grown == NULL)
        return -ENOMEM;
    buffer->data = grown;
    buffer->capacity = capacity;
    return 0;
}

int mfi_buffer_append(struct mfi_buffer *buffer, const void *data, size_t size) {
    int r = mfi_buffer_reserve(buffer, size);
    if (r < 0)
        return r;
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return 0;
}

void mfi_buffer_free(struct mfi_buffer *buffer) {
    free(buffer->data);
    *buffer = (struct mfi_buffer){0};
}

char *mfi_strdup(const char *text) {
    const size_t size = strlen(text) + 1;
    char *copy = mfi_sys.malloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

char *mfi_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return NULL;
    char *text = mfi_sys.malloc((size_t)length + 1);
    if (text == NULL)
        return NULL;
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

int mfi_options_import(void *to, size_t known, const void *from, size_t given,
                       const char *operation, mayfly_error *error) {
    if (from == NULL || given < known)
        memset(to, 0, known);
    if (from == NULL)
        return 0;
    const unsigned char *bytes = from;
    for (size_t i = known; i < given; i++)
        if (bytes[i] != 0)
            return mfi_fail(error, MAYFLY_E_OPTION, operation, NULL,
                            "an option is set that mayfly %s does not know; "
                            "the program was compiled for a newer one",
                            MAYFLY_VERSION);
    memcpy(to, from, given < known ? given : known);
    return 0;
}
