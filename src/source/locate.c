/* SPDX-License-Identifier: MIT
 *
 * Functions by their debug information, through libdw.
 *
 * What is not used of it, and why
 *   dwarf_getscopes        finds no function where inlined code stands at its beginning: the
 *                          functions of a unit are looked at one by one.
 *   dwfl_module_addrdie    gives a wrong unit where only some objects have an index of addresses: a
 *                          unit has to have the address, or all are looked at.
 *   dwarf_decl_file        ends the process for split units, and knows no file 0: the number is
 * read and looked up here. the last line          is not that of the closing brace: only the first
 * line is taken.
 *
 * What was found is remembered by its address, until a module is unloaded: a function that is asked
 * for again costs no look at any file.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "locate.h"
#include "read.h"

#ifdef MFI_HAVE_DW
#include "debug.h"

/* ---- files and flags of a unit --------------------------------------------------------------- */

static const char *string_of(Dwarf_Die *die, unsigned name) {
    Dwarf_Attribute attribute;
    return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

/* The path of a file of a unit's table, absolute if the unit says where it was compiled. */
static char *file_at(const struct mfi_dw_unit *unit, size_t index) {
    const char *path =
        index < unit->file_count ? dwarf_filesrc(unit->files, index, NULL, NULL) : NULL;
    return path != NULL ? mfi_path_below(unit->dir, path) : NULL;
}

static void open_unit(Dwarf_Die *die, Dwarf_Die *skeleton, struct mfi_dw_unit *ret) {
    *ret = (struct mfi_dw_unit){.die = *die, .skeleton = *skeleton};
    if (dwarf_getsrcfiles(&ret->skeleton, &ret->files, &ret->file_count) != 0)
        ret->file_count = 0;
    ret->dir = string_of(&ret->skeleton, DW_AT_comp_dir);
    if (ret->dir == NULL)
        ret->dir = string_of(die, DW_AT_comp_dir);
}

/* Compilers' own macros stand beside those of the command line. */
static bool is_own_macro(const char *text) {
    static const char *const own[] = {"__", "_LP64", "_FORTIFY_SOURCE", "unix", "linux", "i386"};
    for (size_t i = 0; i < MFI_LENGTH(own); i++)
        if (strncmp(text, own[i], strlen(own[i])) == 0)
            return true;
    return false;
}

struct macros {
    struct mfi_flags *to;
    Dwarf *dwarf;
    unsigned depth;
    int code;
};

/* -D and -U, which are the macros of line 0, before the first file begins. */
static int take_macro(Dwarf_Macro *macro, void *context) {
    struct macros *macros = context;
    unsigned opcode = 0;
    Dwarf_Word line = 1;
    Dwarf_Attribute attribute;
    if (dwarf_macro_opcode(macro, &opcode) != 0 || opcode == DW_MACRO_start_file)
        return DWARF_CB_ABORT;
    if (opcode == DW_MACRO_import) { /* the compiler's own and the command line's, all of them */
        Dwarf_Word offset;
        if (macros->depth == 0 && dwarf_macro_param(macro, 0, &attribute) == 0 &&
            dwarf_formudata(&attribute, &offset) == 0) {
            macros->depth++;
            (void)dwarf_getmacros_off(macros->dwarf, offset, take_macro, macros,
                                      DWARF_GETMACROS_START);
            macros->depth--;
        }
        return macros->code == 0 ? DWARF_CB_OK : DWARF_CB_ABORT;
    }
    if (dwarf_macro_param(macro, 0, &attribute) != 0 || dwarf_formudata(&attribute, &line) != 0 ||
        line != 0 || dwarf_macro_param(macro, 1, &attribute) != 0)
        return DWARF_CB_OK;
    const char *text = dwarf_formstring(&attribute);
    if (text == NULL || is_own_macro(text))
        return DWARF_CB_OK;
    const bool undefined = opcode == DW_MACRO_undef || opcode == DW_MACRO_undef_strp;
    const size_t name = strcspn(text, " ");
    mfi_auto_free char *flag = undefined ? mfi_format("-U%s", text)
                                         : mfi_format("-D%.*s=%s", (int)name, text,
                                                      text[name] != '\0' ? text + name + 1 : "");
    const char *const words[] = {flag};
    macros->code = flag != NULL ? mfi_flags_filter(macros->to, words, 1, NULL) : -ENOMEM;
    return macros->code == 0 ? DWARF_CB_OK : DWARF_CB_ABORT;
}

static int take_flags(struct mfi_dw_unit *unit, struct mfi_origin *ret) {
    const char *slash = strrchr(ret->path, '/');
    mfi_auto_free char *beside =
        mfi_format("%.*s", slash != NULL ? (int)(slash - ret->path) : 0, ret->path);
    int r = beside != NULL ? mfi_flags_of_commands(&ret->flags, beside, ret->path) : -ENOMEM;
    if (r == 0 && unit->dir != NULL)
        r = mfi_flags_of_commands(&ret->flags, unit->dir, ret->path);
    if (r != 0)
        return r < 0 ? r : 0;
    const char *producer = string_of(&unit->skeleton, DW_AT_producer);
    if (producer == NULL)
        producer = string_of(&unit->die, DW_AT_producer);
    if (producer != NULL)
        r = mfi_flags_parse(&ret->flags, producer, unit->dir);
    struct macros macros = {.to = &ret->flags, .dwarf = dwarf_cu_getdwarf(unit->skeleton.cu)};
    (void)dwarf_getmacros(&unit->skeleton, take_macro, &macros, DWARF_GETMACROS_START);
    r = mfi_first(r, macros.code);
    for (size_t i = 0; i < unit->file_count && r == 0; i++) {
        mfi_auto_free char *path = file_at(unit, i);
        r = path != NULL ? mfi_flags_add(&ret->headers, path) : 0;
    }
    return r;
}

/* ---- a function -------------------------------------------------------------------------------
 */

/* The attribute's number, and the unit that it belongs to: with link-time optimisation another one.
 */
static bool number_of(Dwarf_Die *die, unsigned name, Dwarf_Word *ret, Dwarf_Attribute *attribute) {
    return dwarf_formudata(dwarf_attr_integrate(die, name, attribute), ret) == 0;
}

/* A function of a header is extracted from the unit that includes it, which says what the header's
 * words mean. A unit that is not there (made by link-time optimisation) leaves the header. */
static void take_unit_path(const struct mfi_dw_unit *unit, struct mfi_origin *ret) {
    struct stat st;
    const char *own = string_of((Dwarf_Die *)(uintptr_t)&unit->skeleton, DW_AT_name);
    char *path = own != NULL ? mfi_path_below(unit->dir, own) : NULL;
    if (path == NULL || strcmp(path, ret->path) == 0 || mfi_same_file(path, ret->path) ||
        mfi_sys.fstatat(AT_FDCWD, path, &st, 0) < 0) {
        free(path);
        return;
    }
    ret->within = ret->path;
    ret->path = path;
}

int mfi_dw_describe(const struct mfi_dw *dw, struct mfi_dw_function *function,
                    struct mfi_origin *ret, mayfly_error *error) {
    Dwarf_Attribute attribute;
    Dwarf_Word line = 0, file = 0;
    Dwarf_Die owner;
    struct mfi_dw_unit unit;
    const char *name = string_of(&function->die, DW_AT_name);
    /* A split unit's files are in the table of the part that stayed. */
    open_unit(&function->unit, &function->skeleton, &unit);
    if (name == NULL || !number_of(&function->die, DW_AT_decl_file, &file, &attribute)) {
        /* clang -g1 says no more than the unit. Its table of lines is no help: what stands at the
         * function's beginning may have been inlined from anywhere. */
        const char *own = string_of(&unit.skeleton, DW_AT_name);
        ret->path = own != NULL ? mfi_path_below(unit.dir, own) : NULL;
    } else {
        Dwarf_Half version;
        if (dwarf_cu_die(attribute.cu, &owner, &version, NULL, NULL, NULL, NULL, NULL) != NULL &&
            dwarf_dieoffset(&owner) != dwarf_dieoffset(&function->unit))
            open_unit(&owner, &owner, &unit);
        ret->path = file_at(&unit, file);
        (void)number_of(&function->die, DW_AT_decl_line, &line, &attribute);
        ret->line = (uint32_t)line;
    }
    ret->symbol = mfi_strdup(name != NULL ? name : "");
    ret->built = dw->built;
    ret->module = dw->module;
    if (ret->path == NULL || name == NULL)
        return mfi_fail(error, MAYFLY_E_NO_SOURCE, "dump source", dw->path,
                        "its debug information does not name the file of %s",
                        name != NULL ? name : "the function");
    take_unit_path(&unit, ret);
    if (ret->symbol == NULL || take_flags(&unit, ret) < 0)
        return mfi_fail_memory(error, 0);
    return 0;
}

/* ---- what was found before ------------------------------------------------------------------- */

enum { REMEMBERED = 256 };

static struct {
    struct mfi_lock lock;
    uint64_t unloaded; /* how many modules had been, when these were found */
    struct {
        mayfly_function function;
        struct mfi_origin origin; /* without text */
    } list[REMEMBERED];
} memory;

static int copy_flags(struct mfi_flags *to, const struct mfi_flags *from) {
    int r = 0;
    for (size_t i = 0; i < from->count && r == 0; i++)
        r = mfi_flags_add(to, from->items[i]);
    return r;
}

static int copy_origin(struct mfi_origin *to, const struct mfi_origin *from) {
    *to = (struct mfi_origin){.path = mfi_strdup(from->path),
                              .symbol = mfi_strdup(from->symbol),
                              .within = from->within != NULL ? mfi_strdup(from->within) : NULL,
                              .line = from->line,
                              .module = from->module,
                              .built = from->built};
    const bool whole =
        to->path != NULL && to->symbol != NULL && (to->within != NULL) == (from->within != NULL);
    int r = whole ? 0 : -ENOMEM;
    if (r == 0)
        r = copy_flags(&to->flags, &from->flags);
    if (r == 0)
        r = copy_flags(&to->headers, &from->headers);
    if (r < 0)
        mfi_origin_free(to);
    return r;
}

static size_t place_of(mayfly_function function) {
    return (size_t)((uintptr_t)function >> 4) % REMEMBERED;
}

/* 1: it is known. */
static int recall(mayfly_function function, struct mfi_origin *ret) {
    const size_t place = place_of(function);
    const uint64_t unloaded = mfi_dw_unloaded();
    int r = 0;
    mfi_lock_take(&memory.lock);
    if (memory.unloaded != unloaded) {
        for (size_t i = 0; i < REMEMBERED; i++) {
            mfi_origin_free(&memory.list[i].origin);
            memory.list[i].function = NULL;
        }
        memory.unloaded = unloaded;
    }
    if (memory.list[place].function == function && function != NULL)
        r = copy_origin(ret, &memory.list[place].origin) < 0 ? 0 : 1;
    mfi_lock_give(&memory.lock);
    return r;
}

static void remember(mayfly_function function, const struct mfi_origin *origin) {
    const size_t place = place_of(function);
    struct mfi_origin copy;
    if (copy_origin(&copy, origin) < 0)
        return;
    mfi_lock_take(&memory.lock);
    struct mfi_origin old = memory.list[place].origin;
    memory.list[place].origin = copy;
    memory.list[place].function = function;
    mfi_lock_give(&memory.lock);
    mfi_origin_free(&old);
}

/* ---- the way --------------------------------------------------------------------------------- */

int mfi_locate(const struct mfi_wanted *wanted, struct mfi_origin *ret, mayfly_error *error) {
    struct mfi_dw dw;
    struct mfi_dw_function function;
    /* Of functions that the linker folded, the name chooses. */
    mfi_auto_free char *name = wanted->name != NULL ? mfi_plain_name(wanted->name) : NULL;
    if (wanted->function != NULL && recall(wanted->function, ret) == 1) {
        if (name == NULL || strcmp(name, ret->symbol) == 0)
            return 0;
        mfi_origin_free(ret);
    }
    int r = wanted->function != NULL ? mfi_dw_open(wanted->function, &dw, error)
                                     : mfi_dw_open_file(wanted->program, &dw, error);
    if (r < 0)
        return r;
    r = wanted->function != NULL ? mfi_dw_find(&dw, name, &function, error)
                                 : mfi_dw_find_name(&dw, wanted->name, name, &function, error);
    if (r == 0)
        r = mfi_dw_describe(&dw, &function, ret, error);
    mfi_dw_close(&dw);
    if (r == 0 && wanted->function != NULL)
        remember(wanted->function, ret);
    return r;
}

#else

int mfi_locate(const struct mfi_wanted *wanted, struct mfi_origin *ret, mayfly_error *error) {
    (void)ret;
    return mfi_fail(error, MAYFLY_E_NO_SOURCE, "dump source", wanted->name,
                    "its file does not say MAYFLY_EMBED_SOURCE(), and this library was built "
                    "without libdw, which reads debug information");
}

int mfi_locate_value(const struct mfi_wanted *wanted, const char *name, const void **ret_data,
                     size_t *ret_size, mayfly_error *error) {
    (void)wanted, (void)ret_data, (void)ret_size;
    return mfi_fail(error, MAYFLY_E_NO_SOURCE, "dump source", name,
                    "this library was built without libdw; give the variable's address and size");
}

#endif
