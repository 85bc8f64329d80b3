/* SPDX-License-Identifier: MIT
 *
 * mayfly, the command: the table of commands, and the way to one of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

#define PLACE_OPTIONS                                                                              \
    {"place", 0, "PLACE", "default, small, large, private or near"}, {                             \
        "near", 0, "PATH", "on the file system of PATH, to be moved there later"                   \
    }

static const struct cli_option where_options[] = {
    PLACE_OPTIONS,
    {"long", 'l', NULL, "also the reason, mode, owner, file system and free space"},
    {"all", 'a', NULL, "every candidate in order, and whether it can be used"},
    {"json", 0, NULL, "print JSON"},
    {0},
};

static const struct cli_option make_options[] = {
    {"dir", 'p', "DIR", "make it in DIR"},
    PLACE_OPTIONS,
    {"fallback", 0, "DIR", "where to go when the first has no room; may be repeated"},
    {"prefix", 0, "TEXT", "what the name begins with (tmp)"},
    {"suffix", 0, "TEXT", "what the name ends in"},
    {"mode", 'm', "MODE", "permissions in octal, whatever the umask is (0600; 0700)"},
    {"count", 'n', "N", "make N of them, or none (1)"},
    {"quiet", 'q', NULL, "say nothing when it fails"},
    {"json", 0, NULL, "print JSON"},
    {0},
};

static const struct cli_option chunks_options[] = {
    {"rows", 'r', "N", "records in a chunk, without the header (10000)"},
    {"bytes", 'b', "SIZE", "bytes of a chunk, with the header, at the most; 64K, 10M, 1G"},
    {"format", 'f', "FORMAT", "csv, lines, json (lines), or fixed:SIZE (csv)"},
    {"delimiter", 'd', "C", "the character between fields (,)"},
    {"quote", 0, "C", "the character around fields, or none (\")"},
    {"header", 0, "N", "records on top of each chunk (csv: 1, else 0)"},
    {"no-header", 0, NULL, "the first record is data; chunks have no header"},
    {"damage", 0, "KIND=DO", "quote, long, nul, utf8, torn or all; error, skip or pass"},
    {"max-record", 0, "SIZE", "what is longer is damage of the kind long (64M)"},
    {"command", 'c', "CMD", "run CMD by sh for each chunk; {} is its path, else it comes last"},
    {"stdin", 0, NULL, "the chunk is the command's standard input"},
    {"jobs", 'j', "N", "so many commands at a time (1)"},
    {"retry", 0, "N", "run a command that failed again, N times at the most (0)"},
    {"keep-going", 'k', NULL, "go on with the other chunks when a command fails"},
    {"memory", 'm', NULL, "chunks are in memory, not in files"},
    {"ranges", 0, NULL, "nothing is copied: tell where in FILE the chunks lie"},
    {"manifest", 0, "OUT", "write a line of JSON for each chunk to OUT; -: as they are made"},
    {"checksum", 0, NULL, "with their BLAKE2b-256, as b2sum -l 256 prints it"},
    {"keep", 0, NULL, "leave the chunks and print their paths"},
    {"dir", 'p', "DIR", "make the chunks in a directory in DIR"},
    {"quiet", 'q', NULL, "no progress bar, no summary"},
    {0},
};

static const char chunks_details[] =
    "Records are those of RFC 4180: a line break within quotes does not split one; \\n,\n"
    "\\r\\n and \\r end them. --format has others. FILE may be - for the standard input.\n"
    "The command finds the chunk's path in {} (or as its last argument) and in\n"
    "MAYFLY_CHUNK; MAYFLY_CHUNK_NUMBER and MAYFLY_CHUNK_ROWS tell the rest. With --jobs\n"
    "the output of each command is kept together and printed in the order of chunks.\n"
    "Chunks are made as they are needed and removed when their command has ended, also\n"
    "when it fails and when this command is interrupted.\n"
    "\n"
    "With --ranges a chunk is the bytes of FILE from MAYFLY_CHUNK_OFFSET on, so many as\n"
    "MAYFLY_CHUNK_LENGTH says; its header is the first MAYFLY_HEADER_LENGTH bytes from\n"
    "MAYFLY_HEADER_OFFSET on. The manifest says the same for all of them:\n"
    "\n"
    "    mayfly chunks big.csv --bytes 256M --ranges --manifest chunks.jsonl\n"
    "\n"
    "Exit status: 0 when all commands succeeded, 1 when one failed, 2 for wrong usage.\n";

static const struct cli_option run_options[] = {
    {"dir", 0, NULL, "a directory: TMPDIR and MAYFLY_DIR (this is the default)"},
    {"file", 0, NULL, "a file instead: MAYFLY_FILE"},
    PLACE_OPTIONS,
    {"prefix", 0, "TEXT", "what the name begins with (tmp)"},
    {"suffix", 0, "TEXT", "what the name ends in"},
    {"keep-on-error", 'k', NULL, "leave it and say where it is if the command fails"},
    {"guard", 'g', NULL, "remove it at once also if this command is killed"},
    {0},
};

static const struct cli_option write_options[] = {
    {"durable", 'd', NULL, "return when it is sure to survive a power cut"},
    {"backup", 'b', "NAME", "keep the old content as NAME, beside the target"},
    {"no-clobber", 'n', NULL, "fail if the target exists"},
    {"preserve", 'p', NULL, "owner, mode, ACL and attributes of the old one, as far as allowed"},
    {"follow", 'L', NULL, "replace what a symbolic link leads to, and not the link"},
    {"if-ok", 0, "FILE", "only if FILE then holds 0: the status of what writes to the pipe"},
    {0},
};

static const struct cli_option capture_options[] = {
    {"stdout", 'o', "FILE", "the standard output goes there, all or nothing, and is not shown"},
    {"stderr", 'e', "FILE", "the standard error, likewise; both may be the same file"},
    {"quiet-on-success", 'q', NULL, "show what is not in a file only if the command fails"},
    {0},
};

static const struct cli_option batch_options[] = {
    {"size", 'n', "N", "records in a batch (100)"},
    {"out", 'o', "FILE", "the JSON file that all of it becomes"},
    {"command", 'c', "CMD", "run CMD by sh for each batch"},
    {"lines", 'l', NULL, "a record on each line of FILE, and no indentation"},
    {"format", 'f', "FORMAT", "read all inputs as csv or json, whatever their names end in"},
    {"delimiter", 'd', "C", "the character between CSV fields (,)"},
    {"durable", 0, NULL, "return when FILE is sure to survive a power cut"},
    {"dir", 'p', "DIR", "make the batches in a directory in DIR"},
    {"quiet", 'q', NULL, "no summary"},
    {0},
};

static const struct cli_option workspace_options[] = {
    {"in", 'i', "FILE", "copy FILE into the workspace; may be repeated"},
    {"link", 'l', "FILE", "a symbolic link to FILE instead of a copy; may be repeated"},
    {"out", 'o', "FILE", "a result, to be carried out as FILE; may be repeated"},
    {"keep-on-error", 'k', NULL, "leave it and say where it is if the command fails"},
    {"dir", 'p', "DIR", "make the workspace in DIR"},
    {"prefix", 0, "TEXT", "what the name begins with (work_)"},
    {0},
};

static const struct cli_option cache_options[] = {
    {"ttl", 't', "TIME", "for how long: 500ms, 90s, 10m, 2h, 7d (until it has to make room)"},
    {"key", 'k', "TEXT", "what else the output depends on; may be repeated"},
    {"dir", 'p', "DIR", "the cache's directory (~/.cache/mayfly/commands)"},
    {"max-bytes", 0, "SIZE", "what the cache may hold; K, M or G may follow (256M)"},
    {"only-ok", 0, NULL, "do not remember what ended with another status than 0"},
    {"clear", 0, NULL, "run nothing; empty the cache"},
    {"stats", 0, NULL, "run nothing; show what the cache has and did"},
    {"json", 0, NULL, "with --stats: print JSON"},
    {0},
};

static const struct cli_option ls_options[] = {
    {"json", 0, NULL, "print JSON"},
    {0},
};

static const struct cli_option gc_options[] = {
    {"dry-run", 'n', NULL, "say what would be removed, and remove nothing"},
    {"quiet", 'q', NULL, "say only what is wrong"},
    {"json", 0, NULL, "print JSON"},
    {0},
};

static const struct cli_option bench_options[] = {
    {"iterations", 'n', "N", "measure everything N times (5)"},
    {"lines", 0, "N", "disk-memory: lines of text (1000)"},
    {"workload", 'w', "NAME", "only this one; may be repeated"},
    {"plot", 0, "FILE", "also draw the averages as a picture: FILE.svg"},
    {"json", 0, NULL, "print JSON, with the least and the most"},
    {0},
};

#ifdef MFI_HAVE_SOURCE
static const struct cli_option call_options[] = {
    {"compiler", 'c', "CC", "the compiler (CC of the environment, or cc)"},
    {"flag", 'f', "FLAG", "a flag for it, behind those of the file; may be repeated"},
    {"library", 'l', "NAME", "a library that it needs, as z for -lz; may be repeated"},
    {"no-cache", 0, NULL, "compile it in any case"},
    {"any-owner", 0, NULL, "also a file that somebody else could have written"},
    {"constructors", 0, NULL, "also one that runs something when it is loaded"},
    {0},
};

static const struct cli_option source_options[] = {
    {"form", 'f', "FORM", "closure, preprocessed or unit (auto: the first that compiles)"},
    {"alias", 'a', "NAME", "what the function is called in the copy"},
    {"long", 'l', NULL, "say on standard error where it stands and what it needs"},
    {"from", 0, "FILE", "read this file instead of the one that is recorded"},
    {"changed", 0, NULL, "a file that is newer than the program is good enough"},
    {"compiler", 0, "CC", "the compiler that checks it (cc)"},
    {"unchecked", 0, NULL, "no compiler is run to see that it is whole"},
    {0},
};

static const char source_details[] =
    "PROGRAM is a program or a shared library with debug information (-g), or one that\n"
    "carries its text (MAYFLY_EMBED_SOURCE). FUNCTION is a name; where several units have\n"
    "a function of it, file.c:name. What is printed compiles by itself: the function, and\n"
    "what it uses of its unit.\n";
#endif

static const struct cli_option inspect_options[] = {
    {"disassemble", 0, NULL, "the opcodes of the first pickle, as python3 -m pickletools"},
    {"globals", 'g', NULL, "what loading it would import: module, name, offset, flags"},
    {"check", 'c', "POLICY", "fail if it names another global than those in the file POLICY"},
    {"json", 0, NULL, "print JSON"},
    {"path", 'p', "/A/B", "only what stands there: a key, field or index (-1: the last) each"},
    {"depth", 'd', "N", "show N levels of containers (all)"},
    {"items", 'n', "N", "show N items of each container (100; with --json all)"},
    {"strings", 0, "KIND", "read Python 2's str as ascii (default), latin1, utf8 or bytes"},
    {"max-bytes", 0, "SIZE", "of memory for the file and for its values (4G)"},
    {"any-owner", 0, NULL, "also a file that is another user's, or writable by others"},
    {0},
};

static const char inspect_details[] =
    "Nothing that a pickle names is imported or called. FILE may be - for the standard\n"
    "input. Pickles that follow each other are shown one by one, each with a memo of its\n"
    "own, as pickle.dump writes them. Sizes stand behind texts and bytes. What stands in\n"
    "several places is marked &1 where it is shown, and is *1 in the others. What a pickle\n"
    "calls and throws away leaves nothing to be shown: --globals has that, too.\n"
    "\n"
    "With --globals: a line for each, parted by tabs; the first two columns are a policy.\n"
    "Flags: called, computed (the name is put together by a call), extension (a number of\n"
    "copyreg's registry); - for none. What is computed or an extension passes no policy.\n"
    "\n"
    "With --json: [{\"offset\": N, \"size\": N, \"protocol\": N, \"value\": VALUE}, ...]. None,\n"
    "bool, int, float, str, list, and dicts of texts are what JSON has for them; all else is\n"
    "an object of one of these forms (a dict that has such a key is given as pairs):\n"
    "  {\"int\": \"123...\"}        beyond 64 bits      {\"tuple\": [...]}, \"set\", "
    "\"frozenset\"\n"
    "  {\"float\": \"nan\"}         inf, -inf           {\"list\": [...], \"more\": N}   cut "
    "short\n"
    "  {\"complex\": \"1j\"}                            {\"dict\": [[KEY, VALUE], ...]}\n"
    "  {\"bytes\": \"6869\"}        in base 16          {\"global\": [\"module\", \"name\"]}\n"
    "    and \"bytearray\", \"buffer\", \"surrogatepass\" (a str that is not UTF-8)\n"
    "  {\"object\": VALUE, \"arguments\": VALUE, \"keywords\", \"items\", \"pairs\", \"state\"}\n"
    "  {\"object\": VALUE, \"text\": \"2024-01-31\"}       where str() says all of it\n"
    "  {\"persistent\": [ID]}, {\"extension\": N}\n"
    "What stands in several places has \"label\": N before that, and is {\"ref\": N} later.\n"
    "\n"
    "Exit status: 0; 1 when the file is damaged, cannot be read or names what the policy\n"
    "does not have; 2 for wrong usage.\n";

static const struct cli_option help_options[] = {
    {"json", 0, NULL, "print the table of all commands and options as JSON"},
    {0},
};

static const struct cli_option no_options[] = {{0}};

const struct cli_command cli_commands[] = {
    {"where", "", "show which directory temporary things go to, and why",
     "Candidates, in this order: TMPDIR, TEMP and TMP of the environment; /tmp,\n"
     "/var/tmp, /usr/tmp; the working directory; the home directory. The first in which\n"
     "a file can be created, written and removed is taken.\n",
     where_options, cmd_where},
    {"file", "[TEMPLATE]", "make a temporary file and print its path",
     "The file is yours: it is not removed. TEMPLATE may hold a run of X (at least\n"
     "three), which is where the random part goes: job-XXXX.csv. A '/' in it is refused;\n"
     "name the directory with --dir.\n",
     make_options, cmd_file},
    {"dir", "[TEMPLATE]", "make a temporary directory and print its path",
     "The directory is yours: it is not removed. TEMPLATE as for 'mayfly file'.\n", make_options,
     cmd_dir},
    {"chunks", "FILE [-- COMMAND [ARG...]]",
     "split a file of records into temporary chunks and run a command on each", chunks_details,
     chunks_options, cmd_chunks},
    {"run", "-- COMMAND [ARG...]", "run a command with a temporary directory of its own",
     "The directory is the command's TMPDIR and MAYFLY_DIR. It is removed when the command\n"
     "has ended, however it ended. Signals are passed on, and the exit status is the\n"
     "command's. If mayfly itself is killed, what the command has left running goes on\n"
     "using the directory; after the last of them has ended, 'mayfly gc' or the next\n"
     "program that uses the library removes it.\n",
     run_options, cmd_run},
    {"write", "TARGET [-- COMMAND [ARG...]]", "replace a file by what is read, all or nothing",
     "Reads the standard input to its end, or runs COMMAND and takes what it prints, and\n"
     "only then replaces TARGET: so TARGET may be what is being read. If COMMAND fails, or\n"
     "the disk is full, TARGET is as it was.\n"
     "\n"
     "    sort -u words | mayfly write words\n"
     "    mayfly write report.html -- make-report\n"
     "    { producer; echo $? >status; } | mayfly write --if-ok status TARGET\n"
     "\n"
     "Exit status: 0; that of COMMAND; 1 when it could not be replaced.\n",
     write_options, cmd_write},
    {"capture", "-- COMMAND [ARG...]", "run a command and show its output when it has ended",
     "What it prints is held back and shown as a whole, or with --quiet-on-success only if\n"
     "it fails, as chronic does: for cron. If standard output and standard error are the\n"
     "same (a terminal, a log), so is the order of what was written. What processes print\n"
     "that outlive the command is not waited for. Signals are passed on.\n"
     "\n"
     "    mayfly capture --quiet-on-success -- backup /home\n"
     "    mayfly capture --stdout out.txt --stderr err.txt -- make check\n"
     "\n"
     "Exit status: that of COMMAND; 1 when its output could not be kept or shown.\n",
     capture_options, cmd_capture},
    {"workspace", "-- COMMAND [ARG...]",
     "run a command in a private directory and carry its results out",
     "COMMAND runs in a new directory, which is also its TMPDIR and MAYFLY_DIR. Each --in FILE\n"
     "lies there under the last part of its name, as a copy that shares its blocks where the\n"
     "file system can do that. When COMMAND has succeeded, what it has made under the last\n"
     "part of the name of each --out FILE replaces FILE: all of them, or none if one is\n"
     "missing. Then the directory goes.\n"
     "\n"
     "    mayfly workspace --in talk.tex --out build/talk.pdf -- pdflatex talk.tex\n"
     "\n"
     "Exit status: that of COMMAND; 1 when something could not be copied in or carried out.\n",
     workspace_options, cmd_workspace},
    {"batch", "INPUT... --out FILE [-- COMMAND [ARG...]]",
     "put records of CSV and JSON files through a command, batch by batch",
     "INPUTs are CSV files with a header, whose records become objects of texts, and JSON:\n"
     "an array of objects, or objects that follow each other. COMMAND reads a batch, a JSON\n"
     "array with a record on each line, from its standard input (it is also the file\n"
     "MAYFLY_BATCH) and prints what becomes of it: an array, or values that follow each other.\n"
     "MAYFLY_BATCH_NUMBER and MAYFLY_BATCH_RECORDS tell the rest. Without COMMAND the records\n"
     "are combined as they are. FILE is replaced when everything has succeeded, or not at all.\n"
     "\n"
     "    mayfly batch a.csv b.json --size 50 --out all.json -c 'jq -c \".[] | {id}\"'\n"
     "\n"
     "Exit status: 0; that of a COMMAND that failed; 1 when something cannot be read or\n"
     "written; 2 for wrong usage.\n",
     batch_options, cmd_batch},
    {"cache", "-- COMMAND [ARG...]", "run a command, or print again what it printed the last time",
     "What it writes to standard output and standard error, and its exit status, are\n"
     "remembered by the command with its arguments, the working directory, and each --key.\n"
     "If several want the same at a time, one runs the command and the others wait.\n"
     "The output is printed when the command has ended. A command that was killed, or could\n"
     "not be run, is not remembered.\n"
     "\n"
     "    mayfly cache --ttl 10m -- curl -s https://example.com/\n"
     "    mayfly cache --key \"$(stat -c %Y table)\" --key \"$LANG\" -- sort table\n"
     "    mayfly cache --stats\n"
     "\n"
     "Exit status: that of COMMAND, then or now; 1 when the cache cannot be used.\n",
     cache_options, cmd_cache},
    {"ls", "", "list what is temporary: whose, how big, how old, and whether anybody has it",
     "Each process that made something with a name holds a lease: 'held' while it lives,\n"
     "'inherited' while a process lives to which it was passed on, 'orphaned' after that.\n",
     ls_options, cmd_ls},
    {"gc", "", "remove what processes have left that were killed",
     "Only what a journal names whose lock is free, because its process is dead, and\n"
     "only if it still is the file that was made. Nothing is removed for its age.\n"
     "\n"
     "Exit status: 0, or 1 when something could not be removed.\n",
     gc_options, cmd_gc},
    {"bench", "[FILE.pkl... | disk-memory]",
     "measure dumping and loading objects, in files and in buffers",
     "Measures the pickles in the files, or the workloads simple_list, function,\n"
     "class_instance, nested_dict and mixed_structure. A file operation dumps to a temporary\n"
     "file and loads from it; a buffer operation uses a file in memory.\n"
     "Nothing that a pickle names is imported or called.\n"
     "\n"
     "With disk-memory: a text is written to a file in memory, in tmpfs, on disk, and to a\n"
     "spool that moves to disk half-way, and read again; making and closing them counts.\n"
     "(A pickle of that name is ./disk-memory.)\n",
     bench_options, cmd_bench},
#ifdef MFI_HAVE_SOURCE
    {"call", "FILE.c FUNCTION [ARG...]", "compile a C file and call one of its functions",
     "ARGs are numbers, true or false, or strings, as the function's parameters say; negative\n"
     "numbers stand behind --. The result is printed on a line: nothing for void. What was\n"
     "compiled is remembered.\n"
     "\n"
     "    mayfly call square.c square 12\n"
     "    mayfly call geometry.c distance -- -1.5 2\n"
     "\n"
     "What the file holds runs with your rights: a file that somebody else could have\n"
     "written, or moved there, is refused, and so is one with constructors.\n"
     "\n"
     "Exit status: 0; 1 when it cannot be read, compiled or loaded; 2 for wrong usage, and\n"
     "arguments that the function does not take.\n",
     call_options, cmd_call},
#endif
    {"inspect", "FILE", "show what a pickle file holds, without loading it with Python",
     inspect_details, inspect_options, cmd_inspect},
#ifdef MFI_HAVE_SOURCE
    {"source", "PROGRAM FUNCTION", "print the source of a function, with what it uses",
     source_details, source_options, cmd_source},
#endif
    {"completion", "SHELL", "print the completion for a shell",
     "SHELL is bash, zsh or fish. An installation puts all three where the shells look.\n"
     "\n"
     "    . <(mayfly completion bash)              in ~/.bashrc\n"
     "    . <(mayfly completion zsh)               in ~/.zshrc, after compinit\n"
     "    mayfly completion fish | source          in ~/.config/fish/config.fish\n",
     no_options, cmd_completion},
    {"help", "[COMMAND]", "show what the commands do", "", help_options, cmd_help},
    {"version", "", "show the version", "", no_options, cmd_version},
    {0},
};

const struct cli_command *cli_find(const char *name) {
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

/* How many letters must be added, left out or exchanged (Levenshtein), for short names. */
static size_t distance(const char *one, const char *other) {
    size_t row[32];
    const size_t width = strlen(other);
    if (width >= 32)
        return 99;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; one[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            const size_t above = row[j];
            const size_t change = diagonal + (one[i - 1] != other[j - 1]);
            const size_t step = (above < row[j - 1] ? above : row[j - 1]) + 1;
            row[j] = change < step ? change : step;
            diagonal = above;
        }
    }
    return row[width];
}

static int unknown(const char *name) {
    const char *nearest = NULL;
    size_t best = strlen(name) < 3 ? strlen(name) : 3; /* not all of it may be another */
    for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
        const size_t d = distance(name, command->name);
        if (d < best) {
            best = d;
            nearest = command->name;
        }
    }
    if (nearest != NULL)
        return cli_usage("there is no command '%s'; did you mean '%s'?", name, nearest);
    return cli_usage("there is no command '%s'", name);
}

/* What was printed must have arrived: a full disk is a failure. */
static int finish(int status) {
    if (ferror(stdout) || fflush(stdout) != 0)
        return cli_say(EXIT_FAILED, "standard output: %s", strerror(errno));
    return status;
}

/* Started with a standard stream closed, this command would open its own files under the number of
 * it, and what is said there would be written into them. What stands there instead fails as the
 * closed one did, and a command that is run finds it closed again. */
static void hold_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

int main(int argc, char **argv) {
    struct cli_values values;
    hold_standard_streams();
    /* Where the handlers cannot be had, the lease is left. */
    (void)mayfly_keep_on_signals(MAYFLY_ON_USUAL, NULL);
    if (argc < 2)
        return cli_usage("a command is missing");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const struct cli_command *command = cli_find(name);
    if (command == NULL)
        return unknown(name);
    const int parsed = cli_parse(command, argc - 2, argv + 2, &values);
    if (parsed < 0) {
        cli_print_help(command);
        return finish(EXIT_OK);
    }
    return finish(parsed != 0 ? parsed : command->run(&values));
}
