/* SPDX-License-Identifier: MIT
 *
 * The keys of dicts and the items of sets: in order of insertion, looked up in constant time.
 *
 * Up to FEW keys are compared one by one, as most dicts have few; more have an index by hash, in
 * which the upper half of a slot is the hash, so that growing and most misses do not touch a key.
 * The hash is seeded once a process: a stream cannot be made so that its keys collide.
 *
 * Equality and hash are Python's: 1, 1.0 and True are one key.
 */
#define _GNU_SOURCE
#include "value.h"

enum { FEW = 8, MOST = 1 << 30, DEEPEST_KEY = 500 };

static _Atomic uint64_t seed_word;

static uint64_t seed(void) {
    uint64_t s = atomic_load_explicit(&seed_word, memory_order_relaxed);
    if (MFI_LIKELY(s != 0))
        return s;
    if (mfi_random(&s, sizeof s) < 0)
        s = 0x2545f4914f6cdd1du; /* no randomness here: looking up still works */
    s |= 1;
    uint64_t none = 0;
    return atomic_compare_exchange_strong(&seed_word, &none, s) ? s : none;
}

uint64_t mfi_hash_seed(void) {
    return seed();
}

/* Each bit of `a` reaches each of the result. */
MFI_INLINE uint64_t mix(uint64_t a, uint64_t b) {
    a = (a ^ a >> 32) * b;
    a = (a ^ a >> 29) * 0x9e3779b97f4a7c15u;
    return a ^ a >> 32;
}

MFI_INLINE uint32_t fold(uint64_t h) {
    const uint32_t folded = (uint32_t)(h ^ h >> 32);
    return folded == 0 ? 1 : folded;
}

static uint64_t tail64(const char *data, size_t size) { /* up to 8 bytes */
    uint64_t x = 0;
    memcpy(&x, data, size);
    return x;
}

static uint32_t hash_bytes(const char *data, size_t size) {
    const uint64_t s = seed();
    uint64_t h = s ^ size;
    if (size >= 8) {
        for (size_t i = 0; i + 8 < size; i += 8)
            h = mix(h ^ mfi_load64(data + i), 0x9fb21c651e98df25u);
        return fold(mix(h ^ mfi_load64(data + size - 8), s | 1));
    }
    return fold(mix(h ^ tail64(data, size), 0x9fb21c651e98df25u) + s);
}

static uint32_t hash_double(double d) {
    if (d >= -9.2e18 && d <= 9.2e18 && d == (double)(int64_t)d)
        return fold(mix((uint64_t)(int64_t)d ^ seed(), 0xd6e8feb86659fd93u));
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return fold(mix(bits ^ seed(), 0xc2b2ae3d27d4eb4fu));
}

static uint32_t hash_int(mayfly_value v) {
    if (mfi_is_int(v))
        return fold(mix((uint64_t)mfi_word_int(v) ^ seed(), 0xd6e8feb86659fd93u));
    double d = 0;
    int64_t n = 0;
    if (mayfly_int_get(v, &n, NULL) == 0)
        return fold(mix((uint64_t)n ^ seed(), 0xd6e8feb86659fd93u));
    if (mayfly_float_get(v, &d, NULL) == 0) /* equal to that float, if it is to any */
        return hash_double(d);
    size_t size;
    const char *bytes = mfi_bytes(mfi_node_of(v), &size);
    return hash_bytes(bytes, size);
}

static uint32_t hash_text(struct mfi_text *text) {
    if (mfi_node_flags(text) & MFI_FAR) {
        size_t size;
        const char *data = mfi_bytes(text, &size);
        return hash_bytes(data, size);
    }
    if (text->hash == 0)
        text->hash = hash_bytes(text->data, text->size);
    return text->hash;
}

/* The hash of a tuple or frozenset that is kept in it has in its upper bits how deep its items
 * nest, which is the same for equal ones. */
enum { DEPTH_SHIFT = 23 };
_Static_assert(DEEPEST_KEY < 1 << (32 - DEPTH_SHIFT), "a depth fits");

static uint32_t with_depth(uint64_t h, unsigned depth) {
    return (fold(h) & ((1u << DEPTH_SHIFT) - 1)) | depth << DEPTH_SHIFT;
}

static uint32_t hash_items(const struct mfi_tuple *tuple, unsigned depth) {
    uint64_t h = seed() + tuple->count;
    for (uint32_t i = 0; i < tuple->count; i++)
        h = mix(h ^ mfi_hash(tuple->items[i]), 0xa0761d6478bd642fu);
    return with_depth(h, depth);
}

static uint32_t hash_members(const struct mfi_keys *keys, unsigned depth) {
    uint64_t h = seed() + keys->count;
    for (uint32_t i = 0; i < keys->count; i++) /* in any order */
        h += mix(mfi_hash(keys->keys[i]), 0xe7037ed1a0b428dbu);
    return with_depth(h, depth);
}

static bool is_named(const struct mfi_global *global) {
    return mfi_is(global->module, MAYFLY_STR) && mfi_is(global->name, MAYFLY_STR);
}

static uint32_t hash_global(const struct mfi_global *global) {
    if (!is_named(global)) /* a computed one */
        return fold(mix((uint64_t)(uintptr_t)global ^ seed(), 0x8ebc6af09c88c6e3u));
    return mfi_hash(global->module) ^ (mfi_hash(global->name) << 1 | 1);
}

/* Objects of the same class that were made of the same values may be equal; of others only those
 * whose state is, which may change. */
static uint32_t hash_object(const struct mfi_object *object) {
    const struct mfi_tuple *arguments =
        mfi_is(object->arguments, MAYFLY_TUPLE) ? mfi_node_of(object->arguments) : NULL;
    if (arguments == NULL || arguments->count == 0 || arguments->hash == 0)
        return fold(mix((uint64_t)(uintptr_t)object ^ seed(), 0x8ebc6af09c88c6e3u));
    return fold(mix(arguments->hash ^ seed(), 0xd1342543de82ef95u));
}

MFI_COLD static uint32_t hash_rare(mayfly_value v) {
    void *node = mfi_is_node(v) ? mfi_node_of(v) : NULL;
    switch (mfi_kind(v)) {
    case MAYFLY_BOOL:
        return hash_int(mfi_int_word(v.bits == MFI_WORD_TRUE));
    case MAYFLY_FLOAT:
        return hash_double(node == NULL ? mfi_word_float(v) : ((struct mfi_float *)node)->value);
    case MAYFLY_COMPLEX: {
        const struct mfi_complex *c = node;
        return c->imag == 0 ? hash_double(c->real)
                            : hash_double(c->real) * 31 + hash_double(c->imag);
    }
    case MAYFLY_TUPLE: /* both were looked at by nesting() */
        return ((struct mfi_tuple *)node)->hash;
    case MAYFLY_FROZENSET:
        return ((struct mfi_dict *)node)->hash;
    case MAYFLY_GLOBAL:
        return hash_global(node);
    case MAYFLY_OBJECT:
        return hash_object(node);
    default:
        return fold(mix(v.bits ^ seed(), 0x8ebc6af09c88c6e3u));
    }
}

uint32_t mfi_hash(mayfly_value v) {
    if (mfi_is_int(v))
        return hash_int(v);
    if (mfi_is_node(v)) {
        const mayfly_kind kind = mfi_node_kind(mfi_node_of(v));
        if (kind == MAYFLY_STR || kind == MAYFLY_BYTES)
            return hash_text(mfi_node_of(v));
        if (kind == MAYFLY_INT)
            return hash_int(v);
    }
    return hash_rare(v);
}

static int nesting(mayfly_value v, int depth);

static int deepest(const mayfly_value *items, uint32_t count, int depth) {
    int most = 0;
    for (uint32_t i = 0; i < count && most >= 0; i++) {
        const int n = depth >= DEEPEST_KEY ? -1 : nesting(items[i], depth + 1);
        most = n < 0 ? n : n > most ? n : most;
    }
    return most < 0 || most >= DEEPEST_KEY ? -1 : most + 1;
}

/* How deep a key nests, 0 for what has no items; -1: too deep, or it is none. Then it has its hash,
 * and is not walked over again. */
static int nesting(mayfly_value v, int depth) {
    switch (mfi_kind(v)) {
    case MAYFLY_TUPLE: {
        struct mfi_tuple *tuple = mfi_node_of(v);
        if (tuple->hash == 0) {
            const int n = deepest(tuple->items, tuple->count, depth);
            if (n < 0)
                return n;
            tuple->hash = hash_items(tuple, (unsigned)n);
        }
        return (int)(tuple->hash >> DEPTH_SHIFT);
    }
    case MAYFLY_FROZENSET: {
        struct mfi_dict *set = mfi_node_of(v);
        if (set->hash == 0) {
            const int n = deepest(set->keys->keys, set->keys->count, depth);
            if (n < 0)
                return n;
            set->hash = hash_members(set->keys, (unsigned)n);
        }
        return (int)(set->hash >> DEPTH_SHIFT);
    }
    case MAYFLY_OBJECT: {
        const mayfly_class known = mayfly_class_of(v);
        if (known >= MAYFLY_CLASS_ORDERED_DICT && known <= MAYFLY_CLASS_DEQUE)
            return -1;
        const mayfly_value arguments = ((const struct mfi_object *)mfi_node_of(v))->arguments;
        if (depth < DEEPEST_KEY && mfi_is(arguments, MAYFLY_TUPLE))
            (void)nesting(arguments, depth + 1); /* for its hash, if it can have one */
        return 0;
    }
    case MAYFLY_LIST:
    case MAYFLY_DICT:
    case MAYFLY_SET:
    case MAYFLY_BYTEARRAY:
    case MAYFLY_ABSENT:
        return -1;
    default:
        return 0;
    }
}

bool mfi_hashable(mayfly_value v) {
    return nesting(v, 0) >= 0;
}

static bool text_equal(const void *a, const void *b) {
    size_t n, m;
    const char *p = mfi_bytes(a, &n), *q = mfi_bytes(b, &m);
    return n == m && memcmp(p, q, n) == 0;
}

/* Equality of two that may be keys: 1, 0, or the failure of mfi_equal_in. */
static int key_equal(mayfly_value a, mayfly_value b, struct mfi_equality *equality) {
    if (a.bits == b.bits)
        return 1;
    if (mfi_is_int(a) && mfi_is_int(b))
        return 0;
    if (mfi_is(a, MAYFLY_STR) && mfi_is(b, MAYFLY_STR))
        return text_equal(mfi_node_of(a), mfi_node_of(b));
    const mayfly_kind kind = mfi_kind(a);
    if ((kind == MAYFLY_TUPLE || kind == MAYFLY_FROZENSET) && kind == mfi_kind(b) &&
        mfi_hash(a) != mfi_hash(b))
        return 0;
    return equality == NULL ? mfi_equal(a, b) : mfi_equal_in(equality, a, b);
}

/* ---- finding --------------------------------------------------------------------------------- */

/* The slot of a key, or the free one where it would be; or the failure. */
static int64_t slot_of(const struct mfi_keys *keys, mayfly_value key, uint32_t hash,
                       struct mfi_equality *equality) {
    uint32_t at = hash & keys->mask;
    for (;; at = (at + 1) & keys->mask) {
        const uint64_t slot = keys->index[at];
        if (slot == 0)
            return at;
        if (slot >> 32 != hash)
            continue;
        const int equal = key_equal(keys->keys[(uint32_t)slot - 1], key, equality);
        if (equal != 0)
            return equal < 0 ? (int64_t)equal : (int64_t)at;
    }
}

int64_t mfi_keys_find(const struct mfi_keys *keys, mayfly_value key,
                      struct mfi_equality *equality) {
    if (keys->mask == 0) {
        for (uint32_t i = 0; i < keys->count; i++) {
            const int equal = key_equal(keys->keys[i], key, equality);
            if (equal != 0)
                return equal < 0 ? (int64_t)equal : (int64_t)i;
        }
        return -1;
    }
    const int64_t at = slot_of(keys, key, mfi_hash(key), equality);
    return at < 0 ? at : (int64_t)(uint32_t)keys->index[at] - 1;
}

static bool is_text(mayfly_value key, const char *text, size_t size) {
    if (!mfi_is(key, MAYFLY_STR))
        return false;
    size_t n;
    const char *data = mfi_bytes(mfi_node_of(key), &n);
    return n == size && memcmp(data, text, n) == 0;
}

int64_t mfi_keys_find_text(const struct mfi_keys *keys, const char *text, size_t size) {
    if (keys->mask == 0) {
        for (uint32_t i = 0; i < keys->count; i++)
            if (is_text(keys->keys[i], text, size))
                return i;
        return -1;
    }
    const uint32_t hash = hash_bytes(text, size);
    for (uint32_t at = hash & keys->mask;; at = (at + 1) & keys->mask) {
        const uint64_t slot = keys->index[at];
        if (slot == 0)
            return -1;
        if (slot >> 32 == hash && is_text(keys->keys[(uint32_t)slot - 1], text, size))
            return (int64_t)(uint32_t)slot - 1;
    }
}

/* ---- adding and removing --------------------------------------------------------------------- */

struct mfi_keys *mfi_keys_none(mayfly_doc *doc) {
    if (doc->none == NULL) {
        struct mfi_keys *keys = mfi_doc_alloc(doc, sizeof *keys);
        if (keys == NULL)
            return NULL;
        *keys = (struct mfi_keys){.shared = 1};
        doc->none = keys;
    }
    return doc->none;
}

/* Enters all keys anew, in an index of `slots` slots (a power of two). */
static int make_index(mayfly_doc *doc, struct mfi_keys *keys, size_t slots) {
    uint64_t *old = keys->index;
    size_t bytes = slots * sizeof *keys->index;
    uint64_t *index = mfi_doc_grow(doc, NULL, 0, &bytes);
    if (index == NULL)
        return doc->failure.code;
    memset(index, 0, slots * sizeof *index);
    const uint32_t mask = (uint32_t)(slots - 1), old_mask = keys->mask;
    for (uint32_t i = 0; i < (old == NULL ? keys->count : old_mask + 1); i++) {
        const uint64_t slot =
            old == NULL ? (uint64_t)mfi_hash(keys->keys[i]) << 32 | (i + 1) : old[i];
        if (slot == 0)
            continue;
        uint32_t at = (uint32_t)(slot >> 32) & mask;
        while (index[at] != 0)
            at = (at + 1) & mask;
        index[at] = slot;
    }
    if (old != NULL)
        mfi_doc_drop(doc, old, ((size_t)old_mask + 1) * sizeof *old);
    keys->index = index;
    keys->mask = mask;
    return 0;
}

/* A copy that may be changed, with room for `more` keys. */
static struct mfi_keys *own(mayfly_doc *doc, const struct mfi_keys *from, size_t more) {
    struct mfi_keys *keys = mfi_doc_alloc(doc, sizeof *keys);
    if (keys == NULL)
        return NULL;
    size_t bytes = (from->count + more) * sizeof *keys->keys;
    *keys = (struct mfi_keys){.count = from->count};
    keys->keys = mfi_doc_grow(doc, NULL, 0, &bytes);
    if (keys->keys == NULL)
        return NULL;
    keys->capacity =
        (uint32_t)(bytes / sizeof *keys->keys < MOST ? bytes / sizeof *keys->keys : MOST);
    if (from->count > 0)
        memcpy(keys->keys, from->keys, from->count * sizeof *keys->keys);
    if (from->mask != 0 && make_index(doc, keys, (size_t)from->mask + 1) < 0)
        return NULL;
    return keys;
}

/* Slots for so many keys: two thirds are full at most. A large index only doubles, because what
 * does not fit into the processor's caches costs more than entering the keys once more. */
static size_t slots_for(size_t slots, size_t count) {
    enum { LARGE = 128 << 10 };
    while (3 * count > 2 * slots)
        slots *= slots >= LARGE ? 2 : 4;
    return slots;
}

/* Makes keys that may be changed, with room for `more` in the array. */
static int array_room(mayfly_doc *doc, struct mfi_keys **keys_at, size_t more) {
    struct mfi_keys *keys = *keys_at;
    if (keys->shared) {
        const size_t spare = keys->count < 4 ? 4 : keys->count;
        keys = own(doc, keys, more > spare ? more : spare);
        if (keys == NULL)
            return doc->failure.code;
        *keys_at = keys;
    }
    const size_t count = keys->count + more;
    if (count > MOST)
        return mfi_doc_fail(doc, MAYFLY_E_LIMIT, "more than %d keys", MOST);
    if (count > keys->capacity) {
        const size_t wanted =
            2 * (size_t)keys->capacity > count ? 2 * (size_t)keys->capacity : count;
        size_t bytes = wanted * sizeof *keys->keys;
        mayfly_value *grown =
            mfi_doc_grow(doc, keys->keys, keys->capacity * sizeof *keys->keys, &bytes);
        if (grown == NULL)
            return doc->failure.code;
        keys->keys = grown;
        keys->capacity = (uint32_t)(bytes / sizeof *grown < MOST ? bytes / sizeof *grown : MOST);
    }
    return 0;
}

/* And in the index. */
static int room_for_one(mayfly_doc *doc, struct mfi_keys **keys_at) {
    const int r = array_room(doc, keys_at, 1);
    if (r < 0)
        return r;
    struct mfi_keys *keys = *keys_at;
    const size_t slots = (size_t)keys->mask + 1, count = (size_t)keys->count + 1;
    if (count > FEW && (keys->mask == 0 || 3 * count > 2 * slots))
        return make_index(doc, keys, slots_for(keys->mask == 0 ? 4 * FEW : slots, count));
    return 0;
}

static int not_compared(mayfly_doc *doc, int code) {
    return mfi_doc_fail(doc, code, "keys cannot be compared: %s",
                        code == -ENOMEM ? "no memory" : "they nest too deep");
}

static int check_key(mayfly_doc *doc, mayfly_value key) {
    const mayfly_kind kind = mfi_kind(key);
    if (MFI_LIKELY(kind == MAYFLY_STR || kind == MAYFLY_INT))
        return 0;
    /* an object may be compared with others as a whole, and have any dict in it */
    const int r = kind == MAYFLY_OBJECT ? mfi_dicts_settle(doc) : 0;
    if (r < 0 || mfi_hashable(key))
        return r;
    return mfi_doc_fail(doc, -EINVAL, "a %s cannot be a key: it %s", mayfly_kind_name(kind),
                        kind == MAYFLY_TUPLE || kind == MAYFLY_FROZENSET
                            ? "holds what can change, or nests too deep"
                            : "can change");
}

/* Enters a key into keys that have an index and room. */
static int64_t enter(mayfly_doc *doc, struct mfi_keys *keys, mayfly_value key, uint32_t hash) {
    const int64_t at = slot_of(keys, key, hash, NULL);
    if (at < 0)
        return not_compared(doc, (int)at);
    if (keys->index[at] != 0)
        return (int64_t)(uint32_t)keys->index[at] - 1;
    keys->index[at] = (uint64_t)hash << 32 | (keys->count + 1);
    keys->keys[keys->count] = key;
    return keys->count++;
}

/* Gives the position; *keys_at may become another. */
int64_t mfi_keys_add(mayfly_doc *doc, struct mfi_keys **keys_at, mayfly_value key) {
    int r = check_key(doc, key);
    if (MFI_UNLIKELY(r < 0))
        return r;
    if ((*keys_at)->shared || (*keys_at)->mask == 0) {
        const int64_t found = mfi_keys_find(*keys_at, key, NULL);
        if (found != -1)
            return found >= 0 ? found : not_compared(doc, (int)found);
    }
    r = room_for_one(doc, keys_at);
    if (r < 0)
        return r;
    struct mfi_keys *keys = *keys_at;
    if (keys->mask != 0)
        return enter(doc, keys, key, mfi_hash(key));
    keys->keys[keys->count] = key;
    return keys->count++;
}

/* Texts and numbers only. */
int mfi_keys_append_pairs(mayfly_doc *doc, struct mfi_keys **keys_at, const mayfly_value *pairs,
                          size_t count, mayfly_value *values) {
    const int r = array_room(doc, keys_at, count);
    if (r < 0)
        return r;
    struct mfi_keys *keys = *keys_at;
    keys->pending = 1;
    for (size_t i = 0; i < count; i++) {
        values[keys->count] = pairs[2 * i + 1];
        keys->keys[keys->count++] = pairs[2 * i];
    }
    return 0;
}

/* Hashes a few keys ahead of entering them, so that their slots are fetched side by side. What
 * comes twice moves the others up: never beyond those that are still to be read. */
int mfi_keys_settle(mayfly_doc *doc, struct mfi_keys *keys, mayfly_value *values) {
    enum { AHEAD = 32 };
    uint32_t hashes[AHEAD];
    const uint32_t count = keys->count;
    keys->count = 0;
    keys->pending = 0;
    int r = make_index(doc, keys, slots_for((size_t)4 * FEW, count));
    for (uint32_t from = 0; from < count && r == 0; from += AHEAD) {
        const uint32_t some = count - from < AHEAD ? count - from : AHEAD;
        for (uint32_t i = 0; i < some; i++) {
            hashes[i] = mfi_hash(keys->keys[from + i]);
            __builtin_prefetch(&keys->index[hashes[i] & keys->mask], 1);
        }
        for (uint32_t i = 0; i < some && r == 0; i++) {
            const mayfly_value value = values[from + i];
            const int64_t at = enter(doc, keys, keys->keys[from + i], hashes[i]);
            if (at < 0)
                r = (int)at;
            else
                values[at] = value;
        }
    }
    return r;
}

int mfi_keys_remove(mayfly_doc *doc, struct mfi_keys **keys_at, size_t position) {
    struct mfi_keys *keys = *keys_at;
    if (keys->shared && (keys = own(doc, keys, 1)) == NULL)
        return doc->failure.code;
    *keys_at = keys;
    keys->count--;
    memmove(keys->keys + position, keys->keys + position + 1,
            (keys->count - position) * sizeof *keys->keys);
    if (keys->mask == 0)
        return 0;
    const size_t slots = (size_t)keys->mask + 1; /* positions have moved */
    keys->index = NULL;
    keys->mask = 0;
    return make_index(doc, keys, slots);
}
