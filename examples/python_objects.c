/* SPDX-License-Identifier: MIT
 *
 * Objects of Python's classes from C: built, and looked at as what pickles hold. dill-temp.md's
 * instances, and the dates, paths and numbers that everyday pickles are full of.
 */
#include "example.h"

/* An instance as Python pickles it: a class by name, its arguments, its state. */
static void instances(mayfly_doc *doc) {
    const mayfly_value cls = mayfly_global_new(doc, "shapes", "Point");
    const mayfly_value state = mayfly_dict_new(doc), two = mayfly_int_new(doc, 2);
    try(mayfly_dict_put(doc, state, "x", two));
    const mayfly_value point = mayfly_instance_new(doc, cls, state);
    expect(mayfly_class_of(point) == MAYFLY_CLASS_INSTANCE, "an instance of some class");
    expect(mayfly_same(mayfly_get(point, "x"), two), "fields are looked up by name");

    const mayfly_value called =
        mayfly_object_new(doc, cls, mayfly_tuple_new(doc, &two, 1)); /* Point(2) */
    try(mayfly_object_set_state(doc, called, state));
    const mayfly_value callable = mayfly_object_callable(called);
    printf("%s.%s of %zu argument\n", mayfly_global_module(callable), mayfly_global_name(callable),
           mayfly_count(mayfly_object_arguments(called)));
    expect(mayfly_same(mayfly_object_state(called), state), "the state that was set");
    expect(mayfly_kind_of(mayfly_object_state_at(called, 1)) == MAYFLY_ABSENT, "one state only");
    expect(mayfly_kind_of(mayfly_object_keywords(called)) == MAYFLY_ABSENT &&
               mayfly_kind_of(mayfly_object_items(called)) == MAYFLY_ABSENT &&
               mayfly_kind_of(mayfly_object_pairs(called)) == MAYFLY_ABSENT &&
               mayfly_kind_of(mayfly_object_then(called, 0)) == MAYFLY_ABSENT,
           "no keywords, items, pairs, and nothing called and thrown away");
}

static void references(mayfly_doc *doc) {
    const mayfly_value kept = mayfly_persistent_new(doc, mayfly_int_new(doc, 7));
    int64_t id;
    try(mayfly_int_get(mayfly_persistent_id(kept), &id, &error));
    expect(id == 7, "the id by which the program finds it");
    expect(mayfly_extension_code(mayfly_extension_new(doc, 240)) == 240, "a number of copyreg");
    size_t size;
    const mayfly_value buffer = mayfly_buffer_new(doc, "large", 5, true);
    expect(mayfly_bytes_get(buffer, &size) != NULL && size == 5, "bytes beside the pickle");
}

static void print(mayfly_value value) {
    char *text = NULL;
    try(mayfly_text(value, &text, &error)); /* as Python's str() */
    printf("%s\n", text);
    free(text);
}

static void well_known(mayfly_doc *doc) {
    static const uint8_t uuid[16] = {0x12, 0x34};
    const mayfly_datetime when = {.year = 2026, .month = 5, .day = 17, .hour = 8, .minute = 30};
    const mayfly_value datetime = mayfly_datetime_new(doc, &when);
    mayfly_datetime fields;
    int64_t microseconds;
    try(mayfly_datetime_get(datetime, &fields, &error));
    expect(fields.month == 5 && !fields.has_zone, "the same fields");
    const mayfly_value hour = mayfly_timedelta_new(doc, INT64_C(3600) * 1000 * 1000);
    try(mayfly_timedelta_get(hour, &microseconds, &error));
    expect(microseconds == INT64_C(3600000000), "an hour");
    print(datetime);
    print(hour);
    print(mayfly_date_new(doc, 2026, 5, 17));
    print(mayfly_time_new(doc, &when));
    print(mayfly_decimal_new(doc, "1.10"));
    print(mayfly_path_new(doc, "/var/tmp"));
    print(mayfly_uuid_new(doc, uuid));
}

int main(void) {
    mayfly_auto(mayfly_doc) doc = NULL;
    try(mayfly_doc_new(NULL, &doc, &error));
    instances(doc);
    references(doc);
    well_known(doc);
    try(mayfly_doc_failed(doc, &error)); /* nothing in between needed a look */
    return 0;
}
