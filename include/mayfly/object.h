/* SPDX-License-Identifier: MIT
 *
 * Values as Python has them, for C: what is dumped to a temporary file or buffer, and what comes
 * out of any pickle, by whatever program it was written (rows O3 and O4).
 *
 *     mayfly_auto(mayfly_doc) doc = NULL;
 *     mayfly_doc_new(NULL, &doc, &error);
 *     mayfly_value record = mayfly_dict_new(doc);
 *     mayfly_dict_put(doc, record, "name", mayfly_str_new(doc, "libc6", MAYFLY_ALL));
 *     mayfly_dict_put(doc, record, "size", mayfly_int_new(doc, 12988));
 *     mayfly_doc_set_root(doc, record);
 *     if (mayfly_doc_failed(doc, &error) < 0) ...        // nothing in between needs a look
 *
 * Documents  A document owns its values, in blocks of memory that are freed together. So a value
 *            may stand in many places, and in itself. The values of a document may not be put into
 *            another one: mayfly_copy does that.
 * Values     A mayfly_value is a word, to be passed around as such. Absent (all zero) is what a
 *            look-up gives that found nothing, and every function takes it: chains of look-ups
 *            need one look at their end. None, bools, most ints and most floats have no identity;
 *            everything else has (mayfly_same), and dumping keeps it.
 * Building   is sticky: a constructor that fails (no memory, not UTF-8, another document's limit)
 *            gives absent, and from then on the document is failed: mayfly_doc_failed tells the
 *            first reason, and it cannot be dumped.
 * Classes    Nothing is imported or called, ever. What a pickle says about a class's instance is an
 *            object: its callable, arguments, state, items. Instances of well-known classes also
 *            answer as what they are (mayfly_class_of): an OrderedDict to mayfly_dict_get, a
 *            datetime to mayfly_datetime_get; any object's fields to mayfly_get.
 * Threads    A document belongs to one thread at a time, for reading, too.
 */
#ifndef MAYFLY_OBJECT_H
#define MAYFLY_OBJECT_H

#include <mayfly/error.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_doc mayfly_doc;

typedef struct mayfly_value {
    uint64_t bits; /* private; 0: absent */
} mayfly_value;

/* As a size: up to the NUL. */
#define MAYFLY_ALL SIZE_MAX

typedef enum mayfly_kind {
    MAYFLY_ABSENT = 0,
    MAYFLY_NONE,
    MAYFLY_BOOL,
    MAYFLY_INT, /* of any size */
    MAYFLY_FLOAT,
    MAYFLY_COMPLEX,
    MAYFLY_STR, /* UTF-8; lone surrogates as three bytes each ("surrogatepass") */
    MAYFLY_BYTES,
    MAYFLY_BYTEARRAY,
    MAYFLY_LIST,
    MAYFLY_TUPLE,
    MAYFLY_DICT, /* in the order of insertion */
    MAYFLY_SET,
    MAYFLY_FROZENSET,
    MAYFLY_GLOBAL,     /* a class or function by module and qualified name */
    MAYFLY_OBJECT,     /* what calling one of them makes: an instance */
    MAYFLY_PERSISTENT, /* an object that the writer keeps elsewhere, by its id */
    MAYFLY_BUFFER,     /* bytes that travel beside the pickle (protocol 5) */
    MAYFLY_EXTENSION,  /* a global by its number in copyreg's registry */
} mayfly_kind;

/* Well-known classes, by the objects that their pickles make. */
typedef enum mayfly_class {
    MAYFLY_CLASS_NONE = 0, /* not an object, or of a class that is not known */
    MAYFLY_CLASS_ORDERED_DICT,
    MAYFLY_CLASS_DEFAULT_DICT,
    MAYFLY_CLASS_COUNTER,
    MAYFLY_CLASS_DEQUE,
    MAYFLY_CLASS_DATETIME,
    MAYFLY_CLASS_DATE,
    MAYFLY_CLASS_TIME,
    MAYFLY_CLASS_TIMEDELTA,
    MAYFLY_CLASS_TIMEZONE,
    MAYFLY_CLASS_DECIMAL,
    MAYFLY_CLASS_FRACTION,
    MAYFLY_CLASS_UUID,
    MAYFLY_CLASS_PATH,
    MAYFLY_CLASS_ARRAY,
    MAYFLY_CLASS_RANGE,
    MAYFLY_CLASS_SLICE,
    MAYFLY_CLASS_ATTRIBUTE,    /* builtins.getattr: a nested class, a bound method */
    MAYFLY_CLASS_FUNCTION,     /* dill's */
    MAYFLY_CLASS_CODE,         /* dill's */
    MAYFLY_CLASS_CELL,         /* dill's */
    MAYFLY_CLASS_TYPE,         /* dill's: a class by its body */
    MAYFLY_CLASS_TYPE_BY_NAME, /* dill's: a built-in type */
    MAYFLY_CLASS_MODULE,       /* dill's */
    MAYFLY_CLASS_NAMED_TUPLE,  /* dill's: a named tuple's class, with its field names */
    MAYFLY_CLASS_INSTANCE,     /* of some class, by copyreg or its protocol 2: fields as state */
    MAYFLY_CLASS_CALL,         /* of any other callable */
} mayfly_class;

/* ---- documents ------------------------------------------------------------------------------- */

typedef struct mayfly_doc_options {
    uint64_t max_bytes; /* of memory for the values; 0: 4 GiB */
} mayfly_doc_options;

/* Makes an empty document.
 *
 * Ownership: the caller frees it.
 * Errors:    -ENOMEM, MAYFLY_E_OPTION
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
#define mayfly_doc_new(...) mayfly_doc_new_sized(sizeof(mayfly_doc_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_doc_new_sized(size_t options_size,
                                                      const mayfly_doc_options *options,
                                                      mayfly_doc **ret, mayfly_error *error);

/* Forgets all values and any failure; the memory stays for those that come next. What reads many
 * pickles one after the other does it this way. Safety: thread one-object | fork any | signal no.
 * Since: 0.1 */
MAYFLY_API void mayfly_doc_reset(mayfly_doc *doc);

/* Frees the document with all its values; NULL is accepted twice over. Safety: thread one-object |
 * fork any | signal no. Since: 0.1 */
MAYFLY_API void mayfly_doc_free(mayfly_doc **doc);
MAYFLY_API void mayfly_doc_auto(mayfly_doc **doc);

/* The value that the document is about: what was loaded, or what was set. Safety: thread
 * one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API mayfly_value mayfly_doc_root(const mayfly_doc *doc);
MAYFLY_API void mayfly_doc_set_root(mayfly_doc *doc, mayfly_value root);

/* 0, or why building failed first. Errors: -ENOMEM no memory, or max_bytes are reached; -EILSEQ a
 * text that is not UTF-8; -EINVAL a value of a kind that cannot stand there (a list as a key), an
 * absent one, or something that only another kind can do.
 * Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API int mayfly_doc_failed(const mayfly_doc *doc, mayfly_error *error);

/* Bytes of memory that the document holds. Safety: thread one-object | fork any | signal no.
 * Since: 0.1 */
MAYFLY_API uint64_t mayfly_doc_bytes(const mayfly_doc *doc);

/* ---- building -------------------------------------------------------------------------------- */

/* Values without parts. A `size` of MAYFLY_ALL is strlen(). What is given is copied.
 *
 * mayfly_int_from_text reads what Python's int() reads with base 0: a sign, 0x, 0o, 0b, _.
 * mayfly_int_from_bytes reads a two's complement number, the lowest byte first.
 *
 * Returns the value; absent: the document is failed (mayfly_doc_failed).
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 (contract O3) */
MAYFLY_API mayfly_value mayfly_none_new(mayfly_doc *doc);
MAYFLY_API mayfly_value mayfly_bool_new(mayfly_doc *doc, bool value); /* as above */
MAYFLY_API mayfly_value mayfly_int_new(mayfly_doc *doc, int64_t value);
MAYFLY_API mayfly_value mayfly_uint_new(mayfly_doc *doc, uint64_t value);
MAYFLY_API mayfly_value mayfly_int_from_text(mayfly_doc *doc, const char *text, size_t size);
MAYFLY_API mayfly_value mayfly_int_from_bytes(mayfly_doc *doc, const void *bytes, size_t size);
MAYFLY_API mayfly_value mayfly_float_new(mayfly_doc *doc, double value);
MAYFLY_API mayfly_value mayfly_complex_new(mayfly_doc *doc, double real, double imag);
MAYFLY_API mayfly_value mayfly_str_new(mayfly_doc *doc, const char *text, size_t size);
MAYFLY_API mayfly_value mayfly_bytes_new(mayfly_doc *doc, const void *data, size_t size);
MAYFLY_API mayfly_value mayfly_bytearray_new(mayfly_doc *doc, const void *data, size_t size);

/* Containers, empty or with what is given. Items of a frozenset and of a set, and keys of a dict,
 * must be hashable, as in Python; of equal ones the first stays. Safety: thread one-object | fork
 * any | signal no. Since: 0.1. Returns: as above. */
MAYFLY_API mayfly_value mayfly_list_new(mayfly_doc *doc);
MAYFLY_API mayfly_value mayfly_dict_new(mayfly_doc *doc);
MAYFLY_API mayfly_value mayfly_set_new(mayfly_doc *doc);
MAYFLY_API mayfly_value mayfly_tuple_new(mayfly_doc *doc, const mayfly_value *items, size_t count);
MAYFLY_API mayfly_value mayfly_frozenset_new(mayfly_doc *doc, const mayfly_value *items,
                                             size_t count);

/* Symbolic values. `arguments` is a tuple. An object made with `mayfly_object_new` is what
 * callable(*arguments) gives; `mayfly_instance_new` has an instance made by cls.__new__(cls) and
 * given `state`, usually a dict of its attributes (absent: none). Safety: thread one-object | fork
 * any | signal no. Since: 0.1. Returns: as above. */
MAYFLY_API mayfly_value mayfly_global_new(mayfly_doc *doc, const char *module, const char *name);
MAYFLY_API mayfly_value mayfly_object_new(mayfly_doc *doc, mayfly_value callable,
                                          mayfly_value arguments);
MAYFLY_API mayfly_value mayfly_instance_new(mayfly_doc *doc, mayfly_value cls, mayfly_value state);
MAYFLY_API mayfly_value mayfly_persistent_new(mayfly_doc *doc, mayfly_value id);
MAYFLY_API mayfly_value mayfly_extension_new(mayfly_doc *doc, uint32_t code);
MAYFLY_API mayfly_value mayfly_buffer_new(mayfly_doc *doc, const void *data, size_t size,
                                          bool readonly);

/* Changing what can change. Lists: also a deque's and any object's list items. Dicts: also an
 * OrderedDict's, Counter's and any object's dict items. mayfly_dict_put takes a text as key.
 *
 * Errors:    the document remembers the first (mayfly_doc_failed), but not these two:
 *            -ERANGE  mayfly_list_set and _remove beyond the end
 *            -ENOENT  mayfly_dict_remove and mayfly_set_remove of what is not there
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_list_append(mayfly_doc *doc, mayfly_value list, mayfly_value item);
MAYFLY_API int mayfly_list_set(mayfly_doc *doc, mayfly_value list, size_t index,
                               mayfly_value item); /* as above */
MAYFLY_API int mayfly_list_insert(mayfly_doc *doc, mayfly_value list, size_t index,
                                  mayfly_value item);
MAYFLY_API int mayfly_list_remove(mayfly_doc *doc, mayfly_value list, size_t index);
MAYFLY_API int mayfly_dict_set(mayfly_doc *doc, mayfly_value dict, mayfly_value key,
                               mayfly_value value);
MAYFLY_API int mayfly_dict_put(mayfly_doc *doc, mayfly_value dict, const char *key,
                               mayfly_value value);
MAYFLY_API int mayfly_dict_remove(mayfly_doc *doc, mayfly_value dict, mayfly_value key);
MAYFLY_API int mayfly_set_add(mayfly_doc *doc, mayfly_value set, mayfly_value item);
MAYFLY_API int mayfly_set_remove(mayfly_doc *doc, mayfly_value set, mayfly_value item);
MAYFLY_API int mayfly_object_set_state(mayfly_doc *doc, mayfly_value object, mayfly_value state);

/* ---- looking --------------------------------------------------------------------------------- */

/* Kind and class; their names ("dict", "datetime.datetime"). Safety: thread one-object | fork any |
 * signal no. Since: 0.1 */
MAYFLY_API mayfly_kind mayfly_kind_of(mayfly_value value);
MAYFLY_API mayfly_class mayfly_class_of(mayfly_value value);
MAYFLY_API const char *mayfly_kind_name(mayfly_kind kind);

/* The content of values without parts. bool_get takes bools; int_get bools and ints; float_get
 * those and floats, complex_get all numbers.
 *
 * Errors:    -EINVAL it is of another kind (the message says which); -ERANGE it does not fit
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_bool_get(mayfly_value value, bool *ret, mayfly_error *error);
MAYFLY_API int mayfly_int_get(mayfly_value value, int64_t *ret, mayfly_error *error);
MAYFLY_API int mayfly_uint_get(mayfly_value value, uint64_t *ret, mayfly_error *error);
MAYFLY_API int mayfly_float_get(mayfly_value value, double *ret, mayfly_error *error);
MAYFLY_API int mayfly_complex_get(mayfly_value value, double *real, double *imag,
                                  mayfly_error *error); /* as above */

/* A whole number of any size: in decimal digits (new memory, the caller frees it), or as two's
 * complement with the lowest byte first (the value's, as short as it can be; `scratch` is used for
 * small ones). Errors: -EINVAL not an int or bool; -ENOMEM. Safety: thread one-object | fork any |
 * signal no. Since: 0.1 */
MAYFLY_API int mayfly_int_text(mayfly_value value, char **ret, mayfly_error *error);
MAYFLY_API const void *mayfly_int_bytes(mayfly_value value, uint8_t scratch[9], size_t *ret_size);

/* The text of a str, or NULL. A NUL stands after it (and others may be in it), except after a text
 * of MAYFLY_BORROW (mayfly/pickle.h). `ret_size` may be NULL. Ownership: the document's. Safety:
 * thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API const char *mayfly_str_get(mayfly_value value, size_t *ret_size);

/* The content of bytes, a bytearray, a buffer, an array.array, or NULL; all as above. */
MAYFLY_API const void *mayfly_bytes_get(mayfly_value value, size_t *ret_size);

/* Containers, and the objects that are such (deque, OrderedDict, ...): how many items or pairs; an
 * item of a list, tuple, set or frozenset; a pair of a dict, in order. Absent or false beyond the
 * end. Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API size_t mayfly_count(mayfly_value value);
MAYFLY_API mayfly_value mayfly_item(mayfly_value value, size_t index);
MAYFLY_API bool mayfly_pair(mayfly_value value, size_t index, mayfly_value *ret_key,
                            mayfly_value *ret_value);

/* What a dict has for a key (a text), or an object for the name of an attribute or field; whether a
 * set has an item. In constant time. Absent: nothing. Safety: thread one-object | fork any | signal
 * no. Since: 0.1 */
MAYFLY_API mayfly_value mayfly_get(mayfly_value value, const char *key);
MAYFLY_API mayfly_value mayfly_dict_get(mayfly_value dict, mayfly_value key);
MAYFLY_API bool mayfly_set_has(mayfly_value set, mayfly_value item);

/* What stands at a path such as "/records/3/name" (RFC 6901: ~1 is '/', ~0 is '~'): a key of a dict
 * (a str, or an int in decimal), an index of a list or tuple (-1: the last), an attribute or field
 * of an object. "" is the value itself.
 *
 * Errors:    -ENOENT nothing is there: the message says how far the path went; -EINVAL no path
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_at(mayfly_value value, const char *path, mayfly_value *ret,
                         mayfly_error *error);

/* The parts of symbolic values; absent or NULL where there is none. A global whose name the pickle
 * computes by a call has no name. `mayfly_object_items` is a list, `mayfly_object_pairs` a dict.
 * Nearly all objects have one state at most; mayfly_object_state_at knows further ones, which a
 * pickle sets one after the other, from 0 on. mayfly_object_then: the calls that the pickle makes
 * when the object is there and whose results it throws away, as dill does, from 0 on.
 * Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API const char *mayfly_global_module(mayfly_value global);
MAYFLY_API const char *mayfly_global_name(mayfly_value global);
MAYFLY_API mayfly_value mayfly_object_callable(mayfly_value object);
MAYFLY_API mayfly_value mayfly_object_arguments(mayfly_value object);
MAYFLY_API mayfly_value mayfly_object_keywords(mayfly_value object);
MAYFLY_API mayfly_value mayfly_object_state(mayfly_value object);
MAYFLY_API mayfly_value mayfly_object_state_at(mayfly_value object, size_t index);
MAYFLY_API mayfly_value mayfly_object_then(mayfly_value object, size_t index);
MAYFLY_API mayfly_value mayfly_object_items(mayfly_value object);
MAYFLY_API mayfly_value mayfly_object_pairs(mayfly_value object);
MAYFLY_API mayfly_value mayfly_persistent_id(mayfly_value value);
MAYFLY_API uint32_t mayfly_extension_code(mayfly_value value);

/* ---- well-known classes ---------------------------------------------------------------------- */

/* datetime.datetime, .date (no time), .time (no date). */
typedef struct mayfly_datetime {
    int year, month, day;
    int hour, minute, second, microsecond;
    int fold;
    bool has_zone;     /* there is a tzinfo: `zone` */
    bool has_offset;   /* it is a datetime.timezone: */
    int64_t offset;    /* microseconds east of UTC */
    mayfly_value zone; /* the tzinfo as it stands */
} mayfly_datetime;

/* The fields of one of these three. Errors: -EINVAL it is no such object, or damaged. Safety:
 * thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API int mayfly_datetime_get(mayfly_value value, mayfly_datetime *ret, mayfly_error *error);

/* A datetime.timedelta, or the offset of a datetime.timezone, in microseconds. Errors: as above;
 * -ERANGE. */
MAYFLY_API int mayfly_timedelta_get(mayfly_value value, int64_t *ret, mayfly_error *error);

/* Makes one that Python reads as datetime.datetime; -date: of year, month and day; -time: of the
 * rest; with `has_offset` in a datetime.timezone. Returns absent when a field is out of its range
 * (the document is failed). Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API mayfly_value mayfly_datetime_new(mayfly_doc *doc, const mayfly_datetime *from);
MAYFLY_API mayfly_value mayfly_date_new(mayfly_doc *doc, int year, int month, int day);
MAYFLY_API mayfly_value mayfly_time_new(mayfly_doc *doc, const mayfly_datetime *from);
MAYFLY_API mayfly_value mayfly_timedelta_new(mayfly_doc *doc, int64_t microseconds);

/* decimal.Decimal and pathlib.PurePosixPath of a text, uuid.UUID of 16 bytes; as above. */
MAYFLY_API mayfly_value mayfly_decimal_new(mayfly_doc *doc, const char *text);
MAYFLY_API mayfly_value mayfly_path_new(mayfly_doc *doc, const char *path);
MAYFLY_API mayfly_value mayfly_uuid_new(mayfly_doc *doc, const uint8_t bytes[16]);

/* What Python's str() gives: of a str itself, of numbers, of datetime's classes, Decimal, Fraction,
 * UUID and paths; of everything else its repr. New memory, the caller frees it.
 *
 * Errors:    -ENOMEM, -EINVAL absent
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_text(mayfly_value value, char **ret, mayfly_error *error);

/* ---- whole values ---------------------------------------------------------------------------- */

/* Whether two are the same value, not only equal: what `is` tells in Python. Safety: thread
 * one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API bool mayfly_same(mayfly_value a, mayfly_value b);

/* Whether two are equal, however deep, also where they contain themselves: 1 == 1.0 == True, dicts
 * and sets in any order, nan is equal to itself only as the same value; objects when their parts
 * are. Values may be of different documents.
 *
 * Returns 1 or 0.
 * Errors:    -ENOMEM
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_equal(mayfly_value a, mayfly_value b, mayfly_error *error);

/* Copies a value with all that it reaches into a document, keeping what is shared and cyclic. The
 * values that have no identity are given as they are. Safety: thread one-object | fork any | signal
 * no. Since: 0.1. Returns: the copy; absent: the document is failed. */
MAYFLY_API mayfly_value mayfly_copy(mayfly_doc *doc, mayfly_value value);

typedef struct mayfly_repr_options {
    size_t max_bytes;   /* of the text, which then ends in "..."; 0: no limit */
    uint32_t max_depth; /* deeper containers are "..."; 0: 200, at most 1000 */
} mayfly_repr_options;

/* The text that Python's repr() gives for plain data and the well-known classes; other objects as
 * module.Class(arguments) and their fields in braces. What contains itself: [...], as in Python.
 * New memory, the caller frees it.
 *
 * Errors:    -ENOMEM, -EINVAL absent, MAYFLY_E_OPTION
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
#define mayfly_repr(...) mayfly_repr_sized(sizeof(mayfly_repr_options), __VA_ARGS__)
MAYFLY_API int mayfly_repr_sized(size_t options_size, mayfly_value value,
                                 const mayfly_repr_options *options, char **ret, size_t *ret_size,
                                 mayfly_error *error);

MAYFLY_END_DECLS

#endif
