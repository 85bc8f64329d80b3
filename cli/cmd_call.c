/* SPDX-License-Identifier: MIT
 *
 * mayfly call: a function of a C file, called with arguments given as text.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <mayfly/namespace.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* The values of an option that may be repeated. */
static size_t collect(const struct cli_values *values, const char *name, const char **to) {
    size_t count = 0;
    for (size_t i = 0; values->all[i] != NULL; i++)
        if (strcmp(values->all_name[i], name) == 0)
            to[count++] = values->all[i];
    to[count] = NULL;
    return count;
}

/* File, function and arguments; what follows -- belongs to the arguments. */
static size_t join(const struct cli_values *values, const char **to, size_t room) {
    size_t count = 0;
    for (int i = 0; i < values->operand_count && count < room; i++)
        to[count++] = values->operands[i];
    for (char **at = values->after_dashes; at != NULL && *at != NULL && count < room; at++)
        to[count++] = *at;
    return count;
}

/* Wrong arguments of the function are wrong usage; all else is not. */
static int say(int code, const char *said, const mayfly_error *error) {
    if (said != NULL && said[0] != '\0' && code == MAYFLY_E_COMPILE)
        (void)fputs(said, stderr);
    if (code == -EPERM || code == -EMLINK)
        return cli_say(EXIT_FAILED, "%s (here: --any-owner)", error->message);
    return cli_say(code == -EINVAL || code == -ERANGE ? EXIT_USAGE : EXIT_FAILED, "%s",
                   error->message);
}

int cmd_call(const struct cli_values *values) {
    const char *flags[MOST_VALUES], *libraries[MOST_VALUES], *words[MOST_VALUES];
    const size_t count = join(values, words, MOST_VALUES);
    char *result = NULL, *said = NULL;
    mayfly_error error;
    (void)collect(values, "flag", flags);
    (void)collect(values, "library", libraries);
    if (count < 2)
        return cli_usage("a file and a function are needed");
    if (count == MOST_VALUES)
        return cli_usage("there are too many arguments");
    const mayfly_load_source_options options = {
        .compiler = cli_value(values, "compiler"),
        .flags = flags,
        .libraries = libraries,
        .uncached = cli_value(values, "no-cache") != NULL,
        .any_owner = cli_value(values, "any-owner") != NULL,
        .constructors = cli_value(values, "constructors") != NULL,
        .ret_diagnostics = &said,
    };
    const int r =
        mayfly_call_source(words[0], words[1], words + 2, count - 2, &options, &result, &error);
    int status = EXIT_OK;
    if (r < 0)
        status = say(r, said, &error);
    else if (result[0] != '\0')
        (void)puts(result);
    free(said);
    free(result);
    return status;
}
