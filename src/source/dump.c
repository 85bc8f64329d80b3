/* SPDX-License-Identifier: MIT
 *
 * The public face of dumping: where the text comes from, which form it gets, where it goes.
 *
 * The order in which the text is looked for
 *   1. the text that the file of the call carries, if it defines a function of the name at the call
 *   2. the debug information of what the pointer leads to: the text that its module carries, or
 *      the file that it names
 *   3. the name that the loader knows for the pointer, then the name at the call, in whatever texts
 *      the process carries
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>

#include "read.h"
#include "result.h"

static const char operation[] = "dump source";

void mfi_origin_free(struct mfi_origin *origin) {
    free(origin->path);
    free(origin->within);
    free(origin->symbol);
    free(origin->owned);
    mfi_flags_free(&origin->flags);
    mfi_flags_free(&origin->headers);
    *origin = (struct mfi_origin){0};
}

/* ---- the text -------------------------------------------------------------------------------- */

static char *mapped_path(const char *path, const mayfly_source_options *options) {
    const size_t size = options->map_from != NULL ? strlen(options->map_from) : 0;
    if (size > 0 && options->map_to != NULL && strncmp(path, options->map_from, size) == 0)
        return mfi_format("%s%s", options->map_to, path + size);
    return mfi_strdup(path);
}

static int read_file(struct mfi_extraction *e, mayfly_error *error) {
    struct mfi_origin *origin = &e->origin;
    struct mfi_text text;
    char *path = e->options->source != NULL ? mfi_strdup(e->options->source)
                                            : mapped_path(origin->path, e->options);
    if (path == NULL)
        return mfi_fail_memory(error, 0);
    free(origin->path);
    origin->path = path;
    int r = mfi_read_text(path, &text, error);
    if (r == -ENOENT || r == -ENOTDIR)
        return mfi_fail(error, MAYFLY_E_NO_SOURCE, operation, path,
                        "the file that %s was compiled from is not there: say where it is with "
                        ".source or .map_from, or have programs carry their text by "
                        "MAYFLY_EMBED_SOURCE()",
                        origin->symbol);
    if (r < 0)
        return r;
    origin->text = origin->owned = text.data;
    origin->size = text.size;
    if (origin->built != 0 && text.changed > origin->built && !e->options->changed)
        return mfi_fail(error, MAYFLY_E_CHANGED, operation, path,
                        "it was changed after the program was built, so that it is not the source "
                        "of %s: build again, or say .changed if that does not matter",
                        origin->symbol);
    return 0;
}

/* What the loader calls a function; NULL: it does not know it. */
static const char *loaders_name(mayfly_function function, const void **ret_module) {
    Dl_info info;
    void *address;
    memcpy(&address, &function, sizeof address);
    if (function == NULL || dladdr(address, &info) == 0 || info.dli_sname == NULL ||
        info.dli_saddr != address)
        return NULL;
    *ret_module = NULL;
    return info.dli_sname;
}

/* By the debug information; its module's own text goes before the file. */
static int find_debug(struct mfi_extraction *e, mayfly_error *error) {
    struct mfi_origin carried = {0};
    int r = mfi_locate(e->wanted, &e->origin, error);
    if (r < 0)
        return r;
    r = e->options->source == NULL ? mfi_locate_embedded(e->wanted, e->origin.symbol, false,
                                                         e->origin.module, &carried, NULL)
                                   : 0;
    const char *own = strrchr(e->origin.path, '/');
    own = own != NULL ? own + 1 : e->origin.path;
    const char *other = r == 1 && strrchr(carried.path, '/') != NULL
                            ? strrchr(carried.path, '/') + 1
                            : carried.path;
    if (r != 1 || strcmp(own, other) != 0) {
        mfi_origin_free(&carried);
        return read_file(e, error);
    }
    e->origin.text = carried.text;
    e->origin.size = carried.size;
    e->origin.embedded = true;
    carried.text = NULL;
    /* What the program says of its flags goes before what was found out. */
    if (carried.flags.count > 0) {
        mfi_flags_free(&e->origin.flags);
        e->origin.flags = carried.flags;
        carried.flags = (struct mfi_flags){0};
        mfi_flags_free(&e->origin.headers);
    }
    mfi_origin_free(&carried);
    return 0;
}

struct texts {
    const char *first;
    size_t count;
};

static int note_text(const struct mfi_embedded *text, void *context) {
    struct texts *texts = context;
    if (texts->count++ == 0)
        texts->first = text->path;
    return 0;
}

/* A program without debug information that carries texts has just none of this function. */
static int tell_texts(const struct mfi_wanted *wanted, const char *name, mayfly_error *error) {
    struct texts texts = {0};
    (void)mfi_each_embedded_in(wanted->image, wanted->image_size, note_text, &texts);
    if (texts.count == 0)
        return MAYFLY_E_NO_SOURCE;
    return mfi_fail(error, MAYFLY_E_NO_FUNCTION, operation, name,
                    "the program carries %zu text%s, %s%s, of which none defines it, and has no "
                    "debug information",
                    texts.count, texts.count > 1 ? "s" : "", texts.first,
                    texts.count > 1 ? " and others" : "");
}

static int find_text(struct mfi_extraction *e, mayfly_error *error) {
    const struct mfi_wanted *wanted = e->wanted;
    const void *module = NULL;
    mfi_auto_free char *name = wanted->name != NULL ? mfi_plain_name(wanted->name) : NULL;
    int r = 0;
    if (name != NULL && (wanted->file != NULL || wanted->image != NULL))
        r = mfi_locate_embedded(wanted, name, wanted->image == NULL, NULL, &e->origin, error);
    if (r != 0)
        return r < 0 ? r : 0;
    const int why = find_debug(e, error);
    if (why == MAYFLY_E_NO_SOURCE && name != NULL && wanted->image != NULL)
        return tell_texts(wanted, name, error);
    if (why != MAYFLY_E_NO_SOURCE && why != MAYFLY_E_NO_FUNCTION)
        return why;
    mfi_origin_free(&e->origin);
    const char *symbol = loaders_name(wanted->function, &module);
    if (symbol == NULL && why == MAYFLY_E_NO_SOURCE)
        symbol = name;
    if (symbol != NULL && wanted->image == NULL)
        r = mfi_locate_embedded(wanted, symbol, false, NULL, &e->origin, NULL);
    return r == 1 ? 0 : why; /* what the error says */
}

/* ---- forms ----------------------------------------------------------------------------------- */

static void clear(struct mayfly_source *source) {
    free(source->name);
    free(source->signature);
    free(source->flags);
    free(source->path);
    mfi_buffer_free(&source->text);
    mfi_flags_free(&source->needs);
    *source = (struct mayfly_source){0};
}

/* The first form that is right. */
static int choose_form(struct mfi_extraction *e, struct mayfly_source *ret, mayfly_error *error) {
    static const mayfly_source_form forms[] = {MAYFLY_SOURCE_CLOSURE, MAYFLY_SOURCE_PREPROCESSED,
                                               MAYFLY_SOURCE_UNIT};
    bool checked = !e->options->unchecked;
    mayfly_error first, why;
    int r = 0;
    for (size_t i = 0; i < MFI_LENGTH(forms); i++) {
        if (!checked && forms[i] == MAYFLY_SOURCE_PREPROCESSED)
            continue;
        r = mfi_make(e, forms[i], checked, ret, &why);
        if (r == MAYFLY_E_NO_COMPILER) {
            clear(ret);
            checked = false;
            r = forms[i] == MAYFLY_SOURCE_PREPROCESSED ? r
                                                       : mfi_make(e, forms[i], false, ret, &why);
        }
        if (r == 0) {
            if (i > 0)
                (void)snprintf(ret->why, sizeof ret->why, "%.500s", first.message);
            return 0;
        }
        clear(ret);
        if (i == 0)
            first = why;
        if (r != MAYFLY_E_EXTRACT && r != MAYFLY_E_COMPILE && r != MAYFLY_E_NO_FUNCTION &&
            r != MAYFLY_E_NO_COMPILER)
            break;
    }
    if (error != NULL)
        *error = r == MAYFLY_E_COMPILE || r == MAYFLY_E_NO_FUNCTION ? first : why;
    return r == MAYFLY_E_COMPILE || r == MAYFLY_E_NO_FUNCTION ? first.code : r;
}

static bool is_identifier(const char *text) {
    const size_t size =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return size > 0 && size <= 255 && text[size] == '\0' && (*text < '0' || *text > '9');
}

static int use_flags(struct mfi_extraction *e, mayfly_error *error) {
    size_t count = 0;
    if (e->options->flags == NULL)
        return 0;
    mfi_flags_free(&e->origin.flags);
    mfi_flags_free(&e->origin.headers);
    while (e->options->flags[count] != NULL)
        count++;
    return mfi_flags_filter(&e->origin.flags, e->options->flags, count, NULL) < 0
               ? mfi_fail_memory(error, count)
               : 0;
}

static int extract(struct mfi_extraction *e, struct mayfly_source *ret, mayfly_error *error) {
    const mayfly_source_options *options = e->options;
    if (options->alias != NULL && !is_identifier(options->alias))
        return mfi_fail(error, -EINVAL, operation, e->wanted->name,
                        "the alias \"%s\" is no name of C", options->alias);
    if (options->form < MAYFLY_SOURCE_AUTO || options->form > MAYFLY_SOURCE_UNIT)
        return mfi_fail(error, MAYFLY_E_OPTION, operation, e->wanted->name,
                        "there is no form of the number %d", (int)options->form);
    int r = find_text(e, error);
    if (r == 0)
        r = use_flags(e, error);
    if (r == 0)
        r = mfi_values(e, error);
    if (r < 0)
        return r;
    return options->form == MAYFLY_SOURCE_AUTO
               ? choose_form(e, ret, error)
               : mfi_make(e, options->form, !options->unchecked, ret, error);
}

static int extract_wanted(struct mfi_wanted *wanted, size_t options_size,
                          const mayfly_source_options *options, mayfly_source **ret,
                          mayfly_error *error) {
    mayfly_source_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, operation, error);
    if (r < 0)
        return r;
    wanted->options = &known;
    struct mfi_extraction e = {.wanted = wanted,
                               .options = &known,
                               .compiler = known.compiler != NULL ? known.compiler : "cc"};
    struct mayfly_source *source = mfi_sys.calloc(1, sizeof *source);
    if (source == NULL)
        return mfi_fail_memory(error, sizeof *source);
    r = extract(&e, source, error);
    mfi_origin_free(&e.origin);
    free(e.values);
    if (r == 0)
        *ret = source;
    else
        mayfly_source_free(&source);
    return r;
}

int mayfly_source_extract_sized(size_t options_size, mayfly_function function, const char *name,
                                const char *file, const mayfly_source_options *options,
                                mayfly_source **ret, mayfly_error *error) {
    struct mfi_wanted wanted = {.function = function, .name = name, .file = file};
    if (function == NULL)
        return mfi_fail(error, MAYFLY_E_NO_FUNCTION, operation, name, "the pointer is NULL");
    return extract_wanted(&wanted, options_size, options, ret, error);
}

int mayfly_source_of_program_sized(size_t options_size, const char *program, const char *name,
                                   const mayfly_source_options *options, mayfly_source **ret,
                                   mayfly_error *error) {
    struct mfi_text image;
    int r = mfi_read_text(program, &image, error);
    if (r < 0)
        return r;
    struct mfi_wanted wanted = {
        .program = program, .image = image.data, .image_size = image.size, .name = name};
    r = extract_wanted(&wanted, options_size, options, ret, error);
    free(image.data);
    return r;
}

/* ---- the result ------------------------------------------------------------------------------ */

void mayfly_source_free(mayfly_source **source) {
    if (source == NULL || *source == NULL)
        return;
    clear(*source);
    free(*source);
    *source = NULL;
}

void mayfly_source_auto(mayfly_source **source) {
    mayfly_source_free(source);
}

const char *mayfly_source_text(const mayfly_source *source, size_t *ret_size) {
    if (ret_size != NULL)
        *ret_size = source->text.size;
    return source->text.data;
}

const char *mayfly_source_name(const mayfly_source *source) {
    return source->name;
}

const char *mayfly_source_signature(const mayfly_source *source) {
    return source->signature;
}

const char *mayfly_source_flags(const mayfly_source *source) {
    return source->flags;
}

const char *mayfly_source_path(const mayfly_source *source) {
    return source->path;
}

unsigned mayfly_source_line(const mayfly_source *source) {
    return source->line;
}

bool mayfly_source_embedded(const mayfly_source *source) {
    return source->embedded;
}

mayfly_source_form mayfly_source_formed(const mayfly_source *source) {
    return source->form;
}

const char *mayfly_source_why(const mayfly_source *source) {
    return source->why;
}

size_t mayfly_source_unit_size(const mayfly_source *source) {
    return source->unit_size;
}

const char *mayfly_source_need(const mayfly_source *source, size_t index) {
    return index < source->needs.count ? source->needs.items[index] : NULL;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int dump(size_t options_size, mayfly_function function, const char *name, const char *file,
                const mayfly_source_options *options, bool in_memory, mayfly_file **ret,
                mayfly_error *error) {
    mayfly_source_options known;
    mayfly_auto(mayfly_source) source = NULL;
    mayfly_file *made = NULL;
    int r = mfi_options_import(&known, sizeof known, options, options_size, operation, error);
    if (r == 0)
        r = mayfly_source_extract_sized(sizeof known, function, name, file, &known, &source, error);
    if (r < 0)
        return r;
    const mayfly_file_options how = {
        .prefix = known.prefix, .suffix = in_memory ? NULL : ".c", .dir = known.dir};
    r = in_memory ? mayfly_spooled_temporary_file(&how, &made, error)
                  : mayfly_named_temporary_file(&how, &made, error);
    if (r < 0)
        return r;
    r = mayfly_file_write(made, source->text.data, source->text.size, error);
    if (r >= 0)
        r = mayfly_file_flush(made, error);
    if (r >= 0 && mayfly_file_seek(made, 0, SEEK_SET, error) < 0)
        r = -EIO;
    if (r >= 0 && known.keep && !in_memory)
        r = mayfly_file_keep(made, error);
    if (r >= 0)
        *ret = made;
    else
        (void)mayfly_file_close(&made, NULL); /* what failed first is what counts */
    return r < 0 ? r : 0;
}

int mayfly_dump_source_sized(size_t options_size, mayfly_function function, const char *name,
                             const char *file, const mayfly_source_options *options,
                             mayfly_file **ret, mayfly_error *error) {
    return dump(options_size, function, name, file, options, false, ret, error);
}

int mayfly_dump_source_io_sized(size_t options_size, mayfly_function function, const char *name,
                                const char *file, const mayfly_source_options *options,
                                mayfly_file **ret, mayfly_error *error) {
    return dump(options_size, function, name, file, options, true, ret, error);
}
