/* SPDX-License-Identifier: MIT
 *
 * The completion for fish: a line for each command and each option, with their help. What follows
 * after -- is completed as a line of its own.
 */
#include <string.h>

#include "completion.h"

static const char head[] = "# fish completion for mayfly; made by 'mayfly completion fish'\n"
                           "function __mayfly_at_command\n"
                           "    test (count (commandline -opc)) -eq 1\n"
                           "end\n"
                           "function __mayfly_after_dashes\n"
                           "    contains -- -- (commandline -opc)\n"
                           "end\n"
                           "function __mayfly_in\n"
                           "    set -l words (commandline -opc)\n"
                           "    test (count $words) -ge 2; and test \"$words[2]\" = $argv[1]\n"
                           "    and not contains -- -- $words\n"
                           "end\n"
                           "function __mayfly_program\n"
                           "    set -l words (commandline -opc) (commandline -ct)\n"
                           "    set -l after (math 1 + (contains -i -- -- $words))\n"
                           "    set -l line (string escape -- $words[$after..-2]) $words[-1]\n"
                           "    complete -C \"$line\"\n"
                           "end\n"
                           "complete -c mayfly -f\n"
                           "complete -c mayfly -n __mayfly_after_dashes -a '(__mayfly_program)'\n";

static void print_commands(const char *condition) {
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        printf("complete -c mayfly -n '%s' -a %s -d '", condition, command->name);
        completion_quoted(command->summary, "\\");
        printf("'\n");
    }
}

/* What may follow, as options of complete. */
static void print_completion(struct completion completion) {
    switch (completion.kind) {
    case COMPLETE_NOTHING:
        printf(" -x");
        break;
    case COMPLETE_WORDS:
        printf(" -x -a '%s'", completion.words);
        break;
    case COMPLETE_FILES:
        printf(" -r -F");
        if (completion.words[0] != '\0')
            printf(" -a '%s'", completion.words);
        break;
    case COMPLETE_DIRECTORIES:
        printf(" -x -a '(__fish_complete_directories)'");
        break;
    case COMPLETE_PROGRAMS:
        printf(" -x -a '(__fish_complete_command)'");
        break;
    case COMPLETE_COMMANDS:
        break;
    }
}

static void print_option(const struct cli_command *command, const struct cli_option *option) {
    printf("complete -c mayfly -n '__mayfly_in %s' -l %s", command->name, option->name);
    if (option->letter != 0)
        printf(" -s %c", option->letter);
    if (option->argument != NULL)
        print_completion(completion_of_value(command, option));
    printf(" -d '");
    completion_quoted(option->help, "\\");
    printf("'\n");
}

static void print_command(const struct cli_command *command) {
    for (const struct cli_option *option = command->options; option->name != NULL; option++)
        print_option(command, option);
    printf("complete -c mayfly -n '__mayfly_in %s' -l help -d 'show what it does'\n",
           command->name);
    const struct completion operand = completion_of_operand(command);
    if (operand.kind == COMPLETE_COMMANDS) {
        char condition[64];
        (void)snprintf(condition, sizeof condition, "__mayfly_in %s", command->name);
        print_commands(condition);
    } else if (operand.kind != COMPLETE_NOTHING) {
        printf("complete -c mayfly -n '__mayfly_in %s'", command->name);
        print_completion(operand);
        printf("\n");
    }
}

void completion_fish(void) {
    printf("%s", head);
    print_commands("__mayfly_at_command");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++)
        print_command(command);
}
