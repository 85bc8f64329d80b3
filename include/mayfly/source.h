/* SPDX-License-Identifier: MIT
 *
 * The source of live functions of C (rows S1 to S3; dill.temp's dump_source and dumpIO_source),
 * written into a file that compiles by itself. A part of the library mayfly-source (pkg-config
 * mayfly-source), which mayfly.h does not include.
 *
 *     #include <mayfly/source.h>
 *     MAYFLY_EMBED_SOURCE();
 *
 *     static int square(int x) { return x * x; }
 *     ...
 *     mayfly_auto(mayfly_file) file = NULL;
 *     mayfly_dump_source(square, NULL, &file, &error);
 *     run("other-program", mayfly_file_path(file));       // which calls mayfly_load_source
 *
 * Where the text comes from. A source file that says MAYFLY_EMBED_SOURCE() carries its own text:
 * it is what was compiled, also in a program that is stripped, optimised or linked at link time
 * (LTO). Otherwise the debug information (-g) names the file, which is read if it has not changed
 * since. Headers are always read from their files.
 *
 * What is written. The function with all that it uses of its translation unit and of its headers in
 * the project: includes, macros, types, static functions, globals with the values that they begin
 * with; pieces of the original text in their order, each with its #line. Where that cannot be told
 * for sure it is the text after the preprocessor, or the unit as a whole; mayfly_source_formed
 * tells. What lies in other units is not carried, and named (mayfly_source_need). The copy has
 * globals of its own; a global that is only set by functions that are not carried keeps its first
 * value.
 *
 * The file. A comment with the origin, then
 *
 *     / * #FLAGS: -std=c11 -I/home/me/include * /     what the compiler was told, if harmless
 *     / * #NEEDS: helper, other * /                   what could not be carried, if anything
 *     ...                                             the pieces
 *     const struct {
 *         const char *name;
 *         void (*function)(void);
 *         void *data;
 *         const char *signature;
 *     } mayfly_namespace[] = {{"square", (void (*)(void))square, 0, "int square(int)"}, {0}};
 *     const struct { void *to; const void *from; unsigned long size; } mayfly_values[] = {...};
 *     / * #NAME: square * /
 *
 * (without the blanks in the comment marks): what the compiler was told, as far as it is harmless;
 * what could not be carried, left out if there is none; the last line names the function.
 * Everything is in mayfly_namespace, static functions and globals, too; of data, `signature` is
 * NULL. mayfly_values is there if values of globals were asked for: whoever loads the file
 * copies them before anything is called.
 */
#ifndef MAYFLY_SOURCE_H
#define MAYFLY_SOURCE_H

#include <mayfly/file.h>

MAYFLY_BEGIN_DECLS

/* ---- carrying the text ----------------------------------------------------------------------- */

/* Once in a source file, at its top level: the text of the file becomes a part of the program (of
 * the shared library, of the plugin), as an ELF note: neither -s nor --gc-sections removes it, and
 * nothing runs at start. It is as large as the file. What these are is carried along if they are
 * given as strings, by -DMAYFLY_SOURCE_FLAGS='"-Iinclude -DX=1"' and -DMAYFLY_SOURCE_DIR='"/x/y"':
 * the compiler's flags, and the directory that relative paths in them start at. With link-time
 * optimisation the compiler has to be given an absolute path, because the text is read when
 * linking.
 *
 * MAYFLY_EMBED_FILE("inc/own.h") carries a header, too: a string literal, relative to where the
 * compiler runs. */
#define MAYFLY_EMBED_SOURCE()   MAYFLY_EMBED_FILE(__FILE__)
#define MAYFLY_EMBED_FILE(path) MAYFLY_EMBED_AS(path, MAYFLY_SOURCE_FLAGS, MAYFLY_SOURCE_DIR)

#ifndef MAYFLY_SOURCE_FLAGS
#define MAYFLY_SOURCE_FLAGS ""
#endif
#ifndef MAYFLY_SOURCE_DIR
#define MAYFLY_SOURCE_DIR ""
#endif

/* The note: "mayfly", type 1; path, flags, directory and text, each ending in a NUL. Numbers for
 * labels, because names would meet each other again under link-time optimisation. */
#define MAYFLY_EMBED_AS(path, flags, dir)    MAYFLY_EMBED_QUOTE(path, flags, dir)
#define MAYFLY_EMBED_QUOTE(path, flags, dir) MAYFLY_EMBED_QUOTED(#path, #flags, #dir)
#define MAYFLY_EMBED_QUOTED(path, flags, dir)                                                      \
    __asm__(".pushsection .note.mayfly,\"a\",%note\n"                                              \
            ".balign 4\n"                                                                          \
            ".long 7, 7702f - 7701f, 1\n"                                                          \
            ".asciz \"mayfly\"\n"                                                                  \
            ".balign 4\n"                                                                          \
            "7701: .asciz " path "\n"                                                              \
            ".asciz " flags "\n"                                                                   \
            ".asciz " dir "\n"                                                                     \
            ".incbin " path "\n"                                                                   \
            ".byte 0\n"                                                                            \
            "7702:\n"                                                                              \
            ".balign 4\n"                                                                          \
            ".popsection\n")

/* ---- what to write --------------------------------------------------------------------------- */

typedef void (*mayfly_function)(void);
typedef struct mayfly_source mayfly_source;

/* The form of what is written. */
typedef enum mayfly_source_form {
    MAYFLY_SOURCE_AUTO = 0,     /* the first that compiles; without a compiler the first that is
                                   found */
    MAYFLY_SOURCE_CLOSURE,      /* what the function uses, as it stands in its files */
    MAYFLY_SOURCE_PREPROCESSED, /* the same of the text after the preprocessor: needs no headers and
                                   no flags; a compiler is needed to make it */
    MAYFLY_SOURCE_UNIT,         /* the file as a whole */
} mayfly_source_form;

/* A global whose value of now goes along. */
typedef struct mayfly_source_value {
    const char *name;    /* of a variable of the function's unit */
    const void *address; /* NULL: as the debug information says, which also sees to it that there
                            is no pointer in it */
    size_t size;         /* with an address, which is the caller's word that it is plain data */
} mayfly_source_value;

typedef struct mayfly_source_options {
    const char *alias;                 /* what the function is called in the copy */
    mayfly_source_form form;           /* AUTO */
    const mayfly_source_value *values; /* ends with a NULL name; or NULL */
    const char *const *flags;          /* the compiler's, NULL-terminated; NULL: those that are
                                          recorded */
    const char *compiler;              /* "cc" */
    const char *source;                /* the file to read, whatever is recorded */
    const char *map_from, *map_to;     /* paths that begin with map_from begin with map_to */
    bool unchecked;                    /* AUTO: no compiler is run to see that the text is whole */
    bool changed;                      /* a file that is newer than the program is good enough */
    const char *prefix;                /* dumping: of the file, as mayfly_named_temporary_file */
    const char *dir;
    bool keep;
} mayfly_source_options;

/* ---- extracting ------------------------------------------------------------------------------ */

/* Extracts the source of a live function. The macro knows the function's name and file by the words
 * at the call; what is a pointer and no name is found by the debug information.
 *
 * function   any function of this process: also static, of a shared library, of a plugin
 * options    NULL: all defaults
 *
 * Ownership: the caller frees the result.
 * Errors:    MAYFLY_E_NO_SOURCE    there is neither text nor debug information, or its file is gone
 *            MAYFLY_E_CHANGED      the file was changed after the program was built
 *            MAYFLY_E_NO_FUNCTION  the pointer leads to no function, or into one; the name is none
 *            MAYFLY_E_AMBIGUOUS    several functions have that address (folded by the linker) or
 *                                  that name: the call by name tells which
 *            MAYFLY_E_EXTRACT      not in the form that was asked for, which the message explains
 *            MAYFLY_E_SYNTAX       a text that is no C
 *            -EINVAL               an alias that is no name, a value that cannot be carried
 *            MAYFLY_E_OPTION, -ENOMEM; reading: as open(2) and read(2)
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract S1) */
#define mayfly_source_extract(function, ...)                                                       \
    mayfly_source_extract_sized(sizeof(mayfly_source_options), (mayfly_function)(function),        \
                                #function, __FILE__, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_source_extract_sized(size_t options_size, mayfly_function function, const char *name,
                            const char *file, const mayfly_source_options *options,
                            mayfly_source **ret, mayfly_error *error);

/* Extracts the source of a function of a program or shared library that lies in a file; it is not
 * run. Its text is embedded there, or it has debug information. Values cannot go along.
 *
 * name       "square", or where several units have a static one "unit.c:square"
 *
 * Everything else as above. */
#define mayfly_source_of_program(...)                                                              \
    mayfly_source_of_program_sized(sizeof(mayfly_source_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_source_of_program_sized(size_t options_size, const char *program, const char *name,
                               const mayfly_source_options *options, mayfly_source **ret,
                               mayfly_error *error);

/* Frees a result. Ownership: takes what `source` points to, NULL is accepted twice over.
 * Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API void mayfly_source_free(mayfly_source **source);
MAYFLY_API void mayfly_source_auto(mayfly_source **source);

/* What was found. All texts belong to the result; none is NULL but where it says so.
 *
 * text       the whole file; ret_size may be NULL
 * name       of the function in it: the alias, if there is one
 * signature  "int square(int x)"
 * flags      for the compiler, parted by blanks; "" for none
 * path, line where the function begins
 * embedded   whether the text was in the program
 * form       the form of the text
 * why        why it is not a closure, one sentence; or ""
 * unit_size  how large the whole unit is
 * need       the names that the text uses and does not have, of functions and variables of other
 *            units, one by one; NULL after the last. Those of the C and mathematical libraries are
 *            not among them where a compiler was run
 *
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API const char *mayfly_source_text(const mayfly_source *source, size_t *ret_size);
MAYFLY_API const char *mayfly_source_name(const mayfly_source *source);      /* as above */
MAYFLY_API const char *mayfly_source_signature(const mayfly_source *source); /* as above */
MAYFLY_API const char *mayfly_source_flags(const mayfly_source *source);     /* as above */
MAYFLY_API const char *mayfly_source_path(const mayfly_source *source);      /* as above */
MAYFLY_API unsigned mayfly_source_line(const mayfly_source *source);         /* as above */
MAYFLY_API bool mayfly_source_embedded(const mayfly_source *source);         /* as above */
MAYFLY_API mayfly_source_form mayfly_source_formed(const mayfly_source *source);
MAYFLY_API const char *mayfly_source_why(const mayfly_source *source);                /* as above */
MAYFLY_API size_t mayfly_source_unit_size(const mayfly_source *source);               /* as above */
MAYFLY_API const char *mayfly_source_need(const mayfly_source *source, size_t index); /* as above */

/* ---- dumping --------------------------------------------------------------------------------- */

/* Dumps the source of a live function to a named temporary file (suffix ".c"), flushed and
 * positioned at its start; in memory with _io. If anything fails there is no file.
 *
 *     mayfly_dump_source(square, &(mayfly_source_options){.alias = "sq"}, &file, &error);
 *
 * Ownership: the caller closes the file, which removes it unless it is kept.
 * Errors:    as mayfly_source_extract and mayfly_named_temporary_file
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract S1, S2) */
#define mayfly_dump_source(function, ...)                                                          \
    mayfly_dump_source_sized(sizeof(mayfly_source_options), (mayfly_function)(function),           \
                             #function, __FILE__, __VA_ARGS__)
#define mayfly_dump_source_io(function, ...)                                                       \
    mayfly_dump_source_io_sized(sizeof(mayfly_source_options), (mayfly_function)(function),        \
                                #function, __FILE__, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_dump_source_sized(size_t options_size,
                                                          mayfly_function function,
                                                          const char *name, const char *file,
                                                          const mayfly_source_options *options,
                                                          mayfly_file **ret, mayfly_error *error);
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_dump_source_io_sized(size_t options_size, mayfly_function function, const char *name,
                            const char *file, const mayfly_source_options *options,
                            mayfly_file **ret, mayfly_error *error); /* as above */

MAYFLY_END_DECLS

#endif
