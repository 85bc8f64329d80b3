/* SPDX-License-Identifier: MIT
 *
 * Values as words and nodes.
 *
 * A value is a word of 64 bits, told apart by its lowest ones:
 *
 *     ...1      an int of 63 bits
 *     ..10      a float whose exponent is an everyday one (about 1e-77 to 1e77)
 *     .100      none, false, true, 0.0
 *     .000      the address of a node; 0: absent
 *
 * so that most values need no memory of their own. A node begins with a head: its kind, flags, and
 * the stamp by which a writer remembers that it has written the node, and under which number.
 *
 * Rejected   16-byte cells (twice the memory of every list), and nodes for all (an allocation for
 *            each number). NaN-boxing leaves ints 51 bits and pointers 48.
 */
#ifndef MFI_VALUE_H
#define MFI_VALUE_H

#include <mayfly/object.h>

#include "../base/base.h"

#define MFI_INLINE      static inline __attribute__((always_inline))
#define MFI_COLD        __attribute__((noinline, cold))
#define MFI_LIKELY(x)   __builtin_expect(!!(x), 1)
#define MFI_UNLIKELY(x) __builtin_expect(!!(x), 0)

enum {
    MFI_WORD_NONE = 0x04,
    MFI_WORD_FALSE = 0x0c,
    MFI_WORD_TRUE = 0x14,
    MFI_WORD_ZERO = 0x1c, /* 0.0 */
};

/* Flags of nodes. */
enum {
    MFI_FAR = 1u << 0,      /* text, bytes: struct mfi_far */
    MFI_UNDERWAY = 1u << 0, /* object: a writer is at its arguments */
    MFI_STORED = 1u << 1,   /* an object that the stream stored in its memo */
    MFI_READONLY = 1u << 2, /* buffer */
    MFI_OUTSIDE = 1u << 3,  /* buffer: out of band, its content is not here */
    MFI_ADDED = 1u << 4,    /* object: its items were added as to a set */
    MFI_STATES = 1u << 5,   /* object: `state` is a list of states, one after the other */
    MFI_CALLED = 1u << 6,   /* global: something called it */
    MFI_OPEN = 1u << 7,     /* object made by INST or OBJ */
};

struct mfi_node {
    uint64_t head; /* kind, flags, 48 bits of stamp */
};

/* Text, bytes, bytearray, whole numbers beyond 63 bits (two's complement, lowest byte first). */
struct mfi_text {
    uint64_t head;
    uint32_t size;
    uint32_t hash; /* 0: not computed yet */
    char data[];
};

/* The same where it is large: the bytes are elsewhere, in the input or in a block. */
struct mfi_far {
    uint64_t head;
    uint64_t size;
    const char *data;
};

struct mfi_float {
    uint64_t head;
    double value;
};

struct mfi_complex {
    uint64_t head;
    double real, imag;
};

struct mfi_tuple {
    uint64_t head;
    uint32_t count;
    uint32_t hash; /* 0: not computed yet */
    mayfly_value items[];
};

struct mfi_list {
    uint64_t head;
    uint64_t count;
    uint64_t capacity;
    mayfly_value *items;
};

/* Keys in order, and where each is: what a dict or set looks things up in. Dicts that were filled
 * with the same keys share theirs (keys.c). */
struct mfi_keys {
    uint32_t count;
    uint32_t capacity;
    uint32_t mask;    /* of the index; 0: there is none, few keys are looked at one by one */
    uint32_t shared;  /* by several dicts: not to be changed */
    uint32_t pending; /* of a dict that is being read: no index yet, keys may be there twice */
    mayfly_value *keys;
    uint64_t *index; /* hash in the upper half, position + 1 in the lower; 0: free */
};

struct mfi_dict { /* and set, frozenset: without values */
    uint64_t head;
    struct mfi_keys *keys;
    mayfly_value *values;
    uint32_t capacity; /* of values */
    uint32_t hash;     /* frozenset; 0: not computed yet */
};

struct mfi_global {
    uint64_t head;
    mayfly_value module; /* a str; of a computed one whatever stood there */
    mayfly_value name;
};

struct mfi_object {
    uint64_t head;
    mayfly_value callable;
    mayfly_value arguments; /* a tuple; of a damaged one whatever stood there */
    mayfly_value keywords;
    mayfly_value state;
    mayfly_value items; /* a list, or absent */
    mayfly_value pairs; /* a dict, or absent */
    mayfly_value then;  /* a list of calls that the stream makes when the object is there, and whose
                           results it throws away, as dill does; or absent */
    uint64_t form;      /* enum mfi_form */
};

enum mfi_form { MFI_REDUCE = 0, MFI_NEWOBJ, MFI_NEWOBJ_EX, MFI_INSTANCE };

struct mfi_single { /* persistent: its id; extension: its code as an int */
    uint64_t head;
    mayfly_value value;
};

/* ---- words ----------------------------------------------------------------------------------- */

MFI_INLINE mayfly_value mfi_word(uint64_t bits) {
    return (mayfly_value){bits};
}

MFI_INLINE bool mfi_is_int(mayfly_value v) {
    return (v.bits & 1) != 0;
}

MFI_INLINE bool mfi_is_float(mayfly_value v) {
    return (v.bits & 3) == 2 || v.bits == MFI_WORD_ZERO;
}

MFI_INLINE bool mfi_is_node(mayfly_value v) {
    return (v.bits & 7) == 0 && v.bits != 0;
}

MFI_INLINE bool mfi_fits_word(int64_t n) {
    return n >= INT64_MIN / 2 && n <= INT64_MAX / 2;
}

MFI_INLINE mayfly_value mfi_int_word(int64_t n) {
    return mfi_word((uint64_t)n << 1 | 1);
}

MFI_INLINE int64_t mfi_word_int(mayfly_value v) {
    return (int64_t)v.bits >> 1;
}

/* The exponent of a double, moved to the top and by 768 down, has its two highest bits clear for
 * everyday numbers: there is room for the tag. */
#define MFI_FLOAT_BIAS ((uint64_t)768 << 53)

MFI_INLINE bool mfi_float_word(double d, mayfly_value *ret) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    const uint64_t moved = (bits << 1 | bits >> 63) - MFI_FLOAT_BIAS;
    if (moved >> 62 == 0) {
        *ret = mfi_word(moved << 2 | 2);
        return true;
    }
    *ret = mfi_word(MFI_WORD_ZERO);
    return bits == 0;
}

MFI_INLINE double mfi_word_float(mayfly_value v) {
    double d = 0.0;
    if (v.bits != MFI_WORD_ZERO) {
        const uint64_t moved = (v.bits >> 2) + MFI_FLOAT_BIAS;
        const uint64_t bits = moved >> 1 | moved << 63;
        memcpy(&d, &bits, sizeof d);
    }
    return d;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

MFI_INLINE void *mfi_node_of(mayfly_value v) {
    return (void *)(uintptr_t)v.bits;
}

MFI_INLINE mayfly_value mfi_node_value(const void *node) {
    return mfi_word((uint64_t)(uintptr_t)node);
}

MFI_INLINE mayfly_kind mfi_node_kind(const void *node) {
    return (mayfly_kind)(((const struct mfi_node *)node)->head & 0xff);
}

MFI_INLINE unsigned mfi_node_flags(const void *node) {
    return (unsigned)(((const struct mfi_node *)node)->head >> 8 & 0xff);
}

MFI_INLINE void mfi_node_flag(void *node, unsigned flags) {
    ((struct mfi_node *)node)->head |= (uint64_t)flags << 8;
}

MFI_INLINE void mfi_node_unflag(void *node, unsigned flags) {
    ((struct mfi_node *)node)->head &= ~((uint64_t)flags << 8);
}

MFI_INLINE uint64_t mfi_head(mayfly_kind kind, unsigned flags) {
    return (uint64_t)kind | (uint64_t)flags << 8;
}

MFI_INLINE uint64_t mfi_stamp(const void *node) {
    return ((const struct mfi_node *)node)->head >> 16;
}

MFI_INLINE void mfi_set_stamp(void *node, uint64_t stamp) {
    struct mfi_node *n = node;
    n->head = (n->head & 0xffff) | stamp << 16;
}

MFI_INLINE mayfly_kind mfi_kind(mayfly_value v) {
    static const uint8_t words[4] = {MAYFLY_NONE, MAYFLY_BOOL, MAYFLY_BOOL, MAYFLY_FLOAT};
    if (v.bits & 1)
        return MAYFLY_INT;
    if (v.bits & 2)
        return MAYFLY_FLOAT;
    if (v.bits & 4)
        return (mayfly_kind)words[v.bits >> 3 & 3];
    return v.bits == 0 ? MAYFLY_ABSENT : mfi_node_kind(mfi_node_of(v));
}

MFI_INLINE bool mfi_is(mayfly_value v, mayfly_kind kind) {
    return mfi_is_node(v) && mfi_node_kind(mfi_node_of(v)) == kind;
}

/* The bytes of a text, bytes, bytearray, buffer or large int. */
MFI_INLINE const char *mfi_bytes(const void *node, size_t *ret_size) {
    if (mfi_node_flags(node) & MFI_FAR) {
        const struct mfi_far *far = node;
        *ret_size = (size_t)far->size;
        return far->data;
    }
    const struct mfi_text *text = node;
    *ret_size = text->size;
    return text->data;
}

MFI_INLINE uint64_t mfi_load64(const void *from) {
    uint64_t x;
    memcpy(&x, from, sizeof x);
    return x;
}

/* ---- documents (doc.c) ----------------------------------------------------------------------- */

struct mfi_chunk; /* a block of memory for nodes */
struct mfi_block; /* a block of memory for one large array */
struct mfi_uses;  /* globals that were named (globals.c) */

/* Arrays of the pickle machine, kept for the next pickle. */
struct mfi_scratch {
    uint64_t *stack, *memo;
    size_t stack_size, memo_size;
};

/* A stack of words (map.c). */
struct mfi_stack {
    uint64_t *items;
    size_t count, capacity;
};

/* Texts that name plain data before protocol 5: in CPython they are the same objects as equal ones
 * among the data, if these stand in a program. */
enum { MFI_TEXT_BUILTINS, MFI_TEXT_BYTEARRAY, MFI_TEXT_COMPLEX, MFI_TEXTS };

enum { MFI_SHAPES = 64 }; /* keys that many dicts may share, remembered while reading */

struct mayfly_doc {
    char *at, *end; /* free memory of the chunk in use */
    struct mfi_chunk *chunks, *current;
    struct mfi_block *blocks, *spare;
    uint64_t bytes, max_bytes;
    uint64_t slack; /* of bytes, what blocks have beyond what was asked for */
    mayfly_value root;
    mayfly_value empty; /* the empty tuple, once there is one */
    struct mfi_keys *shapes[MFI_SHAPES];
    struct mfi_keys *none;    /* no keys at all */
    struct mfi_stack pending; /* dicts whose keys are */
    struct mfi_uses *uses;
    mayfly_value texts[MFI_TEXTS]; /* where the stream had them, for the writer; or absent */
    struct mfi_scratch *scratch;   /* what reading needed, if it is to be read into again */
    void *input;                   /* what was read and is referred to; freed with all */
    size_t input_size;
    bool input_mapped;
    mayfly_error failure; /* code 0: none */
};

/* Memory of the document, aligned to 8; NULL and the document failed. */
void *mfi_doc_more(mayfly_doc *doc, size_t size);

MFI_INLINE void *mfi_doc_alloc(mayfly_doc *doc, size_t size) {
    size = (size + 7) & ~(size_t)7;
    if (MFI_UNLIKELY((size_t)(doc->end - doc->at) < size))
        return mfi_doc_more(doc, size);
    void *memory = doc->at;
    doc->at += size;
    return memory;
}

/* An array that grows: from `size` bytes at `old` (NULL: none) to at least *want, which receives
 * what there is. Large ones are blocks of their own. NULL and the document failed; `old` stays. */
void *mfi_doc_grow(mayfly_doc *doc, void *old, size_t size, size_t *want);

/* Gives an array of that size back, if it is large. */
void mfi_doc_drop(mayfly_doc *doc, void *memory, size_t size);

/* Remembers the first failure; returns the code. */
int mfi_doc_fail(mayfly_doc *doc, int code, const char *format, ...) MFI_PRINTF(3, 4);
mayfly_value mfi_doc_wrong(mayfly_doc *doc, const char *operation, mayfly_value value,
                           const char *wanted);

/* ---- making nodes (build.c); absent: the document has failed ---- */

mayfly_value mfi_text_new(mayfly_doc *doc, mayfly_kind kind, const char *data, size_t size);
mayfly_value mfi_far_new(mayfly_doc *doc, mayfly_kind kind, const char *data, size_t size,
                         bool borrow);
mayfly_value mfi_big_new(mayfly_doc *doc, const uint8_t *bytes, size_t size);
mayfly_value mfi_float_node(mayfly_doc *doc, double value);
mayfly_value mfi_tuple_new(mayfly_doc *doc, const mayfly_value *items, size_t count);
mayfly_value mfi_object_make(mayfly_doc *doc, enum mfi_form form, mayfly_value callable,
                             mayfly_value arguments, mayfly_value keywords);
mayfly_value mfi_global_of(mayfly_doc *doc, mayfly_value module, mayfly_value name);
mayfly_value mfi_single_new(mayfly_doc *doc, mayfly_kind kind, mayfly_value value);

MFI_INLINE mayfly_value mfi_float_new(mayfly_doc *doc, double value) {
    mayfly_value v;
    return MFI_LIKELY(mfi_float_word(value, &v)) ? v : mfi_float_node(doc, value);
}

/* The beginning of bytes from somewhere, as it can stand in a message: one printable line. */
struct mfi_quoted {
    char text[168];
};
struct mfi_quoted mfi_quote(const char *data, size_t size);

/* Lists (list.c). */
int mfi_list_extend(mayfly_doc *doc, struct mfi_list *list, const mayfly_value *items,
                    size_t count);

struct mfi_equality;

/* Keys, dicts and sets (keys.c, dict.c). 0 or the document's failure. */
uint32_t mfi_hash(mayfly_value v); /* not 0 */
bool mfi_hashable(mayfly_value v);
uint64_t mfi_hash_seed(void); /* of this process */
/* The position; -1: it is not there; or what mfi_equal_in fails of. */
int64_t mfi_keys_find(const struct mfi_keys *keys, mayfly_value key, struct mfi_equality *equality);
int64_t mfi_keys_find_text(const struct mfi_keys *keys, const char *text, size_t size);
int64_t mfi_keys_add(mayfly_doc *doc, struct mfi_keys **keys, mayfly_value key);
/* Many at once, in turn with values, which go to `values` (room for all). They are pending until
 * mfi_keys_settle makes the index, of the right size at once. */
int mfi_keys_append_pairs(mayfly_doc *doc, struct mfi_keys **keys, const mayfly_value *pairs,
                          size_t count, mayfly_value *values);
int mfi_keys_settle(mayfly_doc *doc, struct mfi_keys *keys, mayfly_value *values);
int mfi_dicts_settle(mayfly_doc *doc); /* all that are pending */
int mfi_keys_remove(mayfly_doc *doc, struct mfi_keys **keys, size_t position);
struct mfi_keys *mfi_keys_none(mayfly_doc *doc);
mayfly_value mfi_dict_new(mayfly_doc *doc, mayfly_kind kind);
int mfi_dict_fill(mayfly_doc *doc, struct mfi_dict *dict, const mayfly_value *pairs, size_t count);
int mfi_dict_set(mayfly_doc *doc, struct mfi_dict *dict, mayfly_value key, mayfly_value value);
int mfi_set_add(mayfly_doc *doc, struct mfi_dict *set, const mayfly_value *items, size_t count);

/* ---- what several files ask for ---- */

/* A map from words to words, for one walk over values (map.c). Keys are not 0. */
struct mfi_map {
    uint64_t *slots; /* key, value, key, value, ... */
    size_t count, mask;
    uint64_t factor;
    unsigned shift;
};

static inline size_t mfi_map_bytes(const struct mfi_map *map) {
    return map->slots == NULL ? 0 : 2 * (map->mask + 1) * sizeof *map->slots;
}

/* The place of the value for a key, made (0) if it is new; NULL: no memory. */
uint64_t *mfi_map_at(struct mfi_map *map, uint64_t key);
uint64_t *mfi_map_find(const struct mfi_map *map, uint64_t key); /* NULL: not there */
void mfi_map_free(struct mfi_map *map);

int mfi_stack_push(struct mfi_stack *stack, uint64_t word); /* 0 or -ENOMEM */
void mfi_stack_free(struct mfi_stack *stack);

#define mfi_auto_map   __attribute__((cleanup(mfi_map_free))) struct mfi_map
#define mfi_auto_stack __attribute__((cleanup(mfi_stack_free))) struct mfi_stack

/* Equality of whole values (equal.c): 1, 0 or -ENOMEM. */
int mfi_equal(mayfly_value a, mayfly_value b);
/* The same for a key that is met while others are compared: what is taken for equal is remembered.
 */
struct mfi_equality {
    struct mfi_map classes; /* of nodes (equal.c) */
    struct mfi_stack log;   /* what stood in the map: node, value, node, value, ... */
    unsigned depth;         /* keys in keys */
};
int mfi_equal_in(struct mfi_equality *equality, mayfly_value a, mayfly_value b);
void mfi_equality_free(struct mfi_equality *equality);

/* What is inside a value: its direct parts in order, the n-th; absent past the end (walk.c). Keys
 * and values of dicts alternate. */
mayfly_value mfi_part(mayfly_value v, size_t index);

/* Numbers as text (number.c, float.c). 0 or -errno. */
int mfi_int_parse(mayfly_doc *doc, const char *text, size_t size, mayfly_value *ret);
int mfi_big_text(const uint8_t *bytes, size_t size, char **ret);
int mfi_float_parse(const char *text, size_t size, double *ret);
enum { MFI_FLOAT_TEXT = 40 };
void mfi_float_text(double value, char to[MFI_FLOAT_TEXT]); /* as repr() */

/* Well-known classes (known.c). */
struct mfi_known {
    const char *module, *name;
    mayfly_class known;
    const char *fields; /* the names of its arguments, parted by blanks; or NULL */
};

const struct mfi_known *mfi_known_of(mayfly_value object);     /* or NULL */
mayfly_value mfi_field(mayfly_value object, const char *name); /* of the arguments */
mayfly_value mfi_underlying(mayfly_value v); /* the list, dict or tuple that an object amounts to */
bool mfi_global_is(mayfly_value v, const char *module, const char *name);

#endif
