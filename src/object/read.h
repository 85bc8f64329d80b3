/* SPDX-License-Identifier: MIT
 *
 * Reading pickles into a document.
 */
#ifndef MFI_READ_H
#define MFI_READ_H

#include "decode.h"

/* One reading: the machine, where it builds, and how. */
struct mfi_reading {
    struct mfi_decoder d;
    mayfly_doc *doc;
    mayfly_load_options options;
    size_t borrow_from; /* bytes of this size and more stay in the input; 0: none do */
    bool borrowed;      /* some did */
};

/* Prepares to read into a document; `operation` and `path` are for errors. */
void mfi_reading_init(struct mfi_reading *reading, mayfly_doc *doc,
                      const mayfly_load_options *options, const char *operation, const char *path,
                      mayfly_error *error);

/* Reads one pickle from k->at on; k->at is then behind it. 0 and its value, the document's root
 * from now on; or the failure. */
int mfi_read_one(struct mfi_reading *reading, struct mfi_cursor *k, mayfly_value *ret);

/* An input that is in memory: `owned` is what of it the document may keep (and this function frees
 * otherwise), NULL: it is the caller's. *ret_used: how much the pickle took. */
struct mfi_input {
    const void *data;
    size_t size;
    void *owned;
    bool mapped; /* owned is a mapping */
    bool again;  /* the document is one that is filled again and again */
    const char *operation, *path;
};
int mfi_loads(const struct mfi_input *input, const mayfly_load_options *options, mayfly_doc *doc,
              size_t *ret_used, mayfly_error *error);

/* A document to load into: *ret, emptied, or a new one in *made. */
int mfi_doc_for(mayfly_doc **ret, const mayfly_load_options *options, mayfly_doc **made,
                mayfly_error *error);

/* What became of it: *ret, or after a failure nothing, if it was made for this. Returns `r`. */
int mfi_doc_done(int r, mayfly_doc *doc, mayfly_doc **ret);

/* What a name of Python 2 is called in Python 3 (names.c), and back; NULL: the same. */
bool mfi_name_to_3(const char **module, const char **name);
bool mfi_name_to_2(const char **module, const char **name);

/* Calls that make plain data in the older protocols (native.c). */
unsigned mfi_native_of(const char *module, const char *name); /* 0: none */
/* Remembers how the stream named it. */
void mfi_native_texts(mayfly_doc *doc, unsigned native, mayfly_value module, mayfly_value name);
/* The plain value that such a call gives; absent: it has to stay a call, or the document failed. */
mayfly_value mfi_native_call(mayfly_doc *doc, unsigned native, mayfly_value arguments);

/* The instance that functools.partial(cls.__new__, cls, *args, **keywords)() gives, which is how
 * the protocols before 4 say NEWOBJ_EX; absent: it is something else, or the document failed. */
mayfly_value mfi_partial_call(mayfly_doc *doc, mayfly_value partial, mayfly_value arguments);

/* Whether all that a value reaches is plain data, and nests no deeper than that (survey.c). */
int mfi_survey(mayfly_value root, bool plain_only, uint64_t max_nesting, const char *operation,
               const char *path, mayfly_error *error);

#endif
