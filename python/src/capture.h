/* SPDX-License-Identifier: MIT
 *
 * A capture, for the two files that deal with it.
 */
#ifndef MPY_CAPTURE_H
#define MPY_CAPTURE_H

#include "core.h"

enum { STREAMS = 2 };
extern const char *const mpy_stream_names[STREAMS + 2];

/* One of sys.stdout and sys.stderr while it is captured. */
struct place {
    PyObject *ours;  /* what stands there instead; NULL: nothing does */
    PyObject *old;   /* what stood there */
    PyObject *lines; /* the stream that was told to flush at every line, and was not before */
};

struct capture {
    PyObject_HEAD struct mpy_state *state;
    struct mpy_gate gate;
    mayfly_capture *handle;
    mayfly_capture_options options;
    PyObject *dir, *on_line, *encoding, *errors;
    PyObject *texts[STREAMS]; /* fd=False: where the text is, also after the end */
    struct place places[STREAMS];
    PyInterpreterState *interpreter;
    unsigned long in_line; /* the thread that is in on_line; 0: none */
    unsigned streams;
    char fd, going_on;
};

/* Of its text. */
static inline const char *mpy_capture_encoding(const struct capture *self) {
    return self->encoding == NULL ? "utf-8" : PyUnicode_AsUTF8(self->encoding);
}
static inline const char *mpy_capture_errors(const struct capture *self) {
    return self->errors == NULL ? "replace" : PyUnicode_AsUTF8(self->errors);
}

/* ---- capture_streams.c --------------------------------------------------------------------- */

int mpy_capture_flush(const struct capture *self); /* sys.stdout, sys.stderr: those captured */
int mpy_capture_lead(struct capture *self);        /* has them lead to the descriptors */
int mpy_capture_put(struct place *place, const char *name, PyObject *stream);
void mpy_capture_give_back(struct capture *self);
mayfly_capture_line mpy_capture_on_line;

#endif
