/* SPDX-License-Identifier: MIT
 *
 * The ends of records, 64 bytes at a time.
 *
 * How it works    A line break ends a record when it stands outside quotes. With a bit for each
 *                 quote, the exclusive or of all bits up to a byte tells whether that byte is
 *                 within quotes: a doubled quote leaves and enters again, which is right by itself.
 *                 (Langdale and Lemire, Parsing Gigabytes of JSON per Second, use it for strings.)
 * What it misses  A quote counts only at the start of a field; elsewhere it is text. Such a quote
 *                 is one that would open and has neither separator nor quote before it. It is
 *                 taken out with all that follow it in its field, and the sum is made again.
 * Invariant       `state` is the state of the automaton that reads byte by byte (RFC 4180, in
 *                 doubt as CPython's csv module): a scan may stop and go on at any byte.
 */
#define _GNU_SOURCE
#include "base.h"

enum { BLOCK = 64, BATCH = 32 };

static inline unsigned lowest(uint64_t bits) {
    return (unsigned)__builtin_ctzll(bits);
}

/* The bits below the lowest one of `bits`. */
static inline uint64_t below(uint64_t bits) {
    return (bits & -bits) - 1;
}

/* Without the instruction, which not every x86-64 has, the compiler's own would be a call. */
static inline unsigned count(uint64_t bits) {
    bits -= bits >> 1 & 0x5555555555555555u;
    bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (unsigned)(bits * 0x0101010101010101u >> 56);
}

/* Each bit becomes the exclusive or of itself and all below it. */
static inline uint64_t running_xor(uint64_t bits) {
    for (int shift = 1; shift < BLOCK; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* What quotes make of a block. */
struct quoting {
    uint64_t inside; /* the byte is within quotes; the opening one is, the closing one is not */
    uint64_t closing_or_double; /* quotes that count and leave */
    uint64_t stray;             /* the byte stands behind a closing quote and may not */
};

static struct quoting settle(const struct mfi_scan *scan, uint64_t quote, uint64_t separator) {
    const uint64_t carried = scan->state == MFI_SCAN_QUOTED ? UINT64_MAX : 0;
    const uint64_t may_open = scan->state != MFI_SCAN_TEXT;
    struct quoting found;
    for (;;) {
        found.inside = running_xor(quote) ^ carried;
        const uint64_t text = quote & found.inside & ~((separator | quote) << 1 | may_open);
        if (text == 0)
            break;
        /* From the first of these to the end of its field, quotes are text. */
        const uint64_t from = ~below(text), later = separator & from;
        quote &= ~(later == 0 ? from : from & below(later));
    }
    found.closing_or_double = quote & ~found.inside;
    const uint64_t behind = found.closing_or_double << 1 | (scan->state == MFI_SCAN_QUOTE);
    found.stray = behind & ~(separator | quote);
    return found;
}

/* Of the ends in a block those before the first record that is too long. Records that begin in the
 * block matter only where less than a block is allowed. */
static uint64_t ends_before_long(const struct mfi_scan *scan, uint64_t ends) {
    size_t start = scan->start;
    uint64_t good = 0;
    bool excused = scan->excused;
    for (uint64_t left = ends; left != 0; left &= left - 1) {
        const size_t end = scan->at + lowest(left) + 1;
        if (!excused && end - start > scan->longest)
            break;
        good |= left & -left;
        start = end;
        excused = false;
    }
    return good;
}

/* Stands before the byte behind the last of `ends`, as at the start of a record. */
static void stop_behind(struct mfi_scan *scan, unsigned last_end) {
    scan->at += last_end + 1;
    scan->start = scan->at;
    scan->state = MFI_SCAN_START;
    scan->excused = false;
}

/* Goes over the ends. FULL: the last one that was wanted is reached. */
static inline bool take_ends(struct mfi_scan *scan, uint64_t ends, uint64_t counted,
                             uint64_t most) {
    const unsigned found = (counted & (counted - 1)) == 0 ? counted != 0 : count(counted);
    if (scan->records + found >= most) {
        for (uint64_t skip = most - scan->records - 1; skip > 0; skip--)
            counted &= counted - 1;
        scan->records = most;
        stop_behind(scan, lowest(counted));
        return true;
    }
    scan->records += found;
    scan->start = scan->at + BLOCK - (unsigned)__builtin_clzll(ends);
    scan->excused = false;
    return false;
}

static inline enum mfi_scan_result scan_block(struct mfi_scan *scan, const struct mfi_marks *marks,
                                              unsigned size, bool lf_follows, uint64_t most) {
    const uint64_t top = UINT64_C(1) << (size - 1), valid = top | (top - 1);
    const uint64_t lf = marks->lf & valid, cr = marks->cr & valid;
    const uint64_t quote = scan->quotes ? marks->quote & valid : 0;
    const uint64_t separator = lf | cr | (scan->quotes ? marks->delimiter & valid : 0);
    struct quoting quoting = {0, 0, 0};
    if (quote != 0 || scan->state >= MFI_SCAN_QUOTED)
        quoting = settle(scan, quote, separator);
    const uint64_t pair = cr & (lf >> 1 | (lf_follows ? top : 0)); /* the '\r' of "\r\n" */
    uint64_t ends = (lf | (scan->cr_ends ? cr & ~pair : 0)) & ~quoting.inside;
    const uint64_t stray = scan->strict ? quoting.stray & valid : 0;
    if (stray != 0)
        ends &= below(stray);
    uint64_t starts = ends << 1 | (scan->state == MFI_SCAN_START);
    const uint64_t begun = starts & pair; /* blank so far, and the '\n' is still to come */
    starts |= begun << 1;

    if (ends != 0 && !scan->excused && scan->at + lowest(ends) + 1 - scan->start > scan->longest)
        return MFI_SCAN_LONG;
    if (scan->longest < BLOCK && ends != 0) {
        const uint64_t good = ends_before_long(scan, ends);
        if (good != ends) { /* what comes behind them is found to be long in the next turn */
            if (!take_ends(scan, good, scan->blank_lines ? good : good & ~starts, most))
                stop_behind(scan, BLOCK - 1u - (unsigned)__builtin_clzll(good));
            return scan->records == most ? MFI_SCAN_FULL : MFI_SCAN_MORE;
        }
    }
    if (ends != 0 && take_ends(scan, ends, scan->blank_lines ? ends : ends & ~starts, most))
        return MFI_SCAN_FULL;
    if (stray != 0) {
        scan->at += lowest(stray);
        scan->state = MFI_SCAN_QUOTE;
        return MFI_SCAN_STRAY;
    }
    scan->at += size;
    scan->state = (quoting.inside & top) != 0              ? MFI_SCAN_QUOTED
                  : (quoting.closing_or_double & top) != 0 ? MFI_SCAN_QUOTE
                  : ((ends | begun) & top) != 0            ? MFI_SCAN_START
                  : (separator & top) != 0                 ? MFI_SCAN_FIELD
                                                           : MFI_SCAN_TEXT;
    return !scan->excused && scan->at - scan->start > scan->longest ? MFI_SCAN_LONG : MFI_SCAN_MORE;
}

/* ---- what is as it mostly is ----------------------------------------------------------------- */

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* The state behind a block, by its last bit. */
struct border {
    uint64_t quoted, quote, start, separator;
};

static enum mfi_scan_state state_of(const struct border *border) {
    return border->quoted != 0      ? MFI_SCAN_QUOTED
           : border->quote != 0     ? MFI_SCAN_QUOTE
           : border->start != 0     ? MFI_SCAN_START
           : border->separator != 0 ? MFI_SCAN_FIELD
                                    : MFI_SCAN_TEXT;
}

/* Goes over blocks as scan_block does, without branches and with everything in registers, up to the
 * first one in which something is out of the ordinary or the scan may have to stop. Returns how
 * many it went over. `lf_follows` tells of the byte behind them. */
static ALWAYS_INLINE size_t skim(struct mfi_scan *scan, const struct mfi_marks *marks,
                                 size_t blocks, bool lf_follows, uint64_t most, bool native) {
    const uint64_t quotes = scan->quotes ? UINT64_MAX : 0;
    const uint64_t cr_ends = scan->cr_ends ? UINT64_MAX : 0;
    const uint64_t blank_lines = scan->blank_lines ? UINT64_MAX : 0;
    const size_t longest = scan->longest - BLOCK; /* with a margin: it is looked at again then */
    struct border border = {.quoted = scan->state == MFI_SCAN_QUOTED ? UINT64_MAX : 0,
                            .quote = scan->state == MFI_SCAN_QUOTE,
                            .start = scan->state == MFI_SCAN_START,
                            .separator = scan->state <= MFI_SCAN_FIELD};
    size_t at = scan->at, start = scan->start, i = 0;
    uint64_t records = scan->records;
    for (; i < blocks; i++, at += BLOCK) {
        const uint64_t lf = marks[i].lf, cr = marks[i].cr, quote = marks[i].quote & quotes;
        const uint64_t separator = (marks[i].delimiter & quotes) | lf | cr;
        const uint64_t inside = (marks[i].parity & quotes) ^ border.quoted;
        const uint64_t expected = separator | quote, leaves = quote & ~inside;
        const uint64_t text = quote & inside & ~(expected << 1 | border.quote | border.separator);
        const uint64_t stray = (leaves << 1 | border.quote) & ~expected;
        const uint64_t next_lf = i + 1 < blocks ? marks[i + 1].lf & 1 : lf_follows;
        const uint64_t pair = cr & (lf >> 1 | next_lf << 63);
        const uint64_t ends = (lf | (cr & ~pair & cr_ends)) & ~inside;
        const uint64_t begins = ends << 1 | border.start, begun = begins & pair;
        const uint64_t counted = ends & ~((begins | begun << 1) & ~blank_lines);
        const uint64_t all =
            records + (native ? (unsigned)__builtin_popcountll(counted) : count(counted));
        if ((text | stray) != 0 || all >= most || at - start > longest)
            break;
        records = all;
        start = ends == 0 ? start : at + BLOCK - (unsigned)__builtin_clzll(ends);
        border.quoted = (inside >> 63) * UINT64_MAX;
        border.quote = leaves >> 63;
        border.start = (ends | begun) >> 63;
        border.separator = separator >> 63;
    }
    if (i > 0) {
        scan->at = at;
        scan->start = start;
        scan->records = records;
        scan->state = state_of(&border);
    }
    return i;
}

static size_t skim_anywhere(struct mfi_scan *scan, const struct mfi_marks *marks, size_t blocks,
                            bool lf_follows, uint64_t most) {
    return skim(scan, marks, blocks, lf_follows, most, false);
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static size_t skim_natively(struct mfi_scan *scan,
                                                              const struct mfi_marks *marks,
                                                              size_t blocks, bool lf_follows,
                                                              uint64_t most) {
    return skim(scan, marks, blocks, lf_follows, most, true);
}

static bool is_native(void) {
    return __builtin_cpu_supports("popcnt") != 0;
}
#else
#define skim_natively skim_anywhere /* no other instructions are needed */
static bool is_native(void) {
    return false;
}
#endif

static size_t skim_blocks(struct mfi_scan *scan, const struct mfi_marks *marks, size_t blocks,
                          bool lf_follows, uint64_t most) {
    if (scan->excused || scan->longest < 4 * BLOCK)
        return 0;
    return is_native() ? skim_natively(scan, marks, blocks, lf_follows, most)
                       : skim_anywhere(scan, marks, blocks, lf_follows, most);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What is left is less than a block, or the last one. */
static enum mfi_scan_result scan_tail(struct mfi_scan *scan, const char *data, size_t size,
                                      bool lf_follows, uint64_t most) {
    char block[BLOCK] = {0};
    struct mfi_marks marks;
    memcpy(block, data + scan->at, size - scan->at);
    scan->marker(block, 1, scan->quote, scan->delimiter, &marks);
    return scan_block(scan, &marks, (unsigned)(size - scan->at), lf_follows, most);
}

enum mfi_scan_result mfi_scan(struct mfi_scan *scan, const char *data, size_t size, uint64_t most,
                              bool last) {
    struct mfi_marks marks[BATCH];
    const size_t readable = size;
    if (!scan->excused && scan->at - scan->start > scan->longest)
        return MFI_SCAN_LONG;
    if (!last && size > scan->at && data[size - 1] == '\r')
        size--;
    while (scan->at < size) {
        enum mfi_scan_result result = MFI_SCAN_MORE;
        const size_t begin = scan->at, whole = (size - begin) / BLOCK;
        const size_t blocks = whole < BATCH ? whole : BATCH;
        if (blocks > 0)
            scan->marker(data + begin, blocks, scan->quote, scan->delimiter, marks);
        for (size_t i = 0; i < blocks && result == MFI_SCAN_MORE;) {
            const size_t next = begin + blocks * BLOCK;
            const bool lf_follows = next < readable && data[next] == '\n';
            i += skim_blocks(scan, marks + i, blocks - i, lf_follows, most);
            if (i == blocks)
                break;
            const bool lf_next = i + 1 < blocks ? (marks[i + 1].lf & 1) != 0 : lf_follows;
            result = scan_block(scan, &marks[i++], BLOCK, lf_next, most);
            if (scan->at != begin + i * BLOCK)
                break; /* stopped within a block */
        }
        if (blocks == 0)
            result = scan_tail(scan, data, size, size < readable && data[size] == '\n', most);
        if (result != MFI_SCAN_MORE)
            return result;
    }
    return MFI_SCAN_MORE;
}
