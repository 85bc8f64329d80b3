/* SPDX-License-Identifier: MIT
 *
 * Python's pickle format, read and written as data (rows O4 and O6). Nothing is ever imported or
 * called: reading a hostile pickle costs the memory that its limit allows, and nothing else.
 *
 *     mayfly_auto(mayfly_doc) doc = NULL;
 *     if (mayfly_loads(data, size, NULL, &doc, &error) < 0)
 *         return fprintf(stderr, "%s\n", error.message), 1;
 *     const char *name = mayfly_str_get(mayfly_get(mayfly_doc_root(doc), "name"), NULL);
 *
 * Reads protocols 0 to 5; writes 2 to 5, and plain data at 4 and 5 byte for byte as CPython's
 * pickler does. Sharing, cycles and identity are kept both ways.
 *
 * Errors name the opcode, its offset and the reason:
 *     load "/tmp/x": byte 1042: BINGET 7: nothing was stored under that number; ...
 */
#ifndef MAYFLY_PICKLE_H
#define MAYFLY_PICKLE_H

#include <mayfly/object.h>
#include <stdio.h>

MAYFLY_BEGIN_DECLS

/* How str of Python 2 in pickles of protocols 0 to 2 (STRING, BINSTRING) are read. */
typedef enum mayfly_strings {
    MAYFLY_STRINGS_ASCII = 0, /* text; a byte over 127 is an error, as in Python */
    MAYFLY_STRINGS_LATIN1,
    MAYFLY_STRINGS_UTF8,
    MAYFLY_STRINGS_BYTES,
} mayfly_strings;

enum {
    MAYFLY_BORROW = 1u << 0,         /* mayfly_loads: large str and bytes are not copied but stay in
                                        the input, which must outlive the document */
    MAYFLY_ONE_ONLY = 1u << 1,       /* bytes after the pickle are an error (mayfly_loads, _path) */
    MAYFLY_PLAIN_ONLY = 1u << 2,     /* an object, global, persistent id or extension is an error */
    MAYFLY_MAP = 1u << 3,            /* paths: the file is mapped, not read. Only for files that
                                        nobody truncates meanwhile: SIGBUS else (mmap(2)) */
    MAYFLY_LOAD_ANY_OWNER = 1u << 4, /* paths: also what is another user's, or writable by others */
    MAYFLY_KEEP_MEMO = 1u << 5,      /* readers: what one pickle stored may be referred to by the
                                        next, as if one Pickler had written them all */
};

/* An out-of-band buffer, asked for in the order of the stream (NEXT_BUFFER). Gives 1 and the bytes
 * (copied), 0: there is none, which is an error; or -errno. */
typedef int mayfly_next_buffer(void *context, const void **ret, size_t *ret_size);

typedef struct mayfly_load_options {
    unsigned flags; /* MAYFLY_BORROW, ... */
    mayfly_strings strings;
    bool no_fix_imports;  /* leave Python 2's module names as they are (protocols 0 to 2) */
    uint64_t max_bytes;   /* of memory for the document and for reading it; 0: 4 GiB */
    uint64_t max_depth;   /* of marks that are open at a time; 0: 1,000,000. Reading does not
                             recurse, however deep values nest */
    uint64_t max_nesting; /* of values in values, looked at when all is read; 0: no limit. For
                             those whose own code recurses */
    mayfly_next_buffer *next_buffer; /* NULL: buffers are read as MAYFLY_BUFFER without content */
    void *context;
} mayfly_load_options;

/* Reads one pickle from memory into a new document. Bytes behind it are left alone, unless
 * MAYFLY_ONE_ONLY says otherwise.
 *
 * options    NULL: all defaults
 * ret        if *ret is not NULL, it is a document whose values are forgotten (mayfly_doc_reset)
 *            and which is filled anew; its max_bytes then count
 *
 * Ownership: the caller frees the document.
 * Errors:    MAYFLY_E_PICKLE   it is no pickle, or a damaged or truncated one; error->offset is the
 *                              place of the opcode
 *            MAYFLY_E_LIMIT    a limit was reached; -ENOMEM; MAYFLY_E_OPTION
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract O2, O4, O6) */
#define mayfly_loads(...) mayfly_loads_sized(sizeof(mayfly_load_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_loads_sized(size_t options_size, const void *data,
                                                    size_t size, const mayfly_load_options *options,
                                                    mayfly_doc **ret, mayfly_error *error);

/* ---- several pickles in one stream ----------------------------------------------------------- */

/* Reads pickle after pickle from memory, a descriptor or a FILE into one document, in which all
 * their values live until it is freed. Each is a pickle of its own, as pickle.dump(value, file)
 * writes one behind the other; what a single Pickler wrote with several calls of its dump() needs
 * MAYFLY_KEEP_MEMO, because there a later one may refer to what is in an earlier one. */
typedef struct mayfly_reader mayfly_reader;

/* Opens a reader on a document, which must outlive it; as must the memory, descriptor or FILE,
 * which remain the caller's. Nothing is read yet. From a descriptor, blocks are read: what stands
 * after the last pickle may have been taken out of a pipe (mayfly_reader_rest has it); from a FILE
 * not a byte more than the pickle has.
 *
 * Ownership: the caller closes the reader.
 * Errors:    -ENOMEM, MAYFLY_E_OPTION
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
#define mayfly_reader_memory(...)                                                                  \
    mayfly_reader_memory_sized(sizeof(mayfly_load_options), __VA_ARGS__)
#define mayfly_reader_fd(...) mayfly_reader_fd_sized(sizeof(mayfly_load_options), __VA_ARGS__)
#define mayfly_reader_stream(...)                                                                  \
    mayfly_reader_stream_sized(sizeof(mayfly_load_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_reader_memory_sized(size_t options_size, mayfly_doc *doc,
                                                            const void *data, size_t size,
                                                            const mayfly_load_options *options,
                                                            mayfly_reader **ret,
                                                            mayfly_error *error);
MAYFLY_API MAYFLY_MUST_CHECK int /* as above */
mayfly_reader_fd_sized(size_t options_size, mayfly_doc *doc, int fd,
                       const mayfly_load_options *options, mayfly_reader **ret,
                       mayfly_error *error);
MAYFLY_API MAYFLY_MUST_CHECK int /* as above */
mayfly_reader_stream_sized(size_t options_size, mayfly_doc *doc, FILE *stream,
                           const mayfly_load_options *options, mayfly_reader **ret,
                           mayfly_error *error);

/* Reads the next pickle; its value becomes the document's root, too.
 *
 * Returns 1 and the value, or 0 at the end of the input. After an error it returns the same error
 * again.
 * Errors:    as mayfly_loads; -EIO, ... as read(2)
 * Safety:    thread one-object | fork: use it in one of the processes | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_reader_next(mayfly_reader *reader, mayfly_value *ret, mayfly_error *error);

/* How many bytes the pickles took so far; what was read and not yet used. Safety: thread one-object
 * | fork any | signal no. Since: 0.1 */
MAYFLY_API uint64_t mayfly_reader_offset(const mayfly_reader *reader);
MAYFLY_API const void *mayfly_reader_rest(const mayfly_reader *reader, size_t *ret_size);

/* Ends it; NULL is accepted twice over. Safety: thread one-object | fork any | signal no.
 * Since: 0.1 */
MAYFLY_API void mayfly_reader_close(mayfly_reader **reader);
MAYFLY_API void mayfly_reader_auto(mayfly_reader **reader);

/* ---- writing --------------------------------------------------------------------------------- */

/* Takes a part of what is written, as write(2): all of it; 0, or -errno, which ends the writing. */
typedef int mayfly_sink(void *context, const void *data, size_t size);

/* Takes an out-of-band buffer: 1: taken, 0: write it into the stream; -errno. */
typedef int mayfly_take_buffer(void *context, const void *data, size_t size, bool readonly);

typedef struct mayfly_dump_options {
    int protocol;                    /* 2 to 5; 0: 4 */
    mayfly_take_buffer *take_buffer; /* protocol 5; NULL: buffers stay in the stream */
    void *context;
    const char *prefix; /* from here on: for mayfly_dump; as mayfly_file_options */
    const char *suffix;
    const char *dir;
    bool keep; /* delete=False */
    bool secret;
} mayfly_dump_options;

/* Writes a value as a pickle into new memory.
 *
 * ret        receives the bytes, the caller frees them
 *
 * Errors:    MAYFLY_E_PICKLE   something has no form in that protocol (the message says what), an
 *                              absent value
 *            what the document failed of (mayfly_doc_failed); -ENOMEM; -EINVAL an unknown
 *            protocol; MAYFLY_E_OPTION
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 (contract O2, O6) */
#define mayfly_dumps(...) mayfly_dumps_sized(sizeof(mayfly_dump_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_dumps_sized(size_t options_size, mayfly_doc *doc,
                                                    mayfly_value value,
                                                    const mayfly_dump_options *options, char **ret,
                                                    size_t *ret_size, mayfly_error *error);

/* The same, handed to `sink` as it is written, in pieces of about 64 KiB: large values need no
 * memory of their size. Errors: as above, and what the sink returns. Safety: thread one-object |
 * fork any | signal no. Since: 0.1 */
#define mayfly_dump_to(...) mayfly_dump_to_sized(sizeof(mayfly_dump_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_dump_to_sized(size_t options_size, mayfly_doc *doc,
                                                      mayfly_value value,
                                                      const mayfly_dump_options *options,
                                                      mayfly_sink *sink, void *sink_context,
                                                      mayfly_error *error);

/* ---- looking into one, without building anything --------------------------------------------- */

/* Writes what `python3 -m pickletools` writes: a line for each opcode, with its offset, name and
 * argument, what it takes from the memo and which mark it ends. All pickles of the input with
 * `all`, else the first.
 *
 * Errors:    MAYFLY_E_PICKLE   what pickletools refuses; the lines before were written
 *            what the sink returns; -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_disassemble(const void *data, size_t size, bool all, mayfly_sink *sink,
                                  void *sink_context, mayfly_error *error);

/* ---- safety ---------------------------------------------------------------------------------- */

enum {
    MAYFLY_GLOBAL_CALLED = 1u << 0,    /* loading it with Python calls it */
    MAYFLY_GLOBAL_COMPUTED = 1u << 1,  /* its name is put together by a call while it is loaded:
                                          getattr, importlib.import_module, ...; module and name are
                                          what can be told of them */
    MAYFLY_GLOBAL_EXTENSION = 1u << 2, /* by a number of copyreg's registry: name is that number */
};

/* A class or function that a pickle names. */
typedef struct mayfly_global_use {
    const char *module;
    const char *name;
    uint64_t offset; /* of the opcode that first names it */
    unsigned flags;  /* MAYFLY_GLOBAL_... */
} mayfly_global_use;

/* Lists every global that loading the document's pickles with Python would have looked up: also
 * those that were thrown away again, came out of the memo, or whose name is computed. Each once, in
 * the order of the stream. Ownership: the array is the document's. Errors: -ENOMEM. Safety: thread
 * one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API int mayfly_doc_globals(mayfly_doc *doc, const mayfly_global_use **ret, size_t *ret_count,
                                  mayfly_error *error);

/* What may be named: an exact list of (module, qualified name). */
typedef struct mayfly_policy mayfly_policy;

/* Makes a policy of a text: one "module name" or "module:name" a line, # begins a comment.
 *
 * Ownership: the caller frees it.
 * Errors:    MAYFLY_E_SYNTAX the message names the line; -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_policy_new(const char *text, size_t size,
                                                   mayfly_policy **ret, mayfly_error *error);
MAYFLY_API void mayfly_policy_free(mayfly_policy **policy); /* as above */
MAYFLY_API void mayfly_policy_auto(mayfly_policy **policy);

/* Whether the policy has that very global. Safety: thread any | fork any | signal no. Since: 0.1 */
MAYFLY_API bool mayfly_policy_allows(const mayfly_policy *policy, const char *module,
                                     const char *name);

/* 0 if a document names nothing but what the policy has. What is computed or an extension is in no
 * policy.
 *
 * Errors:    MAYFLY_E_POLICY   the message names the first other global and its offset; -ENOMEM
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_doc_check(mayfly_doc *doc, const mayfly_policy *policy, mayfly_error *error);

MAYFLY_END_DECLS

#endif
