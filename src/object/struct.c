/* SPDX-License-Identifier: MIT
 *
 * Clearing structs.
 *
 * Invariant   first all that is pointed to is found, which may fail and has changed nothing; then
 *             all is freed, which cannot.
 */
#define _GNU_SOURCE
#include "struct.h"

#include <stdlib.h>

/* An array of structs is freed behind its elements (release_array), unless there is no frame for
 * them: then they were never loaded. */
static void release_structs(struct mfi_tour *tour, const struct mfi_frame *frame,
                            const mayfly_field *field) {
    char *at;
    size_t count;
    const int r = mfi_field_span(field, frame->at, &at, &count);
    if (r < 0)
        return;
    if (count == 0 || mfi_tour_enter(tour, frame, field, (mayfly_value){0}) < 0)
        if (field->shape == MAYFLY_FIELD_COUNTING)
            free(at);
}

static int release(struct mfi_tour *tour, struct mfi_frame *frame, const mayfly_field *field) {
    char *at;
    size_t count;
    if (field->kind == MAYFLY_FIELD_IS_STRUCT) {
        release_structs(tour, frame, field);
        return 0;
    }
    const int r = mfi_field_span(field, frame->at, &at, &count);
    if (field->kind == MAYFLY_FIELD_IS_BYTES)
        free(at);
    if (field->kind == MAYFLY_FIELD_IS_BYTES || r < 0)
        return 0;
    for (size_t i = 0; field->kind == MAYFLY_FIELD_IS_STR && i < count; i++)
        free(mfi_pointer_at(at + i * field->size));
    if (field->shape == MAYFLY_FIELD_COUNTING)
        free(at);
    return 0;
}

static void release_array(struct mfi_tour *tour, const struct mfi_frame *frame) {
    (void)tour;
    if (frame->via != NULL && frame->via->shape == MAYFLY_FIELD_COUNTING)
        free(frame->base);
}

void mfi_tour_release(struct mfi_tour *tour) {
    tour->begin = NULL;
    tour->visit = release;
    tour->end = release_array;
    for (size_t i = tour->record_count; i > 0; i--) {
        if (tour->records[i - 1].at == NULL)
            continue; /* there was no memory for it */
        (void)mfi_tour_record(tour, i - 1);
        if (i > 1)
            free(tour->records[i - 1].at);
    }
    if (tour->record_count > 0)
        memset(tour->records[0].at, 0, tour->records[0].type->size);
}

static int gather(struct mfi_tour *tour, struct mfi_frame *frame, const mayfly_field *field) {
    char *at;
    size_t count, record;
    if (mfi_field_span(field, frame->at, &at, &count) < 0)
        return 0; /* an array that is NULL has nothing, whatever its count says */
    if (field->kind == MAYFLY_FIELD_IS_STRUCT)
        return mfi_tour_enter(tour, frame, field, (mayfly_value){0});
    for (size_t i = 0; field->kind == MAYFLY_FIELD_IS_POINTER && i < count; i++) {
        void *const pointer = mfi_pointer_at(at + i * field->size);
        if (pointer != NULL &&
            mfi_tour_note(tour, field->type, pointer, (mayfly_value){0}, &record) < 0)
            return -ENOMEM;
    }
    return 0;
}

int mayfly_struct_clear(const mayfly_struct_type *type, void *object, mayfly_error *error) {
    struct mfi_tour tour = {.operation = "clear struct", .visit = gather};
    size_t root;
    int r = mfi_tour_note(&tour, type, object, (mayfly_value){0}, &root);
    if (r > 0)
        r = mfi_tour_run(&tour);
    if (r < 0)
        r = mfi_tour_fail(&tour, error, r, NULL, NULL);
    else
        mfi_tour_release(&tour);
    mfi_tour_free(&tour);
    return r;
}
