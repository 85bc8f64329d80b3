/* SPDX-License-Identifier: MIT
 *
 * O1: structs, dumped and loaded as a whole.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <math.h>

#include "../lib/fault.h"

typedef enum colour { RED, GREEN = 7, BLUE = -1 } colour;
MAYFLY_ENUM(colour_names, {"red", RED}, {"green", GREEN}, {"blue", BLUE});

typedef struct point {
    double x, y;
} point;
MAYFLY_STRUCT(point_type, point, MAYFLY_FIELD(point, x), MAYFLY_FIELD(point, y));

typedef struct all {
    bool yes;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    float single;
    double twice;
    char *text, *none;
    char name[8];
    void *data;
    size_t data_size;
    colour paint;
    point at;
    point *far, *nowhere;
    int sides[3];
    double *weights;
    uint16_t weight_count;
    char **tags;
    int tag_count;
    point corners[2];
    point *path;
    unsigned path_count;
    point *found[2];
    colour *paints;
    long paint_count;
} all;
MAYFLY_STRUCT(all_type, all, MAYFLY_FIELD(all, yes), MAYFLY_FIELD(all, i8), MAYFLY_FIELD(all, i16),
              MAYFLY_FIELD(all, i32), MAYFLY_FIELD(all, i64), MAYFLY_FIELD(all, u8),
              MAYFLY_FIELD(all, u16), MAYFLY_FIELD(all, u32), MAYFLY_FIELD(all, u64),
              MAYFLY_FIELD(all, single), MAYFLY_FIELD(all, twice), MAYFLY_FIELD(all, text),
              MAYFLY_FIELD(all, none), MAYFLY_FIELD_CHARS(all, name),
              MAYFLY_FIELD_BYTES(all, data, data_size), MAYFLY_FIELD_ENUM(all, paint, colour_names),
              MAYFLY_FIELD_STRUCT(all, at, point_type), MAYFLY_FIELD_POINTER(all, far, point_type),
              MAYFLY_FIELD_POINTER(all, nowhere, point_type), MAYFLY_FIELD_ARRAY(all, sides),
              MAYFLY_FIELD_COUNTED(all, weights, weight_count),
              MAYFLY_FIELD_COUNTED(all, tags, tag_count),
              MAYFLY_FIELD_STRUCT_ARRAY(all, corners, point_type),
              MAYFLY_FIELD_STRUCT_COUNTED(all, path, path_count, point_type),
              MAYFLY_FIELD_POINTER_ARRAY(all, found, point_type),
              MAYFLY_FIELD_ENUM_COUNTED(all, paints, paint_count, colour_names));

typedef struct node node;
struct node {
    int number;
    node *next;
    node *other;
};
MAYFLY_STRUCT(node_type, node, MAYFLY_FIELD(node, number),
              MAYFLY_FIELD_POINTER(node, next, node_type),
              MAYFLY_FIELD_POINTER(node, other, node_type));

typedef struct tree tree;
struct tree {
    char *name;
    tree *children;
    int count;
    node *leaf;
    tree *twin;
};
MAYFLY_STRUCT(tree_type, tree, MAYFLY_FIELD(tree, name),
              MAYFLY_FIELD_STRUCT_COUNTED(tree, children, count, tree_type),
              MAYFLY_FIELD_POINTER(tree, leaf, node_type),
              MAYFLY_FIELD_POINTER(tree, twin, tree_type));

/* Two arrays with one count. */
typedef struct table {
    double *x;
    char **y;
    size_t n;
} table;
MAYFLY_STRUCT(table_type, table, MAYFLY_FIELD_COUNTED(table, x, n),
              MAYFLY_FIELD_COUNTED(table, y, n));
MAYFLY_STRUCT(lying_type, table, MAYFLY_FIELD_COUNTED(table, x, n), MAYFLY_FIELD(table, n));

/* Types that name each other. */
typedef struct husband husband;
typedef struct wife {
    husband *of;
} wife;
struct husband {
    wife *of;
    int age;
};
MAYFLY_STRUCT_DECLARE(husband_type, husband);
MAYFLY_STRUCT(wife_type, wife, MAYFLY_FIELD_POINTER(wife, of, husband_type));
MAYFLY_CLASS(husband_type, husband, "people", "Husband",
             MAYFLY_FIELD_POINTER(husband, of, wife_type), MAYFLY_FIELD(husband, age));

static point far = {3, -4.5};
static double weights[2] = {0.5, INFINITY};
static char tag[] = "\xc3\xa4", empty[] = "", word[] = "w\xc3\xb6rd";
static char *tags[3] = {tag, NULL, empty};
static point path[2] = {{1, 2}, {3, 4}};
static colour paints[1] = {BLUE};
static char data[] = "a\0b";

static all sample(void) {
    return (all){
        .yes = true,
        .i8 = -128,
        .i16 = -32768,
        .i32 = INT32_MIN,
        .i64 = INT64_MIN,
        .u8 = 255,
        .u16 = 65535,
        .u32 = UINT32_MAX,
        .u64 = UINT64_MAX,
        .single = 1.5f,
        .twice = 0.1,
        .text = word,
        .name = "seven77",
        .data = data,
        .data_size = 3,
        .paint = GREEN,
        .at = {1, 2},
        .far = &far,
        .sides = {3, -4, 5},
        .weights = weights,
        .weight_count = 2,
        .tags = tags,
        .tag_count = 3,
        .corners = {{5, 6}, {7, 8}},
        .path = path,
        .path_count = 2,
        .found = {&far, NULL},
        .paints = paints,
        .paint_count = 1,
    };
}

static mayfly_doc *new_doc(void) {
    mayfly_doc *doc = NULL;
    mft_ok(mayfly_doc_new(NULL, &doc, &mft_error));
    return doc;
}

static mayfly_value value_of(mayfly_doc *doc, const mayfly_struct_type *type, const void *object) {
    const mayfly_value value = mayfly_struct_new(doc, type, object);
    mft_ok(mayfly_doc_failed(doc, &mft_error));
    return value;
}

static void assert_zero(const void *object, size_t size) {
    for (size_t i = 0; i < size; i++)
        assert_int_equal(((const char *)object)[i], 0);
}

static void assert_sample(const all *a) {
    const all b = sample();
    assert_true(a->yes && a->i8 == b.i8 && a->i16 == b.i16 && a->i32 == b.i32 && a->i64 == b.i64);
    assert_true(a->u8 == b.u8 && a->u16 == b.u16 && a->u32 == b.u32 && a->u64 == b.u64);
    assert_true(a->single == b.single && a->twice == b.twice);
    assert_string_equal(a->text, b.text);
    assert_null(a->none);
    assert_string_equal(a->name, b.name);
    assert_int_equal(a->data_size, 3);
    assert_memory_equal(a->data, data, 3);
    assert_true(a->paint == GREEN && a->at.x == 1 && a->at.y == 2);
    assert_true(a->far != &far && a->far->x == 3 && a->far->y == -4.5 && a->nowhere == NULL);
    assert_true(a->sides[0] == 3 && a->sides[1] == -4 && a->sides[2] == 5);
    assert_true(a->weight_count == 2 && a->weights[0] == 0.5 && isinf(a->weights[1]));
    assert_int_equal(a->tag_count, 3);
    assert_string_equal(a->tags[0], tag);
    assert_null(a->tags[1]);
    assert_string_equal(a->tags[2], "");
    assert_true(a->corners[1].x == 7 && a->corners[1].y == 8 && a->path_count == 2);
    assert_true(a->path[0].y == 2 && a->path[1].x == 3);
    assert_true(a->found[0] == a->far && a->found[1] == NULL);
    assert_true(a->paint_count == 1 && a->paints[0] == BLUE);
}

static void O1_a_struct_with_every_kind_of_field_comes_back_from_a_file(void **state) {
    (void)state;
    const all before = sample();
    all after;
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_doc) doc = NULL;
    mft_ok(mayfly_dump_struct(&all_type, &before, &(mayfly_dump_options){.suffix = ".pickle"},
                              &file, &mft_error));
    mft_ok(mayfly_load(file, NULL, &doc, &mft_error));
    mft_ok(mayfly_load_struct(&all_type, mayfly_doc_root(doc), NULL, &after, &mft_error));
    assert_sample(&after);
    mft_ok(mayfly_struct_clear(&all_type, &after, &mft_error));
    assert_zero(&after, sizeof after);
    mft_ok(mayfly_struct_clear(&all_type, &after, &mft_error));
}

static void O1_a_structs_value_is_a_dict_in_the_order_of_its_fields(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const table t = {.x = weights, .y = tags, .n = 2};
    char *shown = NULL;
    mft_ok(mayfly_repr(value_of(doc, &table_type, &t), NULL, &shown, NULL, &mft_error));
    assert_string_equal(shown, "{'x': [0.5, inf], 'y': ['\xc3\xa4', None]}");
    mayfly_free(shown);
}

static void O1_a_struct_of_a_class_is_its_instance(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    husband h = {.age = 41}, again;
    wife w = {.of = &h};
    h.of = &w;
    const mayfly_value value = value_of(doc, &husband_type, &h);
    assert_int_equal(mayfly_kind_of(value), MAYFLY_OBJECT);
    const mayfly_value cls = mayfly_object_callable(value);
    assert_string_equal(mayfly_global_name(cls), "Husband");
    assert_true(mayfly_same(mayfly_get(mayfly_get(value, "of"), "of"), value));
    mft_ok(mayfly_load_struct(&husband_type, value, NULL, &again, &mft_error));
    assert_true(again.age == 41 && again.of != &w && again.of->of == &again);
    mft_ok(mayfly_struct_clear(&husband_type, &again, &mft_error));
}

static void O1_shared_and_cyclic_pointers_stay_what_they_are(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    node c = {.number = 3}, b = {.number = 2, .next = &c, .other = &c}, a = {1, &b, &a}, again;
    c.next = &c;
    const mayfly_value value = value_of(doc, &node_type, &a);
    assert_true(mayfly_same(mayfly_get(value, "other"), value));
    mft_ok(mayfly_load_struct(&node_type, value, NULL, &again, &mft_error));
    assert_true(again.other == &again && again.next->number == 2);
    assert_true(again.next->next == again.next->other);
    assert_true(again.next->next->next == again.next->next);
    assert_null(again.next->next->other);
    mft_ok(mayfly_struct_clear(&node_type, &again, &mft_error));
    assert_zero(&again, sizeof again);
}

static void O1_a_list_of_a_million_nodes_goes_both_ways(void **state) {
    (void)state;
    const int count = mft_wrapped() ? 10000 : 1000000;
    node *nodes = calloc((size_t)count, sizeof *nodes), again;
    assert_non_null(nodes);
    for (int i = 0; i < count; i++)
        nodes[i] = (node){i, i + 1 < count ? nodes + i + 1 : NULL, nodes + i / 2};
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_doc) doc = NULL;
    mft_ok(mayfly_dump_struct(&node_type, nodes, NULL, &file, &mft_error));
    mft_ok(mayfly_load(file, NULL, &doc, &mft_error));
    free(nodes);
    mft_ok(mayfly_load_struct(&node_type, mayfly_doc_root(doc), NULL, &again, &mft_error));
    int number = 0;
    for (const node *n = &again; n != NULL; n = n->next) {
        assert_int_equal(n->number, number);
        assert_int_equal(n->other->number, number / 2);
        number++;
    }
    assert_int_equal(number, count);
    mft_ok(mayfly_struct_clear(&node_type, &again, &mft_error));
}

/* ---- what does not fit ----------------------------------------------------------------------- */

static void refuses(mayfly_value value, const mayfly_struct_type *type, int code,
                    const char *message) {
    char object[512];
    memset(object, 1, sizeof object);
    mft_fails(code, mayfly_load_struct(type, value, NULL, object, &mft_error));
    if (strstr(mft_error.message, message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message, mft_error.message);
    assert_zero(object, type->size);
}

static mayfly_value text(mayfly_doc *doc, const char *of) {
    return mayfly_str_new(doc, of, MAYFLY_ALL);
}

/* Puts a value into a dict of the sample and takes the old one back afterwards. */
static void refuses_field(mayfly_doc *doc, const char *field, mayfly_value wrong, int code,
                          const char *message) {
    const all a = sample();
    const mayfly_value value = value_of(doc, &all_type, &a);
    mft_ok(mayfly_dict_put(doc, value, field, wrong));
    refuses(value, &all_type, code, message);
}

static void O1_what_does_not_fit_is_refused_with_the_name_of_its_field(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    refuses_field(doc, "u8", mayfly_int_new(doc, 300), -ERANGE,
                  "load struct all: field \"u8\": 300 does not fit into 8 bits without a sign");
    refuses_field(doc, "u64", mayfly_int_new(doc, -1), -ERANGE, "\"u64\": -1 does not fit");
    refuses_field(doc, "i8", mayfly_int_new(doc, 128), -ERANGE, "\"i8\": 128 does not");
    refuses_field(doc, "i8", mayfly_int_new(doc, -129), -ERANGE, "\"i8\": -129 does not");
    refuses_field(doc, "i64", mayfly_uint_new(doc, (uint64_t)1 << 63), -ERANGE,
                  "\"i64\": 9223372036854775808 does not fit into 64 bits with a sign");
    refuses_field(doc, "single", mayfly_float_new(doc, 1e300), -ERANGE, "1e+300 does not fit");
    char digits[401];
    memset(digits, '9', 400);
    refuses_field(doc, "twice", mayfly_int_from_text(doc, digits, 400), -ERANGE,
                  "\"twice\": the number does not fit into a double");
    refuses_field(doc, "u32", mayfly_int_from_text(doc, digits, 400), -ERANGE,
                  "9999... does not fit into 32 bits");
}

static void O1_texts_that_c_cannot_hold_are_refused(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    refuses_field(doc, "name", text(doc, "eight888"), -ERANGE,
                  "\"name\": a text of 8 bytes does not fit into char[8]");
    refuses_field(doc, "name", mayfly_str_new(doc, "a\0b", 3), -EILSEQ, "NUL");
    refuses_field(doc, "text", mayfly_str_new(doc, "a\0b", 3), -EILSEQ,
                  "field \"text\": the text has a NUL in it");
    refuses_field(doc, "paint", text(doc, "pink"), -EINVAL,
                  "field \"paint\": the enum has no \"pink\"");
}

static void O1_values_of_other_kinds_are_refused(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value number = mayfly_int_new(doc, 1), none = mayfly_none_new(doc);
    refuses_field(doc, "yes", number, -EINVAL, "field \"yes\": int instead of a bool");
    refuses_field(doc, "i32", text(doc, "1"), -EINVAL, "\"i32\": str instead of a whole number");
    refuses_field(doc, "u16", mayfly_float_new(doc, 1), -EINVAL, "float instead of a whole");
    refuses_field(doc, "twice", none, -EINVAL, "instead of a number");
    refuses_field(doc, "text", number, -EINVAL, "int instead of a str");
    refuses_field(doc, "name", none, -EINVAL, "instead of a str");
    refuses_field(doc, "data", text(doc, "ab"), -EINVAL, "str instead of bytes");
    refuses_field(doc, "paint", number, -EINVAL, "int instead of a str");
    refuses_field(doc, "at", none, -EINVAL, "\"at\": ");
    refuses_field(doc, "far", number, -EINVAL, "\"far\": int instead of a dict");
    refuses_field(doc, "weights", none, -EINVAL, "instead of a list");
    refuses_field(doc, "sides", mayfly_list_new(doc), -ERANGE, "0 elements instead of 3");
    refuses(number, &all_type, -EINVAL, "load struct all: int instead of a dict");
    refuses((mayfly_value){0}, &all_type, -EINVAL, "instead of a dict");
}

static void O1_an_error_names_the_whole_way_to_its_field(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    node third = {.number = 3}, second = {.next = &third};
    tree leaves[2] = {{.name = word}, {.name = tag, .leaf = &second}};
    tree root = {.children = leaves, .count = 2};
    const mayfly_value value = value_of(doc, &tree_type, &root);
    mayfly_value at;
    mft_ok(mayfly_at(value, "/children/1/leaf/next", &at, &mft_error));
    mft_ok(mayfly_dict_put(doc, at, "number", mayfly_none_new(doc)));
    refuses(value, &tree_type, -EINVAL, "field \"children[1].leaf.next.number\": ");
    mft_ok(mayfly_dict_put(doc, at, "number", mayfly_int_new(doc, 1)));
    mft_ok(mayfly_dict_put(doc, at, "colour", mayfly_int_new(doc, 1)));
    refuses(value, &tree_type, -EINVAL,
            "load struct tree: field \"children[1].leaf.next.colour\": node has no such field");
}

static void O1_the_way_to_a_field_far_off_is_cut(void **state) {
    (void)state;
    node nodes[1000] = {{0}}, again;
    mayfly_auto(mayfly_doc) doc = new_doc();
    for (int i = 0; i < 999; i++)
        nodes[i].next = nodes + i + 1;
    const mayfly_value value = value_of(doc, &node_type, nodes);
    mayfly_value at = value;
    while (mayfly_kind_of(mayfly_get(at, "next")) == MAYFLY_DICT)
        at = mayfly_get(at, "next");
    mft_ok(mayfly_dict_put(doc, at, "number", mayfly_none_new(doc)));
    mft_fails(-EINVAL, mayfly_load_struct(&node_type, value, NULL, &again, &mft_error));
    assert_non_null(strstr(mft_error.message, "load struct node: field \"..."));
    assert_non_null(strstr(mft_error.message, "next.next.number\": "));
    assert_zero(&again, sizeof again);
}

static void O1_missing_and_unknown_fields_are_refused_unless_tolerated(void **state) {
    (void)state;
    point p = {9, 9};
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value value = mayfly_dict_new(doc);
    const mayfly_struct_options missing = {.flags = MAYFLY_STRUCT_MISSING_OK};
    const mayfly_struct_options both = {.flags =
                                            MAYFLY_STRUCT_MISSING_OK | MAYFLY_STRUCT_UNKNOWN_OK};
    mft_ok(mayfly_dict_put(doc, value, "x", mayfly_int_new(doc, 1)));
    refuses(value, &point_type, -ENOENT, "load struct point: field \"y\": ");
    mft_ok(mayfly_load_struct(&point_type, value, &missing, &p, &mft_error));
    assert_true(p.x == 1 && p.y == 0);
    mft_ok(mayfly_dict_put(doc, value, "z", mayfly_none_new(doc)));
    mft_fails(-EINVAL, mayfly_load_struct(&point_type, value, &missing, &p, &mft_error));
    assert_non_null(strstr(mft_error.message, "field \"z\": point has no such field"));
    mft_ok(mayfly_dict_remove(doc, value, text(doc, "z")));
    mft_ok(mayfly_dict_set(doc, value, mayfly_int_new(doc, 5), mayfly_none_new(doc)));
    mft_fails(-EINVAL, mayfly_load_struct(&point_type, value, &missing, &p, &mft_error));
    mft_ok(mayfly_load_struct(&point_type, value, &both, &p, &mft_error));
    assert_true(p.x == 1 && p.y == 0);
}

/* ---- hostile values -------------------------------------------------------------------------- */

static void O1_an_array_in_itself_is_refused(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    tree loop = {.count = 1}, again;
    const mayfly_value value = mayfly_dict_new(doc), list = mayfly_list_new(doc);
    mft_ok(mayfly_list_append(doc, list, value));
    mft_ok(mayfly_list_append(doc, list, value));
    mft_ok(mayfly_dict_put(doc, value, "name", text(doc, "root")));
    mft_ok(mayfly_dict_put(doc, value, "children", list));
    mft_ok(mayfly_dict_put(doc, value, "leaf", mayfly_none_new(doc)));
    mft_ok(mayfly_dict_put(doc, value, "twin", mayfly_none_new(doc)));
    mft_fails(-ELOOP, mayfly_load_struct(&tree_type, value, NULL, &again, &mft_error));
    assert_zero(&again, sizeof again);
    loop.children = &loop;
    assert_int_equal(mayfly_kind_of(mayfly_struct_new(doc, &tree_type, &loop)), MAYFLY_ABSENT);
    mft_fails(-ELOOP, mayfly_doc_failed(doc, &mft_error));
}

static void O1_a_small_value_that_would_be_a_large_struct_is_refused(void **state) {
    (void)state;
    tree again;
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_value value = mayfly_dict_new(doc);
    mft_ok(mayfly_dict_put(doc, value, "children", mayfly_list_new(doc)));
    for (int i = 0; i < 60; i++) {
        const mayfly_value list = mayfly_list_new(doc), next = mayfly_dict_new(doc);
        mft_ok(mayfly_list_append(doc, list, value));
        mft_ok(mayfly_list_append(doc, list, value));
        mft_ok(mayfly_dict_put(doc, next, "children", list));
        value = next;
    }
    const mayfly_struct_options options = {.flags = MAYFLY_STRUCT_MISSING_OK, .max_bytes = 1 << 20};
    mft_fails(MAYFLY_E_LIMIT, mayfly_load_struct(&tree_type, value, &options, &again, &mft_error));
    assert_zero(&again, sizeof again);
}

static void O1_no_value_can_make_a_count_lie(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = new_doc();
    const mayfly_value value = mayfly_dict_new(doc), list = mayfly_list_new(doc);
    mft_ok(mayfly_list_append(doc, list, mayfly_int_new(doc, 1)));
    mft_ok(mayfly_dict_put(doc, value, "x", list));
    mft_ok(mayfly_dict_put(doc, value, "y", mayfly_list_new(doc)));
    refuses(value, &table_type, -ERANGE, "field \"y\": 0 elements, and not as many as in \"x\"");
    refuses(value, &lying_type, -EINVAL, "a member that counts as a field, too");
    /* 70,000 of them do not fit into the uint16_t that counts them. */
    const mayfly_value many = mayfly_list_new(doc);
    for (int i = 0; i < 70000; i++)
        (void)mayfly_list_append(doc, many, mayfly_int_new(doc, i));
    refuses_field(doc, "weights", many, -ERANGE, "70000 do not fit into the 16 bits");
}

static void O1_other_dicts_and_instances_are_taken_too(void **state) {
    (void)state;
    /* OrderedDict([('x', 1), ('y', 2)]), and an instance with one field in a dict, one in a slot.
     */
    static const char ordered[] = "ccollections\nOrderedDict\n(tR(S'x'\nI1\nS'y'\nI2\nu.";
    static const char slots[] = "\x80\x02"
                                "cm\nC\n)\x81}X\x01\0\0\0xK\x01s}X\x01\0\0\0yK\x02s\x86"
                                "b.";
    const struct {
        const char *data;
        size_t size;
    } inputs[] = {{ordered, sizeof ordered - 1}, {slots, sizeof slots - 1}};
    for (int i = 0; i < 2; i++) {
        point p;
        mayfly_auto(mayfly_doc) doc = NULL;
        mft_ok(mayfly_loads(inputs[i].data, inputs[i].size, NULL, &doc, &mft_error));
        mft_ok(mayfly_load_struct(&point_type, mayfly_doc_root(doc), NULL, &p, &mft_error));
        assert_true(p.x == 1 && p.y == 2);
    }
}

/* ---- what cannot be dumped ------------------------------------------------------------------- */

static void cannot_dump(const mayfly_struct_type *type, const void *object, int code,
                        const char *message) {
    mayfly_auto(mayfly_doc) doc = new_doc();
    mayfly_auto(mayfly_file) file = NULL;
    assert_int_equal(mayfly_struct_new(doc, type, object).bits, 0);
    mft_fails(code, mayfly_doc_failed(doc, &mft_error));
    mft_fails(code, mayfly_dump_struct(type, object, NULL, &file, &mft_error));
    assert_null(file);
    if (strstr(mft_error.message, message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message, mft_error.message);
}

static void O1_what_has_no_form_is_not_dumped(void **state) {
    (void)state;
    char broken[] = "\xff";
    all a = sample();
    a.paint = (colour)3;
    cannot_dump(&all_type, &a, -EINVAL, "dump struct all: field \"paint\": 3 has no name");
    a = sample();
    memset(a.name, 'x', sizeof a.name);
    cannot_dump(&all_type, &a, -EINVAL, "field \"name\": the text has no NUL");
    a = sample();
    a.path = NULL;
    cannot_dump(&all_type, &a, -EINVAL, "field \"path\": an array is NULL and counts");
    a = sample();
    a.tag_count = -1;
    cannot_dump(&all_type, &a, -EINVAL, "field \"tags\": ");
    a = sample();
    a.data = NULL;
    cannot_dump(&all_type, &a, -EINVAL, "field \"data\": ");
    tree leaf = {.name = broken}, root = {.children = &leaf, .count = 1};
    cannot_dump(&tree_type, &root, -EILSEQ, "dump struct tree: field \"children[0].name\": ");
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Dumped, loaded and cleared; a clearing that fails has changed nothing. */
static int there_and_back(const mayfly_struct_type *type, const void *object, void *again,
                          mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    int r = mayfly_doc_new(NULL, &doc, error);
    if (r < 0)
        return r;
    const mayfly_value value = mayfly_struct_new(doc, type, object);
    r = mayfly_doc_failed(doc, error);
    if (r == 0)
        r = mayfly_load_struct(type, value, NULL, again, error);
    if (r == 0) {
        r = mayfly_struct_clear(type, again, error);
        if (r < 0) {
            mft_fault_end();
            mft_ok(mayfly_struct_clear(type, again, &mft_error));
        }
    }
    assert_zero(again, type->size);
    return r;
}

static void refuse_memory(const mayfly_struct_type *type, const void *object, int onward) {
    char again[512] = {0};
    for (long n = 1;; n++) {
        mayfly_error error = {0};
        mft_fault_refuse("memory", n, 0, onward);
        const int r = there_and_back(type, object, again, &error);
        const long refused = mft_fault_refused();
        mft_fault_end();
        if (r == 0 && refused == 0)
            break;
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(error.code, -ENOMEM);
    }
}

static void O1_without_memory_nothing_is_left_allocated(void **state) {
    (void)state;
    const all a = sample();
    node loop = {.number = 1}, end = {.next = &loop, .other = &end};
    tree leaves[2] = {{.name = word}, {.name = tag, .leaf = &end}};
    tree twin = {.name = word, .children = leaves, .count = 2};
    tree inner[3] = {
        {.name = word}, {.children = leaves, .count = 2, .twin = &twin}, {.name = tag}};
    tree root = {.name = tag, .children = inner, .count = 3, .leaf = &loop};
    loop.next = &end;
    twin.twin = &root;
    for (int onward = 0; onward < 2; onward++) {
        refuse_memory(&all_type, &a, onward);
        refuse_memory(&tree_type, &root, onward);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(O1_a_struct_with_every_kind_of_field_comes_back_from_a_file),
        MFT(O1_a_structs_value_is_a_dict_in_the_order_of_its_fields),
        MFT(O1_a_struct_of_a_class_is_its_instance),
        MFT(O1_shared_and_cyclic_pointers_stay_what_they_are),
        MFT(O1_a_list_of_a_million_nodes_goes_both_ways),
        MFT(O1_what_does_not_fit_is_refused_with_the_name_of_its_field),
        MFT(O1_texts_that_c_cannot_hold_are_refused),
        MFT(O1_values_of_other_kinds_are_refused),
        MFT(O1_an_error_names_the_whole_way_to_its_field),
        MFT(O1_the_way_to_a_field_far_off_is_cut),
        MFT(O1_missing_and_unknown_fields_are_refused_unless_tolerated),
        MFT(O1_an_array_in_itself_is_refused),
        MFT(O1_a_small_value_that_would_be_a_large_struct_is_refused),
        MFT(O1_no_value_can_make_a_count_lie),
        MFT(O1_other_dicts_and_instances_are_taken_too),
        MFT(O1_what_has_no_form_is_not_dumped),
        MFT(O1_without_memory_nothing_is_left_allocated),
    };
    return MFT_MAIN(tests);
}
