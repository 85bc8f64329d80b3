/* SPDX-License-Identifier: MIT
 *
 * The tour of structs: records, frames, and the way to what failed.
 *
 * Invariants  a frame is there before the memory of its elements is: releasing what was loaded
 *             needs no more frames than loading did.
 *             Counting members are nobody's field, and arrays that share one are of one length:
 *             what is read cannot make a count lie.
 */
#define _GNU_SOURCE
#include "struct.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- whole numbers in memory ----------------------------------------------------------------- */

uint64_t mfi_uint_at(const void *at, size_t size) {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (size) {
    case sizeof u8:
        memcpy(&u8, at, sizeof u8);
        return u8;
    case sizeof u16:
        memcpy(&u16, at, sizeof u16);
        return u16;
    case sizeof u32:
        memcpy(&u32, at, sizeof u32);
        return u32;
    default:
        memcpy(&u64, at, sizeof u64);
        return u64;
    }
}

int64_t mfi_int_at(const void *at, size_t size) {
    const uint64_t bits = mfi_uint_at(at, size);
    const uint64_t sign = (uint64_t)1 << (8 * size - 1);
    return (int64_t)((bits ^ sign) - sign);
}

static void store(void *at, size_t size, uint64_t bits) {
    const uint8_t u8 = (uint8_t)bits;
    const uint16_t u16 = (uint16_t)bits;
    const uint32_t u32 = (uint32_t)bits;
    switch (size) {
    case sizeof u8:
        memcpy(at, &u8, sizeof u8);
        return;
    case sizeof u16:
        memcpy(at, &u16, sizeof u16);
        return;
    case sizeof u32:
        memcpy(at, &u32, sizeof u32);
        return;
    default:
        memcpy(at, &bits, sizeof bits);
    }
}

int mfi_int_put(void *at, size_t size, int64_t number) {
    const int64_t largest = INT64_MAX >> (64 - 8 * size);
    if (number > largest || number < -largest - 1)
        return -ERANGE;
    store(at, size, (uint64_t)number);
    return 0;
}

int mfi_uint_put(void *at, size_t size, uint64_t number) {
    if (number > UINT64_MAX >> (64 - 8 * size))
        return -ERANGE;
    store(at, size, number);
    return 0;
}

int mfi_count_put(const mayfly_field *field, char *at, size_t count) {
    void *const to = at + field->count_offset;
    if (!field->count_signed)
        return mfi_uint_put(to, field->count_size, count);
    return count > INT64_MAX ? -ERANGE : mfi_int_put(to, field->count_size, (int64_t)count);
}

int mfi_field_span(const mayfly_field *field, const char *at, char **ret, size_t *ret_count) {
    char *const member = (char *)(uintptr_t)(at + field->offset);
    const char *const count_at = at + field->count_offset;
    *ret = member;
    *ret_count = field->shape == MAYFLY_FIELD_FIXED ? field->count : 1;
    if (field->shape != MAYFLY_FIELD_COUNTING && field->kind != MAYFLY_FIELD_IS_BYTES)
        return 0;
    const uint64_t count = mfi_uint_at(count_at, field->count_size);
    *ret = mfi_pointer_at(member);
    *ret_count = (size_t)count;
    if (field->count_signed && mfi_int_at(count_at, field->count_size) < 0)
        return -EINVAL;
    return count > 0 && (*ret == NULL || count > SIZE_MAX / 2) ? -EINVAL : 0;
}

/* ---- records --------------------------------------------------------------------------------- */

static size_t slot_of(const struct mfi_tour *tour, const struct mfi_record *record) {
    uint64_t hash = tour->by_value ? record->value.bits : (uint64_t)(uintptr_t)record->at;
    if (tour->by_type)
        hash ^= (uint64_t)(uintptr_t)record->type << 17;
    hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15u;
    return (size_t)(hash >> 20) & tour->mask;
}

static bool equal(const struct mfi_tour *tour, const struct mfi_record *a,
                  const struct mfi_record *b) {
    if (tour->by_type && a->type != b->type)
        return false;
    return tour->by_value ? a->value.bits == b->value.bits : a->at == b->at;
}

/* The slot of a record, or the free one where it belongs. */
static uint32_t *find(const struct mfi_tour *tour, const struct mfi_record *record) {
    size_t slot = slot_of(tour, record);
    while (tour->slots[slot] != 0 && !equal(tour, tour->records + tour->slots[slot] - 1, record))
        slot = (slot + 1) & tour->mask;
    return tour->slots + slot;
}

static int grow_slots(struct mfi_tour *tour) {
    const size_t size = tour->slots == NULL ? 16 : 2 * (tour->mask + 1);
    uint32_t *slots = mfi_sys.calloc(size, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    free(tour->slots);
    tour->slots = slots;
    tour->mask = size - 1;
    for (size_t i = 0; i < tour->record_count; i++)
        *find(tour, tour->records + i) = (uint32_t)i + 1;
    return 0;
}

static int grow_records(struct mfi_tour *tour) {
    const size_t capacity = tour->record_capacity == 0 ? 8 : 2 * tour->record_capacity;
    if (capacity > UINT32_MAX / 2)
        return -ENOMEM;
    struct mfi_record *records = mfi_sys.realloc(tour->records, capacity * sizeof *tour->records);
    if (records == NULL)
        return -ENOMEM;
    tour->records = records;
    tour->record_capacity = capacity;
    return 0;
}

int mfi_tour_note(struct mfi_tour *tour, const mayfly_struct_type *type, void *at,
                  mayfly_value value, size_t *ret) {
    const struct mfi_record record = {
        .type = type, .at = at, .value = value, .parent = (uint32_t)tour->now};
    if (tour->slots == NULL || tour->record_count > tour->mask / 2)
        if (grow_slots(tour) < 0)
            return -ENOMEM;
    uint32_t *const slot = find(tour, &record);
    if (*slot != 0) {
        *ret = *slot - 1;
        return 0;
    }
    if (tour->record_count == tour->record_capacity && grow_records(tour) < 0)
        return -ENOMEM;
    *ret = tour->record_count++;
    tour->records[*ret] = record;
    *slot = (uint32_t)*ret + 1;
    return 1;
}

/* ---- types ----------------------------------------------------------------------------------- */

static bool counts(const mayfly_field *field) {
    return field->shape == MAYFLY_FIELD_COUNTING || field->kind == MAYFLY_FIELD_IS_BYTES;
}

static size_t length(const mayfly_field *field) {
    if (field->shape == MAYFLY_FIELD_COUNTING)
        return sizeof(void *);
    return field->size * (field->shape == MAYFLY_FIELD_FIXED ? field->count : 1);
}

/* A member that counts must not be read as a field, too. The macros see one field at a time. */
static int check(const mayfly_struct_type *type) {
    for (size_t i = 0; i < type->field_count; i++) {
        const mayfly_field *one = type->fields + i;
        for (size_t k = 0; counts(one) && k < type->field_count; k++) {
            const mayfly_field *other = type->fields + k;
            if (other->offset < one->count_offset + one->count_size &&
                one->count_offset < other->offset + length(other))
                return -EDOM;
        }
    }
    return 0;
}

int mfi_tour_see(struct mfi_tour *tour, const mayfly_struct_type *type, size_t *ret) {
    for (*ret = 0; *ret < tour->seen_count; (*ret)++)
        if (tour->seen[*ret].type == type)
            return 0;
    const int r = check(type);
    if (r < 0)
        return r;
    struct mfi_seen *seen =
        mfi_sys.realloc(tour->seen, (tour->seen_count + 1) * sizeof *tour->seen);
    if (seen == NULL)
        return -ENOMEM;
    tour->seen = seen;
    tour->seen[tour->seen_count++] = (struct mfi_seen){.type = type};
    return 0;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static int reserve(struct mfi_tour *tour) {
    if (tour->depth < tour->frame_capacity)
        return 0;
    if (tour->depth >= MFI_FRAMES)
        return -ELOOP;
    const size_t capacity = tour->frame_capacity == 0 ? 8 : 2 * tour->frame_capacity;
    struct mfi_frame *frames = mfi_sys.realloc(tour->frames, capacity * sizeof *tour->frames);
    if (frames == NULL)
        return -ENOMEM;
    tour->frames = frames;
    tour->frame_capacity = capacity;
    return 0;
}

static int push(struct mfi_tour *tour, struct mfi_frame frame) {
    int r = reserve(tour);
    if (r == 0)
        r = mfi_tour_see(tour, frame.type, &frame.seen);
    if (r == 0)
        tour->frames[tour->depth++] = frame;
    return r;
}

int mfi_tour_enter(struct mfi_tour *tour, const struct mfi_frame *frame, const mayfly_field *field,
                   mayfly_value value) {
    struct mfi_frame inner = {.type = field->type, .via = field};
    const int r = mfi_field_span(field, frame->at, &inner.base, &inner.count);
    if (r < 0 || inner.count == 0)
        return r;
    inner.at = inner.base;
    *(field->shape == MAYFLY_FIELD_ONE ? &inner.value : &inner.list) = value;
    return push(tour, inner);
}

static int step(struct mfi_tour *tour) {
    struct mfi_frame *frame = tour->frames + tour->depth - 1;
    if (!frame->begun) {
        frame->begun = true;
        frame->found = 0;
        tour->field = NULL;
        return tour->begin == NULL ? 0 : tour->begin(tour, frame);
    }
    if (frame->field < frame->type->field_count) {
        tour->field = frame->type->fields + frame->field++;
        tour->element = MFI_NO_ELEMENT;
        return tour->visit(tour, frame, tour->field);
    }
    if (++frame->index < frame->count) {
        frame->at += frame->type->size;
        frame->field = 0;
        frame->begun = false;
        return 0;
    }
    tour->depth--;
    if (tour->end != NULL)
        tour->end(tour, frame);
    return 0;
}

int mfi_tour_record(struct mfi_tour *tour, size_t record) {
    const struct mfi_record *r = tour->records + record;
    tour->depth = 0;
    tour->field = NULL;
    int result =
        push(tour, (struct mfi_frame){
                       .type = r->type, .base = r->at, .at = r->at, .value = r->value, .count = 1});
    while (result == 0 && tour->depth > 0)
        result = step(tour);
    return result;
}

int mfi_tour_run(struct mfi_tour *tour) {
    int r = 0;
    for (tour->now = 0; r == 0 && tour->now < tour->record_count; tour->now += r == 0)
        r = mfi_tour_record(tour, tour->now);
    return r;
}

void mfi_tour_free(struct mfi_tour *tour) {
    for (size_t i = 0; i < tour->seen_count; i++)
        free(tour->seen[i].keys);
    free(tour->seen);
    free(tour->records);
    free(tour->slots);
    free(tour->frames);
}

/* ---- the way to what failed ------------------------------------------------------------------ */

/* A path that is written from its end. */
struct path {
    char text[400];
    size_t start;
};

static void prepend(struct path *path, const char *text) {
    const size_t size = strlen(text);
    const size_t taken = size < path->start ? size : path->start;
    path->start -= taken;
    memcpy(path->text + path->start, text + size - taken, taken);
}

static void prepend_part(struct path *path, const mayfly_field *field, size_t index) {
    char number[32];
    const char first = path->text[path->start];
    if (first != '\0')
        prepend(path, ".");
    if (field->shape != MAYFLY_FIELD_ONE && index != MFI_NO_ELEMENT) {
        (void)snprintf(number, sizeof number, "[%zu]", index);
        prepend(path, number);
    }
    prepend(path, field->name);
}

/* Of the record in work. */
static void prepend_frames(struct path *path, const struct mfi_tour *tour) {
    if (tour->field != NULL)
        prepend_part(path, tour->field, tour->element);
    for (size_t i = tour->depth; i > 1; i--)
        prepend_part(path, tour->frames[i - 1].via, tour->frames[i - 1].index);
}

static int seek(struct mfi_tour *tour, struct mfi_frame *frame, const mayfly_field *field) {
    char *at;
    size_t count;
    if (field->kind == MAYFLY_FIELD_IS_STRUCT)
        return mfi_tour_enter(tour, frame, field, (mayfly_value){0});
    if (field->kind != MAYFLY_FIELD_IS_POINTER || mfi_field_span(field, frame->at, &at, &count) < 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (mfi_pointer_at(at + i * field->size) == tour->sought) {
            tour->element = i;
            return 1;
        }
    return 0;
}

/* Records know which one led to them, but not how: that costs memory for what is rarely asked for.
 * So the field is sought. */
static void find_path(struct mfi_tour *tour, struct path *path) {
    prepend_frames(path, tour);
    tour->begin = NULL;
    tour->end = NULL;
    tour->visit = seek;
    size_t record = tour->now;
    while (record != 0 && path->start > 0) {
        const size_t parent = tour->records[record].parent;
        tour->sought = tour->records[record].at;
        if (mfi_tour_record(tour, parent) == 1)
            prepend_frames(path, tour);
        record = parent;
    }
    if (path->start == 0)
        memcpy(path->text, "...", 3);
}

static const char *reason(int code) {
    switch (code) {
    case -ENOMEM:
        return "there is no memory for it";
    case -ELOOP:
        return "structs in arrays of structs are more than 10,000 deep";
    case -EDOM:
        return "this struct's description has a member that counts as a field, too";
    case MAYFLY_E_LIMIT:
        return "the struct needs more memory than max_bytes";
    default:
        return "an array is NULL and counts, or counts below zero";
    }
}

int mfi_tour_fail(struct mfi_tour *tour, mayfly_error *error, int code, const char *name,
                  const char *text) {
    struct path path;
    char operation[200];
    if (error == NULL)
        return code == -EDOM ? -EINVAL : code;
    path.start = sizeof path.text - 1;
    path.text[path.start] = '\0';
    if (name != NULL)
        prepend(&path, name);
    if (tour->record_count > 0)
        find_path(tour, &path);
    const char *const where = path.text + path.start;
    (void)snprintf(operation, sizeof operation, "%s %s%s", tour->operation,
                   tour->record_count == 0 ? "" : tour->records[0].type->name,
                   where[0] == '\0' ? "" : ": field");
    return mfi_fail(error, code == -EDOM ? -EINVAL : code, operation, where, "%s",
                    text == NULL ? reason(code) : text);
}
