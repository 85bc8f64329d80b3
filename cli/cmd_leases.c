/* SPDX-License-Identifier: MIT
 *
 * mayfly ls, mayfly gc: what is there, whose it is, and what nobody has any more.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <jansson.h>
#include <time.h>

#include "command.h"

/* ---- in words -------------------------------------------------------------------------------- */

static const char *state_name(mayfly_lease_state state) {
    static const char *const names[] = {"held", "inherited", "orphaned", "damaged"};
    return names[state];
}

static void describe_bytes(uint64_t bytes, char *to, size_t size) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024;
    (void)snprintf(to, size, "%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
}

static void describe_age(int64_t since, char *to, size_t size) {
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    const int64_t age = (int64_t)time(NULL) - since;
    size_t unit = 0;
    while (unit < 3 && age < 2 * units[unit].seconds)
        unit++;
    if (since == 0)
        (void)snprintf(to, size, "-");
    else
        (void)snprintf(to, size, "%" PRId64 " %s", (age < 0 ? 0 : age) / units[unit].seconds,
                       units[unit].name);
}

/* Names of files and arguments are bytes; JSON is UTF-8. What is none becomes '?'. */
static json_t *text(const char *bytes) {
    json_t *string = json_string(bytes);
    char copy[4096];
    if (string != NULL)
        return string;
    (void)snprintf(copy, sizeof copy, "%s", bytes);
    for (char *at = copy; *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    return json_string(copy);
}

/* ---- ls -------------------------------------------------------------------------------------- */

static int print_lease(const mayfly_lease *lease, const mayfly_lease_entry *entry, void *user) {
    char age[32], bytes[32];
    int *count = user;
    if (entry == NULL) {
        describe_age(lease->since, age, sizeof age);
        printf("%s%d  %s%s  %s  %s\n", *count == 0 ? "" : "\n", lease->pid,
               state_name(lease->state), lease->earlier_boot ? " before the last boot" : "", age,
               lease->command[0] == '\0' ? lease->journal : lease->command);
        ++*count;
        return 0;
    }
    describe_age(entry->created, age, sizeof age);
    describe_bytes(entry->bytes, bytes, sizeof bytes);
    printf("    %-9s %9s  %7s  %s%s\n", entry->directory ? "directory" : "file", bytes, age,
           entry->path, entry->there ? "" : "  (gone)");
    return 0;
}

static int list_lease(const mayfly_lease *lease, const mayfly_lease_entry *entry, void *user) {
    json_t *list = user;
    if (entry == NULL)
        return json_array_append_new(
            list,
            json_pack("{s:i, s:s, s:i, s:I, s:b, s:o, s:o, s:[]}", "pid", lease->pid, "state",
                      state_name(lease->state), "uid", (int)lease->uid, "since",
                      (json_int_t)lease->since, "earlier_boot", (int)lease->earlier_boot, "command",
                      text(lease->command), "journal", text(lease->journal), "entries"));
    json_t *last = json_array_get(list, json_array_size(list) - 1);
    return json_array_append_new(
        json_object_get(last, "entries"),
        json_pack("{s:o, s:s, s:b, s:I, s:I, s:I}", "path", text(entry->path), "kind",
                  entry->directory ? "directory" : "file", "there", (int)entry->there, "created",
                  (json_int_t)entry->created, "bytes", (json_int_t)entry->bytes, "files",
                  (json_int_t)entry->files));
}

int cmd_ls(const struct cli_values *values) {
    mayfly_error error;
    int count = 0;
    const int json = cli_value(values, "json") != NULL;
    if (values->operand_count > 0)
        return cli_usage("takes no operand");
    json_t *list = json ? json_array() : NULL;
    const int r =
        json ? mayfly_leases(list_lease, list, &error) : mayfly_leases(print_lease, &count, &error);
    if (r < 0) {
        json_decref(list);
        return cli_say(EXIT_FAILED, "%s", error.message);
    }
    return json ? cli_print_json(list) : EXIT_OK;
}

/* ---- gc -------------------------------------------------------------------------------------- */

struct gc {
    int dry_run, quiet;
    json_t *list; /* NULL: printed as it comes */
};

static int show_reaped(const char *path, mayfly_reaped what, int code, void *user) {
    static const char *const names[] = {"removed", "gone", "other", "failed"};
    const struct gc *gc = user;
    char reason[160] = "";
    if (code < 0)
        (void)mayfly_strerror(code, reason, sizeof reason);
    if (gc->list != NULL)
        return json_array_append_new(gc->list,
                                     json_pack("{s:o, s:s, s:s*}", "path", text(path), "result",
                                               names[what], "error", code < 0 ? reason : NULL));
    if (what == MAYFLY_REAPED_FAILED)
        (void)cli_say(0, "%s: %s", path, reason);
    else if (what == MAYFLY_REAPED_OTHER)
        (void)cli_say(0, "%s: another file has this name by now; left alone", path);
    else if (!gc->quiet && what == MAYFLY_REAPED_REMOVED)
        printf("%s %s\n", gc->dry_run ? "would remove" : "removed", path);
    return 0;
}

static int print_result(const struct gc *gc, const mayfly_reap_result *result) {
    if (gc->list == NULL) {
        if (result->damaged > 0)
            (void)cli_say(0,
                          "%" PRIu64 " damaged; put aside as *.damaged where 'mayfly ls' shows "
                          "journals",
                          result->damaged);
        return EXIT_OK;
    }
    return cli_print_json(
        json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "dry_run", gc->dry_run, "leases",
                  (json_int_t)result->leases, "held", (json_int_t)result->held, "damaged",
                  (json_int_t)result->damaged, "removed", (json_int_t)result->removed, "gone",
                  (json_int_t)result->gone, "other", (json_int_t)result->other, "failed",
                  (json_int_t)result->failed, "entries", gc->list));
}

int cmd_gc(const struct cli_values *values) {
    mayfly_error error;
    mayfly_reap_result result = {0};
    struct gc gc = {.dry_run = cli_value(values, "dry-run") != NULL,
                    .quiet = cli_value(values, "quiet") != NULL};
    if (values->operand_count > 0)
        return cli_usage("takes no operand");
    if (cli_value(values, "json") != NULL)
        gc.list = json_array();
    const mayfly_reap_options options = {
        .dry_run = gc.dry_run != 0, .visit = show_reaped, .user = &gc};
    const int r = mayfly_reap(&options, &result, &error);
    int status = print_result(&gc, &result);
    json_decref(gc.list);
    if (r < 0)
        status = cli_say(EXIT_FAILED, "%s", error.message);
    return result.failed > 0 ? EXIT_FAILED : status;
}
