/* SPDX-License-Identifier: MIT
 *
 * Scratch for walks over values: a map from words to words, a stack of words. They live as long as
 * one call and belong to it, so that looking at a document never changes it.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "value.h"

static size_t slot_of(const struct mfi_map *map, uint64_t key) {
    /* a random odd factor, and the upper bits of the product: no stream can make its numbers
     * collide (Dietzfelbinger et al., "A reliable randomized algorithm for the closest-pair
     * problem") */
    size_t at = (size_t)(key * map->factor >> map->shift);
    while (map->slots[2 * at] != 0 && map->slots[2 * at] != key)
        at = (at + 1) & map->mask;
    return at;
}

static int grow(struct mfi_map *map) {
    struct mfi_map larger = {.mask = map->slots == NULL ? 63 : 2 * map->mask + 1,
                             .count = map->count,
                             .factor = mfi_hash_seed() | 1};
    larger.shift = (unsigned)__builtin_clzll(larger.mask);
    larger.slots = mfi_sys.calloc(2 * (larger.mask + 1), sizeof *larger.slots);
    if (larger.slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; map->slots != NULL && i <= map->mask; i++)
        if (map->slots[2 * i] != 0)
            memcpy(larger.slots + 2 * slot_of(&larger, map->slots[2 * i]), map->slots + 2 * i,
                   2 * sizeof *map->slots);
    free(map->slots);
    *map = larger;
    return 0;
}

uint64_t *mfi_map_at(struct mfi_map *map, uint64_t key) {
    if ((map->slots == NULL || 2 * map->count > map->mask) && grow(map) < 0)
        return NULL;
    uint64_t *slot = map->slots + 2 * slot_of(map, key);
    if (slot[0] == 0) {
        slot[0] = key;
        map->count++;
    }
    return slot + 1;
}

uint64_t *mfi_map_find(const struct mfi_map *map, uint64_t key) {
    if (map->slots == NULL)
        return NULL;
    uint64_t *slot = map->slots + 2 * slot_of(map, key);
    return slot[0] == 0 ? NULL : slot + 1;
}

void mfi_map_free(struct mfi_map *map) {
    free(map->slots);
    *map = (struct mfi_map){0};
}

int mfi_stack_push(struct mfi_stack *stack, uint64_t word) {
    if (stack->count == stack->capacity) {
        const size_t capacity = stack->capacity == 0 ? 64 : 2 * stack->capacity;
        uint64_t *grown = mfi_sys.realloc(stack->items, capacity * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        stack->items = grown;
        stack->capacity = capacity;
    }
    stack->items[stack->count++] = word;
    return 0;
}

void mfi_stack_free(struct mfi_stack *stack) {
    free(stack->items);
    *stack = (struct mfi_stack){0};
}
