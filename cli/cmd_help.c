/* SPDX-License-Identifier: MIT
 *
 * mayfly help, mayfly version: from the table.
 */
#include <string.h>

#include "command.h"

static void print_option(const struct cli_option *option) {
    char left[64];
    const char letter[] = {'-', option->letter, ',', ' ', '\0'};
    (void)snprintf(left, sizeof left, "%s--%s%s%s", option->letter != 0 ? letter : "    ",
                   option->name, option->argument == NULL ? "" : " ",
                   option->argument == NULL ? "" : option->argument);
    printf("  %-22s %s\n", left, option->help);
}

void cli_print_help(const struct cli_command *command) {
    const int options = command->options[0].name != NULL;
    printf("usage: mayfly %s%s%s%s\n\n%c%s.\n", command->name, options ? " [OPTION...]" : "",
           command->operands[0] == '\0' ? "" : " ", command->operands,
           command->summary[0] - 'a' + 'A', command->summary + 1);
    if (command->details[0] != '\0')
        printf("\n%s", command->details);
    if (!options)
        return;
    printf("\n");
    for (const struct cli_option *option = command->options; option->name != NULL; option++)
        print_option(option);
    printf("  %-22s %s\n", "    --help", "show this");
}

static void print_overview(void) {
    printf("usage: mayfly COMMAND [OPTION...] [OPERAND...]\n\n"
           "Temporary files and directories that do not outlive their use.\n\n");
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++)
        printf("  %-11s %s\n", command->name, command->summary);
    printf("\n'mayfly help COMMAND' tells more.\n");
}

int cmd_help(const struct cli_values *values) {
    if (values->operand_count == 0) {
        print_overview();
        return EXIT_OK;
    }
    const struct cli_command *command = cli_find(values->operands[0]);
    if (command == NULL || values->operand_count > 1)
        return cli_usage("there is no command '%s'", values->operands[0]);
    cli_print_help(command);
    return EXIT_OK;
}

int cmd_version(const struct cli_values *values) {
    if (values->operand_count > 0)
        return cli_usage("takes no operand");
    printf("mayfly %s\n", mayfly_version());
    return EXIT_OK;
}
