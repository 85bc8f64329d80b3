/* SPDX-License-Identifier: MIT
 *
 * Reading arguments by the table: --name value, --name=value, -n value, -nvalue, switches together
 * (-qa), and -- before what is not to be read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static const char *current = "";

static void say(const char *format, va_list arguments) {
    (void)fprintf(stderr, "mayfly: %s%s", current, current[0] == '\0' ? "" : ": ");
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
}

int cli_say(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return code;
}

int cli_usage(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "Try 'mayfly help%s%s'.\n", current[0] == '\0' ? "" : " ", current);
    return EXIT_USAGE;
}

/* ---- one option ------------------------------------------------------------------------------ */

static int find_long(const struct cli_option *options, const char *name, size_t size) {
    for (int i = 0; options[i].name != NULL; i++)
        if (strlen(options[i].name) == size && memcmp(options[i].name, name, size) == 0)
            return i;
    return -1;
}

static int find_letter(const struct cli_option *options, char letter) {
    for (int i = 0; options[i].name != NULL; i++)
        if (options[i].letter == letter)
            return i;
    return -1;
}

int cli_may_be_repeated(const char *name) {
    static const char *const names[] = {"fallback", "workload", "in",   "link",   "out",
                                        "key",      "damage",   "flag", "library"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

static int set(struct cli_values *values, int index, const char *value) {
    const char *name = values->options[index].name;
    values->value[index] = value;
    if (!cli_may_be_repeated(name))
        return 0;
    size_t n = 0;
    while (values->all[n] != NULL)
        n++;
    if (n + 1 == MOST_VALUES)
        return cli_usage("--%s can be given %d times", name, MOST_VALUES - 1);
    values->all[n] = value;
    values->all_name[n] = name;
    return 0;
}

/* --name or --name=value. `next` is the argument after it; *taken says whether it was used. */
static int read_long(struct cli_values *values, const char *text, const char *next, int *taken) {
    const char *equals = strchr(text, '=');
    const size_t size = equals == NULL ? strlen(text) : (size_t)(equals - text);
    const int index = find_long(values->options, text, size);
    if (index < 0)
        return cli_usage("there is no option --%.*s", (int)size, text);
    const struct cli_option *option = &values->options[index];
    if (option->argument == NULL)
        return equals == NULL ? set(values, index, "")
                              : cli_usage("--%s takes no value", option->name);
    if (equals != NULL)
        return set(values, index, equals + 1);
    if (next == NULL)
        return cli_usage("--%s needs a value: %s", option->name, option->argument);
    *taken = 1;
    return set(values, index, next);
}

/* -n, -nvalue, -qn value. */
static int read_letters(struct cli_values *values, const char *text, const char *next, int *taken) {
    for (; *text != '\0'; text++) {
        const int index = find_letter(values->options, *text);
        if (index < 0)
            return cli_usage("there is no option -%c", *text);
        const struct cli_option *option = &values->options[index];
        if (option->argument == NULL) {
            (void)set(values, index, "");
            continue;
        }
        if (text[1] != '\0')
            return set(values, index, text + 1);
        if (next == NULL)
            return cli_usage("-%c needs a value: %s", option->letter, option->argument);
        *taken = 1;
        return set(values, index, next);
    }
    return 0;
}

int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_values *ret) {
    *ret = (struct cli_values){.options = command->options, .operands = argv};
    current = command->name;
    for (int i = 0; i < argc; i++) {
        int taken = 0, r = 0;
        if (strcmp(argv[i], "--") == 0) {
            ret->after_dashes = argv + i + 1;
            break;
        }
        if (strcmp(argv[i], "--help") == 0)
            return -1;
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strncmp(argv[i], "--", 2) == 0)
            r = read_long(ret, argv[i] + 2, next, &taken);
        else if (argv[i][0] == '-' && argv[i][1] != '\0')
            r = read_letters(ret, argv[i] + 1, next, &taken);
        else
            ret->operands[ret->operand_count++] = argv[i]; /* over what has been read */
        if (r != 0)
            return r;
        i += taken;
    }
    return 0;
}

/* ---- values ---------------------------------------------------------------------------------- */

const char *cli_value(const struct cli_values *values, const char *name) {
    const int index = find_long(values->options, name, strlen(name));
    return index < 0 ? NULL : values->value[index];
}

int cli_number(const struct cli_values *values, const char *name, uint64_t low, uint64_t high,
               uint64_t otherwise, uint64_t *ret) {
    const char *text = cli_value(values, name);
    char *end = NULL;
    *ret = otherwise;
    if (text == NULL)
        return 0;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    const int digits = text[0] >= '0' && text[0] <= '9';
    if (!digits || *end != '\0' || errno != 0 || number < low || number > high)
        return cli_usage("--%s %s: a whole number from %llu to %llu is needed", name, text,
                         (unsigned long long)low, (unsigned long long)high);
    *ret = number;
    return 0;
}

int cli_bytes(const struct cli_values *values, const char *name, uint64_t low, uint64_t otherwise,
              uint64_t *ret) {
    static const char units[] = "KMG";
    const char *text = cli_value(values, name);
    char *end = NULL;
    *ret = otherwise;
    if (text == NULL)
        return 0;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    const char *unit = *end == '\0' ? NULL : strchr(units, *end);
    const unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - units + 1);
    const int good = text[0] >= '0' && text[0] <= '9' && errno == 0 &&
                     (*end == '\0' || (unit != NULL && end[1] == '\0')) &&
                     number <= (UINT64_MAX >> 1 >> shift) && number << shift >= low;
    if (!good)
        return cli_usage("--%s %s: a number of bytes is needed, as 65536, 64K, 10M or 1G", name,
                         text);
    *ret = number << shift;
    return 0;
}

int cli_duration(const struct cli_values *values, const char *name, uint64_t *ret) {
    static const struct {
        const char *name;
        uint64_t milliseconds;
    } units[] = {{"ms", 1},        {"", 1000},         {"s", 1000},
                 {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000}};
    const char *text = cli_value(values, name);
    char *end = NULL;
    *ret = 0;
    if (text == NULL)
        return EXIT_OK;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (text[0] >= '0' && text[0] <= '9' && errno == 0 && number > 0 && number <= 1000000000 &&
            strcmp(end, units[i].name) == 0) {
            *ret = number * units[i].milliseconds;
            return EXIT_OK;
        }
    return cli_usage("--%s %s: a time is needed, as 500ms, 90s, 10m, 2h or 7d", name, text);
}

int cli_place(const struct cli_values *values, mayfly_place *ret) {
    static const char *const names[] = {"default", "small", "large", "private", "near"};
    const char *text = cli_value(values, "place");
    const char *near = cli_value(values, "near");
    *ret = near != NULL ? MAYFLY_PLACE_NEAR : MAYFLY_PLACE_DEFAULT;
    if (text == NULL)
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            *ret = (mayfly_place)i;
            if ((*ret == MAYFLY_PLACE_NEAR) != (near != NULL))
                return cli_usage("--place near and --near PATH belong together");
            return 0;
        }
    return cli_usage("--place %s: default, small, large, private or near is needed", text);
}

int cli_print_json(json_t *value) {
    if (value == NULL)
        return cli_say(EXIT_FAILED, "a path is not UTF-8, which JSON has no words for; without "
                                    "--json it is printed as it is");
    const int r = json_dumpf(value, stdout, JSON_INDENT(2));
    json_decref(value);
    return r == 0 && fputc('\n', stdout) != EOF ? EXIT_OK
                                                : cli_say(EXIT_FAILED, "cannot write JSON");
}
