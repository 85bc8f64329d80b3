/* SPDX-License-Identifier: MIT
 *
 * The tokenizer. It takes any bytes: what is no C becomes tokens, too, and an unterminated string
 * ends with its line.
 *
 * What it knows       comments, lines that a backslash continues, digraphs, CR LF, "\f" and "\v".
 * What it does not    trigraphs, which compilers leave alone unless told; a name that is itself
 *                     split by a backslash is two.
 */
#include <stdlib.h>

#include "tokens.h"

/* ---- names ----------------------------------------------------------------------------------- */

#define WORD(word) {#word, sizeof #word - 1},
static const struct {
    const char *text;
    size_t size;
} words[] = {MFI_KEYWORDS(WORD){"\1", 1}, MFI_DIRECTIVES(WORD)};
#undef WORD

static uint32_t hash_of(const char *text, size_t size) {
    uint64_t hash = size * 0x9e3779b97f4a7c15;
    while (size >= 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        hash = mfi_fold(hash ^ word, 0xff51afd7ed558ccd);
        text += 8;
        size -= 8;
    }
    if (size > 0) {
        uint64_t word = 0;
        memcpy(&word, text, size);
        hash = mfi_fold(hash ^ word, 0xc4ceb9fe1a85ec53);
    }
    return (uint32_t)(hash ^ hash >> 32);
}

static int grow_slots(struct mfi_names *names) {
    const uint32_t count = names->slot_count != 0 ? names->slot_count * 2 : 4096;
    uint32_t *slots = mfi_sys.calloc(count, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < names->count; i++) {
        uint32_t at = names->names[i].hash & (count - 1);
        while (slots[at] != 0)
            at = (at + 1) & (count - 1);
        slots[at] = i + 1;
    }
    free(names->slots);
    names->slots = slots;
    names->slot_count = count;
    return 0;
}

/* The slot of a name, or the free one where it belongs. */
static uint32_t slot_of(const struct mfi_names *names, const char *text, size_t size,
                        uint32_t hash) {
    uint32_t at = hash & (names->slot_count - 1);
    for (; names->slots[at] != 0; at = (at + 1) & (names->slot_count - 1)) {
        const struct mfi_name *name = &names->names[names->slots[at] - 1];
        if (name->hash == hash && name->size == size && memcmp(name->text, text, size) == 0)
            break;
    }
    return at;
}

uint32_t mfi_name(struct mfi_names *names, const char *text, size_t size) {
    const uint32_t hash = hash_of(text, size);
    uint32_t at = slot_of(names, text, size, hash);
    if (names->slots[at] != 0)
        return names->slots[at] - 1;
    if (names->count == names->room) {
        const uint32_t room = names->room * 2;
        struct mfi_name *more = mfi_sys.realloc(names->names, room * sizeof *more);
        if (more == NULL)
            return MFI_NONE;
        names->names = more;
        names->room = room;
    }
    names->names[names->count] = (struct mfi_name){.text = text,
                                                   .size = (uint32_t)size,
                                                   .hash = hash,
                                                   .definitions = MFI_NONE,
                                                   .macro = MFI_NONE};
    names->slots[at] = ++names->count;
    const uint32_t number = names->count - 1;
    if (names->count * 2 > names->slot_count && grow_slots(names) < 0)
        return MFI_NONE;
    return number;
}

uint32_t mfi_name_find(const struct mfi_names *names, const char *text, size_t size) {
    const uint32_t slot = names->slots[slot_of(names, text, size, hash_of(text, size))];
    return slot == 0 ? (uint32_t)MFI_NONE : slot - 1;
}

uint32_t mfi_name_copy(struct mfi_names *names, const char *text, size_t size) {
    const uint32_t known = mfi_name_find(names, text, size);
    if (known != MFI_NONE)
        return known;
    char **texts = mfi_sys.realloc(names->texts, (names->text_count + 1) * sizeof *texts);
    if (texts == NULL)
        return MFI_NONE;
    names->texts = texts;
    char *copy = mfi_sys.malloc(size + 1);
    if (copy == NULL)
        return MFI_NONE;
    memcpy(copy, text, size);
    copy[size] = '\0';
    texts[names->text_count++] = copy;
    return mfi_name(names, copy, size);
}

int mfi_names_init(struct mfi_names *names) {
    *names = (struct mfi_names){.room = 2048};
    names->names = mfi_sys.malloc(names->room * sizeof *names->names);
    if (names->names == NULL || grow_slots(names) < 0) {
        mfi_names_free(names);
        return -ENOMEM;
    }
    for (size_t i = 0; i < MFI_LENGTH(words); i++)
        (void)mfi_name(names, words[i].text, words[i].size); /* there is room for them */
    return 0;
}

void mfi_names_free(struct mfi_names *names) {
    for (size_t i = 0; i < names->text_count; i++)
        free(names->texts[i]);
    free(names->texts);
    free(names->names);
    free(names->slots);
    *names = (struct mfi_names){0};
}

/* ---- characters ------------------------------------------------------------------------------ */

enum { BLANK = 1, LETTER = 2, DIGIT = 4, BREAK = 8, QUOTE = 16 };

#define LETTERS(from, to) [from... to] = LETTER
static const unsigned char classes[256] = {
    [' '] = BLANK,     ['\t'] = BLANK,    ['\v'] = BLANK,      ['\f'] = BLANK, ['\r'] = BLANK,
    ['\n'] = BREAK,    ['_'] = LETTER,    ['$'] = LETTER,      ['"'] = QUOTE,  ['\''] = QUOTE,
    ['0'] = DIGIT,     ['1'] = DIGIT,     ['2'] = DIGIT,       ['3'] = DIGIT,  ['4'] = DIGIT,
    ['5'] = DIGIT,     ['6'] = DIGIT,     ['7'] = DIGIT,       ['8'] = DIGIT,  ['9'] = DIGIT,
    LETTERS('a', 'z'), LETTERS('A', 'Z'), LETTERS(0x80, 0xff),
};
#undef LETTERS

/* ---- the tokenizer --------------------------------------------------------------------------- */

struct scanner {
    const char *text, *at, *end;
    struct mfi_names *names;
    struct mfi_tokens *to;
    uint32_t room;
    uint32_t line;
    uint32_t hash;    /* the directive that is being read, or MFI_NONE */
    const char *tail; /* behind the last token of the line */
    bool fresh;       /* no token in this line yet */
};

static inline unsigned char class_of(char c) {
    return classes[(unsigned char)c];
}

/* How long a continuation of the line is at `at`: a backslash and a line break. */
static size_t spliced(const struct scanner *s, const char *at) {
    if (at >= s->end || *at != '\\')
        return 0;
    if (at + 1 < s->end && at[1] == '\n')
        return 2;
    return at + 2 < s->end && at[1] == '\r' && at[2] == '\n' ? 3 : 0;
}

static struct mfi_token *add(struct scanner *s, enum mfi_token_kind kind, const char *start,
                             uint32_t value) {
    if (s->to->count + 1 >= s->room) {
        const uint32_t room = s->room * 2;
        struct mfi_token *more = mfi_sys.realloc(s->to->list, room * sizeof *more);
        if (more == NULL)
            return NULL;
        s->to->list = more;
        s->room = room;
    }
    struct mfi_token *token = &s->to->list[s->to->count++];
    *token = (struct mfi_token){.start = (uint32_t)(start - s->text),
                                .size = (uint32_t)(s->at - start),
                                .line = s->line,
                                .value = value,
                                .kind = kind};
    s->tail = s->at;
    s->fresh = false;
    return token;
}

/* At a line break that counts. */
static void end_directive(struct scanner *s) {
    if (s->hash == MFI_NONE)
        return;
    struct mfi_token *hash = &s->to->list[s->hash];
    hash->size = (uint32_t)(s->tail - s->text) - hash->start;
    hash->value = s->to->count;
    s->hash = MFI_NONE;
}

static void skip_block_comment(struct scanner *s) {
    const char *at = s->at + 2;
    for (;;) {
        const char *star = at < s->end ? memchr(at, '*', (size_t)(s->end - at)) : NULL;
        if (star == NULL) {
            s->to->damaged = true;
            star = s->end;
        }
        for (const char *lf = s->at;
             lf < star && (lf = memchr(lf, '\n', (size_t)(star - lf))) != NULL; lf++)
            s->line++;
        s->at = star;
        if (star == s->end)
            return;
        if (star + 1 < s->end && star[1] == '/') {
            s->at = star + 2;
            return;
        }
        at = star + 1;
    }
}

static void skip_line_comment(struct scanner *s) {
    while (s->at < s->end && *s->at != '\n') {
        const size_t splice = spliced(s, s->at);
        s->line += splice > 0;
        s->at += splice > 0 ? splice : 1;
    }
}

/* A string or character constant; it ends with its line if nothing else ends it. */
static void skip_text(struct scanner *s) {
    const char quote = *s->at++;
    while (s->at < s->end && *s->at != '\n') {
        const size_t splice = spliced(s, s->at);
        if (splice > 0) {
            s->at += splice;
            continue;
        }
        if (*s->at == quote) {
            s->at++;
            return;
        }
        s->at += *s->at == '\\' && s->at + 1 < s->end && s->at[1] != '\n' ? 2 : 1;
    }
}

static void skip_number(struct scanner *s) {
    for (s->at++; s->at < s->end; s->at++) {
        const char c = *s->at, before = (char)(s->at[-1] | 0x20);
        if ((c == '+' || c == '-') && (before == 'e' || before == 'p'))
            continue;
        if (!(class_of(c) & (LETTER | DIGIT)) && c != '.')
            return;
    }
}

/* What stands for one character or is looked at as a whole; the rest are single characters. */
static const struct {
    char text[5];
    uint8_t size;
    uint32_t value;
} puncts[] = {
    {"->", 2, MFI_P_ARROW},   {"...", 3, MFI_P_ELLIPSIS},
    {"%:%:", 4, MFI_P_PASTE}, {"##", 2, MFI_P_PASTE},
    {"<:", 2, '['},           {":>", 2, ']'},
    {"<%", 2, '{'},           {"%>", 2, '}'},
    {"%:", 2, '#'},           {"==", 2, 'E'},
    {"<=", 2, 'E'},           {">=", 2, 'E'},
    {"!=", 2, 'E'},
};

static uint32_t take_punct(struct scanner *s) {
    for (size_t i = 0; i < MFI_LENGTH(puncts); i++)
        if (*s->at == puncts[i].text[0] && (size_t)(s->end - s->at) >= puncts[i].size &&
            memcmp(s->at, puncts[i].text, puncts[i].size) == 0) {
            s->at += puncts[i].size;
            return puncts[i].value;
        }
    return (unsigned char)*s->at++;
}

static int take_name(struct scanner *s) {
    const char *start = s->at;
    while (s->at < s->end && (class_of(*s->at) & (LETTER | DIGIT)))
        s->at++;
    const size_t size = (size_t)(s->at - start);
    /* L"", u8"" and the like are one token. */
    if (s->at < s->end && (class_of(*s->at) & QUOTE) && size <= 2 &&
        (*start == 'L' || *start == 'u' || *start == 'U')) {
        skip_text(s);
        return add(s, MFI_T_TEXT, start, 0) != NULL ? 0 : -ENOMEM;
    }
    const uint32_t name = mfi_name(s->names, start, size);
    return name != MFI_NONE && add(s, MFI_T_NAME, start, name) != NULL ? 0 : -ENOMEM;
}

static int take_token(struct scanner *s) {
    const char *start = s->at;
    const unsigned char class = class_of(*start);
    if (class & LETTER)
        return take_name(s);
    enum mfi_token_kind kind = MFI_T_PUNCT;
    uint32_t value = 0;
    const uint32_t line = s->line;
    if ((class & DIGIT) || (*start == '.' && s->end - start > 1 && (class_of(start[1]) & DIGIT))) {
        skip_number(s);
        kind = MFI_T_NUMBER;
    } else if (class & QUOTE) {
        skip_text(s);
        kind = MFI_T_TEXT;
    } else {
        value = take_punct(s);
    }
    if (value == '#' && s->fresh && s->hash == MFI_NONE) {
        kind = MFI_T_DIRECTIVE;
        s->hash = s->to->count;
    }
    if (add(s, kind, start, value) == NULL)
        return -ENOMEM;
    s->to->list[s->to->count - 1].line = line;
    for (const char *lf = start;
         kind == MFI_T_TEXT && (lf = memchr(lf, '\n', (size_t)(s->at - lf))) != NULL; lf++)
        s->line++;
    return 0;
}

/* Goes to the next token, or to the end. */
static void skip_space(struct scanner *s) {
    while (s->at < s->end) {
        const unsigned char class = class_of(*s->at);
        const size_t splice = spliced(s, s->at);
        if (class & BLANK) {
            s->at++;
        } else if (class & BREAK) {
            end_directive(s);
            s->line++;
            s->at++;
            s->fresh = true;
        } else if (splice > 0) {
            s->line++;
            s->at += splice;
        } else if (*s->at == '/' && s->end - s->at > 1 && s->at[1] == '*') {
            skip_block_comment(s);
        } else if (*s->at == '/' && s->end - s->at > 1 && s->at[1] == '/') {
            skip_line_comment(s);
        } else {
            return;
        }
    }
}

int mfi_tokenize(const char *text, size_t size, struct mfi_names *names, struct mfi_tokens *ret) {
    if (size > MFI_SOURCE_MOST)
        return -EFBIG;
    struct mfi_tokens tokens = {0};
    struct scanner s = {.text = text,
                        .at = text,
                        .end = text + size,
                        .names = names,
                        .to = &tokens,
                        .room = (uint32_t)(size / 6 + 64),
                        .line = 1,
                        .hash = MFI_NONE,
                        .fresh = true};
    int r = 0;
    tokens.list = mfi_sys.malloc(s.room * sizeof *tokens.list);
    if (tokens.list == NULL)
        return -ENOMEM;
    for (skip_space(&s); r == 0 && s.at < s.end; skip_space(&s))
        r = take_token(&s);
    if (r == 0)
        end_directive(&s);
    if (r == 0 && add(&s, MFI_T_END, s.at, 0) == NULL)
        r = -ENOMEM;
    if (r < 0) {
        mfi_tokens_free(&tokens);
        return r;
    }
    tokens.count--;
    *ret = tokens;
    return 0;
}

void mfi_tokens_free(struct mfi_tokens *tokens) {
    free(tokens->list);
    *tokens = (struct mfi_tokens){0};
}
