/* SPDX-License-Identifier: MIT
 *
 * Copying a value with all it reaches into a document, without recursion.
 *
 * A container is made first, empty or with absent parts, and its parts are filled in from a list of
 * work: so what contains itself comes out the same. Only dicts and sets must wait until the copies
 * of their keys are whole, because the keys are hashed: they are filled at the very end.
 */
#define _GNU_SOURCE
#include "value.h"

struct copying {
    mayfly_doc *doc;
    struct mfi_map copies;  /* of nodes */
    struct mfi_stack todo;  /* node, copy: parts to be copied */
    struct mfi_stack dicts; /* node, copy: to be filled at the end */
};

static void copying_free(struct copying *c) {
    mfi_map_free(&c->copies);
    mfi_stack_free(&c->todo);
    mfi_stack_free(&c->dicts);
}

static mayfly_value shallow(mayfly_doc *doc, mayfly_value v, mayfly_kind kind) {
    const void *node = mfi_node_of(v);
    mayfly_value made;
    size_t size;
    switch (kind) {
    case MAYFLY_FLOAT:
        return mfi_float_node(doc, ((const struct mfi_float *)node)->value);
    case MAYFLY_COMPLEX:
        return mayfly_complex_new(doc, ((const struct mfi_complex *)node)->real,
                                  ((const struct mfi_complex *)node)->imag);
    case MAYFLY_LIST:
        return mayfly_list_new(doc);
    case MAYFLY_TUPLE:
        return mfi_tuple_new(doc, ((const struct mfi_tuple *)node)->items,
                             ((const struct mfi_tuple *)node)->count);
    case MAYFLY_DICT:
    case MAYFLY_SET:
    case MAYFLY_FROZENSET:
        return mfi_dict_new(doc, kind);
    case MAYFLY_GLOBAL:
        return mfi_global_of(doc, mfi_word(0), mfi_word(0));
    case MAYFLY_OBJECT:
        made = mfi_object_make(doc, (enum mfi_form)((const struct mfi_object *)node)->form,
                               mfi_word(0), mfi_word(0), mfi_word(0));
        break;
    case MAYFLY_PERSISTENT:
    case MAYFLY_EXTENSION:
        return mfi_single_new(doc, kind, ((const struct mfi_single *)node)->value);
    default: {
        const char *data = mfi_bytes(node, &size);
        made = mfi_text_new(doc, kind, data, size);
    }
    }
    if (made.bits != 0)
        mfi_node_flag(mfi_node_of(made), mfi_node_flags(node) & ~(unsigned)MFI_FAR);
    return made;
}

static bool has_parts(mayfly_kind kind) {
    return kind >= MAYFLY_LIST && kind != MAYFLY_BUFFER && kind != MAYFLY_EXTENSION;
}

/* The copy of a value, whose parts may yet have to be copied. Absent: failed. */
static mayfly_value copy_of(struct copying *c, mayfly_value v) {
    if (!mfi_is_node(v))
        return v;
    uint64_t *known = mfi_map_at(&c->copies, v.bits);
    if (known == NULL)
        return mfi_word((uint64_t)(mfi_doc_fail(c->doc, -ENOMEM, "no memory for copying") & 0));
    if (*known != 0)
        return mfi_word(*known);
    const mayfly_kind kind = mfi_kind(v);
    const mayfly_value copy = shallow(c->doc, v, kind);
    if (copy.bits == 0)
        return copy;
    *known = copy.bits;
    if (has_parts(kind) &&
        (mfi_stack_push(&c->todo, v.bits) < 0 || mfi_stack_push(&c->todo, copy.bits) < 0))
        (void)mfi_doc_fail(c->doc, -ENOMEM, "no memory for copying");
    return copy;
}

static void copy_items(struct copying *c, const mayfly_value *from, mayfly_value *to,
                       uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        to[i] = copy_of(c, from[i]);
}

static void copy_list(struct copying *c, const struct mfi_list *from, struct mfi_list *to) {
    if (from->count > 0 && mfi_list_extend(c->doc, to, from->items, (size_t)from->count) == 0)
        copy_items(c, from->items, to->items, from->count);
}

/* The keys' and values' copies are begun now; the dict is filled when all is there. */
static void begin_dict(struct copying *c, const struct mfi_dict *from, struct mfi_dict *to) {
    for (uint32_t i = 0; i < from->keys->count; i++) {
        (void)copy_of(c, from->keys->keys[i]);
        if (from->values != NULL)
            (void)copy_of(c, from->values[i]);
    }
    if (mfi_stack_push(&c->dicts, mfi_node_value(from).bits) < 0 ||
        mfi_stack_push(&c->dicts, mfi_node_value(to).bits) < 0)
        (void)mfi_doc_fail(c->doc, -ENOMEM, "no memory for copying");
}

/* Makes the copy of a key fit to be hashed: the frozensets in it are filled, inner ones first. What
 * was done is remembered under the odd neighbour of the node's address. */
static int ready(struct copying *c, mayfly_value key) {
    if (!mfi_is(key, MAYFLY_TUPLE) && !mfi_is(key, MAYFLY_FROZENSET))
        return 0;
    uint64_t *done = mfi_map_at(&c->copies, key.bits | 1);
    if (done == NULL)
        return mfi_doc_fail(c->doc, -ENOMEM, "no memory for copying");
    if (*done != 0)
        return 0;
    *done = 1;
    int r = 0;
    mayfly_value item;
    for (size_t i = 0; r == 0 && (item = mfi_part(key, i)).bits != 0; i++)
        r = ready(c, item);
    if (!mfi_is(key, MAYFLY_FROZENSET))
        return r;
    struct mfi_dict *to = mfi_node_of(copy_of(c, key));
    for (size_t i = 0; r == 0 && (item = mfi_part(key, i)).bits != 0; i++) {
        const mayfly_value copy = copy_of(c, item);
        r = mfi_set_add(c->doc, to, &copy, 1);
    }
    return r;
}

static int fill_dict(struct copying *c, const struct mfi_dict *from, struct mfi_dict *to) {
    mfi_auto_stack pairs = {0};
    int r = 0;
    if (to->keys->count == from->keys->count) /* a frozenset in a key */
        return 0;
    for (uint32_t i = 0; i < from->keys->count && r == 0; i++) {
        r = ready(c, from->keys->keys[i]);
        if (mfi_stack_push(&pairs, copy_of(c, from->keys->keys[i]).bits) < 0 ||
            (from->values != NULL && mfi_stack_push(&pairs, copy_of(c, from->values[i]).bits) < 0))
            r = mfi_doc_fail(c->doc, -ENOMEM, "no memory for copying");
    }
    if (r < 0 || c->doc->failure.code != 0)
        return c->doc->failure.code;
    const mayfly_value *words = (const mayfly_value *)(const void *)pairs.items;
    return from->values == NULL ? mfi_set_add(c->doc, to, words, pairs.count)
                                : mfi_dict_fill(c->doc, to, words, pairs.count / 2);
}

static void copy_parts(struct copying *c, const void *from, void *to) {
    switch (mfi_node_kind(from)) {
    case MAYFLY_LIST:
        copy_list(c, from, to);
        break;
    case MAYFLY_TUPLE:
        copy_items(c, ((const struct mfi_tuple *)from)->items, ((struct mfi_tuple *)to)->items,
                   ((const struct mfi_tuple *)from)->count);
        break;
    case MAYFLY_GLOBAL:
        ((struct mfi_global *)to)->module = copy_of(c, ((const struct mfi_global *)from)->module);
        ((struct mfi_global *)to)->name = copy_of(c, ((const struct mfi_global *)from)->name);
        break;
    case MAYFLY_OBJECT: /* from callable to then */
        copy_items(c, &((const struct mfi_object *)from)->callable,
                   &((struct mfi_object *)to)->callable, 7);
        break;
    case MAYFLY_PERSISTENT:
        ((struct mfi_single *)to)->value = copy_of(c, ((const struct mfi_single *)from)->value);
        break;
    default:
        begin_dict(c, from, to);
    }
}

mayfly_value mayfly_copy(mayfly_doc *doc, mayfly_value value) {
    __attribute__((cleanup(copying_free))) struct copying c = {.doc = doc};
    const mayfly_value copy = copy_of(&c, value);
    while (c.todo.count > 0 && doc->failure.code == 0) {
        void *to = mfi_node_of(mfi_word(c.todo.items[--c.todo.count]));
        copy_parts(&c, mfi_node_of(mfi_word(c.todo.items[--c.todo.count])), to);
    }
    while (c.dicts.count > 0 && doc->failure.code == 0) {
        void *to = mfi_node_of(mfi_word(c.dicts.items[--c.dicts.count]));
        (void)fill_dict(&c, mfi_node_of(mfi_word(c.dicts.items[--c.dicts.count])), to);
    }
    return doc->failure.code == 0 ? copy : mfi_word(0);
}
