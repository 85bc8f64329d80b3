/* SPDX-License-Identifier: MIT
 *
 * What can stand where on a command line, for the three shells alike. It follows from the table of
 * commands (command.h) and from the one in completion.c, so that a new option or command is
 * completed without a word more.
 */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include <stdbool.h>

#include "command.h"

enum completion_kind {
    COMPLETE_NOTHING,
    COMPLETE_WORDS, /* only those of `words` */
    COMPLETE_FILES, /* and `words`, if any */
    COMPLETE_DIRECTORIES,
    COMPLETE_PROGRAMS,
    COMPLETE_COMMANDS, /* mayfly's own */
};

struct completion {
    enum completion_kind kind;
    const char *words; /* parted by blanks; "": none */
};

/* The value of an option that takes one. */
struct completion completion_of_value(const struct cli_command *command,
                                      const struct cli_option *option);

/* What a command works on. */
struct completion completion_of_operand(const struct cli_command *command);

/* Whether a command line of its own follows after --. */
bool completion_runs_program(const struct cli_command *command);

/* Writes text so that it stands within single quotes of a shell; what `also` has gets a backslash.
 */
void completion_quoted(const char *text, const char *also);

void completion_bash(void);
void completion_zsh(void);
void completion_fish(void);

#endif
