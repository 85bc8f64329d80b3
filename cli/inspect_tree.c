/* SPDX-License-Identifier: MIT
 *
 * A value as a tree: a line for each value, its parts below it.
 *
 * What stands in several places has a label, &1, where it stands first, and is *1 afterwards: so
 * every value is shown once, and what contains itself ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

enum {
    WIDTH = 100,     /* bytes of a text that are shown */
    INDENTED = 40,   /* levels; deeper ones tell their number instead */
    LONG_NUMBER = 64 /* bytes of an int from which on its size is told */
};

/* A value, or a pair of a dict whose key has parts, and which of its rows comes next. */
struct frame {
    mayfly_value value, of_pair;
    size_t next, shown, count;
    uint64_t depth;
};

struct tree {
    struct frame *frames;
    size_t count, capacity;
    struct inspect_marks marks;
    const struct inspect_limits *limits;
};

/* What stands before a value in its row. */
enum before { BEFORE_NOTHING, BEFORE_INDEX, BEFORE_KEY, BEFORE_FIELD, BEFORE_NAME, BEFORE_DASH };

struct row {
    enum before before;
    size_t index;
    char name[32];
    mayfly_value key, value;
};

/* ---- texts ----------------------------------------------------------------------------------- */

static void print_repr(mayfly_value v) {
    char *text = NULL;
    size_t size = 0;
    const mayfly_repr_options options = {.max_bytes = WIDTH, .max_depth = 8};
    if (mayfly_repr(v, &options, &text, &size, NULL) == 0)
        inspect_print(text, size);
    free(text);
}

static void print_bytes(size_t size) {
    printf(" (%zu byte%s)", size, size == 1 ? "" : "s");
}

/* A value without parts, with its size if it has one. */
static void print_leaf(mayfly_value v) {
    uint8_t scratch[9];
    size_t size = 0;
    print_repr(v);
    if (mayfly_str_get(v, &size) != NULL || mayfly_bytes_get(v, &size) != NULL)
        print_bytes(size);
    else if (mayfly_int_bytes(v, scratch, &size) != NULL && size > LONG_NUMBER)
        print_bytes(size);
}

static void print_name(mayfly_value global) {
    const char *module = mayfly_global_module(global), *name = mayfly_global_name(global);
    if (module == NULL || name == NULL) {
        print_repr(global);
        return;
    }
    inspect_print(module, strlen(module));
    putchar('.');
    inspect_print(name, strlen(name));
}

/* copyreg's instances are made by a call that has their class as its first argument. */
static bool is_reconstructed(mayfly_value object) {
    const char *module = mayfly_global_module(mayfly_object_callable(object));
    return mayfly_class_of(object) == MAYFLY_CLASS_INSTANCE && module != NULL &&
           strcmp(module, "copyreg") == 0 &&
           mayfly_kind_of(mayfly_object_arguments(object)) == MAYFLY_TUPLE &&
           mayfly_kind_of(mayfly_item(mayfly_object_arguments(object), 0)) == MAYFLY_GLOBAL;
}

static void print_object(mayfly_value v) {
    const mayfly_value callable = mayfly_object_callable(v);
    const mayfly_class class = mayfly_class_of(v);
    const size_t count =
        mayfly_count(mayfly_object_items(v)) + mayfly_count(mayfly_object_pairs(v));
    if (class == MAYFLY_CLASS_CALL || class == MAYFLY_CLASS_ATTRIBUTE)
        printf("call of ");
    if (is_reconstructed(v))
        print_name(mayfly_item(mayfly_object_arguments(v), 0));
    else if (mayfly_kind_of(callable) == MAYFLY_GLOBAL)
        print_name(callable);
    else
        printf("what is made");
    if (count > 0)
        printf(" of %zu", count);
}

/* The line of a value that has parts. */
static void print_head(mayfly_value v) {
    const mayfly_kind kind = mayfly_kind_of(v);
    const size_t count = inspect_count(v);
    if (kind == MAYFLY_OBJECT)
        print_object(v);
    else if (kind == MAYFLY_PERSISTENT)
        printf("persistent");
    else if (count == 0)
        print_repr(v);
    else
        printf("%s of %zu", mayfly_kind_name(kind), count);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* A key that can stand in the line of its value. */
static bool is_short_key(mayfly_value key, unsigned depth) {
    const size_t count = mayfly_count(key);
    if (inspect_is_leaf(key))
        return true;
    if (mayfly_kind_of(key) != MAYFLY_TUPLE || count > 16 || depth > 2)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_short_key(mayfly_item(key, i), depth + 1))
            return false;
    return true;
}

static struct row pair_row(mayfly_value dict, size_t index, enum before before) {
    struct row row = {.before = before, .index = index};
    (void)mayfly_pair(dict, index, &row.key, &row.value);
    return row;
}

/* The names of arguments by their places, parted by blanks. */
static const char *argument_names(mayfly_value object, size_t count) {
    switch (mayfly_class_of(object)) {
    case MAYFLY_CLASS_DEFAULT_DICT:
        return "default_factory";
    case MAYFLY_CLASS_COUNTER:
        return "counts";
    case MAYFLY_CLASS_DEQUE:
        return "iterable maxlen";
    case MAYFLY_CLASS_ATTRIBUTE:
        return "object name";
    case MAYFLY_CLASS_RANGE:
    case MAYFLY_CLASS_SLICE:
        return "start stop step";
    case MAYFLY_CLASS_FUNCTION:
        return "code globals name defaults closure";
    case MAYFLY_CLASS_CELL:
        return "contents";
    case MAYFLY_CLASS_TYPE:
        return "metaclass name bases dict";
    case MAYFLY_CLASS_TYPE_BY_NAME:
    case MAYFLY_CLASS_MODULE:
        return "name";
    case MAYFLY_CLASS_NAMED_TUPLE:
        return "name fields module defaults";
    case MAYFLY_CLASS_CODE: /* of Python 3.8 to 3.10, and from 3.11 on */
        return count == 16 ? "co_argcount co_posonlyargcount co_kwonlyargcount co_nlocals "
                             "co_stacksize co_flags co_code co_consts co_names co_varnames "
                             "co_filename co_name co_firstlineno co_lnotab co_freevars co_cellvars"
               : count == 18
                   ? "co_argcount co_posonlyargcount co_kwonlyargcount co_nlocals co_stacksize "
                     "co_flags co_code co_consts co_names co_varnames co_filename co_name "
                     "co_qualname co_firstlineno co_linetable co_exceptiontable co_freevars "
                     "co_cellvars"
                   : "";
    case MAYFLY_CLASS_INSTANCE:
        return is_reconstructed(object) ? "cls base state" : "";
    default:
        return "";
    }
}

/* The name of an argument, if the library knows it under that name, too; in `to`. */
static const char *argument_name(mayfly_value object, size_t index, char to[32]) {
    const mayfly_value arguments = mayfly_object_arguments(object);
    const char *name = argument_names(object, mayfly_count(arguments));
    for (size_t i = 0; i < index; i++) {
        name += strcspn(name, " ");
        name += *name == ' ';
    }
    (void)snprintf(to, 32, "%.*s", (int)strcspn(name, " "), name);
    return *to != '\0' && mayfly_same(mayfly_get(object, to), mayfly_item(arguments, index)) ? to
                                                                                             : NULL;
}

static struct row argument_row(mayfly_value object, size_t index) {
    struct row row = {.before = BEFORE_INDEX, .index = index};
    row.value = mayfly_item(mayfly_object_arguments(object), index);
    if (argument_name(object, index, row.name) != NULL)
        row.before = BEFORE_NAME;
    return row;
}

static struct row named_row(const char *name, mayfly_value value) {
    struct row row = {.before = BEFORE_NAME, .value = value};
    (void)snprintf(row.name, sizeof row.name, "%s", name);
    return row;
}

static struct row item_row(enum before before, size_t index, mayfly_value value) {
    return (struct row){.before = before, .index = index, .value = value};
}

/* A state that is attributes by name, shown as such unless others refer to it. */
static bool is_fields(const struct tree *tree, mayfly_value state) {
    return mayfly_kind_of(state) == MAYFLY_DICT && !inspect_shared(&tree->marks, state);
}

/* That of a class with __slots__: attributes or None, and slots. */
static bool is_two_fields(const struct tree *tree, mayfly_value state) {
    const mayfly_value first = mayfly_item(state, 0);
    return mayfly_kind_of(state) == MAYFLY_TUPLE && mayfly_count(state) == 2 &&
           !inspect_shared(&tree->marks, state) && is_fields(tree, mayfly_item(state, 1)) &&
           (mayfly_kind_of(first) == MAYFLY_NONE || is_fields(tree, first));
}

static bool is_inline(const struct tree *tree, mayfly_value arguments) {
    return mayfly_kind_of(arguments) == MAYFLY_TUPLE && !inspect_shared(&tree->marks, arguments);
}

/* How many rows a part of an object takes. */
static size_t part_rows(const struct tree *tree, mayfly_value object, size_t part) {
    const mayfly_value v = inspect_object_part(object, part);
    if (v.bits == 0)
        return 0;
    switch (part) {
    case INSPECT_CALLABLE:
        return mayfly_kind_of(v) == MAYFLY_GLOBAL ? 0 : 1;
    case INSPECT_ARGUMENTS:
        return !is_inline(tree, v) ? 1 : mayfly_count(v) - is_reconstructed(object);
    case INSPECT_ITEMS:
    case INSPECT_PAIRS:
        return mayfly_count(v);
    case INSPECT_STATE:
        if (is_fields(tree, v))
            return mayfly_count(v);
        return is_two_fields(tree, v)
                   ? mayfly_count(mayfly_item(v, 0)) + mayfly_count(mayfly_item(v, 1))
                   : 1;
    default:
        return 1;
    }
}

static struct row part_row(const struct tree *tree, mayfly_value object, size_t part,
                           size_t index) {
    static const char *const names[] = {"callable", "arguments", "keywords",
                                        "items",    "pairs",     "state"};
    const mayfly_value v = inspect_object_part(object, part);
    if (part == INSPECT_ARGUMENTS && is_inline(tree, v))
        return argument_row(object, index + is_reconstructed(object));
    if (part == INSPECT_ITEMS)
        return item_row(BEFORE_INDEX, index, mayfly_item(v, index));
    if (part == INSPECT_PAIRS)
        return pair_row(v, index, BEFORE_KEY);
    if (part == INSPECT_STATE && is_fields(tree, v))
        return pair_row(v, index, BEFORE_FIELD);
    if (part == INSPECT_STATE && is_two_fields(tree, v)) {
        const size_t first = mayfly_count(mayfly_item(v, 0));
        return index < first ? pair_row(mayfly_item(v, 0), index, BEFORE_FIELD)
                             : pair_row(mayfly_item(v, 1), index - first, BEFORE_FIELD);
    }
    return named_row(names[part], v);
}

static size_t row_count(const struct tree *tree, mayfly_value v) {
    size_t count = 0;
    if (mayfly_kind_of(v) != MAYFLY_OBJECT)
        return inspect_count(v);
    for (size_t part = 0; part < INSPECT_PARTS; part++)
        count += part_rows(tree, v, part);
    return count;
}

static struct row row_of(const struct tree *tree, const struct frame *frame, size_t index) {
    const mayfly_value v = frame->value;
    if (frame->of_pair.bits != 0)
        return index == 0 ? named_row("key", v) : named_row("value", frame->of_pair);
    switch (mayfly_kind_of(v)) {
    case MAYFLY_DICT:
        return pair_row(v, index, BEFORE_KEY);
    case MAYFLY_SET:
    case MAYFLY_FROZENSET:
        return item_row(BEFORE_DASH, index, mayfly_item(v, index));
    case MAYFLY_PERSISTENT:
        return named_row("id", mayfly_persistent_id(v));
    case MAYFLY_OBJECT:
        break;
    default:
        return item_row(BEFORE_INDEX, index, mayfly_item(v, index));
    }
    size_t part = 0;
    for (size_t rows; part + 1 < INSPECT_PARTS; part++, index -= rows) {
        rows = part_rows(tree, v, part);
        if (index < rows)
            break;
    }
    return part_row(tree, v, part, index);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void indent(uint64_t depth) {
    const int levels = depth < INDENTED ? (int)depth : INDENTED;
    printf("%*s", 2 * levels, "");
    if (depth > INDENTED)
        printf("[%llu] ", (unsigned long long)depth - 1);
}

static int push(struct tree *tree, const struct frame *frame) {
    if (tree->count == tree->capacity) {
        const size_t capacity = tree->capacity == 0 ? 64 : 2 * tree->capacity;
        struct frame *grown = reallocarray(tree->frames, capacity, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        tree->frames = grown;
        tree->capacity = capacity;
    }
    tree->frames[tree->count++] = *frame;
    return 0;
}

/* Rows of a container as far as the limits go; *ret_cut: there are some, and none is shown. */
static struct frame frame_for(const struct tree *tree, mayfly_value v, uint64_t depth) {
    struct frame frame = {.value = v, .depth = depth, .count = row_count(tree, v)};
    frame.shown = frame.count < tree->limits->items ? frame.count : (size_t)tree->limits->items;
    return frame;
}

/* Ends the line of a value, and sees to it that its rows follow. */
static int show(struct tree *tree, mayfly_value v, uint64_t depth) {
    const bool leaf = inspect_is_leaf(v);
    const uint64_t known = inspect_known_label(&tree->marks, v);
    bool fresh;
    if (known != 0) {
        printf("*%llu\n", (unsigned long long)known);
        return 0;
    }
    if (leaf || mayfly_kind_of(v) == MAYFLY_BYTEARRAY)
        print_leaf(v);
    else
        print_head(v);
    const struct frame frame = frame_for(tree, v, depth);
    if (!leaf && frame.count > 0 && depth >= tree->limits->depth) {
        printf(" ...\n"); /* without a label: where it stands next it may be shown */
        return 0;
    }
    const uint64_t label = inspect_label(&tree->marks, v, &fresh);
    if (label != 0)
        printf(" &%llu", (unsigned long long)label);
    putchar('\n');
    return leaf || frame.count == 0 ? 0 : push(tree, &frame);
}

static bool is_identifier(const char *text, size_t size) {
    for (size_t i = 0; text != NULL && i < size; i++) {
        const unsigned char c = (unsigned char)text[i], letter = c | 32;
        if (c != '_' && !(letter >= 'a' && letter <= 'z') && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return text != NULL && size > 0 && size <= WIDTH;
}

static void print_before(const struct row *row) {
    size_t size = 0;
    const char *name;
    switch (row->before) {
    case BEFORE_INDEX:
        printf("%zu: ", row->index);
        break;
    case BEFORE_NAME:
        printf("%s: ", row->name);
        break;
    case BEFORE_DASH:
        printf("- ");
        break;
    case BEFORE_FIELD:
        name = mayfly_str_get(row->key, &size);
        if (is_identifier(name, size)) {
            printf(".%.*s: ", (int)size, name);
            break;
        }
        /* fallthrough */
    case BEFORE_KEY:
        print_repr(row->key);
        printf(": ");
        break;
    default:
        break;
    }
}

static int show_row(struct tree *tree, const struct row *row, uint64_t depth) {
    indent(depth + 1);
    const bool pair = row->before == BEFORE_KEY || row->before == BEFORE_FIELD;
    if (pair && !is_short_key(row->key, 0)) {
        printf("pair %zu:%s\n", row->index, depth >= tree->limits->depth ? " ..." : "");
        const struct frame frame = {
            .value = row->key, .of_pair = row->value, .shown = 2, .count = 2, .depth = depth};
        return depth >= tree->limits->depth ? 0 : push(tree, &frame);
    }
    print_before(row);
    return show(tree, row->value, depth);
}

int inspect_tree(mayfly_value root, const struct inspect_limits *limits) {
    struct tree tree = {.limits = limits};
    int r = inspect_survey(root, &tree.marks);
    if (r == 0) {
        indent(1);
        r = show(&tree, root, 0);
    }
    while (r == 0 && tree.count > 0) {
        struct frame *top = &tree.frames[tree.count - 1];
        if (top->next < top->shown) {
            const struct row row = row_of(&tree, top, top->next++);
            r = show_row(&tree, &row, top->depth + 1);
            continue;
        }
        if (top->shown < top->count) {
            indent(top->depth + 2);
            printf("... and %zu more\n", top->count - top->shown);
        }
        tree.count--;
    }
    free(tree.frames);
    inspect_marks_free(&tree.marks);
    return r;
}
