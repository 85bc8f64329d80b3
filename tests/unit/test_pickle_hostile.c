/* SPDX-License-Identifier: MIT
 *
 * O4, O6: pickles that were made to do harm cost the memory that is allowed, and nothing else.
 */
#define _GNU_SOURCE
#include "../lib/pickles.h"

#include <errno.h>
#include <unistd.h>

#include "../../src/base/sys.h"

/* ---- streams --------------------------------------------------------------------------------- */

struct stream {
    char *data;
    size_t size, room;
};

static void stream_free(struct stream *s) {
    free(s->data);
}
#define AUTO_STREAM __attribute__((cleanup(stream_free))) struct stream

static void put(struct stream *s, const char *data, size_t size) {
    if (s->size + size >= s->room) {
        s->room = 2 * (s->size + size) + 64;
        s->data = realloc(s->data, s->room);
        if (s->data == NULL)
            abort();
    }
    memcpy(s->data + s->size, data, size);
    s->size += size;
}

static void put_times(struct stream *s, const char *data, size_t size, size_t times) {
    while (times-- > 0)
        put(s, data, size);
}

static void put_number(struct stream *s, const char *op, uint32_t number) {
    put(s, op, 1);
    for (int i = 0; i < 4; i++, number >>= 8)
        put(s, &(char){(char)number}, 1);
}

/* ---- memory, seen from below ----------------------------------------------------------------- */

/* What is freed is not noticed, so `total` is never less than what was held at a time. */
enum { BLOCKS = 4096 };
static struct {
    void *at;
    size_t size;
} blocks[BLOCKS];
static size_t block_count, largest, total;

static void *note(void *at, size_t size) {
    if (at == NULL || block_count == BLOCKS)
        abort();
    blocks[block_count].at = at;
    blocks[block_count++].size = size;
    largest = size > largest ? size : largest;
    total += size;
    return at;
}

static void *noted_malloc(size_t size) {
    return note(mfi_sys_real.malloc(size), size);
}

static void *noted_calloc(size_t count, size_t size) {
    return note(mfi_sys_real.calloc(count, size), count * size);
}

static void *noted_realloc(void *old, size_t size) {
    size_t i = block_count;
    while (old != NULL && i > 0 && blocks[i - 1].at != old)
        i--;
    if (old != NULL && i > 0) {
        total -= blocks[i - 1].size;
        blocks[i - 1] = blocks[--block_count];
    }
    return note(mfi_sys_real.realloc(old, size), size);
}

static void watch_memory(void) {
    block_count = largest = total = 0;
    mfi_sys.malloc = noted_malloc;
    mfi_sys.calloc = noted_calloc;
    mfi_sys.realloc = noted_realloc;
}

static void unwatch_memory(void) {
    mfi_sys = mfi_sys_real;
}

/* ---- much out of little ---------------------------------------------------------------------- */

/* Each level is a list of ten times the one below, by the memo. */
static void put_laughs(struct stream *s, uint32_t levels) {
    put(s, B("\x8c\x03lol"));
    put_number(s, "r", 0);
    for (uint32_t level = 1; level <= levels; level++) {
        put(s, B("0]("));
        for (int i = 0; i < 10; i++)
            put_number(s, "j", level - 1);
        put(s, B("e"));
        put_number(s, "r", level);
    }
    put(s, B("."));
}

static void O4_billion_laughs_take_the_memory_of_their_stream(void **state) {
    (void)state;
    enum { LEVELS = 500 };
    AUTO_STREAM s = {0};
    put_laughs(&s, LEVELS);
    mayfly_auto(mayfly_doc) a = loaded(s.data, s.size);
    mayfly_auto(mayfly_doc) b = loaded(s.data, s.size);
    mayfly_auto(mayfly_doc) c = NULL;
    assert_true(mayfly_doc_bytes(a) < 10 * s.size);
    assert_int_equal(mayfly_equal(mayfly_doc_root(a), mayfly_doc_root(b), &mft_error), 1);
    mft_ok(mayfly_doc_new(NULL, &c, &mft_error));
    const mayfly_value copy = mayfly_copy(c, mayfly_doc_root(a));
    assert_int_equal(mayfly_equal(copy, mayfly_doc_root(b), &mft_error), 1);
    assert_true(mayfly_doc_bytes(c) < 10 * s.size);
    char *text = NULL;
    size_t size = 0;
    mft_ok(mayfly_dumps(a, mayfly_doc_root(a), NULL, &text, &size, &mft_error));
    assert_true(size < 2 * s.size);
    free(text);
    mft_ok(mayfly_repr(mayfly_doc_root(a), &(mayfly_repr_options){.max_bytes = 1000}, &text, &size,
                       &mft_error));
    assert_int_equal(size, 1003);
    free(text);
    mayfly_auto(mayfly_doc) d = NULL;
    mft_ok(mayfly_loads(s.data, s.size,
                        &(mayfly_load_options){.flags = MAYFLY_PLAIN_ONLY, .max_nesting = LEVELS},
                        &d, &mft_error));
    refused(s.data, s.size, &(mayfly_load_options){.max_nesting = LEVELS - 1}, MAYFLY_E_LIMIT);
    assert_says("max_nesting");
}

static const struct {
    const char *stream;
    size_t size;
    const char *opcode;
} lengths[] = {
    {B("X\xff\xff\xff\x7f....."), "BINUNICODE"},
    {B("B\xff\xff\xff\x7f....."), "BINBYTES"},
    {B("T\xff\xff\xff\x7f....."), "BINSTRING"},
    {B("\x8b\xff\xff\xff\x7f....."), "LONG4"},
    {B("B\xff\xff\xff\xff....."), "BINBYTES"},
    {B("\x8d\xff\xff\xff\x7f\0\0\0\0."), "BINUNICODE8"},
    {B("\x8e\xff\xff\xff\xff\xff\xff\xff\xff."), "BINBYTES8"},
    {B("\x96\xff\xff\xff\xff\xff\xff\xff\x7f."), "BYTEARRAY8"},
    {B("\x95\xff\xff\xff\x7f\0\0\0\0."), "FRAME"},
};

static void O4_two_gigabytes_are_not_allocated_because_ten_bytes_say_so(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        mayfly_doc *doc = NULL;
        watch_memory();
        const int from_memory =
            mayfly_loads(lengths[i].stream, lengths[i].size, NULL, &doc, &mft_error);
        unwatch_memory();
        assert_int_equal(from_memory, MAYFLY_E_PICKLE);
        assert_says("byte 0: ");
        assert_says(lengths[i].opcode);
        assert_true(largest <= 64 << 10);
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], lengths[i].stream, lengths[i].size), lengths[i].size);
        assert_int_equal(close(ends[1]), 0);
        watch_memory();
        const int from_pipe = mayfly_load_fd(ends[0], NULL, &doc, &mft_error);
        unwatch_memory();
        assert_int_equal(close(ends[0]), 0);
        assert_int_equal(from_pipe, MAYFLY_E_PICKLE);
        assert_says(lengths[i].opcode);
        assert_true(largest <= 256 << 10);
        assert_null(doc);
    }
}

static void O4_the_largest_number_of_the_memo_costs_one_place(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = NULL;
    watch_memory();
    const int r = mayfly_loads(B("K\x07r\xff\xff\xff\xff"
                                 "0j\xff\xff\xff\xff."),
                               NULL, &doc, &mft_error);
    unwatch_memory();
    mft_ok(r);
    int64_t n = 0;
    mft_ok(mayfly_int_get(mayfly_doc_root(doc), &n, &mft_error));
    assert_int_equal(n, 7);
    assert_true(total <= 64 << 10);
    mft_ok(mayfly_loads(B("K\x08p900000000000000000\n0g900000000000000000\n."), NULL, &doc,
                        &mft_error));
    mft_ok(mayfly_int_get(mayfly_doc_root(doc), &n, &mft_error));
    assert_int_equal(n, 8);
}

static void O6_what_is_no_number_of_the_memo_is_refused(void **state) {
    (void)state;
    refused(B("Np-1\n."), NULL, MAYFLY_E_PICKLE);
    assert_says("byte 1: PUT: \"-1\"");
    refused(B("Np99999999999999999999999\n."), NULL, MAYFLY_E_PICKLE);
    assert_says("PUT");
    refused(B("Npx\n."), NULL, MAYFLY_E_PICKLE);
    refused(B("Np\n."), NULL, MAYFLY_E_PICKLE);
    refused(B("g0\n."), NULL, MAYFLY_E_PICKLE);
    assert_says("byte 0: GET: nothing was stored under number 0");
    refused(B("j\xff\xff\xff\xff."), NULL, MAYFLY_E_PICKLE);
    assert_says("byte 0: LONG_BINGET: nothing was stored under number 4294967295");
    refused(B("\x94."), NULL, MAYFLY_E_PICKLE);
    assert_says("byte 0: MEMOIZE");
}

/* ---- depth ----------------------------------------------------------------------------------- */

enum { DEEP = 1000000 };

/* Whatever is done with it, nothing recurses: a frame for each level would overflow the stack. */
static void live_through(const struct stream *s) {
    mayfly_auto(mayfly_doc) a = loaded(s->data, s->size);
    mayfly_auto(mayfly_doc) b = loaded(s->data, s->size);
    mayfly_auto(mayfly_doc) c = NULL;
    mayfly_auto(mayfly_doc) d = NULL;
    const mayfly_value root = mayfly_doc_root(a);
    mft_ok(mayfly_doc_new(NULL, &c, &mft_error));
    assert_int_equal(mayfly_equal(root, mayfly_doc_root(b), &mft_error), 1);
    const mayfly_value copy = mayfly_copy(c, root);
    assert_int_equal(mayfly_equal(copy, root, &mft_error), 1);
    char *text = NULL;
    size_t size = 0;
    mft_ok(mayfly_repr(root, NULL, &text, &size, &mft_error));
    assert_non_null(strstr(text, "..."));
    assert_true(size < 10000);
    free(text);
    for (int protocol = 2; protocol <= 5; protocol++) {
        mft_ok(mayfly_dumps(a, root, &(mayfly_dump_options){.protocol = protocol}, &text, &size,
                            &mft_error));
        mft_ok(mayfly_loads(text, size, NULL, &d, &mft_error));
        assert_int_equal(mayfly_equal(root, mayfly_doc_root(d), &mft_error), 1);
        free(text);
    }
    mft_ok(mayfly_loads(s->data, s->size, &(mayfly_load_options){.flags = MAYFLY_PLAIN_ONLY}, &d,
                        &mft_error));
    refused(s->data, s->size, &(mayfly_load_options){.max_nesting = 1000}, MAYFLY_E_LIMIT);
    assert_says("values nest deeper than 1000: max_nesting");
}

static void O4_a_million_nested_tuples_are_lived_through(void **state) {
    (void)state;
    AUTO_STREAM s = {0};
    put(&s, B("N"));
    put_times(&s, B("\x85"), DEEP);
    put(&s, B("."));
    live_through(&s);
}

static void O4_a_million_nested_lists_are_lived_through(void **state) {
    (void)state;
    AUTO_STREAM s = {0};
    put_times(&s, B("]"), DEEP);
    put_times(&s, B("a"), DEEP - 1);
    put(&s, B("."));
    live_through(&s);
}

static void O4_a_million_nested_dicts_are_lived_through(void **state) {
    (void)state;
    AUTO_STREAM s = {0};
    put_times(&s, B("}N"), DEEP);
    put(&s, B("N"));
    put_times(&s, B("s"), DEEP);
    put(&s, B("."));
    live_through(&s);
}

static void O4_a_million_nested_instances_are_lived_through(void **state) {
    (void)state;
    AUTO_STREAM s = {0};
    mayfly_auto(mayfly_doc) c = NULL;
    put(&s, B("cshop\nOrder\n\x94")); /* Order(Order(Order(...),),) */
    put_times(&s, B("h\0"), DEEP);
    put(&s, B(")R"));
    put_times(&s, B("\x85R"), DEEP - 1);
    put(&s, B("\x85R."));
    mayfly_auto(mayfly_doc) a = loaded(s.data, s.size);
    mayfly_auto(mayfly_doc) b = loaded(s.data, s.size);
    assert_int_equal(mayfly_equal(mayfly_doc_root(a), mayfly_doc_root(b), &mft_error), 1);
    mft_ok(mayfly_doc_new(NULL, &c, &mft_error));
    assert_int_equal(mayfly_kind_of(mayfly_copy(c, mayfly_doc_root(a))), MAYFLY_OBJECT);
    char *text = NULL;
    size_t size = 0;
    mft_ok(mayfly_dumps(a, mayfly_doc_root(a), NULL, &text, &size, &mft_error));
    free(text);
    mft_ok(mayfly_repr(mayfly_doc_root(a), NULL, &text, &size, &mft_error));
    free(text);
}

static void O4_marks_are_counted_up_to_max_depth(void **state) {
    (void)state;
    AUTO_STREAM s = {0};
    put_times(&s, B("("), DEEP);
    put_times(&s, B("t"), DEEP);
    put(&s, B("."));
    mayfly_auto(mayfly_doc) doc = loaded(s.data, s.size);
    s.size = 0;
    put_times(&s, B("("), DEEP + 1);
    refused(s.data, s.size, NULL, MAYFLY_E_LIMIT);
    assert_says("byte 1000000: MARK: more than 1000000 marks are open: max_depth");
    assert_int_equal(mft_error.offset, DEEP);
    mft_ok(mayfly_loads(B("((((ttt1N."), &(mayfly_load_options){.max_depth = 4}, &doc, &mft_error));
    refused(B("((((ttt1N."), &(mayfly_load_options){.max_depth = 3}, MAYFLY_E_LIMIT);
    assert_says("byte 3: MARK: more than 3 marks");
}

/* ---- limits of memory ------------------------------------------------------------------------ */

static void O4_reading_stays_below_max_bytes_whatever_is_built(void **state) {
    (void)state;
    enum { MOST = 1 << 20, BESIDE = 64 << 10, TIMES = 1 << 20 };
    static const struct {
        const char *begin;
        size_t begin_size;
        const char *again;
        size_t again_size;
    } rows[] = {
        {B("("), B("N")},                          /* the stack */
        {B(""), B("(")},                           /* marks */
        {B(""), B("N\x94")},                       /* the memo */
        {B(""), B("]")},                           /* lists */
        {B(""), B("}")},                           /* dicts */
        {B(""), B("\x8f")},                        /* sets */
        {B("N"), B("\x85")},                       /* tuples */
        {B(""), B("(NNNNNNNNNNNNNNNNNNNNNNNNt0")}, /* tuples that are thrown away */
        {B(""), B("\x8c\x05 text0")},              /* text */
        {B(""), B("G\1\1\1\1\1\1\1\x01"
                  "0")},                   /* floats that are no words */
        {B(""), B("\x8a\x0a..........0")}, /* large ints */
        {B("]"), B("(NNNNNNNNe")},         /* one list that grows */
        {B("]N\x86\x94"), B("2\x86")},     /* pairs that share */
        {B("(NNNNNNNNNNNNNNNNNNNNl\x94"), B("cbuiltins\nset\nh\0\x85R0")}, /* calls that build */
        {B("\x8c\1a\x94\x8c\1b\x94"), B("h\0h\1\x93"
                                        "0")}, /* globals that are thrown away */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        AUTO_STREAM s = {0};
        mayfly_doc *doc = NULL;
        put(&s, rows[i].begin, rows[i].begin_size);
        put_times(&s, rows[i].again, rows[i].again_size, TIMES);
        watch_memory();
        const int r = mayfly_loads(s.data, s.size, &(mayfly_load_options){.max_bytes = MOST}, &doc,
                                   &mft_error);
        unwatch_memory();
        if (r != MAYFLY_E_LIMIT || total > MOST + BESIDE)
            fail_msg("row %zu: %d, %zu bytes: %s", i, r, total, mft_error.message);
        assert_says("1048576");
        assert_true(mft_error.offset > 0);
        assert_null(doc);
    }
}

static void O4_a_document_that_is_filled_anew_keeps_its_limit(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = NULL;
    AUTO_STREAM s = {0};
    put(&s, B("("));
    put_times(&s, B("\x8c\x10sixteen bytes..."), 10000);
    put(&s, B("l."));
    mft_ok(mayfly_doc_new(&(mayfly_doc_options){.max_bytes = 100000}, &doc, &mft_error));
    for (int i = 0; i < 3; i++) {
        mft_fails(MAYFLY_E_LIMIT, mayfly_loads(s.data, s.size, NULL, &doc, &mft_error));
        assert_int_equal(mayfly_doc_root(doc).bits, 0);
        assert_true(mayfly_doc_bytes(doc) <= 100000);
        mft_ok(mayfly_loads(B("]N\x85."), NULL, &doc, &mft_error));
        assert_int_equal(mayfly_kind_of(mayfly_doc_root(doc)), MAYFLY_TUPLE);
    }
}

/* ---- nonsense -------------------------------------------------------------------------------- */

static const struct {
    const char *stream;
    size_t size;
    int64_t offset;
    const char *says;
} nonsense[] = {
    {B(""), 0, "it is empty"},
    {B("."), 0, "STOP: there are not enough values"},
    {B("\x80\4."), 2, "STOP: there are not enough values"},
    {B("(."), 1, "STOP: a mark is where a value should be"},
    {B("N"), 1, "it was cut off"},
    {B("\x80\6N."), 0, "PROTO: unsupported pickle protocol: 6"},
    {B("N\xff."), 1, "unknown opcode 0xff"},
    {B("N\0."), 1, "unknown opcode 0x00"},
    {B("0"), 0, "POP: there are not enough values"},
    {B("Nt."), 1, "TUPLE: there is no mark"},
    {B("N(\x85."), 2, "TUPLE1: a mark is where a value should be"},
    {B("Ne."), 1, "APPENDS: there is no mark"},
    {B("(Ne."), 2, "APPENDS: "},
    {B("N(Ne."), 3, "APPENDS: a None has no items to append to"},
    {B(")Na."), 2, "APPEND: a tuple has no items"},
    {B("}Na."), 2, "APPEND: a dict has no items"},
    {B("}(Nu."), 3, "SETITEMS: a key without a value"},
    {B("(Nd."), 2, "DICT: a key without a value"},
    {B("}]Ns."), 3, "SETITEM: a list cannot be a key"},
    {B("\x8f(]\x90."), 3, "ADDITEMS: a list cannot be a key"},
    {B("](N\x90."), 3, "ADDITEMS: a list is no set"},
    {B("NN\x93."), 2, "STACK_GLOBAL: module and name of a global must be str"},
    {B("c\nx\n."), 0, "GLOBAL: the name is empty"},
    {B("N)R."), 2, "REDUCE: a None cannot be called"},
    {B("cm\nf\nNR."), 6, "REDUCE: a None is no tuple of arguments"},
    {B("cm\nf\n)N\x92."), 7, "NEWOBJ_EX: a None is no dict of arguments"},
    {B("(o."), 1, "OBJ: "},
    {B("N}b."), 2, "BUILD: a None has no state"},
    {B("\x82\0."), 0, "EXT1: extension codes are positive"},
    {B("\x84\xff\xff\xff\xff."), 0, "EXT4: extension codes are positive"},
    {B("\x8b\xff\xff\xff\xff."), 0, "LONG4: its length is negative"},
    {B("T\xff\xff\xff\xff."), 0, "BINSTRING: its length is negative"},
    {B("\x8c\2\xc3(."), 0, "SHORT_BINUNICODE: byte 0 of its text is not UTF-8"},
    {B("U\1\x80."), 0, "SHORT_BINSTRING: byte 0 of this str of Python 2 is not ASCII"},
    {B("Sabc\n."), 0, "STRING: its argument is not in quotes"},
    {B("S'\\x1'\n."), 0, "STRING: the escape at byte 1 is not whole"},
    {B("V\\u12\n."), 0, "UNICODE: the escape at byte 0 is no character"},
    {B("V\\Uffffffff\n."), 0, "UNICODE: the escape at byte 0 is no character"},
    {B("I12x\n."), 0, "INT: \"12x\" is no whole number"},
    {B("L\n."), 0, "LONG: \"\" is no whole number"},
    {B("F1.5e\n."), 0, "FLOAT: \"1.5e\" is no float"},
    {B("N\x98."), 1, "READONLY_BUFFER: a None is no buffer"},
    {B("\x95\x10\0\0\0\0\0\0\0N."), 0, "FRAME: the input ends within it: 16 bytes"},
};

static void O6_nonsense_is_refused_by_opcode_offset_and_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        char where[32];
        (void)snprintf(where, sizeof where, "byte %lld: ", (long long)nonsense[i].offset);
        refused(nonsense[i].stream, nonsense[i].size, NULL, MAYFLY_E_PICKLE);
        assert_says(where);
        assert_says(nonsense[i].says);
        assert_int_equal(mft_error.offset, nonsense[i].offset);
        assert_string_equal(mft_error.operation, "load");
    }
}

static void O4_a_number_of_255_bytes_is_a_number(void **state) {
    (void)state;
    AUTO_STREAM s = {0};
    put(&s, B("\x8a\xff"));
    put_times(&s, B("\xff"), 254);
    put(&s, B("\x7f."));
    mayfly_auto(mayfly_doc) doc = loaded(s.data, s.size);
    uint8_t scratch[9];
    size_t size = 0;
    const void *bytes = mayfly_int_bytes(mayfly_doc_root(doc), scratch, &size);
    assert_int_equal(size, 255);
    assert_memory_equal(bytes, s.data + 2, 255);
    char *text = NULL;
    mft_ok(mayfly_int_text(mayfly_doc_root(doc), &text, &mft_error));
    assert_int_equal(strlen(text), 614); /* 2 ** 2039 - 1 */
    assert_memory_equal(text, "63119152483029311134", 20);
    assert_string_equal(text + 594, "40538776584100773887");
    free(text);
    mft_ok(mayfly_loads(B("\x8a\0."), NULL, &doc, &mft_error));
    int64_t n = 1;
    mft_ok(mayfly_int_get(mayfly_doc_root(doc), &n, &mft_error));
    assert_int_equal(n, 0);
}

static void O6_bytes_behind_the_pickle_are_refused_only_when_asked(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = loaded(B("N.more"));
    assert_int_equal(mayfly_kind_of(mayfly_doc_root(doc)), MAYFLY_NONE);
    refused(B("N.more"), &(mayfly_load_options){.flags = MAYFLY_ONE_ONLY}, MAYFLY_E_PICKLE);
    assert_says("byte 2: 4 more bytes follow");
    assert_int_equal(mft_error.offset, 2);
    mft_ok(
        mayfly_loads(B("N."), &(mayfly_load_options){.flags = MAYFLY_ONE_ONLY}, &doc, &mft_error));
}

static void O4_a_pickle_in_a_pickle_is_only_bytes(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = loaded(B("C\x11"
                                           "cposix\nsystem\n)R.."));
    size_t size = 0, count = 1;
    const void *inner = mayfly_bytes_get(mayfly_doc_root(doc), &size);
    assert_int_equal(size, 17);
    const mayfly_global_use *uses = NULL;
    mft_ok(mayfly_doc_globals(doc, &uses, &count, &mft_error));
    assert_int_equal(count, 0);
    mayfly_auto(mayfly_doc) second = loaded(inner, size);
    mft_ok(mayfly_doc_globals(second, &uses, &count, &mft_error));
    assert_int_equal(count, 1);
    assert_string_equal(uses[0].name, "system");
    assert_true((uses[0].flags & MAYFLY_GLOBAL_CALLED) != 0);
}

static void put_tower(struct stream *s, size_t levels) {
    put_times(s, B("("), levels);
    put(s, B("N"));
    put_times(s, B("\x91"), levels);
}

/* 0, or the limit that was reached: what counts is that the process lives. */
static int tolerated(const struct stream *s) {
    mayfly_auto(mayfly_doc) doc = NULL;
    const int r = mayfly_loads(s->data, s->size, NULL, &doc, &mft_error);
    return r == MAYFLY_E_PICKLE || r == MAYFLY_E_LIMIT ? 0 : r;
}

static void O4_nested_frozensets_are_lived_through(void **state) {
    (void)state;
    enum { LEVELS = 900000 };
    AUTO_STREAM s = {0};
    put(&s, B("\x8f(K\1K\2K\3K\4K\5K\6K\7K\x08K\x09"));
    put_tower(&s, LEVELS);
    put(&s, B("\x90."));
    mft_ok(tolerated(&s));
    s.size = 0;
    put(&s, B("}"));
    put_tower(&s, LEVELS);
    put(&s, B("\x85Ns."));
    mft_ok(tolerated(&s));
    s.size = 0;
    put_tower(&s, LEVELS);
    put(&s, B("."));
    mayfly_auto(mayfly_doc) a = NULL;
    mayfly_auto(mayfly_doc) b = NULL;
    mayfly_auto(mayfly_doc) c = NULL;
    if (mayfly_loads(s.data, s.size, NULL, &a, &mft_error) == 0 &&
        mayfly_loads(s.data, s.size, NULL, &b, &mft_error) == 0)
        assert_int_equal(mayfly_equal(mayfly_doc_root(a), mayfly_doc_root(b), &mft_error), 1);
    /* all levels once more in a list, the outermost first: copying fills that one first */
    s.size = 0;
    put_times(&s, B("("), LEVELS);
    put(&s, B("N"));
    put_times(&s, B("\x91\x94"), LEVELS);
    put(&s, B("0]("));
    for (uint32_t i = LEVELS; i-- > 0;)
        put_number(&s, "j", i);
    put(&s, B("e."));
    mft_ok(mayfly_doc_new(NULL, &c, &mft_error));
    if (mayfly_loads(s.data, s.size, NULL, &a, &mft_error) == 0)
        assert_int_equal(mayfly_copy(c, mayfly_doc_root(a)).bits != 0, 1);
}

static void O4_equal_frozensets_are_compared_once(void **state) {
    (void)state;
    AUTO_STREAM s = {0};
    uint32_t stored = 0;
    put(&s, B("\x8f("));
    for (int tower = 0; tower < 2; tower++) {
        put(&s, B("K\5"));
        for (int level = 0; level < 60; level++) {
            put_number(&s, "r", stored);
            put(&s, B("0("));
            for (char i = 1; i <= 2; i++) {
                put_number(&s, "j", stored);
                put(&s, B("K"));
                put(&s, &i, 1);
                put(&s, B("\x86"));
            }
            put(&s, B("\x91"));
            stored++;
        }
    }
    put(&s, B("\x90."));
    mft_ok(tolerated(&s));
}

static void O4_numbers_of_the_memo_cannot_be_made_to_collide(void **state) {
    (void)state;
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    uint64_t inverse = golden;
    AUTO_STREAM s = {0};
    for (int i = 0; i < 6; i++)
        inverse *= 2 - golden * inverse;
    put(&s, B("N"));
    for (uint64_t t = 1; t < 1 << 19; t++) {
        char line[32];
        const uint64_t n = t * inverse - 1;
        if (n > 100000 && n < 9000000000000000000u)
            put(&s, line, (size_t)snprintf(line, sizeof line, "p%llu\n", (unsigned long long)n));
    }
    put(&s, B("."));
    mft_ok(tolerated(&s));
}

static void O4_the_memo_counts_however_far_its_numbers_are(void **state) {
    (void)state;
    AUTO_STREAM s = {0};
    mayfly_doc *doc = NULL;
    put(&s, B("N"));
    for (uint32_t i = 0; i < 200000; i++)
        put_number(&s, "r", 10000 + i * 20000);
    put(&s, B("."));
    mft_fails(MAYFLY_E_LIMIT,
              mayfly_loads(s.data, s.size, &(mayfly_load_options){.max_bytes = 1 << 20}, &doc,
                           &mft_error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(O4_billion_laughs_take_the_memory_of_their_stream),
        MFT(O4_two_gigabytes_are_not_allocated_because_ten_bytes_say_so),
        MFT(O4_the_largest_number_of_the_memo_costs_one_place),
        MFT(O6_what_is_no_number_of_the_memo_is_refused),
        MFT(O4_a_million_nested_tuples_are_lived_through),
        MFT(O4_a_million_nested_lists_are_lived_through),
        MFT(O4_a_million_nested_dicts_are_lived_through),
        MFT(O4_a_million_nested_instances_are_lived_through),
        MFT(O4_marks_are_counted_up_to_max_depth),
        MFT(O4_reading_stays_below_max_bytes_whatever_is_built),
        MFT(O4_a_document_that_is_filled_anew_keeps_its_limit),
        MFT(O6_nonsense_is_refused_by_opcode_offset_and_reason),
        MFT(O4_a_number_of_255_bytes_is_a_number),
        MFT(O6_bytes_behind_the_pickle_are_refused_only_when_asked),
        MFT(O4_a_pickle_in_a_pickle_is_only_bytes),
        MFT(O4_nested_frozensets_are_lived_through),
        MFT(O4_equal_frozensets_are_compared_once),
        MFT(O4_numbers_of_the_memo_cannot_be_made_to_collide),
        MFT(O4_the_memo_counts_however_far_its_numbers_are),
    };
    return MFT_MAIN(tests);
}
