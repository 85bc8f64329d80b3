/* SPDX-License-Identifier: MIT
 *
 * O4: classes that are known, what pickles name, and what a policy lets them name.
 */
#define _GNU_SOURCE
#include "../lib/pickles.h"

#include <errno.h>

/* ---- known classes --------------------------------------------------------------------------- */

/* Written by CPython 3.11, at protocols 2 and 5; what it prints for them. */
static const struct {
    mayfly_class known;
    const char *data;
    size_t size;
    const char *repr;
} classes[] = {
    {MAYFLY_CLASS_ORDERED_DICT,
     B("\200\002ccollections\012OrderedDict\012q\000)Rq\001("
       "X\001\000\000\000bq\002K\001X\001\000\000\000aq\003K\002u."),
     "OrderedDict([('b', 1), ('a', 2)])"},
    {MAYFLY_CLASS_ORDERED_DICT,
     B("\200\005\2250\000\000\000\000\000\000\000\214\013collections\224\214\013OrderedDict\224\223"
       "\224)R\224(\214\001b\224K\001\214\001a\224K\002u."),
     "OrderedDict([('b', 1), ('a', 2)])"},
    {MAYFLY_CLASS_DEFAULT_DICT,
     B("\200\002ccollections\012defaultdict\012q\000c__builtin__"
       "\012long\012q\001\205q\002Rq\003X\001\000\000\000kq\004K\002s."),
     "defaultdict(<class 'int'>, {'k': 2})"},
    {MAYFLY_CLASS_DEFAULT_DICT,
     B("\200\005\225="
       "\000\000\000\000\000\000\000\214\013collections\224\214\013defaultdict\224\223\224\214\010b"
       "uiltins\224\214\003int\224\223\224\205\224R\224\214\001k\224K\002s."),
     "defaultdict(<class 'int'>, {'k': 2})"},
    {MAYFLY_CLASS_COUNTER,
     B("\200\002ccollections\012Counter\012q\000}q\001("
       "X\001\000\000\000aq\002K\002X\001\000\000\000bq\003K\001u\205q\004Rq\005."),
     "Counter({'a': 2, 'b': 1})"},
    {MAYFLY_CLASS_COUNTER,
     B("\200\005\225/"
       "\000\000\000\000\000\000\000\214\013collections\224\214\007Counter\224\223\224}\224("
       "\214\001a\224K\002\214\001b\224K\001u\205\224R\224."),
     "Counter({'a': 2, 'b': 1})"},
    {MAYFLY_CLASS_DEQUE,
     B("\200\002ccollections\012deque\012q\000)K\005\206q\001Rq\002(K\001K\002e."),
     "deque([1, 2], maxlen=5)"},
    {MAYFLY_CLASS_DEQUE,
     B("\200\005\225&\000\000\000\000\000\000\000\214\013collections\224\214\005deque\224\223\224)"
       "K\005\206\224R\224(K\001K\002e."),
     "deque([1, 2], maxlen=5)"},
    {MAYFLY_CLASS_DATETIME,
     B("\200\002cdatetime\012datetime\012q\000c_"
       "codecs\012encode\012q\001X\013\000\000\000\007\303\250\002\035\027;:"
       "\017B\077q\002X\006\000\000\000latin1q\003\206q\004Rq\005cdatetime\012timezone\012q\006cdat"
       "etime\012timedelta\012q\007J\377\377\377\377JH "
       "\001\000K\000\207q\010Rq\011\205q\012Rq\013\206q\014Rq\015."),
     "datetime.datetime(2024, 2, 29, 23, 59, 58, 999999, "
     "tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=73800)))"},
    {MAYFLY_CLASS_DATETIME,
     B("\200\005\225]"
       "\000\000\000\000\000\000\000\214\010datetime\224\214\010datetime\224\223\224C\012\007\350"
       "\002\035\027;:"
       "\017B\077\224h\000\214\010timezone\224\223\224h\000\214\011timedelta\224\223\224J\377\377"
       "\377\377JH \001\000K\000\207\224R\224\205\224R\224\206\224R\224."),
     "datetime.datetime(2024, 2, 29, 23, 59, 58, 999999, "
     "tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=73800)))"},
    {MAYFLY_CLASS_DATETIME,
     B("\200\005\225*"
       "\000\000\000\000\000\000\000\214\010datetime\224\214\010datetime\224\223\224C\012\000\001"
       "\201\001\000\000\000\000\000\000\224\205\224R\224."),
     "datetime.datetime(1, 1, 1, 0, 0, fold=1)"},
    {MAYFLY_CLASS_DATE,
     B("\200\002cdatetime\012date\012q\000c_codecs\012encode\012q\001X\004\000\000\000'"
       "\017\014\037q\002X\006\000\000\000latin1q\003\206q\004Rq\005\205q\006Rq\007."),
     "datetime.date(9999, 12, 31)"},
    {MAYFLY_CLASS_DATE,
     B("\200\005\225 "
       "\000\000\000\000\000\000\000\214\010datetime\224\214\004date\224\223\224C\004'"
       "\017\014\037\224\205\224R\224."),
     "datetime.date(9999, 12, 31)"},
    {MAYFLY_CLASS_TIME,
     B("\200\002cdatetime\012time\012q\000c_"
       "codecs\012encode\012q\001X\006\000\000\000\001\002\003\000\000\000q\002X\006\000\000\000lat"
       "in1q\003\206q\004Rq\005\205q\006Rq\007."),
     "datetime.time(1, 2, 3)"},
    {MAYFLY_CLASS_TIME,
     B("\200\005\225\"\000\000\000\000\000\000\000\214\010datetime\224\214\004time\224\223\224C\006"
       "\001\002\003\000\000\000\224\205\224R\224."),
     "datetime.time(1, 2, 3)"},
    {MAYFLY_CLASS_TIMEDELTA,
     B("\200\002cdatetime\012timedelta\012q\000J\377\377\377\377K\005K\007\207q\001Rq\002."),
     "datetime.timedelta(days=-1, seconds=5, microseconds=7)"},
    {MAYFLY_CLASS_TIMEDELTA,
     B("\200\005\225'"
       "\000\000\000\000\000\000\000\214\010datetime\224\214\011timedelta\224\223\224J\377\377\377"
       "\377K\005K\007\207\224R\224."),
     "datetime.timedelta(days=-1, seconds=5, microseconds=7)"},
    {MAYFLY_CLASS_TIMEZONE,
     B("\200\002cdatetime\012timezone\012q\000cdatetime\012timedelta\012q\001K\000K\000K\000\207q"
       "\002Rq\003\205q\004Rq\005."),
     "datetime.timezone.utc"},
    {MAYFLY_CLASS_TIMEZONE,
     B("\200\005\2257\000\000\000\000\000\000\000\214\010datetime\224\214\010timezone\224\223\224h"
       "\000\214\011timedelta\224\223\224K\000K\000K\000\207\224R\224\205\224R\224."),
     "datetime.timezone.utc"},
    {MAYFLY_CLASS_DECIMAL,
     B("\200\002cdecimal\012Decimal\012q\000X\010\000\000\000-1.50E+3q\001\205q\002Rq\003."),
     "Decimal('-1.50E+3')"},
    {MAYFLY_CLASS_DECIMAL,
     B("\200\005\225&"
       "\000\000\000\000\000\000\000\214\007decimal\224\214\007Decimal\224\223\224\214\010-1.50E+"
       "3\224\205\224R\224."),
     "Decimal('-1.50E+3')"},
    {MAYFLY_CLASS_FRACTION,
     B("\200\002cfractions\012Fraction\012q\000J\376\377\377\377K\003\206q\001Rq\002."),
     "Fraction(-2, 3)"},
    {MAYFLY_CLASS_FRACTION,
     B("\200\005\225%"
       "\000\000\000\000\000\000\000\214\011fractions\224\214\010Fraction\224\223\224J\376\377\377"
       "\377K\003\206\224R\224."),
     "Fraction(-2, 3)"},
    {MAYFLY_CLASS_UUID,
     B("\200\002cuuid\012UUID\012q\000)\201q\001}"
       "q\002X\003\000\000\000intq\003\212\020xV4\022xV4\022xV4\022xV4\022sb."),
     "UUID('12345678-1234-5678-1234-567812345678')"},
    {MAYFLY_CLASS_UUID,
     B("\200\005\2250\000\000\000\000\000\000\000\214\004uuid\224\214\004UUID\224\223\224)\201\224}"
       "\224\214\003int\224\212\020xV4\022xV4\022xV4\022xV4\022sb."),
     "UUID('12345678-1234-5678-1234-567812345678')"},
    {MAYFLY_CLASS_PATH,
     B("\200\002cpathlib\012PurePosixPath\012q\000X\001\000\000\000/"
       "q\001X\003\000\000\000usrq\002X\003\000\000\000libq\003\207q\004Rq\005."),
     "PurePosixPath('/usr/lib')"},
    {MAYFLY_CLASS_PATH,
     B("\200\005\2251\000\000\000\000\000\000\000\214\007pathlib\224\214\015PurePosixPath\224\223"
       "\224\214\001/\224\214\003usr\224\214\003lib\224\207\224R\224."),
     "PurePosixPath('/usr/lib')"},
    {MAYFLY_CLASS_ARRAY,
     B("\200\002carray\012array\012q\000X\001\000\000\000hq\001]q\002("
       "K\001J\376\377\377\377e\206q\003Rq\004."),
     "array('h', [1, -2])"},
    {MAYFLY_CLASS_ARRAY,
     B("\200\005\225F\000\000\000\000\000\000\000\214\005array\224\214\024_array_"
       "reconstructor\224\223\224("
       "\214\005array\224\214\005array\224\223\224\214\001h\224K\004C\004\001\000\376\377\224t\224R"
       "\224."),
     "array('h', [1, -2])"},
    {MAYFLY_CLASS_RANGE,
     B("\200\002c__builtin__\012xrange\012q\000K\001K\012K\003\207q\001Rq\002."),
     "range(1, 10, 3)"},
    {MAYFLY_CLASS_RANGE,
     B("\200\005\225 "
       "\000\000\000\000\000\000\000\214\010builtins\224\214\005range\224\223\224K\001K\012K\003"
       "\207\224R\224."),
     "range(1, 10, 3)"},
    {MAYFLY_CLASS_SLICE, B("\200\002c__builtin__\012slice\012q\000K\001NK\002\207q\001Rq\002."),
     "slice(1, None, 2)"},
    {MAYFLY_CLASS_SLICE,
     B("\200\005\225\037\000\000\000\000\000\000\000\214\010builtins\224\214\005slice\224\223\224K"
       "\001NK\002\207\224R\224."),
     "slice(1, None, 2)"},
};

static void O4_known_classes_are_what_python_prints_in_every_protocol(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) again = NULL;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        mayfly_auto(mayfly_doc) doc = loaded(classes[i].data, classes[i].size);
        const mayfly_value value = mayfly_doc_root(doc);
        for (int protocol = 1; protocol <= 5; protocol++) {
            char *data = NULL, *text = NULL;
            size_t size = 0;
            const mayfly_value root = protocol == 1 ? value : mayfly_doc_root(again);
            assert_int_equal(mayfly_class_of(root), classes[i].known);
            mft_ok(mayfly_repr(root, NULL, &text, NULL, &mft_error));
            assert_string_equal(text, classes[i].repr);
            free(text);
            mft_ok(mayfly_dumps(doc, value,
                                &(mayfly_dump_options){.protocol = protocol + (protocol < 5)},
                                &data, &size, &mft_error));
            mft_ok(mayfly_loads(data, size, NULL, &again, &mft_error));
            assert_int_equal(mayfly_equal(mayfly_doc_root(again), value, &mft_error), 1);
            free(data);
        }
    }
}

/* The first of them that is of this class, of the newer protocol. */
static mayfly_doc *first_of(mayfly_class known) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i].known == known && classes[i].data[1] == 5)
            return loaded(classes[i].data, classes[i].size);
    fail_msg("there is no pickle of class %d", (int)known);
    return NULL;
}

static void O4_collections_are_read_like_lists_and_dicts(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) ordered = first_of(MAYFLY_CLASS_ORDERED_DICT);
    mayfly_auto(mayfly_doc) fallback = first_of(MAYFLY_CLASS_DEFAULT_DICT);
    mayfly_auto(mayfly_doc) counter = first_of(MAYFLY_CLASS_COUNTER);
    mayfly_auto(mayfly_doc) deque = first_of(MAYFLY_CLASS_DEQUE);
    mayfly_value key, value, root = mayfly_doc_root(ordered);
    assert_int_equal(mayfly_count(root), 2);
    assert_true(mayfly_pair(root, 1, &key, &value));
    assert_string_equal(mayfly_str_get(key, NULL), "a");
    assert_int_equal(number(mayfly_get(root, "b")), 1);
    mft_ok(mayfly_dict_put(ordered, root, "c", mayfly_int_new(ordered, 3)));
    assert_int_equal(number(mayfly_get(root, "c")), 3);
    assert_int_equal(number(mayfly_get(mayfly_doc_root(fallback), "k")), 2);
    assert_string_equal(
        mayfly_global_name(mayfly_get(mayfly_doc_root(fallback), "default_factory")), "int");
    root = mayfly_doc_root(counter);
    assert_int_equal(number(mayfly_get(root, "a")), 2);
    mft_ok(mayfly_dict_put(counter, root, "a", mayfly_int_new(counter, 5)));
    assert_int_equal(mayfly_count(root), 2);
    assert_int_equal(number(mayfly_get(root, "a")), 5);
    root = mayfly_doc_root(deque);
    assert_int_equal(number(mayfly_get(root, "maxlen")), 5);
    mft_ok(mayfly_list_append(deque, root, mayfly_int_new(deque, 3)));
    assert_int_equal(mayfly_count(root), 3);
    assert_int_equal(number(mayfly_item(root, 2)), 3);
    mft_ok(mayfly_at(root, "/-1", &value, &mft_error));
    assert_int_equal(number(value), 3);
}

static void O4_times_are_read_field_by_field(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) full = first_of(MAYFLY_CLASS_DATETIME);
    mayfly_auto(mayfly_doc) date = first_of(MAYFLY_CLASS_DATE);
    mayfly_auto(mayfly_doc) time = first_of(MAYFLY_CLASS_TIME);
    mayfly_auto(mayfly_doc) delta = first_of(MAYFLY_CLASS_TIMEDELTA);
    mayfly_auto(mayfly_doc) zone = first_of(MAYFLY_CLASS_TIMEZONE);
    mayfly_datetime t;
    int64_t us = 0;
    mft_ok(mayfly_datetime_get(mayfly_doc_root(full), &t, &mft_error));
    assert_true(t.year == 2024 && t.month == 2 && t.day == 29 && t.hour == 23 && t.minute == 59 &&
                t.second == 58 && t.microsecond == 999999 && t.fold == 0);
    assert_true(t.has_zone && t.has_offset && t.offset == -12600 * INT64_C(1000000));
    mft_ok(mayfly_timedelta_get(t.zone, &us, &mft_error));
    assert_true(us == t.offset);
    mft_ok(mayfly_datetime_get(mayfly_doc_root(date), &t, &mft_error));
    assert_true(t.year == 9999 && t.month == 12 && t.day == 31 && t.hour == 0 && !t.has_zone);
    mft_ok(mayfly_datetime_get(mayfly_doc_root(time), &t, &mft_error));
    assert_true(t.year == 0 && t.hour == 1 && t.minute == 2 && t.second == 3);
    mft_ok(mayfly_timedelta_get(mayfly_doc_root(delta), &us, &mft_error));
    assert_true(us == -INT64_C(86400000000) + 5000007);
    mft_ok(mayfly_timedelta_get(mayfly_doc_root(zone), &us, &mft_error));
    assert_true(us == 0);
}

static void O4_times_that_cannot_be_are_refused(void **state) {
    (void)state;
    static const mayfly_datetime bad[] = {
        {.year = 2023, .month = 2, .day = 29},
        {.year = 0, .month = 1, .day = 1},
        {.year = 1900, .month = 2, .day = 29},
        {.year = 2000, .month = 13, .day = 1},
        {.year = 2000, .month = 1, .day = 1, .hour = 24},
        {.year = 2000, .month = 1, .day = 1, .microsecond = 1000000},
        {.year = 2000, .month = 1, .day = 1, .has_offset = true, .offset = INT64_C(86400000000)},
    };
    mayfly_auto(mayfly_doc) doc = NULL;
    mft_ok(mayfly_doc_new(NULL, &doc, &mft_error));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(mayfly_datetime_new(doc, &bad[i]).bits, 0);
        mft_fails(-EINVAL, mayfly_doc_failed(doc, &mft_error));
        mayfly_doc_reset(doc);
    }
    mayfly_datetime t = {.year = 77};
    mft_ok(mayfly_loads(B("cdatetime\ndate\nC\4\7\350\15\1\205R."), NULL, &doc, &mft_error));
    mft_fails(-EINVAL, mayfly_datetime_get(mayfly_doc_root(doc), &t, &mft_error));
    assert_says("out of its range");
    mft_ok(mayfly_loads(B("cdatetime\ndate\nC\3\7\350\1\205R."), NULL, &doc, &mft_error));
    mft_fails(-EINVAL, mayfly_datetime_get(mayfly_doc_root(doc), &t, &mft_error));
    assert_int_equal(t.year, 77);
    int64_t us = 0;
    mft_ok(mayfly_loads(B("cdatetime\ntimedelta\nJ\377\377\377\177K\0K\0\207R."), NULL, &doc,
                        &mft_error));
    mft_fails(-ERANGE, mayfly_timedelta_get(mayfly_doc_root(doc), &us, &mft_error));
}

static void O4_other_known_classes_give_their_fields_by_name(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) fraction = first_of(MAYFLY_CLASS_FRACTION);
    mayfly_auto(mayfly_doc) array = first_of(MAYFLY_CLASS_ARRAY);
    mayfly_auto(mayfly_doc) range = first_of(MAYFLY_CLASS_RANGE);
    mayfly_auto(mayfly_doc) decimal = first_of(MAYFLY_CLASS_DECIMAL);
    mayfly_auto(mayfly_doc) path = first_of(MAYFLY_CLASS_PATH);
    size_t size = 0;
    char *text = NULL;
    assert_int_equal(number(mayfly_get(mayfly_doc_root(fraction), "denominator")), 3);
    assert_memory_equal(mayfly_bytes_get(mayfly_doc_root(array), &size), "\1\0\376\377", 4);
    assert_int_equal(size, 4);
    assert_int_equal(number(mayfly_get(mayfly_doc_root(range), "step")), 3);
    mft_ok(mayfly_text(mayfly_doc_root(decimal), &text, &mft_error));
    assert_string_equal(text, "-1.50E+3");
    free(text);
    mft_ok(mayfly_text(mayfly_doc_root(path), &text, &mft_error));
    assert_string_equal(text, "/usr/lib");
    free(text);
}

/* What dill 0.3.6 writes with CPython 3.11 for def add(a, b=2): return a+b */
static const char dill_function[] =
    "\200\004\225\313\000\000\000\000\000\000\000\214\012dill._dill\224\214\020_create_"
    "function\224\223\224(h\000\214\014_create_code\224\223\224("
    "C\002\002\001\224K\002K\000K\000K\002K\002K\003C\014\227\000|\000|"
    "\001z\000\000\000S\000\224N\205\224)"
    "\214\001a\224\214\001b\224\206\224\214\001x\224\214\003add\224h\014K\001C\013\200\000\330\010"
    "\011\210!\211\003\200\032\224C\000\224))t\224R\224}\224\214\010__name__\224\214\010__main__"
    "\224sh\014K\002\205\224Nt\224R\224}\224}\224\214\017__annotations__\224}\224s\206\224b.";
/* dict; collections.namedtuple('P', 'x y')(1, 2) */
static const char dill_type[] =
    "\200\004\225(\000\000\000\000\000\000\000\214\012dill._dill\224\214\012_load_"
    "type\224\223\224\214\004dict\224\205\224R\224.";
static const char dill_named[] =
    "\200\004\225J\000\000\000\000\000\000\000\214\012dill._dill\224\214\022_create_"
    "namedtuple\224\223\224\214\001P\224\214\001x\224\214\001y\224\206\224\214\010__main__"
    "\224\207\224R\224K\001K\002\206\224\201\224.";

static void O4_what_dill_wrote_is_read_as_data(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = loaded(B(dill_function));
    const mayfly_value function = mayfly_doc_root(doc), code = mayfly_get(function, "code");
    assert_int_equal(mayfly_class_of(function), MAYFLY_CLASS_FUNCTION);
    assert_string_equal(mayfly_str_get(mayfly_get(function, "name"), NULL), "add");
    assert_int_equal(number(mayfly_item(mayfly_get(function, "defaults"), 0)), 2);
    assert_int_equal(mayfly_class_of(code), MAYFLY_CLASS_CODE);
    assert_int_equal(number(mayfly_get(code, "co_argcount")), 2);
    assert_string_equal(mayfly_str_get(mayfly_item(mayfly_get(code, "co_varnames"), 1), NULL), "b");
    assert_string_equal(mayfly_str_get(mayfly_get(code, "co_filename"), NULL), "x");
    mayfly_auto(mayfly_doc) type = loaded(B(dill_type));
    assert_int_equal(mayfly_class_of(mayfly_doc_root(type)), MAYFLY_CLASS_TYPE_BY_NAME);
    assert_string_equal(mayfly_str_get(mayfly_get(mayfly_doc_root(type), "name"), NULL), "dict");
    mayfly_auto(mayfly_doc) named = loaded(B(dill_named));
    const mayfly_value p = mayfly_doc_root(named);
    assert_int_equal(mayfly_class_of(p), MAYFLY_CLASS_INSTANCE);
    assert_int_equal(mayfly_class_of(mayfly_object_callable(p)), MAYFLY_CLASS_NAMED_TUPLE);
    assert_int_equal(mayfly_count(p), 2);
    assert_int_equal(number(mayfly_item(p, 1)), 2);
}

static void O4_plain_only_refuses_all_that_names_something(void **state) {
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        const char *says;
    } rows[] = {
        {B("cm\nf\n."), "names a global"},          {B("\214\1m\214\1f\223."), "names a global"},
        {B("\202\1."), "is an extension"},          {B("Pid\n."), "is a persistent id"},
        {B("NQ."), "is a persistent id"},           {B("(im\nC\n."), "names a global"},
        {B("cm\nf\n0N."), "names a global"}, /* also what is thrown away */
        {B("cbuiltins\nset\n."), "holds a global"},
    };
    const mayfly_load_options options = {.flags = MAYFLY_PLAIN_ONLY};
    mayfly_auto(mayfly_doc) doc = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mft_fails(MAYFLY_E_PICKLE,
                  mayfly_loads(rows[i].data, rows[i].size, &options, &doc, &mft_error));
        assert_says(rows[i].says);
        assert_says("MAYFLY_PLAIN_ONLY");
    }
    mft_ok(mayfly_loads(B("cbuiltins\nset\n](K\1K\2K\1e\205R."), &options, &doc, &mft_error));
    assert_int_equal(mayfly_kind_of(mayfly_doc_root(doc)), MAYFLY_SET);
    assert_int_equal(mayfly_count(mayfly_doc_root(doc)), 2);
}

static void O4_str_of_python_2_is_read_as_asked(void **state) {
    (void)state;
    static const struct {
        mayfly_strings strings;
        mayfly_kind kind;
        const char *content;
    } rows[] = {{MAYFLY_STRINGS_LATIN1, MAYFLY_STR, "\303\203\302\244"},
                {MAYFLY_STRINGS_UTF8, MAYFLY_STR, "\303\244"},
                {MAYFLY_STRINGS_BYTES, MAYFLY_BYTES, "\303\244"}};
    static const char data[] = "U\2\303\244.", line[] = "S'\\xc3\\xa4'\n.";
    mayfly_auto(mayfly_doc) doc = NULL;
    for (size_t i = 0; i < 6; i++) {
        const mayfly_load_options options = {.strings = rows[i / 2].strings};
        mft_ok(i % 2 == 0 ? mayfly_loads(B(data), &options, &doc, &mft_error)
                          : mayfly_loads(B(line), &options, &doc, &mft_error));
        const mayfly_value v = mayfly_doc_root(doc);
        assert_int_equal(mayfly_kind_of(v), rows[i / 2].kind);
        assert_string_equal(i / 2 == 2 ? mayfly_bytes_get(v, NULL) : mayfly_str_get(v, NULL),
                            rows[i / 2].content);
    }
    mft_fails(MAYFLY_E_PICKLE, mayfly_loads(B(data), NULL, &doc, &mft_error));
    assert_says("`strings`");
    mft_ok(mayfly_loads(B("c__builtin__\nxrange\n."), NULL, &doc, &mft_error));
    assert_string_equal(mayfly_global_name(mayfly_doc_root(doc)), "range");
    mft_ok(mayfly_loads(B("c__builtin__\nxrange\n."),
                        &(mayfly_load_options){.no_fix_imports = true}, &doc, &mft_error));
    assert_string_equal(mayfly_global_module(mayfly_doc_root(doc)), "__builtin__");
}

/* ---- what is named --------------------------------------------------------------------------- */

static void assert_use(const mayfly_global_use *use, const char *module, const char *name,
                       uint64_t offset, unsigned flags) {
    assert_string_equal(use->module, module);
    assert_string_equal(use->name, name);
    assert_int_equal(use->offset, offset);
    assert_int_equal(use->flags, flags);
}

static void O4_every_global_is_listed_once_with_its_first_place(void **state) {
    (void)state;
    const mayfly_global_use *uses = NULL;
    size_t count = 0;
    /* a.b thrown away; a.b called; c.d stored, thrown away and called out of the memo; e.f by the
     * texts of an earlier list; extension 7 */
    mayfly_auto(mayfly_doc) doc =
        loaded(B("\200\4ca\nb\n0ca\nb\n)R0cc\nd\n\2240h\0)\2010\214\1e\2240\214\1f\2240h\1h\2\2230"
                 "\202\7."));
    for (int again = 0; again < 2; again++) {
        mft_ok(mayfly_doc_globals(doc, &uses, &count, &mft_error));
        assert_int_equal(count, 4);
        assert_use(&uses[0], "a", "b", 2, MAYFLY_GLOBAL_CALLED);
        assert_use(&uses[1], "c", "d", 16, MAYFLY_GLOBAL_CALLED);
        assert_use(&uses[2], "e", "f", 42, 0);
        assert_int_equal(uses[3].flags, MAYFLY_GLOBAL_EXTENSION);
        assert_non_null(strstr(uses[3].name, "7"));
    }
    mayfly_doc_reset(doc);
    mft_ok(mayfly_doc_globals(doc, &uses, &count, &mft_error));
    assert_int_equal(count, 0);
}

static mayfly_policy *policy(const char *text) {
    mayfly_policy *made = NULL;
    mft_ok(mayfly_policy_new(text, MAYFLY_ALL, &made, &mft_error));
    return made;
}

static void O4_a_policy_is_read_line_by_line(void **state) {
    (void)state;
    mayfly_auto(mayfly_policy) p =
        policy("# all that is needed\n\n  decimal Decimal  # money\r\nshop:Order.Line\n\tos\tpath");
    assert_true(mayfly_policy_allows(p, "decimal", "Decimal"));
    assert_true(mayfly_policy_allows(p, "shop", "Order.Line"));
    assert_true(mayfly_policy_allows(p, "os", "path"));
    assert_false(mayfly_policy_allows(p, "os", "path.join"));
    assert_false(mayfly_policy_allows(p, "os", "pat"));
    assert_false(mayfly_policy_allows(p, "os.path", ""));
    assert_false(mayfly_policy_allows(p, "Decimal", "Decimal"));
    assert_false(mayfly_policy_allows(p, "decimal", "decimal"));
    mayfly_policy_free(&p);
    mayfly_policy_free(&p);
    p = policy("");
    assert_false(mayfly_policy_allows(p, "", ""));
    static const char *const bad[] = {"a b\nc", "\n\n:x", "x:", "a b c", "a:b:c", "# c\na b\n: \n"};
    static const char *const lines[] = {"line 2", "line 3", "line 1", "line 1", "line 1", "line 3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mayfly_policy *none = NULL;
        mft_fails(MAYFLY_E_SYNTAX, mayfly_policy_new(bad[i], MAYFLY_ALL, &none, &mft_error));
        assert_says(lines[i]);
        assert_null(none);
    }
    mft_fails(MAYFLY_E_SYNTAX, mayfly_policy_new("a b", 2, &p, &mft_error));
}

static void O4_a_policy_allows_exactly_what_it_has(void **state) {
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        const char *says; /* NULL: it is allowed */
    } rows[] = {
        {B("N."), NULL},
        {B("cos\npath\n."), NULL},
        {B("cbuiltins\ngetattr\ncos\npath\nN\206R."), "byte"},
        {B("cos\nsystem\n."), "byte 0: os system is not allowed"},
        {B("cos\nsystem\n0N."), "byte 0: os system is not allowed"},
        {B("cos\npath.join\n."), "os path.join is not allowed"},
        {B("cbuiltins\ngetattr\ncos\npath\n\214\4join\206R."), "known only when it is loaded"},
        {B("cbuiltins\ngetattr\n\2240h\0\214\1x\214\1y\206R\214\6system\223."),
         "known only when it is loaded"},
        {B("cimportlib\nimport_module\n\214\2os\205R."), "importlib import_module is not allowed"},
        {B("\202\1."), "known only when it is loaded"},
        {B("cposix\nsystem\n\214\2id\205R0N."), "posix system is not allowed"},
        {B("(iposix\nsystem\n."), "posix system is not allowed"},
    };
    mayfly_auto(mayfly_policy) p = policy("os path\nbuiltins getattr\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mayfly_auto(mayfly_doc) doc = loaded(rows[i].data, rows[i].size);
        if (rows[i].says == NULL) {
            mft_ok(mayfly_doc_check(doc, p, &mft_error));
            continue;
        }
        mft_fails(MAYFLY_E_POLICY, mayfly_doc_check(doc, p, &mft_error));
        assert_says(rows[i].says);
        assert_true(mft_error.offset >= 0);
    }
}

/* Batches of a large dict, in which every key comes three times; then a key that is no text. */
static void O4_of_a_key_that_comes_again_the_last_value_counts_in_large_dicts(void **state) {
    (void)state;
    enum { KEYS = 900, TIMES = 3 };
    static char data[64 << 10];
    size_t size = 0;
    data[size++] = '}';
    for (int time = 0; time < TIMES; time++) {
        data[size++] = '(';
        for (int i = 0; i < KEYS; i++)
            size += (size_t)snprintf(data + size, sizeof data - size, "U%ckey %d%c%c%c",
                                     4 + (i > 9) + (i > 99) + 1, i, 'M', time + 1, 0);
        data[size++] = 'u';
    }
    memcpy(data + size, "(NK\7)K\x08u.", 9);
    size += 9;
    mayfly_auto(mayfly_doc) doc = loaded(data, size);
    const mayfly_value root = mayfly_doc_root(doc);
    mayfly_value key, value;
    int64_t n = 0;
    assert_int_equal(mayfly_count(root), KEYS + 2);
    for (size_t i = 0; i < KEYS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "key %zu", i);
        assert_true(mayfly_pair(root, i, &key, &value));
        assert_string_equal(mayfly_str_get(key, NULL), name);
        mft_ok(mayfly_int_get(mayfly_get(root, name), &n, &mft_error));
        assert_int_equal(n, TIMES);
    }
    mft_ok(mayfly_int_get(mayfly_dict_get(root, mayfly_none_new(doc)), &n, &mft_error));
    assert_int_equal(n, 7);
}

static void O4_states_one_after_the_other_and_calls_thrown_away_are_kept(void **state) {
    (void)state;
    /* C() with two states; then setattr(C(), "a", 5), of which the object is what is left. */
    mayfly_doc *doc = loaded(B("\x80\2cm\nC\n)R}U\1aK\1sb}U\1aK\2sb."));
    mayfly_value object = mayfly_doc_root(doc);
    assert_int_equal(number(mayfly_get(mayfly_object_state(object), "a")), 1);
    assert_int_equal(number(mayfly_get(mayfly_object_state_at(object, 0), "a")), 1);
    assert_int_equal(number(mayfly_get(mayfly_object_state_at(object, 1), "a")), 2);
    assert_int_equal(mayfly_object_state_at(object, 2).bits, 0);
    mayfly_doc_free(&doc);

    doc = loaded(B("\x80\2cm\nC\n)Rq\0cbuiltins\nsetattr\nh\0U\1aK\5\x87R0."));
    object = mayfly_doc_root(doc);
    const mayfly_value call = mayfly_object_then(object, 0);
    assert_string_equal(mayfly_global_name(mayfly_object_callable(call)), "setattr");
    assert_int_equal(number(mayfly_item(mayfly_object_arguments(call), 2)), 5);
    assert_true(mayfly_same(mayfly_item(mayfly_object_arguments(call), 0), object));
    assert_int_equal(mayfly_object_then(object, 1).bits, 0);
    mayfly_doc_free(&doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(O4_known_classes_are_what_python_prints_in_every_protocol),
        MFT(O4_collections_are_read_like_lists_and_dicts),
        MFT(O4_times_are_read_field_by_field),
        MFT(O4_times_that_cannot_be_are_refused),
        MFT(O4_other_known_classes_give_their_fields_by_name),
        MFT(O4_what_dill_wrote_is_read_as_data),
        MFT(O4_plain_only_refuses_all_that_names_something),
        MFT(O4_str_of_python_2_is_read_as_asked),
        MFT(O4_every_global_is_listed_once_with_its_first_place),
        MFT(O4_a_policy_is_read_line_by_line),
        MFT(O4_a_policy_allows_exactly_what_it_has),
        MFT(O4_of_a_key_that_comes_again_the_last_value_counts_in_large_dicts),
        MFT(O4_states_one_after_the_other_and_calls_thrown_away_are_kept),
    };
    return MFT_MAIN(tests);
}
