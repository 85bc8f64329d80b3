/* SPDX-License-Identifier: MIT
 *
 * Functions in C as data: a call of mayfly.CFunction with texts. A reader that does not know it has
 * an object with arguments; Python, where it has the package, one with attributes.
 */
#define _GNU_SOURCE
#include <mayfly/pickle.h>

#include "value.h"

enum { HASH = 32 };

#ifdef MFI_HAVE_SODIUM
#include <sodium.h>

static void hash_of(const char *source, size_t size, char to[2 * HASH + 1]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[HASH];
    (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)source, size, NULL, 0);
    for (size_t i = 0; i < sizeof hash; i++) {
        to[2 * i] = digits[hash[i] >> 4];
        to[2 * i + 1] = digits[hash[i] & 15];
    }
    to[2 * HASH] = '\0';
}
#else
static void hash_of(const char *source, size_t size, char to[2 * HASH + 1]) {
    (void)source;
    (void)size;
    to[0] = '\0';
}
#endif

static mayfly_value text(mayfly_doc *doc, const char *from) {
    return mayfly_str_new(doc, from == NULL ? "" : from, MAYFLY_ALL);
}

mayfly_value mayfly_c_function_new(mayfly_doc *doc, const mayfly_c_function *from) {
    char hash[2 * HASH + 1];
    if (from->name == NULL || from->source == NULL) {
        (void)mfi_doc_fail(doc, -EINVAL, "a function in C needs a name and a source");
        return mfi_word(0);
    }
    hash_of(from->source, strlen(from->source), hash);
    const mayfly_value parts[] = {text(doc, from->name), text(doc, from->source),
                                  text(doc, from->signature), text(doc, from->flags),
                                  text(doc, hash)};
    const mayfly_value all = mfi_tuple_new(doc, parts, MFI_LENGTH(parts));
    if (mayfly_doc_failed(doc, NULL) < 0)
        return mfi_word(0);
    return mayfly_object_new(doc, mayfly_global_new(doc, "mayfly", "CFunction"), all);
}

int mayfly_c_function_get(mayfly_value value, mayfly_c_function *ret, mayfly_error *error) {
    static const char *const names[] = {"name", "source", "signature", "flags", "hash"};
    const char *found[MFI_LENGTH(names)];
    char hash[2 * HASH + 1];
    size_t size = 0;
    if (mayfly_class_of(value) != MAYFLY_CLASS_C_FUNCTION)
        return mfi_fail(error, -EINVAL, "function", NULL, "the value is no mayfly.CFunction");
    for (size_t i = 0; i < MFI_LENGTH(names); i++) {
        found[i] = mayfly_str_get(mfi_field(value, names[i]), &size);
        if (found[i] == NULL || strlen(found[i]) != size)
            return mfi_fail(error, -EINVAL, "function", NULL, "its %s is no text", names[i]);
    }
    hash_of(found[1], strlen(found[1]), hash);
    if (hash[0] != '\0' && found[4][0] != '\0' && strcmp(hash, found[4]) != 0)
        return mfi_fail(error, MAYFLY_E_SYNTAX, "function", NULL,
                        "the source of %s is not the one that its hash is of", found[0]);
    *ret = (mayfly_c_function){found[0], found[1], found[2], found[3], found[4]};
    return 0;
}
