/* SPDX-License-Identifier: MIT
 *
 * Namespaces: loading a text, looking its names up.
 *
 * Where the names come from. A dumped file has a table, mayfly_namespace, whose rows are taken as
 * they are, with what is static; any other text's are those that its object exports.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

static const char operation[] = "load source";

/* ---- ending ---------------------------------------------------------------------------------- */

int mayfly_namespace_close(mayfly_namespace **ns, mayfly_error *error) {
    (void)error;
    if (ns == NULL || *ns == NULL)
        return 0;
    mayfly_namespace *ending = mfi_take(*ns);
    mfi_module_unload(&ending->module);
    mfi_compiled_free(&ending->compiled);
    free(ending->names);
    free(ending->main);
    free(ending->original);
    free(ending);
    return 0;
}

void mayfly_namespace_auto(mayfly_namespace **ns) {
    (void)mayfly_namespace_close(ns, NULL);
}

/* ---- names ----------------------------------------------------------------------------------- */

static int add_name(mayfly_namespace *ns, struct mfi_named named) {
    if (ns->count == ns->capacity) {
        const size_t capacity = ns->capacity == 0 ? 16 : 2 * ns->capacity;
        struct mfi_named *grown = mfi_sys.realloc(ns->names, capacity * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        ns->names = grown;
        ns->capacity = capacity;
    }
    if (ns->original != NULL && strcmp(named.name, ns->original) == 0)
        named.name = ns->main;
    ns->names[ns->count++] = named;
    return 0;
}

/* As a dumped file has it. */
struct row {
    const char *name;
    mayfly_function function;
    void *data;
    const char *signature;
};

static int add_table(mayfly_namespace *ns, const struct row *rows) {
    int r = 0;
    for (; r == 0 && rows->name != NULL; rows++)
        r = add_name(ns, (struct mfi_named){.name = rows->name,
                                            .known = rows->function,
                                            .data = rows->data,
                                            .signature = rows->signature,
                                            .function = rows->function != NULL});
    return r;
}

/* Their addresses are looked up when they are asked for. */
static int add_exports(mayfly_namespace *ns) {
    const char *const end = ns->compiled.names.data + ns->compiled.names.size;
    int r = 0;
    for (const char *at = ns->compiled.names.data; r == 0 && at < end;) {
        const char *name = at + 1, *signature = name + strlen(name) + 1;
        r = add_name(ns, (struct mfi_named){.name = name,
                                            .exported = name,
                                            .signature = signature[0] == '\0' ? NULL : signature,
                                            .function = *at == 'f'});
        at = signature + strlen(signature) + 1;
    }
    return r;
}

/* Values that go along: a dumped file has them beside the variables. */
static void copy_values(const struct mfi_module *module) {
    struct value {
        void *to;
        const void *from;
        unsigned long size;
    };
    const struct value *at = mfi_module_symbol(module, "mayfly_values");
    for (; at != NULL && at->to != NULL; at++)
        memcpy(at->to, at->from, at->size);
}

static int name_all(mayfly_namespace *ns, const char *path, mayfly_error *error) {
    const struct row *table = mfi_module_symbol(ns->module, "mayfly_namespace");
    const int r = table != NULL ? add_table(ns, table) : add_exports(ns);
    if (r < 0)
        return mfi_fail_memory(error, 0);
    if (ns->original != NULL && mayfly_namespace_function(ns, NULL) == NULL)
        return mfi_fail(error, MAYFLY_E_NO_FUNCTION, operation, path,
                        "its last line names the function '%s', which it does not have or which "
                        "is static",
                        ns->original);
    return 0;
}

/* ---- loading --------------------------------------------------------------------------------- */

static char *copy_text(const char *text) {
    return text == NULL ? NULL : mfi_strdup(text);
}

/* What the function of the last line is called. */
static int set_main(mayfly_namespace *ns, const struct mfi_contract *contract, const char *alias,
                    const char *path, mayfly_error *error) {
    if (alias != NULL && !mfi_is_name(alias, strlen(alias)))
        return mfi_fail(error, -EINVAL, operation, path,
                        "the alias \"%s\" is no identifier of at most 255 characters", alias);
    if (alias != NULL && contract->name == NULL)
        return mfi_fail(error, MAYFLY_E_NO_FUNCTION, operation, path,
                        "it does not say which function the alias %s is for: its last line is not "
                        "/* #NAME: ... */",
                        alias);
    ns->original = copy_text(contract->name);
    ns->main = copy_text(alias != NULL ? alias : contract->name);
    return contract->name != NULL && (ns->original == NULL || ns->main == NULL)
               ? mfi_fail_memory(error, 0)
               : 0;
}

/* A copy of the messages for the caller, whatever else becomes of them; of the last one. */
static void give_diagnostics(const mayfly_load_source_options *options,
                             const struct mfi_compiled *compiled) {
    if (options->ret_diagnostics == NULL)
        return;
    free(*options->ret_diagnostics);
    *options->ret_diagnostics = copy_text(compiled->diagnostics.data);
}

static int compile(mayfly_namespace *ns, struct mfi_unit *unit, mayfly_error *error) {
    mfi_compiled_free(&ns->compiled);
    int r = mfi_compiler(unit, error);
    if (r == 0)
        r = mfi_compile_cached(unit, &ns->compiled, error);
    give_diagnostics(unit->options, &ns->compiled);
    if (r == 0 && ns->compiled.runs.size > 0 && !unit->options->constructors)
        return mfi_fail(error, MAYFLY_E_POLICY, operation, unit->path,
                        "it has %s, which would run before anything of it is called; if that is "
                        "meant, say .constructors of the options",
                        ns->compiled.runs.data);
    return r;
}

static int compile_and_load(mayfly_namespace *ns, struct mfi_unit *unit, mayfly_error *error) {
    const int r = compile(ns, unit, error);
    return r < 0 ? r
                 : mfi_module_load(ns->compiled.object.data, ns->compiled.object.size, unit->path,
                                   &ns->module, error);
}

/* Most texts need no libm. Only lines with a '#' are looked at: a text is looked through in no
 * time for one character. */
static bool needs_math(const struct mfi_unit *unit) {
    const char *const end = unit->text + unit->size;
    for (const char *at = unit->text; (at = memchr(at, '#', (size_t)(end - at))) != NULL;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const size_t size = (size_t)((stop != NULL ? stop : end) - at);
        if (memmem(at, size, "math.h", 6) != NULL || memmem(at, size, "complex.h", 9) != NULL)
            return true;
        at += size;
    }
    return false;
}

/* What a dumped file knows of names that it lacks. */
static void add_needs(mayfly_error *error, const char *needs) {
    const size_t size = error == NULL ? 0 : strlen(error->message);
    if (error != NULL && needs != NULL)
        (void)snprintf(error->message + size, sizeof error->message - size,
                       "; it says that it needs %s", needs);
}

static int fill(mayfly_namespace *ns, struct mfi_unit *unit, const struct mfi_contract *contract,
                mayfly_error *error) {
    int r = set_main(ns, contract, unit->options->alias, unit->path, error);
    if (r < 0)
        return r;
    unit->math = needs_math(unit);
    r = compile_and_load(ns, unit, error);
    if (r == MAYFLY_E_UNRESOLVED && !unit->math) {
        unit->math = true;
        r = compile_and_load(ns, unit, error);
    }
    if (r == MAYFLY_E_UNRESOLVED)
        add_needs(error, contract->needs);
    if (r < 0)
        return r;
    mfi_buffer_free(&ns->compiled.object);
    copy_values(ns->module);
    return name_all(ns, unit->path, error);
}

int mfi_namespace_load(const char *text, size_t size, const char *path, const char *more,
                       const mayfly_load_source_options *options, mayfly_namespace **ret,
                       mayfly_error *error) {
    mfi_auto_contract contract = {0};
    mayfly_auto(mayfly_namespace) ns = NULL;
    if (options->ret_diagnostics != NULL)
        *options->ret_diagnostics = NULL;
    int r = mfi_contract_read(text, size, path, &contract, error);
    if (r < 0)
        return r;
    ns = mfi_sys.calloc(1, sizeof *ns);
    if (ns == NULL)
        return mfi_fail_memory(error, sizeof *ns);
    struct mfi_unit unit = {.text = text,
                            .size = size,
                            .path = path,
                            .flags = &contract.flags,
                            .more = more,
                            .options = options};
    r = fill(ns, &unit, &contract, error);
    mfi_unit_free(&unit);
    if (r == 0)
        *ret = mfi_take(ns);
    return r;
}

int mayfly_load_source_sized(size_t options_size, const char *path,
                             const mayfly_load_source_options *options, mayfly_namespace **ret,
                             mayfly_error *error) {
    mayfly_load_source_options known;
    mfi_auto_buffer text = {0};
    int r = mfi_options_import(&known, sizeof known, options, options_size, operation, error);
    if (r == 0)
        r = mfi_trust_read(path, &known, &text, error);
    return r < 0 ? r : mfi_namespace_load(text.data, text.size, path, NULL, &known, ret, error);
}

static int check_size(uint64_t size, const mayfly_load_source_options *options,
                      mayfly_error *error) {
    const uint64_t most = options->max_bytes != 0 ? options->max_bytes : (uint64_t)64 << 20;
    return size <= most ? 0
                        : mfi_fail(error, MAYFLY_E_LIMIT, operation, NULL,
                                   "the text has %llu bytes, more than the %llu that .max_bytes "
                                   "allows",
                                   (unsigned long long)size, (unsigned long long)most);
}

static int load_text(const char *text, size_t size, const mayfly_load_source_options *options,
                     mayfly_namespace **ret, mayfly_error *error) {
    mfi_auto_buffer copy = {0};
    const int r = check_size(size, options, error);
    if (r < 0)
        return r;
    if (mfi_buffer_append(&copy, text, size) < 0) /* with a NUL behind it */
        return mfi_fail_memory(error, size);
    return mfi_namespace_load(copy.data, copy.size, NULL, NULL, options, ret, error);
}

int mayfly_load_source_io_sized(size_t options_size, const char *text, size_t size,
                                const mayfly_load_source_options *options, mayfly_namespace **ret,
                                mayfly_error *error) {
    mayfly_load_source_options known;
    const int r = mfi_options_import(&known, sizeof known, options, options_size, operation, error);
    return r < 0 ? r
                 : load_text(text, size == MAYFLY_ALL ? strlen(text) : size, &known, ret, error);
}

/* All of it from its beginning, whatever its position. */
static int read_file(mayfly_file *file, size_t size, struct mfi_buffer *to, mayfly_error *error) {
    const int64_t position = mayfly_file_tell(file, error);
    int64_t at = position < 0 ? position : mayfly_file_seek(file, 0, SEEK_SET, error);
    if (at >= 0 && mfi_buffer_reserve(to, size) < 0)
        return mfi_fail_memory(error, size);
    while (at >= 0 && to->size < size) {
        at = mayfly_file_read(file, to->data + to->size, size - to->size, error);
        if (at <= 0)
            break;
        to->size += (size_t)at;
    }
    if (position >= 0) {
        const int64_t back = mayfly_file_seek(file, position, SEEK_SET, at < 0 ? NULL : error);
        at = at < 0 ? at : back;
    }
    return at < 0 ? (int)at : 0;
}

int mayfly_load_source_file_sized(size_t options_size, mayfly_file *file,
                                  const mayfly_load_source_options *options, mayfly_namespace **ret,
                                  mayfly_error *error) {
    mayfly_load_source_options known;
    mfi_auto_buffer text = {0};
    int r = mfi_options_import(&known, sizeof known, options, options_size, operation, error);
    if (r < 0)
        return r;
    const int64_t size = mayfly_file_size(file, error);
    if (size < 0)
        return (int)size;
    r = check_size((uint64_t)size, &known, error);
    if (r == 0)
        r = read_file(file, (size_t)size, &text, error);
    return r < 0 ? r : load_text(text.data, text.size, &known, ret, error);
}

/* Its text, with the flags and the name that the value has where the text does not say them. */
static int text_of(const mayfly_c_function *function, struct mfi_buffer *to, mayfly_error *error) {
    mfi_auto_contract contract = {0};
    mfi_auto_free char *head = NULL, *foot = NULL;
    const size_t size = strlen(function->source);
    int r = mfi_contract_read(function->source, size, NULL, &contract, error);
    if (r < 0)
        return r;
    if (!mfi_is_name(function->name, strlen(function->name)))
        return mfi_fail(error, MAYFLY_E_SYNTAX, operation, NULL, "its name is no identifier");
    head = contract.flags.count > 0 || function->flags[0] == '\0'
               ? mfi_strdup("")
               : mfi_format("/* #FLAGS: %s */\n#line 1\n", function->flags);
    foot =
        contract.name != NULL ? mfi_strdup("") : mfi_format("\n/* #NAME: %s */\n", function->name);
    r = head == NULL || foot == NULL ? -ENOMEM : mfi_buffer_append(to, head, strlen(head));
    if (r == 0)
        r = mfi_buffer_append(to, function->source, size);
    if (r == 0)
        r = mfi_buffer_append(to, foot, strlen(foot));
    return r < 0 ? mfi_fail_memory(error, size) : 0;
}

int mayfly_load_source_value_sized(size_t options_size, mayfly_value value,
                                   const mayfly_load_source_options *options,
                                   mayfly_namespace **ret, mayfly_error *error) {
    mayfly_load_source_options known;
    mayfly_c_function function;
    mfi_auto_buffer text = {0};
    int r = mfi_options_import(&known, sizeof known, options, options_size, operation, error);
    if (r == 0)
        r = mayfly_c_function_get(value, &function, error);
    if (r == 0)
        r = text_of(&function, &text, error);
    return r < 0 ? r : load_text(text.data, text.size, &known, ret, error);
}

/* ---- looking up ------------------------------------------------------------------------------ */

/* Without a name the one of the last line, or the only function. */
static const struct mfi_named *find(const mayfly_namespace *ns, const char *name) {
    const struct mfi_named *only = NULL;
    size_t functions = 0;
    if (name == NULL)
        name = ns->main;
    for (size_t i = 0; i < ns->count; i++) {
        const struct mfi_named *at = &ns->names[i];
        if (name != NULL && strcmp(at->name, name) == 0)
            return at;
        if (at->function) {
            only = at;
            functions++;
        }
    }
    return name == NULL && functions == 1 ? only : NULL;
}

mayfly_function mayfly_namespace_function(const mayfly_namespace *ns, const char *name) {
    const struct mfi_named *found = find(ns, name);
    mayfly_function function = NULL;
    if (found == NULL || !found->function)
        return NULL;
    if (found->exported == NULL)
        return found->known;
    /* ISO C keeps the addresses of functions apart from those of data, and POSIX does not. */
    void *address = mfi_module_symbol(ns->module, found->exported);
    memcpy(&function, &address, sizeof function);
    return function;
}

void *mayfly_namespace_symbol(const mayfly_namespace *ns, const char *name) {
    const struct mfi_named *found = name == NULL ? NULL : find(ns, name);
    if (found == NULL || found->function)
        return NULL;
    return found->exported == NULL ? found->data : mfi_module_symbol(ns->module, found->exported);
}

size_t mayfly_namespace_count(const mayfly_namespace *ns) {
    return ns->count;
}

const char *mayfly_namespace_name(const mayfly_namespace *ns, size_t index) {
    return index < ns->count ? ns->names[index].name : NULL;
}

const char *mayfly_namespace_signature(const mayfly_namespace *ns, const char *name) {
    const struct mfi_named *found = find(ns, name);
    return found == NULL ? NULL : found->signature;
}

const char *mayfly_namespace_diagnostics(const mayfly_namespace *ns) {
    return ns->compiled.diagnostics.data == NULL ? "" : ns->compiled.diagnostics.data;
}
