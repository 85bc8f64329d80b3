/* SPDX-License-Identifier: MIT
 *
 * What is to be made and where it may go: names and sites.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "temp.h"

enum { RANDOM_ATTEMPTS = 100, GIVEN_ATTEMPTS = 10000, NAME_SIZE = 256 };

/* Fewer than that, and names would be met with by chance. */
enum { LEAST_RANDOM = 8 };

/* A given name grows by "_9999" at the most. */
enum { GIVEN_ROOM = 5 };

static int check_given_name(const struct mfi_request *request, mayfly_error *error) {
    const int r = mfi_check_name(request->name, error);
    if (r < 0)
        return r;
    if (strlen(request->name) > NAME_SIZE - 1 - GIVEN_ROOM)
        return mfi_fail(error, -EINVAL, "name", request->name,
                        "longer than the %d bytes that leave room for a number",
                        NAME_SIZE - 1 - GIVEN_ROOM);
    return 0;
}

/* How many random characters its name has. */
static size_t random_of(const struct mfi_request *request) {
    return request->random == 0 ? MFI_NAME_RANDOM : request->random;
}

int mfi_request_check(const struct mfi_request *request, mayfly_error *error) {
    int r = 0;
    if (request->prefix == mayfly_gettempprefix() && request->suffix[0] == '\0' &&
        request->name == NULL && request->dir == NULL && request->random == 0 &&
        (request->permissions & ~07777u) == 0)
        return 0; /* the usual one */
    r = mfi_check_name_part("prefix", request->prefix, error);
    if (r == 0)
        r = mfi_check_name_part("suffix", request->suffix, error);
    if (r == 0 && request->name != NULL)
        r = check_given_name(request, error);
    if (r < 0)
        return r;
    if (random_of(request) < LEAST_RANDOM || random_of(request) > MFI_NAME_RANDOM)
        return mfi_fail(error, -EINVAL, "random", NULL, "%u is not between %d and %d",
                        request->random, LEAST_RANDOM, MFI_NAME_RANDOM);
    if (strlen(request->prefix) + strlen(request->suffix) > NAME_SIZE - 1 - random_of(request))
        return mfi_fail(error, -EINVAL, "prefix", request->prefix,
                        "with its suffix longer than the %zu bytes that a name has for both",
                        NAME_SIZE - 1 - random_of(request));
    if ((request->permissions & ~07777u) != 0)
        return mfi_fail(error, -EINVAL, "permissions", NULL, "0%o is no file mode",
                        (unsigned)request->permissions);
    if (request->dir != NULL && request->dir[0] == '\0')
        return mfi_fail(error, -EINVAL, "dir", NULL, "an empty path; NULL means the default");
    return 0;
}

/* Where the pieces of a copy go. */
struct packer {
    char *to;
    size_t size;
};

static const char *pack(struct packer *packer, const char *text) {
    if (text == NULL)
        return NULL;
    const size_t size = strlen(text) + 1;
    char *at = packer->to;
    if (at != NULL) {
        memcpy(at, text, size);
        packer->to += size;
    }
    packer->size += size;
    return at;
}

static size_t count_fallbacks(const struct mfi_request *request) {
    size_t count = 0;
    while (request->fallback_dirs != NULL && request->fallback_dirs[count] != NULL)
        count++;
    return count;
}

/* Once with no memory, to learn the size, then for good. */
static void pack_all(struct packer *packer, const struct mfi_request *from, struct mfi_request *to,
                     const char **list) {
    to->prefix = pack(packer, from->prefix);
    to->suffix = pack(packer, from->suffix);
    to->name = pack(packer, from->name);
    to->dir = pack(packer, from->dir);
    to->near = pack(packer, from->near);
    const size_t count = count_fallbacks(from);
    for (size_t i = 0; i < count; i++) {
        const char *dir = pack(packer, from->fallback_dirs[i]);
        if (list != NULL)
            list[i] = dir;
    }
}

struct mfi_request *mfi_request_copy(const struct mfi_request *request) {
    struct mfi_request measured = *request;
    struct packer packer = {NULL, 0};
    pack_all(&packer, request, &measured, NULL);
    const size_t count = count_fallbacks(request);
    const size_t list_size = (count + 1) * sizeof(char *);
    struct mfi_request *copy = mfi_sys.malloc(sizeof *copy + list_size + packer.size);
    if (copy == NULL)
        return NULL;
    *copy = *request;
    const char **list = (const char **)(copy + 1);
    packer = (struct packer){(char *)(list + count + 1), 0};
    pack_all(&packer, request, copy, list);
    list[count] = NULL;
    copy->fallback_dirs = count == 0 ? NULL : list;
    return copy;
}

int mfi_request_site(const struct mfi_request *request, size_t index, struct mfi_parent **ret,
                     mayfly_error *error) {
    int r = 0;
    if (index == 0 && request->dir == NULL)
        r = mfi_where_parent(request->place, request->near, ret, error);
    else if (index == 0)
        r = mfi_parent_open(request->dir, ret, error);
    else if (index > count_fallbacks(request))
        return 0;
    else
        r = mfi_parent_open(request->fallback_dirs[index - 1], ret, error);
    return r < 0 ? r : 1;
}

int mfi_request_elsewhere(int code) {
    static const int final[] = {-ENOMEM, -EMFILE, -ENFILE, -EINVAL, -EEXIST, -ENAMETOOLONG};
    for (size_t i = 0; i < MFI_LENGTH(final); i++)
        if (final[i] == code)
            return 0;
    return code < 0;
}

static int given_name(const char *given, unsigned attempt, char *name) {
    if (attempt >= GIVEN_ATTEMPTS)
        return -EEXIST;
    /* As os.path.splitext: the last dot parts name and extension, leading dots are the name's. */
    const char *start = given + strspn(given, ".");
    const char *dot = strrchr(start, '.');
    const int base = dot == NULL ? (int)strlen(given) : (int)(dot - given);
    if (attempt == 0)
        (void)snprintf(name, NAME_SIZE, "%s", given);
    else
        (void)snprintf(name, NAME_SIZE, "%.*s_%u%s", base, given, attempt, given + base);
    return 0;
}

int mfi_request_name(const struct mfi_request *request, unsigned attempt, char *name) {
    if (request->name != NULL)
        return given_name(request->name, attempt, name);
    if (attempt >= RANDOM_ATTEMPTS)
        return -EEXIST;
    const size_t prefix = strlen(request->prefix);
    const size_t suffix = strlen(request->suffix);
    memcpy(name, request->prefix, prefix);
    char random[MFI_NAME_RANDOM + 1];
    const int r = mfi_random_name(random);
    const size_t count = random_of(request);
    memcpy(name + prefix, random, count);
    memcpy(name + prefix + count, request->suffix, suffix + 1);
    return r;
}
