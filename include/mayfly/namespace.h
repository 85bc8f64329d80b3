/* SPDX-License-Identifier: MIT
 *
 * Source files of C in use (rows S1 to S3; dill.temp's load_source and loadIO_source): loaded, they
 * are namespaces whose functions are called at native speed. A part of the library mayfly-source,
 * as is mayfly/source.h.
 *
 *     mayfly_auto(mayfly_namespace) ns = NULL;
 *     if (mayfly_load_source("square.c", NULL, &ns, &error) < 0)
 *         ...                                        // square.c:3:12: error: expected ';' before
 *     int (*square)(int) = (int (*)(int))mayfly_namespace_function(ns, "square");
 *     printf("%d\n", square(5));
 *
 * Loading is trusting. What is loaded becomes a part of this process, with all its rights. So a
 * file is refused that somebody else could have written, and nothing of it runs before the caller
 * calls it: a text with constructors, destructors or functions that are chosen at run time (ifunc)
 * is refused.
 *
 * How. The text is compiled by the system's compiler (cc -O1 -shared, the flags that the file
 * names, those of the options) and loaded from a sealed file in memory, so that nobody can change
 * what runs. The result is kept in the user's cache ($XDG_CACHE_HOME/mayfly/source or
 * ~/.cache/mayfly/source), by the text, the flags, the compiler and the headers that it read;
 * without a home or libsodium every loading compiles. Of several threads and processes that load
 * the same text at a time one compiles.
 *
 * Which files. Those of mayfly_dump_source, whose table tells the names, and any other C without
 * main(): its names are the functions and variables that are not static.
 *
 * What is defined in the text binds to itself, whatever the program has of the same names. What is
 * only declared there is looked up in the C and mathematical libraries, in .libraries, and in what
 * the program exports. Each loading has globals of its own, which begin with their initial values.
 *
 * Flags in a file (#FLAGS) are somebody's text as well: those that say what the text means are
 * taken (-I, -D, -std=, -m, ...), others are refused.
 */
#ifndef MAYFLY_NAMESPACE_H
#define MAYFLY_NAMESPACE_H

#include <mayfly/object.h>
#include <mayfly/source.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_namespace mayfly_namespace;

/* Zero and NULL mean the default. */
typedef struct mayfly_load_source_options {
    const char *alias;        /* what the function of the last line is called here */
    const char *compiler;     /* a program, or a path; NULL: what CC says in the environment
                                 (never in a set-user-ID program), or "cc" */
    const char *const *flags; /* for it, behind those of the file; NULL-terminated; any are taken */
    const char *const *libraries; /* "z" for -lz; NULL-terminated */
    const char *cache_dir;        /* a directory for the cache, made if it is missing */
    uint64_t max_bytes;           /* of the text; 0: 64 MiB */
    bool uncached;                /* the cache is not looked at, and nothing is stored */
    bool any_owner;               /* the file may be anybody's, and lie anywhere */
    bool constructors;            /* the text may have them; they run when it is loaded, its
                                     destructors when it is closed */
    char **ret_diagnostics;       /* receives all that the compiler said, also when it failed; new
                                     memory, or NULL where it was not run */
} mayfly_load_source_options;

/* ---- loading --------------------------------------------------------------------------------- */

/* Loads a source file by its path. Read once, from a descriptor that is a regular file of this user
 * or root, under one name only, not through a link in its last component, that nobody else may
 * write, in a directory in which nobody else may rename, nor in any above it (where the sticky bit
 * is set, as in /tmp, they cannot).
 *
 * options    NULL: all defaults
 *
 * Ownership: the caller closes the namespace.
 * Errors:    -EPERM               another user's, or others may write it or rename it; or write a
 *                                 header that it reads
 *            -EMLINK              it has other names
 *            -ELOOP, -EINVAL      a link; no regular file
 *            -ENOENT, -EACCES, ... as open(2)
 *            MAYFLY_E_LIMIT       more than max_bytes
 *            MAYFLY_E_COMPILE     the compiler refuses it: the message has its first error, with
 *                                 file and line
 *            MAYFLY_E_NO_COMPILER there is none
 *            MAYFLY_E_UNRESOLVED  it uses a name that is nowhere defined
 *            MAYFLY_E_POLICY      a flag that may not stand in a file; constructors
 *            MAYFLY_E_SYNTAX      no text, or a damaged #NAME, #FLAGS
 *            MAYFLY_E_OPTION, -EINVAL an alias that is no name; -ENOMEM; as mayfly_cache_open with
 *            a cache_dir; as mayfly_temporary_directory
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract S1, S3) */
#define mayfly_load_source(path, ...)                                                              \
    mayfly_load_source_sized(sizeof(mayfly_load_source_options), path, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_load_source_sized(size_t options_size, const char *path,
                                                          const mayfly_load_source_options *options,
                                                          mayfly_namespace **ret,
                                                          mayfly_error *error);

/* Loads a text in memory (loadIO_source); or all of a file that this process made, whose position
 * stays. Errors: as above, but for those of paths; of the file as mayfly_file_read. */
#define mayfly_load_source_io(text, ...)                                                           \
    mayfly_load_source_io_sized(sizeof(mayfly_load_source_options), text, __VA_ARGS__)
#define mayfly_load_source_file(file, ...)                                                         \
    mayfly_load_source_file_sized(sizeof(mayfly_load_source_options), file, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_load_source_io_sized(size_t options_size, const char *text, size_t size,
                            const mayfly_load_source_options *options, mayfly_namespace **ret,
                            mayfly_error *error); /* as above */
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_load_source_file_sized(size_t options_size, mayfly_file *file,
                              const mayfly_load_source_options *options, mayfly_namespace **ret,
                              mayfly_error *error); /* as above */

/* Loads the function that is carried in data (mayfly_c_function_new): what mayfly_load gave, or a
 * session. Errors: -EINVAL it is no function; MAYFLY_E_SYNTAX its source and its hash differ; as
 * above. */
#define mayfly_load_source_value(value, ...)                                                       \
    mayfly_load_source_value_sized(sizeof(mayfly_load_source_options), value, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_load_source_value_sized(size_t options_size, mayfly_value value,
                               const mayfly_load_source_options *options, mayfly_namespace **ret,
                               mayfly_error *error); /* as above */

/* Unloads it: functions and data of the namespace must not be used any more. Functions that it gave
 * to atexit(3) run now.
 *
 * ns         the address of the handle, which becomes NULL in every case; NULL twice over is fine
 *
 * Errors:    none
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_namespace_close(mayfly_namespace **ns, mayfly_error *error);
MAYFLY_API void mayfly_namespace_auto(mayfly_namespace **ns);

/* ---- looking up ------------------------------------------------------------------------------ */

/* A function by its name, to be cast to its type; NULL as a name: the one of the last line (#NAME),
 * or the only one there is. NULL: there is none of that name, or it is a variable.
 *
 * Ownership: the namespace's.
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract S1) */
MAYFLY_API mayfly_function mayfly_namespace_function(const mayfly_namespace *ns, const char *name);

/* The address of a variable; NULL: there is none. Everything as above. */
MAYFLY_API void *mayfly_namespace_symbol(const mayfly_namespace *ns, const char *name);

/* How many names there are, functions and variables; one of them, or NULL. Safety: thread any |
 * fork any | signal no. Since: 0.1 */
MAYFLY_API size_t mayfly_namespace_count(const mayfly_namespace *ns);
MAYFLY_API const char *mayfly_namespace_name(const mayfly_namespace *ns, size_t index);

/* How a function or variable is declared, "int square(int x)"; NULL as a name: as above. NULL:
 * there is none, its declaration is not to be seen in the text (a macro makes it), or it is a
 * variable of a file that mayfly_dump_source wrote.
 *
 * Ownership: the namespace's.
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API const char *mayfly_namespace_signature(const mayfly_namespace *ns, const char *name);

/* What the compiler said, warnings and notes, also when it was another loading's; "" for nothing.
 * Ownership: the namespace's. Safety: thread any | fork any | signal no. Since: 0.1 */
MAYFLY_API const char *mayfly_namespace_diagnostics(const mayfly_namespace *ns);

/* ---- calling with texts ---------------------------------------------------------------------- */

/* Loads a source file, calls one of its functions with arguments given as text, and gives its
 * result as text: numbers in decimal, strings as they are, "" of void. Parameters and result may be
 * whole numbers, floating-point numbers, bool and strings (char pointers), also by any typedef: the
 * compiler tells.
 *
 * function   NULL: as mayfly_namespace_function; static ones are found, too
 * ret        new memory
 *
 * Ownership: the caller frees *ret.
 * Errors:    MAYFLY_E_NO_FUNCTION it has no function of that name
 *            -EINVAL              too few or too many arguments, one that is no number, or of
 *                                 parameters and results of other types
 *            -ERANGE              a number that its parameter cannot hold
 *            as mayfly_load_source
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
#define mayfly_call_source(path, ...)                                                              \
    mayfly_call_source_sized(sizeof(mayfly_load_source_options), path, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_call_source_sized(
    size_t options_size, const char *path, const char *function, const char *const *arguments,
    size_t count, const mayfly_load_source_options *options, char **ret, mayfly_error *error);

MAYFLY_END_DECLS

#endif
