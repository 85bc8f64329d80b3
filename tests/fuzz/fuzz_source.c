/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a C file: its pieces lie in it, one behind the other, the closure of each function
 * comes to an end, and what is written of it is a text that ends in the name. Also as the flags of
 * a compiler.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/source/extract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pieces(const struct mfi_graph *graph) {
    uint32_t end = 0;
    for (uint32_t i = 0; i < graph->piece_count; i++) {
        const struct mfi_piece *piece = &graph->pieces[i];
        if (piece->first < end || piece->end <= piece->first ||
            mfi_piece_stop(graph, piece) > graph->files[0].size)
            abort();
        end = piece->end;
    }
}

static void emit(const struct mfi_graph *graph, uint32_t piece, uint32_t name, const char *text,
                 size_t size) {
    static char path[] = "unit.c", symbol[] = "f";
    static const char last[] = "/* #NAME: other */\n";
    const struct mfi_flags flags = {0};
    const struct mfi_origin origin = {.path = path, .symbol = symbol, .text = text, .size = size};
    struct mfi_buffer to = {0};
    char *signature = mfi_signature(graph, piece, name, NULL);
    const struct mfi_emission what = {.origin = &origin,
                                      .graph = graph,
                                      .piece = piece,
                                      .name = name,
                                      .called = symbol,
                                      .alias = "other",
                                      .signature = signature,
                                      .flags = &flags,
                                      .form = size % 2 == 0 ? MAYFLY_SOURCE_CLOSURE
                                                            : MAYFLY_SOURCE_PREPROCESSED};
    if (mfi_emit(&what, &to, NULL) < 0 || to.size < sizeof last ||
        strcmp(to.data + to.size - (sizeof last - 1), last) != 0)
        abort();
    mfi_buffer_free(&to);
    free(signature);
}

static void read_flags(const char *text) {
    struct mfi_flags flags = {0}, again = {0};
    struct mfi_buffer written = {0};
    if (mfi_flags_parse(&flags, text, "/dir") < 0 ||
        mfi_flags_write(&written, (const char *const *)flags.items) < 0)
        abort();
    /* What is let through is what a file may say, and comes back. */
    if (written.size > 0 && (mfi_flags_read(written.data, written.size, NULL, &again, NULL) < 0 ||
                             again.count != flags.count))
        abort();
    mfi_flags_free(&flags);
    mfi_flags_free(&again);
    mfi_buffer_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mfi_graph graph;
    uint32_t file, name = MFI_NONE;
    char *text = malloc(size + 1);
    if (text == NULL || mfi_graph_init(&graph) < 0)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    if (mfi_graph_add(&graph, "unit.c", text, size, NULL, 0, &file) < 0)
        abort();
    check_pieces(&graph);
    mfi_graph_declare(&graph);
    const uint32_t piece = mfi_find_function(&graph, "f", 1, &name);
    if (piece != MFI_NONE) {
        mfi_closure(&graph, name, piece);
        emit(&graph, piece, name, text, size);
    }
    mfi_graph_free(&graph);
    read_flags(text);
    free(text);
    return 0;
}
