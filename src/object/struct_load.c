/* SPDX-License-Identifier: MIT
 *
 * Structs out of values.
 *
 * Invariant   what is allocated hangs on the struct at once, with its count, and is all zero before
 *             it is filled: at any failure the struct can be cleared as it stands.
 */
#define _GNU_SOURCE
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "struct.h"

struct load {
    struct mfi_tour tour; /* first: the tour's functions are given this */
    mayfly_error *error;
    unsigned flags;
    uint64_t room; /* of max_bytes */
    bool told;     /* *error is filled in */
};

static int fail(struct load *load, int code, const char *format, ...) MFI_PRINTF(3, 4);

static int fail(struct load *load, int code, const char *format, ...) {
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    load->told = true;
    return mfi_tour_fail(&load->tour, load->error, code, NULL, text);
}

static int fail_kind(struct load *load, mayfly_value value, const char *wanted) {
    return fail(load, -EINVAL, "%s instead of %s", mayfly_kind_name(mayfly_kind_of(value)), wanted);
}

static int fail_tour(struct load *load, int code) {
    load->told = true;
    return mfi_tour_fail(&load->tour, load->error, code, NULL, NULL);
}

/* Memory of zeros, within the limit. */
static int take(struct load *load, size_t count, size_t size, void **ret) {
    if (count > load->room / size)
        return fail_tour(load, MAYFLY_E_LIMIT);
    *ret = mfi_sys.calloc(count, size);
    if (*ret == NULL)
        return fail_tour(load, -ENOMEM);
    load->room -= count * size;
    return 0;
}

/* ---- single values --------------------------------------------------------------------------- */

static int load_whole(struct load *load, const mayfly_field *field, char *at, mayfly_value value) {
    const bool has_sign = field->kind == MAYFLY_FIELD_IS_INT;
    const mayfly_kind kind = mayfly_kind_of(value);
    int64_t number;
    uint64_t natural;
    int r;
    if (kind != MAYFLY_INT && kind != MAYFLY_BOOL)
        return fail_kind(load, value, "a whole number");
    if (has_sign) {
        r = mayfly_int_get(value, &number, NULL);
        if (r == 0)
            r = mfi_int_put(at, field->size, number);
    } else {
        r = mayfly_uint_get(value, &natural, NULL);
        if (r == 0)
            r = mfi_uint_put(at, field->size, natural);
    }
    if (r == 0)
        return 0;
    mfi_auto_free char *text = NULL;
    if (mayfly_int_text(value, &text, NULL) < 0)
        text = NULL;
    return fail(load, -ERANGE, "%.40s%s does not fit into %zu bits %s a sign",
                text == NULL ? "it" : text, text != NULL && strlen(text) > 40 ? "..." : "",
                8 * field->size, has_sign ? "with" : "without");
}

static int load_float(struct load *load, const mayfly_field *field, char *at, mayfly_value value) {
    const mayfly_kind kind = mayfly_kind_of(value);
    double number;
    if (kind != MAYFLY_FLOAT && kind != MAYFLY_INT && kind != MAYFLY_BOOL)
        return fail_kind(load, value, "a number");
    if (mayfly_float_get(value, &number, NULL) < 0)
        return fail(load, -ERANGE, "the number does not fit into a double");
    if (field->size == sizeof number) {
        memcpy(at, &number, sizeof number);
        return 0;
    }
    if (isfinite(number) && !isfinite((float)number))
        return fail(load, -ERANGE, "%g does not fit into a float", number);
    const float single = (float)number;
    memcpy(at, &single, sizeof single);
    return 0;
}

static int load_bool(struct load *load, char *at, mayfly_value value) {
    bool flag;
    if (mayfly_bool_get(value, &flag, NULL) < 0)
        return fail_kind(load, value, "a bool");
    memcpy(at, &flag, sizeof flag);
    return 0;
}

static int load_text(struct load *load, mayfly_value value, const char **ret, size_t *ret_size) {
    *ret = mayfly_str_get(value, ret_size);
    if (*ret == NULL)
        return fail_kind(load, value, "a str");
    if (memchr(*ret, '\0', *ret_size) != NULL)
        return fail(load, -EILSEQ, "the text has a NUL in it, where a C string ends");
    return 0;
}

static int load_str(struct load *load, char *at, mayfly_value value) {
    const char *text;
    size_t size;
    void *copy;
    if (mayfly_kind_of(value) == MAYFLY_NONE)
        return 0;
    int r = load_text(load, value, &text, &size);
    if (r == 0)
        r = take(load, size + 1, 1, &copy);
    if (r < 0)
        return r;
    memcpy(copy, text, size);
    mfi_pointer_put(at, copy);
    return 0;
}

static int load_chars(struct load *load, const mayfly_field *field, char *at, mayfly_value value) {
    const char *text;
    size_t size;
    const int r = load_text(load, value, &text, &size);
    if (r < 0)
        return r;
    if (size >= field->size)
        return fail(load, -ERANGE, "a text of %zu bytes does not fit into char[%zu]", size,
                    field->size);
    memcpy(at, text, size);
    return 0;
}

static int load_enum(struct load *load, const mayfly_field *field, char *at, mayfly_value value) {
    size_t size;
    const char *text = mayfly_str_get(value, &size);
    if (text == NULL)
        return fail_kind(load, value, "a str");
    const mayfly_enum_name *name = field->names;
    while (name->name != NULL &&
           (strlen(name->name) != size || memcmp(name->name, text, size) != 0))
        name++;
    if (name->name == NULL)
        return fail(load, -EINVAL, "the enum has no \"%s\"", mfi_quote(text, size).text);
    const uint64_t bits = (uint64_t)name->value;
    (void)mfi_uint_put(at, field->size, bits & UINT64_MAX >> (64 - 8 * field->size));
    return 0;
}

/* The struct that a pointer leads to is filled later; here it gets its memory. */
static int load_pointer(struct load *load, const mayfly_field *field, char *at,
                        mayfly_value value) {
    size_t record;
    void *block;
    if (mayfly_kind_of(value) == MAYFLY_NONE)
        return 0;
    int r = mfi_tour_note(&load->tour, field->type, NULL, value, &record);
    if (r < 0)
        return fail_tour(load, r);
    if (r == 1) {
        r = take(load, 1, field->type->size, &block);
        if (r < 0)
            return r;
        load->tour.records[record].at = block;
    }
    mfi_pointer_put(at, load->tour.records[record].at);
    return 0;
}

static int load_single(struct load *load, const mayfly_field *field, char *at, mayfly_value value) {
    switch (field->kind) {
    case MAYFLY_FIELD_IS_BOOL:
        return load_bool(load, at, value);
    case MAYFLY_FIELD_IS_FLOAT:
        return load_float(load, field, at, value);
    case MAYFLY_FIELD_IS_STR:
        return load_str(load, at, value);
    case MAYFLY_FIELD_IS_CHARS:
        return load_chars(load, field, at, value);
    case MAYFLY_FIELD_IS_ENUM:
        return load_enum(load, field, at, value);
    case MAYFLY_FIELD_IS_POINTER:
        return load_pointer(load, field, at, value);
    default:
        return load_whole(load, field, at, value);
    }
}

/* ---- what counts ----------------------------------------------------------------------------- */

/* Memory for `count` elements, and the member that counts them. */
static int take_counted(struct load *load, const struct mfi_frame *frame, const mayfly_field *field,
                        size_t count, size_t size, void **ret) {
    for (const mayfly_field *f = frame->type->fields; f < field; f++)
        if ((f->shape == MAYFLY_FIELD_COUNTING || f->kind == MAYFLY_FIELD_IS_BYTES) &&
            f->count_offset == field->count_offset) {
            const char *const other = frame->at + field->count_offset;
            if (mfi_uint_at(other, field->count_size) != count)
                return fail(load, -ERANGE,
                            "%zu elements, and not as many as in \"%s\", which has the same count",
                            count, f->name);
        }
    /* The count is tried first, and is nothing until there is what it counts. */
    if (mfi_count_put(field, frame->at, count) < 0)
        return fail(load, -ERANGE, "%zu do not fit into the %zu bits that count them", count,
                    8 * field->count_size);
    (void)mfi_count_put(field, frame->at, 0);
    *ret = NULL;
    if (size == 0)
        return 0;
    const int r = take(load, size, 1, ret);
    if (r < 0)
        return r;
    mfi_pointer_put(frame->at + field->offset, *ret);
    return mfi_count_put(field, frame->at, count);
}

static int load_bytes(struct load *load, const struct mfi_frame *frame, const mayfly_field *field,
                      mayfly_value value) {
    const mayfly_kind kind = mayfly_kind_of(value);
    size_t size = 0;
    void *copy;
    if (kind == MAYFLY_NONE)
        return 0;
    const void *data = mayfly_bytes_get(value, &size);
    if (data == NULL || (kind != MAYFLY_BYTES && kind != MAYFLY_BYTEARRAY && kind != MAYFLY_BUFFER))
        return fail_kind(load, value, "bytes");
    const int r = take_counted(load, frame, field, size, size + 1, &copy);
    if (r == 0)
        memcpy(copy, data, size);
    return r;
}

static int load_array(struct load *load, const struct mfi_frame *frame, const mayfly_field *field,
                      mayfly_value value) {
    const mayfly_kind kind = mayfly_kind_of(value);
    if (kind != MAYFLY_LIST && kind != MAYFLY_TUPLE)
        return fail_kind(load, value, "a list");
    const size_t count = mayfly_count(value);
    void *elements = frame->at + field->offset;
    if (field->shape == MAYFLY_FIELD_FIXED && count != field->count)
        return fail(load, -ERANGE, "%zu elements instead of %zu", count, field->count);
    if (field->shape == MAYFLY_FIELD_COUNTING) {
        if (count > SIZE_MAX / field->size)
            return fail_tour(load, MAYFLY_E_LIMIT);
        const int r = take_counted(load, frame, field, count, count * field->size, &elements);
        if (r < 0)
            return r;
    }
    if (field->kind == MAYFLY_FIELD_IS_STRUCT) {
        const int r = mfi_tour_enter(&load->tour, frame, field, value);
        return r < 0 ? fail_tour(load, r) : 0;
    }
    for (size_t i = 0; i < count; i++) {
        load->tour.element = i;
        const int r =
            load_single(load, field, (char *)elements + i * field->size, mayfly_item(value, i));
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- structs --------------------------------------------------------------------------------- */

/* The dicts with the fields of a value: one, or of an instance with slots two. How many. */
static size_t dicts(mayfly_value value, mayfly_value ret[2]) {
    ret[0] = value;
    if (mayfly_kind_of(value) != MAYFLY_OBJECT)
        return mayfly_kind_of(value) == MAYFLY_DICT;
    const mayfly_class known = mayfly_class_of(value);
    if (known == MAYFLY_CLASS_ORDERED_DICT || known == MAYFLY_CLASS_DEFAULT_DICT ||
        known == MAYFLY_CLASS_COUNTER)
        return 1;
    ret[0] = mayfly_object_state(value);
    if (mayfly_kind_of(ret[0]) == MAYFLY_DICT)
        return 1;
    if (mayfly_kind_of(ret[0]) != MAYFLY_TUPLE || mayfly_count(ret[0]) != 2)
        return 0;
    ret[1] = mayfly_item(ret[0], 1);
    ret[0] = mayfly_item(ret[0], 0);
    const bool none = mayfly_kind_of(ret[0]) == MAYFLY_NONE;
    return (none || mayfly_kind_of(ret[0]) == MAYFLY_DICT) && mayfly_kind_of(ret[1]) == MAYFLY_DICT
               ? 2
               : 0;
}

static int begin(struct mfi_tour *tour, struct mfi_frame *frame) {
    struct load *load = (struct load *)tour;
    mayfly_value parts[2];
    if (frame->list.bits != 0)
        frame->value = mayfly_item(frame->list, frame->index);
    if (dicts(frame->value, parts) == 0)
        return fail_kind(load, frame->value, "a dict or an instance");
    return 0;
}

static bool has_field(const mayfly_struct_type *type, const char *name, size_t size) {
    for (size_t i = 0; i < type->field_count; i++)
        if (strlen(type->fields[i].name) == size && memcmp(type->fields[i].name, name, size) == 0)
            return true;
    return false;
}

static int fail_unknown(struct load *load, const struct mfi_frame *frame, mayfly_value key) {
    char name[180], text[160];
    size_t size;
    const char *known = mayfly_str_get(key, &size);
    if (known == NULL)
        (void)snprintf(name, sizeof name, "(%s)", mayfly_kind_name(mayfly_kind_of(key)));
    else
        (void)snprintf(name, sizeof name, "%s", mfi_quote(known, size).text);
    (void)snprintf(text, sizeof text, "%.100s has no such field", frame->type->name);
    load->tour.field = NULL;
    load->told = true;
    return mfi_tour_fail(&load->tour, load->error, -EINVAL, name, text);
}

/* All fields were looked for: whatever else the value has is unknown. */
static int check_unknown(struct load *load, const struct mfi_frame *frame) {
    mayfly_value parts[2], key, value;
    const size_t part_count = dicts(frame->value, parts);
    size_t count = 0, size;
    for (size_t i = 0; i < part_count; i++)
        count += mayfly_count(parts[i]);
    if (count == frame->found)
        return 0;
    for (size_t i = 0; i < part_count; i++)
        for (size_t k = 0; mayfly_pair(parts[i], k, &key, &value); k++) {
            const char *name = mayfly_str_get(key, &size);
            if (name == NULL || !has_field(frame->type, name, size))
                return fail_unknown(load, frame, key);
        }
    return 0;
}

static mayfly_value look_up(mayfly_value record, const char *name) {
    mayfly_value parts[2], found = {0};
    const size_t count = dicts(record, parts);
    for (size_t i = 0; i < count && found.bits == 0; i++)
        found = mayfly_get(parts[i], name);
    return found;
}

static int visit(struct mfi_tour *tour, struct mfi_frame *frame, const mayfly_field *field) {
    struct load *load = (struct load *)tour;
    const mayfly_value value = look_up(frame->value, field->name);
    int r = 0;
    frame->found += value.bits != 0;
    if (frame->field == frame->type->field_count && (load->flags & MAYFLY_STRUCT_UNKNOWN_OK) == 0)
        r = check_unknown(load, frame);
    if (r < 0)
        return r;
    if (value.bits == 0)
        return load->flags & MAYFLY_STRUCT_MISSING_OK
                   ? 0
                   : fail(load, -ENOENT, "there is no such field in the value");
    if (field->shape != MAYFLY_FIELD_ONE)
        return load_array(load, frame, field, value);
    if (field->kind == MAYFLY_FIELD_IS_BYTES)
        return load_bytes(load, frame, field, value);
    if (field->kind != MAYFLY_FIELD_IS_STRUCT)
        return load_single(load, field, frame->at + field->offset, value);
    r = mfi_tour_enter(tour, frame, field, value);
    return r < 0 ? fail_tour(load, r) : 0;
}

static int load_all(struct load *load, const mayfly_struct_type *type, mayfly_value value,
                    void *object) {
    size_t root;
    int r = mfi_tour_note(&load->tour, type, object, value, &root);
    if (r > 0)
        r = mfi_tour_run(&load->tour);
    return r < 0 && !load->told ? fail_tour(load, r) : r;
}

int mayfly_load_struct_sized(size_t options_size, const mayfly_struct_type *type,
                             mayfly_value value, const mayfly_struct_options *options, void *object,
                             mayfly_error *error) {
    mayfly_struct_options known;
    memset(object, 0, type->size);
    int r = mfi_options_import(&known, sizeof known, options, options_size, "load struct", error);
    if (r < 0)
        return r;
    struct load load = {
        .tour = {.operation = "load struct",
                 .by_value = true,
                 .by_type = true,
                 .begin = begin,
                 .visit = visit},
        .error = error,
        .flags = known.flags,
        .room = known.max_bytes == 0 ? (uint64_t)4 << 30 : known.max_bytes,
    };
    r = load_all(&load, type, value, object);
    if (r < 0)
        mfi_tour_release(&load.tour);
    mfi_tour_free(&load.tour);
    return r;
}
