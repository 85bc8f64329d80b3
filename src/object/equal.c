/* SPDX-License-Identifier: MIT
 *
 * Equality of whole values, as Python's ==, without recursion and also where they contain
 * themselves: two values that are being compared already, or that equal the same third one as far
 * as is known, are taken for equal (Hopcroft and Karp's way with automata: classes are merged, so
 * that the work is bounded by the number of nodes and not of paths).
 *
 * A key is compared on the way with those that it might be. What turns out not to be it leaves no
 * trace: the classes that it merged are taken apart again. What is the same key may have been so
 * only because of what is taken for equal further out; if that is wrong, so is the whole.
 */
#define _GNU_SOURCE
#include <math.h>

#include "value.h"

/* Keys are looked up, and so compared, on the way: the one recursion here. */
enum { DEEPEST = 1000 };

struct comparison {
    struct mfi_equality *equality;
    struct mfi_stack pairs; /* to be compared: a, b, a, b, ... */
};

static void comparison_free(struct comparison *c) {
    mfi_stack_free(&c->pairs);
}

/* ---- classes of nodes ------------------------------------------------------------------------ */

/* In the map stands under a node another one of its class, or the size of the class of which it is
 * the root, twice and one more; nothing: it is alone. The smaller class goes below the larger, and
 * paths are not made shorter: so what was merged can be taken apart again. */

static uint64_t root_of(const struct mfi_map *classes, uint64_t node, uint64_t *ret_size) {
    const uint64_t *up;
    while ((up = mfi_map_find(classes, node)) != NULL && *up != 0 && (*up & 1) == 0)
        node = *up;
    *ret_size = up == NULL || *up == 0 ? 1 : *up >> 1;
    return node;
}

static int set_logged(struct mfi_equality *e, uint64_t node, uint64_t value) {
    uint64_t *at = mfi_map_at(&e->classes, node);
    if (at == NULL || mfi_stack_push(&e->log, node) < 0)
        return -ENOMEM;
    if (mfi_stack_push(&e->log, *at) < 0) {
        e->log.count--;
        return -ENOMEM;
    }
    *at = value;
    return 0;
}

/* 1: they were in one class already; 0: now they are; -ENOMEM. */
static int merge(struct mfi_equality *e, uint64_t a, uint64_t b) {
    uint64_t size_a, size_b;
    a = root_of(&e->classes, a, &size_a);
    b = root_of(&e->classes, b, &size_b);
    if (a == b)
        return 1;
    const uint64_t small = size_a < size_b ? a : b, large = size_a < size_b ? b : a;
    const int r = set_logged(e, large, (size_a + size_b) << 1 | 1);
    return r < 0 ? r : set_logged(e, small, large);
}

/* Takes apart what was merged since the log had `count` words. */
static void undo(struct mfi_equality *e, size_t count) {
    while (e->log.count > count) {
        const uint64_t before = e->log.items[--e->log.count];
        *mfi_map_find(&e->classes, e->log.items[--e->log.count]) = before;
    }
}

static int later(struct comparison *c, mayfly_value a, mayfly_value b) {
    if (a.bits == b.bits)
        return 1;
    if (a.bits == 0 || b.bits == 0)
        return 0;
    return mfi_stack_push(&c->pairs, a.bits) < 0 || mfi_stack_push(&c->pairs, b.bits) < 0 ? -ENOMEM
                                                                                          : 1;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool is_number(mayfly_kind kind) {
    return kind >= MAYFLY_BOOL && kind <= MAYFLY_COMPLEX;
}

static bool big_equal(mayfly_value a, mayfly_value b) {
    uint8_t x[9], y[9];
    size_t n, m;
    const void *p = mayfly_int_bytes(a, x, &n), *q = mayfly_int_bytes(b, y, &m);
    return n == m && memcmp(p, q, n) == 0;
}

/* A whole number of at least 2^53 in two's complement. */
static const uint8_t *whole_bytes(double d, uint8_t *to, size_t size) {
    int exponent;
    const int64_t mantissa = (int64_t)ldexp(frexp(d, &exponent), 53);
    const size_t shift = (size_t)(exponent - 53);
    memset(to, 0, size);
    for (size_t i = shift / 8; i < size; i++) {
        const size_t bit = 8 * (i - shift / 8);
        const int64_t low = bit < 64 ? mantissa >> bit : mantissa >> 63;
        const int64_t before = bit == 0 ? 0 : bit - 8 < 64 ? mantissa >> (bit - 8) : mantissa >> 63;
        to[i] =
            (uint8_t)((uint64_t)low << shift % 8 | ((uint64_t)before & 0xff) >> (8 - shift % 8));
    }
    return to;
}

/* An int and a float: exactly, as Python does, and not by rounding the int. */
static bool int_is_float(mayfly_value i, double d) {
    int64_t n;
    double rounded;
    if (mayfly_int_get(i, &n, NULL) == 0)
        return d >= -0x1p63 && d < 0x1p63 && (int64_t)d == n && (double)(int64_t)d == d;
    if (mayfly_float_get(i, &rounded, NULL) < 0 || rounded != d)
        return false;
    uint8_t scratch[9], exact[136];
    size_t size;
    const uint8_t *bytes = mayfly_int_bytes(i, scratch, &size);
    return size <= sizeof exact && memcmp(whole_bytes(d, exact, size), bytes, size) == 0;
}

static bool number_equal(mayfly_value a, mayfly_value b) {
    const mayfly_kind ka = mfi_kind(a), kb = mfi_kind(b);
    if (ka < MAYFLY_FLOAT && kb < MAYFLY_FLOAT)
        return big_equal(a, b);
    double ar, ai, br, bi;
    if (ka < MAYFLY_FLOAT || kb < MAYFLY_FLOAT) {
        const mayfly_value whole = ka < MAYFLY_FLOAT ? a : b, other = ka < MAYFLY_FLOAT ? b : a;
        return mayfly_complex_get(other, &br, &bi, NULL) == 0 && bi == 0 && int_is_float(whole, br);
    }
    return mayfly_complex_get(a, &ar, &ai, NULL) == 0 &&
           mayfly_complex_get(b, &br, &bi, NULL) == 0 && ar == br && ai == bi;
}

/* ---- containers ------------------------------------------------------------------------------ */

static int items_later(struct comparison *c, const mayfly_value *a, const mayfly_value *b,
                       uint64_t count) {
    int r = 1;
    for (uint64_t i = count; i-- > 0 && r > 0;) /* the first is looked at first */
        r = later(c, a[i], b[i]);
    return r;
}

static int dicts_later(struct comparison *c, const struct mfi_dict *a, const struct mfi_dict *b) {
    if (a->keys->count != b->keys->count)
        return 0;
    int r = 1;
    for (uint32_t i = 0; i < a->keys->count && r > 0; i++) {
        const bool same = a->keys->keys[i].bits == b->keys->keys[i].bits;
        const int64_t at =
            same ? (int64_t)i : mfi_keys_find(b->keys, a->keys->keys[i], c->equality);
        if (at < 0)
            return at == -1 ? 0 : (int)at;
        if (a->values != NULL)
            r = later(c, a->values[i], b->values[at]);
    }
    return r;
}

static int objects_later(struct comparison *c, const struct mfi_object *a,
                         const struct mfi_object *b) {
    if (a->form != b->form)
        return 0;
    const mayfly_value x[] = {a->callable, a->arguments, a->keywords, a->state,
                              a->items,    a->pairs,     a->then};
    const mayfly_value y[] = {b->callable, b->arguments, b->keywords, b->state,
                              b->items,    b->pairs,     b->then};
    return items_later(c, x, y, MFI_LENGTH(x));
}

static int bytes_equal(const void *a, const void *b) {
    size_t n, m;
    const char *p = mfi_bytes(a, &n), *q = mfi_bytes(b, &m);
    return n == m && memcmp(p, q, n) == 0;
}

/* 1: equal if what is later is; 0: not equal; -ENOMEM. */
static int nodes(struct comparison *c, mayfly_kind kind, const void *a, const void *b) {
    switch (kind) {
    case MAYFLY_LIST: {
        const struct mfi_list *x = a, *y = b;
        return x->count == y->count ? items_later(c, x->items, y->items, x->count) : 0;
    }
    case MAYFLY_TUPLE: {
        const struct mfi_tuple *x = a, *y = b;
        return x->count == y->count ? items_later(c, x->items, y->items, x->count) : 0;
    }
    case MAYFLY_DICT:
    case MAYFLY_SET:
    case MAYFLY_FROZENSET:
        return dicts_later(c, a, b);
    case MAYFLY_GLOBAL: {
        const struct mfi_global *x = a, *y = b;
        const int r = later(c, x->module, y->module);
        return r > 0 ? later(c, x->name, y->name) : r;
    }
    case MAYFLY_OBJECT:
        return objects_later(c, a, b);
    case MAYFLY_PERSISTENT:
    case MAYFLY_EXTENSION:
        return later(c, ((const struct mfi_single *)a)->value,
                     ((const struct mfi_single *)b)->value);
    default:
        return bytes_equal(a, b);
    }
}

static bool is_bytes(mayfly_kind kind) {
    return kind == MAYFLY_BYTES || kind == MAYFLY_BYTEARRAY;
}

static bool is_set(mayfly_kind kind) {
    return kind == MAYFLY_SET || kind == MAYFLY_FROZENSET;
}

static int step(struct comparison *c, mayfly_value a, mayfly_value b) {
    const mayfly_kind ka = mfi_kind(a), kb = mfi_kind(b);
    if (is_number(ka) && is_number(kb))
        return number_equal(a, b);
    if (!mfi_is_node(a) || !mfi_is_node(b))
        return 0;
    if (ka != kb && !(is_bytes(ka) && is_bytes(kb)) && !(is_set(ka) && is_set(kb)))
        return 0;
    if (ka >= MAYFLY_LIST) { /* may contain itself */
        const int r = merge(c->equality, a.bits, b.bits);
        if (r != 0)
            return r;
    }
    return nodes(c, ka, mfi_node_of(a), mfi_node_of(b));
}

int mfi_equal_in(struct mfi_equality *equality, mayfly_value a, mayfly_value b) {
    __attribute__((cleanup(comparison_free))) struct comparison c = {.equality = equality};
    if (equality->depth == DEEPEST)
        return MAYFLY_E_LIMIT;
    const size_t begin = equality->log.count;
    equality->depth++;
    int r = later(&c, a, b);
    while (r > 0 && c.pairs.count > 0) {
        const uint64_t y = c.pairs.items[--c.pairs.count];
        const uint64_t x = c.pairs.items[--c.pairs.count];
        r = step(&c, mfi_word(x), mfi_word(y));
    }
    equality->depth--;
    if (r <= 0)
        undo(equality, begin);
    return r;
}

void mfi_equality_free(struct mfi_equality *equality) {
    mfi_map_free(&equality->classes);
    mfi_stack_free(&equality->log);
}

int mfi_equal(mayfly_value a, mayfly_value b) {
    __attribute__((cleanup(mfi_equality_free))) struct mfi_equality equality = {0};
    return mfi_equal_in(&equality, a, b);
}

int mayfly_equal(mayfly_value a, mayfly_value b, mayfly_error *error) {
    const int r = mfi_equal(a, b);
    return r < 0 ? mfi_fail(error, r, "equal", NULL,
                            r == -ENOMEM ? "no memory to compare with"
                                         : "keys within keys nest deeper than %d",
                            DEEPEST)
                 : r;
}

bool mayfly_same(mayfly_value a, mayfly_value b) {
    return a.bits == b.bits ||
           (mfi_is(a, MAYFLY_GLOBAL) && mfi_is(b, MAYFLY_GLOBAL) && mfi_equal(a, b) == 1);
}
