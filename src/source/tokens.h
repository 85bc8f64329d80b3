/* SPDX-License-Identifier: MIT
 *
 * The tokens of C as far as they matter for taking a file to pieces, and the names in them.
 */
#ifndef MFI_SOURCE_TOKENS_H
#define MFI_SOURCE_TOKENS_H

#include "source.h"

/* The words that are looked at; a name is one of these if its number is below MFI_WORDS. Up to
 * MFI_W_last_keyword they are C's and never the name of anything declared. */
#define MFI_KEYWORDS(X)                                                                            \
    X(struct) X(union) X(enum) X(typedef) X(static) X(extern) X(inline) X(const) X(volatile)       \
    X(restrict) X(register) X(void) X(char) X(short) X(int) X(long) X(float) X(double) X(signed)   \
    X(unsigned) X(_Bool) X(_Complex) X(_Atomic) X(_Alignas) X(_Noreturn) X(_Thread_local)          \
    X(_Static_assert) X(_Generic) X(_Alignof) X(sizeof) X(return) X(if) X(else) X(while) X(for)    \
    X(do) X(switch) X(case) X(default) X(break) X(continue) X(goto) X(auto) X(asm) X(__asm__)      \
    X(__asm) X(__attribute__) X(__attribute) X(__extension__) X(__inline) X(__inline__)            \
    X(__const) X(__volatile__) X(__volatile) X(__restrict) X(__restrict__) X(__typeof__) X(typeof) \
    X(__signed__) X(__declspec) X(__thread) X(__int128) X(_Float128) X(__label__) X(__alignof__)
#define MFI_DIRECTIVES(X)                                                                          \
    X(include)                                                                                     \
    X(include_next)                                                                                \
    X(import)                                                                                      \
    X(define)                                                                                      \
    X(undef)                                                                                       \
    X(ifdef)                                                                                       \
    X(ifndef)                                                                                      \
    X(elif)                                                                                        \
    X(endif)                                                                                       \
    X(error)                                                                                       \
    X(warning)                                                                                     \
    X(pragma)                                                                                      \
    X(line) X(ident) X(defined) X(__cplusplus) X(alias) X(weakref) X(main) X(once) X(__has_include)
#define MFI_WORD(word) MFI_W_##word,
enum mfi_word {
    MFI_KEYWORDS(MFI_WORD) MFI_W_last_keyword,
    MFI_DIRECTIVES(MFI_WORD) MFI_WORDS,
};
#undef MFI_WORD

/* ---- names ----------------------------------------------------------------------------------- */

enum { MFI_NONE = 0xffffffff };

struct mfi_name {
    const char *text; /* not ended by a NUL */
    uint32_t size;
    uint32_t hash;
    uint32_t definitions; /* the first in the list of the graph, or MFI_NONE */
    uint32_t macro;       /* its latest #define as a piece, or MFI_NONE */
    uint32_t last_header; /* the last include of the unit that brings it, counted from 1; 0: none */
    uint8_t needed;       /* closure: 1 as a member, 2 as anything */
    uint8_t pastes;       /* expand.c: whether its macro can make names; 0: not known */
    bool expanding;       /* expand.c: it is within its own expansion, where it stays as it is */
};

struct mfi_names {
    struct mfi_name *names;
    uint32_t count, room;
    uint32_t *slots; /* 1 + the name's number; 0: free */
    uint32_t slot_count;
    char **texts; /* what was made and lies in no file */
    size_t text_count;
};

int mfi_names_init(struct mfi_names *names);
void mfi_names_free(struct mfi_names *names);

/* The number of a name, which is added if it is new; `text` stays the caller's and has to stay.
 * MFI_NONE: no memory. */
uint32_t mfi_name(struct mfi_names *names, const char *text, size_t size);

/* The same of a text that does not stay. */
uint32_t mfi_name_copy(struct mfi_names *names, const char *text, size_t size);

/* The number of a name, or MFI_NONE if there is none. */
uint32_t mfi_name_find(const struct mfi_names *names, const char *text, size_t size);

/* ---- tokens ---------------------------------------------------------------------------------- */

enum mfi_token_kind {
    MFI_T_NAME,      /* value: the name */
    MFI_T_NUMBER,    /* as the preprocessor sees them */
    MFI_T_TEXT,      /* a string or a character */
    MFI_T_PUNCT,     /* value: the character, or one of the below */
    MFI_T_DIRECTIVE, /* the '#'; its tokens follow. value: the token behind the last of them */
    MFI_T_END,
};

enum mfi_punct { MFI_P_ARROW = 256, MFI_P_ELLIPSIS, MFI_P_PASTE };

struct mfi_token {
    uint32_t start;
    uint32_t size; /* of a directive: of all of it, without the line break */
    uint32_t line; /* from 1 */
    uint32_t value;
    enum mfi_token_kind kind;
};

struct mfi_tokens {
    struct mfi_token *list; /* the last one is MFI_T_END */
    uint32_t count;         /* without that one */
    bool damaged;           /* a comment that does not end */
};

enum { MFI_SOURCE_MOST = 256 << 20 }; /* bytes of a file that is taken to pieces */

/* Any bytes have tokens. `text` stays the caller's; a NUL stands behind it. 0, -ENOMEM or
 * -EFBIG. */
int mfi_tokenize(const char *text, size_t size, struct mfi_names *names, struct mfi_tokens *ret);
void mfi_tokens_free(struct mfi_tokens *tokens);

static inline bool mfi_is(const struct mfi_token *token, uint32_t punct) {
    return token->kind == MFI_T_PUNCT && token->value == punct;
}

static inline bool mfi_is_word(const struct mfi_token *token, enum mfi_word word) {
    return token->kind == MFI_T_NAME && token->value == (uint32_t)word;
}

/* A name that something may be called. */
static inline bool mfi_is_ident(const struct mfi_token *token) {
    return token->kind == MFI_T_NAME && token->value >= MFI_W_last_keyword;
}

/* What a directive says: its word, or MFI_NONE for none ("#" alone, "# 12 "file"" of cc -E). */
static inline uint32_t mfi_directive(const struct mfi_token *hash) {
    return hash->value > 1 && hash[1].kind == MFI_T_NAME && hash[1].start < hash->start + hash->size
               ? hash[1].value
               : (uint32_t)MFI_NONE;
}

#endif
