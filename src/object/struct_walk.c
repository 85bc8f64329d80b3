/* SPDX-License-Identifier: MIT
 *
 * The walk over structs: records, frames, and the way to what failed.
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

static size_t slot_of(const struct mfi_walk *walk, const struct mfi_record *record) {
    uint64_t hash = walk->by_value ? record->value.bits : (uint64_t)(uintptr_t)record->at;
    if (walk->by_type)
        hash ^= (uint64_t)(uintptr_t)record->type << 17;
    hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15u;
    return (size_t)(hash >> 20) & walk->mask;
}

static bool equal(const struct mfi_walk *walk, const struct mfi_record *a,
                  const struct mfi_record *b) {
    if (walk->by_type && a->type != b->type)
        return false;
    return walk->by_value ? a->value.bits == b->value.bits : a->at == b->at;
}

/* The slot of a record, or the free one where it belongs. */
static uint32_t *find(const struct mfi_walk *walk, const struct mfi_record *record) {
    size_t slot = slot_of(walk, record);
    while (walk->slots[slot] != 0 && !equal(walk, walk->records + walk->slots[slot] - 1, record))
        slot = (slot + 1) & walk->mask;
    return walk->slots + slot;
}

static int grow_slots(struct mfi_walk *walk) {
    const size_t size = walk->slots == NULL ? 16 : 2 * (walk->mask + 1);
    uint32_t *slots = mfi_sys.calloc(size, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    free(walk->slots);
    walk->slots = slots;
    walk->mask = size - 1;
    for (size_t i = 0; i < walk->record_count; i++)
        *find(walk, walk->records + i) = (uint32_t)i + 1;
    return 0;
}

static int grow_records(struct mfi_walk *walk) {
    const size_t capacity = walk->record_capacity == 0 ? 8 : 2 * walk->record_capacity;
    if (capacity > UINT32_MAX / 2)
        return -ENOMEM;
    struct mfi_record *records =
        mfi_sys.realloc(walk->records, capacity * sizeof *walk->records);
    if (records == NULL)
        return -ENOMEM;
    walk->records = records;
    walk->record_capacity = capacity;
    return 0;
}

int mfi_walk_note(struct mfi_walk *walk, const mayfly_struct_type *type, void *at,
                  mayfly_value value, size_t *ret) {
    const struct mfi_record record = {
        .type = type, .at = at, .value = value, .parent = (uint32_t)walk->now};
    if (walk->slots == NULL || walk->record_count > walk->mask / 2)
        if (grow_slots(walk) < 0)
            return -ENOMEM;
    uint32_t *const slot = find(walk, &record);
    if (*slot != 0) {
        *ret = *slot - 1;
        return 0;
    }
    if (walk->record_count == walk->record_capacity && grow_records(walk) < 0)
        return -ENOMEM;
    *ret = walk->record_count++;
    walk->records[*ret] = record;
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

int mfi_walk_see(struct mfi_walk *walk, const mayfly_struct_type *type, size_t *ret) {
    for (*ret = 0; *ret < walk->seen_count; (*ret)++)
        if (walk->seen[*ret].type == type)
            return 0;
    const int r = check(type);
    if (r < 0)
        return r;
    struct mfi_seen *seen =
        mfi_sys.realloc(walk->seen, (walk->seen_count + 1) * sizeof *walk->seen);
    if (seen == NULL)
        return -ENOMEM;
    walk->seen = seen;
    walk->seen[walk->seen_count++] = (struct mfi_seen){.type = type};
    return 0;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static int reserve(struct mfi_walk *walk) {
    if (walk->depth < walk->frame_capacity)
        return 0;
    if (walk->depth >= MFI_FRAMES)
        return -ELOOP;
    const size_t capacity = walk->frame_capacity == 0 ? 8 : 2 * walk->frame_capacity;
    struct mfi_frame *frames = mfi_sys.realloc(walk->frames, capacity * sizeof *walk->frames);
    if (frames == NULL)
        return -ENOMEM;
    walk->frames = frames;
    walk->frame_capacity = capacity;
    return 0;
}

static int push(struct mfi_walk *walk, struct mfi_frame frame) {
    int r = reserve(walk);
    if (r == 0)
        r = mfi_walk_see(walk, frame.type, &frame.seen);
    if (r == 0)
        walk->frames[walk->depth++] = frame;
    return r;
}

int mfi_walk_enter(struct mfi_walk *walk, const struct mfi_frame *frame, const mayfly_field *field,
                   mayfly_value value) {
    struct mfi_frame inner = {.type = field->type, .via = field};
    const int r = mfi_field_span(field, frame->at, &inner.base, &inner.count);
    if (r < 0 || inner.count == 0)
        return r;
    inner.at = inner.base;
    *(field->shape == MAYFLY_FIELD_ONE ? &inner.value : &inner.list) = value;
    return push(walk, inner);
}

static int step(struct mfi_walk *walk) {
    struct mfi_frame *frame = walk->frames + walk->depth - 1;
    if (!frame->begun) {
        frame->begun = true;
        frame->found = 0;
        walk->field = NULL;
        return walk->begin == NULL ? 0 : walk->begin(walk, frame);
    }
    if (frame->field < frame->type->field_count) {
        walk->field = frame->type->fields + frame->field++;
        walk->element = MFI_NO_ELEMENT;
        return walk->visit(walk, frame, walk->field);
    }
    if (++frame->index < frame->count) {
        frame->at += frame->type->size;
        frame->field = 0;
        frame->begun = false;
        return 0;
    }
    walk->depth--;
    if (walk->end != NULL)
        walk->end(walk, frame);
    return 0;
}

int mfi_walk_record(struct mfi_walk *walk, size_t record) {
    const struct mfi_record *r = walk->records + record;
    walk->depth = 0;
    walk->field = NULL;
    int result = push(walk, (struct mfi_frame){.type = r->type,
                                               .base = r->at,
                                               .at = r->at,
                                               .value = r->value,
                                               .count = 1});
    while (result == 0 && walk->depth > 0)
        result = step(walk);
    return result;
}

int mfi_walk_run(struct mfi_walk *walk) {
    int r = 0;
    for (walk->now = 0; r == 0 && walk->now < walk->record_count; walk->now += r == 0)
        r = mfi_walk_record(walk, walk->now);
    return r;
}

void mfi_walk_free(struct mfi_walk *walk) {
    for (size_t i = 0; i < walk->seen_count; i++)
        free(walk->seen[i].keys);
    free(walk->seen);
    free(walk->records);
    free(walk->slots);
    free(walk->frames);
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
static void prepend_frames(struct path *path, const struct mfi_walk *walk) {
    if (walk->field != NULL)
        prepend_part(path, walk->field, walk->element);
    for (size_t i = walk->depth; i > 1; i--)
        prepend_part(path, walk->frames[i - 1].via, walk->frames[i - 1].index);
}

static int seek(struct mfi_walk *walk, struct mfi_frame *frame, const mayfly_field *field) {
    char *at;
    size_t count;
    if (field->kind == MAYFLY_FIELD_IS_STRUCT)
        return mfi_walk_enter(walk, frame, field, (mayfly_value){0});
    if (field->kind != MAYFLY_FIELD_IS_POINTER || mfi_field_span(field, frame->at, &at, &count) < 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (mfi_pointer_at(at + i * field->size) == walk->sought) {
            walk->element = i;
            return 1;
        }
    return 0;
}

/* Records know which one led to them, but not how: that costs memory for what is rarely asked for.
 * So the field is sought. */
static void find_path(struct mfi_walk *walk, struct path *path) {
    prepend_frames(path, walk);
    walk->begin = NULL;
    walk->end = NULL;
    walk->visit = seek;
    size_t record = walk->now;
    while (record != 0 && path->start > 0) {
        const size_t parent = walk->records[record].parent;
        walk->sought = walk->records[record].at;
        if (mfi_walk_record(walk, parent) == 1)
            prepend_frames(path, walk);
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

int mfi_walk_fail(struct mfi_walk *walk, mayfly_error *error, int code, const char *name,
                  const char *text) {
    struct path path;
    char operation[200];
    if (error == NULL)
        return code == -EDOM ? -EINVAL : code;
    path.start = sizeof path.text - 1;
    path.text[path.start] = '\0';
    if (name != NULL)
        prepend(&path, name);
    if (walk->record_count > 0)
        find_path(walk, &path);
    const char *const where = path.text + path.start;
    (void)snprintf(operation, sizeof operation, "%s %s%s", walk->operation,
                   walk->record_count == 0 ? "" : walk->records[0].type->name,
                   where[0] == '\0' ? "" : ": field");
    return mfi_fail(error, code == -EDOM ? -EINVAL : code, operation, where, "%s",
                    text == NULL ? reason(code) : text);
}
