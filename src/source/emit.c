/* SPDX-License-Identifier: MIT
 *
 * The file that is written: comments, the pieces that are kept, the table of names, the last line.
 *
 * Pieces are the original text from their first token to their last. Between them #line says where
 * the next one stands, so that a compiler's messages, assert and debuggers name the original. What
 * stands within a conditional defines a macro there, by which the table knows whether it is there.
 */
#include <stdlib.h>

#include "extract.h"

struct emitter {
    const struct mfi_emission *what;
    const struct mfi_graph *graph;
    struct mfi_buffer *to;
    struct mfi_buffer table;
    uint32_t line;    /* of the original, that the next line of the text would have */
    const char *file; /* as #line said last; NULL: none yet */
    size_t file_size;
    uint32_t marks;
    uint32_t piece;
    /* Of a text from the preprocessor: what its own last line mark said. */
    uint32_t marked_at, marked_as;
    const char *marked_file;
    size_t marked_size;
    bool marked_system;
    uint32_t next_token; /* up to where marks were read */
    int code;
};

static void put(struct emitter *e, const char *text, size_t size) {
    if (e->code == 0)
        e->code = mfi_buffer_append(e->to, text, size);
}

static void put_text(struct emitter *e, const char *text) {
    put(e, text, strlen(text));
}

static void put_line(struct emitter *e, char *made) {
    if (made == NULL)
        e->code = -ENOMEM;
    else
        put_text(e, made);
    free(made);
}

/* A text in a comment, which it must not end. */
static void put_comment(struct emitter *e, const char *text) {
    for (; *text != '\0'; text++)
        put(e, *text == '*' && text[1] == '/' ? "* " : (*text == '\n' ? " " : text),
            *text == '*' && text[1] == '/' ? 2 : 1);
}

/* The same in a string. */
static void put_string(struct emitter *e, const char *text, size_t size) {
    put(e, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' || text[i] == '\\')
            put(e, "\\", 1);
        put(e, text[i] == '\n' ? " " : &text[i], 1);
    }
    put(e, "\"", 1);
}

/* ---- the head -------------------------------------------------------------------------------- */

static const char *form_text(mayfly_source_form form) {
    switch (form) {
    case MAYFLY_SOURCE_CLOSURE:
        return "with what it uses";
    case MAYFLY_SOURCE_PREPROCESSED:
        return "with what it uses, after the preprocessor";
    default:
        return "with the whole of its unit";
    }
}

static void put_flags(struct emitter *e) {
    const struct mfi_flags *flags = e->what->flags;
    struct mfi_buffer text = {0};
    e->code = mfi_first(e->code, mfi_flags_write(&text, (const char *const *)flags->items));
    put_text(e, "/* #FLAGS: ");
    if (text.size > 0)
        put(e, text.data, text.size);
    put_text(e, " */\n");
    mfi_buffer_free(&text);
}

static void put_head(struct emitter *e) {
    const struct mfi_origin *origin = e->what->origin;
    put_text(e, "/* ");
    put_text(e, e->what->alias != NULL ? e->what->alias : origin->symbol);
    if (e->what->alias != NULL) {
        put_text(e, ", which is ");
        put_text(e, origin->symbol);
    }
    put_text(e, " of ");
    put_comment(e, origin->within != NULL ? origin->within : origin->path);
    if (origin->line != 0)
        put_line(e, mfi_format(":%u", (unsigned)origin->line));
    put_text(e, origin->embedded ? " as it was compiled, " : ", ");
    put_text(e, form_text(e->what->form));
    put_text(e, ".\n * Written by mayfly " MAYFLY_VERSION "; running it is trusting it. */\n");
    put_flags(e);
    if (e->what->needs != NULL && e->what->needs[0] != NULL) {
        put_text(e, "/* #NEEDS: ");
        for (size_t i = 0; e->what->needs[i] != NULL; i++) {
            put_text(e, i > 0 ? ", " : "");
            put_text(e, e->what->needs[i]);
        }
        put_text(e, " */\n");
    }
}

/* ---- pieces ---------------------------------------------------------------------------------- */

/* Reads the line marks of the preprocessor up to a token. */
static void read_marks(struct emitter *e, uint32_t until) {
    const struct mfi_source_file *file = &e->graph->files[0];
    const struct mfi_token *list = file->tokens.list;
    for (; e->next_token < until; e->next_token++) {
        const struct mfi_token *hash = &list[e->next_token];
        if (hash->kind != MFI_T_DIRECTIVE || hash->value < e->next_token + 3 ||
            hash[1].kind != MFI_T_NUMBER || hash[2].kind != MFI_T_TEXT || hash[2].size < 2)
            continue;
        e->marked_at = hash->line;
        e->marked_as = (uint32_t)strtoul(file->text + hash[1].start, NULL, 10);
        e->marked_file = file->text + hash[2].start + 1;
        e->marked_size = hash[2].size - 2;
        e->marked_system = false;
        for (uint32_t i = e->next_token + 3; i < hash->value; i++)
            e->marked_system |= file->text[list[i].start] == '3';
    }
}

static void go_to_line(struct emitter *e, const struct mfi_piece *piece) {
    const struct mfi_token *first = &mfi_tokens_of(e->graph, piece)[piece->first];
    const char *path = e->what->origin->path;
    size_t size = strlen(path);
    uint32_t line = first->line;
    if (e->what->form == MAYFLY_SOURCE_PREPROCESSED) {
        read_marks(e, piece->first);
        if (e->marked_file != NULL) {
            path = e->marked_file;
            size = e->marked_size;
            line = e->marked_as + (first->line - e->marked_at) - 1;
        }
    }
    const bool same = e->file != NULL && e->file_size == size && memcmp(e->file, path, size) == 0;
    if (same && e->line == line)
        return;
    if (same && line > e->line && line - e->line <= 2) {
        put(e, "\n\n", line - e->line);
        return;
    }
    const bool system = e->marked_system && e->what->form == MAYFLY_SOURCE_PREPROCESSED;
    put_line(e, mfi_format(system ? "# %u" : "#line %u", (unsigned)line));
    if (!same) {
        put_text(e, " ");
        if (path == e->marked_file) { /* as it stands, escapes and all */
            put(e, path - 1, size + 2);
        } else {
            put_string(e, path, size);
        }
        e->file = path;
        e->file_size = size;
    }
    put_text(e, system && !same ? " 3\n" : "\n");
}

/* Whether the alias can be written in place of the name: nothing beyond the pieces has it. */
static bool renames(const struct emitter *e) {
    const struct mfi_graph *graph = e->graph;
    if (e->what->alias == NULL || graph == NULL || e->what->name == MFI_NONE)
        return false;
    const struct mfi_name *name = &graph->names.names[e->what->name];
    return name->last_header == 0 && name->macro == MFI_NONE &&
           strncmp(e->what->called, name->text, name->size) == 0 &&
           e->what->called[name->size] == '\0';
}

static void put_piece_text(struct emitter *e, const struct mfi_piece *piece) {
    const struct mfi_token *list = mfi_tokens_of(e->graph, piece);
    const char *text = e->graph->files[0].text;
    uint32_t from = mfi_piece_start(e->graph, piece);
    const uint32_t stop = mfi_piece_stop(e->graph, piece);
    const bool rename = renames(e);
    for (uint32_t i = piece->first; rename && i < piece->end; i++) {
        if (list[i].kind != MFI_T_NAME || list[i].value != e->what->name)
            continue;
        if (i > piece->first && (mfi_is(&list[i - 1], '.') || mfi_is(&list[i - 1], MFI_P_ARROW)))
            continue;
        put(e, text + from, list[i].start - from);
        put_text(e, e->what->alias);
        from = list[i].start + list[i].size;
    }
    put(e, text + from, stop - from);
    put_text(e, "\n");
    e->line = list[piece->first].line + 1;
    for (const char *lf = text + mfi_piece_start(e->graph, piece);
         (lf = memchr(lf, '\n', (size_t)(text + stop - lf))) != NULL; lf++)
        e->line++;
    if (e->what->form == MAYFLY_SOURCE_PREPROCESSED) {
        const uint32_t at = list[piece->first].line;
        read_marks(e, piece->end);
        e->line = e->marked_file != NULL ? e->marked_as + (e->line - e->marked_at) - 1 : e->line;
        if (e->marked_at >= at)
            e->file = NULL; /* a mark within it has been copied, too */
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

/* A name is there if the piece is; what stands in a conditional leaves a mark. */
static uint32_t mark_piece(struct emitter *e) {
    if (e->graph->pieces[e->piece].group == MFI_NONE)
        return 0;
    put_line(e, mfi_format("#define MAYFLY_PIECE_%u\n", (unsigned)++e->marks));
    e->line++;
    return e->marks;
}

static void add_entry(struct emitter *e, uint32_t mark, const char *name, const char *called,
                      bool function, const char *signature) {
    struct mfi_buffer *const text = e->to;
    e->to = &e->table;
    if (mark != 0)
        put_line(e, mfi_format("#ifdef MAYFLY_PIECE_%u\n", (unsigned)mark));
    put_line(e, mfi_format(function ? "    {\"%s\", (void (*)(void))%s, 0, "
                                    : "    {\"%s\", 0, (void *)&%s, ",
                           name, called));
    if (signature != NULL)
        put_string(e, signature, strlen(signature));
    else
        put_text(e, "0");
    put_text(e, mark != 0 ? "},\n#endif\n" : "},\n");
    e->to = text;
}

static void add_variable(void *context, uint32_t number) {
    struct emitter *e = context;
    const struct mfi_name *name = &e->graph->names.names[number];
    char *text = mfi_format("%.*s", (int)name->size, name->text);
    if (text == NULL)
        e->code = -ENOMEM;
    else
        add_entry(e, e->graph->pieces[e->piece].group == MFI_NONE ? 0 : mark_piece(e), text, text,
                  false, NULL);
    free(text);
}

/* Whether a function that is inline is only so: then its address needs a definition beside. */
static bool is_only_inline(const struct emitter *e, const struct mfi_piece *piece) {
    const struct mfi_token *list = mfi_tokens_of(e->graph, piece);
    bool is_inline = false;
    for (uint32_t i = piece->first; i < piece->end && !mfi_is(&list[i], '{'); i++) {
        if (mfi_is_word(&list[i], MFI_W_static) || mfi_is_word(&list[i], MFI_W_extern))
            return false;
        is_inline |= mfi_is_word(&list[i], MFI_W_inline) || mfi_is_word(&list[i], MFI_W___inline) ||
                     mfi_is_word(&list[i], MFI_W___inline__);
    }
    return is_inline;
}

static void add_function(struct emitter *e) {
    const struct mfi_piece *piece = &e->graph->pieces[e->piece];
    const bool root = e->piece == e->what->piece;
    uint32_t number = MFI_NONE;
    char *signature =
        mfi_signature(e->graph, e->piece, root ? e->what->name : (uint32_t)MFI_NONE, &number);
    if (signature == NULL || root || number == e->what->name || is_only_inline(e, piece)) {
        free(signature);
        return;
    }
    const struct mfi_name *name = &e->graph->names.names[number];
    char *text = mfi_format("%.*s", (int)name->size, name->text);
    if (text == NULL)
        e->code = -ENOMEM;
    else
        add_entry(e, mark_piece(e), text, text, true, signature);
    free(text);
    free(signature);
}

/* Of the preprocessor's output only what is the unit's own is listed. */
static bool is_listed(const struct emitter *e) {
    const char *path = e->what->origin->path;
    return e->what->form != MAYFLY_SOURCE_PREPROCESSED ||
           (e->marked_file != NULL && e->marked_size == strlen(path) &&
            memcmp(e->marked_file, path, e->marked_size) == 0);
}

static void put_pieces(struct emitter *e) {
    const uint32_t count = e->graph->files[0].end_piece;
    for (e->piece = 0; e->piece < count && e->code == 0; e->piece++) {
        const struct mfi_piece *piece = &e->graph->pieces[e->piece];
        if (!piece->kept)
            continue;
        if (e->what->form == MAYFLY_SOURCE_PREPROCESSED && piece->kind != MFI_PIECE_CODE &&
            piece->kind != MFI_PIECE_PRAGMA)
            continue;
        go_to_line(e, piece);
        put_piece_text(e, piece);
        if (piece->kind != MFI_PIECE_CODE || !is_listed(e))
            continue;
        if (piece->function)
            add_function(e);
        else
            mfi_each_variable(e->graph, e->piece, add_variable, e);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void put_values(struct emitter *e) {
    if (e->what->value_count == 0)
        return;
    put_text(e, "const struct {\n    void *to;\n    const void *from;\n    unsigned long size;\n}"
                " mayfly_values_table[] __asm__(\"mayfly_values\")"
                " __attribute__((visibility(\"default\"))) = {\n");
    for (size_t i = 0; i < e->what->value_count; i++) {
        const struct mfi_value_bytes *value = &e->what->values[i];
        const unsigned char *data = value->data;
        put_line(e, mfi_format("    {(void *)&%s, \"", value->name));
        for (size_t b = 0; b < value->size; b++)
            put_line(e, mfi_format("\\%03o", data[b]));
        /* That it fits is not left to trust. */
        put_line(e, mfi_format("\", sizeof(char[sizeof(%s) == %zu ? %zu : -1])},\n", value->name,
                               value->size, value->size));
    }
    put_text(e, "    {0, 0, 0},\n};\n");
}

static void put_table(struct emitter *e) {
    const char *name = e->what->alias != NULL ? e->what->alias : e->what->origin->symbol;
    const char *called = e->what->called;
    /* Not of this file is what follows. */
    put_text(e, "#line 1 \"mayfly\"\n");
    if (renames(e)) {
        called = e->what->alias;
    } else if (e->what->alias != NULL) {
        put_line(e, mfi_format("extern __typeof__(%s) %s __attribute__((alias(\"%s\")));\n", called,
                               e->what->alias, e->what->origin->symbol));
        called = e->what->alias;
    }
    if (e->graph != NULL && e->what->piece != MFI_NONE &&
        is_only_inline(e, &e->graph->pieces[e->what->piece]))
        put_line(e, mfi_format("extern __typeof__(%s) %s;\n", called, called));
    add_entry(e, 0, name, called, true, e->what->signature);
    put_text(e, "const struct {\n    const char *name;\n    void (*function)(void);\n"
                "    void *data;\n    const char *signature;\n}"
                " mayfly_namespace_table[] __asm__(\"mayfly_namespace\")"
                " __attribute__((visibility(\"default\"))) = {\n");
    if (e->table.size > 0)
        put(e, e->table.data, e->table.size);
    put_text(e, "    {0, 0, 0, 0},\n};\n");
    put_values(e);
    put_text(e, "/* #NAME: ");
    put_text(e, name);
    put_text(e, " */\n");
}

static void put_unit(struct emitter *e) {
    const struct mfi_origin *origin = e->what->origin;
    if (strcmp(origin->symbol, "main") != 0)
        put_text(e, "#define main mayfly_main_of_the_unit\n");
    put_text(e, "#line 1 ");
    put_string(e, origin->path, strlen(origin->path));
    put_text(e, "\n");
    put(e, origin->text, origin->size);
    put_text(e, "\n");
    if (strcmp(origin->symbol, "main") != 0)
        put_text(e, "#undef main\n");
}

int mfi_emit(const struct mfi_emission *emission, struct mfi_buffer *to, mayfly_error *error) {
    struct emitter e = {.what = emission, .graph = emission->graph, .to = to};
    put_head(&e);
    if (emission->form == MAYFLY_SOURCE_UNIT)
        put_unit(&e);
    else
        put_pieces(&e);
    put_table(&e);
    mfi_buffer_free(&e.table);
    return e.code < 0 ? mfi_fail_memory(error, to->size) : 0;
}
