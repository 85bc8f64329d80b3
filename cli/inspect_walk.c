/* SPDX-License-Identifier: MIT
 *
 * What the tree and JSON have in common: identity, parts, and what must not reach a terminal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

/* ---- marks ----------------------------------------------------------------------------------- */

static size_t slot_of(const struct inspect_marks *marks, uint64_t key) {
    size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & marks->mask;
    while (marks->slots[2 * at] != 0 && marks->slots[2 * at] != key)
        at = (at + 1) & marks->mask;
    return at;
}

static int grow(struct inspect_marks *marks) {
    struct inspect_marks larger = {.mask = marks->slots == NULL ? 63 : 2 * marks->mask + 1,
                                   .count = marks->count};
    larger.slots = calloc(larger.mask + 1, 2 * sizeof *larger.slots);
    if (larger.slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; marks->slots != NULL && i <= marks->mask; i++)
        if (marks->slots[2 * i] != 0)
            memcpy(larger.slots + 2 * slot_of(&larger, marks->slots[2 * i]), marks->slots + 2 * i,
                   2 * sizeof *marks->slots);
    free(marks->slots);
    *marks = larger;
    return 0;
}

/* Notes one more place in which a value stands; gives in how many it does, 2 for all more. */
static int note(struct inspect_marks *marks, mayfly_value v) {
    if ((marks->slots == NULL || 2 * marks->count > marks->mask) && grow(marks) < 0)
        return -ENOMEM;
    uint64_t *slot = marks->slots + 2 * slot_of(marks, v.bits);
    marks->count += slot[0] == 0;
    slot[0] = v.bits;
    slot[1] = slot[1] == 0 ? INSPECT_ONCE : INSPECT_SHARED;
    return (int)slot[1];
}

static uint64_t *state_of(const struct inspect_marks *marks, mayfly_value v) {
    static uint64_t once;
    once = INSPECT_ONCE;
    if (marks->slots == NULL || v.bits == 0)
        return &once;
    uint64_t *slot = marks->slots + 2 * slot_of(marks, v.bits);
    return slot[0] == 0 ? &once : slot + 1;
}

bool inspect_shared(const struct inspect_marks *marks, mayfly_value value) {
    return *state_of(marks, value) >= INSPECT_SHARED;
}

uint64_t inspect_known_label(const struct inspect_marks *marks, mayfly_value value) {
    const uint64_t state = *state_of(marks, value);
    return state > INSPECT_SHARED ? state - INSPECT_SHARED : 0;
}

uint64_t inspect_label(struct inspect_marks *marks, mayfly_value value, bool *ret_new) {
    uint64_t *state = state_of(marks, value);
    *ret_new = *state == INSPECT_SHARED;
    if (*ret_new)
        *state = ++marks->labels + INSPECT_SHARED;
    return *state > INSPECT_SHARED ? *state - INSPECT_SHARED : 0;
}

void inspect_marks_free(struct inspect_marks *marks) {
    free(marks->slots);
    *marks = (struct inspect_marks){0};
}

/* ---- parts ----------------------------------------------------------------------------------- */

mayfly_value inspect_object_part(mayfly_value object, size_t part) {
    switch (part) {
    case INSPECT_CALLABLE:
        return mayfly_object_callable(object);
    case INSPECT_ARGUMENTS:
        return mayfly_object_arguments(object);
    case INSPECT_KEYWORDS:
        return mayfly_object_keywords(object);
    case INSPECT_ITEMS:
        return mayfly_object_items(object);
    case INSPECT_PAIRS:
        return mayfly_object_pairs(object);
    default:
        return mayfly_object_state(object);
    }
}

static bool is_plain(mayfly_value v) {
    const mayfly_kind kind = mayfly_kind_of(v);
    return kind < MAYFLY_LIST || kind == MAYFLY_GLOBAL || kind == MAYFLY_EXTENSION;
}

enum { LEAF_ARGUMENTS = 16, LEAF_DEPTH = 3 };

static bool says_all(mayfly_value v, unsigned depth) {
    mayfly_datetime time;
    int64_t span;
    bool good;
    switch (mayfly_class_of(v)) {
    case MAYFLY_CLASS_DATETIME:
    case MAYFLY_CLASS_DATE:
    case MAYFLY_CLASS_TIME:
        good = mayfly_datetime_get(v, &time, NULL) == 0;
        break;
    case MAYFLY_CLASS_TIMEDELTA:
    case MAYFLY_CLASS_TIMEZONE:
        good = mayfly_timedelta_get(v, &span, NULL) == 0;
        break;
    case MAYFLY_CLASS_UUID: /* its state is that number */
        return mayfly_kind_of(mayfly_get(v, "int")) == MAYFLY_INT &&
               mayfly_count(mayfly_object_arguments(v)) == 0;
    case MAYFLY_CLASS_ARRAY:
        good = mayfly_bytes_get(v, NULL) != NULL;
        break;
    case MAYFLY_CLASS_DECIMAL:
    case MAYFLY_CLASS_FRACTION:
    case MAYFLY_CLASS_PATH:
    case MAYFLY_CLASS_RANGE:
    case MAYFLY_CLASS_SLICE:
        good = true;
        break;
    default:
        return false;
    }
    const mayfly_value arguments = mayfly_object_arguments(v);
    const size_t count = mayfly_count(arguments);
    good = good && mayfly_kind_of(arguments) == MAYFLY_TUPLE && count <= LEAF_ARGUMENTS;
    for (size_t part = INSPECT_KEYWORDS; part < INSPECT_PARTS; part++)
        good = good && inspect_object_part(v, part).bits == 0;
    for (size_t i = 0; good && i < count; i++) {
        const mayfly_value argument = mayfly_item(arguments, i);
        good = is_plain(argument) || (depth < LEAF_DEPTH && says_all(argument, depth + 1));
    }
    return good;
}

bool inspect_is_leaf(mayfly_value value) {
    return is_plain(value) || mayfly_kind_of(value) == MAYFLY_BUFFER || says_all(value, 0);
}

size_t inspect_count(mayfly_value value) {
    size_t count = 0;
    switch (mayfly_kind_of(value)) {
    case MAYFLY_OBJECT:
        for (size_t part = 0; part < INSPECT_PARTS; part++)
            count += inspect_object_part(value, part).bits != 0;
        return count;
    case MAYFLY_PERSISTENT:
        return 1;
    default:
        return mayfly_count(value);
    }
}

/* The direct parts one after the other; absent past the end, or where there is none. */
static mayfly_value part_of(mayfly_value v, size_t index) {
    mayfly_value key = {0}, value = {0};
    switch (mayfly_kind_of(v)) {
    case MAYFLY_DICT:
        (void)mayfly_pair(v, index / 2, &key, &value);
        return index % 2 == 0 ? key : value;
    case MAYFLY_OBJECT:
        return inspect_object_part(v, index);
    case MAYFLY_PERSISTENT:
        return mayfly_persistent_id(v);
    default:
        return mayfly_item(v, index);
    }
}

static size_t part_count(mayfly_value v) {
    const mayfly_kind kind = mayfly_kind_of(v);
    return kind == MAYFLY_OBJECT ? (size_t)INSPECT_PARTS
                                 : inspect_count(v) * (kind == MAYFLY_DICT ? 2 : 1);
}

/* Nobody can tell whether two empty tuples are the same one. */
static bool is_worth_a_label(mayfly_value v) {
    switch (mayfly_kind_of(v)) {
    case MAYFLY_BYTEARRAY:
    case MAYFLY_LIST:
    case MAYFLY_DICT:
    case MAYFLY_SET:
    case MAYFLY_OBJECT:
    case MAYFLY_PERSISTENT:
    case MAYFLY_BUFFER:
        return true;
    case MAYFLY_TUPLE:
    case MAYFLY_FROZENSET:
        return mayfly_count(v) > 0;
    default:
        return false;
    }
}

struct place {
    mayfly_value value;
    size_t index, count;
};

struct places {
    struct place *items;
    size_t count, capacity;
};

/* Notes a value, and has its parts looked at when it is met first. */
static int enter(struct places *stack, struct inspect_marks *marks, mayfly_value v) {
    if (!is_worth_a_label(v))
        return 0;
    const int times = note(marks, v);
    if (times != INSPECT_ONCE || inspect_is_leaf(v))
        return times < 0 ? times : 0;
    if (stack->count == stack->capacity) {
        const size_t capacity = stack->capacity == 0 ? 64 : 2 * stack->capacity;
        struct place *grown = reallocarray(stack->items, capacity, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        stack->items = grown;
        stack->capacity = capacity;
    }
    stack->items[stack->count++] = (struct place){v, 0, part_count(v)};
    return 0;
}

int inspect_survey(mayfly_value root, struct inspect_marks *ret) {
    struct places stack = {0};
    *ret = (struct inspect_marks){0};
    int r = enter(&stack, ret, root);
    while (r == 0 && stack.count > 0) {
        struct place *top = &stack.items[stack.count - 1];
        if (top->index == top->count)
            stack.count--;
        else
            r = enter(&stack, ret, part_of(top->value, top->index++));
    }
    free(stack.items);
    return r;
}

/* ---- what a terminal may see ----------------------------------------------------------------- */

/* The length of the character at `at`; of what is no UTF-8, 1. *ret_bad: it must not be printed as
 * it is: a control, also one of two bytes; a mark that turns the direction or breaks a line; a lone
 * surrogate. */
static size_t character(const unsigned char *at, size_t size, bool *ret_bad) {
    const size_t length = at[0] < 0x80   ? 1
                          : at[0] < 0xc2 ? 0
                          : at[0] < 0xe0 ? 2
                          : at[0] < 0xf0 ? 3
                          : at[0] < 0xf5 ? 4
                                         : 0;
    unsigned c = at[0] & (length == 1 ? 0x7fu : 0x7fu >> length);
    bool whole = length > 0 && length <= size;
    for (size_t i = 1; whole && i < length; i++) {
        whole = (at[i] & 0xc0) == 0x80;
        c = c << 6 | (at[i] & 0x3f);
    }
    const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c ||
                         (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
                         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
    const bool wrong = (c >= 0xd800 && c <= 0xdfff) || (length == 3 && c < 0x800) ||
                       (length == 4 && (c < 0x10000 || c > 0x10ffff));
    *ret_bad = !whole || control || wrong;
    return whole ? length : 1;
}

char *inspect_escape(const char *text, size_t size) {
    static const char digits[] = "0123456789abcdef";
    char *escaped = malloc(size > SIZE_MAX / 4 - 1 ? 0 : 4 * size + 1), *to = escaped;
    const char *const end = text + size;
    if (escaped == NULL || size > SIZE_MAX / 4 - 1)
        return free(escaped), NULL;
    while (text < end) {
        bool bad;
        size_t length = character((const unsigned char *)text, (size_t)(end - text), &bad);
        for (; length > 0; length--, text++) {
            if (!bad) {
                *to++ = *text;
                continue;
            }
            *to++ = '\\';
            *to++ = 'x';
            *to++ = digits[(unsigned char)*text >> 4];
            *to++ = digits[*text & 15];
        }
    }
    *to = '\0';
    return escaped;
}

void inspect_print(const char *text, size_t size) {
    char *escaped = inspect_escape(text, size);
    (void)fputs(escaped == NULL ? "..." : escaped, stdout);
    free(escaped);
}
