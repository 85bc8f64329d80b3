/* SPDX-License-Identifier: MIT
 *
 * What the parts of capturing share: where text is kept, who reads it, and the streams.
 */
#ifndef MFI_CAPTURE_H
#define MFI_CAPTURE_H

#include <mayfly/capture.h>

#include "../base/base.h"

/* ---- where text is kept (sink.c) ------------------------------------------------------------ */

/* Invariant   with max_bytes and MAYFLY_CAPTURE_DROP_OLDEST the byte number n of all that came lies
 *             at n % max_bytes of the file; else at n. */
struct mfi_sink {
    mayfly_file *file;
    uint64_t max_bytes; /* 0: no limit */
    mayfly_capture_full full;
    uint64_t end;     /* number of the byte after the last one kept */
    uint64_t dropped; /* bytes after that */
    int code;         /* the first thing that went wrong, with `error` */
    mayfly_error error;
};

/* A failed write is remembered in `code`, and the sink takes nothing more. */
void mfi_sink_write(struct mfi_sink *sink, const char *data, size_t size);

uint64_t mfi_sink_size(const struct mfi_sink *sink);
uint64_t mfi_sink_dropped(const struct mfi_sink *sink);

/* Reads up to `size` bytes of what is kept; 0: there are none. */
int64_t mfi_sink_read(struct mfi_sink *sink, uint64_t offset, void *data, size_t size,
                      mayfly_error *error);

/* Has the file begin with the first byte that is kept. */
int mfi_sink_straighten(struct mfi_sink *sink, const mayfly_file_options *options,
                        mayfly_error *error);

/* ---- who reads it (reader.c) ---------------------------------------------------------------- */

enum { MFI_STREAMS = 2 };

struct mfi_reader;

/* One pipe: where its text goes. Set by the owner before the reader is started. */
struct mfi_input {
    struct mfi_sink *sink;
    unsigned stream; /* for on_line */
    int tee;         /* a descriptor to copy to; -1: none */
    int write_end;   /* of the pipe; made by mfi_reader_start, closed by mfi_reader_stop */
};

/* Makes the pipes and starts the thread. */
int mfi_reader_start(struct mfi_input *inputs, size_t count, mayfly_capture_line *on_line,
                     void *context, struct mfi_reader **ret, mayfly_error *error);

/* Waits until what is in the pipes now has been dealt with. */
int mfi_reader_wait(struct mfi_reader *reader, mayfly_error *error);

/* Between the two, the reader changes no sink. */
void mfi_reader_hold(struct mfi_reader *reader);
void mfi_reader_release(struct mfi_reader *reader);

/* Deals with what is in the pipes, ends the thread and frees the reader; NULL is accepted. Returns
 * what went wrong with copying. */
int mfi_reader_stop(struct mfi_reader **reader, mayfly_error *error);

/* In a forked child, where there is no such thread: closes what it has inherited. */
void mfi_reader_abandon(struct mfi_reader **reader);

/* ---- the streams (streams.c) ---------------------------------------------------------------- */

/* One stream of one capture. */
struct mfi_layer {
    mayfly_capture *capture; /* whose it is */
    struct mfi_layer *outer; /* the capture that had the stream before; NULL: none */
    int fd;                  /* 1 or 2 */
    int saved;               /* what it was; -1: it was closed */
    int saved_inherited;     /* whether it was left open by exec(2); negative: it was closed */
    bool taken;
};

/* Descriptors that keep the numbers 0 to 2 from being given to something else. */
struct mfi_placeholders {
    int fds[3];
};

/* Keeps the numbers that are free. On failure nothing is kept. */
int mfi_streams_hold(struct mfi_placeholders *held, mayfly_error *error);

/* Gives them back, unless a layer has taken the number. */
void mfi_streams_release(const struct mfi_placeholders *held, const struct mfi_layer *layers);

/* Looks whether the stream of a layer is open; then keeps what it is. */
int mfi_streams_look(struct mfi_layer *layer, mayfly_error *error);
int mfi_streams_save(struct mfi_layer *layer, mayfly_error *error);

/* Has the stream lead to `input`. */
int mfi_streams_take(struct mfi_layer *layer, int input, mayfly_error *error);

/* Has it lead to where it led before, or the capture within this one lead there when it ends. What
 * was saved stays open, for whom copies to it. Does nothing for a layer that is not taken. */
int mfi_streams_give_back(struct mfi_layer *layer, mayfly_error *error);

/* Flushes what stdio has gathered for the layer. */
int mfi_streams_flush(struct mfi_layer *layer, mayfly_error *error);

const char *mfi_streams_name(int fd); /* "standard output" */

/* The innermost layer for which `wanted` holds; NULL: there is none. */
struct mfi_layer *mfi_streams_find(bool (*wanted)(const struct mfi_layer *layer));

#endif
