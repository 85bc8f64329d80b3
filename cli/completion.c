/* SPDX-License-Identifier: MIT
 *
 * mayfly completion: what values and operands are. The shells' own files put it into their words.
 */
#include "completion.h"

#include <string.h>

/* The first row that fits: by the option's name, in one command or in all, or by what the help
 * calls its value. */
static const struct {
    const char *command, *option, *argument;
    struct completion completion;
} values[] = {
    {NULL, "place", NULL, {COMPLETE_WORDS, "default small large private near"}},
    {NULL,
     "workload",
     NULL,
     {COMPLETE_WORDS, "simple_list function class_instance nested_dict mixed_structure"}},
    {NULL, "strings", NULL, {COMPLETE_WORDS, "ascii latin1 utf8 bytes"}},
    {"chunks", "format", NULL, {COMPLETE_WORDS, "csv lines json fixed:"}},
    {"batch", "format", NULL, {COMPLETE_WORDS, "csv json"}},
    {NULL, NULL, "DIR", {COMPLETE_DIRECTORIES, ""}},
    {NULL, NULL, "FILE", {COMPLETE_FILES, ""}},
    {NULL, NULL, "PATH", {COMPLETE_FILES, ""}},
    {NULL, NULL, "OUT", {COMPLETE_FILES, ""}},
    {NULL, NULL, "POLICY", {COMPLETE_FILES, ""}},
    {NULL, NULL, "CMD", {COMPLETE_PROGRAMS, ""}},
};

/* Likewise by what the help calls the operands; what has none of these has nothing to complete. */
static const struct {
    const char *operand;
    struct completion completion;
} operands[] = {
    {"SHELL", {COMPLETE_WORDS, "bash zsh fish"}},
    {"[COMMAND]", {COMPLETE_COMMANDS, ""}},
    {"disk-memory", {COMPLETE_FILES, "disk-memory"}},
    {"FILE", {COMPLETE_FILES, ""}},
    {"INPUT", {COMPLETE_FILES, ""}},
    {"TARGET", {COMPLETE_FILES, ""}},
    {"PROGRAM", {COMPLETE_FILES, ""}},
};

static bool fits(const char *wanted, const char *text) {
    return wanted == NULL || strcmp(wanted, text) == 0;
}

struct completion completion_of_value(const struct cli_command *command,
                                      const struct cli_option *option) {
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (fits(values[i].command, command->name) && fits(values[i].option, option->name) &&
            fits(values[i].argument, option->argument))
            return values[i].completion;
    return (struct completion){COMPLETE_NOTHING, ""};
}

struct completion completion_of_operand(const struct cli_command *command) {
    for (size_t i = 0; i < sizeof operands / sizeof *operands; i++)
        if (strstr(command->operands, operands[i].operand) != NULL)
            return operands[i].completion;
    return (struct completion){COMPLETE_NOTHING, ""};
}

bool completion_runs_program(const struct cli_command *command) {
    return strstr(command->operands, "-- COMMAND") != NULL;
}

void completion_quoted(const char *text, const char *also) {
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            printf("'\\''");
            continue;
        }
        if (strchr(also, *text) != NULL)
            putchar('\\');
        putchar(*text);
    }
}

int cmd_completion(const struct cli_values *given) {
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};
    for (size_t i = 0; given->operand_count == 1 && i < sizeof shells / sizeof *shells; i++)
        if (strcmp(given->operands[0], shells[i].name) == 0) {
            shells[i].print();
            return EXIT_OK;
        }
    return cli_usage("the name of a shell is needed: bash, zsh or fish");
}
