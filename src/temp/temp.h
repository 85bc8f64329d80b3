/* SPDX-License-Identifier: MIT
 *
 * Making temporary things: which directory (where.c), with what name (request.c), created how
 * (create.c). For the sources of this room.
 */
#ifndef MFI_TEMP_H
#define MFI_TEMP_H

#include <mayfly/mkstemp.h>
#include <mayfly/where.h>

#include "../keep/keep.h"

/* ---- where.c -------------------------------------------------------------------------------- */

/* The parent that a place means, with a reference; from memory when it can be. */
int mfi_where_parent(mayfly_place place, const char *near, struct mfi_parent **ret,
                     mayfly_error *error);

/* Forgets what was found for a place, so that the candidates are proved again. */
void mfi_where_stale(mayfly_place place);

/* Forgets everything and closes what is held open. For tests, while no other thread is at work. */
void mfi_where_forget(void);

/* ---- candidate.c ---------------------------------------------------------------------------- */

/* A directory that may be the one, in the order of its place. */
struct mfi_candidate {
    const char *reason; /* static */
    char *path;         /* absolute; new memory that the visitor may take by setting it to NULL */
};

/* Calls `visit` for each; a result other than 0 ends the walk and is returned. */
int mfi_candidates(mayfly_place place, const char *near,
                   int (*visit)(struct mfi_candidate *candidate, void *user), void *user,
                   mayfly_error *error);

/* Creates, writes and removes a file there. 0 and the parent, or what failed. */
int mfi_candidate_prove(const char *path, int must_be_private, struct mfi_parent **ret,
                        mayfly_error *error);

/* A number for the parts of the environment on which the choice depends. Never 0. */
uint64_t mfi_environment_signature(void);

/* ---- request.c ------------------------------------------------------------------------------ */

/* What is to be made: the constructors' options come down to this. */
struct mfi_request {
    const char *prefix; /* never NULL */
    const char *suffix; /* never NULL */
    const char *name;   /* a given name (name.ext, then name_1.ext, ...); else NULL */
    const char *dir;
    mayfly_place place;
    const char *near;
    const char *const *fallback_dirs; /* or NULL */
    uint32_t permissions;
    unsigned random; /* random characters of the name; 0: MFI_NAME_RANDOM */
};

/* Checks all parts. -EINVAL with a sentence. */
int mfi_request_check(const struct mfi_request *request, mayfly_error *error);

/* A copy in one piece of memory, to be freed with free(); NULL: no memory. */
struct mfi_request *mfi_request_copy(const struct mfi_request *request);

/* The index-th directory in which it may be made: the first, then the fall-backs.
 * 1 and a reference, 0: there are no more, or a failure. */
int mfi_request_site(const struct mfi_request *request, size_t index, struct mfi_parent **ret,
                     mayfly_error *error);

/* Whether after this failure another directory should be tried. */
int mfi_request_elsewhere(int code);

/* The attempt-th name, NUL-terminated, into 256 bytes. 0, -EEXIST: no more attempts, -errno. */
int mfi_request_name(const struct mfi_request *request, unsigned attempt, char *name);

/* ---- create.c ------------------------------------------------------------------------------- */

/* What was made. */
struct mfi_made {
    int fd;
    struct mfi_slot *slot; /* NULL: it has no name */
    int nameless;          /* and never had one */
    size_t site;           /* where: an index for mfi_request_site */
};

/* Between the sources of this room: the directory was chosen by another user, which this process
 * was before. Outside errno's range and that of the public codes. */
enum { MFI_STALE = -9001 };

enum mfi_create_how {
    MFI_CREATE_FILE,      /* open for reading and writing */
    MFI_CREATE_DIRECTORY, /* and opened for reading, or with O_PATH where its mode forbids that */
};

/* Creates something with a name, registered: the end of the process removes it.
 * first_site: where to begin (mfi_request_site). */
int mfi_create_named(const struct mfi_request *request, enum mfi_create_how how, size_t first_site,
                     struct mfi_made *ret, mayfly_error *error);

/* The same, unregistered: the caller's. */
int mfi_create_loose(const struct mfi_request *request, enum mfi_create_how how, int *ret_fd,
                     char **ret_path, mayfly_error *error);

/* Creates a file without a name. */
int mfi_create_unnamed(const struct mfi_request *request, size_t first_site, struct mfi_made *ret,
                       mayfly_error *error);

#endif
