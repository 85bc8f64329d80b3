/* SPDX-License-Identifier: MIT
 *
 * The streams: which captures have them, one within the other, and what they were before.
 *
 * States      free -take-> taken -give_back-> free
 * Invariants  `innermost` of a stream is the capture where its text goes; each layer has saved what
 *             its stream was before, which is where the text of the next one outside goes.
 *             A layer that ends within the chain hands on what it had saved.
 * Threads     stdio's lock of a stream is held while it is changed: no printf of another thread is
 *             torn, and nobody else changes the stream. The lock of the chains is held only around
 *             the one store that changes them: flushing may take long.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "capture.h"

static struct mfi_lock lock;
static struct mfi_layer *innermost[MFI_STREAMS];

enum { LEAST = 3, ATTEMPTS = 3 };

static struct mfi_layer **innermost_of(int fd) {
    return &innermost[fd - STDOUT_FILENO];
}

const char *mfi_streams_name(int fd) {
    return fd == STDOUT_FILENO ? "standard output" : "standard error";
}

/* ---- numbers that are free ------------------------------------------------------------------- */

int mfi_streams_hold(struct mfi_placeholders *held, mayfly_error *error) {
    *held = (struct mfi_placeholders){{-1, -1, -1}};
    for (int i = 0; i < LEAST; i++) {
        if (mfi_sys.is_inherited(i) != -EBADF)
            continue;
        const int fd = mfi_sys.memfd("mayfly");
        if (fd < 0) {
            mfi_streams_release(held, NULL);
            return mfi_fail_call(error, fd, "memfd_create", NULL, -1);
        }
        if (fd >= LEAST) /* another thread was quicker */
            (void)mfi_sys.close(fd);
        else
            held->fds[fd] = fd;
    }
    return 0;
}

void mfi_streams_release(const struct mfi_placeholders *held, const struct mfi_layer *layers) {
    for (int i = 0; i < LEAST; i++) {
        bool taken = false;
        for (size_t k = 0; layers != NULL && k < MFI_STREAMS; k++)
            taken |= layers[k].taken && layers[k].fd == i;
        if (held->fds[i] >= 0 && !taken)
            (void)mfi_sys.close(i);
    }
}

/* ---- one stream ------------------------------------------------------------------------------ */

/* What cannot be written because the stream is closed was lost before. */
static int flush_before(const struct mfi_layer *layer, mayfly_error *error) {
    const int r = mfi_stdio_flush(layer->fd);
    if (r >= 0)
        return 0;
    if (layer->saved_inherited >= 0)
        return mfi_fail(error, r, "capture", mfi_streams_name(layer->fd),
                        "what was printed before cannot be written: %s", strerror(-r));
    mfi_stdio_forget(layer->fd);
    return 0;
}

/* What cannot be kept must not go to where the text does not belong. */
static int flush_after(const struct mfi_layer *layer, mayfly_error *error) {
    const int r = mfi_stdio_flush(layer->fd);
    if (r >= 0)
        return 0;
    mfi_stdio_forget(layer->fd);
    return mfi_fail(error, r, "capture", mfi_streams_name(layer->fd),
                    "what was printed cannot be kept: %s", strerror(-r));
}

int mfi_streams_look(struct mfi_layer *layer, mayfly_error *error) {
    const int r = layer->saved_inherited = mfi_sys.is_inherited(layer->fd);
    return r < 0 && r != -EBADF ? mfi_fail_call(error, r, "fcntl", mfi_streams_name(layer->fd), -1)
                                : 0;
}

int mfi_streams_save(struct mfi_layer *layer, mayfly_error *error) {
    if (layer->saved_inherited < 0)
        return 0;
    layer->saved = mfi_sys.dup(layer->fd, LEAST);
    return layer->saved < 0
               ? mfi_fail_call(error, layer->saved, "dup", mfi_streams_name(layer->fd), -1)
               : 0;
}

static void change(struct mfi_layer **link, struct mfi_layer *layer) {
    mfi_lock_take(&lock);
    *link = layer;
    mfi_lock_give(&lock);
}

int mfi_streams_take(struct mfi_layer *layer, int input, mayfly_error *error) {
    mfi_stdio_lock(layer->fd);
    int r = flush_before(layer, error);
    if (r == 0 && layer->saved >= 0 && mfi_sys.is_terminal(layer->fd) > 0)
        mfi_stdio_keep_lines(layer->fd);
    if (r == 0) {
        r = mfi_sys.dup_to(input, layer->fd, 1);
        if (r < 0)
            r = mfi_fail_call(error, r, "dup3", mfi_streams_name(layer->fd), -1);
    }
    if (r >= 0) {
        layer->outer = *innermost_of(layer->fd);
        layer->taken = true;
        change(innermost_of(layer->fd), layer);
    }
    mfi_stdio_unlock(layer->fd);
    return r < 0 ? r : 0;
}

static int restore(const struct mfi_layer *layer, mayfly_error *error) {
    int r = 0;
    if (layer->saved_inherited < 0) {
        r = mfi_sys.close(layer->fd);
        r = r == -EBADF ? 0 : r; /* somebody has closed it already */
    } else {
        r = mfi_sys.dup_to(layer->saved, layer->fd, layer->saved_inherited);
        for (int i = 1; r < 0 && i < ATTEMPTS; i++) /* -EBUSY: another thread is opening this one */
            r = mfi_sys.dup_to(layer->saved, layer->fd, layer->saved_inherited);
    }
    return r < 0 ? mfi_fail_call(error, r, "dup3", mfi_streams_name(layer->fd), -1) : 0;
}

/* The number of the one within stays as it is: its reader may be writing there. What is closed for
 * it only counts when it ends. */
static int hand_on(const struct mfi_layer *layer, struct mfi_layer *within, mayfly_error *error) {
    int r = 0;
    if (layer->saved >= 0 && within->saved >= 0)
        r = mfi_sys.dup_to(layer->saved, within->saved, 0);
    else if (layer->saved >= 0)
        r = within->saved = mfi_sys.dup(layer->saved, LEAST);
    if (r < 0)
        return mfi_fail_call(error, r, "dup3", mfi_streams_name(layer->fd), -1);
    within->saved_inherited = layer->saved_inherited;
    return 0;
}

int mfi_streams_give_back(struct mfi_layer *layer, mayfly_error *error) {
    int r = 0;
    if (!layer->taken)
        return 0;
    mfi_stdio_lock(layer->fd);
    struct mfi_layer **link = innermost_of(layer->fd);
    if (*link == layer) {
        r = flush_after(layer, error);
        r = mfi_first(r, restore(layer, r < 0 ? NULL : error));
    } else {
        struct mfi_layer *within = *link;
        while (within->outer != layer)
            within = within->outer;
        r = hand_on(layer, within, error);
        link = &within->outer;
    }
    change(link, layer->outer);
    layer->taken = false;
    mfi_stdio_unlock(layer->fd);
    return r;
}

/* What stdio has gathered is the innermost one's. */
int mfi_streams_flush(struct mfi_layer *layer, mayfly_error *error) {
    int r = 0;
    mfi_stdio_lock(layer->fd);
    if (layer->taken && *innermost_of(layer->fd) == layer)
        r = mfi_stdio_flush(layer->fd);
    mfi_stdio_unlock(layer->fd);
    return r < 0 ? mfi_fail_call(error, r, "fflush", mfi_streams_name(layer->fd), -1) : 0;
}

struct mfi_layer *mfi_streams_find(bool (*wanted)(const struct mfi_layer *layer)) {
    struct mfi_layer *found = NULL;
    mfi_lock_take(&lock);
    for (size_t i = 0; found == NULL && i < MFI_STREAMS; i++)
        for (found = innermost[i]; found != NULL && !wanted(found);)
            found = found->outer;
    mfi_lock_give(&lock);
    return found;
}
