/* SPDX-License-Identifier: MIT
 *
 * Any bytes looked into: disassembled, in whole lines and without end only where the input is;
 * what it names listed, each once and at a place that is in the input.
 */
#include <mayfly/pickle.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
    size_t size;
    char last;
};

static int count(void *context, const void *data, size_t size) {
    struct text *text = context;
    if (size > 0)
        text->last = ((const char *)data)[size - 1];
    text->size += size;
    return 0;
}

static void disassemble(const uint8_t *data, size_t size, bool all) {
    struct text text = {0};
    mayfly_error error;
    const int r = mayfly_disassemble(data, size, all, count, &text, &error);
    if (r < 0 && (error.code != r || error.message[0] == '\0'))
        abort();
    if (text.size > 0 && text.last != '\n')
        abort();
    if (r == 0 && text.size == 0 && !all)
        abort();
}

static int refuse(void *context, const void *data, size_t size) {
    (void)context;
    (void)data;
    return size > 0 ? -28 : 0;
}

static void list_globals(const uint8_t *data, size_t size) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_error error;
    const mayfly_global_use *uses = NULL;
    size_t uses_count = 0;
    mayfly_auto(mayfly_policy) policy = NULL;
    static const char allowed[] = "builtins complex\nbuiltins:bytearray\n";
    if (mayfly_loads(data, size, &(mayfly_load_options){.max_bytes = 8 << 20}, &doc, &error) < 0)
        return;
    if (mayfly_doc_globals(doc, &uses, &uses_count, &error) < 0 ||
        mayfly_policy_new(allowed, sizeof allowed - 1, &policy, &error) < 0)
        abort();
    bool good = true;
    for (size_t i = 0; i < uses_count; i++) {
        if (uses[i].module == NULL || uses[i].name == NULL || uses[i].offset >= size)
            abort();
        if ((uses[i].flags & (MAYFLY_GLOBAL_COMPUTED | MAYFLY_GLOBAL_EXTENSION)) ||
            !mayfly_policy_allows(policy, uses[i].module, uses[i].name))
            good = false;
    }
    const int r = mayfly_doc_check(doc, policy, &error);
    if (good != (r == 0) || (r < 0 && error.code != MAYFLY_E_POLICY))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mayfly_error error;
    disassemble(data, size, false);
    disassemble(data, size, true);
    if (mayfly_disassemble(data, size, true, refuse, NULL, &error) == 0 && size > 0)
        abort();
    list_globals(data, size);
    return 0;
}
