/* SPDX-License-Identifier: MIT
 *
 * A file in top-level pieces.
 *
 * A piece is a declaration with its ';', a function with its body, or a directive. A conditional
 * (#if ... #endif) between pieces is a group; one that cuts a declaration makes one piece of all
 * that lies in it. What the compiler never sees (#if 0, #ifdef __cplusplus) is in no piece.
 *
 * States      between pieces -> in a piece -> between pieces. Within a piece the braces and
 *             parentheses that are open are counted, each branch of a conditional anew.
 * Invariant   pieces follow each other without overlapping; tokens that are in none are never
 *             needed. A file whose braces do not balance has one large last piece.
 */
#include <stdlib.h>

#include "pieces.h"

/* ---- the graph ------------------------------------------------------------------------------- */

enum { BUDGET = 400000 };

int mfi_graph_init(struct mfi_graph *graph) {
    *graph = (struct mfi_graph){.budget = BUDGET};
    return mfi_names_init(&graph->names);
}

void mfi_graph_free(struct mfi_graph *graph) {
    for (uint32_t i = 0; i < graph->file_count; i++) {
        free(graph->files[i].path);
        free(graph->files[i].owned);
        mfi_tokens_free(&graph->files[i].tokens);
    }
    free(graph->files);
    free(graph->pieces);
    free(graph->groups);
    free(graph->definitions);
    free(graph->work);
    mfi_names_free(&graph->names);
    *graph = (struct mfi_graph){0};
}

bool mfi_graph_room(struct mfi_graph *graph, void *list_at, uint32_t count, uint32_t *room,
                    size_t each) {
    if (count < *room)
        return true;
    void *list;
    memcpy(&list, list_at, sizeof list);
    const uint32_t more = *room != 0 ? *room * 2 : 256;
    list = mfi_sys.realloc(list, more * each);
    if (list == NULL) {
        graph->failed = true;
        return false;
    }
    memcpy(list_at, &list, sizeof list);
    *room = more;
    return true;
}

uint32_t mfi_piece_stop(const struct mfi_graph *graph, const struct mfi_piece *piece) {
    const struct mfi_token *list = mfi_tokens_of(graph, piece);
    const struct mfi_token *last = &list[piece->end - 1];
    uint32_t stop = last->start + last->size;
    /* The last token may belong to a directive, whose end may be a comment that goes on. */
    for (uint32_t i = piece->first; i < piece->end; i++)
        if (list[i].kind == MFI_T_DIRECTIVE && list[i].start + list[i].size > stop)
            stop = list[i].start + list[i].size;
    return stop;
}

/* ---- walking over tokens --------------------------------------------------------------------- */

void mfi_walk_start(struct mfi_walk *walk, const struct mfi_tokens *tokens, uint32_t first,
                    uint32_t end) {
    walk->list = tokens->list;
    walk->at = walk->next = first;
    walk->end = end;
    walk->braces = walk->parens = walk->level = 0;
    walk->directive = MFI_NONE;
}

/* The branches of a conditional begin at the depth that it began at. */
static void walk_directive(struct mfi_walk *walk, uint32_t word) {
    switch (word) {
    case MFI_W_if:
    case MFI_W_ifdef:
    case MFI_W_ifndef:
        if (walk->level < MFI_WALK_MOST) {
            walk->saved[walk->level].braces = walk->braces;
            walk->saved[walk->level].parens = walk->parens;
        }
        walk->level++;
        break;
    case MFI_W_elif:
    case MFI_W_else:
        if (walk->level > 0 && walk->level <= MFI_WALK_MOST) {
            walk->braces = walk->saved[walk->level - 1].braces;
            walk->parens = walk->saved[walk->level - 1].parens;
        }
        break;
    case MFI_W_endif:
        walk->level -= walk->level > 0;
        break;
    default:
        break;
    }
}

static void pass(struct mfi_walk *walk, const struct mfi_token *token) {
    if (token->kind != MFI_T_PUNCT)
        return;
    switch (token->value) {
    case '{':
        walk->braces++;
        break;
    case '}':
        walk->braces -= walk->braces > 0;
        break;
    case '(':
    case '[':
        walk->parens++;
        break;
    case ')':
    case ']':
        walk->parens -= walk->parens > 0;
        break;
    default:
        break;
    }
}

bool mfi_walk_next(struct mfi_walk *walk) {
    if (walk->next > walk->at)
        pass(walk, &walk->list[walk->at]);
    while (walk->next < walk->end && walk->list[walk->next].kind == MFI_T_DIRECTIVE) {
        walk->directive = walk->next;
        walk_directive(walk, mfi_directive(&walk->list[walk->next]));
        walk->next = walk->list[walk->next].value;
    }
    if (walk->next >= walk->end)
        return false;
    walk->at = walk->next++;
    return true;
}

/* ---- splitting ------------------------------------------------------------------------------- */

enum { MOST_LEVELS = 200 };

struct splitter {
    struct mfi_graph *graph;
    uint32_t file;
    const struct mfi_token *list;
    uint32_t at;
    uint32_t start; /* of the piece that is being read, or MFI_NONE */
    uint32_t braces, parens;
    bool assigned;  /* a '=' was there */
    bool body;      /* the braces that are open are a function's */
    bool function;  /* the piece has a function's body */
    bool ended;     /* it is at its end, but for a conditional that began in it */
    uint32_t group; /* of the next piece */
    uint32_t level;
    struct {
        bool inside; /* a piece was being read at its #if, or it cut one */
        uint32_t token, piece, group;
        uint32_t braces, parens;
        bool assigned, body;
    } levels[MOST_LEVELS];
};

static void add_piece(struct splitter *s, enum mfi_piece_kind kind, uint32_t first, uint32_t end) {
    struct mfi_graph *graph = s->graph;
    if (!mfi_graph_room(graph, &graph->pieces, graph->piece_count, &graph->piece_room,
                        sizeof *graph->pieces))
        return;
    graph->pieces[graph->piece_count++] =
        (struct mfi_piece){.kind = kind,
                           .file = s->file,
                           .first = first,
                           .end = end,
                           .group = s->group,
                           .included = MFI_NONE,
                           .function = kind == MFI_PIECE_CODE && s->function};
}

static void end_piece(struct splitter *s, uint32_t end) {
    add_piece(s, MFI_PIECE_CODE, s->start, end);
    s->start = MFI_NONE;
    s->braces = s->parens = 0;
    s->assigned = s->body = s->function = s->ended = false;
}

/* Whether a conditional that began in the piece is open. */
static bool is_within(const struct splitter *s) {
    const uint32_t l = s->level - 1;
    return s->level > 0 && l < MOST_LEVELS && s->levels[l].inside && s->levels[l].token >= s->start;
}

/* Behind its last token; what is open has to be closed in it, too. */
static void finish_piece(struct splitter *s) {
    s->at++;
    if (!is_within(s)) {
        end_piece(s, s->at);
        return;
    }
    s->ended = true;
    s->braces = s->parens = 0;
    s->assigned = s->body = false;
}

/* A definition in the old style has its parameters declared between its head and its body: those
 * pieces are a part of this one. */
static void glue_old_style(struct splitter *s) {
    struct mfi_graph *graph = s->graph;
    const uint32_t floor = graph->files[s->file].first_piece;
    for (uint32_t i = graph->piece_count, n = 0; i > floor && n < 16; i--, n++) {
        const struct mfi_piece *piece = &graph->pieces[i - 1];
        if (piece->kind != MFI_PIECE_CODE || piece->group != s->group || piece->function)
            return;
        for (uint32_t t = piece->first; t + 1 < piece->end; t++)
            if (mfi_is_ident(&s->list[t]) && mfi_is(&s->list[t + 1], '(')) {
                s->start = piece->first;
                graph->piece_count = i - 1;
                return;
            }
    }
}

/* The matching '(' of the ')' at `at`; MFI_NONE: there is none before `first`. */
static uint32_t opening(const struct mfi_token *list, uint32_t first, uint32_t at) {
    uint32_t depth = 0;
    for (uint32_t i = at + 1; i-- > first;) {
        depth += mfi_is(&list[i], ')');
        if (mfi_is(&list[i], '(') && --depth == 0)
            return i;
    }
    return MFI_NONE;
}

static bool is_attribute(const struct mfi_token *token) {
    return mfi_is_word(token, MFI_W___attribute__) || mfi_is_word(token, MFI_W___attribute) ||
           mfi_is_word(token, MFI_W__Alignas) || mfi_is_word(token, MFI_W___declspec);
}

static bool is_aggregate(const struct mfi_token *token) {
    return mfi_is_word(token, MFI_W_struct) || mfi_is_word(token, MFI_W_union) ||
           mfi_is_word(token, MFI_W_enum);
}

/* Whether the '{' at `at` begins the members of a struct, union or enum: between that word and it
 * are names and attributes only. */
static bool opens_members(const struct splitter *s, uint32_t at) {
    uint32_t names = 0;
    for (uint32_t i = at; i-- > s->start;) {
        if (is_aggregate(&s->list[i]))
            return true;
        if (mfi_is(&s->list[i], ')')) {
            const uint32_t open = opening(s->list, s->start, i);
            /* What stands directly before the brace in parentheses are parameters. */
            if (open == MFI_NONE || open == s->start ||
                (!is_attribute(&s->list[open - 1]) && names == 0))
                return false;
            i = open;
            continue;
        }
        if (s->list[i].kind != MFI_T_NAME)
            return false;
        names++;
    }
    return false;
}

/* Whether the '{' at `at` begins a function's body. */
static bool opens_body(const struct splitter *s, uint32_t at) {
    if (s->assigned || s->function)
        return s->function && !s->assigned;
    if (opens_members(s, at))
        return false;
    for (uint32_t i = s->start; i < at; i++)
        if (mfi_is(&s->list[i], '('))
            return true;
    return false;
}

static void take(struct splitter *s) {
    const struct mfi_token *token = &s->list[s->at];
    if (s->start == MFI_NONE) {
        s->start = s->at;
        if (mfi_is(token, '{'))
            glue_old_style(s);
    }
    const bool outer = s->braces == 0 && s->parens == 0;
    s->ended = false;
    if (token->kind == MFI_T_PUNCT) {
        switch (token->value) {
        case '{':
            if (outer)
                s->function |= s->body = opens_body(s, s->at);
            s->braces++;
            break;
        case '}':
            s->braces -= s->braces > 0;
            if (s->braces == 0 && (s->body || s->at == s->start)) {
                finish_piece(s);
                return;
            }
            break;
        case '(':
        case '[':
            s->parens++;
            break;
        case ')':
        case ']':
            s->parens -= s->parens > 0;
            break;
        case '=':
            s->assigned |= outer;
            break;
        case ';':
            if (outer) {
                finish_piece(s);
                return;
            }
            break;
        default:
            break;
        }
    }
    s->at++;
}

/* ---- conditionals ---------------------------------------------------------------------------- */

/* Whether a branch is never compiled: #if 0, and what is for C++. */
static bool is_dead(const struct mfi_token *hash, const char *text, bool *ret_else) {
    const uint32_t word = mfi_directive(hash);
    *ret_else = false;
    const struct mfi_token *what = &hash[2];
    if (what->start >= hash->start + hash->size)
        return false;
    const bool only = what->start + what->size == hash->start + hash->size;
    if (word == MFI_W_ifndef) {
        *ret_else = mfi_is_word(what, MFI_W___cplusplus);
        return false;
    }
    if (word == MFI_W_ifdef)
        return mfi_is_word(what, MFI_W___cplusplus);
    if (what->kind == MFI_T_NUMBER && only)
        return what->size == 1 && text[what->start] == '0';
    if (!mfi_is_word(what, MFI_W_defined))
        return false;
    const bool closed = mfi_is(&what[1], '(');
    const struct mfi_token *name = closed ? &what[2] : &what[1];
    if (!mfi_is_word(name, MFI_W___cplusplus))
        return false;
    const struct mfi_token *last = closed ? &name[1] : name;
    return last->start + last->size == hash->start + hash->size;
}

/* Goes to the #elif, #else or #endif of the branch that begins at `at`. */
static uint32_t skip_branch(const struct splitter *s, uint32_t at) {
    uint32_t depth = 0;
    while (s->list[at].kind != MFI_T_END) {
        if (s->list[at].kind != MFI_T_DIRECTIVE) {
            at++;
            continue;
        }
        const uint32_t word = mfi_directive(&s->list[at]);
        if (depth == 0 && (word == MFI_W_elif || word == MFI_W_else || word == MFI_W_endif))
            return at;
        depth += word == MFI_W_if || word == MFI_W_ifdef || word == MFI_W_ifndef;
        depth -= word == MFI_W_endif;
        at = s->list[at].value;
    }
    return at;
}

static void begin_group(struct splitter *s) {
    struct mfi_graph *graph = s->graph;
    if (!mfi_graph_room(graph, &graph->groups, graph->group_count, &graph->group_room,
                        sizeof *graph->groups))
        return;
    graph->groups[graph->group_count] = (struct mfi_group){
        .parent = s->group, .first = graph->piece_count, .last = graph->piece_count};
    s->group = graph->group_count++;
    add_piece(s, MFI_PIECE_COND, s->at, s->list[s->at].value);
}

static void begin_level(struct splitter *s) {
    if (s->level < MOST_LEVELS) {
        s->levels[s->level].inside = s->start != MFI_NONE;
        s->levels[s->level].token = s->at;
        s->levels[s->level].piece = s->graph->piece_count;
        s->levels[s->level].group = s->group;
        s->levels[s->level].braces = s->braces;
        s->levels[s->level].parens = s->parens;
        s->levels[s->level].assigned = s->assigned;
        s->levels[s->level].body = s->body;
        if (s->start == MFI_NONE)
            begin_group(s);
    } else {
        s->graph->unsure = "its conditionals are too deep";
    }
    s->level++;
}

/* Whether what is being read is but macros that stand by themselves (END_DECLS), without ';'. */
static bool is_bare(const struct splitter *s, uint32_t end) {
    for (uint32_t i = s->start; i < end; i++)
        if (!mfi_is_ident(&s->list[i]))
            return false;
    return true;
}

/* Whether there is nothing but the ends of conditionals from a directive on. */
static bool is_last(const struct splitter *s, uint32_t at) {
    while (s->list[at].kind == MFI_T_DIRECTIVE && mfi_directive(&s->list[at]) == MFI_W_endif)
        at = s->list[at].value;
    return s->list[at].kind == MFI_T_END;
}

/* A piece that began in this conditional goes on beyond the branch: all since #if is one. */
static void cut(struct splitter *s) {
    const uint32_t l = s->level - 1;
    if (s->levels[l].inside || s->start == MFI_NONE)
        return;
    if (is_last(s, s->at) && is_bare(s, s->at)) {
        end_piece(s, s->at);
        return;
    }
    s->levels[l].inside = true;
    s->start = s->levels[l].token;
    s->graph->piece_count = s->levels[l].piece;
    s->group = s->levels[l].group;
}

static void next_branch(struct splitter *s, bool ends) {
    const uint32_t l = s->level - 1;
    if (l >= MOST_LEVELS) {
        s->level -= ends;
        return;
    }
    cut(s);
    if (s->levels[l].inside) {
        /* Behind #endif it goes on as the last branch left it. */
        if (!ends && s->start != MFI_NONE) {
            s->braces = s->levels[l].braces;
            s->parens = s->levels[l].parens;
            s->assigned = s->levels[l].assigned;
            s->body = s->levels[l].body;
        }
    } else {
        struct mfi_graph *graph = s->graph;
        add_piece(s, MFI_PIECE_COND, s->at, s->list[s->at].value);
        if (!graph->failed)
            graph->groups[s->group].last = graph->piece_count - 1;
        if (ends)
            s->group = s->levels[l].group;
    }
    s->level -= ends;
}

static enum mfi_piece_kind kind_of(uint32_t word) {
    switch (word) {
    case MFI_W_define:
        return MFI_PIECE_DEFINE;
    case MFI_W_undef:
        return MFI_PIECE_UNDEF;
    case MFI_W_include:
    case MFI_W_include_next:
    case MFI_W_import:
        return MFI_PIECE_INCLUDE;
    case MFI_W_pragma:
        return MFI_PIECE_PRAGMA;
    default:
        return MFI_PIECE_OTHER;
    }
}

static void take_directive(struct splitter *s) {
    const struct mfi_token *hash = &s->list[s->at];
    const uint32_t word = mfi_directive(hash), after = hash->value;
    const char *text = s->graph->files[s->file].text;
    bool dead = false, dead_else = false;
    if (word == MFI_W_if || word == MFI_W_ifdef || word == MFI_W_ifndef) {
        begin_level(s);
        dead = is_dead(hash, text, &dead_else);
    } else if (word == MFI_W_elif || word == MFI_W_else || word == MFI_W_endif) {
        if (s->level > 0)
            next_branch(s, word == MFI_W_endif);
        if (word == MFI_W_endif && s->ended && s->start != MFI_NONE && !is_within(s))
            end_piece(s, after);
        /* The #else of #ifndef __cplusplus. */
        if (word == MFI_W_else && s->level > 0 && s->level <= MOST_LEVELS) {
            (void)is_dead(&s->list[s->levels[s->level - 1].token], text, &dead_else);
            dead = dead_else;
        }
    } else {
        if (s->start != MFI_NONE && s->at == s->start + 1 && is_bare(s, s->at))
            end_piece(s, s->at); /* BEGIN_DECLS */
        if (s->start == MFI_NONE)
            add_piece(s, kind_of(word), s->at, after);
    }
    s->at = dead ? skip_branch(s, after) : after;
}

static void split(struct mfi_graph *graph, uint32_t file) {
    struct splitter *s = mfi_sys.calloc(1, sizeof *s);
    if (s == NULL) {
        graph->failed = true;
        return;
    }
    *s = (struct splitter){.graph = graph,
                           .file = file,
                           .list = graph->files[file].tokens.list,
                           .start = MFI_NONE,
                           .group = MFI_NONE};
    while (s->list[s->at].kind != MFI_T_END && !graph->failed) {
        if (s->list[s->at].kind == MFI_T_DIRECTIVE)
            take_directive(s);
        else
            take(s);
    }
    if (s->start != MFI_NONE) {
        if (file == 0 && (s->braces > 0 || s->parens > 0))
            graph->unsure = "its braces do not balance";
        end_piece(s, s->at);
    }
    if (file == 0 && (graph->files[file].tokens.damaged || s->level > 0))
        graph->unsure = "a comment or a conditional in it does not end";
    free(s);
}

int mfi_graph_add(struct mfi_graph *graph, const char *path, const char *text, size_t size,
                  char *owned, uint32_t bring, uint32_t *ret) {
    struct mfi_source_file file = {.path = mfi_strdup(path),
                                   .text = text,
                                   .size = size,
                                   .owned = owned,
                                   .bring = bring,
                                   .first_piece = graph->piece_count};
    int r = file.path == NULL || !mfi_graph_room(graph, &graph->files, graph->file_count,
                                                 &graph->file_room, sizeof *graph->files)
                ? -ENOMEM
                : mfi_tokenize(text, size, &graph->names, &file.tokens);
    if (r < 0) {
        free(file.path);
        free(owned);
        return r;
    }
    *ret = graph->file_count++;
    graph->files[*ret] = file;
    split(graph, *ret);
    graph->files[*ret].end_piece = graph->piece_count;
    return graph->failed ? -ENOMEM : 0;
}
