/* SPDX-License-Identifier: MIT
 *
 * The project's headers: those that lie beside the unit or where the flags say. What lies nowhere
 * there, or where the system keeps its own, is the system's and not read.
 */
#include <stdlib.h>

#include "extract.h"
#include "read.h"

enum { MOST_FILES = 3000, MOST_IDENTITIES = MOST_FILES };

struct search {
    struct mfi_graph *graph;
    const struct mfi_origin *unit;
    const char *dirs[256];
    size_t dir_count, quote_count; /* the first quote_count ones are for "..." only */
    struct {
        uint64_t device, inode;
        uint32_t file;
    } * seen;
    size_t seen_count;
    int64_t newest;
    int code;
    mayfly_error *error;
};

static bool is_system(const char *dir) {
    static const char *const system[] = {"/usr/include", "/usr/lib/", "/usr/local/include"};
    for (size_t i = 0; i < MFI_LENGTH(system); i++)
        if (strncmp(dir, system[i], strlen(system[i])) == 0)
            return true;
    return false;
}

static void add_dir(struct search *s, const char *dir) {
    if (s->dir_count < MFI_LENGTH(s->dirs) && !is_system(dir))
        s->dirs[s->dir_count++] = dir;
}

/* -I has its directory in the word, the others have it behind. */
static void add_dirs(struct search *s, const char *flag) {
    const struct mfi_flags *flags = &s->unit->flags;
    const bool glued = strcmp(flag, "-I") == 0;
    for (size_t i = 0; i < flags->count; i++) {
        if (glued && strncmp(flags->items[i], flag, 2) == 0)
            add_dir(s, flags->items[i] + 2);
        else if (!glued && strcmp(flags->items[i], flag) == 0 && i + 1 < flags->count)
            add_dir(s, flags->items[i + 1]);
    }
}

struct embedded_search {
    const char *path;
    const void *module;
    struct mfi_embedded found;
};

/* A header that the program carries, by its path as far as both are known. */
static int match_embedded(const struct mfi_embedded *text, void *context) {
    struct embedded_search *search = context;
    char *whole = mfi_path_below(text->dir, text->path);
    const bool same = whole != NULL &&
                      (strcmp(whole, search->path) == 0 || strcmp(text->path, search->path) == 0);
    free(whole);
    if (same && (search->module == NULL || search->module == text->module))
        search->found = *text;
    return same;
}

static void add_file(struct search *s, const char *path, const char *text, size_t size, char *owned,
                     uint32_t bring, uint32_t *ret) {
    const int r = mfi_graph_add(s->graph, path, text, size, owned, bring, ret);
    if (r < 0)
        s->code = mfi_fail(s->error, r, "read", path,
                           r == -EFBIG ? "it is too large" : "no memory for its tokens");
}

/* Adds the file if it exists; MFI_NONE: it does not. */
static uint32_t try_file(struct search *s, char *path, uint32_t bring) {
    uint32_t number = MFI_NONE;
    struct mfi_text text;
    if (path == NULL || s->graph->file_count >= MOST_FILES)
        return MFI_NONE;
    struct embedded_search search = {.path = path, .module = s->unit->module};
    if (s->unit->embedded && mfi_each_embedded(match_embedded, &search) != 0) {
        for (uint32_t f = 0; f < s->graph->file_count; f++)
            if (s->graph->files[f].text == search.found.text)
                return f;
        add_file(s, path, search.found.text, search.found.size, NULL, bring, &number);
        return number;
    }
    if (mfi_read_text(path, &text, NULL) < 0)
        return MFI_NONE;
    for (size_t i = 0; i < s->seen_count; i++)
        if (s->seen[i].inode == text.inode && s->seen[i].device == text.device) {
            free(text.data);
            return s->seen[i].file;
        }
    if (text.changed > s->newest)
        s->newest = text.changed;
    add_file(s, path, text.data, text.size, text.data, bring, &number);
    if (s->code == 0) {
        s->seen[s->seen_count].inode = text.inode;
        s->seen[s->seen_count].device = text.device;
        s->seen[s->seen_count++].file = number;
    }
    return number;
}

/* The directory of a path, with its slash, and a name behind it. */
static char *beside(const char *path, const char *name, size_t size) {
    const char *slash = strrchr(path, '/');
    return mfi_format("%.*s%.*s", slash != NULL ? (int)(slash - path + 1) : 0, path, (int)size,
                      name);
}

static uint32_t find(struct search *s, const char *from, const char *name, size_t size, bool quoted,
                     uint32_t bring) {
    uint32_t found = MFI_NONE;
    char *path;
    if (*name == '/') {
        path = mfi_format("%.*s", (int)size, name);
        found = path != NULL && !is_system(path) ? try_file(s, path, bring) : (uint32_t)MFI_NONE;
        free(path);
        return found;
    }
    if (quoted) {
        path = beside(from, name, size);
        found = try_file(s, path, bring);
        free(path);
    }
    for (size_t i = quoted ? 0 : s->quote_count; i < s->dir_count && found == MFI_NONE; i++) {
        path = mfi_format("%s/%.*s", s->dirs[i], (int)size, name);
        found = try_file(s, path, bring);
        free(path);
    }
    return found;
}

/* One #include at a token of a file; its header, or MFI_NONE. */
static uint32_t include(struct search *s, uint32_t file, const struct mfi_token *hash,
                        uint32_t bring, bool certain) {
    const char *text = s->graph->files[file].text, *end = text + hash->start + hash->size;
    const char *at = text + hash[1].start + hash[1].size;
    while (at < end && *at != '"' && *at != '<' && (*at == ' ' || *at == '\t'))
        at++;
    const bool quoted = at < end && *at == '"';
    if (at >= end || (!quoted && *at != '<')) {
        if (file == 0)
            s->graph->unsure = "it has an #include whose header a macro names";
        return MFI_NONE;
    }
    const char *close = memchr(at + 1, quoted ? '"' : '>', (size_t)(end - at - 1));
    if (close == NULL)
        return MFI_NONE;
    const size_t size = (size_t)(close - at - 1);
    const char *from = s->graph->files[file].path;
    const uint32_t found = find(s, from, at + 1, size, quoted, bring);
    if (found == MFI_NONE && quoted && certain && s->graph->missing[0] == '\0')
        (void)snprintf(s->graph->missing, sizeof s->graph->missing, "%.*s", (int)size, at + 1);
    return found;
}

static void scan(struct search *s, uint32_t file) {
    const uint32_t first = s->graph->files[file].first_piece;
    const uint32_t end = s->graph->files[file].end_piece;
    uint32_t bring = s->graph->files[file].bring, count = 0;
    for (uint32_t i = first; i < end && s->code == 0; i++) {
        const struct mfi_piece piece = s->graph->pieces[i];
        const struct mfi_token *list = mfi_tokens_of(s->graph, &piece);
        if (piece.kind == MFI_PIECE_INCLUDE) {
            if (file == 0)
                bring = ++count;
            const bool next = mfi_directive(&list[piece.first]) == MFI_W_include_next;
            const uint32_t found = next ? (uint32_t)MFI_NONE
                                        : include(s, file, &list[piece.first], bring,
                                                  file == 0 && piece.group == MFI_NONE);
            s->graph->pieces[i].included = found;
        } else if (piece.kind == MFI_PIECE_CODE && file == 0) {
            for (uint32_t t = piece.first; t < piece.end && s->code == 0; t++) {
                list = mfi_tokens_of(s->graph, &piece);
                if (list[t].kind == MFI_T_DIRECTIVE && mfi_directive(&list[t]) == MFI_W_include)
                    (void)include(s, file, &list[t], bring != 0 ? bring : 1, false);
            }
        }
    }
}

int mfi_headers(struct mfi_graph *graph, const struct mfi_origin *unit, int64_t *ret_newest,
                mayfly_error *error) {
    struct search *s = mfi_sys.calloc(1, sizeof *s);
    if (s == NULL)
        return mfi_fail_memory(error, sizeof *s);
    *s = (struct search){.graph = graph, .unit = unit, .error = error};
    s->seen = mfi_sys.malloc(MOST_IDENTITIES * sizeof *s->seen);
    if (s->seen == NULL)
        s->code = mfi_fail_memory(error, MOST_IDENTITIES * sizeof *s->seen);
    add_dirs(s, "-iquote");
    s->quote_count = s->dir_count;
    add_dirs(s, "-I");
    add_dirs(s, "-isystem");
    add_dirs(s, "-idirafter");
    for (uint32_t file = 0; file < graph->file_count && s->code == 0; file++)
        scan(s, file);
    const int r = s->code;
    *ret_newest = s->newest;
    free(s->seen);
    free(s);
    return r;
}
