/* SPDX-License-Identifier: MIT
 *
 * The commands of mayfly and their options, as one table: parsing, help and completion are made
 * from it.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <mayfly.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum { MOST_OPTIONS = 32, MOST_VALUES = 64 };

/* One option. Without an argument's name it is a switch. */
struct cli_option {
    const char *name;     /* "dir" for --dir; NULL ends a list */
    char letter;          /* 'p' for -p; 0: none */
    const char *argument; /* "DIR"; NULL: takes none */
    const char *help;
};

/* What was given for the options of a command, in their order, and the rest. */
struct cli_values {
    const struct cli_option *options;
    const char *value[MOST_OPTIONS];   /* the last one given; "" for a switch; NULL: not given */
    const char *all[MOST_VALUES];      /* every one of options that may be repeated, in order;
                                          NULL-terminated */
    const char *all_name[MOST_VALUES]; /* of which option it is: "fallback" */
    char **operands;
    int operand_count;
    char **after_dashes; /* the command after --; NULL: there was none */
};

struct cli_command {
    const char *name;
    const char *operands; /* "[TEMPLATE]" */
    const char *summary;
    const char *details; /* paragraphs for its help */
    const struct cli_option *options;
    int (*run)(const struct cli_values *values);
};

extern const struct cli_command cli_commands[]; /* ends with a NULL name */

/* The command of that name, or NULL. */
const struct cli_command *cli_find(const char *name);

/* Reads the arguments of a command. 0, or EXIT_USAGE after saying what is wrong; -1: --help. */
int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_values *ret);

/* The value of an option, or NULL. */
const char *cli_value(const struct cli_values *values, const char *name);

/* A whole number from low to high; `otherwise` when not given. 0 or EXIT_USAGE. */
int cli_number(const struct cli_values *values, const char *name, uint64_t low, uint64_t high,
               uint64_t otherwise, uint64_t *ret);

/* The same in bytes: K, M and G behind the number are powers of 1024. */
int cli_bytes(const struct cli_values *values, const char *name, uint64_t low, uint64_t otherwise,
              uint64_t *ret);

/* A time in milliseconds: 500ms, 90 or 90s, 10m, 2h, 7d; 0 when not given. 0 or EXIT_USAGE. */
int cli_duration(const struct cli_values *values, const char *name, uint64_t *ret);

/* Whether an option may be given more than once, by its name. */
int cli_may_be_repeated(const char *name);

/* --place, by its name. 0 or EXIT_USAGE. */
int cli_place(const struct cli_values *values, mayfly_place *ret);

/* "mayfly: <command>: <sentence>" on stderr; returns the code. */
int cli_say(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes a JSON value (and frees it) or says what is wrong; NULL: a text in it was not UTF-8. */
struct json_t;
int cli_print_json(struct json_t *value);

void cli_print_help(const struct cli_command *command);

int cmd_where(const struct cli_values *values);
int cmd_file(const struct cli_values *values);
int cmd_dir(const struct cli_values *values);
int cmd_chunks(const struct cli_values *values);
int cmd_run(const struct cli_values *values);
int cmd_capture(const struct cli_values *values);
int cmd_write(const struct cli_values *values);
int cmd_cache(const struct cli_values *values);
int cmd_ls(const struct cli_values *values);
int cmd_gc(const struct cli_values *values);
int cmd_batch(const struct cli_values *values);
int cmd_workspace(const struct cli_values *values);
int cmd_bench(const struct cli_values *values);
int cmd_call(const struct cli_values *values);
int cmd_source(const struct cli_values *values);
int cmd_inspect(const struct cli_values *values);
int cmd_help(const struct cli_values *values);
int cmd_version(const struct cli_values *values);
int cmd_completion(const struct cli_values *values);

#endif
