/* SPDX-License-Identifier: MIT
 *
 * A C program's own objects: structs, described once, dumped and loaded as a whole (row O1 for C).
 *
 *     typedef struct point { double x, y; } point;
 *     MAYFLY_STRUCT(point_type, point, MAYFLY_FIELD(point, x), MAYFLY_FIELD(point, y));
 *
 *     point here = {1, 2}, there;
 *     mayfly_dump_struct(&point_type, &here, NULL, &file, &error);      // {'x': 1.0, 'y': 2.0}
 *     mayfly_load(file, NULL, &doc, &error);
 *     mayfly_load_struct(&point_type, mayfly_doc_root(doc), NULL, &there, &error);
 *     ...
 *     mayfly_struct_clear(&point_type, &there, NULL);
 *
 * Descriptions are constant tables. The compiler finds out a member's kind and size, and refuses
 * what does not fit: no word in a table can be wrong. (The macros are for C; other languages fill
 * in the tables themselves.)
 *
 *     MAYFLY_FIELD(s, member)                       bool, a whole number, float, double, char *
 *     MAYFLY_FIELD_CHARS(s, member)                 char[N], a text with its NUL
 *     MAYFLY_FIELD_BYTES(s, member, size)           a pointer, and the member with its size
 *     MAYFLY_FIELD_ENUM(s, member, table)           by name; the table is a MAYFLY_ENUM
 *     MAYFLY_FIELD_STRUCT(s, member, type)          a struct inside
 *     MAYFLY_FIELD_POINTER(s, member, type)         a pointer to a struct, or NULL
 *
 * and arrays of them: _ARRAY for T member[N], _COUNTED for T *member with a member that counts
 * (MAYFLY_FIELD_ARRAY, MAYFLY_FIELD_COUNTED, MAYFLY_FIELD_ENUM_ARRAY, MAYFLY_FIELD_STRUCT_COUNTED,
 * MAYFLY_FIELD_POINTER_COUNTED, ...).
 *
 * In Python a struct is a dict, or an instance of the class that MAYFLY_CLASS names; char * is a
 * str, NULL is None; bytes are bytes; arrays are lists; an enum is the str of its name.
 *
 * Pointers keep what they are: two to one struct are one dict, shared, and two to one struct when
 * loaded; what points to itself does so again; so do pointers to the whole object. A pointer into
 * the middle of a struct or array becomes one to a copy.
 *
 * What loading allocates comes from malloc(3), one block for each text, array and struct that is
 * pointed to. mayfly_struct_clear frees them all.
 */
#ifndef MAYFLY_STRUCT_H
#define MAYFLY_STRUCT_H

#include <mayfly/dump.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_struct_type mayfly_struct_type;

typedef enum mayfly_field_kind {
    MAYFLY_FIELD_IS_BOOL = 1,
    MAYFLY_FIELD_IS_INT,
    MAYFLY_FIELD_IS_UINT,
    MAYFLY_FIELD_IS_FLOAT, /* float or double, by its size */
    MAYFLY_FIELD_IS_STR,
    MAYFLY_FIELD_IS_CHARS,
    MAYFLY_FIELD_IS_BYTES,
    MAYFLY_FIELD_IS_ENUM,
    MAYFLY_FIELD_IS_STRUCT,
    MAYFLY_FIELD_IS_POINTER,
} mayfly_field_kind;

typedef enum mayfly_field_shape {
    MAYFLY_FIELD_ONE = 0,
    MAYFLY_FIELD_FIXED,   /* T member[count] */
    MAYFLY_FIELD_COUNTING /* T *member, and a member that counts */
} mayfly_field_shape;

/* A name of an enum's value. */
typedef struct mayfly_enum_name {
    const char *name; /* NULL: the end of the table */
    int64_t value;
} mayfly_enum_name;

/* One field. Made by the macros; languages that have none fill it in themselves. */
typedef struct mayfly_field {
    const char *name;
    mayfly_field_kind kind;
    mayfly_field_shape shape;
    size_t offset;                  /* of the member */
    size_t size;                    /* of one element */
    size_t count;                   /* MAYFLY_FIELD_FIXED: elements */
    size_t count_offset;            /* COUNTING, BYTES: of the member that counts */
    size_t count_size;              /* its size */
    bool count_signed;              /* whether it has a sign */
    const mayfly_enum_name *names;  /* ENUM */
    const mayfly_struct_type *type; /* STRUCT, POINTER */
} mayfly_field;

struct mayfly_struct_type {
    const char *name;
    size_t size;
    const char *module; /* of the Python class; NULL: a dict */
    const char *qualname;
    const mayfly_field *fields;
    size_t field_count;
};

/* ---- describing ------------------------------------------------------------------------------ */

/* Describes a struct, under a name of the file's own; as an instance of a Python class:
 *
 *     MAYFLY_CLASS(job_type, job, "jobs", "Job", MAYFLY_FIELD(job, id), ...);
 *
 * A type whose fields point to structs of its own kind may name itself. Types that name each other
 * are announced: MAYFLY_STRUCT_DECLARE(type, s). */
#define MAYFLY_STRUCT(type, s, ...) MAYFLY_CLASS(type, s, NULL, NULL, __VA_ARGS__)
#define MAYFLY_CLASS(type, s, class_module, class_name, ...)                                       \
    MAYFLY_STRUCT_DECLARE(type, s);                                                                \
    static const mayfly_struct_type type = {                                                       \
        .name = #s,                                                                                \
        .size = sizeof(s),                                                                         \
        .module = class_module,                                                                    \
        .qualname = class_name,                                                                    \
        .fields = (const mayfly_field[]){__VA_ARGS__},                                             \
        .field_count = sizeof((const mayfly_field[]){__VA_ARGS__}) / sizeof(mayfly_field),         \
    }
#define MAYFLY_STRUCT_DECLARE(type, s)                                                             \
    typedef s type##_object;                                                                       \
    static const mayfly_struct_type type

/* The names of an enum: MAYFLY_ENUM(colour_names, {"red", RED}, {"green", GREEN}); */
#define MAYFLY_ENUM(table, ...)                                                                    \
    static const mayfly_enum_name table[] = {__VA_ARGS__, {.name = NULL, .value = 0}}

/* No association for a member's type means: there is a macro of its own for it, or no form. */
#define MAYFLY_MEMBER_(s, m) (((s *)NULL)->m)
#define MAYFLY_KIND_(at)                                                                           \
    _Generic((at),                                                                                 \
        bool *: MAYFLY_FIELD_IS_BOOL,                                                              \
        char *: ('\xff' < 0 ? MAYFLY_FIELD_IS_INT : MAYFLY_FIELD_IS_UINT),                         \
        signed char *: MAYFLY_FIELD_IS_INT,                                                        \
        short *: MAYFLY_FIELD_IS_INT,                                                              \
        int *: MAYFLY_FIELD_IS_INT,                                                                \
        long *: MAYFLY_FIELD_IS_INT,                                                               \
        long long *: MAYFLY_FIELD_IS_INT,                                                          \
        unsigned char *: MAYFLY_FIELD_IS_UINT,                                                     \
        unsigned short *: MAYFLY_FIELD_IS_UINT,                                                    \
        unsigned int *: MAYFLY_FIELD_IS_UINT,                                                      \
        unsigned long *: MAYFLY_FIELD_IS_UINT,                                                     \
        unsigned long long *: MAYFLY_FIELD_IS_UINT,                                                \
        float *: MAYFLY_FIELD_IS_FLOAT,                                                            \
        double *: MAYFLY_FIELD_IS_FLOAT,                                                           \
        char **: MAYFLY_FIELD_IS_STR,                                                              \
        const char **: MAYFLY_FIELD_IS_STR)
#define MAYFLY_LENGTH_(s, m) (sizeof MAYFLY_MEMBER_(s, m) / sizeof MAYFLY_MEMBER_(s, m)[0])

/* Each is 1, or does not compile. */
#define MAYFLY_IS_(expression, wanted) _Generic((expression), wanted : 1)
#define MAYFLY_IS_ARRAY_(s, m)                                                                     \
    MAYFLY_IS_(&MAYFLY_MEMBER_(s, m), __typeof__(MAYFLY_MEMBER_(s, m)[0])(*)[MAYFLY_LENGTH_(s, m)])
#define MAYFLY_IS_POINTER_(s, m)                                                                   \
    MAYFLY_IS_(&MAYFLY_MEMBER_(s, m), __typeof__(&MAYFLY_MEMBER_(s, m)[0]) *)
#define MAYFLY_IS_WHOLE_(at)                                                                       \
    ((int)sizeof(                                                                                  \
        char[MAYFLY_KIND_(at) == MAYFLY_FIELD_IS_INT || MAYFLY_KIND_(at) == MAYFLY_FIELD_IS_UINT   \
                 ? 1                                                                               \
                 : -1]))

#define MAYFLY_PLACE_(s, m) .name = #m, .offset = offsetof(s, m)
#define MAYFLY_ONE_(s, m)   MAYFLY_PLACE_(s, m), .size = sizeof MAYFLY_MEMBER_(s, m)
#define MAYFLY_ARRAY_(s, m)                                                                        \
    MAYFLY_PLACE_(s, m), .size = sizeof MAYFLY_MEMBER_(s, m)[0], .shape = MAYFLY_FIELD_FIXED,      \
                         .count = MAYFLY_LENGTH_(s, m) * MAYFLY_IS_ARRAY_(s, m)
#define MAYFLY_COUNT_(s, n)                                                                        \
    .count_offset = offsetof(s, n) * (size_t)MAYFLY_IS_WHOLE_(&MAYFLY_MEMBER_(s, n)),              \
    .count_size = sizeof MAYFLY_MEMBER_(s, n),                                                     \
    .count_signed = MAYFLY_KIND_(&MAYFLY_MEMBER_(s, n)) == MAYFLY_FIELD_IS_INT
#define MAYFLY_COUNTED_(s, m, n)                                                                   \
    MAYFLY_PLACE_(s, m), .size = sizeof MAYFLY_MEMBER_(s, m)[0] * MAYFLY_IS_POINTER_(s, m),        \
                         .shape = MAYFLY_FIELD_COUNTING, MAYFLY_COUNT_(s, n)

#define MAYFLY_FIELD(s, m)                                                                         \
    { MAYFLY_ONE_(s, m), .kind = MAYFLY_KIND_(&MAYFLY_MEMBER_(s, m)) }
#define MAYFLY_FIELD_ARRAY(s, m)                                                                   \
    { MAYFLY_ARRAY_(s, m), .kind = MAYFLY_KIND_(&MAYFLY_MEMBER_(s, m)[0]) }
#define MAYFLY_FIELD_COUNTED(s, m, n)                                                              \
    { MAYFLY_COUNTED_(s, m, n), .kind = MAYFLY_KIND_(&MAYFLY_MEMBER_(s, m)[0]) }

#define MAYFLY_FIELD_CHARS(s, m)                                                                   \
    {                                                                                              \
        MAYFLY_ONE_(s, m),                                                                         \
            .kind = MAYFLY_FIELD_IS_CHARS +                                                        \
                    0 * MAYFLY_IS_(&MAYFLY_MEMBER_(s, m), char(*)[sizeof MAYFLY_MEMBER_(s, m)])    \
    }
#define MAYFLY_FIELD_BYTES(s, m, n)                                                                \
    {                                                                                              \
        MAYFLY_ONE_(s, m), MAYFLY_COUNT_(s, n),                                                    \
            .kind = MAYFLY_FIELD_IS_BYTES +                                                        \
                    0 * _Generic(MAYFLY_MEMBER_(s, m), void * : 1, char * : 1, signed char * : 1,  \
                                 unsigned char * : 1, const void * : 1, const char * : 1,          \
                                 const unsigned char * : 1)                                        \
    }

#define MAYFLY_NAMES_(element, table)                                                              \
    .kind = MAYFLY_FIELD_IS_ENUM + 0 * MAYFLY_IS_WHOLE_(&element), .names = (table)
#define MAYFLY_FIELD_ENUM(s, m, table)                                                             \
    { MAYFLY_ONE_(s, m), MAYFLY_NAMES_(MAYFLY_MEMBER_(s, m), table) }
#define MAYFLY_FIELD_ENUM_ARRAY(s, m, table)                                                       \
    { MAYFLY_ARRAY_(s, m), MAYFLY_NAMES_(MAYFLY_MEMBER_(s, m)[0], table) }
#define MAYFLY_FIELD_ENUM_COUNTED(s, m, n, table)                                                  \
    { MAYFLY_COUNTED_(s, m, n), MAYFLY_NAMES_(MAYFLY_MEMBER_(s, m)[0], table) }

#define MAYFLY_STRUCT_(element, of)                                                                \
    .kind = MAYFLY_FIELD_IS_STRUCT + 0 * MAYFLY_IS_(&element, of##_object *), .type = &of
#define MAYFLY_FIELD_STRUCT(s, m, of)                                                              \
    { MAYFLY_ONE_(s, m), MAYFLY_STRUCT_(MAYFLY_MEMBER_(s, m), of) }
#define MAYFLY_FIELD_STRUCT_ARRAY(s, m, of)                                                        \
    { MAYFLY_ARRAY_(s, m), MAYFLY_STRUCT_(MAYFLY_MEMBER_(s, m)[0], of) }
#define MAYFLY_FIELD_STRUCT_COUNTED(s, m, n, of)                                                   \
    { MAYFLY_COUNTED_(s, m, n), MAYFLY_STRUCT_(MAYFLY_MEMBER_(s, m)[0], of) }

#define MAYFLY_POINTER_(element, of)                                                               \
    .kind = MAYFLY_FIELD_IS_POINTER + 0 * MAYFLY_IS_(element, of##_object *), .type = &of
#define MAYFLY_FIELD_POINTER(s, m, of)                                                             \
    { MAYFLY_ONE_(s, m), MAYFLY_POINTER_(MAYFLY_MEMBER_(s, m), of) }
#define MAYFLY_FIELD_POINTER_ARRAY(s, m, of)                                                       \
    { MAYFLY_ARRAY_(s, m), MAYFLY_POINTER_(MAYFLY_MEMBER_(s, m)[0], of) }
#define MAYFLY_FIELD_POINTER_COUNTED(s, m, n, of)                                                  \
    { MAYFLY_COUNTED_(s, m, n), MAYFLY_POINTER_(MAYFLY_MEMBER_(s, m)[0], of) }

/* ---- dumping --------------------------------------------------------------------------------- */

/* Makes the value of a struct with all that it points to: a dict, or an instance of the class that
 * its type names, with a dict as its state. The struct is not needed any more afterwards.
 *
 * Returns the value; absent: the document is failed (mayfly_doc_failed), with a message that names
 *            the field: -EILSEQ a text that is not UTF-8; -EINVAL a number without a name in an
 *            enum's table, a text without a NUL in its char[N], an array that is NULL and counts;
 *            -ELOOP structs in arrays of structs more than 10,000 deep: they contain themselves;
 *            -ENOMEM
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 (contract O1, O3) */
MAYFLY_API mayfly_value mayfly_struct_new(mayfly_doc *doc, const mayfly_struct_type *type,
                                          const void *object);

/* Dumps a struct to a named temporary file.
 *
 * options    as of mayfly_dump
 *
 * Ownership: the caller closes the file.
 * Errors:    as mayfly_struct_new and mayfly_dump
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract O1) */
#define mayfly_dump_struct(...) mayfly_dump_struct_sized(sizeof(mayfly_dump_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_dump_struct_sized(size_t options_size,
                                                          const mayfly_struct_type *type,
                                                          const void *object,
                                                          const mayfly_dump_options *options,
                                                          mayfly_file **ret, mayfly_error *error);

/* ---- loading --------------------------------------------------------------------------------- */

enum {
    MAYFLY_STRUCT_MISSING_OK = 1u << 0, /* a field that the value lacks stays zero */
    MAYFLY_STRUCT_UNKNOWN_OK = 1u << 1, /* what the struct has no field for is left out */
};

typedef struct mayfly_struct_options {
    unsigned flags;     /* MAYFLY_STRUCT_... */
    uint64_t max_bytes; /* of memory for what the struct points to; 0: 4 GiB. A small value can
                           stand in many places of itself, and a struct has a copy for each */
} mayfly_struct_options;

/* Fills a struct from a dict, or from the attributes of an instance, whatever its class. Lists and
 * tuples fill arrays; ints floats, too; a bool a whole number.
 *
 * object     is overwritten; what it points to is not freed
 *
 * Ownership: the caller clears the struct (mayfly_struct_clear). The value is not needed any more.
 * Errors:    the message names the field: load struct order: field "items[3].x": ...
 *            and nothing is allocated, and the struct is all zero
 *            -EINVAL          a value of another kind; a field that the struct does not have; a
 *                             name that the enum does not have
 *            -ENOENT          a field is missing
 *            -ERANGE          a number, text or list does not fit, or two lists with one count
 *                             are not of one length
 *            -ELOOP           as mayfly_struct_new
 *            -EILSEQ          a text with a NUL in it
 *            MAYFLY_E_LIMIT   more than max_bytes; -ENOMEM; MAYFLY_E_OPTION
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 (contract O1) */
#define mayfly_load_struct(...) mayfly_load_struct_sized(sizeof(mayfly_struct_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_load_struct_sized(size_t options_size, const mayfly_struct_type *type, mayfly_value value,
                         const mayfly_struct_options *options, void *object, mayfly_error *error);

/* Frees what a loaded struct points to, each block once however often it is pointed to, and makes
 * the struct all zero; clearing it again does nothing. What the program has changed meanwhile must
 * be of the same form: blocks from malloc(3), or NULL.
 *
 * Errors:    -ENOMEM  shared pointers are found by a table, and there was no memory for it: nothing
 *                     was freed, and it can be tried again. -ELOOP as mayfly_struct_new
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_struct_clear(const mayfly_struct_type *type, void *object,
                                   mayfly_error *error);

MAYFLY_END_DECLS

#endif
