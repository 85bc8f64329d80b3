/* SPDX-License-Identifier: MIT
 *
 * Reading what mayfly inspect looks at, by the rules by which mayfly_load_path does, which itself
 * loads the first pickle of a file and no other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "inspect.h"

enum { FIRST_ROOM = 64 << 10 };

/* Room for at least one more byte, and never for more than one beyond what is allowed. */
static int make_room(struct inspect_input *input, size_t *capacity, uint64_t max_bytes) {
    if (input->size < *capacity)
        return EXIT_OK;
    size_t wanted = *capacity == 0 ? FIRST_ROOM : 2 * *capacity;
    if (wanted > max_bytes)
        wanted = (size_t)max_bytes + 1;
    char *grown = realloc(input->data, wanted);
    if (grown == NULL)
        return cli_say(EXIT_FAILED, "%s: no memory for %zu bytes", input->name, wanted);
    input->data = grown;
    *capacity = wanted;
    return EXIT_OK;
}

static int read_all(int fd, uint64_t max_bytes, struct inspect_input *input) {
    size_t capacity = 0;
    for (;;) {
        const int r = make_room(input, &capacity, max_bytes);
        if (r != EXIT_OK)
            return r;
        const ssize_t n = read(fd, input->data + input->size, capacity - input->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cli_say(EXIT_FAILED, "%s: %s", input->name, strerror(errno));
        if (n == 0)
            return EXIT_OK;
        input->size += (size_t)n;
        if (input->size > max_bytes)
            return cli_say(EXIT_FAILED,
                           "%s: it has more than the %llu bytes that are allowed; "
                           "--max-bytes allows more",
                           input->name, (unsigned long long)max_bytes);
    }
}

/* A pickle of somebody else is somebody else's word. The descriptor, or -1 after saying why. */
static int open_trusted(const char *path, bool any_owner) {
    const mayfly_trust_options how = {.flags = any_owner ? MAYFLY_TRUST_ANY_OWNER : 0,
                                      .operation = "inspect",
                                      .way_out = "if that is meant, say --any-owner"};
    mayfly_error error;
    const int fd = mayfly_trust_open(path, &how, &error);
    const char *more = fd == -ELOOP    ? ", or say - and redirect"
                       : fd == -EINVAL ? "; for a pipe, say -"
                                       : "";
    return fd < 0 ? cli_say(-1, "%s%s", error.message, more) : fd;
}

int inspect_read(const char *path, bool any_owner, uint64_t max_bytes, struct inspect_input *ret) {
    if (strcmp(path, "-") == 0) {
        *ret = (struct inspect_input){.name = "standard input"};
        return read_all(STDIN_FILENO, max_bytes, ret);
    }
    *ret = (struct inspect_input){.name = path};
    const int fd = open_trusted(path, any_owner);
    if (fd < 0)
        return EXIT_FAILED;
    const int r = read_all(fd, max_bytes, ret);
    (void)close(fd);
    return r;
}

int inspect_slurp(const char *path, uint64_t max_bytes, struct inspect_input *ret) {
    *ret = (struct inspect_input){.name = path};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_say(EXIT_FAILED, "%s: %s", path, strerror(errno));
    const int r = read_all(fd, max_bytes, ret);
    (void)close(fd);
    return r;
}
