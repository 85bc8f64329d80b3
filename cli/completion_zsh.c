/* SPDX-License-Identifier: MIT
 *
 * The completion for zsh: _describe for the commands, _arguments for what each takes, with the
 * help of the options. It serves as the file _mayfly in fpath, and as one to be sourced.
 */
#include "completion.h"

/* The part of a specification of _arguments after its message. */
static void print_action(struct completion completion) {
    switch (completion.kind) {
    case COMPLETE_NOTHING:
        printf(" ");
        break;
    case COMPLETE_WORDS:
        printf("(%s)", completion.words);
        break;
    case COMPLETE_FILES:
        if (completion.words[0] == '\0')
            printf("_files");
        else
            printf("_alternative \"words\\:word\\:(%s)\" \"files\\:file\\:_files\"",
                   completion.words);
        break;
    case COMPLETE_DIRECTORIES:
        printf("_directories");
        break;
    case COMPLETE_PROGRAMS:
        printf("_command_names -e");
        break;
    case COMPLETE_COMMANDS:
        printf("_mayfly_commands");
        break;
    }
}

static void print_names(const struct cli_option *option) {
    const int takes = option->argument != NULL;
    const char *often = cli_may_be_repeated(option->name) ? "*" : "";
    if (option->letter == 0)
        printf("'%s--%s%s", often, option->name, takes ? "=" : "");
    else if (often[0] != '\0')
        printf("'*'{-%c%s,--%s%s}'", option->letter, takes ? "+" : "", option->name,
               takes ? "=" : "");
    else
        printf("'(-%c --%s)'{-%c%s,--%s%s}'", option->letter, option->name, option->letter,
               takes ? "+" : "", option->name, takes ? "=" : "");
}

static void print_command(const struct cli_command *command) {
    printf("    %s)\n        _arguments -s -S", command->name);
    for (const struct cli_option *option = command->options; option->name != NULL; option++) {
        printf(" \\\n            ");
        print_names(option);
        printf("[");
        completion_quoted(option->help, "[]:\\");
        printf("]");
        if (option->argument != NULL) {
            printf(":");
            completion_quoted(option->argument, ":\\");
            printf(":");
            print_action(completion_of_value(command, option));
        }
        printf("'");
    }
    printf(" \\\n            '--help[show what it does]'");
    const struct completion operand = completion_of_operand(command);
    if (operand.kind != COMPLETE_NOTHING) {
        printf(" \\\n            '*:operand:");
        print_action(operand);
        printf("'");
    }
    printf(" ;;\n");
}

void completion_zsh(void) {
    printf("#compdef mayfly\n"
           "# zsh completion for mayfly; made by 'mayfly completion zsh'\n"
           "_mayfly_commands() {\n"
           "    local -a commands\n"
           "    commands=(\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        printf("        '%s:", command->name);
        completion_quoted(command->summary, "\\");
        printf("'\n");
    }
    printf("    )\n"
           "    _describe -t commands command commands\n"
           "}\n"
           "_mayfly() {\n"
           "    if (( CURRENT == 2 )); then\n"
           "        _mayfly_commands\n"
           "        return\n"
           "    fi\n"
           "    local dashes=${words[(i)--]}\n"
           "    if (( dashes < CURRENT )); then\n"
           "        shift $dashes words\n"
           "        (( CURRENT -= dashes ))\n"
           "        _normal\n"
           "        return\n"
           "    fi\n"
           "    local command=$words[2]\n"
           "    shift words\n"
           "    (( CURRENT-- ))\n"
           "    case $command in\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++)
        print_command(command);
    printf("    esac\n"
           "}\n"
           "if [[ $funcstack[1] = _mayfly ]]; then\n"
           "    _mayfly \"$@\"\n"
           "else\n"
           "    compdef _mayfly mayfly\n"
           "fi\n");
}
