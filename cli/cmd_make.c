/* SPDX-License-Identifier: MIT
 *
 * mayfly file, mayfly dir: what mktemp(1) does, with the library's checks.
 *
 * Invariant   with --count all are made, or none is left.
 */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

struct make {
    int directory;
    int quiet;
    uint64_t count;
    mayfly_name_options options;
    char prefix[256], suffix[256]; /* from a template */
};

/* The last run of at least three X is where the random part goes. */
static int read_template(struct make *make, const char *text) {
    const char *end = text + strlen(text), *run = NULL;
    size_t length = 0;
    if (strchr(text, '/') != NULL)
        return cli_usage("'%s': a '/' may not be in it; name the directory with --dir", text);
    if (strlen(text) >= sizeof make->prefix)
        return cli_usage("'%s' is too long for a name", text);
    for (const char *p = end; p > text && run == NULL;) {
        p--;
        if (*p != 'X')
            continue;
        const char *last = p;
        while (p > text && p[-1] == 'X')
            p--;
        length = (size_t)(last - p) + 1;
        if (length >= 3)
            run = p;
    }
    if (run == NULL)
        return cli_usage("'%s': three or more X in a row are needed for the random part", text);
    (void)snprintf(make->prefix, sizeof make->prefix, "%.*s", (int)(run - text), text);
    (void)snprintf(make->suffix, sizeof make->suffix, "%s", run + length);
    make->options.prefix = make->prefix;
    make->options.suffix = make->suffix;
    return 0;
}

static int read_mode(const char *text, uint32_t *ret) {
    char *end = NULL;
    const unsigned long mode = strtoul(text, &end, 8);
    if (text[0] < '0' || text[0] > '7' || *end != '\0' || mode == 0 || mode > 07777)
        return cli_usage("--mode %s: octal permissions are needed, such as 0640", text);
    *ret = (uint32_t)mode;
    return 0;
}

static int read_values(const struct cli_values *values, struct make *make) {
    const char *mode = cli_value(values, "mode");
    make->quiet = cli_value(values, "quiet") != NULL;
    make->options = (mayfly_name_options){
        .prefix = cli_value(values, "prefix"),
        .suffix = cli_value(values, "suffix"),
        .dir = cli_value(values, "dir"),
        .near = cli_value(values, "near"),
        .fallback_dirs = values->all,
    };
    int r = cli_place(values, &make->options.place);
    if (r == 0)
        r = cli_number(values, "count", 1, 1000000, 1, &make->count);
    if (r == 0 && mode != NULL)
        r = read_mode(mode, &make->options.permissions);
    if (r == 0 && values->operand_count > 1)
        r = cli_usage("one template at the most");
    if (r == 0 && values->operand_count == 1) {
        if (make->options.prefix != NULL || make->options.suffix != NULL)
            return cli_usage("a template says what the name begins and ends with: leave out "
                             "--prefix and --suffix");
        r = read_template(make, values->operands[0]);
    }
    return r;
}

static int make_one(const struct make *make, char **ret_path, mayfly_error *error) {
    if (make->directory)
        return mayfly_mkdtemp(&make->options, ret_path, error);
    const int fd = mayfly_mkstemp(&make->options, ret_path, error);
    if (fd < 0)
        return fd;
    return close(fd) == 0 ? 0 : -1;
}

static void take_back(const struct make *make, char **paths, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (make->directory)
            (void)rmdir(paths[i]);
        else
            (void)unlink(paths[i]);
    }
}

static int print_paths(const struct make *make, char **paths, int json) {
    char mode[16];
    const uint32_t permissions = make->options.permissions != 0 ? make->options.permissions
                                                                : (make->directory ? 0700 : 0600);
    (void)snprintf(mode, sizeof mode, "%04o", (unsigned)permissions);
    json_t *list = json ? json_array() : NULL;
    for (uint64_t i = 0; i < make->count; i++) {
        if (!json)
            printf("%s\n", paths[i]);
        else if (json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "path", paths[i], "mode",
                                                       mode, "kind",
                                                       make->directory ? "directory" : "file")) < 0)
            break;
    }
    if (!json)
        return EXIT_OK;
    json_t *result = json_array_size(list) < make->count ? NULL
                     : make->count == 1                  ? json_array_get(list, 0)
                                                         : list;
    (void)json_incref(result);
    json_decref(list);
    return cli_print_json(result);
}

static int make_all(const struct make *make, int json) {
    char **paths = calloc((size_t)make->count, sizeof *paths);
    mayfly_error error = {.message = "no memory"};
    uint64_t made = 0;
    int r = paths == NULL ? -1 : 0;
    while (r == 0 && made < make->count) {
        r = make_one(make, &paths[made], &error);
        made += r == 0;
    }
    int status = EXIT_FAILED;
    if (r == 0) {
        status = print_paths(make, paths, json);
        if (fflush(stdout) != 0)
            status = cli_say(EXIT_FAILED, "standard output cannot be written; nothing was made");
        if (status != EXIT_OK)
            take_back(make, paths, (size_t)made); /* nobody was told of them */
        clearerr(stdout);
    } else {
        take_back(make, paths, (size_t)made);
        if (!make->quiet)
            (void)cli_say(EXIT_FAILED, "%s", error.message);
    }
    for (uint64_t i = 0; i < made; i++)
        free(paths[i]);
    free(paths);
    return status;
}

static int make_command(const struct cli_values *values, int directory) {
    struct make make = {.directory = directory};
    const int r = read_values(values, &make);
    return r != 0 ? r : make_all(&make, cli_value(values, "json") != NULL);
}

int cmd_file(const struct cli_values *values) {
    return make_command(values, 0);
}

int cmd_dir(const struct cli_values *values) {
    return make_command(values, 1);
}
