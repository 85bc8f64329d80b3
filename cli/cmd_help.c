/* SPDX-License-Identifier: MIT
 *
 * mayfly help, mayfly version: from the table. As JSON it is what the manual page is made of.
 */
#include <jansson.h>
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

static json_t *option_as_json(const struct cli_option *option) {
    const char letter[] = {option->letter, '\0'};
    return json_pack("{s:s, s:s, s:s?, s:s}", "name", option->name, "letter", letter, "argument",
                     option->argument, "help", option->help);
}

static json_t *command_as_json(const struct cli_command *command) {
    json_t *options = json_array();
    for (const struct cli_option *option = command->options; option->name != NULL; option++)
        (void)json_array_append_new(options, option_as_json(option));
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", command->name, "operands",
                     command->operands, "summary", command->summary, "details", command->details,
                     "options", options);
}

static int print_table(void) {
    json_t *commands = json_array();
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++)
        (void)json_array_append_new(commands, command_as_json(command));
    return cli_print_json(
        json_pack("{s:s, s:o}", "version", mayfly_version(), "commands", commands));
}

int cmd_help(const struct cli_values *values) {
    if (cli_value(values, "json") != NULL)
        return values->operand_count == 0 ? print_table()
                                          : cli_usage("with --json it takes no operand");
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
