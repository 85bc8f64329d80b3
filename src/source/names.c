/* SPDX-License-Identifier: MIT
 *
 * Which names a piece gives: functions, variables, types, tags, enumerators, macros.
 *
 * This is told without knowing the types, by where a name stands: before '(' or ',' or ';' outside
 * of all braces, behind "(*", behind struct. A name too many makes an extraction larger; one that
 * is missing makes it incomplete. So in doubt a name is given.
 */
#include "pieces.h"

void mfi_define(struct mfi_graph *graph, uint32_t name, uint32_t piece) {
    if (name == MFI_NONE) {
        graph->failed = true;
        return;
    }
    struct mfi_name *of = &graph->names.names[name];
    if (of->definitions != MFI_NONE && graph->definitions[of->definitions].piece == piece)
        return;
    if (!mfi_graph_room(graph, &graph->definitions, graph->definition_count,
                        &graph->definition_room, sizeof *graph->definitions))
        return;
    graph->definitions[graph->definition_count] =
        (struct mfi_giving){.piece = piece, .next = of->definitions};
    of->definitions = graph->definition_count++;
}

/* ---- declarations ---------------------------------------------------------------------------- */

struct declaring {
    struct mfi_graph *graph;
    const struct mfi_token *list;
    struct mfi_walk walk;
    uint32_t piece;
    uint32_t given;
    uint32_t enum_depth; /* braces within which enumerators stand; 0: none */
    bool named;          /* this declarator has its name */
    bool old_style;      /* a function's: what follows may be its parameters, in the old style */
    bool value;          /* within an initializer */
};

static void give(struct declaring *d, uint32_t name) {
    struct mfi_graph *graph = d->graph;
    mfi_define(graph, name, d->piece);
    d->given++;
    d->named = true;
    /* #define name other: the name in the program is the other. */
    const uint32_t macro = graph->failed ? (uint32_t)MFI_NONE : graph->names.names[name].macro;
    if (macro == MFI_NONE)
        return;
    const struct mfi_piece *piece = &graph->pieces[macro];
    const struct mfi_token *body = &mfi_tokens_of(graph, piece)[piece->first + 3];
    if (piece->end == piece->first + 4 && mfi_is_ident(body))
        mfi_define(graph, body->value, d->piece);
}

static void give_pasted(struct mfi_graph *graph, uint32_t name, void *context) {
    struct declaring *d = context;
    if (name >= MFI_W_last_keyword) {
        mfi_define(graph, name, d->piece);
        d->given++;
    }
}

/* Behind the parentheses that open at the next token. */
static void skip_parens(struct declaring *d) {
    const uint32_t depth = d->walk.parens;
    if (!mfi_walk_next(&d->walk) || !mfi_is(&d->list[d->walk.at], '('))
        return;
    while (mfi_walk_next(&d->walk))
        if (d->walk.parens == depth + 1 && mfi_is(&d->list[d->walk.at], ')'))
            return;
}

static bool takes_parens(const struct mfi_token *token) {
    switch (token->value) {
    case MFI_W___attribute__:
    case MFI_W___attribute:
    case MFI_W___declspec:
    case MFI_W__Alignas:
    case MFI_W__Static_assert:
    case MFI_W__Atomic:
    case MFI_W_asm:
    case MFI_W___asm:
    case MFI_W___asm__:
    case MFI_W_typeof:
    case MFI_W___typeof__:
        return true;
    default:
        return false;
    }
}

/* Whether the names from `first` to `end`, behind struct, introduce a tag: members follow, or it is
 * declared alone. "struct tag variable;" does not, nor what a function says to itself. */
static bool introduces(const struct declaring *d, uint32_t first, uint32_t end) {
    if (mfi_is(&d->list[end], '{'))
        return true;
    if (!mfi_is(&d->list[end], ';') || d->walk.braces != 0)
        return false;
    for (uint32_t i = first; i + 1 < end; i++)
        if (d->graph->names.names[d->list[i].value].macro == MFI_NONE)
            return false;
    return true;
}

/* struct tag {, struct tag; and the like. */
static void declare_tag(struct declaring *d) {
    const bool is_enum = mfi_is_word(&d->list[d->walk.at], MFI_W_enum);
    const uint32_t depth = d->walk.braces;
    uint32_t at = d->walk.at + 1;
    while (at < d->walk.end && d->list[at].kind == MFI_T_NAME &&
           (takes_parens(&d->list[at]) || mfi_is(&d->list[at + 1], '('))) {
        uint32_t open = 0;
        for (at++; at < d->walk.end; at++) {
            open += mfi_is(&d->list[at], '(');
            if (mfi_is(&d->list[at], ')') && --open == 0)
                break;
            if (open == 0)
                break;
        }
        at += at < d->walk.end && mfi_is(&d->list[at], ')');
    }
    /* There may be macros for attributes before the tag: each may be it. */
    const uint32_t first = at;
    while (at < d->walk.end && mfi_is_ident(&d->list[at]))
        at++;
    if (at >= d->walk.end || at == first || !introduces(d, first, at)) {
        if (is_enum && at < d->walk.end && mfi_is(&d->list[at], '{'))
            d->enum_depth = depth + 1;
        return;
    }
    for (uint32_t i = first; i < at; i++)
        if (d->graph->names.names[d->list[i].value].macro == MFI_NONE || i + 1 == at) {
            mfi_define(d->graph, d->list[i].value, d->piece);
            d->given++;
        }
    if (is_enum && mfi_is(&d->list[at], '{'))
        d->enum_depth = depth + 1;
}

static void declare_enumerator(struct declaring *d) {
    const struct mfi_token *token = &d->list[d->walk.at];
    if (d->walk.braces < d->enum_depth) {
        if (mfi_is(token, ';') || mfi_is(token, '='))
            d->enum_depth = 0;
        return;
    }
    if (d->walk.braces != d->enum_depth || d->walk.parens != 0 || !mfi_is_ident(token))
        return;
    const struct mfi_token *next = &token[1];
    const bool ends = mfi_is(next, ',') || mfi_is(next, '=') || mfi_is(next, '}') ||
                      next->kind == MFI_T_DIRECTIVE || mfi_is_word(next, MFI_W___attribute__);
    if (ends && !mfi_is(&token[-1], '=')) {
        mfi_define(d->graph, token->value, d->piece);
        d->given++;
    } else if (d->graph->names.names[token->value].macro != MFI_NONE) {
        /* A list by macros: X(A), X(B). */
        mfi_expand(d->graph, d->graph->pieces[d->piece].file, d->walk.at, d->walk.end, true,
                   give_pasted, d);
    }
}

/* name OF((int x)); with OF a macro: a prototype as it was written for compilers of two kinds. */
static bool has_macro_parameters(const struct declaring *d, uint32_t at) {
    uint32_t depth = 0;
    if (at + 2 >= d->walk.end || d->list[at + 1].kind != MFI_T_NAME ||
        !mfi_is(&d->list[at + 2], '(') || !mfi_is_call(d->graph, d->list[at + 1].value))
        return false;
    for (uint32_t i = at + 2; i + 1 < d->walk.end; i++) {
        depth += mfi_is(&d->list[i], '(');
        if (mfi_is(&d->list[i], ')') && --depth == 0)
            return mfi_is(&d->list[i + 1], ';');
    }
    return false;
}

/* A name outside of braces and parentheses. */
static void declare_outer(struct declaring *d) {
    const uint32_t at = d->walk.at;
    const struct mfi_token *token = &d->list[at];
    const struct mfi_token *next = &token[1];
    if (mfi_is(next, '(')) {
        if (mfi_is_call(d->graph, token->value)) {
            mfi_expand(d->graph, d->graph->pieces[d->piece].file, at, d->walk.end, false,
                       give_pasted, d);
            skip_parens(d);
        } else if (!mfi_is(&next[1], '*') && !mfi_is(&next[1], '^') && !d->named) {
            give(d, token->value);
            d->old_style = d->graph->pieces[d->piece].function;
        }
        return;
    }
    if (d->named)
        return;
    if (has_macro_parameters(d, at) || mfi_is(next, ';') || mfi_is(next, ',') ||
        mfi_is(next, '=') || mfi_is(next, '[') ||
        (next->kind == MFI_T_DIRECTIVE && d->graph->names.names[token->value].macro == MFI_NONE) ||
        (next->kind == MFI_T_NAME && takes_parens(next) && next->value != MFI_W_typeof &&
         next->value != MFI_W___typeof__ && next->value != MFI_W__Atomic))
        give(d, token->value);
}

/* A name within parentheses: (*name) or (name). */
static void declare_inner(struct declaring *d) {
    const struct mfi_token *token = &d->list[d->walk.at];
    if (d->named || d->walk.at == 0)
        return;
    if (mfi_is(&token[-1], '*') || (mfi_is(&token[-1], '(') && mfi_is(&token[1], ')')))
        give(d, token->value);
}

static void declare_at(struct declaring *d) {
    const struct mfi_token *token = &d->list[d->walk.at];
    if (token->kind == MFI_T_NAME && token->value <= MFI_W_enum) {
        declare_tag(d);
        return;
    }
    if (d->enum_depth != 0)
        declare_enumerator(d);
    if (d->walk.braces != 0)
        return;
    if (token->kind == MFI_T_NAME && token->value < MFI_W_last_keyword) {
        if (takes_parens(token) && mfi_is(&token[1], '('))
            skip_parens(d);
        return;
    }
    if (d->walk.parens == 0 && token->kind == MFI_T_PUNCT) {
        if (token->value == '}' || (token->value == ';' && mfi_is(&token[-1], ')')))
            d->old_style = false;
        if (token->value == ',' || token->value == ';' || token->value == '}') {
            d->named = d->old_style;
            d->value = false;
        } else if (token->value == '=')
            d->value = true;
    }
    if (token->kind != MFI_T_NAME || d->value)
        return;
    if (d->walk.parens == 0)
        declare_outer(d);
    else
        declare_inner(d);
}

/* Directives within a piece: its macros. */
static void declare_inner_macros(struct declaring *d, uint32_t first, uint32_t end) {
    for (uint32_t i = first; i < end; i++)
        if (d->list[i].kind == MFI_T_DIRECTIVE && mfi_directive(&d->list[i]) == MFI_W_define &&
            i + 2 < d->list[i].value && d->list[i + 2].kind == MFI_T_NAME)
            mfi_define(d->graph, d->list[i + 2].value, d->piece);
}

/* What a call at the top level is given: DEFINE_TEST(name) { ... } */
static void declare_arguments(struct declaring *d, uint32_t first, uint32_t end) {
    for (uint32_t i = first; i + 1 < end; i++)
        if (mfi_is_ident(&d->list[i]) && mfi_is(&d->list[i + 1], '(')) {
            mfi_define(d->graph, d->list[i].value, d->piece);
            mfi_expand(d->graph, d->graph->pieces[d->piece].file, i, end, true, give_pasted, d);
            return;
        }
}

static void declare_code(struct mfi_graph *graph, uint32_t piece) {
    const uint32_t first = graph->pieces[piece].first, end = graph->pieces[piece].end;
    const struct mfi_tokens *tokens = &graph->files[graph->pieces[piece].file].tokens;
    struct declaring d = {.graph = graph, .list = tokens->list, .piece = piece};
    mfi_walk_start(&d.walk, tokens, first, end);
    while (!graph->failed && mfi_walk_next(&d.walk))
        declare_at(&d);
    if (d.walk.directive != MFI_NONE)
        declare_inner_macros(&d, first, end);
    if (d.given == 0)
        declare_arguments(&d, first, end);
}

/* ---- everything ------------------------------------------------------------------------------ */

/* Whether a header's macro is defined with the same words before: projects repeat theirs in many
 * headers, and each would be expanded. What the unit itself says is never left out. */
static bool is_repeated(const struct mfi_graph *graph, const struct mfi_piece *piece,
                        uint32_t name) {
    const struct mfi_token *hash = &mfi_tokens_of(graph, piece)[piece->first];
    const char *text = graph->files[piece->file].text + hash->start;
    if (piece->file == 0 || piece->kind != MFI_PIECE_DEFINE)
        return false;
    for (uint32_t d = graph->names.names[name].definitions; d != MFI_NONE;
         d = graph->definitions[d].next) {
        const struct mfi_piece *other = &graph->pieces[graph->definitions[d].piece];
        const struct mfi_token *its = &mfi_tokens_of(graph, other)[other->first];
        if (its->size == hash->size &&
            memcmp(graph->files[other->file].text + its->start, text, hash->size) == 0)
            return true;
    }
    return false;
}

static void declare_macro(struct mfi_graph *graph, uint32_t number) {
    const struct mfi_piece *piece = &graph->pieces[number];
    const struct mfi_token *list = mfi_tokens_of(graph, piece);
    if (piece->first + 2 >= piece->end || list[piece->first + 2].kind != MFI_T_NAME)
        return;
    const uint32_t name = list[piece->first + 2].value;
    if (is_repeated(graph, piece, name))
        return;
    mfi_define(graph, name, number);
    if (piece->kind == MFI_PIECE_DEFINE)
        graph->names.names[name].macro = number;
}

void mfi_graph_declare(struct mfi_graph *graph) {
    for (uint32_t i = 0; i < graph->piece_count && !graph->failed; i++)
        if (graph->pieces[i].kind == MFI_PIECE_DEFINE || graph->pieces[i].kind == MFI_PIECE_UNDEF)
            declare_macro(graph, i);
    for (uint32_t i = 0; i < graph->piece_count && !graph->failed; i++)
        if (graph->pieces[i].kind == MFI_PIECE_CODE)
            declare_code(graph, i);
    for (uint32_t f = 1; f < graph->file_count; f++) {
        const struct mfi_source_file *file = &graph->files[f];
        for (uint32_t t = 0; t < file->tokens.count; t++) {
            const struct mfi_token *token = &file->tokens.list[t];
            if (token->kind == MFI_T_NAME &&
                graph->names.names[token->value].last_header < file->bring)
                graph->names.names[token->value].last_header = file->bring;
        }
    }
}
