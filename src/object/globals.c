/* SPDX-License-Identifier: MIT
 *
 * What a pickle names, and what it may name.
 *
 * Every global is noted when the machine makes it, not looked for in the finished value: so what
 * is thrown away again, or comes out of the memo under another number, is listed as well. Calls
 * that fetch something by a name (getattr, importlib.import_module, ...) are listed as what they
 * fetch, as far as their arguments tell; a policy refuses them always, because a name that is
 * computed cannot be checked.
 */
#define _GNU_SOURCE
#include "globals.h"

#include <stdio.h>
#include <stdlib.h>

/* With the list that is made of them when it is asked for. */
enum { USE_BYTES = sizeof(struct mfi_use) + sizeof(mayfly_global_use) };

int mfi_uses_note(mayfly_doc *doc, mayfly_value value, uint64_t offset, unsigned flags) {
    if (doc->uses == NULL && (doc->uses = mfi_sys.calloc(1, sizeof *doc->uses)) == NULL)
        return mfi_doc_fail(doc, -ENOMEM, "no memory for the list of globals");
    struct mfi_uses *uses = doc->uses;
    if (uses->count == uses->capacity) {
        const size_t capacity = uses->capacity == 0 ? 16 : 2 * uses->capacity;
        const size_t more = (capacity - uses->capacity) * USE_BYTES;
        if (more > doc->max_bytes - doc->bytes)
            return mfi_doc_fail(doc, MAYFLY_E_LIMIT, "the globals need more than max_bytes (%llu)",
                                (unsigned long long)doc->max_bytes);
        struct mfi_use *grown = mfi_sys.realloc(uses->uses, capacity * sizeof *grown);
        if (grown == NULL)
            return mfi_doc_fail(doc, -ENOMEM, "no memory for the list of globals");
        doc->bytes += more;
        uses->uses = grown;
        uses->capacity = capacity;
    }
    uses->uses[uses->count++] =
        (struct mfi_use){.value = value, .use = {.offset = offset, .flags = flags}};
    return 0;
}

void mfi_uses_free(mayfly_doc *doc) {
    struct mfi_uses *uses = doc->uses;
    doc->uses = NULL;
    if (uses == NULL)
        return;
    doc->bytes -= uses->capacity * USE_BYTES;
    free(uses->uses);
    free(uses->list);
    free(uses);
}

/* ---- names that are computed ----------------------------------------------------------------- */

/* Functions whose result is what they are asked for by name. */
static const struct {
    const char *module, *name;
} fetchers[] = {
    {"builtins", "getattr"},      {"builtins", "__import__"},
    {"builtins", "eval"},         {"builtins", "exec"},
    {"builtins", "vars"},         {"builtins", "globals"},
    {"operator", "attrgetter"},   {"operator", "methodcaller"},
    {"operator", "itemgetter"},   {"importlib", "import_module"},
    {"importlib", "__import__"},  {"importlib._bootstrap", "_gcd_import"},
    {"pkgutil", "resolve_name"},  {"functools", "partial"},
    {"types", "FunctionType"},    {"types", "CodeType"},
    {"pydoc", "locate"},          {"dill._dill", "_import_module"},
    {"dill._dill", "_get_attr"},  {"dill._dill", "_eval_repr"},
    {"dill._dill", "_load_type"},
};

int mfi_uses_call(mayfly_doc *doc, mayfly_value call, uint64_t offset) {
    const struct mfi_object *object = mfi_node_of(call);
    /* what a call gave is called: attrgetter(..)(..) */
    if (mfi_is(object->callable, MAYFLY_OBJECT))
        return mfi_uses_note(doc, call, offset, MAYFLY_GLOBAL_COMPUTED | MAYFLY_GLOBAL_CALLED);
    for (size_t i = 0; i < MFI_LENGTH(fetchers); i++)
        if (mfi_global_is(object->callable, fetchers[i].module, fetchers[i].name))
            return mfi_uses_note(doc, call, offset, MAYFLY_GLOBAL_COMPUTED);
    return 0;
}

static mayfly_value short_text(mayfly_doc *doc, mayfly_value v) {
    char *text = NULL;
    mayfly_value made = mfi_word(0);
    if (mayfly_repr(v, &(mayfly_repr_options){.max_bytes = 200, .max_depth = 8}, &text, NULL,
                    NULL) == 0)
        made = mayfly_str_new(doc, text, MAYFLY_ALL);
    free(text);
    return made;
}

/* What the last of a call's arguments names: getattr(os, "system") -> system. */
static void describe_call(mayfly_doc *doc, mayfly_value call, mayfly_global_use *use) {
    const mayfly_value arguments = mayfly_object_arguments(call);
    const size_t count = mayfly_count(arguments);
    const mayfly_value first = mayfly_item(arguments, 0);
    const mayfly_value last = count == 0 ? mfi_word(0) : mayfly_item(arguments, count - 1);
    const char *name = mayfly_str_get(last, NULL);
    if (count == 2 && name != NULL && mayfly_global_module(first) != NULL) {
        use->module = mayfly_global_module(first);
        use->name = mayfly_str_get(short_text(doc, call), NULL);
    } else {
        use->module = "";
        use->name = mayfly_str_get(short_text(doc, call), NULL);
    }
}

/* A name with a NUL in it is not what a C program sees of it. */
static bool is_cut(mayfly_value text) {
    size_t size;
    const char *data = mayfly_str_get(text, &size);
    return data != NULL && strlen(data) != size;
}

static void describe(mayfly_doc *doc, struct mfi_use *u) {
    mayfly_global_use *use = &u->use;
    if (mfi_is(u->value, MAYFLY_EXTENSION)) {
        use->module = "";
        use->name = mayfly_str_get(short_text(doc, u->value), NULL);
        use->flags |= MAYFLY_GLOBAL_EXTENSION;
    } else if (mfi_is(u->value, MAYFLY_OBJECT)) {
        describe_call(doc, u->value, use);
    } else {
        use->module = mayfly_global_module(u->value);
        use->name = mayfly_global_name(u->value);
        if (is_cut(mfi_part(u->value, 0)) || is_cut(mfi_part(u->value, 1)))
            use->flags |= MAYFLY_GLOBAL_COMPUTED;
        if (use->module == NULL)
            use->module = mayfly_str_get(short_text(doc, mfi_part(u->value, 0)), NULL);
        if (use->name == NULL)
            use->name = mayfly_str_get(short_text(doc, mfi_part(u->value, 1)), NULL);
    }
    if (mfi_node_flags(mfi_node_of(u->value)) & MFI_CALLED)
        use->flags |= MAYFLY_GLOBAL_CALLED;
}

/* A number for the name, so that each is listed once. */
static uint64_t key_of(const mayfly_global_use *use) {
    uint64_t h = 14695981039346656037u;
    const char *const texts[] = {use->module, use->name};
    for (size_t i = 0; i < 2; i++)
        for (const char *at = texts[i];; at++) {
            h = (h ^ (unsigned char)*at) * 1099511628211u;
            if (*at == '\0')
                break;
        }
    return h == 0 ? 1 : h;
}

static bool same_name(const mayfly_global_use *a, const mayfly_global_use *b) {
    return strcmp(a->module, b->module) == 0 && strcmp(a->name, b->name) == 0;
}

/* Adds a use to the list, or its flags to the one that has the name already. */
static int add_use(struct mfi_uses *uses, struct mfi_map *seen, const mayfly_global_use *use) {
    uint64_t key = key_of(use);
    for (;; key++) {
        uint64_t *at = mfi_map_at(seen, key == 0 ? 1 : key);
        if (at == NULL)
            return -ENOMEM;
        if (*at == 0) {
            uses->list[uses->told++] = *use;
            *at = uses->told;
            return 0;
        }
        mayfly_global_use *known = &uses->list[*at - 1];
        if (same_name(known, use)) {
            known->flags |= use->flags;
            return 0;
        }
    }
}

int mayfly_doc_globals(mayfly_doc *doc, const mayfly_global_use **ret, size_t *ret_count,
                       mayfly_error *error) {
    struct mfi_uses *uses = doc->uses;
    *ret = NULL;
    *ret_count = 0;
    if (uses == NULL)
        return 0;
    mfi_auto_map seen = {0};
    free(uses->list);
    uses->told = 0;
    uses->list = mfi_sys.calloc(uses->count, sizeof *uses->list);
    if (uses->list == NULL)
        return mfi_fail_memory(error, uses->count * sizeof *uses->list);
    for (size_t i = 0; i < uses->count; i++) {
        describe(doc, &uses->uses[i]);
        const mayfly_global_use *use = &uses->uses[i].use;
        if (use->module == NULL || use->name == NULL || add_use(uses, &seen, use) < 0)
            return mfi_fail_memory(error, sizeof *use);
    }
    *ret = uses->list;
    *ret_count = uses->told;
    return 0;
}

/* ---- policies -------------------------------------------------------------------------------- */

struct mayfly_policy {
    char *text;         /* module\0name\0 ... */
    const char **pairs; /* module, name, module, name, ... */
    size_t count;
};

void mayfly_policy_free(mayfly_policy **policy_at) {
    mayfly_policy *policy = *policy_at;
    *policy_at = NULL;
    if (policy == NULL)
        return;
    free(policy->text);
    free(policy->pairs);
    free(policy);
}

void mayfly_policy_auto(mayfly_policy **policy) {
    mayfly_policy_free(policy);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* One line, without its end: two words parted by a blank or a colon. */
static int add_line(mayfly_policy *policy, char *line) {
    line[strcspn(line, "#")] = '\0';
    size_t end = strlen(line);
    while (end > 0 && is_blank(line[end - 1]))
        line[--end] = '\0';
    while (is_blank(*line))
        line++;
    if (*line == '\0')
        return 0;
    char *name = line + strcspn(line, " \t:");
    if (*name == '\0' || name == line)
        return -EINVAL;
    *name++ = '\0';
    while (is_blank(*name))
        name++;
    if (*name == '\0' || strpbrk(name, " \t:") != NULL)
        return -EINVAL;
    policy->pairs[2 * policy->count] = line;
    policy->pairs[2 * policy->count++ + 1] = name;
    return 0;
}

static size_t line_count(const char *text, size_t size) {
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

int mayfly_policy_new(const char *text, size_t size, mayfly_policy **ret, mayfly_error *error) {
    mayfly_auto(mayfly_policy) policy = mfi_sys.calloc(1, sizeof *policy);
    if (size == MAYFLY_ALL)
        size = strlen(text);
    if (policy == NULL)
        return mfi_fail_memory(error, sizeof *policy);
    policy->text = mfi_sys.malloc(size + 1);
    policy->pairs = mfi_sys.calloc(line_count(text, size), 2 * sizeof *policy->pairs);
    if (policy->text == NULL || policy->pairs == NULL)
        return mfi_fail_memory(error, size);
    memcpy(policy->text, text, size);
    policy->text[size] = '\0';
    unsigned long number = 1;
    for (char *line = policy->text, *next; line != NULL; line = next, number++) {
        next = memchr(line, '\n', (size_t)(policy->text + size - line));
        if (next != NULL)
            *next++ = '\0';
        if (add_line(policy, line) < 0)
            return mfi_fail(error, MAYFLY_E_SYNTAX, "policy", NULL,
                            "line %lu is not \"module name\", nor a comment that begins with #",
                            number);
    }
    *ret = mfi_take(policy);
    return 0;
}

bool mayfly_policy_allows(const mayfly_policy *policy, const char *module, const char *name) {
    for (size_t i = 0; i < policy->count; i++)
        if (strcmp(policy->pairs[2 * i], module) == 0 &&
            strcmp(policy->pairs[2 * i + 1], name) == 0)
            return true;
    return false;
}

int mayfly_doc_check(mayfly_doc *doc, const mayfly_policy *policy, mayfly_error *error) {
    const mayfly_global_use *uses;
    size_t count;
    const int r = mayfly_doc_globals(doc, &uses, &count, error);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        const bool unknown =
            (uses[i].flags & (MAYFLY_GLOBAL_COMPUTED | MAYFLY_GLOBAL_EXTENSION)) != 0;
        if (unknown || !mayfly_policy_allows(policy, uses[i].module, uses[i].name))
            return mfi_fail_at(
                error, MAYFLY_E_POLICY, "policy", NULL, (int64_t)uses[i].offset, "%s%s%s is %s",
                mfi_quote(uses[i].module, strlen(uses[i].module)).text,
                uses[i].module[0] ? " " : "", mfi_quote(uses[i].name, strlen(uses[i].name)).text,
                unknown ? "known only when it is loaded, so no policy can allow it"
                        : "not allowed");
    }
    return 0;
}
