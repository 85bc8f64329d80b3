/* SPDX-License-Identifier: MIT
 *
 * How a function is declared where it is defined.
 *
 * A walk over a text at its top level: comments, strings and lines of the preprocessor are passed
 * over, braces and parentheses are counted. A definition is a name, its parameters in parentheses,
 * and a '{' (attributes may stand between). What macros make is not seen.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdlib.h>

#include "load.h"

struct walk {
    const char *at, *end;
    bool line_begins; /* nothing but blanks stands before `at` on its line */
};

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static const char *past_line(const char *at, const char *end) {
    while (at < end && (*at != '\n' || at[-1] == '\\'))
        at++;
    return at;
}

static const char *past_comment(const char *at, const char *end) {
    const char *closed = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);
    return closed == NULL ? end : closed + 2;
}

static const char *past_quoted(const char *at, const char *end) {
    const char quote = *at++;
    while (at < end && *at != quote && *at != '\n')
        at += *at == '\\' && at + 1 < end ? 2 : 1;
    return at < end ? at + 1 : end;
}

/* Passes over what is no part of a declaration: blanks, comments, lines of the preprocessor.
 * Returns whether there is more. */
static bool skip(struct walk *w) {
    while (w->at < w->end) {
        const char next = w->at + 1 < w->end ? w->at[1] : '\0';
        if (isspace((unsigned char)*w->at)) {
            w->line_begins |= *w->at == '\n';
            w->at++;
        } else if (*w->at == '/' && next == '*') {
            w->at = past_comment(w->at, w->end);
        } else if (*w->at == '/' && next == '/') {
            w->at = past_line(w->at, w->end);
        } else if (*w->at == '#' && w->line_begins) {
            w->at = past_line(w->at + 1, w->end);
        } else {
            w->line_begins = false;
            return true;
        }
    }
    return false;
}

/* Passes over a word, a string or one character. Returns its first character. */
static char step(struct walk *w) {
    const char first = *w->at;
    if (first == '"' || first == '\'')
        w->at = past_quoted(w->at, w->end);
    else if (is_word(first))
        while (w->at < w->end && is_word(*w->at))
            w->at++;
    else
        w->at++;
    return first;
}

/* From behind an opening parenthesis, bracket or brace to behind the closing one. */
static void past_nested(struct walk *w) {
    for (size_t depth = 1; depth > 0 && skip(w);) {
        const char c = step(w);
        if (c == '(' || c == '{' || c == '[')
            depth++;
        else if (c == ')' || c == '}' || c == ']')
            depth--;
    }
}

/* What stands between the parameters and a body: attributes, and names of macros that may be such.
 */
static bool body_follows(struct walk w) {
    while (skip(&w)) {
        const char c = *w.at;
        if (c == '{')
            return true;
        if (!is_word(c) && c != '(')
            return false;
        if (step(&w) == '(')
            past_nested(&w);
    }
    return false;
}

bool mfi_definition_find(const char *text, size_t size, const char *name,
                         struct mfi_definition *ret) {
    const size_t length = strlen(name);
    struct walk w = {.at = text, .end = text + size, .line_begins = true};
    const char *begin = NULL, *word = NULL;
    bool called = false, equals = false; /* since `begin`: parentheses, a '=' */
    while (skip(&w)) {
        const char *from = w.at;
        const char c = step(&w);
        if (begin == NULL) {
            begin = from;
            called = equals = false;
        }
        if (c == '(' || c == '{' || c == '[')
            past_nested(&w);
        if (c == '(' && word != NULL && body_follows(w)) {
            *ret = (struct mfi_definition){begin, word, from + 1, w.at - 1};
            return true;
        }
        called |= c == '(';
        equals |= c == '=';
        if (c == ';' || (c == '{' && called && !equals)) /* the end of a body */
            begin = NULL;
        const bool whole = (size_t)(w.at - from) == length;
        word = whole && memcmp(from, name, length) == 0 ? from : NULL;
    }
    return false;
}

/* ---- as text --------------------------------------------------------------------------------- */

/* Blanks, comments and breaks become one blank, and none beside parentheses and commas where none
 * belongs. */
char *mfi_definition_text(const struct mfi_definition *definition) {
    struct walk w = {.at = definition->begin, .end = definition->end + 1};
    mfi_auto_buffer to = {0};
    int r = mfi_buffer_reserve(&to, (size_t)(w.end - w.at));
    const char *before = w.at;
    while (r == 0 && skip(&w)) {
        const char *from = w.at;
        (void)step(&w);
        const char last = to.size == 0 ? '(' : to.data[to.size - 1];
        if (from > before && last != '(' && last != '*' && strchr("),", *from) == NULL)
            r = mfi_buffer_append(&to, " ", 1);
        if (r == 0)
            r = mfi_buffer_append(&to, from, (size_t)(w.at - from));
        before = w.at;
    }
    return r < 0 ? NULL : mfi_take(to.data);
}
