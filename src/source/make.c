/* SPDX-License-Identifier: MIT
 *
 * One form of the text: the closure of what the function uses, the same after the preprocessor, or
 * the unit. Where a compiler is asked and finds a name missing that the unit has, that is added: so
 * what the tokens do not tell (a name in inline assembly, say) is found all the same.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "read.h"
#include "result.h"

static const char operation[] = "extract source";
enum { MOST_ROUNDS = 4 };

struct making {
    struct mfi_extraction *extraction;
    struct mfi_graph graph;
    struct mfi_flags flags; /* of the text that is written */
    struct mfi_buffer preprocessed;
    uint32_t piece, name;
    char *called, *signature;
    mayfly_source_form form;
    struct mayfly_source *ret;
    mayfly_error *error;
};

/* ---- flags that are guessed ------------------------------------------------------------------ */

/* Whether a file is what an #include of `name` brings; gives the directory's length. */
static size_t dir_of_include(const char *path, const char *name, size_t size) {
    const size_t whole = strlen(path);
    return whole > size + 1 && path[whole - size - 1] == '/' &&
                   memcmp(path + whole - size, name, size) == 0
               ? whole - size - 1
               : 0;
}

static bool is_of_system(const char *path) {
    return strncmp(path, "/usr/include/", 13) == 0 || strncmp(path, "/usr/lib/", 9) == 0 ||
           *path != '/';
}

static int add_dir(struct mfi_flags *flags, const char *flag, const char *path, size_t size) {
    mfi_auto_free char *dir = mfi_format("%.*s", (int)size, path);
    mfi_auto_free char *glued = dir != NULL ? mfi_format("-I%s", dir) : NULL;
    if (glued == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < flags->count; i++)
        if (strcmp(flags->items[i], glued) == 0 || strcmp(flags->items[i], dir) == 0)
            return 0;
    if (strcmp(flag, "-I") == 0)
        return mfi_flags_add(flags, glued);
    const int r = mfi_flags_add(flags, flag);
    return r < 0 ? r : mfi_flags_add(flags, dir);
}

/* The directory that brings the header of an #include, if there is one only. */
static int guess_include(struct mfi_flags *flags, const struct mfi_flags *files, const char *name,
                         size_t size) {
    const char *found = NULL;
    size_t found_size = 0;
    for (size_t i = 0; i < files->count; i++) {
        const size_t dir = dir_of_include(files->items[i], name, size);
        if (dir == 0)
            continue;
        if (is_of_system(files->items[i]))
            return 0; /* it may be the system's own */
        if (found == NULL || dir < found_size) {
            found = files->items[i];
            found_size = dir;
        }
    }
    return found != NULL ? add_dir(flags, "-I", found, found_size) : 0;
}

/* What the #includes of a text can only mean. */
static int guess_in(struct mfi_origin *origin, const char *text, size_t size) {
    const char *const end = text + size;
    int r = 0;
    for (const char *at = text; r == 0 && (at = memchr(at, '#', (size_t)(end - at))) != NULL;) {
        at += 1 + strspn(at + 1, " \t");
        if (strncmp(at, "include", 7) != 0)
            continue;
        at += 7 + strspn(at + 7, " \t");
        if (*at != '"' && *at != '<')
            continue;
        const size_t name = strcspn(at + 1, "\">\n");
        r = guess_include(&origin->flags, &origin->headers, at + 1, name);
    }
    return r;
}

/* Only the names of headers are known: -I for what an #include can only mean, in the unit and then
 * in them, -idirafter for the rest, so that the system's headers are not hidden by what has their
 * names. */
static int guess_flags(struct making *m) {
    struct mfi_origin *origin = &m->extraction->origin;
    int r = guess_in(origin, origin->text, origin->size);
    for (size_t i = 0; i < origin->headers.count && r == 0; i++) {
        struct mfi_text text;
        if (is_of_system(origin->headers.items[i]) ||
            mfi_read_text(origin->headers.items[i], &text, NULL) < 0)
            continue;
        r = guess_in(origin, text.data, text.size);
        free(text.data);
    }
    for (size_t i = 0; i < origin->headers.count && r == 0; i++) {
        const char *path = origin->headers.items[i], *slash = strrchr(path, '/');
        if (!is_of_system(path) && slash != NULL && slash != path)
            r = add_dir(&origin->flags, "-idirafter", path, (size_t)(slash - path));
    }
    mfi_flags_free(&origin->headers);
    return r;
}

/* ---- the graph ------------------------------------------------------------------------------- */

static int check_age(struct making *m, int64_t newest) {
    const struct mfi_extraction *e = m->extraction;
    if (e->origin.built == 0 || e->origin.embedded || e->options->changed ||
        newest <= e->origin.built)
        return 0;
    return mfi_fail(m->error, MAYFLY_E_CHANGED, operation, e->origin.path,
                    "a header of it was changed after the program was built: build it again, or "
                    "say .changed if that does not matter");
}

static int read_unit(struct making *m) {
    struct mfi_extraction *e = m->extraction;
    uint32_t file;
    int64_t newest = 0;
    int r =
        mfi_graph_add(&m->graph, e->origin.path, e->origin.text, e->origin.size, NULL, 0, &file);
    if (r == 0 && e->origin.headers.count > 0)
        r = guess_flags(m);
    if (r < 0)
        return mfi_fail_memory(m->error, e->origin.size);
    r = mfi_headers(&m->graph, &e->origin, &newest, m->error);
    return r < 0 ? r : check_age(m, newest);
}

/* Without macros and headers: what says where they are is left out. */
static int flags_after_preprocessor(struct making *m) {
    const struct mfi_flags *flags = &m->extraction->origin.flags;
    int r = 0;
    for (size_t i = 0; i < flags->count && r == 0; i++) {
        const char *flag = flags->items[i];
        if (mfi_flags_allowed(flag) == 2)
            i++;
        else if (strncmp(flag, "-I", 2) != 0 && strncmp(flag, "-D", 2) != 0 &&
                 strncmp(flag, "-U", 2) != 0)
            r = mfi_flags_add(&m->flags, flag);
    }
    return r;
}

static int read_preprocessed(struct making *m) {
    const struct mfi_extraction *e = m->extraction;
    uint32_t file;
    int r = mfi_preprocess(e->compiler, &e->origin, &m->preprocessed, m->error);
    if (r < 0)
        return r;
    if (m->preprocessed.data == NULL || flags_after_preprocessor(m) < 0 ||
        mfi_graph_add(&m->graph, e->origin.path, m->preprocessed.data, m->preprocessed.size, NULL,
                      0, &file) < 0)
        return mfi_fail_memory(m->error, m->preprocessed.size);
    return 0;
}

static int copy_flags(struct making *m) {
    const struct mfi_flags *flags = &m->extraction->origin.flags;
    int r = 0;
    /* What lies beside the unit is found there, although the text lies elsewhere. */
    const char *slash = strrchr(m->extraction->origin.path, '/');
    for (size_t i = 0; i < flags->count && r == 0; i++)
        r = mfi_flags_add(&m->flags, flags->items[i]);
    if (r == 0 && slash != NULL && slash != m->extraction->origin.path) {
        mfi_auto_free char *dir = mfi_format("%.*s", (int)(slash - m->extraction->origin.path),
                                             m->extraction->origin.path);
        r = dir != NULL ? mfi_flags_add(&m->flags, "-iquote") : -ENOMEM;
        if (r == 0)
            r = mfi_flags_add(&m->flags, dir);
    }
    return r;
}

/* ---- the function ---------------------------------------------------------------------------- */

static char *text_of(const struct mfi_graph *graph, uint32_t name) {
    return mfi_format("%.*s", (int)graph->names.names[name].size, graph->names.names[name].text);
}

static int find(struct making *m) {
    const struct mfi_origin *origin = &m->extraction->origin;
    const bool here = m->form != MAYFLY_SOURCE_PREPROCESSED && origin->within == NULL;
    m->piece = mfi_find_function(&m->graph, origin->symbol, here ? origin->line : 0, &m->name);
    if (m->piece == MFI_NONE)
        return mfi_fail(m->error, MAYFLY_E_NO_FUNCTION, operation, origin->path,
                        "there is no function %s in it: it may have been changed, or a macro makes "
                        "the function",
                        origin->symbol);
    m->called = text_of(&m->graph, m->name);
    m->signature = mfi_signature(&m->graph, m->piece, m->name, NULL);
    return m->called != NULL ? 0 : mfi_fail_memory(m->error, 0);
}

/* Why the closure may lack something. */
static int check_sure(struct making *m) {
    const struct mfi_graph *graph = &m->graph;
    if (graph->unsure != NULL)
        return mfi_fail(m->error, MAYFLY_E_EXTRACT, operation, m->extraction->origin.path, "%s",
                        graph->unsure);
    if (graph->missing[0] != '\0')
        return mfi_fail(m->error, MAYFLY_E_EXTRACT, operation, m->extraction->origin.path,
                        "its header \"%s\" is not found: give the -I that it is compiled with",
                        graph->missing);
    return 0;
}

/* ---- writing and checking -------------------------------------------------------------------- */

static int emit(struct making *m) {
    const struct mfi_extraction *e = m->extraction;
    const bool unit = m->form == MAYFLY_SOURCE_UNIT;
    const struct mfi_emission what = {
        .origin = &e->origin,
        .graph = unit ? NULL : &m->graph,
        .piece = m->piece,
        .name = m->name,
        .called = m->called,
        .alias = e->options->alias,
        .signature = m->signature,
        .flags = &m->flags,
        .form = m->form,
        .values = e->values,
        .value_count = e->value_count,
        .needs = (const char *const *)m->ret->needs.items,
    };
    m->ret->text.size = 0;
    return mfi_emit(&what, &m->ret->text, m->error);
}

/* Adds what is undefined and stands in the unit. Whether there was something. */
static bool add_missing(struct making *m, const struct mfi_buffer *undefined) {
    bool added = false;
    for (size_t at = 0; at < undefined->size; at += strlen(undefined->data + at) + 1) {
        const char *name = undefined->data + at;
        const uint32_t number = mfi_name_find(&m->graph.names, name, strlen(name));
        if (number == MFI_NONE)
            continue;
        for (uint32_t d = m->graph.names.names[number].definitions; d != MFI_NONE;
             d = m->graph.definitions[d].next) {
            const uint32_t piece = m->graph.definitions[d].piece;
            if (m->graph.pieces[piece].file == 0 && !m->graph.pieces[piece].kept) {
                added = true;
                mfi_keep(&m->graph, piece);
            }
        }
    }
    return added;
}

static int check(struct making *m) {
    const struct mfi_extraction *e = m->extraction;
    for (int round = 0;; round++) {
        mfi_auto_buffer undefined = {0};
        int r = mfi_check(e->compiler, &m->flags, m->ret->text.data, m->ret->text.size, &undefined,
                          m->error);
        if (r < 0)
            return r;
        if (m->form == MAYFLY_SOURCE_UNIT || round == MOST_ROUNDS || !add_missing(m, &undefined)) {
            if (mfi_needs_of(&undefined, &m->ret->needs) < 0)
                return mfi_fail_memory(m->error, undefined.size);
            return m->ret->needs.count > 0 ? emit(m) : 0;
        }
        mfi_closure(&m->graph, m->name, m->piece);
        r = emit(m);
        if (r < 0)
            return r;
    }
}

static int find_values(struct making *m) {
    const struct mfi_extraction *e = m->extraction;
    for (size_t i = 0; i < e->value_count; i++) {
        const char *name = e->values[i].name;
        const uint32_t number = mfi_name_find(&m->graph.names, name, strlen(name));
        if (number == MFI_NONE || m->graph.names.names[number].definitions == MFI_NONE)
            return mfi_fail(m->error, -EINVAL, operation, e->origin.path,
                            "there is no variable %s whose value could go along", name);
        mfi_need(&m->graph, number);
    }
    return 0;
}

static int make(struct making *m, bool checked) {
    int r = m->form == MAYFLY_SOURCE_PREPROCESSED ? read_preprocessed(m) : read_unit(m);
    if (r == 0 && m->form != MAYFLY_SOURCE_PREPROCESSED && copy_flags(m) < 0)
        r = mfi_fail_memory(m->error, 0);
    if (r < 0)
        return r;
    mfi_graph_declare(&m->graph);
    r = find(m);
    if (m->form == MAYFLY_SOURCE_UNIT && r == MAYFLY_E_NO_FUNCTION) {
        m->called = mfi_strdup(m->extraction->origin.symbol);
        r = m->called != NULL ? 0 : -ENOMEM;
    }
    if (r == 0)
        r = find_values(m);
    if (r < 0)
        return r;
    if (m->form != MAYFLY_SOURCE_UNIT) {
        mfi_closure(&m->graph, m->name, m->piece);
        if (!checked)
            r = check_sure(m);
        if (r == 0 && !checked && mfi_needs_guess(&m->graph, &m->ret->needs) < 0)
            r = -ENOMEM;
    }
    if (m->graph.failed)
        return mfi_fail_memory(m->error, m->graph.files[0].size);
    if (r == 0)
        r = emit(m);
    return r == 0 && checked ? check(m) : r;
}

/* Hands over what stays. */
static int finish(struct making *m) {
    struct mayfly_source *ret = m->ret;
    const struct mfi_extraction *e = m->extraction;
    struct mfi_buffer flags = {0};
    int r = mfi_flags_write(&flags, (const char *const *)m->flags.items);
    ret->flags = flags.data != NULL ? flags.data : mfi_strdup("");
    ret->name = mfi_strdup(e->options->alias != NULL ? e->options->alias : e->origin.symbol);
    ret->signature = m->signature != NULL ? mfi_take(m->signature) : mfi_strdup("");
    ret->path = mfi_strdup(e->origin.within != NULL ? e->origin.within : e->origin.path);
    ret->line = e->origin.line;
    if (ret->line == 0 && m->piece != MFI_NONE) {
        const struct mfi_piece *piece = &m->graph.pieces[m->piece];
        ret->line = mfi_tokens_of(&m->graph, piece)[piece->first].line;
    }
    ret->embedded = e->origin.embedded;
    ret->form = m->form;
    ret->unit_size = e->origin.size;
    if (r < 0 || ret->flags == NULL || ret->name == NULL || ret->signature == NULL ||
        ret->path == NULL)
        return mfi_fail_memory(m->error, 0);
    return 0;
}

int mfi_make(struct mfi_extraction *extraction, mayfly_source_form form, bool checked,
             struct mayfly_source *ret, mayfly_error *error) {
    struct making m = {.extraction = extraction,
                       .piece = MFI_NONE,
                       .name = MFI_NONE,
                       .form = form,
                       .ret = ret,
                       .error = error};
    if (mfi_graph_init(&m.graph) < 0)
        return mfi_fail_memory(error, sizeof m.graph);
    int r = make(&m, checked);
    if (r == 0)
        r = finish(&m);
    free(m.called);
    free(m.signature);
    mfi_flags_free(&m.flags);
    mfi_buffer_free(&m.preprocessed);
    mfi_graph_free(&m.graph);
    return r;
}
