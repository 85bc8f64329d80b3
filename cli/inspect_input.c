/* SPDX-License-Identifier: MIT
 *
 * Reading what mayfly inspect looks at: by the rules of mayfly_load_path, which itself loads the
 * first pickle of a file and no other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* A pickle of somebody else is somebody else's word. */
static int check_owner(int fd, const char *path, bool any_owner) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return cli_say(EXIT_FAILED, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return cli_say(EXIT_FAILED, "%s: it is no regular file; for a pipe, say -", path);
    if (any_owner)
        return EXIT_OK;
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return cli_say(EXIT_FAILED, "%s: it belongs to user %u; if that is meant, say --any-owner",
                       path, (unsigned)st.st_uid);
    if (st.st_mode & 022)
        return cli_say(EXIT_FAILED,
                       "%s: others may write it (mode %04o); if that is meant, say --any-owner",
                       path, (unsigned)st.st_mode & 07777);
    return EXIT_OK;
}

int inspect_read(const char *path, bool any_owner, uint64_t max_bytes, struct inspect_input *ret) {
    if (strcmp(path, "-") == 0) {
        *ret = (struct inspect_input){.name = "standard input"};
        return read_all(STDIN_FILENO, max_bytes, ret);
    }
    *ret = (struct inspect_input){.name = path};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ELOOP)
        return cli_say(EXIT_FAILED,
                       "%s: it is a symbolic link; name what it leads to, or say - and redirect",
                       path);
    if (fd < 0)
        return cli_say(EXIT_FAILED, "%s: %s", path, strerror(errno));
    int r = check_owner(fd, path, any_owner);
    if (r == EXIT_OK)
        r = read_all(fd, max_bytes, ret);
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
