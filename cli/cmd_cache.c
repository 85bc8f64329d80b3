/* SPDX-License-Identifier: MIT
 *
 * mayfly cache: what a command printed and how it ended is printed again, instead of running it.
 *
 * Invariants  an entry is known by the whole command with its arguments, the working directory and
 *             every --key; nothing else decides.
 *             Of several that want the same, one runs the command and the others wait.
 *             A command that was killed or could not be started is not remembered.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "command.h"

/* ---- where ----------------------------------------------------------------------------------- */

/* $XDG_CACHE_HOME/mayfly/commands, or that in ~/.cache; what is missing above it is made. */
static int default_place(char *to, size_t size) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length;
    if (cache != NULL && cache[0] == '/')
        length = snprintf(to, size, "%s/mayfly/commands", cache);
    else if (home != NULL && home[0] == '/')
        length = snprintf(to, size, "%s/.cache/mayfly/commands", home);
    else
        return cli_usage("neither XDG_CACHE_HOME nor HOME is set; name a directory with --dir");
    if (length < 0 || (size_t)length >= size)
        return cli_say(EXIT_FAILED, "the path of the cache is too long");
    for (char *slash = to + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        if (mkdir(to, 0700) != 0 && errno != EEXIST)
            return cli_say(EXIT_FAILED, "%s: %s", to, strerror(errno));
    }
    return EXIT_OK;
}

static int open_cache(const struct cli_values *values, mayfly_cache **ret) {
    char place[4096];
    mayfly_error error;
    mayfly_cache_options options = {.path = cli_value(values, "dir")};
    int r = cli_bytes(values, "max-bytes", 1, 0, &options.max_bytes);
    if (r == EXIT_OK)
        r = cli_duration(values, "ttl", &options.ttl_ms);
    if (r == EXIT_OK && options.path == NULL) {
        r = default_place(place, sizeof place);
        options.path = place;
    }
    if (r == EXIT_OK && mayfly_cache_open(&options, ret, &error) < 0)
        r = cli_say(EXIT_FAILED, "%s", error.message);
    return r;
}

/* ---- what it is known by --------------------------------------------------------------------- */

/* None of the parts has a NUL in it, so that one behind each parts them; an empty list ends. */
static int make_key(const struct cli_values *values, char **ret, size_t *ret_size) {
    FILE *key = open_memstream(ret, ret_size);
    char *directory = getcwd(NULL, 0);
    if (key == NULL || directory == NULL) {
        free(directory);
        if (key != NULL)
            (void)fclose(key);
        return cli_say(EXIT_FAILED, "the working directory: %s", strerror(errno));
    }
    (void)fprintf(key, "mayfly cache%c%s%c", 0, directory, 0);
    free(directory);
    for (char **word = values->after_dashes; *word != NULL; word++)
        (void)fprintf(key, ":%s%c", *word, 0);
    for (size_t i = 0; values->all[i] != NULL; i++)
        (void)fprintf(key, "+%s%c", values->all[i], 0);
    return fclose(key) == 0 ? EXIT_OK : cli_say(EXIT_FAILED, "%s", strerror(errno));
}

/* ---- running it ------------------------------------------------------------------------------ */

struct running {
    char **command;
    struct child child;
    int status; /* as waitpid gives it; 0: not run */
    bool only_ok;
};

static mayfly_value content(mayfly_doc *doc, mayfly_file *file, mayfly_error *error) {
    char *data = NULL;
    size_t size = 0;
    if (mayfly_file_read_all(file, &data, &size, error) < 0)
        return (mayfly_value){0};
    const mayfly_value bytes = mayfly_bytes_new(doc, data, size);
    free(data);
    return bytes;
}

/* {"status": int, "stdout": bytes, "stderr": bytes} */
static int run(void *context, mayfly_doc *doc, mayfly_error *error) {
    struct running *running = context;
    mayfly_auto(mayfly_file) output = NULL;
    mayfly_auto(mayfly_file) errors = NULL;
    int r = mayfly_temporary_file(NULL, &output, error);
    if (r == 0)
        r = mayfly_temporary_file(NULL, &errors, error);
    const int to_output = r < 0 ? r : mayfly_file_fd(output, error);
    const int to_errors = to_output < 0 ? to_output : mayfly_file_fd(errors, error);
    if (to_errors < 0)
        return to_errors;
    if (child_start_at(&running->child, running->command,
                       &(struct child_place){-1, to_output, to_errors, -1}) != 0)
        return -ECANCELED; /* it has said why */
    running->status = child_wait(&running->child);
    const int code = WIFEXITED(running->status) ? WEXITSTATUS(running->status) : 128;
    const mayfly_value result = mayfly_dict_new(doc);
    const mayfly_value printed = content(doc, output, error);
    const mayfly_value complained = content(doc, errors, error);
    if (mayfly_kind_of(printed) == MAYFLY_ABSENT || mayfly_kind_of(complained) == MAYFLY_ABSENT)
        return mayfly_doc_failed(doc, error) < 0 ? mayfly_doc_failed(doc, error) : error->code;
    (void)mayfly_dict_put(doc, result, "status", mayfly_int_new(doc, code));
    (void)mayfly_dict_put(doc, result, "stdout", printed);
    (void)mayfly_dict_put(doc, result, "stderr", complained);
    mayfly_doc_set_root(doc, result);
    /* 126 and 127: there was no such command, but there may be one the next time. */
    return code >= 126 || (running->only_ok && code != 0) ? 1 : mayfly_doc_failed(doc, error);
}

static int print(mayfly_value bytes, FILE *to) {
    size_t size = 0;
    const void *data = mayfly_bytes_get(bytes, &size);
    return data != NULL && fwrite(data, 1, size, to) == size && fflush(to) == 0;
}

static int run_cached(const struct cli_values *values, mayfly_cache *cache) {
    mayfly_error error = {.code = 0};
    mayfly_auto(mayfly_doc) doc = NULL;
    struct running running = {.command = values->after_dashes,
                              .only_ok = cli_value(values, "only-ok") != NULL};
    char *key = NULL;
    size_t size = 0;
    int64_t status = 0;
    int r = make_key(values, &key, &size);
    if (r == EXIT_OK) {
        r = mayfly_cache_get_or_build(cache, key, size, run, &running, NULL, &doc, &error);
        if (r < 0 && r != -ECANCELED)
            (void)cli_say(0, "%s", error.message);
        r = r < 0 ? EXIT_FAILED : EXIT_OK;
    }
    free(key);
    if (r != EXIT_OK)
        return r;
    const mayfly_value result = mayfly_doc_root(doc);
    if (mayfly_int_get(mayfly_get(result, "status"), &status, &error) < 0)
        return cli_say(EXIT_FAILED,
                       "the entry is not of this command's making; --clear removes it");
    if (!print(mayfly_get(result, "stdout"), stdout))
        return cli_say(EXIT_FAILED, "standard output: %s", strerror(errno));
    (void)print(mayfly_get(result, "stderr"), stderr);
    child_die_if_killed(&running.child, running.status);
    return (int)status;
}

/* ---- looking --------------------------------------------------------------------------------- */

static int show_stats(mayfly_cache *cache, bool as_json) {
    mayfly_cache_statistics s;
    mayfly_error error;
    if (mayfly_cache_stats(cache, &s, &error) < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    const struct {
        const char *name;
        uint64_t number;
    } rows[] = {{"entries", s.entries}, {"bytes", s.bytes},     {"hits", s.hits},
                {"misses", s.misses},   {"expired", s.expired}, {"damaged", s.damaged},
                {"puts", s.puts},       {"evicted", s.evicted}, {"waited", s.waited}};
    json_t *object = as_json ? json_object() : NULL;
    if (json_object_set_new(object, "path", json_string(mayfly_cache_path(cache))) < 0) {
        json_decref(object); /* the path is not UTF-8 */
        object = NULL;
    }
    if (!as_json)
        printf("%-8s %s\n", "path", mayfly_cache_path(cache));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)json_object_set_new(object, rows[i].name, json_integer((json_int_t)rows[i].number));
        if (!as_json)
            printf("%-8s %llu\n", rows[i].name, (unsigned long long)rows[i].number);
    }
    return as_json ? cli_print_json(object) : EXIT_OK;
}

int cmd_cache(const struct cli_values *values) {
    mayfly_auto(mayfly_cache) cache = NULL;
    mayfly_error error;
    const bool clear = cli_value(values, "clear") != NULL;
    const bool stats = cli_value(values, "stats") != NULL;
    const bool command = values->after_dashes != NULL && values->after_dashes[0] != NULL;
    if (values->operand_count > 0)
        return cli_usage("'%s': the command stands after --", values->operands[0]);
    if (clear + stats + command != 1)
        return cli_usage("either a command is needed after --, or --clear, or --stats");
    const int r = open_cache(values, &cache);
    if (r != EXIT_OK)
        return r;
    if (stats)
        return show_stats(cache, cli_value(values, "json") != NULL);
    if (command)
        return run_cached(values, cache);
    return mayfly_cache_clear(cache, &error) < 0 ? cli_say(EXIT_FAILED, "%s", error.message)
                                                 : EXIT_OK;
}
