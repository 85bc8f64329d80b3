/* SPDX-License-Identifier: MIT
 *
 * Any pickle into a struct: no crash, nothing left allocated, and what was loaded gives the same
 * struct when it is dumped and loaded again.
 */
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum suit { HEARTS, SPADES = 200 } suit;
MAYFLY_ENUM(suit_names, {"h", HEARTS}, {"s", SPADES});

typedef struct item item;
struct item {
    bool b;
    int8_t i;
    uint64_t u;
    float f;
    char *s;
    char c[4];
    unsigned char *d;
    uint8_t d_size;
    suit e;
    int16_t p[2];
    char **q;
    int8_t q_count;
    item *n, *o;
    item *r;
    uint32_t r_count;
    item **l;
    size_t l_count;
};
MAYFLY_STRUCT(item_type, item, MAYFLY_FIELD(item, b), MAYFLY_FIELD(item, i), MAYFLY_FIELD(item, u),
              MAYFLY_FIELD(item, f), MAYFLY_FIELD(item, s), MAYFLY_FIELD_CHARS(item, c),
              MAYFLY_FIELD_BYTES(item, d, d_size), MAYFLY_FIELD_ENUM(item, e, suit_names),
              MAYFLY_FIELD_ARRAY(item, p), MAYFLY_FIELD_COUNTED(item, q, q_count),
              MAYFLY_FIELD_POINTER(item, n, item_type), MAYFLY_FIELD_POINTER(item, o, item_type),
              MAYFLY_FIELD_STRUCT_COUNTED(item, r, r_count, item_type),
              MAYFLY_FIELD_POINTER_COUNTED(item, l, l_count, item_type));

static void must(int r, const mayfly_error *error) {
    if (r < 0) {
        fprintf(stderr, "%s\n", error->message);
        abort();
    }
}

/* The value of a struct, as text; it is cut where the struct is large. */
static char *shown(const item *from, mayfly_doc **ret) {
    mayfly_error error;
    char *text;
    must(mayfly_doc_new(NULL, ret, &error), &error);
    const mayfly_value value = mayfly_struct_new(*ret, &item_type, from);
    must(mayfly_doc_failed(*ret, &error), &error);
    mayfly_doc_set_root(*ret, value);
    must(mayfly_repr(value, &(mayfly_repr_options){.max_bytes = 10000}, &text, NULL, &error),
         &error);
    return text;
}

static void load(mayfly_value value, unsigned flags) {
    const mayfly_struct_options options = {.flags = flags, .max_bytes = 1 << 20};
    item one, two;
    mayfly_error error;
    mayfly_doc *first = NULL, *second = NULL;
    const int r = mayfly_load_struct(&item_type, value, &options, &one, &error);
    if (r < 0) {
        if (error.code != r || error.message[0] == '\0')
            abort();
        for (size_t i = 0; i < sizeof one; i++)
            if (((const char *)&one)[i] != 0)
                abort();
        return;
    }
    /* A text with lone surrogates was loaded as it stands, and is a str again. */
    char *before = shown(&one, &first);
    must(mayfly_load_struct(&item_type, mayfly_doc_root(first), NULL, &two, &error), &error);
    char *after = shown(&two, &second);
    if (strcmp(before, after) != 0)
        abort();
    free(before);
    free(after);
    mayfly_doc_free(&first);
    mayfly_doc_free(&second);
    must(mayfly_struct_clear(&item_type, &one, &error), &error);
    must(mayfly_struct_clear(&item_type, &two, &error), &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mayfly_doc *doc = NULL;
    const mayfly_load_options options = {.max_bytes = 1 << 24};
    if (mayfly_loads(data, size, &options, &doc, NULL) == 0) {
        load(mayfly_doc_root(doc), 0);
        load(mayfly_doc_root(doc), MAYFLY_STRUCT_MISSING_OK | MAYFLY_STRUCT_UNKNOWN_OK);
    }
    mayfly_doc_free(&doc);
    return 0;
}
