/* SPDX-License-Identifier: MIT
 *
 * Functions in the texts that programs carry (MAYFLY_EMBED_SOURCE).
 *
 * Which text: the one of the file where the call stands, if it defines a function of that name;
 * else whichever text of the process does, if there is but one. A pointer alone has a name if the
 * loader knows it (dladdr), or the debug information.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "locate.h"
#include "read.h"

struct search {
    const char *name;
    size_t size;
    const char *file;   /* NULL: any */
    const void *module; /* NULL: any */
    const struct mfi_wanted *wanted;
    struct mfi_embedded found;
    const char *other; /* the path of another one */
    size_t count;
    int code;
};

/* Whether a text may define a function: its name is there, before a parenthesis. The tokens tell
 * for sure; this keeps texts from being taken to pieces for nothing. */
static bool may_define(const struct mfi_embedded *text, const char *name, size_t size) {
    const char *at = text->text, *end = text->text + text->size;
    while ((at = memmem(at, (size_t)(end - at), name, size)) != NULL) {
        const char *next = at + size;
        while (next < end && (*next == ' ' || *next == '\t' || *next == '\n' || *next == ')'))
            next++;
        if (next < end && *next == '(')
            return true;
        at += size;
    }
    return false;
}

static int defines(struct search *s, const struct mfi_embedded *text) {
    struct mfi_graph graph;
    uint32_t file, name;
    char *symbol = mfi_format("%.*s", (int)s->size, s->name);
    int r = symbol != NULL ? mfi_graph_init(&graph) : -ENOMEM;
    if (r < 0) {
        free(symbol);
        return r;
    }
    r = mfi_graph_add(&graph, text->path, text->text, text->size, NULL, 0, &file);
    if (r == 0) {
        mfi_graph_declare(&graph);
        r = mfi_find_function(&graph, symbol, 0, &name) != MFI_NONE;
    }
    mfi_graph_free(&graph);
    free(symbol);
    return r;
}

static int look(const struct mfi_embedded *text, void *context) {
    struct search *s = context;
    if (s->module != NULL && text->module != s->module)
        return 0;
    if (s->file != NULL && strcmp(s->file, text->path) != 0)
        return 0;
    if (s->wanted->program != NULL && !mfi_is_of_unit(s->wanted->name, text->path))
        return 0;
    if (!may_define(text, s->name, s->size))
        return 0;
    const int r = defines(s, text);
    if (r < 0)
        return s->code = r;
    if (r > 0 && s->count > 0 && strcmp(text->path, s->found.path) == 0 &&
        text->size == s->found.size && memcmp(text->text, s->found.text, text->size) == 0)
        return 0; /* the same text twice: a file that is linked into two modules */
    if (r > 0 && s->count++ == 0)
        s->found = *text;
    else if (r > 0)
        s->other = text->path;
    return 0;
}

static int fill(const struct mfi_embedded *text, const char *name, size_t size,
                struct mfi_origin *ret, mayfly_error *error) {
    ret->path = mfi_path_below(text->dir, text->path);
    ret->symbol = mfi_format("%.*s", (int)size, name);
    ret->text = text->text;
    ret->size = text->size;
    ret->embedded = true;
    ret->module = text->module;
    if (ret->path == NULL || ret->symbol == NULL ||
        mfi_flags_parse(&ret->flags, text->flags, text->dir) < 0)
        return mfi_fail_memory(error, text->size);
    return 1;
}

bool mfi_is_of_unit(const char *name, const char *path) {
    const char *colon = strrchr(name, ':');
    const size_t size = colon != NULL ? (size_t)(colon - name) : 0, whole = strlen(path);
    return size == 0 || (whole >= size && memcmp(path + whole - size, name, size) == 0 &&
                         (whole == size || path[whole - size - 1] == '/'));
}

char *mfi_plain_name(const char *name) {
    const char *colon = strrchr(name, ':');
    const char *from = colon != NULL ? colon + 1 : name;
    from += strspn(from, " &(");
    const size_t size =
        strspn(from, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$");
    const char *rest = from + size;
    return size > 0 && strspn(rest, " )") == strlen(rest) ? mfi_format("%.*s", (int)size, from)
                                                          : NULL;
}

int mfi_locate_embedded(const struct mfi_wanted *wanted, const char *name, bool here,
                        const void *module, struct mfi_origin *ret, mayfly_error *error) {
    struct search s = {.name = name,
                       .size = strlen(name),
                       .wanted = wanted,
                       .file = here ? wanted->file : NULL,
                       .module = module};
    if (wanted->image != NULL)
        (void)mfi_each_embedded_in(wanted->image, wanted->image_size, look, &s);
    else
        (void)mfi_each_embedded(look, &s);
    if (s.code < 0)
        return mfi_fail_memory(error, 0);
    if (s.count > 1)
        return mfi_fail(
            error, MAYFLY_E_AMBIGUOUS, "dump source", name,
            "%zu texts have a function of that name, such as %s and %s: %s", s.count, s.found.path,
            s.other, wanted->image != NULL ? "ask for FILE:NAME" : "dump it where it is defined");
    return s.count == 1 ? fill(&s.found, s.name, s.size, ret, error) : 0;
}
