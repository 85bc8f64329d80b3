/* SPDX-License-Identifier: MIT
 *
 * S1: types mean the same in what is loaded as in the program: the same tokens are compiled into
 * both, and what one writes the other reads.
 */
#define _GNU_SOURCE
#include "../lib/sources.h"

#include <stdint.h>

/* A type, filled in by one side and summed up by the other; with a text of all that. */
#define LAYOUT(name, ...)                                                                          \
    __VA_ARGS__                                                                                    \
    static const char name##_text[] = "#include <stdint.h>\n#include <stddef.h>\n#include "        \
                                      "<stdio.h>\n#define static\n" #__VA_ARGS__;

LAYOUT(
    packed,
    struct packed {
        char a;
        int b;
        double c;
    } __attribute__((packed));
    static void packed_fill(struct packed *to) {
        *to = (struct packed){1, -70000, 2.5};
    } static int packed_check(const struct packed *from) {
        return from->a == 1 && from->b == -70000 && from->c == 2.5;
    } static size_t packed_shape(int n) {
        const size_t shape[] = {sizeof(struct packed), _Alignof(struct packed),
                                offsetof(struct packed, b), offsetof(struct packed, c)};
        return shape[n];
    })

LAYOUT(
    aligned,
    struct aligned {
        char a;
        int b __attribute__((aligned(32)));
        char c;
    } __attribute__((aligned(64)));
    static void aligned_fill(struct aligned *to) {
        *to = (struct aligned){1, 77, 3};
    } static int aligned_check(const struct aligned *from) {
        return from->a == 1 && from->b == 77 && from->c == 3 && (uintptr_t)from % 64 == 0;
    } static size_t aligned_shape(int n) {
        const size_t shape[] = {sizeof(struct aligned), _Alignof(struct aligned),
                                offsetof(struct aligned, b), offsetof(struct aligned, c)};
        return shape[n];
    })

LAYOUT(
    bits,
    struct bits {
        unsigned a : 3;
        signed b : 7;
        unsigned : 0;
        uint64_t c : 37;
        _Bool d : 1;
        unsigned char e : 5;
    };
    static void bits_fill(struct bits *to) {
        *to = (struct bits){.a = 5, .b = -33, .c = 0x1234567890, .d = 1, .e = 21};
    } static int bits_check(const struct bits *from) {
        return from->a == 5 && from->b == -33 && from->c == 0x1234567890 && from->d &&
               from->e == 21;
    } static size_t bits_shape(int n) {
        const size_t shape[] = {sizeof(struct bits), _Alignof(struct bits), 0, 0};
        return shape[n];
    })

LAYOUT(
    vector, typedef float four __attribute__((vector_size(16))); struct vector {
        char a;
        four b;
        int16_t c __attribute__((vector_size(8)));
    };
    static void vector_fill(struct vector *to) {
        to->a = 9;
        for (int i = 0; i < 4; i++) {
            to->b[i] = (float)i + 0.5F;
            to->c[i] = (int16_t)(i * 1000);
        }
    } static int vector_check(const struct vector *from) {
        int good = from->a == 9;
        for (int i = 0; i < 4; i++)
            good = good && from->b[i] == (float)i + 0.5F && from->c[i] == i * 1000;
        return good;
    } static size_t vector_shape(int n) {
        const size_t shape[] = {sizeof(struct vector), _Alignof(struct vector),
                                offsetof(struct vector, b), offsetof(struct vector, c)};
        return shape[n];
    })

LAYOUT(
    mixed, enum __attribute__((packed)) colour{RED, GREEN = 200}; union inner {
        long long whole;
        double real;
        char text[11];
    };
    struct mixed {
        enum colour colour;
        union inner inner;
        long double wide;
        struct {
            short x, y;
        };
        int (*function)(int);
        char tail[];
    };
    static void mixed_fill(struct mixed *to) {
        to->colour = GREEN;
        to->inner.real = 0.25;
        to->wide = 1.5L;
        to->x = -1;
        to->y = 2;
        to->function = NULL;
    } static int mixed_check(const struct mixed *from) {
        return from->colour == GREEN && from->inner.real == 0.25 && from->wide == 1.5L &&
               from->x == -1 && from->y == 2 && from->function == NULL;
    } static size_t mixed_shape(int n) {
        const size_t shape[] = {sizeof(struct mixed), _Alignof(struct mixed),
                                offsetof(struct mixed, inner), offsetof(struct mixed, tail)};
        return shape[n];
    })

/* ---- both sides ------------------------------------------------------------------------------ */

struct sides {
    const char *name, *text;
    size_t size;
    mayfly_function fill, check;
    size_t (*shape)(int);
};

#define SIDES(name)                                                                                \
    {                                                                                              \
#name, name##_text, sizeof(struct name), (mayfly_function)name##_fill,                     \
            (mayfly_function)name##_check, name##_shape                                            \
    }

static mayfly_function function_of(const mayfly_namespace *ns, const struct sides *sides,
                                   const char *what) {
    char name[40];
    (void)snprintf(name, sizeof name, "%s_%s", sides->name, what);
    const mayfly_function function = mayfly_namespace_function(ns, name);
    if (function == NULL)
        fail_msg("there is no %s", name);
    return function;
}

static void compare(const struct sides *sides, const char *compiler) {
    static _Alignas(64) char memory[512];
    mayfly_auto(mayfly_namespace) ns = NULL;
    const mayfly_load_source_options options = {.compiler = compiler};
    const int r = mayfly_load_source_io(sides->text, MAYFLY_ALL, &options, &ns, &mft_error);
    if (r == MAYFLY_E_NO_COMPILER)
        return;
    mft_ok(r);
    size_t (*shape)(int) = (size_t(*)(int))function_of(ns, sides, "shape");
    for (int i = 0; i < 4; i++)
        if (shape(i) != sides->shape(i))
            fail_msg("%s, %s: number %d is %zu there and %zu here", compiler, sides->name, i,
                     shape(i), sides->shape(i));
    assert_true(sides->size <= sizeof memory);
    for (int here = 0; here < 2; here++) {
        const mayfly_function fill = here ? sides->fill : function_of(ns, sides, "fill");
        const mayfly_function check = here ? function_of(ns, sides, "check") : sides->check;
        memset(memory, 0xa5, sizeof memory);
        ((void (*)(void *))fill)(memory);
        if (!((int (*)(const void *))check)(memory))
            fail_msg("%s, %s: what was written %s reads otherwise", compiler, sides->name,
                     here ? "here" : "there");
    }
}

static void compare_all(const struct sides *sides) {
    compare(sides, "cc");
    compare(sides, "gcc");
    compare(sides, "clang");
}

static void packed_structs_agree(void **state) {
    (void)state;
    compare_all(&(struct sides)SIDES(packed));
}

static void aligned_structs_agree(void **state) {
    (void)state;
    compare_all(&(struct sides)SIDES(aligned));
}

static void bit_fields_agree(void **state) {
    (void)state;
    compare_all(&(struct sides)SIDES(bits));
}

static void vector_types_agree(void **state) {
    (void)state;
    compare_all(&(struct sides)SIDES(vector));
}

static void enums_unions_and_long_doubles_agree(void **state) {
    (void)state;
    compare_all(&(struct sides)SIDES(mixed));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SOURCES(packed_structs_agree),
        SOURCES(aligned_structs_agree),
        SOURCES(bit_fields_agree),
        SOURCES(vector_types_agree),
        SOURCES(enums_unions_and_long_doubles_agree),
    };
    return MFT_MAIN(tests);
}
