/* SPDX-License-Identifier: MIT
 *
 * Taking texts to pieces: tokens, pieces, names, closure. A unit is given as text, and a list says
 * which of its lines belong to a function's closure.
 */
#include "../lib/harness.h"

#include "../../src/source/extract.h"

/* A unit whose lines begin with "+ " if they are to be kept and "- " if not; others are neither. */
struct unit {
    char text[4096];
    int lines;
    char marks[128];
};

static void read_unit(const char *const *lines, struct unit *ret) {
    size_t at = 0;
    memset(ret, 0, sizeof *ret);
    for (; lines[ret->lines] != NULL; ret->lines++) {
        ret->marks[ret->lines] = lines[ret->lines][0];
        at +=
            (size_t)snprintf(ret->text + at, sizeof ret->text - at, "%s\n", lines[ret->lines] + 2);
    }
}

static bool is_kept(const struct mfi_graph *graph, uint32_t line) {
    for (uint32_t i = 0; i < graph->piece_count; i++) {
        const struct mfi_piece *piece = &graph->pieces[i];
        const struct mfi_token *list = mfi_tokens_of(graph, piece);
        if (piece->kept && list[piece->first].line <= line && list[piece->end - 1].line >= line)
            return true;
    }
    return false;
}

static void check_unit(const char *function, const char *const *lines) {
    struct unit unit;
    struct mfi_graph graph;
    uint32_t file, name;
    read_unit(lines, &unit);
    assert_int_equal(mfi_graph_init(&graph), 0);
    assert_int_equal(mfi_graph_add(&graph, "unit.c", unit.text, strlen(unit.text), NULL, 0, &file),
                     0);
    mfi_graph_declare(&graph);
    const uint32_t piece = mfi_find_function(&graph, function, 0, &name);
    assert_int_not_equal(piece, (uint32_t)MFI_NONE);
    mfi_closure(&graph, name, piece);
    for (int i = 0; i < unit.lines; i++) {
        const bool kept = is_kept(&graph, (uint32_t)i + 1);
        if (unit.marks[i] != ' ' && kept != (unit.marks[i] == '+'))
            fail_msg("%s: line %d is %skept: %s", function, i + 1, kept ? "" : "not ",
                     lines[i] + 2);
    }
    assert_false(graph.failed);
    mfi_graph_free(&graph);
}

#define UNIT(function, ...) check_unit(function, (const char *const[]){__VA_ARGS__, NULL})

static void a_function_brings_what_it_names_and_nothing_else(void **state) {
    (void)state;
    UNIT("square", "- static int unused = 4;", "+ static int counter = 3;",
         "- static int other(void) { return unused; }", "+ typedef int number;",
         "+ static number mul(number a, number b) { return a * b + counter; }",
         "+ number square(number x) {", "+     return mul(x, x);", "+ }",
         "- int main(void) { return other(); }");
}

static void macros_bring_what_their_bodies_name(void **state) {
    (void)state;
    UNIT("f", "+ #include <stdio.h>", "+ #define TWICE(x) add((x), (x))", "- #define THRICE(x) 3",
         "+ static int add(int a, int b) { return a + b; }", "+ int f(int x) { return TWICE(x); }");
}

static void pasted_names_are_found(void **state) {
    (void)state;
    UNIT("f", "+ #define HANDLER(n) handle_##n", "+ #define CALL(n, x) HANDLER(n)(x)",
         "+ static int handle_open(int x) { return x; }",
         "- static int handle_close(int x) { return x; }",
         "+ int f(int x) { return CALL(open, x); }");
    UNIT("f", "+ #define LIST(X) X(one) X(two)", "- #define DECLARE(n) static int do_##n(void);",
         "+ #define ITEM(n) do_##n() +", "+ static int do_one(void) { return 1; }",
         "+ static int do_two(void) { return 2; }", "- static int do_three(void) { return 3; }",
         "+ int f(void) { return LIST(ITEM) 0; }");
}

static void macros_that_define_functions_are_found(void **state) {
    (void)state;
    UNIT("f", "+ #define GETTER(name) static int get_##name(void) { return 1; }", "+ GETTER(size)",
         "+ int f(void) { return get_size(); }");
    UNIT("f", "+ #define TEST(name) static int name(void)", "+ TEST(works) { return 2; }",
         "+ int f(void) { return works(); }", "- int g(void) { return 0; }");
}

static void conditional_groups_stay_whole(void **state) {
    (void)state;
    UNIT("f", "+ #ifdef A", "+ static int one(int x) { return x; }", "+ #else",
         "+ static int one(long x) { return 2; }", "+ #endif", "- #ifdef B",
         "- static int two(void) { return 2; }", "- #endif", "+ int f(void) { return one(1); }");
    UNIT("f", "+ #ifdef A", "+ int f(int x)", "+ #else", "+ int f(long x)", "+ #endif",
         "+ { return 1; }", "- int g(void) { return 1; }");
    UNIT("f", "+ int f(int x) {", "+ #ifdef A", "+     if (x) {", "+ #else", "+     if (!x) {",
         "+ #endif", "+         x++;", "+     }", "+     return x;", "+ }",
         "- int g(void) { return 1; }");
}

static void what_begins_within_a_piece_ends_in_it(void **state) {
    (void)state;
    UNIT("f", "+ int x", "+ #ifdef A", "+ = 1;", "+ #else", "+ = 2;", "+ #endif", "- int y;",
         "+ int f(void) { return x; }");
    UNIT("f", "+ int f(void)", "+ #ifdef A", "+ { return 1; }", "+ #else", "+ { return 3; }",
         "+ #endif", "- int y;");
    UNIT("f", "  #define STUB(x)", "  #define BARE", "+ #if A", "+ STUB (1)", "+ BARE", "+ #endif",
         "+ #ifdef B", "+ int x[] = {", "+ 1 };", "+ #endif", "- int y;",
         "+ int f(void) { return x[0]; }");
}

static void tags_are_given_where_they_are_introduced(void **state) {
    (void)state;
    UNIT("f", "+ struct state { int x; };", "- struct state other;",
         "- static void g(void) { struct state state; (void)state; }",
         "+ int f(struct state *s) { return s->x; }");
    UNIT("f", "+ #define ATTRIBUTE", "+ struct ATTRIBUTE state;", "- struct other;",
         "+ struct state *f(struct state *s) { return s; }");
}

static void macros_that_name_each_other_end(void **state) {
    (void)state;
    UNIT("f", "+ #define A(x) B(x) B(x) B(x) first_##x", "+ #define B(x) A(x) A(x) A(x) second_##x",
         "+ static int first_one;", "+ static int second_one;", "- static int third_one;",
         "+ int f(void) { return A(one); }");
}

static void what_is_never_compiled_is_no_part(void **state) {
    (void)state;
    UNIT("f", "- #ifdef __cplusplus", "- extern \"C\" {", "- #endif",
         "+ static int one(void) { return 1; }", "- #if 0", "- static int two(void) { {{{",
         "- #endif", "+ int f(void) { return one(); }", "- #ifdef __cplusplus", "- }", "- #endif",
         "- int g(void) { return 1; }");
}

static void types_tags_and_enumerators_are_found(void **state) {
    (void)state;
    UNIT("f", "+ enum color { RED, GREEN = 5 };", "- enum extent { SMALL, BIG };",
         "+ struct point { int x, y; };", "- struct line { int x, y; };",
         "+ typedef struct point point_t;", "+ typedef int (*callback)(int size);",
         "- typedef int (*other)(int);", "+ static int (*table[])(int) = {0};",
         "+ int f(callback c) { point_t p = {GREEN, 0}; return c(p.x) + table[0](1); }");
}

static void definitions_in_the_old_style_are_one_piece(void **state) {
    (void)state;
    UNIT("f", "- int g(a) int a; { return a; }", "+ int f(a, b)", "+     int a;", "+     long b;",
         "+ {", "+     return a + (int)b;", "+ }", "- int h(void) { return 1; }");
}

static void members_are_not_the_functions_of_their_name(void **state) {
    (void)state;
    UNIT("f", "- static int size(void) { return 1; }", "+ struct s { int width; };",
         "- int length(void) { return 2; }",
         "+ int f(struct s *s) { return s->size + s->length; }");
}

static void attributes_do_not_hide_names(void **state) {
    (void)state;
    UNIT("f", "+ struct __attribute__((packed)) p { char c; int i; };",
         "+ #define PURE __attribute__((pure))", "+ PURE static int one(void);",
         "+ static int one(void) { return 1; }",
         "+ __attribute__((noinline)) static int two(void) { return 2; }",
         "+ int f(struct p *p) { return one() + two() + p->i; }");
}

/* ---- everything is taken -----------------------------------------------------------------------
 */

static void any_bytes_have_tokens(void **state) {
    (void)state;
    uint32_t seed = 8;
    for (int round = 0; round < 400; round++) {
        static const char alphabet[] = "{}()[];,=#\\\n\"'/*ab_9 .->#if#endif#define x";
        char text[512];
        struct mfi_names names;
        struct mfi_tokens tokens = {0};
        const size_t size = mft_random(&seed) % (sizeof text - 1);
        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[mft_random(&seed) % (sizeof alphabet - 1)];
        text[size] = '\0';
        assert_int_equal(mfi_names_init(&names), 0);
        assert_int_equal(mfi_tokenize(text, size, &names, &tokens), 0);
        uint32_t end = 0;
        for (uint32_t i = 0; i < tokens.count; i++) {
            assert_true(tokens.list[i].start >= end || i == 0);
            if (tokens.list[i].kind != MFI_T_DIRECTIVE)
                end = tokens.list[i].start + tokens.list[i].size;
            assert_true(end <= size);
        }
        mfi_tokens_free(&tokens);
        mfi_names_free(&names);
    }
}

static void lines_are_counted_through_comments_and_continuations(void **state) {
    static const char text[] = "a /* \n\n */ b \\\n c // d \\\n e\n\"x\\\ny\" f\r\ng";
    static const uint32_t lines[] = {1, 3, 4, 6, 7, 8};
    struct mfi_names names;
    struct mfi_tokens tokens;
    (void)state;
    assert_int_equal(mfi_names_init(&names), 0);
    assert_int_equal(mfi_tokenize(text, sizeof text - 1, &names, &tokens), 0);
    assert_int_equal(tokens.count, MFI_LENGTH(lines));
    for (uint32_t i = 0; i < tokens.count; i++)
        assert_int_equal(tokens.list[i].line, lines[i]);
    mfi_tokens_free(&tokens);
    mfi_names_free(&names);
}

static void signatures_are_in_one_style(void **state) {
    static const struct {
        const char *text, *name, *signature;
    } rows[] = {
        {"static inline int\nsquare (int   x)\n{ return x; }", "square", "int square(int x)"},
        {"const char *const *f(void) { return 0; }", "f", "const char *const *f(void)"},
        {"__attribute__((pure)) unsigned long g(int a[3], char **b) { }", "g",
         "unsigned long g(int a[3], char **b)"},
        {"int (h)(int (*f)(int), ...) { return 0; }", "h", "int (h)(int (*f)(int), ...)"},
    };
    (void)state;
    for (size_t i = 0; i < MFI_LENGTH(rows); i++) {
        struct mfi_graph graph;
        uint32_t file, name;
        assert_int_equal(mfi_graph_init(&graph), 0);
        assert_int_equal(
            mfi_graph_add(&graph, "u.c", rows[i].text, strlen(rows[i].text), NULL, 0, &file), 0);
        mfi_graph_declare(&graph);
        const uint32_t piece = mfi_find_function(&graph, rows[i].name, 0, &name);
        assert_int_not_equal(piece, (uint32_t)MFI_NONE);
        char *signature = mfi_signature(&graph, piece, name, NULL);
        assert_string_equal(signature, rows[i].signature);
        free(signature);
        mfi_graph_free(&graph);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(a_function_brings_what_it_names_and_nothing_else),
        MFT(macros_bring_what_their_bodies_name),
        MFT(pasted_names_are_found),
        MFT(macros_that_define_functions_are_found),
        MFT(conditional_groups_stay_whole),
        MFT(what_begins_within_a_piece_ends_in_it),
        MFT(tags_are_given_where_they_are_introduced),
        MFT(macros_that_name_each_other_end),
        MFT(what_is_never_compiled_is_no_part),
        MFT(types_tags_and_enumerators_are_found),
        MFT(definitions_in_the_old_style_are_one_piece),
        MFT(members_are_not_the_functions_of_their_name),
        MFT(attributes_do_not_hide_names),
        MFT(any_bytes_have_tokens),
        MFT(lines_are_counted_through_comments_and_continuations),
        MFT(signatures_are_in_one_style),
    };
    return MFT_MAIN(tests);
}
