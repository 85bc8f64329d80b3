/* SPDX-License-Identifier: MIT
 *
 * The completion for bash: a function that looks at the words before the cursor. It asks for
 * nothing of the package bash-completion, and uses its way to another command's completion where
 * that is loaded.
 */
#include "completion.h"

static const char head[] =
    "# bash completion for mayfly; made by 'mayfly completion bash'\n"
    "_mayfly_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$word\"); }\n"
    "_mayfly_paths() {\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"${2-}\" -- \"$word\"; compgen \"$1\" -- \"$word\")\n"
    "}\n"
    "_mayfly_program() { # where it stands on the line\n"
    "    if declare -F _command_offset >/dev/null; then\n"
    "        _command_offset \"$1\"\n"
    "    elif [ \"$COMP_CWORD\" -eq \"$1\" ]; then\n"
    "        _mayfly_paths -c\n"
    "    else\n"
    "        _mayfly_paths -f\n"
    "    fi\n"
    "}\n"
    "_mayfly() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} i\n"
    "    COMPREPLY=()\n";

static const char dashes[] = "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
                             "        [ \"${COMP_WORDS[i]}\" = -- ] || continue\n"
                             "        _mayfly_program $((i + 1))\n"
                             "        return\n"
                             "    done\n"
                             "    # --name=value comes as three words.\n"
                             "    if [ \"$word\" = = ]; then\n"
                             "        word=\n"
                             "    elif [ \"$before\" = = ]; then\n"
                             "        before=${COMP_WORDS[COMP_CWORD-2]}\n"
                             "    fi\n"
                             "    case ${COMP_WORDS[1]}:$before in\n";

static void print_commands(void) {
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++)
        printf("%s%s", command == cli_commands ? "" : " ", command->name);
}

static void print_completion(struct completion completion) {
    switch (completion.kind) {
    case COMPLETE_NOTHING:
        printf(":");
        break;
    case COMPLETE_WORDS:
        printf("_mayfly_words '%s'", completion.words);
        break;
    case COMPLETE_FILES:
        printf("_mayfly_paths -f '%s'", completion.words);
        break;
    case COMPLETE_DIRECTORIES:
        printf("_mayfly_paths -d");
        break;
    case COMPLETE_PROGRAMS:
        printf("_mayfly_paths -c");
        break;
    case COMPLETE_COMMANDS:
        printf("_mayfly_words '");
        print_commands();
        printf("'");
        break;
    }
}

static void print_values(const struct cli_command *command) {
    for (const struct cli_option *option = command->options; option->name != NULL; option++) {
        if (option->argument == NULL)
            continue;
        printf("    %s:--%s", command->name, option->name);
        if (option->letter != 0)
            printf(" | %s:-%c", command->name, option->letter);
        printf(") ");
        print_completion(completion_of_value(command, option));
        printf(" ;;\n");
    }
}

static void print_others(const struct cli_command *command) {
    const struct completion operand = completion_of_operand(command);
    printf("    %s:*)\n", command->name);
    if (operand.kind != COMPLETE_NOTHING)
        printf("        case $word in\n        -*) ");
    else
        printf("        ");
    printf("_mayfly_words '");
    for (const struct cli_option *option = command->options; option->name != NULL; option++)
        printf("--%s ", option->name);
    printf("--help%s'", completion_runs_program(command) ? " --" : "");
    if (operand.kind != COMPLETE_NOTHING) {
        printf(" ;;\n        *) ");
        print_completion(operand);
        printf(" ;;\n        esac");
    }
    printf(" ;;\n");
}

void completion_bash(void) {
    printf("%s    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        _mayfly_words '", head);
    print_commands();
    printf("'\n        return\n    fi\n%s", dashes);
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        print_values(command);
        print_others(command);
    }
    printf("    esac\n}\ncomplete -F _mayfly mayfly\n");
}
