/* SPDX-License-Identifier: MIT
 *
 * Loading from memory.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "read.h"

/* Bytes from which on they stay in the input: in the caller's, because that was asked for; in the
 * document's own, where a small one would keep the whole of it in memory. */
enum { BORROW_FROM = 64, OWN_FROM = 256 << 10 };

int mfi_doc_for(mayfly_doc **ret, const mayfly_load_options *options, mayfly_doc **made,
                mayfly_error *error) {
    *made = *ret;
    if (*ret != NULL) {
        mayfly_doc_reset(*ret);
        return 0;
    }
    return mayfly_doc_new(&(mayfly_doc_options){.max_bytes = options->max_bytes}, made, error);
}

int mfi_doc_done(int r, mayfly_doc *doc, mayfly_doc **ret) {
    if (r == 0)
        *ret = doc;
    else if (doc != *ret)
        mayfly_doc_free(&doc);
    return r;
}

/* The machine's arrays from the last time. */
static void take_scratch(struct mfi_decoder *d, mayfly_doc *doc) {
    struct mfi_scratch *scratch = doc->scratch;
    if (scratch == NULL)
        return;
    d->stack = scratch->stack;
    d->limit = d->stack + scratch->stack_size;
    d->memo = scratch->memo;
    d->memo_capacity = scratch->memo_size;
    d->own_bytes = (scratch->stack_size + scratch->memo_size) * sizeof(mfi_slot);
    *scratch = (struct mfi_scratch){0};
}

static void give_scratch(struct mfi_decoder *d, mayfly_doc *doc) {
    if (doc->scratch == NULL)
        doc->scratch = mfi_sys.calloc(1, sizeof *doc->scratch);
    if (doc->scratch == NULL)
        return;
    *doc->scratch =
        (struct mfi_scratch){d->stack, d->memo, (size_t)(d->limit - d->stack), d->memo_capacity};
    d->own_bytes -= (doc->scratch->stack_size + doc->scratch->memo_size) * sizeof(mfi_slot);
    d->stack = d->limit = d->memo = NULL;
    d->memo_capacity = 0;
}

static void release(const struct mfi_input *input) {
    if (input->owned == NULL)
        return;
    if (input->mapped)
        (void)mfi_sys.munmap(input->owned, input->size);
    else
        free(input->owned);
}

static void keep_input(mayfly_doc *doc, const struct mfi_input *input) {
    doc->input = input->owned;
    doc->input_size = input->size;
    doc->input_mapped = input->mapped;
}

/* An input that was read counts as long as it is in memory; pages of a mapping are not allocated.
 */
static int count_input(const struct mfi_input *input, mayfly_doc *doc, mayfly_error *error) {
    if (input->owned == NULL || input->mapped)
        return 0;
    if (input->size > doc->max_bytes - doc->bytes)
        return mfi_fail(error, MAYFLY_E_LIMIT, input->operation, input->path,
                        "its %zu bytes and the document need more than max_bytes (%llu)",
                        input->size, (unsigned long long)doc->max_bytes);
    doc->bytes += input->size;
    return 0;
}

static int check_rest(const struct mfi_input *input, const mayfly_load_options *options,
                      size_t used, mayfly_error *error) {
    if (!(options->flags & MAYFLY_ONE_ONLY) || used == input->size)
        return 0;
    return mfi_fail_at(error, MAYFLY_E_PICKLE, input->operation, input->path, (int64_t)used,
                       "%zu more bytes follow the pickle, and MAYFLY_ONE_ONLY was asked for",
                       input->size - used);
}

int mfi_loads(const struct mfi_input *input, const mayfly_load_options *options, mayfly_doc *doc,
              size_t *ret_used, mayfly_error *error) {
    struct mfi_reading reading;
    mayfly_value root;
    int r = count_input(input, doc, error);
    if (r < 0) {
        release(input);
        return r;
    }
    mfi_reading_init(&reading, doc, options, input->operation, input->path, error);
    if (input->owned != NULL)
        reading.borrow_from = OWN_FROM;
    else if (options->flags & MAYFLY_BORROW)
        reading.borrow_from = BORROW_FROM;
    if (input->again)
        take_scratch(&reading.d, doc);
    reading.d.begin = input->data;
    reading.d.end = reading.d.begin + input->size;
    struct mfi_cursor k = {.at = reading.d.begin};
    r = mfi_read_one(&reading, &k, &root);
    *ret_used = (size_t)(k.at - reading.d.begin);
    if (r == 0)
        r = check_rest(input, options, *ret_used, error);
    if (input->again)
        give_scratch(&reading.d, doc);
    mfi_decoder_free(&reading.d);
    if (r == 0 && reading.borrowed && input->owned != NULL) {
        keep_input(doc, input);
        return 0;
    }
    if (input->owned != NULL && !input->mapped)
        doc->bytes -= input->size;
    if (r < 0)
        doc->root = (mayfly_value){0};
    release(input);
    return r;
}

int mayfly_loads_sized(size_t options_size, const void *data, size_t size,
                       const mayfly_load_options *options, mayfly_doc **ret, mayfly_error *error) {
    mayfly_load_options known;
    mayfly_doc *doc;
    size_t used;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "load", error);
    if (r < 0)
        return r;
    const struct mfi_input input = {
        .data = data, .size = size, .again = *ret != NULL, .operation = "load"};
    r = mfi_doc_for(ret, &known, &doc, error);
    if (r < 0)
        return r;
    r = mfi_loads(&input, &known, doc, &used, error);
    return mfi_doc_done(r, doc, ret);
}
