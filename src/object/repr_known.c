/* SPDX-License-Identifier: MIT
 *
 * repr() of objects: the well-known classes as Python prints them, others by their parts.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "repr.h"

/* ---- classes and functions ------------------------------------------------------------------- */

/* Globals that are known to be classes: Python prints <class 'int'>. */
static bool is_class(const char *module, const char *name) {
    static const char *const builtins[] = {
        "bool", "bytearray", "bytes", "complex", "dict",  "float", "frozenset", "int",
        "list", "object",    "range", "set",     "slice", "str",   "tuple",     "type"};
    if (strcmp(module, "builtins") == 0)
        for (size_t i = 0; i < MFI_LENGTH(builtins); i++)
            if (strcmp(name, builtins[i]) == 0)
                return true;
    return strcmp(module, "datetime") == 0 || strcmp(module, "collections") == 0 ||
           strcmp(module, "decimal") == 0;
}

static void print_name(struct mfi_printer *p, mayfly_value global) {
    const char *module = mayfly_global_module(global), *name = mayfly_global_name(global);
    if (module == NULL || name == NULL) {
        mfi_print(p, global);
        return;
    }
    if (strcmp(module, "builtins") != 0) {
        mfi_print_name(p, module);
        mfi_print_text(p, ".");
    }
    mfi_print_name(p, name);
}

void mfi_print_global(struct mfi_printer *p, mayfly_value v) {
    const char *module = mayfly_global_module(v), *name = mayfly_global_name(v);
    if (module == NULL || name == NULL) {
        mfi_print_text(p, "<computed ");
        mfi_print(p, mfi_part(v, 0));
        mfi_print_text(p, ".");
        mfi_print(p, mfi_part(v, 1));
        mfi_print_text(p, ">");
        return;
    }
    const bool class = is_class(module, name);
    mfi_print_text(p, class ? "<class '" : "<");
    print_name(p, v);
    mfi_print_text(p, class ? "'>" : ">");
}

/* ---- collections ----------------------------------------------------------------------------- */

static void print_ordered(struct mfi_printer *p, mayfly_value v) {
    mayfly_value key, value;
    mfi_print_text(p, "OrderedDict(");
    for (size_t i = 0; !mfi_print_full(p) && mayfly_pair(v, i, &key, &value); i++) {
        mfi_print_text(p, i == 0 ? "[(" : ", (");
        mfi_print(p, key);
        mfi_print_text(p, ", ");
        mfi_print(p, value);
        mfi_print_text(p, ")");
    }
    mfi_print_text(p, mayfly_count(v) > 0 ? "])" : ")");
}

static void print_default(struct mfi_printer *p, mayfly_value v) {
    const mayfly_value factory = mfi_field(v, "default_factory");
    mfi_print_text(p, "defaultdict(");
    mfi_print(p, factory.bits == 0 ? mfi_word(MFI_WORD_NONE) : factory);
    mfi_print_text(p, ", ");
    mfi_print_pairs(p, v);
    mfi_print_text(p, ")");
}

struct counted {
    int64_t count;
    size_t index;
};

static int by_count(const void *a, const void *b) {
    const struct counted *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* The most common first, as Python prints them; in their own order if one is no int. */
static void print_counter(struct mfi_printer *p, mayfly_value v) {
    const size_t count = mayfly_count(v);
    mayfly_value key, value;
    mfi_auto_free struct counted *order = mfi_sys.calloc(count + 1, sizeof *order);
    bool sortable = order != NULL;
    for (size_t i = 0; i < count && sortable; i++) {
        order[i].index = i;
        sortable =
            mayfly_pair(v, i, &key, &value) && mayfly_int_get(value, &order[i].count, NULL) == 0;
    }
    if (sortable)
        qsort(order, count, sizeof *order, by_count);
    mfi_print_text(p, count == 0 ? "Counter(" : "Counter({");
    for (size_t i = 0; i < count && !mfi_print_full(p); i++) {
        if (!mayfly_pair(v, sortable ? order[i].index : i, &key, &value))
            break; /* a counter of what are no pairs */
        mfi_print_text(p, i == 0 ? "" : ", ");
        mfi_print(p, key);
        mfi_print_text(p, ": ");
        mfi_print(p, value);
    }
    mfi_print_text(p, count == 0 ? ")" : "})");
}

static void print_deque(struct mfi_printer *p, mayfly_value v) {
    const mayfly_value longest = mfi_field(v, "maxlen");
    mfi_print_text(p, "deque([");
    mfi_print_items(p, mfi_underlying(v), 0);
    mfi_print_text(p, "]");
    if (longest.bits != 0 && mfi_kind(longest) != MAYFLY_NONE) {
        mfi_print_text(p, ", maxlen=");
        mfi_print(p, longest);
    }
    mfi_print_text(p, ")");
}

/* ---- datetime -------------------------------------------------------------------------------- */

static void print_time_fields(struct mfi_printer *p, const mayfly_datetime *t, mayfly_class class) {
    mfi_print_format(p, "%d, %d", t->hour, t->minute);
    if (t->second != 0 || t->microsecond != 0)
        mfi_print_format(p, ", %d", t->second);
    if (t->microsecond != 0)
        mfi_print_format(p, ", %d", t->microsecond);
    /* a datetime's fold comes first, a time's last */
    if (t->fold != 0 && class == MAYFLY_CLASS_DATETIME)
        mfi_print_text(p, ", fold=1");
    if (t->has_zone) {
        mfi_print_text(p, ", tzinfo=");
        mfi_print(p, t->zone);
    }
    if (t->fold != 0 && class == MAYFLY_CLASS_TIME)
        mfi_print_text(p, ", fold=1");
    mfi_print_text(p, ")");
}

static bool print_datetime(struct mfi_printer *p, mayfly_value v, mayfly_class class) {
    mayfly_datetime t;
    if (mayfly_datetime_get(v, &t, NULL) < 0)
        return false;
    mfi_print_text(p, class == MAYFLY_CLASS_DATETIME ? "datetime.datetime("
                      : class == MAYFLY_CLASS_DATE   ? "datetime.date("
                                                     : "datetime.time(");
    if (class != MAYFLY_CLASS_TIME)
        mfi_print_format(p, "%d, %d, %d", t.year, t.month, t.day);
    mfi_print_text(p, class == MAYFLY_CLASS_DATETIME ? ", " : "");
    if (class == MAYFLY_CLASS_DATE)
        mfi_print_text(p, ")");
    else
        print_time_fields(p, &t, class);
    return true;
}

static bool print_timedelta(struct mfi_printer *p, mayfly_value v) {
    static const char *const names[] = {"days", "seconds", "microseconds"};
    bool any = false;
    mfi_print_text(p, "datetime.timedelta(");
    for (size_t i = 0; i < 3; i++) {
        const mayfly_value part = mfi_field(v, names[i]);
        if (part.bits == 0 || part.bits == mfi_int_word(0).bits)
            continue;
        mfi_print_format(p, "%s%s=", any ? ", " : "", names[i]);
        mfi_print(p, part);
        any = true;
    }
    mfi_print_text(p, any ? ")" : "0)");
    return true;
}

static bool print_timezone(struct mfi_printer *p, mayfly_value v) {
    const mayfly_value name = mfi_field(v, "name");
    int64_t offset;
    if (mayfly_timedelta_get(v, &offset, NULL) < 0)
        return false;
    if (offset == 0 && name.bits == 0) {
        mfi_print_text(p, "datetime.timezone.utc");
        return true;
    }
    mfi_print_text(p, "datetime.timezone(");
    mfi_print(p, mfi_field(v, "offset"));
    if (name.bits != 0) {
        mfi_print_text(p, ", ");
        mfi_print(p, name);
    }
    mfi_print_text(p, ")");
    return true;
}

/* ---- those of one text ----------------------------------------------------------------------- */

static bool print_uuid_digits(struct mfi_printer *p, mayfly_value v) {
    uint8_t scratch[9], number[17] = {0};
    size_t size;
    const void *bytes = mayfly_int_bytes(mayfly_get(v, "int"), scratch, &size);
    if (bytes == NULL || size > sizeof number)
        return false;
    memcpy(number, bytes, size);
    if (number[16] != 0 || (size <= 16 && number[size - 1] >= 0x80))
        return false; /* negative, or too large */
    for (size_t i = 16; i-- > 0;)
        mfi_print_format(p, "%02x%s", number[i], i == 12 || i == 10 || i == 8 || i == 6 ? "-" : "");
    return true;
}

static void path_text(mayfly_value v, struct mfi_buffer *to) {
    const mayfly_value parts = mayfly_object_arguments(v);
    for (size_t i = 0; i < mayfly_count(parts); i++) {
        size_t size = 0;
        const char *text = mayfly_str_get(mayfly_item(parts, i), &size);
        if (to->size > 0 && to->data[to->size - 1] != '/')
            (void)mfi_buffer_append(to, "/", 1);
        if (text != NULL)
            (void)mfi_buffer_append(to, text, size);
    }
    if (to->size == 0)
        (void)mfi_buffer_append(to, ".", 1);
}

static bool print_fraction(struct mfi_printer *p, mayfly_value v, const char *between) {
    const mayfly_value n = mfi_field(v, "numerator"), d = mfi_field(v, "denominator");
    size_t size;
    const char *text = mayfly_str_get(n, &size); /* "1/2", before Python 3.12 */
    if (text != NULL) {
        const char *slash = memchr(text, '/', size);
        mfi_print_format(p, "%.*s%s%s", slash == NULL ? (int)size : (int)(slash - text), text,
                         slash == NULL && strcmp(between, "/") == 0 ? "" : between,
                         slash != NULL               ? slash + 1
                         : strcmp(between, "/") == 0 ? ""
                                                     : "1");
        return true;
    }
    if (mfi_kind(n) != MAYFLY_INT || mfi_kind(d) != MAYFLY_INT)
        return false;
    mfi_print(p, n);
    if (strcmp(between, "/") == 0 && d.bits == mfi_int_word(1).bits)
        return true;
    mfi_print_text(p, between);
    mfi_print(p, d);
    return true;
}

static bool print_texts(struct mfi_printer *p, mayfly_value v, mayfly_class class) {
    mfi_auto_buffer path = {0};
    switch (class) {
    case MAYFLY_CLASS_DECIMAL:
        mfi_print_text(p, "Decimal(");
        mfi_print(p, mfi_field(v, "value"));
        break;
    case MAYFLY_CLASS_FRACTION:
        mfi_print_text(p, "Fraction(");
        if (!print_fraction(p, v, ", "))
            mfi_print_items(p, mayfly_object_arguments(v), 0);
        break;
    case MAYFLY_CLASS_UUID:
        mfi_print_text(p, "UUID('");
        (void)print_uuid_digits(p, v);
        mfi_print_text(p, "'");
        break;
    default:
        path_text(v, &path);
        mfi_print_text(p, mayfly_global_name(mayfly_object_callable(v)));
        mfi_print_text(p, "(");
        mfi_print_str(p, path.data == NULL ? "" : path.data, path.size);
    }
    mfi_print_text(p, ")");
    return true;
}

/* ---- other objects --------------------------------------------------------------------------- */

static void print_range(struct mfi_printer *p, mayfly_value v, mayfly_class class) {
    const mayfly_value step = mfi_field(v, "step");
    const bool is_range = class == MAYFLY_CLASS_RANGE;
    mfi_print_text(p, is_range ? "range(" : "slice(");
    mfi_print(p, mfi_field(v, "start"));
    mfi_print_text(p, ", ");
    mfi_print(p, mfi_field(v, "stop"));
    if (!is_range || step.bits != mfi_int_word(1).bits) {
        mfi_print_text(p, ", ");
        mfi_print(p, step);
    }
    mfi_print_text(p, ")");
}

static void print_any(struct mfi_printer *p, mayfly_value v) {
    const struct mfi_object *object = mfi_node_of(v);
    if (mfi_is(object->callable, MAYFLY_GLOBAL))
        print_name(p, object->callable);
    else
        mfi_print(p, object->callable);
    mfi_print_text(p, "(");
    if (mfi_is(object->arguments, MAYFLY_TUPLE))
        mfi_print_items(p, object->arguments, 0);
    else
        mfi_print(p, object->arguments);
    if (object->keywords.bits != 0) {
        mfi_print_text(p, ", **");
        mfi_print(p, object->keywords);
    }
    mfi_print_text(p, ")");
    const mayfly_value rest[] = {object->items, object->pairs, object->state};
    for (size_t i = 0; i < MFI_LENGTH(rest); i++)
        if (rest[i].bits != 0) {
            mfi_print_text(p, " ");
            mfi_print(p, rest[i]);
        }
}

/* Functions, classes and modules that dill took apart: Python does not print their parts either. */
static bool print_opaque(struct mfi_printer *p, mayfly_value v, mayfly_class class) {
    static const struct {
        mayfly_class class;
        const char *before, *name, *after;
    } forms[] = {
        {MAYFLY_CLASS_FUNCTION, "<function ", "name", ">"},
        {MAYFLY_CLASS_CODE, "<code object ", "co_name", ">"},
        {MAYFLY_CLASS_CELL, "<cell", NULL, ">"},
        {MAYFLY_CLASS_TYPE, "<class '", "name", "'>"},
        {MAYFLY_CLASS_TYPE_BY_NAME, "<class '", "name", "'>"},
        {MAYFLY_CLASS_NAMED_TUPLE, "<class '", "name", "'>"},
        {MAYFLY_CLASS_MODULE, "<module '", "name", "'>"},
    };
    for (size_t i = 0; i < MFI_LENGTH(forms); i++) {
        if (forms[i].class != class)
            continue;
        const mayfly_value name = forms[i].name == NULL ? mfi_word(0) : mfi_field(v, forms[i].name);
        size_t size;
        const char *text = mayfly_str_get(name, &size);
        const mayfly_value code = mfi_field(v, "code");
        if (text == NULL && class == MAYFLY_CLASS_FUNCTION)
            text = mayfly_str_get(mfi_field(code, "co_name"), &size);
        mfi_print_text(p, forms[i].before);
        mfi_print_text(p, text == NULL ? "" : mfi_quote(text, size).text);
        mfi_print_text(p, forms[i].after);
        return true;
    }
    return false;
}

static bool print_known(struct mfi_printer *p, mayfly_value v, mayfly_class class) {
    switch (class) {
    case MAYFLY_CLASS_ORDERED_DICT:
        return print_ordered(p, v), true;
    case MAYFLY_CLASS_DEFAULT_DICT:
        return print_default(p, v), true;
    case MAYFLY_CLASS_COUNTER:
        return print_counter(p, v), true;
    case MAYFLY_CLASS_DEQUE:
        return print_deque(p, v), true;
    case MAYFLY_CLASS_ARRAY:
        return mfi_print_array(p, v), true;
    case MAYFLY_CLASS_DATETIME:
    case MAYFLY_CLASS_DATE:
    case MAYFLY_CLASS_TIME:
        return print_datetime(p, v, class);
    case MAYFLY_CLASS_TIMEDELTA:
        return print_timedelta(p, v);
    case MAYFLY_CLASS_TIMEZONE:
        return print_timezone(p, v);
    case MAYFLY_CLASS_RANGE:
    case MAYFLY_CLASS_SLICE:
        return print_range(p, v, class), true;
    case MAYFLY_CLASS_DECIMAL:
    case MAYFLY_CLASS_FRACTION:
    case MAYFLY_CLASS_UUID:
    case MAYFLY_CLASS_PATH:
        return print_texts(p, v, class);
    default:
        return false;
    }
}

void mfi_print_object(struct mfi_printer *p, mayfly_value v) {
    const struct mfi_object *object = mfi_node_of(v);
    /* With a state of its own it is more than the class says. */
    const mayfly_class class = mayfly_class_of(v);
    const bool more = object->state.bits != 0 && class != MAYFLY_CLASS_UUID;
    if (!print_opaque(p, v, class) && (more || !print_known(p, v, class)))
        print_any(p, v);
}

/* ---- str() ----------------------------------------------------------------------------------- */

static void print_offset(struct mfi_printer *p, int64_t offset) {
    const int64_t us = offset < 0 ? -offset : offset;
    mfi_print_format(p, "%c%02d:%02d", offset < 0 ? '-' : '+', (int)(us / 3600000000),
                     (int)(us / 60000000 % 60));
    if (us % 60000000 != 0)
        mfi_print_format(p, ":%02d", (int)(us / 1000000 % 60));
    if (us % 1000000 != 0)
        mfi_print_format(p, ".%06d", (int)(us % 1000000));
}

static void print_clock(struct mfi_printer *p, const mayfly_datetime *t) {
    mfi_print_format(p, "%02d:%02d:%02d", t->hour, t->minute, t->second);
    if (t->microsecond != 0)
        mfi_print_format(p, ".%06d", t->microsecond);
    if (t->has_offset)
        print_offset(p, t->offset);
}

static int timezone_text(mayfly_value v, struct mfi_printer *p) {
    size_t size;
    int64_t offset;
    const char *name = mayfly_str_get(mfi_field(v, "name"), &size);
    if (name != NULL) {
        p->code = mfi_buffer_append(&p->out, name, size);
        return 1;
    }
    if (mayfly_timedelta_get(v, &offset, NULL) < 0)
        return 0;
    mfi_print_text(p, "UTC");
    if (offset != 0)
        print_offset(p, offset);
    return 1;
}

static int clock_text(mayfly_value v, struct mfi_printer *p, mayfly_class class) {
    mayfly_datetime t;
    if (mayfly_datetime_get(v, &t, NULL) < 0)
        return 0;
    if (class != MAYFLY_CLASS_TIME)
        mfi_print_format(p, "%04d-%02d-%02d", t.year, t.month, t.day);
    if (class == MAYFLY_CLASS_DATETIME)
        mfi_print_text(p, " ");
    if (class != MAYFLY_CLASS_DATE)
        print_clock(p, &t);
    return 1;
}

static int timedelta_text(mayfly_value v, struct mfi_printer *p) {
    int64_t days = 0, seconds = 0, rest = 0; /* together they may be too many microseconds */
    if (mayfly_int_get(mfi_field(v, "days"), &days, NULL) < 0 ||
        mayfly_int_get(mfi_field(v, "seconds"), &seconds, NULL) < 0 || seconds < 0 ||
        seconds >= 86400 || mayfly_int_get(mfi_field(v, "microseconds"), &rest, NULL) < 0 ||
        rest < 0 || rest >= 1000000)
        return 0;
    rest += seconds * 1000000;
    if (days != 0)
        mfi_print_format(p, "%lld day%s, ", (long long)days, days == 1 || days == -1 ? "" : "s");
    mfi_print_format(p, "%d:%02d:%02d", (int)(rest / 3600000000), (int)(rest / 60000000 % 60),
                     (int)(rest / 1000000 % 60));
    if (rest % 1000000 != 0)
        mfi_print_format(p, ".%06d", (int)(rest % 1000000));
    return 1;
}

int mfi_known_text(mayfly_value v, struct mfi_printer *p) {
    const mayfly_class class = mayfly_class_of(v);
    const char *text;
    mfi_auto_buffer path = {0};
    switch (class) {
    case MAYFLY_CLASS_DATETIME:
    case MAYFLY_CLASS_DATE:
    case MAYFLY_CLASS_TIME:
        return clock_text(v, p, class);
    case MAYFLY_CLASS_TIMEDELTA:
        return timedelta_text(v, p);
    case MAYFLY_CLASS_TIMEZONE:
        return timezone_text(v, p);
    case MAYFLY_CLASS_DECIMAL:
        text = mayfly_str_get(mfi_field(v, "value"), NULL);
        mfi_print_text(p, text == NULL ? "" : text);
        return text != NULL;
    case MAYFLY_CLASS_FRACTION:
        return print_fraction(p, v, "/");
    case MAYFLY_CLASS_UUID:
        return print_uuid_digits(p, v);
    case MAYFLY_CLASS_PATH:
        path_text(v, &path);
        mfi_print_text(p, path.data == NULL ? "" : path.data);
        return 1;
    default:
        return 0;
    }
}
