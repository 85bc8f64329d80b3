/* SPDX-License-Identifier: MIT
 *
 * What a text uses and does not have.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include "result.h"

static int add_once(struct mfi_flags *to, const char *name) {
    for (size_t i = 0; i < to->count; i++)
        if (strcmp(to->items[i], name) == 0)
            return 0;
    return mfi_flags_add(to, name);
}

int mfi_needs_of(const struct mfi_buffer *undefined, struct mfi_flags *ret) {
    void *const libraries[] = {dlopen("libc.so.6", RTLD_LAZY), dlopen("libm.so.6", RTLD_LAZY)};
    int r = 0;
    for (size_t at = 0; at < undefined->size && r == 0;) {
        const char *name = undefined->data + at;
        bool known = false;
        for (size_t i = 0; i < MFI_LENGTH(libraries); i++)
            known |= libraries[i] != NULL && dlsym(libraries[i], name) != NULL;
        if (!known)
            r = add_once(ret, name);
        at += strlen(name) + 1;
    }
    for (size_t i = 0; i < MFI_LENGTH(libraries); i++)
        if (libraries[i] != NULL)
            (void)dlclose(libraries[i]);
    return r;
}

/* Whether a name is of a function that the unit and its headers declare, and nothing more. */
static bool is_only_declared(const struct mfi_graph *graph, uint32_t number) {
    const struct mfi_name *name = &graph->names.names[number];
    bool declared = false;
    for (uint32_t d = name->definitions; d != MFI_NONE; d = graph->definitions[d].next) {
        const uint32_t i = graph->definitions[d].piece;
        const struct mfi_piece *piece = &graph->pieces[i];
        if (piece->kind != MFI_PIECE_CODE || piece->function ||
            mfi_is_word(&mfi_tokens_of(graph, piece)[piece->first], MFI_W_typedef))
            return false;
        char *signature = mfi_signature(graph, i, number, NULL);
        if (signature == NULL)
            return false;
        free(signature);
        declared = true;
    }
    return declared;
}

int mfi_needs_guess(const struct mfi_graph *graph, struct mfi_flags *ret) {
    int r = 0;
    for (uint32_t i = MFI_WORDS; i < graph->names.count && r == 0; i++) {
        const struct mfi_name *name = &graph->names.names[i];
        if (name->needed < 2 || !is_only_declared(graph, i))
            continue;
        char *text = mfi_format("%.*s", (int)name->size, name->text);
        r = text != NULL ? add_once(ret, text) : -ENOMEM;
        free(text);
    }
    return r;
}
