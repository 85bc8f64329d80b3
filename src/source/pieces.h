/* SPDX-License-Identifier: MIT
 *
 * The unit and its headers in top-level pieces, and which piece gives which names: the graph in
 * which the closure is looked for.
 */
#ifndef MFI_SOURCE_PIECES_H
#define MFI_SOURCE_PIECES_H

#include "tokens.h"

enum mfi_piece_kind {
    MFI_PIECE_CODE,    /* a declaration or definition; glued to a conditional that cuts it */
    MFI_PIECE_DEFINE,  /* #define */
    MFI_PIECE_UNDEF,   /* #undef */
    MFI_PIECE_INCLUDE, /* #include */
    MFI_PIECE_COND,    /* #if, #elif, #else, #endif between pieces */
    MFI_PIECE_PRAGMA,  /* #pragma */
    MFI_PIECE_OTHER,   /* #error and the like */
};

struct mfi_piece {
    enum mfi_piece_kind kind;
    uint32_t file;
    uint32_t first, end; /* tokens */
    uint32_t group;      /* the innermost conditional that it is in; of COND: its own */
    uint32_t included;   /* INCLUDE: the header as a file of the graph, or MFI_NONE */
    bool function;       /* it has a function's body */
    bool kept;
};

/* #if ... #endif between pieces. */
struct mfi_group {
    uint32_t parent;
    uint32_t first, last; /* the pieces #if and #endif */
    bool kept;
};

struct mfi_source_file {
    char *path;
    const char *text;
    size_t size;
    char *owned; /* the text, if it is this one's to free */
    struct mfi_tokens tokens;
    uint32_t first_piece, end_piece;
    uint32_t bring; /* the include of the unit that brings it, counted from 1; 0: the unit */
    bool needed;    /* closure: all that it names */
};

/* That a piece gives a name; a list for each name. */
struct mfi_giving {
    uint32_t piece;
    uint32_t next;
};

struct mfi_graph {
    struct mfi_names names;
    struct mfi_source_file *files; /* the first is the unit */
    uint32_t file_count, file_room;
    struct mfi_piece *pieces;
    uint32_t piece_count, piece_room;
    struct mfi_group *groups;
    uint32_t group_count, group_room;
    struct mfi_giving *definitions;
    uint32_t definition_count, definition_room;
    uint32_t *work; /* closure: pieces that are kept and were not looked at */
    uint32_t work_count, work_room;
    uint32_t budget;    /* expand.c: how much may still be expanded */
    const char *unsure; /* why the closure may lack something; NULL: it does not */
    bool failed;        /* no memory */
    char missing[128];  /* a header of the project that was not found, or "" */
};

int mfi_graph_init(struct mfi_graph *graph);
void mfi_graph_free(struct mfi_graph *graph);

/* Makes room for one more of an array that grows by doubling. false: no memory, graph->failed. */
bool mfi_graph_room(struct mfi_graph *graph, void *list_at, uint32_t count, uint32_t *room,
                    size_t each);

/* Adds a file and takes it to pieces. `path` and `text` are copied or taken as told: `owned` (or
 * NULL) is freed with the graph. Gives the file's number in *ret; 0 or -ENOMEM, -EFBIG. */
int mfi_graph_add(struct mfi_graph *graph, const char *path, const char *text, size_t size,
                  char *owned, uint32_t bring, uint32_t *ret);

/* Notes which names each piece gives (names.c); after the last file was added. */
void mfi_graph_declare(struct mfi_graph *graph);

/* A file's tokens in order, skipping directives, with depths that take the branches of
 * conditionals for alternatives of one another. */
enum { MFI_WALK_MOST = 64 };
struct mfi_walk {
    const struct mfi_token *list;
    uint32_t at, end; /* the token; next: the one to look at */
    uint32_t next;
    uint32_t braces, parens; /* before the token; square brackets count as parentheses */
    uint32_t level;
    struct {
        uint32_t braces, parens;
    } saved[MFI_WALK_MOST];
    uint32_t directive; /* the directive that was passed last, or MFI_NONE */
};

void mfi_walk_start(struct mfi_walk *walk, const struct mfi_tokens *tokens, uint32_t first,
                    uint32_t end);
/* Moves to the next token; false: there is none. */
bool mfi_walk_next(struct mfi_walk *walk);

static inline const struct mfi_token *mfi_tokens_of(const struct mfi_graph *graph,
                                                    const struct mfi_piece *piece) {
    return graph->files[piece->file].tokens.list;
}

/* Where a piece lies in its file's text. */
static inline uint32_t mfi_piece_start(const struct mfi_graph *graph,
                                       const struct mfi_piece *piece) {
    return mfi_tokens_of(graph, piece)[piece->first].start;
}
uint32_t mfi_piece_stop(const struct mfi_graph *graph, const struct mfi_piece *piece);

/* Adds that a piece gives a name. */
void mfi_define(struct mfi_graph *graph, uint32_t name, uint32_t piece);

/* ---- macros (expand.c) ----------------------------------------------------------------------- */

/* Calls `give` for each name that comes out of the call of a macro by pasting, at the token `at` of
 * a file. Nothing where it is no call of a macro that pastes. With `arguments`, also for the names
 * among its arguments. */
void mfi_expand(struct mfi_graph *graph, uint32_t file, uint32_t at, uint32_t end, bool arguments,
                void (*give)(struct mfi_graph *graph, uint32_t name, void *context), void *context);

/* Whether the name is of a macro with parameters. */
bool mfi_is_call(const struct mfi_graph *graph, uint32_t name);

/* ---- closure (closure.c) --------------------------------------------------------------------- */

/* Keeps the piece and all that it needs. */
void mfi_keep(struct mfi_graph *graph, uint32_t piece);
void mfi_need(struct mfi_graph *graph, uint32_t name);
/* Marks what a function needs, beginning with the pieces that give its name. */
void mfi_closure(struct mfi_graph *graph, uint32_t name, uint32_t piece);

#endif
