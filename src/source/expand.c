/* SPDX-License-Identifier: MIT
 *
 * Names that macros make by pasting: handle_##name. Calls of such macros are expanded, for the sake
 * of the names alone; all other macros only matter by what is in their bodies.
 *
 * What it does not    it knows no conditions: of several definitions of a macro each is tried. What
 *                     is expanded is bounded (graph->budget); beyond that the closure is unsure.
 */
#include <stdlib.h>

#include "pieces.h"

enum { DEEPEST = 24, MOST_ARGUMENTS = 64, LONGEST_NAME = 512 };
enum { PASTES_UNKNOWN, PASTES_NO, PASTES_YES };

struct item {
    const char *text;
    uint32_t size;
    uint32_t value;
    enum mfi_token_kind kind; /* END: nothing, where an argument is empty */
};

struct items {
    struct item *list;
    uint32_t count, room;
};

/* A macro's parts, as tokens. */
struct macro {
    const struct mfi_token *list;
    const char *text;
    uint32_t parameters, parameters_end; /* equal: none */
    uint32_t body, end;
    bool call;
};

static struct macro macro_of(const struct mfi_graph *graph, uint32_t number) {
    const struct mfi_piece *piece = &graph->pieces[number];
    const struct mfi_token *list = mfi_tokens_of(graph, piece);
    struct macro m = {.list = list,
                      .text = graph->files[piece->file].text,
                      .body = piece->first + 3,
                      .end = piece->end};
    const struct mfi_token *name = &list[piece->first + 2];
    if (m.body < m.end && mfi_is(&list[m.body], '(') &&
        list[m.body].start == name->start + name->size) {
        m.call = true;
        m.parameters = m.parameters_end = m.body + 1;
        while (m.parameters_end < m.end && !mfi_is(&list[m.parameters_end], ')'))
            m.parameters_end++;
        m.body = m.parameters_end < m.end ? m.parameters_end + 1 : m.end;
    }
    return m;
}

bool mfi_is_call(const struct mfi_graph *graph, uint32_t name) {
    const uint32_t macro = graph->names.names[name].macro;
    return macro != MFI_NONE && macro_of(graph, macro).call;
}

/* ---- which macros paste ---------------------------------------------------------------------- */

static bool pastes(struct mfi_graph *graph, uint32_t name, uint32_t depth) {
    struct mfi_name *of = &graph->names.names[name];
    if (of->macro == MFI_NONE || of->pastes == PASTES_NO || depth > 100)
        return false;
    if (of->pastes == PASTES_YES)
        return true;
    of->pastes =
        PASTES_NO; /* while it is being found out, too: a macro does not expand in itself */
    for (uint32_t d = of->definitions; d != MFI_NONE; d = graph->definitions[d].next) {
        const uint32_t number = graph->definitions[d].piece;
        if (graph->pieces[number].kind != MFI_PIECE_DEFINE)
            continue;
        const struct macro m = macro_of(graph, number);
        for (uint32_t i = m.body; i < m.end; i++)
            if (mfi_is(&m.list[i], MFI_P_PASTE) ||
                (m.list[i].kind == MFI_T_NAME && pastes(graph, m.list[i].value, depth + 1))) {
                of->pastes = PASTES_YES;
                return true;
            }
    }
    return false;
}

/* ---- expanding ------------------------------------------------------------------------------- */

struct expansion {
    struct mfi_graph *graph;
    void (*give)(struct mfi_graph *graph, uint32_t name, void *context);
    void *context;
};

static void put(struct expansion *e, struct items *to, struct item item) {
    if (e->graph->budget == 0) {
        e->graph->unsure = "its macros expand to too much";
        return;
    }
    e->graph->budget--;
    if (mfi_graph_room(e->graph, &to->list, to->count, &to->room, sizeof *to->list))
        to->list[to->count++] = item;
}

static struct item item_of(const struct mfi_token *token, const char *text) {
    return (struct item){.text = text + token->start,
                         .size = token->size,
                         .value = token->value,
                         .kind = token->kind};
}

static bool item_is(const struct item *item, uint32_t punct) {
    return item->kind == MFI_T_PUNCT && item->value == punct;
}

struct arguments {
    struct {
        uint32_t first, end;
    } list[MOST_ARGUMENTS];
    uint32_t count;
    uint32_t end; /* behind the ')' */
};

/* Parts the arguments of a call; `at` is the '('. */
static bool part(const struct items *from, uint32_t at, struct arguments *ret) {
    uint32_t depth = 0;
    *ret = (struct arguments){.count = 1, .list[0].first = at + 1};
    for (uint32_t i = at; i < from->count; i++) {
        const struct item *item = &from->list[i];
        if (item->kind != MFI_T_PUNCT)
            continue;
        if (item->value == '(') {
            depth++;
        } else if (item->value == ')' && --depth == 0) {
            ret->list[ret->count - 1].end = i;
            ret->end = i + 1;
            return true;
        } else if (item->value == ',' && depth == 1 && ret->count < MOST_ARGUMENTS) {
            ret->list[ret->count - 1].end = i;
            ret->list[ret->count++].first = i + 1;
        }
    }
    return false;
}

/* Which parameter a token of the body is; MFI_NONE: none. *ret_rest: it takes all that follow. */
static uint32_t parameter(const struct macro *m, const struct mfi_token *token, bool *ret_rest) {
    uint32_t number = 0;
    static const char rest[] = "__VA_ARGS__";
    *ret_rest = false;
    if (token->kind != MFI_T_NAME)
        return MFI_NONE;
    const bool is_rest = token->size == sizeof rest - 1 &&
                         memcmp(m->text + token->start, rest, sizeof rest - 1) == 0;
    for (uint32_t i = m->parameters; i < m->parameters_end; i++) {
        if (mfi_is(&m->list[i], ','))
            number++;
        *ret_rest = mfi_is(&m->list[i], MFI_P_ELLIPSIS) || mfi_is(&m->list[i + 1], MFI_P_ELLIPSIS);
        if ((is_rest && mfi_is(&m->list[i], MFI_P_ELLIPSIS)) ||
            (m->list[i].kind == MFI_T_NAME && m->list[i].value == token->value))
            return number;
    }
    return MFI_NONE;
}

/* Puts arguments into the body. Nothing is pasted yet. */
static void substitute(struct expansion *e, const struct macro *m, const struct items *from,
                       const struct arguments *arguments, struct items *to) {
    for (uint32_t i = m->body; i < m->end; i++) {
        bool rest;
        const uint32_t number = m->call ? parameter(m, &m->list[i], &rest) : (uint32_t)MFI_NONE;
        if (number == MFI_NONE) {
            put(e, to, item_of(&m->list[i], m->text));
            continue;
        }
        const uint32_t last = rest ? arguments->count : number + 1;
        uint32_t put_before = to->count;
        if (number < arguments->count)
            for (uint32_t k = arguments->list[number].first; k < arguments->list[last - 1].end; k++)
                put(e, to, from->list[k]);
        if (to->count == put_before)
            put(e, to, (struct item){.kind = MFI_T_END, .text = ""});
    }
}

/* Joins what stands around each ##, and gives the names that come out. */
static void paste(struct expansion *e, struct items *items) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < items->count; i++) {
        if (!item_is(&items->list[i], MFI_P_PASTE) || kept == 0 || i + 1 == items->count) {
            items->list[kept++] = items->list[i];
            continue;
        }
        struct item *left = &items->list[kept - 1];
        const struct item right = items->list[++i];
        char text[LONGEST_NAME];
        const size_t size = (size_t)left->size + right.size;
        if (left->kind == MFI_T_PUNCT || size > sizeof text) {
            items->list[kept++] = right;
            continue;
        }
        memcpy(text, left->text, left->size);
        memcpy(text + left->size, right.text, right.size);
        const bool name =
            left->kind == MFI_T_NAME || (left->kind == MFI_T_END && right.kind == MFI_T_NAME);
        if (!name) {
            if (left->kind == MFI_T_END)
                *left = right;
            continue;
        }
        const uint32_t number = mfi_name_copy(&e->graph->names, text, size);
        if (number == MFI_NONE) {
            e->graph->failed = true;
            return;
        }
        const struct mfi_name *made = &e->graph->names.names[number];
        *left = (struct item){
            .text = made->text, .size = made->size, .value = number, .kind = MFI_T_NAME};
        if (i + 1 >= items->count || !item_is(&items->list[i + 1], MFI_P_PASTE))
            e->give(e->graph, number, e->context);
    }
    items->count = kept;
}

static void expand(struct expansion *e, const struct items *items, uint32_t depth);

/* Whether anything is pasted where a macro is used: by itself, or by what it is given. */
static bool matters(struct expansion *e, const struct items *items, uint32_t at) {
    uint32_t depth = 0;
    if (pastes(e->graph, items->list[at].value, 0))
        return true;
    for (uint32_t i = at + 1; i < items->count; i++) {
        const struct item *item = &items->list[i];
        depth += item_is(item, '(');
        if (depth == 0 || (item_is(item, ')') && --depth == 0))
            return false;
        if (item->kind == MFI_T_NAME && pastes(e->graph, item->value, 0))
            return true;
    }
    return false;
}

/* The call of a macro at `at`; gives where to go on. */
static uint32_t expand_at(struct expansion *e, const struct items *items, uint32_t at,
                          uint32_t depth) {
    struct mfi_graph *graph = e->graph;
    const uint32_t name = items->list[at].value;
    uint32_t next = at + 1;
    uint32_t d = graph->names.names[name].definitions;
    for (; d != MFI_NONE && !graph->failed && graph->budget > 0; d = graph->definitions[d].next) {
        const uint32_t number = graph->definitions[d].piece;
        if (graph->pieces[number].kind != MFI_PIECE_DEFINE)
            continue;
        const struct macro m = macro_of(graph, number);
        struct arguments arguments = {0};
        if (m.call && (at + 1 >= items->count || !item_is(&items->list[at + 1], '(') ||
                       !part(items, at + 1, &arguments)))
            continue;
        struct items made = {0};
        substitute(e, &m, items, &arguments, &made);
        paste(e, &made);
        graph->names.names[name].expanding = true;
        expand(e, &made, depth + 1);
        graph->names.names[name].expanding = false;
        free(made.list);
        if (m.call)
            next = arguments.end;
    }
    return next;
}

static void expand(struct expansion *e, const struct items *items, uint32_t depth) {
    if (depth > DEEPEST)
        return;
    for (uint32_t i = 0; i < items->count && !e->graph->failed && e->graph->budget > 0;) {
        const bool macro = items->list[i].kind == MFI_T_NAME &&
                           e->graph->names.names[items->list[i].value].macro != MFI_NONE &&
                           !e->graph->names.names[items->list[i].value].expanding &&
                           matters(e, items, i);
        i = macro ? expand_at(e, items, i, depth) : i + 1;
    }
}

/* The tokens of the call at `at`: the name, and its arguments if there are some. */
static bool collect(struct expansion *e, uint32_t file, uint32_t at, uint32_t end,
                    struct items *to) {
    const struct mfi_token *list = e->graph->files[file].tokens.list;
    const char *text = e->graph->files[file].text;
    bool any = pastes(e->graph, list[at].value, 0);
    uint32_t depth = 0, last = at + 1;
    for (uint32_t i = at + 1; i < end && (i == at + 1 ? mfi_is(&list[i], '(') : depth > 0); i++) {
        depth += mfi_is(&list[i], '(');
        depth -= mfi_is(&list[i], ')') && depth > 0;
        if (list[i].kind == MFI_T_NAME && !any)
            any = pastes(e->graph, list[i].value, 0);
        last = i + 1;
    }
    if (!any)
        return false;
    for (uint32_t i = at; i < last; i++)
        if (list[i].kind != MFI_T_DIRECTIVE)
            put(e, to, item_of(&list[i], text));
    return true;
}

void mfi_expand(struct mfi_graph *graph, uint32_t file, uint32_t at, uint32_t end, bool arguments,
                void (*give)(struct mfi_graph *graph, uint32_t name, void *context),
                void *context) {
    struct expansion e = {.graph = graph, .give = give, .context = context};
    struct items items = {0};
    const struct mfi_token *list = graph->files[file].tokens.list;
    if (collect(&e, file, at, end, &items))
        expand(&e, &items, 0);
    free(items.list);
    uint32_t depth = 0;
    for (uint32_t i = at + 1; arguments && i < end; i++) {
        depth += mfi_is(&list[i], '(');
        depth -= mfi_is(&list[i], ')') && depth > 0;
        if (depth == 0)
            return;
        if (list[i].kind == MFI_T_NAME)
            give(graph, list[i].value, context);
    }
}
