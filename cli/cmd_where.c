/* SPDX-License-Identifier: MIT
 *
 * mayfly where: which directory, and why.
 */
#include <inttypes.h>
#include <jansson.h>

#include "command.h"

static void print_bytes(const char *what, uint64_t bytes) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024;
    printf("%-12s %.*f %s (%" PRIu64 " bytes)\n", what, unit == 0 ? 0 : 1, value, units[unit],
           bytes);
}

static int print_report(const mayfly_where_report *report) {
    printf("%-12s %s\n", "directory", report->path);
    printf("%-12s %s\n", "because of", report->reason);
    printf("%-12s %04o\n", "mode", (unsigned)report->mode);
    printf("%-12s %s (%u:%u)\n", "owner", report->owner, (unsigned)report->uid,
           (unsigned)report->gid);
    printf("%-12s %s%s%s\n", "file system", report->file_system,
           report->in_memory ? ", in memory" : "", report->unnamed ? ", files without a name" : "");
    print_bytes("free", report->free_bytes);
    print_bytes("of", report->total_bytes);
    printf("%-12s %" PRIu64 " of %" PRIu64 "\n", "inodes free", report->free_inodes,
           report->total_inodes);
    return EXIT_OK;
}

static json_t *report_json(const mayfly_where_report *r) {
    char mode[16];
    (void)snprintf(mode, sizeof mode, "%04o", (unsigned)r->mode);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:b, s:b, s:I, s:I, s:I, s:I}", "path",
                     r->path, "reason", r->reason, "mode", mode, "owner", r->owner, "uid",
                     (json_int_t)r->uid, "gid", (json_int_t)r->gid, "file_system", r->file_system,
                     "in_memory", (int)r->in_memory, "unnamed", (int)r->unnamed, "total_bytes",
                     (json_int_t)r->total_bytes, "free_bytes", (json_int_t)r->free_bytes,
                     "total_inodes", (json_int_t)r->total_inodes, "free_inodes",
                     (json_int_t)r->free_inodes);
}

static int print_candidate(const char *reason, const char *path, int code, void *user) {
    char text[160] = "can be used";
    (void)user;
    if (code < 0)
        (void)mayfly_strerror(code, text, sizeof text);
    printf("%-18s %-28s %s\n", reason, path, text);
    return 0;
}

static int list_candidate(const char *reason, const char *path, int code, void *user) {
    char text[160] = "";
    json_t *list = user;
    if (code < 0)
        (void)mayfly_strerror(code, text, sizeof text);
    return json_array_append_new(list,
                                 json_pack("{s:s, s:s, s:b, s:s*}", "reason", reason, "path", path,
                                           "usable", code == 0, "error", code < 0 ? text : NULL));
}

static int show_all(mayfly_place place, const char *near, int json) {
    mayfly_error error = {.code = 0};
    json_t *list = json ? json_array() : NULL;
    if (mayfly_where_candidates(place, near, json ? list_candidate : print_candidate, list,
                                &error) < 0) {
        json_decref(list);
        return error.code == 0 ? cli_print_json(NULL) : cli_say(EXIT_FAILED, "%s", error.message);
    }
    return json ? cli_print_json(list) : EXIT_OK;
}

int cmd_where(const struct cli_values *values) {
    mayfly_place place;
    mayfly_where_report report;
    mayfly_error error;
    const char *near = cli_value(values, "near");
    if (values->operand_count > 0)
        return cli_usage("takes no operand");
    const int usage = cli_place(values, &place);
    if (usage != 0)
        return usage;
    if (cli_value(values, "all") != NULL)
        return show_all(place, near, cli_value(values, "json") != NULL);
    if (mayfly_where(place, near, &report, &error) < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    if (cli_value(values, "json") != NULL)
        return cli_print_json(report_json(&report));
    if (cli_value(values, "long") != NULL)
        return print_report(&report);
    printf("%s\n", report.path);
    return EXIT_OK;
}
