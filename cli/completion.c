/* SPDX-License-Identifier: MIT
 *
 * mayfly completion: from the table.
 */
#include <string.h>

#include "command.h"

static void print_words(const struct cli_command *command) {
    for (const struct cli_option *option = command->options; option->name != NULL; option++)
        printf("--%s ", option->name);
    printf("--help");
}

static void print_commands(void) {
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++)
        printf("%s%s", command == cli_commands ? "" : " ", command->name);
}

void cli_print_completion(void) {
    printf("# bash completion for mayfly; made by 'mayfly completion bash'\n"
           "_mayfly() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        words='");
    print_commands();
    printf("'\n"
           "    else\n"
           "        case $before in\n"
           "        --place) words='default small large private near' ;;\n"
           "        --dir|-p|--fallback) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
           "        --workload) words='simple_list function class_instance nested_dict "
           "mixed_structure' ;;\n"
           "        --strings) words='ascii latin1 utf8 bytes' ;;\n"
           "        --format) words='csv json lines fixed:' ;;\n"
           "        --near|--plot|--check|--manifest|--stdout|--stderr|--in|--link|--out) "
           "COMPREPLY=($(compgen -f -- "
           "\"$word\")); return ;;\n"
           "        *)\n"
           "            case ${COMP_WORDS[1]} in\n"
           "            help) words='");
    print_commands();
    printf("' ;;\n            completion) words=bash ;;\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++)
        if (command->options[0].name != NULL) {
            printf("            %s) words='", command->name);
            print_words(command);
            printf("' ;;\n");
        }
    printf("            esac ;;\n"
           "        esac\n"
           "    fi\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "    if [ ${#COMPREPLY[@]} -eq 0 ]; then\n"
           "        case ${COMP_WORDS[1]} in\n"
           "        chunks|bench|inspect|batch|call) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
           "        esac\n"
           "    fi\n"
           "}\n"
           "complete -F _mayfly mayfly\n");
}

int cmd_completion(const struct cli_values *values) {
    if (values->operand_count != 1 || strcmp(values->operands[0], "bash") != 0)
        return cli_usage("the name of a shell is needed: bash");
    cli_print_completion();
    return EXIT_OK;
}
