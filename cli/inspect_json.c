/* SPDX-License-Identifier: MIT
 *
 * A value as JSON, one line, written as it is walked: jansson's own trees recurse, and a hostile
 * file may nest deeper than the program's stack goes. Its shape is told in the command's help.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

/* What a frame's parts are written as. */
enum form { FORM_ITEMS, FORM_MEMBERS, FORM_PAIRS, FORM_PAIR, FORM_PARTS };

struct frame {
    mayfly_value value, of_pair;
    enum form form;
    bool wrapped; /* in an object, which ends with it */
    bool any;     /* something was written: a comma is needed */
    size_t next, shown, count;
    uint64_t depth;
};

struct writer {
    struct frame *frames;
    size_t count, capacity;
    struct inspect_marks marks;
    const struct inspect_limits *limits;
};

/* ---- texts ----------------------------------------------------------------------------------- */

/* Of a str only surrogates can be what JSON's UTF-8 has no room for. */
static bool has_surrogates(const char *text, size_t size) {
    for (size_t i = 0; i + 1 < size; i++)
        if ((unsigned char)text[i] == 0xed && (unsigned char)text[i + 1] >= 0xa0)
            return true;
    return false;
}

bool inspect_json_text(const char *text, size_t size) {
    json_t *string = json_stringn(text, size);
    char *dumped = string == NULL ? NULL : json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    json_decref(string);
    for (const char *at = dumped; at != NULL && *at != '\0'; at++)
        if (*at == 0x7f) /* the one control that jansson leaves */
            (void)fputs("\\u007f", stdout);
        else
            putchar(*at);
    free(dumped);
    return dumped != NULL;
}

static void write_base16(const char *data, size_t size) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        putchar(digits[(unsigned char)data[i] >> 4]);
        putchar(digits[data[i] & 15]);
    }
}

/* {"NAME":"6869"} */
static int write_bytes(const char *name, const char *data, size_t size, uint64_t label) {
    if (label != 0)
        printf("{\"label\":%llu,\"%s\":\"", (unsigned long long)label, name);
    else
        printf("{\"%s\":\"", name);
    write_base16(data, size);
    printf("\"}");
    return 0;
}

static int write_str(mayfly_value v) {
    size_t size;
    const char *text = mayfly_str_get(v, &size);
    if (has_surrogates(text, size))
        return write_bytes("surrogatepass", text, size, 0);
    return inspect_json_text(text, size) ? 0 : -ENOMEM;
}

/* What repr() gives, in an object of that name, or as it is where that is JSON, too. */
static int write_repr(const char *name, mayfly_value v) {
    char *text = NULL;
    size_t size = 0;
    int r = mayfly_repr(v, NULL, &text, &size, NULL);
    if (r < 0)
        return r;
    if (name == NULL)
        (void)fputs(text, stdout);
    else {
        printf("{\"%s\":", name);
        r = inspect_json_text(text, size) ? 0 : -ENOMEM;
        putchar('}');
    }
    free(text);
    return r;
}

static int write_float(mayfly_value v) {
    double d = 0;
    (void)mayfly_float_get(v, &d, NULL);
    return write_repr(d - d == 0 ? NULL : "float", v);
}

static int write_int(mayfly_value v) {
    int64_t n;
    return write_repr(mayfly_int_get(v, &n, NULL) == 0 ? NULL : "int", v);
}

static int write_name(const char *text) {
    if (text == NULL) {
        printf("null");
        return 0;
    }
    const size_t size = strlen(text);
    char *escaped = has_surrogates(text, size) ? inspect_escape(text, size) : NULL;
    const char *shown = escaped == NULL ? text : escaped;
    const int r = inspect_json_text(shown, strlen(shown)) ? 0 : -ENOMEM;
    free(escaped);
    return r;
}

/* {"global":["os","system"]}; null for what the file computes. */
static int write_global(mayfly_value v) {
    printf("{\"global\":[");
    int r = write_name(mayfly_global_module(v));
    putchar(',');
    if (r == 0)
        r = write_name(mayfly_global_name(v));
    printf("]}");
    return r;
}

/* An object whose text says all. */
static int write_object_text(mayfly_value v, uint64_t label) {
    char *text = NULL;
    printf("{");
    if (label != 0)
        printf("\"label\":%llu,", (unsigned long long)label);
    printf("\"object\":");
    int r = write_global(mayfly_object_callable(v));
    printf(",\"text\":");
    if (r == 0)
        r = mayfly_text(v, &text, NULL);
    if (r == 0)
        r = write_name(text);
    printf("}");
    free(text);
    return r;
}

static int write_leaf(mayfly_value v, uint64_t label) {
    bool yes = false;
    size_t size = 0;
    const char *data = mayfly_bytes_get(v, &size);
    switch (mayfly_kind_of(v)) {
    case MAYFLY_BOOL:
        (void)mayfly_bool_get(v, &yes, NULL);
        printf(yes ? "true" : "false");
        return 0;
    case MAYFLY_INT:
        return write_int(v);
    case MAYFLY_FLOAT:
        return write_float(v);
    case MAYFLY_COMPLEX:
        return write_repr("complex", v);
    case MAYFLY_STR:
        return write_str(v);
    case MAYFLY_BYTES:
    case MAYFLY_BYTEARRAY:
    case MAYFLY_BUFFER:
        return write_bytes(mayfly_kind_name(mayfly_kind_of(v)), data, size, label);
    case MAYFLY_GLOBAL:
        return write_global(v);
    case MAYFLY_EXTENSION:
        printf("{\"extension\":%lu}", (unsigned long)mayfly_extension_code(v));
        return 0;
    case MAYFLY_OBJECT:
        return write_object_text(v, label);
    default:
        printf("null");
        return 0;
    }
}

/* ---- containers ------------------------------------------------------------------------------ */

/* A dict is a JSON object if it can be told from what is no dict: its keys are texts, and none is
 * a word that begins one of the other forms. */
static bool is_members(mayfly_value dict) {
    static const char *const words[] = {
        "int",    "float",      "complex",   "surrogatepass", "bytes", "bytearray",
        "buffer", "list",       "tuple",     "dict",          "set",   "frozenset",
        "global", "persistent", "extension", "object",        "ref"};
    mayfly_value key, value;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (mayfly_get(dict, words[i]).bits != 0)
            return false;
    for (size_t i = 0; mayfly_pair(dict, i, &key, &value); i++) {
        size_t size;
        const char *text = mayfly_str_get(key, &size);
        if (text == NULL || has_surrogates(text, size))
            return false;
    }
    return true;
}

static int push(struct writer *w, const struct frame *frame) {
    if (w->count == w->capacity) {
        const size_t capacity = w->capacity == 0 ? 64 : 2 * w->capacity;
        struct frame *grown = reallocarray(w->frames, capacity, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        w->frames = grown;
        w->capacity = capacity;
    }
    w->frames[w->count++] = *frame;
    return 0;
}

/* The class of an object whose parts are cut off; false: it is more than a name. */
static bool write_callable(mayfly_value object) {
    const mayfly_value callable = mayfly_object_callable(object);
    const bool named = mayfly_kind_of(callable) == MAYFLY_GLOBAL;
    printf("\"object\":");
    if (named)
        (void)write_global(callable);
    else
        printf("null");
    return named;
}

/* Writes how a container begins; its parts follow. */
static int open_container(struct writer *w, mayfly_value v, uint64_t label, uint64_t depth) {
    const mayfly_kind kind = mayfly_kind_of(v);
    const char *name = kind == MAYFLY_PERSISTENT ? "persistent" : mayfly_kind_name(kind);
    struct frame frame = {.value = v, .count = inspect_count(v), .depth = depth};
    if (kind != MAYFLY_OBJECT && kind != MAYFLY_PERSISTENT && w->limits->items < frame.count)
        frame.shown = (size_t)w->limits->items;
    else
        frame.shown = frame.count;
    if (depth >= w->limits->depth)
        frame.shown = 0;
    const bool plain = label == 0 && frame.shown == frame.count;
    frame.wrapped = !plain || (kind != MAYFLY_LIST && kind != MAYFLY_DICT);
    if (frame.wrapped && label != 0)
        printf("{\"label\":%llu,", (unsigned long long)label);
    else if (frame.wrapped)
        putchar('{');
    if (kind == MAYFLY_OBJECT) {
        frame.form = FORM_PARTS;
        if (frame.shown > 0)
            frame.shown = frame.count = INSPECT_PARTS;
        else if (write_callable(v))
            frame.count--;
        return push(w, &frame);
    }
    if (kind == MAYFLY_DICT && plain && is_members(v)) {
        frame.form = FORM_MEMBERS;
        putchar('{');
        return push(w, &frame);
    }
    if (kind == MAYFLY_DICT && plain) {
        frame.wrapped = true;
        putchar('{');
    }
    frame.form = kind == MAYFLY_DICT ? FORM_PAIRS : FORM_ITEMS;
    if (frame.wrapped)
        printf("\"%s\":", name);
    putchar('[');
    return push(w, &frame);
}

static void close_container(const struct frame *frame) {
    if (frame->form == FORM_MEMBERS)
        putchar('}');
    else if (frame->form != FORM_PARTS)
        putchar(']');
    if (frame->shown < frame->count)
        printf(",\"more\":%zu", frame->count - frame->shown);
    if (frame->wrapped)
        putchar('}');
}

static int write_value(struct writer *w, mayfly_value v, uint64_t depth) {
    bool fresh;
    const bool leaf = inspect_is_leaf(v) || mayfly_kind_of(v) == MAYFLY_BYTEARRAY;
    const bool cut = !leaf && depth >= w->limits->depth && inspect_count(v) > 0;
    /* What is cut gets no label: where it stands next it may be shown. */
    const uint64_t known = inspect_known_label(&w->marks, v);
    const uint64_t label = known != 0 || cut ? known : inspect_label(&w->marks, v, &fresh);
    if (known != 0) {
        printf("{\"ref\":%llu}", (unsigned long long)label);
        return 0;
    }
    return leaf ? write_leaf(v, label) : open_container(w, v, label, depth);
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* A part of an object by its name. Its lists and dicts are at the object's own depth. */
static int write_part(struct writer *w, struct frame *frame, size_t part) {
    static const char *const names[] = {"object", "arguments", "keywords",
                                        "items",  "pairs",     "state"};
    const mayfly_value v = inspect_object_part(frame->value, part);
    const mayfly_kind kind = mayfly_kind_of(v);
    const bool own = kind == MAYFLY_LIST || kind == MAYFLY_DICT || kind == MAYFLY_TUPLE;
    if (v.bits == 0)
        return 0;
    printf("%s\"%s\":", frame->any ? "," : "", names[part]);
    frame->any = true;
    return write_value(w, v, frame->depth + (own ? 0 : 1));
}

static int write_next(struct writer *w, struct frame *frame) {
    const size_t index = frame->next++;
    const uint64_t depth = frame->depth + 1;
    mayfly_value key = {0}, value = {0};
    size_t size = 0;
    if (frame->form == FORM_PARTS)
        return write_part(w, frame, index);
    if (index > 0)
        putchar(',');
    if (frame->form == FORM_PAIR)
        return write_value(w, index == 0 ? frame->value : frame->of_pair, frame->depth);
    if (frame->form == FORM_ITEMS)
        return write_value(w,
                           mayfly_kind_of(frame->value) == MAYFLY_PERSISTENT
                               ? mayfly_persistent_id(frame->value)
                               : mayfly_item(frame->value, index),
                           depth);
    (void)mayfly_pair(frame->value, index, &key, &value);
    if (frame->form == FORM_PAIRS) {
        const struct frame pair = {.value = key,
                                   .of_pair = value,
                                   .form = FORM_PAIR,
                                   .shown = 2,
                                   .count = 2,
                                   .depth = depth};
        putchar('[');
        return push(w, &pair);
    }
    const char *text = mayfly_str_get(key, &size);
    if (!inspect_json_text(text, size))
        return -ENOMEM;
    putchar(':');
    return write_value(w, value, depth);
}

int inspect_json(mayfly_value root, const struct inspect_limits *limits) {
    struct writer w = {.limits = limits};
    int r = inspect_survey(root, &w.marks);
    if (r == 0)
        r = write_value(&w, root, 0);
    while (r == 0 && w.count > 0) {
        struct frame *top = &w.frames[w.count - 1];
        if (top->next < top->shown) {
            r = write_next(&w, top);
            continue;
        }
        close_container(top);
        w.count--;
    }
    free(w.frames);
    inspect_marks_free(&w.marks);
    return r;
}
