/* SPDX-License-Identifier: MIT
 *
 * Values out of structs.
 *
 * Invariant   a struct that is pointed to has its value before it is filled, so that whatever
 * points to it later, itself included, finds it. Fields are put in their order.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "struct.h"

struct dump {
    struct mfi_tour tour; /* first: the tour's functions are given this */
    mayfly_doc *doc;
    bool told; /* the failure has the name of the field */
};

/* The document's first failure, with the name of the field. */
static int fail(struct dump *dump, int code, const char *text) {
    mayfly_error *const failure = &dump->doc->failure;
    if (dump->told)
        return failure->code;
    dump->told = true;
    if (failure->code == 0)
        return mfi_tour_fail(&dump->tour, failure, code, NULL, text);
    const mayfly_error first = *failure;
    return mfi_tour_fail(&dump->tour, failure, first.code, NULL, first.message);
}

/* ---- a type's class, and its fields' names --------------------------------------------------- */

static int learn(struct dump *dump, struct mfi_seen *seen) {
    const mayfly_struct_type *type = seen->type;
    if (seen->keys != NULL)
        return 0;
    mayfly_value *keys = mfi_sys.calloc(type->field_count + 1, sizeof *keys);
    if (keys == NULL)
        return fail(dump, -ENOMEM, NULL);
    seen->keys = keys;
    for (size_t i = 0; i < type->field_count; i++)
        keys[i] = mayfly_str_new(dump->doc, type->fields[i].name, MAYFLY_ALL);
    if (type->module != NULL)
        seen->cls = mayfly_global_new(dump->doc, type->module, type->qualname);
    return dump->doc->failure.code == 0 ? 0 : fail(dump, -EINVAL, NULL);
}

/* An empty value of a struct. */
static mayfly_value make(struct dump *dump, size_t seen) {
    const mayfly_value cls = dump->tour.seen[seen].cls;
    const mayfly_value dict = mayfly_dict_new(dump->doc);
    return cls.bits == 0 ? dict : mayfly_instance_new(dump->doc, cls, dict);
}

static mayfly_value dict_of(mayfly_value value) {
    return mayfly_kind_of(value) == MAYFLY_OBJECT ? mayfly_object_state(value) : value;
}

/* ---- single values --------------------------------------------------------------------------- */

static mayfly_value dump_float(struct dump *dump, const mayfly_field *field, const char *at) {
    float single;
    double number;
    if (field->size == sizeof number) {
        memcpy(&number, at, sizeof number);
        return mayfly_float_new(dump->doc, number);
    }
    memcpy(&single, at, sizeof single);
    return mayfly_float_new(dump->doc, (double)single);
}

static mayfly_value dump_str(struct dump *dump, const char *at) {
    const char *text = mfi_pointer_at(at);
    return text == NULL ? mayfly_none_new(dump->doc) : mayfly_str_new(dump->doc, text, MAYFLY_ALL);
}

static mayfly_value dump_chars(struct dump *dump, const mayfly_field *field, const char *at) {
    const char *end = memchr(at, '\0', field->size);
    if (end != NULL)
        return mayfly_str_new(dump->doc, at, (size_t)(end - at));
    (void)fail(dump, -EINVAL, "the text has no NUL at its end");
    return (mayfly_value){0};
}

static mayfly_value dump_enum(struct dump *dump, const mayfly_field *field, const char *at) {
    char text[80];
    const uint64_t mask = UINT64_MAX >> (64 - 8 * field->size);
    const uint64_t bits = mfi_uint_at(at, field->size);
    for (const mayfly_enum_name *name = field->names; name->name != NULL; name++)
        if (((uint64_t)name->value & mask) == bits)
            return mayfly_str_new(dump->doc, name->name, MAYFLY_ALL);
    (void)snprintf(text, sizeof text, "%lld has no name in the enum's table",
                   (long long)mfi_int_at(at, field->size));
    (void)fail(dump, -EINVAL, text);
    return (mayfly_value){0};
}

static mayfly_value dump_pointer(struct dump *dump, const mayfly_field *field, const char *at) {
    void *const pointer = mfi_pointer_at(at);
    size_t record;
    if (pointer == NULL)
        return mayfly_none_new(dump->doc);
    int r = mfi_tour_note(&dump->tour, field->type, pointer, (mayfly_value){0}, &record);
    if (r == 1) {
        size_t seen;
        r = mfi_tour_see(&dump->tour, field->type, &seen);
        if (r == 0)
            r = learn(dump, dump->tour.seen + seen);
        if (r == 0)
            dump->tour.records[record].value = make(dump, seen);
    }
    if (r < 0)
        (void)fail(dump, r, NULL);
    return r < 0 ? (mayfly_value){0} : dump->tour.records[record].value;
}

static mayfly_value dump_bytes(struct dump *dump, const mayfly_field *field, const char *at) {
    char *data;
    size_t size;
    if (mfi_field_span(field, at, &data, &size) < 0) {
        (void)fail(dump, -EINVAL, NULL);
        return (mayfly_value){0};
    }
    return data == NULL ? mayfly_none_new(dump->doc) : mayfly_bytes_new(dump->doc, data, size);
}

static mayfly_value dump_single(struct dump *dump, const mayfly_field *field, const char *at) {
    switch (field->kind) {
    case MAYFLY_FIELD_IS_BOOL:
        return mayfly_bool_new(dump->doc, mfi_uint_at(at, sizeof(bool)) != 0);
    case MAYFLY_FIELD_IS_INT:
        return mayfly_int_new(dump->doc, mfi_int_at(at, field->size));
    case MAYFLY_FIELD_IS_FLOAT:
        return dump_float(dump, field, at);
    case MAYFLY_FIELD_IS_STR:
        return dump_str(dump, at);
    case MAYFLY_FIELD_IS_CHARS:
        return dump_chars(dump, field, at);
    case MAYFLY_FIELD_IS_ENUM:
        return dump_enum(dump, field, at);
    case MAYFLY_FIELD_IS_POINTER:
        return dump_pointer(dump, field, at);
    default:
        return mayfly_uint_new(dump->doc, mfi_uint_at(at, field->size));
    }
}

/* ---- structs --------------------------------------------------------------------------------- */

static mayfly_value dump_list(struct dump *dump, const struct mfi_frame *frame,
                              const mayfly_field *field) {
    const mayfly_value list = mayfly_list_new(dump->doc);
    char *at;
    size_t count;
    if (mfi_field_span(field, frame->at, &at, &count) < 0) {
        (void)fail(dump, -EINVAL, NULL);
        return list;
    }
    for (size_t i = 0; field->kind != MAYFLY_FIELD_IS_STRUCT && i < count; i++) {
        dump->tour.element = i;
        if (mayfly_list_append(dump->doc, list, dump_single(dump, field, at + i * field->size)) < 0)
            break;
    }
    return list;
}

/* The value of a field. Of structs it is still empty. */
static mayfly_value dump_field(struct dump *dump, const struct mfi_frame *frame,
                               const mayfly_field *field) {
    if (field->shape != MAYFLY_FIELD_ONE)
        return dump_list(dump, frame, field);
    if (field->kind == MAYFLY_FIELD_IS_BYTES)
        return dump_bytes(dump, field, frame->at);
    if (field->kind != MAYFLY_FIELD_IS_STRUCT)
        return dump_single(dump, field, frame->at + field->offset);
    size_t seen;
    int r = mfi_tour_see(&dump->tour, field->type, &seen);
    if (r == 0)
        r = learn(dump, dump->tour.seen + seen);
    else
        r = fail(dump, r, NULL);
    return r < 0 ? (mayfly_value){0} : make(dump, seen);
}

static int begin(struct mfi_tour *tour, struct mfi_frame *frame) {
    struct dump *dump = (struct dump *)tour;
    int r = learn(dump, tour->seen + frame->seen);
    if (r == 0 && frame->list.bits != 0) {
        const mayfly_value value = make(dump, frame->seen);
        r = mayfly_list_append(dump->doc, frame->list, value);
        frame->value = value;
    }
    frame->value = dict_of(frame->value);
    return r < 0 ? fail(dump, r, NULL) : 0;
}

static int visit(struct mfi_tour *tour, struct mfi_frame *frame, const mayfly_field *field) {
    struct dump *dump = (struct dump *)tour;
    const size_t index = (size_t)(field - frame->type->fields);
    const mayfly_value value = dump_field(dump, frame, field);
    if (dump->doc->failure.code == 0)
        (void)mayfly_dict_set(dump->doc, frame->value, tour->seen[frame->seen].keys[index], value);
    if (dump->doc->failure.code != 0)
        return fail(dump, -EINVAL, NULL);
    if (field->kind != MAYFLY_FIELD_IS_STRUCT)
        return 0;
    const int r = mfi_tour_enter(tour, frame, field, value);
    return r < 0 ? fail(dump, r, NULL) : 0;
}

static int dump_all(struct dump *dump, const mayfly_struct_type *type, const void *object) {
    size_t root, seen;
    int r = mfi_tour_note(&dump->tour, type, (void *)(uintptr_t)object, (mayfly_value){0}, &root);
    if (r == 1)
        r = mfi_tour_see(&dump->tour, type, &seen);
    if (r < 0)
        return fail(dump, r, NULL);
    r = learn(dump, dump->tour.seen + seen);
    if (r < 0)
        return r;
    dump->tour.records[root].value = make(dump, seen);
    r = mfi_tour_run(&dump->tour);
    return r < 0 ? fail(dump, r, NULL) : 0;
}

mayfly_value mayfly_struct_new(mayfly_doc *doc, const mayfly_struct_type *type,
                               const void *object) {
    struct dump dump = {
        .tour = {.operation = "dump struct", .by_type = true, .begin = begin, .visit = visit},
        .doc = doc,
    };
    mayfly_value value = {0};
    if (mayfly_doc_failed(doc, NULL) == 0 && dump_all(&dump, type, object) == 0)
        value = dump.tour.records[0].value;
    mfi_tour_free(&dump.tour);
    return value;
}

int mayfly_dump_struct_sized(size_t options_size, const mayfly_struct_type *type,
                             const void *object, const mayfly_dump_options *options,
                             mayfly_file **ret, mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    int r = mayfly_doc_new(NULL, &doc, error);
    if (r < 0)
        return r;
    const mayfly_value value = mayfly_struct_new(doc, type, object);
    r = mayfly_doc_failed(doc, error);
    return r < 0 ? r : mayfly_dump_sized(options_size, doc, value, options, ret, error);
}
