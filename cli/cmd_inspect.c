/* SPDX-License-Identifier: MIT
 *
 * mayfly inspect: what a pickle file holds.
 *
 * Invariants  Nothing that a pickle names is imported or called. What a file holds reaches the
 *             terminal escaped, also within messages. JSON is whole, also when the file is damaged.
 * Rejected    One reader for the whole file: its memo goes on from pickle to pickle, as of one
 *             Pickler that wrote them all; pickle.dump begins anew each time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "inspect.h"

struct inspect {
    struct inspect_input input;
    struct inspect_limits limits;
    mayfly_load_options load;
    uint64_t max_bytes;
    const char *path; /* into each value; NULL: all of it */
    mayfly_policy *policy;
    mayfly_doc *doc;
    bool json;
    bool any; /* something was written: a comma is needed */
    int status;
};

/* One pickle of the file. */
struct pickle {
    uint64_t offset, size;
    mayfly_value value;
};

/* ---- saying what is wrong -------------------------------------------------------------------- */

/* A message of the library about a place in a pickle, as one about a place in the file. */
static int say_where(const struct inspect *in, uint64_t base, const mayfly_error *error) {
    char place[40] = "";
    const char *reason = NULL;
    if (error->offset >= 0) {
        (void)snprintf(place, sizeof place, "byte %lld: ", (long long)error->offset);
        reason = strstr(error->message, place);
    }
    if (reason != NULL) {
        reason += strlen(place);
        (void)snprintf(place, sizeof place,
                       "byte %llu: ", (unsigned long long)base + (uint64_t)error->offset);
    } else {
        reason = error->message;
        (void)snprintf(place, sizeof place, "pickle at byte %llu: ", (unsigned long long)base);
    }
    char *escaped = inspect_escape(reason, strlen(reason));
    (void)fflush(stdout); /* what was shown before is to stand before */
    const bool other = base == 0 && error->code == MAYFLY_E_PICKLE && in->input.size > 0 &&
                       in->input.data[0] != '\x80';
    (void)cli_say(0, "%s: %s%s%s", in->input.name, place, escaped == NULL ? "" : escaped,
                  other ? "; is it a pickle? Those of protocol 2 and later begin with byte 0x80"
                        : "");
    free(escaped);
    return EXIT_FAILED;
}

static int say_memory(const struct inspect *in) {
    (void)fflush(stdout);
    return cli_say(EXIT_FAILED, "%s: no memory to show it", in->input.name);
}

/* ---- what is done with each pickle ----------------------------------------------------------- */

/* The protocol that it begins with; -1: those of before 2 do not tell. */
static int protocol_of(const struct inspect *in, const struct pickle *pickle) {
    const unsigned char *at = (const unsigned char *)in->input.data + pickle->offset;
    return pickle->size >= 2 && at[0] == 0x80 ? at[1] : -1;
}

static int show_tree(struct inspect *in, const struct pickle *pickle) {
    const int protocol = protocol_of(in, pickle);
    printf("byte %llu: ", (unsigned long long)pickle->offset);
    if (protocol >= 0)
        printf("protocol %d, ", protocol);
    printf("%llu bytes\n", (unsigned long long)pickle->size);
    return inspect_tree(pickle->value, &in->limits) < 0 ? say_memory(in) : EXIT_OK;
}

static int show_json(struct inspect *in, const struct pickle *pickle) {
    const int protocol = protocol_of(in, pickle);
    printf("{\"offset\":%llu,\"size\":%llu,\"protocol\":", (unsigned long long)pickle->offset,
           (unsigned long long)pickle->size);
    if (protocol >= 0)
        printf("%d", protocol);
    else
        printf("null");
    printf(",\"value\":");
    if (inspect_json(pickle->value, &in->limits) < 0)
        return say_memory(in);
    printf("}");
    return EXIT_OK;
}

static int show_value(struct inspect *in, struct pickle *pickle) {
    mayfly_error error;
    if (in->path != NULL && mayfly_at(pickle->value, in->path, &pickle->value, &error) < 0) {
        in->status = say_where(in, pickle->offset, &error);
        return EXIT_OK; /* the next pickle may have it */
    }
    if (in->json && in->any)
        printf(",\n");
    in->any = true;
    return in->json ? show_json(in, pickle) : show_tree(in, pickle);
}

static void print_flags(const mayfly_global_use *use, const char *before, const char *quote) {
    static const struct {
        unsigned flag;
        const char *name;
    } flags[] = {{MAYFLY_GLOBAL_CALLED, "called"},
                 {MAYFLY_GLOBAL_COMPUTED, "computed"},
                 {MAYFLY_GLOBAL_EXTENSION, "extension"}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (use->flags & flags[i].flag) {
            printf("%s%s%s%s", before, quote, flags[i].name, quote);
            before = ",";
        }
}

static void print_use(struct inspect *in, const mayfly_global_use *use, uint64_t base) {
    const unsigned long long offset = base + use->offset;
    if (!in->json) {
        inspect_print(*use->module == '\0' ? "-" : use->module,
                      *use->module == '\0' ? 1 : strlen(use->module));
        putchar('\t');
        inspect_print(use->name, strlen(use->name));
        printf("\t%llu\t", offset);
        print_flags(use, "", "");
        puts(use->flags == 0 ? "-" : "");
        return;
    }
    char *module = inspect_escape(use->module, strlen(use->module));
    char *name = inspect_escape(use->name, strlen(use->name));
    printf("%s{\"module\":", in->any ? ",\n" : "");
    in->any = true;
    (void)inspect_json_text(module == NULL ? "" : module, module == NULL ? 0 : strlen(module));
    printf(",\"name\":");
    (void)inspect_json_text(name == NULL ? "" : name, name == NULL ? 0 : strlen(name));
    printf(",\"offset\":%llu,\"flags\":[", offset);
    print_flags(use, "", "\"");
    printf("]}");
    free(module);
    free(name);
}

/* Also of a pickle that turned out to be damaged: what it names before that, Python imports. */
static int show_globals(struct inspect *in, const struct pickle *pickle) {
    const mayfly_global_use *uses;
    size_t count;
    mayfly_error error;
    if (mayfly_doc_globals(in->doc, &uses, &count, &error) < 0)
        return say_where(in, pickle->offset, &error);
    for (size_t i = 0; i < count; i++)
        print_use(in, &uses[i], pickle->offset);
    return EXIT_OK;
}

static int check(struct inspect *in, const struct pickle *pickle) {
    mayfly_error error;
    return mayfly_doc_check(in->doc, in->policy, &error) < 0 ? say_where(in, pickle->offset, &error)
                                                             : EXIT_OK;
}

/* ---- pickle after pickle --------------------------------------------------------------------- */

enum task { TASK_VALUES, TASK_GLOBALS, TASK_CHECK };

/* Reads the pickle at an offset. 0, or as mayfly_reader_next. */
static int read_pickle(struct inspect *in, uint64_t offset, struct pickle *ret,
                       mayfly_error *error) {
    mayfly_auto(mayfly_reader) reader = NULL;
    *ret = (struct pickle){.offset = offset};
    mayfly_doc_reset(in->doc);
    int r = mayfly_reader_memory(in->doc, in->input.data + offset, in->input.size - offset,
                                 &in->load, &reader, error);
    if (r < 0)
        return r;
    r = mayfly_reader_next(reader, &ret->value, error);
    ret->size = mayfly_reader_offset(reader);
    return r < 0 ? r : 0;
}

static int do_task(struct inspect *in, enum task task, struct pickle *pickle) {
    switch (task) {
    case TASK_GLOBALS:
        return show_globals(in, pickle);
    case TASK_CHECK:
        return check(in, pickle);
    default:
        return show_value(in, pickle);
    }
}

static int each_pickle(struct inspect *in, enum task task) {
    mayfly_error error;
    struct pickle pickle;
    int r =
        mayfly_doc_new(&(mayfly_doc_options){.max_bytes = in->load.max_bytes}, &in->doc, &error);
    if (r < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    if (in->input.size == 0)
        return cli_say(EXIT_FAILED, "%s: it is empty", in->input.name);
    r = EXIT_OK;
    for (uint64_t at = 0; r == EXIT_OK && at < in->input.size; at += pickle.size) {
        const bool damaged = read_pickle(in, at, &pickle, &error) < 0;
        if (!damaged || task != TASK_VALUES)
            r = do_task(in, task, &pickle);
        if (damaged)
            return say_where(in, at, &error);
    }
    return r != EXIT_OK ? r : in->status;
}

static int show_all(struct inspect *in, enum task task) {
    if (in->json)
        printf("[");
    const int r = each_pickle(in, task);
    if (in->json)
        printf("]\n");
    return r;
}

/* Line by line: pickletools has nothing in them that would need escaping. */
static int to_stdout(void *context, const void *data, size_t size) {
    (void)context;
    for (const char *at = data, *const end = at + size; at < end;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        inspect_print(at, (size_t)((line_end == NULL ? end : line_end) - at));
        if (line_end != NULL)
            putchar('\n');
        at = line_end == NULL ? end : line_end + 1;
    }
    return ferror(stdout) ? -EIO : 0;
}

static int disassemble(const struct inspect *in) {
    mayfly_error error;
    return mayfly_disassemble(in->input.data, in->input.size, false, to_stdout, NULL, &error) < 0
               ? say_where(in, 0, &error)
               : EXIT_OK;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static int read_policy(const char *path, mayfly_policy **ret) {
    struct inspect_input text;
    mayfly_error error;
    int r = inspect_slurp(path, 64 << 20, &text) == EXIT_OK ? EXIT_OK : EXIT_USAGE;
    if (r == EXIT_OK && mayfly_policy_new(text.data, text.size, ret, &error) < 0)
        r = cli_say(EXIT_USAGE, "%s: %s", path, error.message);
    free(text.data);
    return r;
}

static int read_strings(const char *text, mayfly_strings *ret) {
    static const char *const names[] = {"ascii", "latin1", "utf8", "bytes"};
    *ret = MAYFLY_STRINGS_ASCII;
    for (size_t i = 0; text != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            *ret = (mayfly_strings)i;
            return EXIT_OK;
        }
    return text == NULL ? EXIT_OK
                        : cli_usage("--strings %s: ascii, latin1, utf8 or bytes is needed", text);
}

static int check_path(const char *path) {
    bool good = path == NULL || path[0] == '/' || path[0] == '\0';
    for (const char *at = path; good && at != NULL && *at != '\0'; at++)
        good = *at != '~' || at[1] == '0' || at[1] == '1';
    return good ? EXIT_OK
                : cli_usage("--path %s: parts that each begin with / are needed; in them ~1 "
                            "stands for / and ~0 for ~",
                            path);
}

static int check_together(const struct cli_values *values) {
    const bool opcodes = cli_value(values, "disassemble") != NULL;
    const bool globals = cli_value(values, "globals") != NULL;
    const bool policy = cli_value(values, "check") != NULL;
    const bool part = cli_value(values, "path") != NULL || cli_value(values, "depth") != NULL ||
                      cli_value(values, "items") != NULL;
    if (opcodes + globals + policy > 1)
        return cli_usage("one of --disassemble, --globals and --check at a time");
    if (part && (opcodes || globals || policy))
        return cli_usage("--path, --depth and --items are for values");
    if (cli_value(values, "json") != NULL && (opcodes || policy))
        return cli_usage("--json is for values and globals");
    return EXIT_OK;
}

static int read_options(const struct cli_values *values, struct inspect *in, const char **ret) {
    const int after = values->after_dashes != NULL && values->after_dashes[0] != NULL;
    in->json = cli_value(values, "json") != NULL;
    in->path = cli_value(values, "path");
    int r = check_together(values);
    if (r == EXIT_OK)
        r = cli_number(values, "depth", 0, UINT64_MAX, UINT64_MAX, &in->limits.depth);
    if (r == EXIT_OK)
        r = cli_number(values, "items", 0, UINT64_MAX, in->json ? UINT64_MAX : 100,
                       &in->limits.items);
    if (r == EXIT_OK)
        r = cli_bytes(values, "max-bytes", 1, (uint64_t)4 << 30, &in->max_bytes);
    if (r == EXIT_OK)
        r = read_strings(cli_value(values, "strings"), &in->load.strings);
    if (r == EXIT_OK)
        r = check_path(in->path);
    if (r != EXIT_OK)
        return r;
    if (values->operand_count + after != 1 || (after && values->after_dashes[1] != NULL))
        return cli_usage("one file is needed; - is the standard input");
    *ret = after ? values->after_dashes[0] : values->operands[0];
    in->load.max_bytes = in->max_bytes;
    return EXIT_OK;
}

static int run(struct inspect *in, const struct cli_values *values, const char *path) {
    const char *policy = cli_value(values, "check");
    int r = policy == NULL ? EXIT_OK : read_policy(policy, &in->policy);
    if (r == EXIT_OK)
        r = inspect_read(path, cli_value(values, "any-owner") != NULL, in->max_bytes, &in->input);
    if (r != EXIT_OK)
        return r;
    if (cli_value(values, "disassemble") != NULL)
        return disassemble(in);
    return show_all(in, policy != NULL                         ? TASK_CHECK
                        : cli_value(values, "globals") != NULL ? TASK_GLOBALS
                                                               : TASK_VALUES);
}

int cmd_inspect(const struct cli_values *values) {
    struct inspect in = {0};
    const char *path = NULL;
    int r = read_options(values, &in, &path);
    if (r == EXIT_OK)
        r = run(&in, values, path);
    mayfly_doc_free(&in.doc);
    mayfly_policy_free(&in.policy);
    free(in.input.data);
    return r;
}
