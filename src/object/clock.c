/* SPDX-License-Identifier: MIT
 *
 * datetime's classes: what their pickles hold, and making them.
 *
 * datetime keeps ten bytes (year, month, day, hour, minute, second, microsecond; the first of the
 * parts that can have it has `fold` as its highest bit), date the first four, time the last six.
 */
#define _GNU_SOURCE
#include "value.h"

#define DAY_US INT64_C(86400000000)

static int not_a(mayfly_value v, const char *wanted, mayfly_error *error) {
    return mfi_fail(error, -EINVAL, "value", NULL, "it is %s and not %s",
                    mayfly_kind_name(mfi_kind(v)), wanted);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int timedelta_us(mayfly_value v, int64_t *ret) {
    int64_t days, seconds, us;
    if (mayfly_int_get(mfi_field(v, "days"), &days, NULL) < 0 ||
        mayfly_int_get(mfi_field(v, "seconds"), &seconds, NULL) < 0 ||
        mayfly_int_get(mfi_field(v, "microseconds"), &us, NULL) < 0)
        return -EINVAL;
    int64_t total;
    if (__builtin_mul_overflow(days, DAY_US, &total) ||
        __builtin_mul_overflow(seconds, INT64_C(1000000), &seconds) ||
        __builtin_add_overflow(total, seconds, &total) || __builtin_add_overflow(total, us, &total))
        return -ERANGE;
    *ret = total;
    return 0;
}

int mayfly_timedelta_get(mayfly_value value, int64_t *ret, mayfly_error *error) {
    mayfly_class class = mayfly_class_of(value);
    if (class == MAYFLY_CLASS_TIMEZONE) {
        value = mfi_field(value, "offset");
        class = mayfly_class_of(value);
    }
    const int r = class == MAYFLY_CLASS_TIMEDELTA ? timedelta_us(value, ret) : -EINVAL;
    if (r == -ERANGE)
        return mfi_fail(error, r, "value", NULL, "the timedelta does not fit microseconds");
    return r < 0 ? not_a(value, "a datetime.timedelta", error) : 0;
}

static void take_date(const uint8_t *bytes, mayfly_datetime *to) {
    to->year = bytes[0] << 8 | bytes[1];
    to->month = bytes[2] & 0x7f;
    to->day = bytes[3];
}

static void take_time(const uint8_t *bytes, mayfly_datetime *to) {
    to->hour = bytes[0] & 0x7f;
    to->minute = bytes[1];
    to->second = bytes[2];
    to->microsecond = bytes[3] << 16 | bytes[4] << 8 | bytes[5];
}

static bool in_range(const mayfly_datetime *t, bool has_date, bool has_time) {
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (has_date) {
        const bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
        if (t->year < 1 || t->year > 9999 || t->month < 1 || t->month > 12 || t->day < 1 ||
            t->day > days[t->month - 1] || (t->month == 2 && t->day == 29 && !leap))
            return false;
    }
    return !has_time || (t->hour >= 0 && t->hour <= 23 && t->minute >= 0 && t->minute <= 59 &&
                         t->second >= 0 && t->second <= 59 && t->microsecond >= 0 &&
                         t->microsecond <= 999999 && (t->fold == 0 || t->fold == 1));
}

int mayfly_datetime_get(mayfly_value value, mayfly_datetime *ret, mayfly_error *error) {
    const mayfly_class class = mayfly_class_of(value);
    size_t size = 0;
    const uint8_t *bytes = mayfly_bytes_get(mfi_field(value, "data"), &size);
    mayfly_datetime t = {0};
    const bool has_date = class == MAYFLY_CLASS_DATETIME || class == MAYFLY_CLASS_DATE;
    const bool has_time = class == MAYFLY_CLASS_DATETIME || class == MAYFLY_CLASS_TIME;
    const size_t wanted = (has_date ? 4u : 0u) + (has_time ? 6u : 0u);
    if (bytes == NULL || wanted == 0 || size != wanted)
        return not_a(value, "a datetime, date or time", error);
    if (has_date)
        take_date(bytes, &t);
    if (has_time)
        take_time(bytes + size - 6, &t);
    t.fold = !has_time ? 0 : bytes[has_date ? 2 : 0] >> 7;
    if (!in_range(&t, has_date, has_time))
        return mfi_fail(error, -EINVAL, "value", NULL, "a field of the time is out of its range");
    t.zone = has_time ? mfi_field(value, "tzinfo") : mfi_word(0);
    t.has_zone = t.zone.bits != 0 && mfi_kind(t.zone) != MAYFLY_NONE;
    t.has_offset = mayfly_class_of(t.zone) == MAYFLY_CLASS_TIMEZONE &&
                   mayfly_timedelta_get(t.zone, &t.offset, NULL) == 0;
    *ret = t;
    return 0;
}

/* ---- making ---------------------------------------------------------------------------------- */

static mayfly_value call(mayfly_doc *doc, const char *module, const char *name,
                         const mayfly_value *arguments, size_t count) {
    const mayfly_value function = mayfly_global_new(doc, module, name);
    const mayfly_value tuple = mayfly_tuple_new(doc, arguments, count);
    return function.bits == 0 || tuple.bits == 0
               ? mfi_word(0)
               : mfi_object_make(doc, MFI_REDUCE, function, tuple, mfi_word(0));
}

mayfly_value mayfly_timedelta_new(mayfly_doc *doc, int64_t microseconds) {
    int64_t days = microseconds / DAY_US, rest = microseconds % DAY_US;
    if (rest < 0) {
        rest += DAY_US;
        days--;
    }
    const mayfly_value arguments[] = {mayfly_int_new(doc, days),
                                      mayfly_int_new(doc, rest / 1000000),
                                      mayfly_int_new(doc, rest % 1000000)};
    return call(doc, "datetime", "timedelta", arguments, 3);
}

static mayfly_value make(mayfly_doc *doc, const char *name, const mayfly_datetime *t, bool has_date,
                         bool has_time) {
    uint8_t bytes[10];
    size_t size = 0;
    if (!in_range(t, has_date, has_time)) {
        (void)mfi_doc_fail(doc, -EINVAL, "%s: a field is out of its range", name);
        return mfi_word(0);
    }
    if (has_date) {
        bytes[size++] = (uint8_t)(t->year >> 8);
        bytes[size++] = (uint8_t)t->year;
        bytes[size++] = (uint8_t)t->month;
        bytes[size++] = (uint8_t)t->day;
    }
    if (has_time) {
        bytes[size++] = (uint8_t)t->hour;
        bytes[size++] = (uint8_t)t->minute;
        bytes[size++] = (uint8_t)t->second;
        for (int shift = 16; shift >= 0; shift -= 8)
            bytes[size++] = (uint8_t)(t->microsecond >> shift);
        bytes[has_date ? 2 : 0] |= (uint8_t)(t->fold << 7);
    }
    mayfly_value arguments[2] = {mayfly_bytes_new(doc, bytes, size), t->zone};
    if (has_time && t->has_offset) {
        const mayfly_value offset = mayfly_timedelta_new(doc, t->offset);
        if (t->offset <= -DAY_US || t->offset >= DAY_US)
            (void)mfi_doc_fail(doc, -EINVAL, "%s: the offset is a day or more", name);
        arguments[1] = call(doc, "datetime", "timezone", &offset, 1);
    }
    return doc->failure.code != 0
               ? mfi_word(0)
               : call(doc, "datetime", name, arguments, has_time && arguments[1].bits != 0 ? 2 : 1);
}

mayfly_value mayfly_datetime_new(mayfly_doc *doc, const mayfly_datetime *from) {
    return make(doc, "datetime", from, true, true);
}

mayfly_value mayfly_date_new(mayfly_doc *doc, int year, int month, int day) {
    return make(doc, "date", &(mayfly_datetime){.year = year, .month = month, .day = day}, true,
                false);
}

mayfly_value mayfly_time_new(mayfly_doc *doc, const mayfly_datetime *from) {
    return make(doc, "time", from, false, true);
}

static mayfly_value call_text(mayfly_doc *doc, const char *module, const char *name,
                              const char *text) {
    const mayfly_value argument = mayfly_str_new(doc, text, MAYFLY_ALL);
    return argument.bits == 0 ? argument : call(doc, module, name, &argument, 1);
}

mayfly_value mayfly_decimal_new(mayfly_doc *doc, const char *text) {
    return call_text(doc, "decimal", "Decimal", text);
}

mayfly_value mayfly_path_new(mayfly_doc *doc, const char *path) {
    return call_text(doc, "pathlib", "PurePosixPath", path);
}

mayfly_value mayfly_uuid_new(mayfly_doc *doc, const uint8_t bytes[16]) {
    uint8_t number[17];
    for (size_t i = 0; i < 16; i++)
        number[i] = bytes[15 - i];
    number[16] = 0;
    const mayfly_value state = mayfly_dict_new(doc);
    if (state.bits == 0 ||
        mayfly_dict_put(doc, state, "int", mayfly_int_from_bytes(doc, number, sizeof number)) < 0)
        return mfi_word(0);
    const mayfly_value class = mayfly_global_new(doc, "uuid", "UUID");
    return class.bits == 0 ? class : mayfly_instance_new(doc, class, state);
}
