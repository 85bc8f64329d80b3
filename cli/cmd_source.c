/* SPDX-License-Identifier: MIT
 *
 * mayfly source: the source of a function of a program or library.
 */
#include <mayfly/source.h>
#include <string.h>

#include "command.h"

static int form_of(const struct cli_values *values, mayfly_source_form *ret) {
    static const char *const names[] = {"auto", "closure", "preprocessed", "unit"};
    const char *name = cli_value(values, "form");
    *ret = MAYFLY_SOURCE_AUTO;
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = (mayfly_source_form)i;
            return EXIT_OK;
        }
    return name == NULL ? EXIT_OK
                        : cli_usage("--form is auto, closure, preprocessed or unit, not %s", name);
}

/* What cannot be seen from the text. */
static void tell(const mayfly_source *source) {
    static const char *const forms[] = {"", "closure", "preprocessed", "unit"};
    size_t size;
    (void)mayfly_source_text(source, &size);
    (void)fprintf(stderr, "%s\n  %s:%u%s\n  %s, %zu of %zu bytes\n",
                  mayfly_source_signature(source), mayfly_source_path(source),
                  mayfly_source_line(source),
                  mayfly_source_embedded(source) ? " (in the program)" : "",
                  forms[mayfly_source_formed(source)], size, mayfly_source_unit_size(source));
    if (*mayfly_source_why(source) != '\0')
        (void)fprintf(stderr, "  because %s\n", mayfly_source_why(source));
    for (size_t i = 0; mayfly_source_need(source, i) != NULL; i++)
        (void)fprintf(stderr, "  needs %s\n", mayfly_source_need(source, i));
}

int cmd_source(const struct cli_values *values) {
    mayfly_error error;
    mayfly_auto(mayfly_source) source = NULL;
    mayfly_source_options options = {.alias = cli_value(values, "alias"),
                                     .compiler = cli_value(values, "compiler"),
                                     .source = cli_value(values, "from"),
                                     .unchecked = cli_value(values, "unchecked") != NULL,
                                     .changed = cli_value(values, "changed") != NULL};
    size_t size;
    const int usage = form_of(values, &options.form);
    if (usage != EXIT_OK)
        return usage;
    if (values->operand_count != 2)
        return cli_usage("takes a program and the name of a function");
    if (mayfly_source_of_program(values->operands[0], values->operands[1], &options, &source,
                                 &error) < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    if (cli_value(values, "long") != NULL)
        tell(source);
    const char *text = mayfly_source_text(source, &size);
    return fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0
               ? EXIT_OK
               : cli_say(EXIT_FAILED, "the source cannot be written");
}
