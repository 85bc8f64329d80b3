/* SPDX-License-Identifier: MIT
 *
 * Documents: who owns the memory of values.
 *
 * Nodes lie in chunks, one after the other; each chunk is twice the size of the one before, up to
 * 8 MiB, and the large ones are huge pages. Arrays that grow large are blocks of their own, which
 * realloc(3) can move without a copy. A reset keeps the chunks and the blocks for the values that
 * come next.
 *
 * Invariant   `bytes` is the sum of all chunks, blocks and of the input, and at most max_bytes.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "globals.h"
#include "value.h"

enum { FIRST_CHUNK = 4 << 10, LARGEST_CHUNK = 8 << 20, LARGE_ARRAY = 32 << 10 };

struct mfi_chunk {
    struct mfi_chunk *next;
    size_t size; /* of data */
    char data[];
};

struct mfi_block {
    struct mfi_block *next, **before;
    size_t size;  /* of data */
    size_t slack; /* what it has beyond what was asked for; then it is of huge pages */
    char data[];
};

int mayfly_doc_new_sized(size_t options_size, const mayfly_doc_options *options, mayfly_doc **ret,
                         mayfly_error *error) {
    mayfly_doc_options known;
    const int r =
        mfi_options_import(&known, sizeof known, options, options_size, "document", error);
    if (r < 0)
        return r;
    mayfly_doc *doc = mfi_sys.calloc(1, sizeof *doc);
    if (doc == NULL)
        return mfi_fail_memory(error, sizeof *doc);
    doc->max_bytes = known.max_bytes != 0 ? known.max_bytes : (uint64_t)4 << 30;
    *ret = doc;
    return 0;
}

static void free_input(mayfly_doc *doc) {
    if (doc->input_mapped) {
        (void)mfi_sys.munmap(doc->input, doc->input_size);
    } else {
        doc->bytes -= doc->input_size;
        free(doc->input);
    }
    doc->input = NULL;
    doc->input_size = 0;
}

static void free_block(struct mfi_block *block) {
    if (block->slack != 0)
        mfi_pages_free(block, sizeof *block + block->size);
    else
        free(block);
}

static void free_blocks(struct mfi_block *block) {
    while (block != NULL) {
        struct mfi_block *next = block->next;
        free_block(block);
        block = next;
    }
}

void mayfly_doc_free(mayfly_doc **doc_at) {
    mayfly_doc *doc = *doc_at;
    *doc_at = NULL;
    if (doc == NULL)
        return;
    while (doc->chunks != NULL) {
        struct mfi_chunk *next = doc->chunks->next;
        const size_t total = doc->chunks->size + sizeof *next;
        if (total >= MFI_HUGE)
            mfi_pages_free(doc->chunks, total);
        else
            free(doc->chunks);
        doc->chunks = next;
    }
    free_blocks(doc->blocks);
    free_blocks(doc->spare);
    free_input(doc);
    mfi_uses_free(doc);
    mfi_stack_free(&doc->pending);
    if (doc->scratch != NULL) {
        const struct mfi_scratch *scratch = doc->scratch;
        mfi_pages_release(scratch->stack, scratch->stack_size * sizeof *scratch->stack);
        mfi_pages_release(scratch->memo, scratch->memo_size * sizeof *scratch->memo);
        free(doc->scratch);
    }
    free(doc);
}

void mayfly_doc_auto(mayfly_doc **doc) {
    mayfly_doc_free(doc);
}

static void use_chunk(mayfly_doc *doc, struct mfi_chunk *chunk) {
    doc->current = chunk;
    doc->at = chunk == NULL ? NULL : chunk->data;
    doc->end = chunk == NULL ? NULL : chunk->data + chunk->size;
}

static void link_block(struct mfi_block **list, struct mfi_block *block) {
    block->next = *list;
    block->before = list;
    if (block->next != NULL)
        block->next->before = &block->next;
    *list = block;
}

static void unlink_block(struct mfi_block *block) {
    *block->before = block->next;
    if (block->next != NULL)
        block->next->before = block->before;
}

void mayfly_doc_reset(mayfly_doc *doc) {
    use_chunk(doc, doc->chunks);
    while (doc->blocks != NULL) {
        struct mfi_block *block = doc->blocks;
        unlink_block(block);
        link_block(&doc->spare, block);
    }
    free_input(doc);
    mfi_uses_free(doc);
    memset(doc->shapes, 0, sizeof doc->shapes);
    doc->none = NULL;
    doc->pending.count = 0;
    memset(doc->texts, 0, sizeof doc->texts);
    doc->root = doc->empty = (mayfly_value){0};
    doc->failure.code = 0;
}

mayfly_value mayfly_doc_root(const mayfly_doc *doc) {
    return doc->root;
}

void mayfly_doc_set_root(mayfly_doc *doc, mayfly_value root) {
    doc->root = root;
}

uint64_t mayfly_doc_bytes(const mayfly_doc *doc) {
    return doc->bytes;
}

int mayfly_doc_failed(const mayfly_doc *doc, mayfly_error *error) {
    if (doc->failure.code != 0 && error != NULL)
        *error = doc->failure;
    return doc->failure.code;
}

int mfi_doc_fail(mayfly_doc *doc, int code, const char *format, ...) {
    if (doc->failure.code != 0)
        return doc->failure.code;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return mfi_fail(&doc->failure, code, "document", NULL, "%s", text);
}

mayfly_value mfi_doc_wrong(mayfly_doc *doc, const char *operation, mayfly_value value,
                           const char *wanted) {
    (void)mfi_doc_fail(doc, -EINVAL, "%s: %s instead of %s", operation,
                       mayfly_kind_name(mfi_kind(value)), wanted);
    return (mayfly_value){0};
}

/* ---- memory ---------------------------------------------------------------------------------- */

static int count_bytes(mayfly_doc *doc, size_t more) {
    if (more > doc->max_bytes || doc->bytes > doc->max_bytes - more)
        return mfi_doc_fail(doc, MAYFLY_E_LIMIT,
                            "the values need more than the %llu bytes that max_bytes allows",
                            (unsigned long long)doc->max_bytes);
    doc->bytes += more;
    return 0;
}

static struct mfi_chunk *next_chunk(mayfly_doc *doc, size_t size) {
    struct mfi_chunk *last = doc->current;
    if (last != NULL && last->next != NULL && last->next->size >= size)
        return last->next;
    const size_t least = size + sizeof *last; /* below LARGE_ARRAY */
    size_t total = last == NULL ? FIRST_CHUNK : 2 * (last->size + sizeof *last);
    while (total < least)
        total *= 2;
    while (total > LARGEST_CHUNK || (total > doc->max_bytes - doc->bytes && total / 2 >= least))
        total /= 2;
    if (count_bytes(doc, total) < 0)
        return NULL;
    struct mfi_chunk *chunk = total >= MFI_HUGE ? mfi_pages_alloc(total) : mfi_sys.malloc(total);
    if (chunk == NULL) {
        doc->bytes -= total;
        (void)mfi_doc_fail(doc, -ENOMEM, "no memory for %zu bytes", total);
        return NULL;
    }
    chunk->size = total - sizeof *chunk;
    chunk->next = last == NULL ? doc->chunks : last->next;
    *(last == NULL ? &doc->chunks : &last->next) = chunk;
    return chunk;
}

MFI_COLD void *mfi_doc_more(mayfly_doc *doc, size_t size) {
    if (doc->failure.code != 0)
        return NULL;
    if (size >= LARGE_ARRAY)
        return mfi_doc_grow(doc, NULL, 0, &size);
    struct mfi_chunk *chunk = next_chunk(doc, size);
    if (chunk == NULL)
        return NULL;
    use_chunk(doc, chunk);
    void *memory = doc->at;
    doc->at += size;
    return memory;
}

/* The smallest block of an earlier use that is large enough. */
static struct mfi_block *take_spare(mayfly_doc *doc, size_t size) {
    struct mfi_block *best = NULL;
    for (struct mfi_block *block = doc->spare; block != NULL; block = block->next)
        if (block->size >= size && (best == NULL || block->size < best->size))
            best = block;
    if (best != NULL)
        unlink_block(best);
    return best;
}

/* How many bytes of huge pages a block should be; 0: none. What rounding wastes may be a third of
 * the document. */
static size_t pages_for(const mayfly_doc *doc, size_t total) {
    enum { LEAST = 256 << 10 };
    const size_t pages = total < LEAST ? 0 : mfi_pages_size(total + 1);
    if (pages == 0 || pages > doc->max_bytes - doc->bytes)
        return 0;
    return 2 * (doc->slack + pages - total) <= doc->bytes - doc->slack + total ? pages : 0;
}

/* Memory for a block, with what the old one has. */
static struct mfi_block *move_block(struct mfi_block *old, size_t total, bool pages) {
    if (!pages && (old == NULL || old->slack == 0)) {
        struct mfi_block *block = mfi_sys.realloc(old, total);
        if (block != NULL && total >= 2 * (size_t)MFI_HUGE)
            mfi_pages_advise(block, total);
        return block;
    }
    struct mfi_block *block = pages ? mfi_pages_alloc(total) : mfi_sys.malloc(total);
    if (block != NULL && old != NULL) {
        memcpy(block, old, sizeof *old + old->size);
        free_block(old);
    }
    return block;
}

static struct mfi_block *resize_block(mayfly_doc *doc, struct mfi_block *old, size_t size) {
    struct mfi_block *block = old == NULL ? take_spare(doc, size) : NULL;
    if (block != NULL) {
        link_block(&doc->blocks, block);
        return block;
    }
    const size_t before = old == NULL ? 0 : old->size + sizeof *old;
    const size_t slack = old == NULL ? 0 : old->slack;
    const size_t pages = pages_for(doc, size + sizeof *block);
    const size_t total = pages != 0 ? pages : size + sizeof *block;
    if (count_bytes(doc, total - before) < 0)
        return NULL;
    block = move_block(old, total, pages != 0);
    if (block == NULL) {
        doc->bytes -= total - before;
        (void)mfi_doc_fail(doc, -ENOMEM, "no memory for %zu bytes", total);
        return NULL;
    }
    block->slack = total - (size + sizeof *block);
    block->size = total - sizeof *block;
    doc->slack += block->slack - slack;
    if (old == NULL) {
        link_block(&doc->blocks, block);
        return block;
    }
    *block->before = block;
    if (block->next != NULL)
        block->next->before = &block->next;
    return block;
}

static struct mfi_block *block_of(void *memory) {
    return (struct mfi_block *)(void *)((char *)memory - offsetof(struct mfi_block, data));
}

void mfi_doc_drop(mayfly_doc *doc, void *memory, size_t size) {
    if (size < LARGE_ARRAY)
        return;
    struct mfi_block *block = block_of(memory);
    unlink_block(block);
    doc->bytes -= block->size + sizeof *block;
    doc->slack -= block->slack;
    free_block(block);
}

void *mfi_doc_grow(mayfly_doc *doc, void *old, size_t size, size_t *want) {
    if (doc->failure.code != 0)
        return NULL;
    if (*want > SIZE_MAX / 4) {
        (void)mfi_doc_fail(doc, -ENOMEM, "no memory for %zu bytes", *want);
        return NULL;
    }
    if (*want < LARGE_ARRAY) {
        char *memory = mfi_doc_alloc(doc, *want);
        if (memory != NULL && size > 0)
            memcpy(memory, old, size);
        return memory;
    }
    struct mfi_block *block = NULL;
    if (size >= LARGE_ARRAY)
        block = block_of(old);
    struct mfi_block *grown = resize_block(doc, block, *want);
    if (grown == NULL)
        return NULL;
    if (block == NULL && size > 0)
        memcpy(grown->data, old, size);
    *want = grown->size;
    return grown->data;
}
