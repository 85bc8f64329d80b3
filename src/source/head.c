/* SPDX-License-Identifier: MIT
 *
 * What a definition looks like: which name it has, how it is declared, which variables it makes.
 */
#include "extract.h"

static bool takes_parens(const struct mfi_token *token) {
    return mfi_is_word(token, MFI_W___attribute__) || mfi_is_word(token, MFI_W___attribute) ||
           mfi_is_word(token, MFI_W___declspec) || mfi_is_word(token, MFI_W__Alignas) ||
           mfi_is_word(token, MFI_W_asm) || mfi_is_word(token, MFI_W___asm__) ||
           mfi_is_word(token, MFI_W___asm);
}

/* Behind the parentheses that open at `at`; `at` if none do. */
static uint32_t behind_parens(const struct mfi_token *list, uint32_t at, uint32_t end) {
    uint32_t depth = 0;
    for (uint32_t i = at; i < end; i++) {
        depth += mfi_is(&list[i], '(');
        if (depth == 0)
            return at;
        if (mfi_is(&list[i], ')') && --depth == 0)
            return i + 1;
    }
    return end;
}

/* The name of the function that a piece defines, as a token; MFI_NONE: there is none. */
static uint32_t find_head(const struct mfi_graph *graph, const struct mfi_piece *piece,
                          uint32_t name) {
    const struct mfi_token *list = mfi_tokens_of(graph, piece);
    for (uint32_t i = piece->first; i + 1 < piece->end; i++) {
        if (list[i].kind == MFI_T_DIRECTIVE) {
            i = list[i].value - 1;
            continue;
        }
        if (name == MFI_NONE && (mfi_is(&list[i], '{') || mfi_is(&list[i], '=')))
            return MFI_NONE;
        if (takes_parens(&list[i])) {
            i = behind_parens(list, i + 1, piece->end) - 1;
            continue;
        }
        if (!mfi_is_ident(&list[i]))
            continue;
        const bool head =
            mfi_is(&list[i + 1], '(') ||
            (mfi_is(&list[i + 1], ')') && i > piece->first && mfi_is(&list[i - 1], '(') &&
             i + 2 < piece->end && mfi_is(&list[i + 2], '('));
        if (!head)
            continue;
        if (name != MFI_NONE ? list[i].value == name
                             : !mfi_is_call(graph, list[i].value) || mfi_is(&list[i + 1], ')'))
            return i;
        if (name == MFI_NONE)
            i = behind_parens(list, i + 1, piece->end) - 1;
    }
    return MFI_NONE;
}

/* ---- finding --------------------------------------------------------------------------------- */

static uint32_t name_at_line(const struct mfi_graph *graph, uint32_t line, uint32_t *ret_name) {
    for (uint32_t i = 0; i < graph->files[0].end_piece; i++) {
        const struct mfi_piece *piece = &graph->pieces[i];
        const struct mfi_token *list = mfi_tokens_of(graph, piece);
        if (piece->kind != MFI_PIECE_CODE || list[piece->first].line > line ||
            list[piece->end - 1].line < line)
            continue;
        /* Of what is glued together, the head that stands at the line. */
        for (uint32_t t = piece->first; t + 1 < piece->end; t++)
            if (list[t].line == line && mfi_is_ident(&list[t]) && mfi_is(&list[t + 1], '(') &&
                !mfi_is_call(graph, list[t].value)) {
                *ret_name = list[t].value;
                return i;
            }
        const uint32_t at = find_head(graph, piece, MFI_NONE);
        if (piece->function && at != MFI_NONE) {
            *ret_name = list[at].value;
            return i;
        }
    }
    return MFI_NONE;
}

uint32_t mfi_find_function(const struct mfi_graph *graph, const char *symbol, uint32_t line,
                           uint32_t *ret_name) {
    const uint32_t name = mfi_name_find(&graph->names, symbol, strlen(symbol));
    const uint32_t count = graph->piece_count;
    uint32_t made = MFI_NONE;
    for (uint32_t d = name == MFI_NONE ? (uint32_t)MFI_NONE : graph->names.names[name].definitions;
         d != MFI_NONE; d = graph->definitions[d].next) {
        const uint32_t i = graph->definitions[d].piece;
        if (i >= count || graph->pieces[i].kind != MFI_PIECE_CODE)
            continue;
        const uint32_t at = find_head(graph, &graph->pieces[i], name);
        if (graph->pieces[i].function && at != MFI_NONE) {
            *ret_name = name;
            return i;
        }
        if (at == MFI_NONE) /* a macro makes it, perhaps under another name */
            made = i;
    }
    const uint32_t by_line = line != 0 ? name_at_line(graph, line, ret_name) : (uint32_t)MFI_NONE;
    if (by_line != MFI_NONE && graph->pieces[by_line].function)
        return by_line;
    *ret_name = name;
    return made;
}

/* ---- declarations as text -------------------------------------------------------------------- */

static bool is_left_out(const struct mfi_token *token) {
    switch (token->kind == MFI_T_NAME ? token->value : (uint32_t)MFI_NONE) {
    case MFI_W_static:
    case MFI_W_extern:
    case MFI_W_inline:
    case MFI_W___inline:
    case MFI_W___inline__:
    case MFI_W__Noreturn:
    case MFI_W___extension__:
        return true;
    default:
        return false;
    }
}

/* Whether a blank belongs between two tokens, in the usual style. */
static bool parted(const struct mfi_token *left, const struct mfi_token *right) {
    const bool word = left->kind != MFI_T_PUNCT;
    if (mfi_is(right, ',') || mfi_is(right, ')') || mfi_is(right, '[') || mfi_is(right, ']'))
        return false;
    if (mfi_is(left, ','))
        return true;
    if (mfi_is(right, '('))
        return left->kind == MFI_T_NAME && left->value < MFI_W_last_keyword;
    if (word)
        return true;
    return mfi_is(left, ')') && right->kind != MFI_T_PUNCT;
}

static int append_tokens(const struct mfi_graph *graph, const struct mfi_piece *piece, uint32_t end,
                         struct mfi_buffer *to) {
    const struct mfi_token *list = mfi_tokens_of(graph, piece), *last = NULL;
    const char *text = graph->files[piece->file].text;
    int r = 0;
    for (uint32_t i = piece->first; i < end && r == 0; i++) {
        if (list[i].kind == MFI_T_DIRECTIVE) {
            i = list[i].value - 1;
            continue;
        }
        if (takes_parens(&list[i])) {
            i = behind_parens(list, i + 1, end) - 1;
            continue;
        }
        if (is_left_out(&list[i]))
            continue;
        if (last != NULL && parted(last, &list[i]))
            r = mfi_buffer_append(to, " ", 1);
        if (r == 0)
            r = mfi_buffer_append(to, text + list[i].start, list[i].size);
        last = &list[i];
    }
    return r;
}

char *mfi_signature(const struct mfi_graph *graph, uint32_t number, uint32_t name,
                    uint32_t *ret_name) {
    const struct mfi_piece *piece = &graph->pieces[number];
    const struct mfi_token *list = mfi_tokens_of(graph, piece);
    const uint32_t head = find_head(graph, piece, name);
    struct mfi_buffer text = {0};
    if (head == MFI_NONE)
        return NULL;
    /* (name)(...), and (*name(...))(...): up to the brace, or what is declared in the old style. */
    uint32_t end = head + 1;
    while (end < piece->end && (mfi_is(&list[end], ')') || mfi_is(&list[end], '(')))
        end = mfi_is(&list[end], ')') ? end + 1 : behind_parens(list, end, piece->end);
    if (append_tokens(graph, piece, end, &text) < 0 || text.data == NULL) {
        mfi_buffer_free(&text);
        return NULL;
    }
    if (ret_name != NULL)
        *ret_name = list[head].value;
    return text.data;
}

/* ---- variables ------------------------------------------------------------------------------- */

static bool makes_no_variable(const struct mfi_token *token) {
    return mfi_is_word(token, MFI_W_typedef) || mfi_is_word(token, MFI_W_extern) ||
           mfi_is_word(token, MFI_W__Thread_local) || mfi_is_word(token, MFI_W___thread) ||
           mfi_is_word(token, MFI_W__Static_assert) || mfi_is_word(token, MFI_W_asm) ||
           mfi_is_word(token, MFI_W___asm__) || mfi_is_word(token, MFI_W_register);
}

void mfi_each_variable(const struct mfi_graph *graph, uint32_t number,
                       void (*give)(void *context, uint32_t name), void *context) {
    const struct mfi_piece *piece = &graph->pieces[number];
    const struct mfi_source_file *file = &graph->files[piece->file];
    const struct mfi_token *list = file->tokens.list;
    struct mfi_walk walk;
    bool named = false, value = false;
    if (piece->kind != MFI_PIECE_CODE || piece->function)
        return;
    mfi_walk_start(&walk, &file->tokens, piece->first, piece->end);
    while (mfi_walk_next(&walk)) {
        const struct mfi_token *token = &list[walk.at];
        if (walk.braces != 0 || walk.parens != 0)
            continue;
        if (makes_no_variable(token) || mfi_is(token, '('))
            return; /* a function's declaration, or what is no plain variable */
        if (mfi_is(token, '='))
            value = true;
        if (mfi_is(token, ',') || mfi_is(token, ';'))
            named = value = false;
        if (takes_parens(token) || !mfi_is_ident(token) || value || named)
            continue;
        const struct mfi_token *next = &token[1], *before = &token[-1];
        const bool tag =
            walk.at > piece->first && before->kind == MFI_T_NAME && before->value <= MFI_W_enum;
        if (tag || graph->names.names[token->value].macro != MFI_NONE)
            continue;
        if (mfi_is(next, ';') || mfi_is(next, ',') || mfi_is(next, '=') || mfi_is(next, '[')) {
            give(context, token->value);
            named = true;
        }
    }
}
