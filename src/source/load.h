/* SPDX-License-Identifier: MIT
 *
 * What the parts of loading share. The way of a load:
 *
 *     namespace.c  ->  trust.c        which text
 *                  ->  contract.c     what its comments say
 *                  ->  compiled.c     from the cache, or
 *                      ->  compile.c, compiler.c, depends.c  by the compiler
 *                  ->  elf.c          what would run, which names there are
 *                  ->  module.c       into the process
 *     call.c       ->  head.c         how a function is declared
 */
#ifndef MFI_SOURCE_LOAD_H
#define MFI_SOURCE_LOAD_H

#include <mayfly/namespace.h>

#include "allow.h"

/* ---- which text (trust.c) -------------------------------------------------------------------- */

/* Reads a source file that nobody but this user and root can have put there. */
int mfi_trust_read(const char *path, const mayfly_load_source_options *options,
                   struct mfi_buffer *ret, mayfly_error *error);

/* ---- what its comments say (contract.c) ------------------------------------------------------ */

struct mfi_contract {
    char *name;             /* of #NAME; NULL: it says none */
    char *needs;            /* of #NEEDS, as it stands; NULL: none */
    struct mfi_flags flags; /* of #FLAGS */
};

int mfi_contract_read(const char *text, size_t size, const char *path, struct mfi_contract *ret,
                      mayfly_error *error);
void mfi_contract_free(struct mfi_contract *contract);
#define mfi_auto_contract __attribute__((cleanup(mfi_contract_free))) struct mfi_contract

/* Whether it is an identifier of at most 255 characters. */
bool mfi_is_name(const char *name, size_t size);

/* ---- by the compiler (compile.c) ------------------------------------------------------------- */

/* A text to be compiled. */
struct mfi_unit {
    const char *text;
    size_t size;
    const char *path;              /* for messages and for #include "..."; NULL: none */
    const struct mfi_flags *flags; /* of the file */
    const char *more;              /* behind the text, or NULL */
    const mayfly_load_source_options *options;
    bool math;                /* with libm, which costs the linker a tenth of all */
    struct mfi_flags command; /* the compiler and what it is told, made by mfi_compiler */
    char *program;            /* its path */
    struct stat identity;     /* of that */
};

/* Finds the compiler and fills in command, program and identity anew. */
int mfi_compiler(struct mfi_unit *unit, mayfly_error *error);

/* A header that was read, as it was then. */
struct mfi_header {
    int64_t modified, changed; /* nanoseconds since 1970 */
    uint64_t inode, device, size;
};

/* What came out. */
struct mfi_compiled {
    struct mfi_buffer object;      /* the shared object */
    struct mfi_buffer diagnostics; /* what the compiler said */
    struct mfi_buffer headers;     /* struct mfi_header and a path with its NUL, one by one */
    struct mfi_buffer names;       /* that it exports: 'f' or 'v', the name, and of functions the
                                      declaration, each with its NUL; one by one */
    struct mfi_buffer runs;        /* what it would do by itself; "" for nothing */
    bool fleeting;                 /* it is not known whether a header has changed meanwhile */
};

int mfi_compile(const struct mfi_unit *unit, struct mfi_compiled *ret, mayfly_error *error);
void mfi_unit_free(struct mfi_unit *unit); /* what mfi_compiler has made */
void mfi_compiled_free(struct mfi_compiled *compiled);
#define mfi_auto_compiled __attribute__((cleanup(mfi_compiled_free))) struct mfi_compiled

/* ---- what it depends on (depends.c) ---------------------------------------------------------- */

/* What a path is now. 0 or -errno. */
int mfi_header_look(const char *path, struct mfi_header *ret);

/* Checks and notes each header of a rule for make, in a compilation that was begun at that time. */
int mfi_headers_note(const struct mfi_unit *unit, const char *rule, int64_t begun,
                     struct mfi_compiled *ret, mayfly_error *error);

/* ---- from the cache (compiled.c) ------------------------------------------------------------- */

/* As mfi_compile, but for what the cache has. */
int mfi_compile_cached(const struct mfi_unit *unit, struct mfi_compiled *ret, mayfly_error *error);

/* Closes the cache that is held open. For tests, while no other thread is at work. */
void mfi_compiled_forget(void);

/* ---- a shared object (elf.c) ----------------------------------------------------------------- */

/* What an object would do by itself: "constructors", ...; NULL: nothing. "" where it is no object
 * that can be understood. */
const char *mfi_elf_runs(const char *image, size_t size);

/* Calls `visit` for each name that it exports. */
struct mfi_export {
    const char *name;
    bool function; /* or a variable */
};
int mfi_elf_exports(const char *image, size_t size,
                    int (*visit)(const struct mfi_export *found, void *context), void *context);

/* Calls `visit` for each name that an object file uses and does not have. */
int mfi_elf_undefined(const char *image, size_t size, int (*visit)(const char *name, void *context),
                      void *context);

/* ---- into the process (module.c) ------------------------------------------------------------- */

struct mfi_module {
    void *handle;
    int fd; /* held as long as it is loaded: the loader knows it by that number */
    struct mfi_module *next;
};

int mfi_module_load(const char *image, size_t size, const char *path, struct mfi_module **ret,
                    mayfly_error *error);
void *mfi_module_symbol(const struct mfi_module *module, const char *name);
void mfi_module_unload(struct mfi_module **module);

/* Names of what stands before each text (compile.c). */
#define MFI_MODULE_END "mayfly_module_end"

/* ---- namespaces (namespace.c) ---------------------------------------------------------------- */

struct mfi_named {
    const char *name;      /* the module's, or the alias */
    const char *exported;  /* by what it is to be looked up in the module; NULL: it is known: */
    mayfly_function known; /* NULL: it is a variable */
    void *data;
    const char *signature; /* NULL: not known */
    bool function;
};

struct mayfly_namespace {
    struct mfi_module *module;
    struct mfi_named *names;
    size_t count, capacity;
    char *main;                   /* the name of the last line, or the alias; NULL: there is none */
    char *original;               /* what it is called in the text */
    struct mfi_compiled compiled; /* names and diagnostics are looked at later */
};

/* Loads a text, with something behind it. */
int mfi_namespace_load(const char *text, size_t size, const char *path, const char *more,
                       const mayfly_load_source_options *options, mayfly_namespace **ret,
                       mayfly_error *error);

#endif
