/* SPDX-License-Identifier: MIT
 *
 * The tour of structs that dumping, loading and clearing share.
 *
 * Records   the structs that pointers lead to, and the object itself as the first: each is done
 *           once, one after the other, however long the list or cyclic the graph. Found again by a
 *           hash table.
 * Frames    of the record in work: the structs inside of structs and arrays, innermost last. They
 *           are memory, too, and no recursion.
 */
#ifndef MFI_STRUCT_H
#define MFI_STRUCT_H

#include <mayfly/struct.h>

#include "value.h"

enum {
    MFI_FRAMES = 10000, /* a deeper one contains itself, or is made to exhaust the memory */
};

#define MFI_NO_ELEMENT SIZE_MAX

struct mfi_record {
    const mayfly_struct_type *type;
    char *at;
    mayfly_value value;
    uint32_t parent; /* the record with the pointer that was first seen */
};

struct mfi_frame {
    const mayfly_struct_type *type;
    const mayfly_field *via; /* of the frame below; NULL: this is the record */
    char *base, *at;         /* the first element, the one in work */
    mayfly_value list;       /* the elements' values; absent: there is one, `value` */
    mayfly_value value;
    size_t index, count;
    size_t field; /* the next one */
    size_t found; /* loading: fields that the value has */
    size_t seen;  /* the type's place in tour->seen */
    bool begun;
};

/* What is made once for a type: dumping needs its class and the names of its fields as values. */
struct mfi_seen {
    const mayfly_struct_type *type;
    mayfly_value cls;
    mayfly_value *keys;
};

struct mfi_tour {
    const char *operation; /* "load struct" */
    bool by_value;         /* records are found by value and type, else by address */
    bool by_type;          /* and by type */

    /* All three may end the tour with a negative code. `begin` comes before the fields of each
     * element, `visit` for each field, `end` (or NULL) after the last element. */
    int (*begin)(struct mfi_tour *tour, struct mfi_frame *frame);
    int (*visit)(struct mfi_tour *tour, struct mfi_frame *frame, const mayfly_field *field);
    void (*end)(struct mfi_tour *tour, const struct mfi_frame *frame);

    struct mfi_record *records;
    size_t record_count, record_capacity, now;
    uint32_t *slots; /* index of a record + 1; 0: free */
    size_t mask;

    struct mfi_frame *frames;
    size_t depth, frame_capacity;
    struct mfi_seen *seen;
    size_t seen_count;

    const mayfly_field *field; /* in work, for errors; NULL: the struct itself */
    size_t element;            /* MFI_NO_ELEMENT: the field itself */
    const void *sought;        /* the pointer that an error asks for */
};

/* Finds or adds a record. 1: it is new, 0: it was there, or -ENOMEM. */
int mfi_tour_note(struct mfi_tour *tour, const mayfly_struct_type *type, void *at,
                  mayfly_value value, size_t *ret);

/* Where tour->seen has a type. 0, -ENOMEM, or -EDOM: it has a member that counts as a field, too.
 */
int mfi_tour_see(struct mfi_tour *tour, const mayfly_struct_type *type, size_t *ret);

/* Goes into a field that is a struct or an array of them, next. `value` is its list, or its value
 * where it is one. Frames may move. 0, -ENOMEM, -EINVAL as mfi_field_span; -ELOOP too many. */
int mfi_tour_enter(struct mfi_tour *tour, const struct mfi_frame *frame, const mayfly_field *field,
                   mayfly_value value);

int mfi_tour_record(struct mfi_tour *tour, size_t record); /* one */
int mfi_tour_run(struct mfi_tour *tour);                   /* all, also those that are added */
void mfi_tour_free(struct mfi_tour *tour);

/* Fails with the path of the field in work: "load struct order: field "items[3].x": ...".
 * `name`: of a field that the struct does not have; NULL. `text` may be NULL for what the tour
 * says. The tour is over then. */
int mfi_tour_fail(struct mfi_tour *tour, mayfly_error *error, int code, const char *name,
                  const char *text);

/* Frees what the records' structs own and the records but the first, which becomes all zero. Needs
 * no memory that the tour did not need before. */
void mfi_tour_release(struct mfi_tour *tour);

/* The elements of a field; -EINVAL: an array that is NULL and counts, or counts below zero. */
int mfi_field_span(const mayfly_field *field, const char *at, char **ret, size_t *ret_count);

/* Whole numbers in memory. mfi_whole_put: -ERANGE does not fit. */
int64_t mfi_int_at(const void *at, size_t size);
uint64_t mfi_uint_at(const void *at, size_t size);
int mfi_int_put(void *at, size_t size, int64_t number);
int mfi_uint_put(void *at, size_t size, uint64_t number);
int mfi_count_put(const mayfly_field *field, char *at, size_t count);

static inline void *mfi_pointer_at(const void *at) {
    void *pointer;
    memcpy(&pointer, at, sizeof pointer);
    return pointer;
}

static inline void mfi_pointer_put(void *at, const void *pointer) {
    memcpy(at, &pointer, sizeof pointer);
}

#endif
