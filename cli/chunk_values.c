/* SPDX-License-Identifier: MIT
 *
 * The arguments of mayfly chunks.
 */
#define _GNU_SOURCE
#include "chunk_values.h"

#include <stdlib.h>
#include <string.h>

#include "chunk_jobs.h"

static int given(const struct cli_values *values, const char *name) {
    return cli_value(values, name) != NULL;
}

/* One character; "\\t" is a tab. */
static int read_character(const struct cli_values *values, const char *name, char *ret) {
    const char *text = cli_value(values, name);
    if (text == NULL)
        return 0;
    if (strcmp(text, "\\t") == 0)
        text = "\t";
    if (strlen(text) != 1)
        return cli_usage("--%s %s: one character is needed", name, text);
    *ret = text[0];
    return 0;
}

static int read_format(const struct cli_values *values, mayfly_chunk_options *options) {
    static const char *const names[] = {
        [MAYFLY_RECORDS_CSV] = "csv",
        [MAYFLY_RECORDS_LINES] = "lines",
        [MAYFLY_RECORDS_JSON_LINES] = "json",
    };
    const char *text = cli_value(values, "format");
    if (text == NULL)
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            options->records = (mayfly_records)i;
            return 0;
        }
    char *end = NULL;
    if (strncmp(text, "fixed:", 6) == 0 && text[6] >= '1' && text[6] <= '9')
        options->record_bytes = strtoull(text + 6, &end, 10);
    if (end == NULL || *end != '\0' || options->record_bytes > UINT32_MAX)
        return cli_usage("--format %s: csv, lines, json or fixed:SIZE is needed", text);
    options->records = MAYFLY_RECORDS_FIXED;
    return 0;
}

static int read_damage(const char *text, mayfly_chunk_options *options) {
    static const char *const kinds[] = {"quote", "long", "nul", "utf8", "torn"};
    static const char *const ways[] = {"error", "skip", "pass"};
    mayfly_damage *const policies[] = {&options->on_quote, &options->on_long, &options->on_nul,
                                       &options->on_utf8, &options->on_torn};
    const char *equals = strchr(text, '=');
    const size_t size = equals == NULL ? 0 : (size_t)(equals - text);
    int found = 0;
    for (size_t way = 0; equals != NULL && way < sizeof ways / sizeof *ways; way++)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            const int meant = (size == strlen(kinds[i]) && memcmp(text, kinds[i], size) == 0) ||
                              (size == 3 && memcmp(text, "all", 3) == 0);
            if (meant && strcmp(equals + 1, ways[way]) == 0) {
                *policies[i] = (mayfly_damage)(MAYFLY_DAMAGE_ERROR + way);
                found = 1;
            }
        }
    if (!found)
        return cli_usage("--damage %s: quote, long, nul, utf8, torn or all, then =, then error, "
                         "skip or pass is needed",
                         text);
    return 0;
}

static int read_records(const struct cli_values *values, mayfly_chunk_options *options) {
    uint64_t header = 0;
    const char *quote = cli_value(values, "quote");
    options->no_quotes = quote != NULL && strcmp(quote, "none") == 0;
    options->no_header = given(values, "no-header");
    int r = read_format(values, options);
    if (r == 0)
        r = read_character(values, "delimiter", &options->csv.delimiter);
    if (r == 0 && !options->no_quotes)
        r = read_character(values, "quote", &options->csv.quote);
    if (r == 0)
        r = cli_number(values, "header", 0, UINT32_MAX, 0, &header);
    if (r == 0)
        r = cli_bytes(values, "max-record", 1, 0, &options->csv.max_record);
    options->header_records = (uint32_t)header;
    options->no_header |= given(values, "header") && header == 0;
    for (size_t i = 0; r == 0 && values->all[i] != NULL; i++)
        r = read_damage(values->all[i], options);
    return r;
}

static int read_pieces(const struct cli_values *values, struct chunk_values *ret) {
    mayfly_chunk_options *options = &ret->options;
    const char *manifest = cli_value(values, "manifest");
    if (given(values, "memory") + given(values, "ranges") + ret->keep > 1)
        return cli_usage("of --memory, --ranges and --keep one can be given");
    options->pieces = given(values, "memory")   ? MAYFLY_PIECES_MEMORY
                      : given(values, "ranges") ? MAYFLY_PIECES_RANGES
                                                : MAYFLY_PIECES_FILES;
    if (options->pieces == MAYFLY_PIECES_RANGES && ret->as_stdin)
        return cli_usage("--ranges and --stdin exclude each other");
    if (options->pieces != MAYFLY_PIECES_FILES && given(values, "dir"))
        return cli_usage("--dir is for chunks that are files");
    options->dir = cli_value(values, "dir");
    options->checksum = given(values, "checksum");
    ret->print_json = manifest != NULL && strcmp(manifest, "-") == 0;
    if (!ret->print_json)
        options->manifest = manifest;
    if (options->pieces == MAYFLY_PIECES_RANGES && !ret->has_command && manifest == NULL)
        ret->print_json = 1;
    /* By default so many rows; with a limit in bytes only if it is given, too. */
    int r = cli_bytes(values, "bytes", 1, 0, &options->bytes);
    if (r == 0)
        r = cli_number(values, "rows", 1, UINT64_MAX / 2, 0, &options->rows);
    return r;
}

static int read_command(const struct cli_values *values, struct chunk_values *ret) {
    char **after = values->after_dashes;
    ret->shell = cli_value(values, "command");
    if (after != NULL && after[0] == NULL)
        return cli_usage("a command must follow --");
    if (ret->shell != NULL && after != NULL)
        return cli_usage("--command and a command after -- exclude each other");
    ret->has_command = ret->shell != NULL || after != NULL;
    ret->as_stdin = given(values, "stdin");
    ret->keep = given(values, "keep");
    ret->keep_going = given(values, "keep-going");
    ret->quiet = given(values, "quiet");
    if (!ret->has_command && !ret->keep && !given(values, "ranges"))
        return cli_usage("say what to do with the chunks: --command CMD, -- COMMAND, --keep "
                         "to leave them and print their paths, or --ranges");
    return 0;
}

int read_chunk_values(const struct cli_values *values, struct chunk_values *ret) {
    uint64_t jobs = 1, retries = 0;
    *ret = (struct chunk_values){.shell = NULL};
    if (values->operand_count != 1)
        return cli_usage(values->operand_count == 0 ? "a file of records is missing"
                                                    : "one file at a time");
    int r = read_command(values, ret);
    if (r == 0)
        r = read_records(values, &ret->options);
    if (r == 0)
        r = read_pieces(values, ret);
    if (r == 0)
        r = cli_number(values, "jobs", 1, MOST_JOBS, 1, &jobs);
    if (r == 0)
        r = cli_number(values, "retry", 0, 1000, 0, &retries);
    ret->jobs = (size_t)jobs;
    ret->retries = (unsigned)retries;
    return r;
}
