/* SPDX-License-Identifier: MIT
 *
 * P3: finding the ends of records. Every kind of instructions against an automaton that reads byte
 * by byte; tests/compat compares with CPython's csv module.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include "../../src/base/base.h"

enum { MOST = 600 };

/* ---- byte by byte ---------------------------------------------------------------------------- */

struct reference {
    size_t ends[MOST]; /* behind each record that has ended and is not blank */
    size_t count;
    size_t stray; /* the first byte that may not stand behind a closing quote; SIZE_MAX: none */
    size_t long_start; /* of the first record that is too long; SIZE_MAX: none */
    size_t long_at;    /* its end */
    enum mfi_scan_state state;
    size_t start;
};

struct reading {
    const struct mfi_scan *how;
    struct reference *found;
};

static void end_record(const struct reading *reading, const char *data, size_t end) {
    struct reference *found = reading->found;
    const size_t size = end - found->start;
    const int blank = data[found->start] == '\n' || data[found->start] == '\r';
    if (found->long_start == SIZE_MAX && size > reading->how->longest) {
        found->long_start = found->start;
        found->long_at = end;
    }
    const int only_end = size == 1 || (size == 2 && data[found->start] == '\r');
    if (reading->how->blank_lines || !(blank && only_end))
        found->ends[found->count++] = end;
    found->start = end;
    found->state = MFI_SCAN_START;
}

static void read_bytes(const struct mfi_scan *how, const char *data, size_t size,
                       struct reference *found) {
    const struct reading reading = {how, found};
    *found = (struct reference){.stray = SIZE_MAX, .long_start = SIZE_MAX};
    for (size_t i = 0; i < size; i++) {
        const char c = data[i];
        const int quote = how->quotes && c == how->quote;
        const int delimiter = how->quotes && c == how->delimiter;
        const int pair = c == '\r' && i + 1 < size && data[i + 1] == '\n';
        if (found->state == MFI_SCAN_QUOTED) {
            found->state = quote ? MFI_SCAN_QUOTE : MFI_SCAN_QUOTED;
            continue;
        }
        if (quote && found->state != MFI_SCAN_TEXT) {
            found->state = MFI_SCAN_QUOTED; /* opens, or is the second of two */
            continue;
        }
        if (found->state == MFI_SCAN_QUOTE && !delimiter && c != '\n' && c != '\r' &&
            found->stray == SIZE_MAX)
            found->stray = i;
        if (c == '\n' || (c == '\r' && !pair && how->cr_ends))
            end_record(&reading, data, i + 1);
        else if (c == '\r' && pair && found->start == i)
            found->state = MFI_SCAN_START;
        else
            found->state = delimiter || c == '\r' ? MFI_SCAN_FIELD : MFI_SCAN_TEXT;
    }
    if (found->long_start == SIZE_MAX && size - found->start > how->longest) {
        found->long_start = found->start;
        found->long_at = SIZE_MAX;
    }
}

/* ---- comparing ------------------------------------------------------------------------------- */

static uint32_t seed = 20240601;

/* Marks in all mixtures; what is between them may be long. */
static size_t make_input(char *data, size_t most) {
    static const char marks[] = "\"\"\"\",,\n\n\r\rab";
    static const char *const mixtures[] = {marks, "\"\"\"\"\"", "\n\r", "a\"\"", "\",", "\",\n"};
    const char *mixture = mixtures[mft_random(&seed) % 6];
    const size_t size = mft_random(&seed) % most;
    const unsigned density = 1 + mft_random(&seed) % 8;
    for (size_t i = 0; i < size; i++)
        data[i] =
            mft_random(&seed) % density == 0 ? mixture[mft_random(&seed) % strlen(mixture)] : 'x';
    return size;
}

static void fail_on(const char *what, const char *name, const char *data, size_t size) {
    print_message("%s with %s, %zu bytes:", what, name, size);
    for (size_t i = 0; i < size; i++)
        print_message(" %02x", (unsigned char)data[i]);
    print_message("\n");
    fail_msg("%s", what);
}

static void compare_ends(const struct mfi_scan *how, const char *name, const char *data,
                         size_t size) {
    struct reference wanted;
    struct mfi_scan scan = *how;
    scan.longest = SIZE_MAX;
    scan.strict = false;
    read_bytes(&scan, data, size, &wanted);
    for (size_t i = 0; i < wanted.count; i++)
        if (mfi_scan(&scan, data, size, i + 1, true) != MFI_SCAN_FULL ||
            scan.start != wanted.ends[i] || scan.at != scan.start)
            fail_on("another end", name, data, size);
    if (mfi_scan(&scan, data, size, UINT64_MAX, true) != MFI_SCAN_MORE || scan.at != size ||
        scan.records != wanted.count || scan.state != wanted.state || scan.start != wanted.start)
        fail_on("another state at the end", name, data, size);
}

/* All at once, and the end of what is known moving on. */
static void compare_count(const struct mfi_scan *how, const char *name, const char *data,
                          size_t size) {
    struct reference wanted;
    struct mfi_scan scan = *how;
    scan.longest = SIZE_MAX;
    scan.strict = false;
    read_bytes(&scan, data, size, &wanted);
    for (size_t known = 0; known < size; known += 1 + mft_random(&seed) % 100)
        (void)mfi_scan(&scan, data, known, UINT64_MAX, false);
    (void)mfi_scan(&scan, data, size, UINT64_MAX, true);
    if (scan.records != wanted.count || scan.state != wanted.state || scan.start != wanted.start)
        fail_on("other records in steps", name, data, size);
}

/* The first thing that is not allowed is where it stops, with what stands before it found. */
static void compare_stops(const struct mfi_scan *how, const char *name, const char *data,
                          size_t size) {
    struct reference wanted;
    struct mfi_scan scan = *how;
    scan.longest = 1 + mft_random(&seed) % 200;
    scan.strict = true;
    read_bytes(&scan, data, size, &wanted);
    const enum mfi_scan_result r = mfi_scan(&scan, data, size, UINT64_MAX, true);
    int good = r == MFI_SCAN_MORE && wanted.stray == SIZE_MAX && wanted.long_start == SIZE_MAX;
    if (r == MFI_SCAN_STRAY)
        good = scan.at == wanted.stray &&
               (wanted.long_start == SIZE_MAX || wanted.long_at > wanted.stray);
    if (r == MFI_SCAN_LONG)
        good = scan.start == wanted.long_start;
    size_t before = 0;
    while (before < wanted.count && wanted.ends[before] <= scan.start)
        before++;
    if (!good || scan.records != before)
        fail_on("another stop", name, data, size);
}

static void P3_all_instructions_find_what_an_automaton_does(void **state) {
    (void)state;
    static char room[MOST + 64];
    const char *name = "";
    for (int turn = 0; turn < 20000; turn++) {
        char *data = room + mft_random(&seed) % 64;
        const size_t size = make_input(data, MOST - 1);
        struct mfi_scan how = {.quote = '"',
                               .delimiter = ',',
                               .quotes = mft_random(&seed) % 4 != 0,
                               .cr_ends = mft_random(&seed) % 4 != 0,
                               .blank_lines = mft_random(&seed) % 4 == 0};
        for (size_t i = 0; (how.marker = mfi_marker_at(i, &name)) != NULL; i++) {
            compare_ends(&how, name, data, size);
            compare_count(&how, name, data, size);
            compare_stops(&how, name, data, size);
        }
    }
}

/* A few bytes at each place of two blocks, at each alignment. */
static void P3_marks_at_the_edges_of_blocks(void **state) {
    (void)state;
    static const char *const pieces[] = {"\r\n",   "\"\"",         "\"\r\n\"", "\n\"",
                                         "\"\n",   "\r\"a\"\r",    "a\"\n",    ",\",\"\n",
                                         "\n\r\n", "\"a\"b,\"\n\""};
    static char room[320];
    const char *name = "";
    struct mfi_scan how = {.quote = '"', .delimiter = ',', .quotes = true, .cr_ends = true};
    for (size_t align = 0; align < 64; align++)
        for (size_t at = 0; at < 130; at++) {
            const char *piece = pieces[(align + at) % (sizeof pieces / sizeof *pieces)];
            char *data = room + align;
            memset(data, 'x', 200);
            if (at > 0)
                data[at - 1] = ',';
            memcpy(data + at, piece, strlen(piece));
            for (size_t i = 0; (how.marker = mfi_marker_at(i, &name)) != NULL; i++)
                for (size_t size = at; size < at + 12; size++) {
                    compare_ends(&how, name, data, size);
                    compare_count(&how, name, data, size);
                }
        }
}

static void P3_every_kind_of_instructions_gives_the_same_marks(void **state) {
    (void)state;
    static char room[64 * 5];
    struct mfi_marks wanted[4], got[4];
    const char *name = "";
    mfi_marker *marker, *words = NULL;
    size_t kinds = 0;
    for (; (marker = mfi_marker_at(kinds, &name)) != NULL; kinds++)
        words = marker;
    assert_string_equal(name, "words");
    print_message("%zu kinds\n", kinds);
    for (int turn = 0; turn < 5000; turn++) {
        const char *data = room + turn % 64;
        const char quote = (char)mft_random(&seed), delimiter = (char)mft_random(&seed);
        for (size_t i = 0; i < sizeof room; i++)
            room[i] = mft_random(&seed) % 4 == 0   ? quote
                      : mft_random(&seed) % 4 == 0 ? delimiter
                                                   : (char)mft_random(&seed);
        words(data, 4, quote, delimiter, wanted);
        for (size_t i = 0; i < 256; i++) {
            const uint64_t bit = wanted[i / 64].quote >> (i % 64) & 1;
            assert_int_equal(bit, data[i] == quote);
        }
        for (size_t i = 0; i < kinds; i++) {
            mfi_marker_at(i, NULL)(data, 4, quote, delimiter, got);
            assert_memory_equal(got, wanted, sizeof got);
        }
    }
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

/* By decoding: the shortest form of a code point that there is. */
static int is_character(const unsigned char *at, size_t size) {
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t wanted = at[0] < 0x80             ? 1
                          : (at[0] & 0xe0) == 0xc0 ? 2
                          : (at[0] & 0xf0) == 0xe0 ? 3
                          : (at[0] & 0xf8) == 0xf0 ? 4
                                                   : 0;
    if (wanted != size)
        return 0;
    unsigned code = size == 1 ? at[0] : at[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    return code >= least[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static void P3_utf8_is_what_RFC_3629_says(void **state) {
    (void)state;
    for (unsigned long n = 0; n < 1ul << 24; n += n < 1ul << 16 ? 1 : 7) {
        const unsigned char bytes[3] = {(unsigned char)(n >> 16), (unsigned char)(n >> 8),
                                        (unsigned char)n};
        const size_t skip = n < 1 << 8 ? 2 : n < 1 << 16 ? 1 : 0, size = 3 - skip;
        int good = is_character(bytes + skip, size);
        for (size_t cut = 1; cut < size && !good; cut++) {
            good = is_character(bytes + skip, cut) && is_character(bytes + skip + cut, size - cut);
            if (size == 3 && !good && cut == 1)
                good = is_character(bytes, 1) && is_character(bytes + 1, 1) &&
                       is_character(bytes + 2, 1);
        }
        assert_int_equal(mfi_utf8_run((const char *)bytes + skip, size, 0) == size, good);
        const int lone = size == 3 && bytes[0] == 0xed && bytes[1] >= 0xa0 && bytes[1] <= 0xbf &&
                         (bytes[2] & 0xc0) == 0x80;
        assert_int_equal(mfi_utf8_run((const char *)bytes + skip, size, MFI_SURROGATES) == size,
                         good || lone);
    }
    static const char *const four[] = {"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xf0\x8f\xbf\xbf",
                                       "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf1\x80\x80z"};
    for (size_t i = 0; i < 6; i++) {
        /* wherever it stands among ASCII */
        for (size_t at = 0; at < 70; at++) {
            char text[80];
            memset(text, 'a', sizeof text);
            memcpy(text + at, four[i], 4);
            assert_int_equal(mfi_utf8_run(text, sizeof text, 0), i < 2 ? sizeof text : at);
            assert_int_equal(mfi_utf8_run(text, at + 3, 0), at);
            assert_int_equal(mfi_ascii_run(text, sizeof text, 0), at);
            text[at / 2] = '\r'; /* the first of those that there may be */
            assert_int_equal(mfi_ascii_run(text, sizeof text, MFI_STOP_AT_CR), at / 2);
            assert_int_equal(mfi_utf8_run(text, sizeof text, MFI_STOP_AT_CR), at / 2);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(P3_all_instructions_find_what_an_automaton_does),
        MFT(P3_marks_at_the_edges_of_blocks),
        MFT(P3_every_kind_of_instructions_gives_the_same_marks),
        MFT(P3_utf8_is_what_RFC_3629_says),
    };
    return MFT_MAIN(tests);
}
