/* SPDX-License-Identifier: MIT
 *
 * Looking on: what is made, moved and removed. Off unless asked for.
 */
#ifndef MAYFLY_EVENT_H
#define MAYFLY_EVENT_H

#include <mayfly/error.h>

MAYFLY_BEGIN_DECLS

typedef enum mayfly_event_kind {
    MAYFLY_EVENT_CREATED = 1, /* a file or directory exists */
    MAYFLY_EVENT_ROLLED_OVER, /* a spool has left memory */
    MAYFLY_EVENT_PERSISTED,   /* a file has its permanent name: target */
    MAYFLY_EVENT_REMOVED,
    MAYFLY_EVENT_FAILED, /* creating, removing, rolling over or persisting did: operation, code */
    MAYFLY_EVENT_REAPED, /* something that a dead process had left was removed */
} mayfly_event_kind;

/* Valid during the call. */
typedef struct mayfly_event {
    mayfly_event_kind kind;
    bool directory;
    const char *path;      /* NULL: it has no name */
    const char *target;    /* of MAYFLY_EVENT_PERSISTED; else NULL */
    const char *operation; /* of MAYFLY_EVENT_FAILED: "create", "remove", ...; else NULL */
    int code;              /* of MAYFLY_EVENT_FAILED; else 0 */
    uint64_t bytes;        /* of MAYFLY_EVENT_ROLLED_OVER and _PERSISTED: the size; else 0 */
} mayfly_event;

/* Has `hook` called for each event, by the thread in which it happens, after it happened; NULL: no
 * longer. The hook may use the library; events of what it does there are not told. It stands for
 * the whole process. What a signal handler removes is not told.
 *
 * Safety:    thread any: calls that have begun may still use the one before | fork: inherited |
 *            signal no
 * Since:     0.1 */
typedef void (*mayfly_event_hook)(const mayfly_event *event, void *user);
MAYFLY_API void mayfly_set_event_hook(mayfly_event_hook hook, void *user);

/* "created", "rolled over", ...; "" for what is none. Safety: thread any | fork any | signal yes.
 * Since: 0.1 */
MAYFLY_API const char *mayfly_event_name(mayfly_event_kind kind);

MAYFLY_END_DECLS

#endif
