/* SPDX-License-Identifier: MIT
 *
 * The transitive closure: what a function needs, by the names in what is kept.
 *
 * Headers are walked through as the unit is, because a macro or an inline function of theirs may
 * need something of the unit; but they are never copied: every #include stays.
 *
 * What is kept though nothing names it: includes; macros before an include that its header may look
 * at; pragmas between pieces. Names behind '.' and '->' are members, and need macros only.
 */
#include "pieces.h"

static void keep_group(struct mfi_graph *graph, uint32_t group);

void mfi_keep(struct mfi_graph *graph, uint32_t number) {
    struct mfi_piece *piece = &graph->pieces[number];
    if (piece->kept)
        return;
    piece->kept = true;
    if (mfi_graph_room(graph, &graph->work, graph->work_count, &graph->work_room,
                       sizeof *graph->work))
        graph->work[graph->work_count++] = number;
    keep_group(graph, piece->group);
}

static void keep_group(struct mfi_graph *graph, uint32_t group) {
    while (group != MFI_NONE && !graph->groups[group].kept) {
        struct mfi_group *g = &graph->groups[group];
        g->kept = true;
        for (uint32_t i = g->first; i <= g->last && i < graph->piece_count; i++)
            if (graph->pieces[i].kind == MFI_PIECE_COND && graph->pieces[i].group == group)
                mfi_keep(graph, i);
        group = g->parent;
    }
}

static void need(struct mfi_graph *graph, uint32_t name, bool member) {
    struct mfi_name *of = &graph->names.names[name];
    const uint8_t level = member ? 1 : 2;
    if (of->needed >= level)
        return;
    of->needed = level;
    for (uint32_t d = of->definitions; d != MFI_NONE; d = graph->definitions[d].next) {
        const uint32_t piece = graph->definitions[d].piece;
        if (!member || graph->pieces[piece].kind != MFI_PIECE_CODE)
            mfi_keep(graph, piece);
    }
}

void mfi_need(struct mfi_graph *graph, uint32_t name) {
    need(graph, name, false);
}

static void need_pasted(struct mfi_graph *graph, uint32_t name, void *context) {
    (void)context;
    mfi_need(graph, name);
}

/* __attribute__((alias("name"))) */
static void need_alias(struct mfi_graph *graph, const struct mfi_source_file *file, uint32_t at,
                       uint32_t end) {
    const struct mfi_token *list = file->tokens.list;
    if (at + 2 >= end || !mfi_is(&list[at + 1], '(') || list[at + 2].kind != MFI_T_TEXT ||
        list[at + 2].size < 2)
        return;
    const uint32_t name =
        mfi_name_find(&graph->names, file->text + list[at + 2].start + 1, list[at + 2].size - 2);
    if (name != MFI_NONE)
        mfi_need(graph, name);
}

/* Of a header and those that it includes. */
static void need_names_of(struct mfi_graph *graph, uint32_t file) {
    struct mfi_source_file *header = &graph->files[file];
    const struct mfi_token *list = header->tokens.list;
    if (header->needed)
        return;
    header->needed = true;
    for (uint32_t i = 0; i < header->tokens.count; i++)
        if (mfi_is_ident(&list[i]) && list[i].value >= MFI_WORDS)
            mfi_need(graph, list[i].value);
    for (uint32_t i = header->first_piece; i < header->end_piece; i++)
        if (graph->pieces[i].included != MFI_NONE)
            need_names_of(graph, graph->pieces[i].included);
}

/* An #include within a piece: whatever its header names may be used there. */
static void need_all_of(struct mfi_graph *graph, const struct mfi_source_file *file,
                        const struct mfi_token *hash) {
    const char *text = file->text + hash->start;
    const char *open = memchr(text, '"', hash->size);
    const char *close =
        open == NULL ? NULL : memchr(open + 1, '"', hash->size - (size_t)(open + 1 - text));
    if (close == NULL)
        return;
    const size_t size = (size_t)(close - open - 1);
    for (uint32_t f = 1; f < graph->file_count; f++) {
        const char *path = graph->files[f].path;
        const size_t whole = strlen(path);
        if (whole >= size && memcmp(path + whole - size, open + 1, size) == 0)
            need_names_of(graph, f);
    }
}

/* All names in a piece. */
static void look_at(struct mfi_graph *graph, uint32_t number) {
    const struct mfi_piece piece = graph->pieces[number];
    const struct mfi_token *list = mfi_tokens_of(graph, &piece);
    const bool code = piece.kind == MFI_PIECE_CODE;
    for (uint32_t i = piece.first; i < piece.end && !graph->failed; i++) {
        if (code && list[i].kind == MFI_T_DIRECTIVE && mfi_directive(&list[i]) == MFI_W_include)
            need_all_of(graph, &graph->files[piece.file], &list[i]);
        if (list[i].kind != MFI_T_NAME || list[i].value < MFI_W_last_keyword)
            continue;
        const bool member =
            i > piece.first && (mfi_is(&list[i - 1], '.') || mfi_is(&list[i - 1], MFI_P_ARROW));
        need(graph, list[i].value, member);
        if (code && graph->names.names[list[i].value].macro != MFI_NONE)
            mfi_expand(graph, piece.file, i, piece.end, false, need_pasted, NULL);
        if (list[i].value == MFI_W_alias || list[i].value == MFI_W_weakref)
            need_alias(graph, &graph->files[piece.file], i, piece.end);
    }
}

/* Of headers only what declares or defines: they are included anyway, but what is needed of them
 * may need something of the unit: a typedef there, the struct here. */
static bool is_worth(const struct mfi_piece *piece) {
    return piece->file == 0 || piece->kind == MFI_PIECE_DEFINE || piece->kind == MFI_PIECE_CODE;
}

/* What stands before an include, and what its header may look at. */
static void keep_before(struct mfi_graph *graph, uint32_t includes, uint32_t number,
                        uint32_t seen) {
    const struct mfi_piece *piece = &graph->pieces[number];
    const struct mfi_token *list = mfi_tokens_of(graph, piece);
    if (piece->first + 2 >= piece->end || list[piece->first + 2].kind != MFI_T_NAME)
        return;
    const struct mfi_name *name = &graph->names.names[list[piece->first + 2].value];
    /* Behind the last one of the system's headers only the project's matter. */
    if (seen < includes || name->last_header > seen)
        mfi_keep(graph, number);
}

static void keep_always(struct mfi_graph *graph) {
    const uint32_t count = graph->files[0].end_piece;
    uint32_t includes = 0, seen = 0, outer = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (graph->pieces[i].kind != MFI_PIECE_INCLUDE)
            continue;
        includes++;
        if (graph->pieces[i].included == MFI_NONE)
            outer = includes;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct mfi_piece *piece = &graph->pieces[i];
        if (piece->kind == MFI_PIECE_INCLUDE) {
            seen++;
            mfi_keep(graph, i);
        } else if (piece->kind == MFI_PIECE_PRAGMA) {
            const struct mfi_token *list = mfi_tokens_of(graph, piece);
            if (!mfi_is_word(&list[piece->first + 2], MFI_W_once))
                mfi_keep(graph, i);
        } else if (piece->kind == MFI_PIECE_DEFINE || piece->kind == MFI_PIECE_UNDEF) {
            keep_before(graph, outer, i, seen);
        } else if (piece->kind == MFI_PIECE_CODE && seen < includes) {
            /* A header that is included later may use what stands before it. */
            const struct mfi_token *list = mfi_tokens_of(graph, piece);
            for (uint32_t t = piece->first; t < piece->end; t++)
                if (mfi_is_ident(&list[t]) && graph->names.names[list[t].value].last_header > seen)
                    for (uint32_t d = graph->names.names[list[t].value].definitions; d != MFI_NONE;
                         d = graph->definitions[d].next)
                        if (graph->definitions[d].piece == i)
                            mfi_keep(graph, i);
        }
    }
}

/* Whether one of the first words of a header's function is a macro of the unit: so a unit says that
 * it is the one which has the header's inline functions (#define X_INLINE extern inline). */
static bool is_made_here(const struct mfi_graph *graph, const struct mfi_piece *piece) {
    const struct mfi_token *list = mfi_tokens_of(graph, piece);
    for (uint32_t i = piece->first; i < piece->end && i < piece->first + 2; i++) {
        if (!mfi_is_ident(&list[i]))
            continue;
        for (uint32_t d = graph->names.names[list[i].value].definitions; d != MFI_NONE;
             d = graph->definitions[d].next) {
            const struct mfi_piece *by = &graph->pieces[graph->definitions[d].piece];
            if (by->file == 0 && by->kind == MFI_PIECE_DEFINE && by->end > by->first + 3)
                return true;
        }
    }
    return false;
}

static void keep_made_here(struct mfi_graph *graph) {
    for (uint32_t i = graph->files[0].end_piece; i < graph->piece_count; i++)
        if (graph->pieces[i].function && is_made_here(graph, &graph->pieces[i]))
            mfi_keep(graph, i);
}

void mfi_closure(struct mfi_graph *graph, uint32_t name, uint32_t piece) {
    keep_always(graph);
    keep_made_here(graph);
    if (name != MFI_NONE)
        mfi_need(graph, name);
    if (piece != MFI_NONE)
        mfi_keep(graph, piece);
    while (graph->work_count > 0 && !graph->failed) {
        const uint32_t next = graph->work[--graph->work_count];
        if (is_worth(&graph->pieces[next]))
            look_at(graph, next);
    }
}
