/* SPDX-License-Identifier: MIT
 *
 * Values of all sorts, built with the public functions from a seed; and everything that looks at
 * values, called on all of them.
 */
#include "object_tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POOL = 24, DEEPEST = 5 };

struct builder {
    mayfly_doc *doc;
    uint64_t state;
    bool plain;
    mayfly_value pool[POOL]; /* what may be used again, and so be shared or cyclic */
    unsigned pooled;
};

/* A linear congruence, its upper half: the same everywhere, which rand() is not. */
static uint32_t roll(struct builder *b, uint32_t below) {
    b->state = b->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(b->state >> 33) % below;
}

static mayfly_value any(struct builder *b, int depth);

static mayfly_value key(struct builder *b, int depth);

static mayfly_value whole_number(struct builder *b) {
    static const char *const texts[] = {
        "0",
        "-1",
        "255",
        "256",
        "65535",
        "65536",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "0x1_0000_0000_0000_0000_0000",
        "-170141183460469231731687303715884105728",
        "0b101",
        "-0o777",
        "123456789012345678901234567890123456789012345678901234567890123456789"};
    uint8_t bytes[300];
    switch (roll(b, 5)) {
    case 0:
        return mayfly_int_new(b->doc, (int64_t)roll(b, 600) - 300);
    case 1:
        return mayfly_uint_new(b->doc, UINT64_MAX >> roll(b, 64));
    case 2:
        return mayfly_int_new(b->doc, INT64_MIN >> roll(b, 64));
    case 3: {
        const uint32_t size = roll(b, sizeof bytes);
        for (uint32_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)roll(b, 256);
        return mayfly_int_from_bytes(b->doc, bytes, size);
    }
    default:
        return mayfly_int_from_text(b->doc, texts[roll(b, sizeof texts / sizeof *texts)],
                                    MAYFLY_ALL);
    }
}

static double real(struct builder *b) {
    static const double values[] = {0.0,
                                    -0.0,
                                    1.5,
                                    -2.25,
                                    1e16,
                                    1e-5,
                                    0.1,
                                    1e22,
                                    5e-324,
                                    1e300,
                                    123456789.123,
                                    1e15,
                                    12345678901234567.0,
                                    0.0001,
                                    3.14159,
                                    -1e-7};
    switch (roll(b, 12)) {
    case 0:
        return (double)NAN;
    case 1:
        return (double)INFINITY;
    case 2:
        return -(double)INFINITY;
    case 3:
        return (double)roll(b, 1u << 30) / 1024.0;
    default:
        return values[roll(b, sizeof values / sizeof *values)];
    }
}

static mayfly_value characters(struct builder *b) {
    static const char *const parts[] = {"a",
                                        "'",
                                        "\"",
                                        "\\",
                                        "\n",
                                        "\x7f",
                                        "\xc2\xa0",
                                        "\xc3\xa9",
                                        "\xe2\x82\xac",
                                        "\xed\xa0\x80",
                                        "\xf0\x9f\x98\x80",
                                        "key",
                                        "\xe2\x80\xa8",
                                        "\xef\xbb\xbf",
                                        "\t",
                                        "\x01",
                                        " "};
    char text[4096];
    size_t size = 0;
    const uint32_t count = roll(b, 20) == 0 ? 700 : roll(b, 8);
    for (uint32_t i = 0; i < count; i++) {
        const char *part = parts[roll(b, sizeof parts / sizeof *parts)];
        memcpy(text + size, part, strlen(part));
        size += strlen(part);
    }
    if (roll(b, 10) == 0)
        text[size++] = '\0';
    return mayfly_str_new(b->doc, text, size);
}

static mayfly_value octets(struct builder *b, bool mutable) {
    char data[70000];
    const uint32_t size = roll(b, 40) == 0  ? sizeof data
                          : roll(b, 3) == 0 ? roll(b, 300)
                                            : roll(b, 6);
    for (uint32_t i = 0; i < size; i++)
        data[i] = (char)roll(b, 256);
    return mutable ? mayfly_bytearray_new(b->doc, data, size)
                   : mayfly_bytes_new(b->doc, data, size);
}

static mayfly_value scalar(struct builder *b) {
    switch (roll(b, 9)) {
    case 0:
        return mayfly_none_new(b->doc);
    case 1:
        return mayfly_bool_new(b->doc, roll(b, 2));
    case 2:
        return mayfly_float_new(b->doc, real(b));
    case 3:
        return b->plain ? whole_number(b) : mayfly_complex_new(b->doc, real(b), real(b));
    case 4:
    case 5:
        return whole_number(b);
    case 6:
        return octets(b, false);
    default:
        return characters(b);
    }
}

static mayfly_datetime moment(struct builder *b) {
    mayfly_datetime m = {.year = 1 + (int)roll(b, 9999),
                         .month = 1 + (int)roll(b, 12),
                         .day = 1 + (int)roll(b, 28),
                         .hour = (int)roll(b, 24),
                         .minute = (int)roll(b, 60),
                         .second = roll(b, 2) ? (int)roll(b, 60) : 0,
                         .microsecond = roll(b, 2) ? (int)roll(b, 1000000) : 0,
                         .fold = roll(b, 4) == 0};
    if (roll(b, 2) == 0) {
        m.has_zone = m.has_offset = true;
        m.offset = ((int64_t)roll(b, 2 * 86399) - 86398) * 1000000;
        if (roll(b, 4) == 0)
            m.offset = m.offset / 2 + (int64_t)roll(b, 1000000);
    }
    return m;
}

static mayfly_value well_known(struct builder *b) {
    static const char *const decimals[] = {"0",         "1.10",  "-0",      "NaN",
                                           "-Infinity", "1E+30", "3.14159", "sNaN12"};
    static const char *const paths[] = {"/usr/lib/python3", "a/b",        ".", "/",
                                        "/tmp/x y'z",       "caf\xc3\xa9"};
    const mayfly_datetime m = moment(b);
    uint8_t id[16];
    switch (roll(b, 7)) {
    case 0:
        return mayfly_datetime_new(b->doc, &m);
    case 1:
        return mayfly_date_new(b->doc, m.year, m.month, m.day);
    case 2:
        return mayfly_time_new(b->doc, &m);
    case 3:
        return mayfly_timedelta_new(b->doc, ((int64_t)roll(b, 1u << 30) - (1 << 29)) *
                                                (roll(b, 2) ? 1 : 86400000));
    case 4:
        return mayfly_decimal_new(b->doc, decimals[roll(b, sizeof decimals / sizeof *decimals)]);
    case 5:
        return mayfly_path_new(b->doc, paths[roll(b, sizeof paths / sizeof *paths)]);
    default:
        for (int i = 0; i < 16; i++)
            id[i] = (uint8_t)roll(b, 256);
        return mayfly_uuid_new(b->doc, id);
    }
}

/* Classes that whoever judges this has: object_cpython.py's own, and Python's. */
static mayfly_value instance(struct builder *b, int depth) {
    const mayfly_value state = mayfly_dict_new(b->doc);
    const mayfly_value cls = mayfly_global_new(b->doc, "object_graphs", "Plain");
    const mayfly_value made = mayfly_instance_new(b->doc, cls, mayfly_none_new(b->doc));
    mayfly_dict_put(b->doc, state, "name", any(b, depth + 1));
    mayfly_dict_put(b->doc, state, "self", roll(b, 2) ? made : mayfly_none_new(b->doc));
    if (mayfly_object_set_state(b->doc, made, state) < 0)
        return (mayfly_value){0};
    return made;
}

static mayfly_value call(struct builder *b) {
    mayfly_value items[3] = {mayfly_int_new(b->doc, (int64_t)roll(b, 9)),
                             mayfly_int_new(b->doc, (int64_t)roll(b, 99)),
                             mayfly_int_new(b->doc, 1 + (int64_t)roll(b, 9))};
    mayfly_value callable, arguments;
    switch (roll(b, 4)) {
    case 0:
        callable = mayfly_global_new(b->doc, "builtins", "range");
        break;
    case 1:
        callable = mayfly_global_new(b->doc, "builtins", "slice");
        break;
    case 2: {
        /* An empty one with items that come later. */
        callable = mayfly_global_new(b->doc, "collections", "deque");
        const mayfly_value made =
            mayfly_object_new(b->doc, callable, mayfly_tuple_new(b->doc, NULL, 0));
        for (uint32_t n = roll(b, 4); n > 0; n--)
            mayfly_list_append(b->doc, made, scalar(b));
        return made;
    }
    default: {
        callable = mayfly_global_new(b->doc, "collections", "OrderedDict");
        const mayfly_value made =
            mayfly_object_new(b->doc, callable, mayfly_tuple_new(b->doc, NULL, 0));
        for (uint32_t n = roll(b, 4); n > 0; n--)
            mayfly_dict_set(b->doc, made, key(b, 3), scalar(b));
        return made;
    }
    }
    arguments = mayfly_tuple_new(b->doc, items, 3);
    return mayfly_object_new(b->doc, callable, arguments);
}

static mayfly_value sequence(struct builder *b, int depth, bool hashable) {
    mayfly_value items[8];
    const size_t count = roll(b, 6);
    for (size_t i = 0; i < count; i++)
        items[i] = hashable ? key(b, depth + 1) : any(b, depth + 1);
    return hashable && roll(b, 3) == 0 ? mayfly_frozenset_new(b->doc, items, count)
                                       : mayfly_tuple_new(b->doc, items, count);
}

static mayfly_value key(struct builder *b, int depth) {
    if (depth < DEEPEST && roll(b, 5) == 0)
        return sequence(b, depth, true);
    return scalar(b);
}

static mayfly_value container(struct builder *b, int depth) {
    const uint32_t count = roll(b, 30) == 0 ? 998 + roll(b, 5) : roll(b, 6);
    const uint32_t which = roll(b, 4);
    const mayfly_value made = which == 0   ? mayfly_dict_new(b->doc)
                              : which == 1 ? mayfly_set_new(b->doc)
                                           : mayfly_list_new(b->doc);
    b->pool[b->pooled++ % POOL] = made;
    for (uint32_t i = 0; i < count; i++) {
        const bool many = count > 100;
        if (which == 0)
            mayfly_dict_set(b->doc, made, many ? mayfly_int_new(b->doc, i) : key(b, depth + 1),
                            many ? mayfly_none_new(b->doc) : any(b, depth + 1));
        else if (which == 1)
            mayfly_set_add(b->doc, made, many ? mayfly_int_new(b->doc, i) : key(b, depth + 1));
        else
            mayfly_list_append(b->doc, made, many ? scalar(b) : any(b, depth + 1));
    }
    if (which > 1 && mayfly_count(made) > 2 && roll(b, 3) == 0) {
        mayfly_list_insert(b->doc, made, roll(b, 2), scalar(b));
        mayfly_list_remove(b->doc, made, 1);
        mayfly_list_set(b->doc, made, 0, any(b, depth + 1));
    }
    return made;
}

static mayfly_value any(struct builder *b, int depth) {
    mayfly_value made;
    const uint32_t what = roll(b, 10);
    if (b->pooled > 0 && what == 0)
        return b->pool[roll(b, b->pooled < POOL ? b->pooled : POOL)];
    if (depth < DEEPEST && what < 4)
        return container(b, depth);
    if (depth < DEEPEST && what == 4)
        made = sequence(b, depth, roll(b, 3) == 0);
    else if (what == 5)
        made = octets(b, true);
    else if (!b->plain && what == 6)
        made = roll(b, 3) == 0 ? call(b) : well_known(b);
    else if (!b->plain && what == 7 && depth < DEEPEST)
        made = instance(b, depth);
    else
        made = scalar(b);
    if (roll(b, 3) == 0)
        b->pool[b->pooled++ % POOL] = made;
    return made;
}

mayfly_value object_build(mayfly_doc *doc, uint32_t seed, bool plain) {
    struct builder b = {.doc = doc, .state = seed, .plain = plain};
    roll(&b, 2);
    return container(&b, 0);
}

/* ---- looking --------------------------------------------------------------------------------- */

struct walk {
    mayfly_value *todo;
    size_t count, capacity;
    uint64_t sum;
    size_t steps;
};

static void push(struct walk *w, mayfly_value value) {
    if (mayfly_kind_of(value) == MAYFLY_ABSENT)
        return;
    if (w->count == w->capacity) {
        w->capacity = w->capacity * 2 + 64;
        w->todo = realloc(w->todo, w->capacity * sizeof *w->todo);
        if (w->todo == NULL)
            abort();
    }
    w->todo[w->count++] = value;
}

static void look_at_scalars(struct walk *w, mayfly_value value) {
    mayfly_error error;
    bool truth;
    int64_t small;
    uint64_t large;
    double a, c;
    char *text = NULL;
    uint8_t scratch[9];
    size_t size = 0;
    w->sum += (uint64_t)(mayfly_bool_get(value, &truth, &error) == 0);
    w->sum += (uint64_t)(mayfly_int_get(value, &small, &error) == 0);
    w->sum += (uint64_t)(mayfly_uint_get(value, &large, &error) == 0);
    w->sum += (uint64_t)(mayfly_float_get(value, &a, &error) == 0);
    w->sum += (uint64_t)(mayfly_complex_get(value, &a, &c, &error) == 0);
    if (mayfly_int_bytes(value, scratch, &size) != NULL)
        w->sum += size;
    if (size < 2000 && mayfly_int_text(value, &text, &error) == 0)
        w->sum += strlen(text);
    free(text);
    const char *string = mayfly_str_get(value, &size);
    if (string != NULL)
        w->sum += size + (size > 0 ? (uint8_t)string[size - 1] : 0);
    const char *bytes = mayfly_bytes_get(value, &size);
    if (bytes != NULL)
        w->sum += size + (size > 0 ? (uint8_t)bytes[size - 1] : 0);
}

static void look_at_objects(struct walk *w, mayfly_value value) {
    mayfly_error error;
    mayfly_datetime when;
    int64_t span;
    char *text = NULL;
    const char *name;
    w->sum += (uint64_t)mayfly_class_of(value);
    w->sum += strlen(mayfly_kind_name(mayfly_kind_of(value)));
    if (mayfly_datetime_get(value, &when, &error) == 0)
        w->sum += (uint64_t)when.year;
    if (mayfly_timedelta_get(value, &span, &error) == 0)
        w->sum += (uint64_t)span;
    if (mayfly_kind_of(value) == MAYFLY_OBJECT && mayfly_class_of(value) >= MAYFLY_CLASS_DATETIME &&
        mayfly_class_of(value) <= MAYFLY_CLASS_PATH && mayfly_text(value, &text, &error) == 0)
        w->sum += strlen(text);
    free(text);
    if ((name = mayfly_global_module(value)) != NULL)
        w->sum += strlen(name);
    if ((name = mayfly_global_name(value)) != NULL)
        w->sum += strlen(name);
    w->sum += mayfly_extension_code(value);
    push(w, mayfly_object_callable(value));
    push(w, mayfly_object_arguments(value));
    push(w, mayfly_object_keywords(value));
    push(w, mayfly_object_state(value));
    push(w, mayfly_object_items(value));
    push(w, mayfly_object_pairs(value));
    push(w, mayfly_persistent_id(value));
    w->sum += (uint64_t)mayfly_kind_of(mayfly_get(value, "name"));
}

static void look_at_items(struct walk *w, mayfly_value value) {
    mayfly_value k, v, found;
    mayfly_error error;
    const size_t count = mayfly_count(value);
    for (size_t i = 0; i < count; i++) {
        if (mayfly_pair(value, i, &k, &v)) {
            push(w, k);
            push(w, v);
            w->sum += (uint64_t)(mayfly_kind_of(mayfly_dict_get(value, k)) != MAYFLY_ABSENT);
        } else {
            k = mayfly_item(value, i);
            push(w, k);
            w->sum += (uint64_t)mayfly_set_has(value, k);
        }
    }
    if (mayfly_pair(value, count, &k, &v) || mayfly_kind_of(mayfly_item(value, count)) != 0)
        abort();
    w->sum += (uint64_t)(mayfly_at(value, "/0", &found, &error) == 0);
    w->sum += (uint64_t)(mayfly_at(value, "/name/-1", &found, &error) == 0);
}

uint64_t object_walk(mayfly_value value) {
    /* What is shared is seen as often as it stands somewhere; hence the end after many steps. */
    struct walk w = {0};
    push(&w, value);
    while (w.count > 0 && w.steps++ < 20000) {
        const mayfly_value next = w.todo[--w.count];
        look_at_scalars(&w, next);
        look_at_objects(&w, next);
        look_at_items(&w, next);
    }
    free(w.todo);
    return w.sum;
}
