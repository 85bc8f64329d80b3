/* SPDX-License-Identifier: MIT
 *
 * Values of a document, built by the pickle machine.
 */
#define _GNU_SOURCE
#include "machine.h"
#include "read.h"

#include "globals.h"

enum { NATIVE_MASK = 0x3f }; /* flags of a global: which call of native.c it is */

#define DOC(c) (((struct mfi_reading *)(c))->doc)

static inline mayfly_value value_of(mfi_slot slot) {
    return mfi_word(slot);
}

static inline const mayfly_value *values_of(const mfi_slot *slots) {
    return (const mayfly_value *)(const void *)slots;
}

/* ---- values without parts -------------------------------------------------------------------- */

static inline mfi_slot make_none(void *c) {
    (void)c;
    return MFI_WORD_NONE;
}

static inline mfi_slot make_bool(void *c, bool value) {
    (void)c;
    return value ? MFI_WORD_TRUE : MFI_WORD_FALSE;
}

static inline mfi_slot make_int(void *c, int64_t value) {
    return MFI_LIKELY(mfi_fits_word(value)) ? mfi_int_word(value).bits
                                            : mayfly_int_new(DOC(c), value).bits;
}

static mfi_slot make_long(void *c, const uint8_t *bytes, size_t size) {
    return mfi_big_new(DOC(c), bytes, size).bits;
}

static mfi_slot make_long_text(void *c, const char *text, size_t size) {
    mayfly_value v = {0};
    const int r = mfi_int_parse(DOC(c), text, size, &v);
    if (r < 0)
        (void)mfi_doc_fail(DOC(c), r, "\"%s\" is no whole number, or has more than 4300 digits",
                           mfi_quote(text, size).text);
    return v.bits;
}

static inline mfi_slot make_float(void *c, double value) {
    return mfi_float_new(DOC(c), value).bits;
}

/* Whether the first `size` (at most 32) of 32 readable bytes are ASCII. */
static inline bool is_short_ascii(const char *text, size_t size) {
    const uint64_t high = 0x8080808080808080u;
    if (size < 8)
        return (mfi_load64(text) & high & (((uint64_t)1 << (8 * size)) - 1)) == 0;
    uint64_t all = mfi_load64(text) | mfi_load64(text + size - 8);
    if (size > 16)
        all |= mfi_load64(text + 8) | mfi_load64(text + size - 16);
    return (all & high) == 0;
}

static bool borrows(void *c, size_t size) {
    struct mfi_reading *reading = c;
    if (reading->borrow_from == 0 || size < reading->borrow_from)
        return false;
    reading->borrowed = true;
    return true;
}

MFI_COLD static mfi_slot make_long_str(void *c, const char *text, size_t size) {
    const size_t good = mfi_utf8_run(text, size, MFI_SURROGATES);
    if (good < size) {
        (void)mfi_doc_fail(DOC(c), -EILSEQ, "byte %zu of its text is not UTF-8", good);
        return 0;
    }
    if ((((struct mfi_reading *)c)->options.flags & MAYFLY_BORROW) && borrows(c, size))
        return mfi_far_new(DOC(c), MAYFLY_STR, text, size, true).bits;
    return mfi_text_new(DOC(c), MAYFLY_STR, text, size).bits;
}

static inline mfi_slot make_str(void *c, const char *text, size_t size, const uint8_t *end) {
    enum { SHORT = 32 };
    mayfly_doc *doc = DOC(c);
    struct mfi_text *node = (struct mfi_text *)(void *)doc->at;
    if (MFI_UNLIKELY(size > SHORT || end == NULL || (size_t)((const char *)end - text) < SHORT ||
                     (size_t)(doc->end - doc->at) < sizeof *node + SHORT + 8 ||
                     !is_short_ascii(text, size)))
        return make_long_str(c, text, size);
    node->head = mfi_head(MAYFLY_STR, 0);
    node->size = (uint32_t)size;
    node->hash = 0;
    memcpy(node->data, text, SHORT); /* of a fixed size: two moves, and no call */
    node->data[size] = '\0';
    doc->at += (sizeof *node + size + 8) & ~(size_t)7;
    return mfi_node_value(node).bits;
}

static mfi_slot make_block(void *c, mayfly_kind kind, const char *data, size_t size) {
    if (borrows(c, size))
        return mfi_far_new(DOC(c), kind, data, size, true).bits;
    return mfi_text_new(DOC(c), kind, data, size).bits;
}

static mfi_slot make_bytes(void *c, const char *data, size_t size) {
    return make_block(c, MAYFLY_BYTES, data, size);
}

static mfi_slot make_bytearray(void *c, const char *data, size_t size) {
    return make_block(c, MAYFLY_BYTEARRAY, data, size);
}

static mfi_slot latin1(void *c, const char *data, size_t size) {
    mfi_auto_buffer text = {0};
    int r = mfi_buffer_reserve(&text, 2 * size);
    for (size_t i = 0; i < size && r == 0; i++) {
        const unsigned char byte = (unsigned char)data[i];
        const char two[2] = {(char)(0xc0 | byte >> 6), (char)(0x80 | (byte & 0x3f))};
        r = byte < 0x80 ? mfi_buffer_append(&text, data + i, 1) : mfi_buffer_append(&text, two, 2);
    }
    if (r < 0)
        (void)mfi_doc_fail(DOC(c), r, "no memory for %zu bytes", size);
    return r < 0 ? 0 : mfi_text_new(DOC(c), MAYFLY_STR, text.data, text.size).bits;
}

static mfi_slot make_old_str(void *c, const char *data, size_t size) {
    const mayfly_strings strings = ((struct mfi_reading *)c)->options.strings;
    size_t i = 0;
    if (strings == MAYFLY_STRINGS_BYTES)
        return make_bytes(c, data, size);
    if (strings == MAYFLY_STRINGS_LATIN1)
        return latin1(c, data, size);
    while (strings == MAYFLY_STRINGS_ASCII && i < size && (unsigned char)data[i] < 0x80)
        i++;
    if (strings == MAYFLY_STRINGS_ASCII && i < size) {
        (void)mfi_doc_fail(DOC(c), -EILSEQ,
                           "byte %zu of this str of Python 2 is not ASCII: say with "
                           "`strings` what they are",
                           i);
        return 0;
    }
    return make_long_str(c, data, size);
}

/* ---- containers ------------------------------------------------------------------------------ */

static mfi_slot make_list(void *c, const mfi_slot *items, size_t count) {
    const mayfly_value list = mayfly_list_new(DOC(c));
    if (list.bits == 0 || count == 0)
        return list.bits;
    return mfi_list_extend(DOC(c), mfi_node_of(list), values_of(items), count) < 0 ? 0 : list.bits;
}

static inline mfi_slot make_tuple(void *c, const mfi_slot *items, size_t count) {
    return mfi_tuple_new(DOC(c), values_of(items), count).bits;
}

static inline mfi_slot make_dict(void *c) {
    return mfi_dict_new(DOC(c), MAYFLY_DICT).bits;
}

static mfi_slot make_set(void *c) {
    return mfi_dict_new(DOC(c), MAYFLY_SET).bits;
}

static mfi_slot make_frozenset(void *c, const mfi_slot *items, size_t count) {
    const mayfly_value set = mfi_dict_new(DOC(c), MAYFLY_FROZENSET);
    if (set.bits == 0)
        return 0;
    return mfi_set_add(DOC(c), mfi_node_of(set), values_of(items), count) < 0 ? 0 : set.bits;
}

static int cannot(void *c, mayfly_value v, const char *what) {
    return mfi_doc_fail(DOC(c), -EINVAL, "a %s %s", mayfly_kind_name(mfi_kind(v)), what);
}

/* The list of an object's items, made if there is none. */
static mayfly_value items_of(void *c, mayfly_value v) {
    struct mfi_object *object = mfi_node_of(v);
    if (object->items.bits == 0)
        object->items = mayfly_list_new(DOC(c));
    return object->items;
}

static int append_items(void *c, mfi_slot list, const mfi_slot *items, size_t count) {
    mayfly_value v = value_of(list);
    if (mfi_is(v, MAYFLY_OBJECT))
        v = items_of(c, v);
    if (MFI_UNLIKELY(!mfi_is(v, MAYFLY_LIST)))
        return v.bits == 0 ? -ENOMEM : cannot(c, v, "has no items to append to");
    return mfi_list_extend(DOC(c), mfi_node_of(v), values_of(items), count);
}

/* list[index] = value, which pickles may say, too. */
static int set_in_list(void *c, struct mfi_list *list, const mayfly_value *pairs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int64_t at;
        if (mayfly_int_get(pairs[2 * i], &at, NULL) < 0 || at >= (int64_t)list->count ||
            at < -(int64_t)list->count)
            return mfi_doc_fail(DOC(c), -EINVAL, "a list has no item under such a key");
        list->items[at < 0 ? at + (int64_t)list->count : at] = pairs[2 * i + 1];
    }
    return 0;
}

static inline int set_items(void *c, mfi_slot dict, const mfi_slot *pairs, size_t count) {
    mayfly_value v = value_of(dict);
    if (MFI_UNLIKELY(!mfi_is(v, MAYFLY_DICT))) {
        if (mfi_is(v, MAYFLY_LIST))
            return set_in_list(c, mfi_node_of(v), values_of(pairs), count);
        if (!mfi_is(v, MAYFLY_OBJECT))
            return cannot(c, v, "has no items to set");
        struct mfi_object *object = mfi_node_of(v);
        if (object->pairs.bits == 0)
            object->pairs = mayfly_dict_new(DOC(c));
        if ((v = object->pairs).bits == 0)
            return -ENOMEM;
    }
    return mfi_dict_fill(DOC(c), mfi_node_of(v), values_of(pairs), count);
}

static int add_items(void *c, mfi_slot set, const mfi_slot *items, size_t count) {
    mayfly_value v = value_of(set);
    if (mfi_is(v, MAYFLY_SET))
        return mfi_set_add(DOC(c), mfi_node_of(v), values_of(items), count);
    if (!mfi_is(v, MAYFLY_OBJECT))
        return cannot(c, v, "is no set to add to");
    mfi_node_flag(mfi_node_of(v), MFI_ADDED);
    return append_items(c, set, items, count);
}

/* ---- what is symbolic ------------------------------------------------------------------------ */

static bool plain_only(void *c) {
    return (((struct mfi_reading *)c)->options.flags & MAYFLY_PLAIN_ONLY) != 0;
}

static mfi_slot refuse(void *c, const char *what) {
    (void)mfi_doc_fail(DOC(c), -EINVAL, "%s, and MAYFLY_PLAIN_ONLY was asked for", what);
    return 0;
}

/* A text that may stay in the input (MAYFLY_BORROW) has no NUL behind it, as C strings must. */
static bool whole(mayfly_doc *doc, mayfly_value *text) {
    if (mfi_node_flags(mfi_node_of(*text)) & MFI_FAR) {
        size_t size;
        const char *data = mfi_bytes(mfi_node_of(*text), &size);
        *text = mayfly_str_new(doc, data, size);
    }
    return text->bits != 0;
}

/* Names of Python 2 in the old protocols become those of Python 3. */
static bool modern(void *c, mayfly_value *module, mayfly_value *name) {
    struct mfi_reading *reading = c;
    const char *m = mayfly_str_get(*module, NULL), *n = mayfly_str_get(*name, NULL);
    if (reading->d.protocol >= 3 || reading->options.no_fix_imports || !mfi_name_to_3(&m, &n))
        return true;
    *module = mayfly_str_new(reading->doc, m, MAYFLY_ALL);
    *name = mayfly_str_new(reading->doc, n, MAYFLY_ALL);
    return module->bits != 0 && name->bits != 0;
}

static mfi_slot make_global(void *c, mfi_slot m, mfi_slot n, uint64_t offset) {
    mayfly_value module = value_of(m), name = value_of(n);
    const bool computed = !mfi_is(module, MAYFLY_STR) || !mfi_is(name, MAYFLY_STR);
    if (computed && ((!mfi_is(module, MAYFLY_STR) && !mfi_is(module, MAYFLY_OBJECT)) ||
                     (!mfi_is(name, MAYFLY_STR) && !mfi_is(name, MAYFLY_OBJECT)))) {
        (void)mfi_doc_fail(DOC(c), -EINVAL, "module and name of a global must be str");
        return 0;
    }
    unsigned native = 0;
    if (!computed) {
        if (!whole(DOC(c), &module) || !whole(DOC(c), &name) || !modern(c, &module, &name))
            return 0;
        native = mfi_native_of(mayfly_str_get(module, NULL), mayfly_str_get(name, NULL));
    }
    if (native == 0 && plain_only(c))
        return refuse(c, "it names a global");
    const mayfly_value global = mfi_global_of(DOC(c), module, name);
    if (global.bits == 0 ||
        mfi_uses_note(DOC(c), global, offset, computed ? MAYFLY_GLOBAL_COMPUTED : 0) < 0)
        return 0;
    mfi_node_flag(mfi_node_of(global), native);
    if (native != 0)
        mfi_native_texts(DOC(c), native, module, name);
    return global.bits;
}

static mfi_slot make_extension(void *c, uint32_t code, uint64_t offset) {
    if (plain_only(c))
        return refuse(c, "it is an extension");
    const mayfly_value v = mayfly_extension_new(DOC(c), code);
    if (v.bits == 0 || mfi_uses_note(DOC(c), v, offset, MAYFLY_GLOBAL_EXTENSION) < 0)
        return 0;
    return v.bits;
}

/* What can be called must be symbolic, and its arguments a tuple or stand for one. */
static bool callable(void *c, mayfly_value v, mayfly_value arguments) {
    const mayfly_kind kind = mfi_kind(v), given = mfi_kind(arguments);
    if (kind != MAYFLY_GLOBAL && kind != MAYFLY_OBJECT && kind != MAYFLY_PERSISTENT &&
        kind != MAYFLY_EXTENSION)
        return cannot(c, v, "cannot be called") == 0;
    if (given != MAYFLY_TUPLE && given != MAYFLY_OBJECT && given != MAYFLY_PERSISTENT)
        return cannot(c, arguments, "is no tuple of arguments") == 0;
    mfi_node_flag(mfi_node_of(v), kind == MAYFLY_GLOBAL ? MFI_CALLED : 0);
    return true;
}

static mfi_slot make_call(void *c, mfi_slot function, mfi_slot arguments, uint64_t offset) {
    const mayfly_value f = value_of(function), a = value_of(arguments);
    if (!callable(c, f, a))
        return 0;
    if (mfi_is(f, MAYFLY_GLOBAL)) {
        const unsigned native = mfi_node_flags(mfi_node_of(f)) & NATIVE_MASK;
        const mayfly_value plain = native == 0 ? mfi_word(0) : mfi_native_call(DOC(c), native, a);
        if (plain.bits != 0 || DOC(c)->failure.code != 0)
            return plain.bits;
    }
    if (plain_only(c))
        return refuse(c, "it is a call");
    mayfly_value v = mfi_partial_call(DOC(c), f, a);
    if (v.bits == 0)
        v = mfi_object_make(DOC(c), MFI_REDUCE, f, a, mfi_word(0));
    if (v.bits == 0 || mfi_uses_call(DOC(c), v, offset) < 0)
        return 0;
    return v.bits;
}

static mfi_slot make_newobj(void *c, mfi_slot cls, mfi_slot arguments, mfi_slot keywords) {
    const mayfly_value f = value_of(cls), a = value_of(arguments), k = value_of(keywords);
    if (!callable(c, f, a))
        return 0;
    if (keywords != 0 && !mfi_is(k, MAYFLY_DICT) && !mfi_is(k, MAYFLY_OBJECT))
        return cannot(c, k, "is no dict of arguments") == 0;
    if (plain_only(c))
        return refuse(c, "it is an instance of a class");
    return mfi_object_make(DOC(c), keywords == 0 ? MFI_NEWOBJ : MFI_NEWOBJ_EX, f, a, k).bits;
}

static mfi_slot make_instance(void *c, mfi_slot cls, const mfi_slot *items, size_t count) {
    const mfi_slot arguments = make_tuple(c, items, count);
    if (arguments == 0 || !callable(c, value_of(cls), value_of(arguments)))
        return 0;
    if (plain_only(c))
        return refuse(c, "it is an instance of a class");
    return mfi_object_make(DOC(c), MFI_INSTANCE, value_of(cls), value_of(arguments), mfi_word(0))
        .bits;
}

/* Plain data takes a state that has nothing to say, as in Python. */
static bool says_nothing(mayfly_value state) {
    if (state.bits == MFI_WORD_NONE)
        return true;
    if (!mfi_is(state, MAYFLY_TUPLE) || mayfly_count(state) != 2 ||
        mayfly_item(state, 0).bits != MFI_WORD_NONE)
        return false;
    const mayfly_value slots = mayfly_item(state, 1);
    return slots.bits == MFI_WORD_NONE || (mfi_is(slots, MAYFLY_DICT) && mayfly_count(slots) == 0);
}

static int build(void *c, mfi_slot target, mfi_slot state) {
    const mayfly_value v = value_of(target), s = value_of(state);
    if (!mfi_is(v, MAYFLY_OBJECT))
        return says_nothing(s) ? 0 : cannot(c, v, "has no state");
    struct mfi_object *object = mfi_node_of(v);
    if (object->state.bits == 0) {
        object->state = s;
        return 0;
    }
    if (!(mfi_node_flags(object) & MFI_STATES)) {
        const mayfly_value states = mayfly_list_new(DOC(c));
        if (states.bits == 0 || mayfly_list_append(DOC(c), states, object->state) < 0)
            return -ENOMEM;
        object->state = states;
        mfi_node_flag(object, MFI_STATES);
    }
    return mayfly_list_append(DOC(c), object->state, s);
}

static mfi_slot make_persistent(void *c, mfi_slot id) {
    return plain_only(c) ? refuse(c, "it is a persistent id")
                         : mfi_single_new(DOC(c), MAYFLY_PERSISTENT, value_of(id)).bits;
}

static mfi_slot make_buffer(void *c) {
    const mayfly_load_options *options = &((struct mfi_reading *)c)->options;
    const void *data = "";
    size_t size = 0;
    int r = 1;
    if (options->next_buffer != NULL)
        r = options->next_buffer(options->context, &data, &size);
    if (r <= 0) {
        (void)mfi_doc_fail(DOC(c), r < 0 ? r : -EINVAL, "there is no out-of-band buffer for it");
        return 0;
    }
    const mayfly_value v = mayfly_buffer_new(DOC(c), data, size, false);
    if (v.bits != 0 && options->next_buffer == NULL)
        mfi_node_flag(mfi_node_of(v), MFI_OUTSIDE);
    return v.bits;
}

static mfi_slot make_readonly(void *c, mfi_slot buffer) {
    const mayfly_value v = value_of(buffer);
    if (!mfi_is(v, MAYFLY_BUFFER) && !mfi_is(v, MAYFLY_BYTES))
        return cannot(c, v, "is no buffer") == 0;
    if (mfi_is(v, MAYFLY_BUFFER))
        mfi_node_flag(mfi_node_of(v), MFI_READONLY);
    return buffer;
}

/* ---- the stack and the memo ------------------------------------------------------------------ */

static inline mfi_slot hold(void *c, mfi_slot slot) {
    (void)c;
    return slot;
}

static inline mfi_slot recall(void *c, mfi_slot *at) {
    (void)c;
    return *at;
}

/* A call whose result is thrown away was made for its effect, on what lies below: dill completes
 * functions and classes so. */
static inline int drop(void *c, mfi_slot popped, mfi_slot below) {
    const mayfly_value call = value_of(popped), v = value_of(below);
    if (MFI_LIKELY(!mfi_is(call, MAYFLY_OBJECT)) || !mfi_is(v, MAYFLY_OBJECT) ||
        (mfi_node_flags(mfi_node_of(call)) & MFI_STORED))
        return 0;
    struct mfi_object *object = mfi_node_of(v);
    if (object->then.bits == 0)
        object->then = mayfly_list_new(DOC(c));
    return object->then.bits == 0 ? -ENOMEM : mayfly_list_append(DOC(c), object->then, call);
}

static inline void stored(void *c, mfi_slot slot) {
    (void)c;
    if (mfi_is(value_of(slot), MAYFLY_OBJECT))
        mfi_node_flag(mfi_node_of(value_of(slot)), MFI_STORED);
}

static int why(void *c, const char **ret) {
    const mayfly_error *failure = &DOC(c)->failure;
    const int code = failure->code;
    *ret = failure->message + strlen("document: ");
    return code == -EINVAL || code == -EILSEQ || code == 0 ? MAYFLY_E_PICKLE : code;
}

static const struct mfi_builder values = {MFI_BUILT_BY_THEIR_NAMES};

/* ---- reading one ----------------------------------------------------------------------------- */

void mfi_reading_init(struct mfi_reading *reading, mayfly_doc *doc,
                      const mayfly_load_options *options, const char *operation, const char *path,
                      mayfly_error *error) {
    *reading = (struct mfi_reading){.doc = doc, .options = *options};
    reading->d.bytes = &doc->bytes;
    reading->d.max_bytes = doc->max_bytes;
    reading->d.max_marks = options->max_depth != 0 ? options->max_depth : 1000000;
    reading->d.operation = operation;
    reading->d.path = path;
    reading->d.error = error;
}

int mfi_read_one(struct mfi_reading *reading, struct mfi_cursor *k, mayfly_value *ret) {
    mfi_slot slot = 0;
    struct mfi_decoder *d = &reading->d;
    d->protocol = 0;
    int r = mfi_decode(d, &values, reading, k, &slot);
    if (r < 0) {
        reading->doc->pending.count = 0;
        return d->code != 0 ? d->code : r;
    }
    r = mfi_dicts_settle(reading->doc);
    if (r < 0)
        return mfi_decode_fail(d, k, r, "%s", reading->doc->failure.message);
    const mayfly_load_options *options = &reading->options;
    if ((options->flags & MAYFLY_PLAIN_ONLY) || options->max_nesting != 0) {
        r = mfi_survey(value_of(slot), plain_only(reading), options->max_nesting, d->operation,
                       d->path, d->error);
        if (r < 0)
            return d->code = r;
    }
    *ret = value_of(slot);
    reading->doc->root = *ret;
    return 0;
}
