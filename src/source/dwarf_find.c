/* SPDX-License-Identifier: MIT
 *
 * A function among those of a module's debug information: by its address, or by its name.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "source.h"

#ifdef MFI_HAVE_DW
#include "debug.h"

static const char *name_of(Dwarf_Die *die) {
    Dwarf_Attribute attribute;
    return dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
}

/* Where a function begins; false: it has no code. */
static bool entry_of(Dwarf_Die *die, Dwarf_Addr *ret) {
    Dwarf_Addr base, from, to;
    return dwarf_entrypc(die, ret) == 0 ||
           (dwarf_ranges(die, 0, &base, &from, &to) > 0 && (*ret = from, true));
}

struct finding {
    const struct mfi_dw *dw;
    const char *name;  /* NULL: any */
    const char *whole; /* by name: with the unit, or NULL */
    bool by_name;
    struct mfi_dw_function *ret;
    size_t count;
    char first[128], second[128]; /* what was found, for messages */
    const char *within;           /* the address is inside of this one */
    bool inlined;                 /* of that name there is no code of its own */
};

static void note(struct finding *f, Dwarf_Die *die, Dwarf_Die *unit, Dwarf_Die *skeleton) {
    const char *name = name_of(die);
    const char *file = dwarf_diename(unit);
    char *text = f->count == 0 ? f->first : f->second;
    (void)snprintf(text, sizeof f->first, "%s%s%s", f->by_name && file != NULL ? file : "",
                   f->by_name && file != NULL ? ":" : "", name != NULL ? name : "?");
    /* The same function in two units: one definition in a header, or one that a linker folded. */
    if (f->count == 0 || (f->inlined && dwarf_haspc(die, 0) == 0))
        *f->ret = (struct mfi_dw_function){.die = *die, .unit = *unit, .skeleton = *skeleton};
    f->count++;
}

static bool is_declaration(Dwarf_Die *die) {
    Dwarf_Attribute attribute;
    bool flag = false;
    return dwarf_attr(die, DW_AT_declaration, &attribute) != NULL &&
           dwarf_formflag(&attribute, &flag) == 0 && flag;
}

static void look_at_name(struct finding *f, Dwarf_Die *die, Dwarf_Die *unit, Dwarf_Die *skeleton) {
    Dwarf_Addr entry;
    const char *name = name_of(die);
    const char *file = dwarf_diename(unit);
    if (name == NULL || strcmp(name, f->name) != 0 || is_declaration(die) ||
        (file != NULL && !mfi_is_of_unit(f->whole, file)))
        return;
    const bool code = entry_of(die, &entry);
    /* What is inlined everywhere has a description without code, which counts if nothing else is
     * there; a copy with code refers to such a one, too. */
    if (!code && f->count > 0)
        return;
    if (code && f->inlined) {
        f->count = 0;
        f->inlined = false;
    }
    f->inlined = !code;
    note(f, die, unit, skeleton);
}

static void look_at_address(struct finding *f, Dwarf_Die *die, Dwarf_Die *unit,
                            Dwarf_Die *skeleton) {
    Dwarf_Addr entry;
    if (dwarf_haspc(die, f->dw->pc) <= 0)
        return;
    const char *name = name_of(die);
    if (entry_of(die, &entry) && entry != f->dw->pc) {
        f->within = name;
        return;
    }
    if (f->name != NULL && f->count > 0 && name != NULL && strcmp(name, f->name) == 0)
        f->count = 0; /* the name chooses */
    else if (f->name != NULL && f->count > 0 && strcmp(f->first, f->name) == 0)
        return;
    note(f, die, unit, skeleton);
}

static void look_at_unit(struct finding *f, Dwarf_Die *unit, Dwarf_Die *skeleton) {
    Dwarf_Die die;
    if (dwarf_child(unit, &die) != 0)
        return;
    do {
        if (dwarf_tag(&die) != DW_TAG_subprogram)
            continue;
        if (f->by_name)
            look_at_name(f, &die, unit, skeleton);
        else
            look_at_address(f, &die, unit, skeleton);
    } while (dwarf_siblingof(&die, &die) == 0);
}

static void look_everywhere(struct finding *f) {
    Dwarf_CU *cu = NULL;
    Dwarf_Die unit, split;
    uint8_t type;
    while (dwarf_get_units(f->dw->dwarf, cu, &cu, NULL, &type, &unit, &split) == 0) {
        const bool is_split = type == DW_UT_skeleton && dwarf_tag(&split) != DW_TAG_invalid;
        if (!f->by_name && !is_split && dwarf_haspc(&unit, f->dw->pc) == 0)
            continue; /* < 0: it does not say */
        look_at_unit(f, is_split ? &split : &unit, &unit);
    }
}

/* Several names of one address in the table of symbols: aliases, or functions that were folded. */
static bool has_other_names(const struct mfi_dw *dw) {
    const Dwarf_Addr address = dw->pc + dw->bias;
    const int count = dwfl_module_getsymtab(dw->module_info);
    int found = 0;
    for (int i = 0; i < count && found < 2; i++) {
        GElf_Sym symbol;
        GElf_Addr at;
        if (dwfl_module_getsym_info(dw->module_info, i, &symbol, &at, NULL, NULL, NULL) != NULL &&
            GELF_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF)
            found += at == address;
    }
    return found > 1;
}

/* The unit that the index of addresses names, if it has the address. */
static bool look_in_index(struct finding *f) {
    Dwarf_Die unit, split;
    if (dwarf_addrdie(f->dw->dwarf, f->dw->pc, &unit) == NULL)
        return false;
    const bool is_split = dwarf_cu_info(unit.cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) == 0 &&
                          dwarf_tag(&split) != DW_TAG_invalid;
    look_at_unit(f, is_split ? &split : &unit, &unit);
    return f->count > 0;
}

int mfi_dw_find(const struct mfi_dw *dw, const char *name, struct mfi_dw_function *ret,
                mayfly_error *error) {
    struct finding f = {.dw = dw, .name = name, .ret = ret};
    if (!look_in_index(&f) || (f.count == 1 && has_other_names(dw))) {
        f.count = 0;
        look_everywhere(&f);
    }
    if (f.count == 0 && f.within != NULL)
        return mfi_fail(error, MAYFLY_E_NO_FUNCTION, "dump source", dw->path,
                        "the pointer leads into the function %s, and not to its beginning",
                        f.within);
    if (f.count == 0)
        return mfi_fail(error, MAYFLY_E_NO_SOURCE, "dump source", dw->path,
                        "there is no debug information of a function at the pointer: its file was "
                        "built without -g, its .dwo files are gone, or it is no function");
    if (f.count > 1 && (name == NULL || strcmp(f.first, name) != 0) &&
        strcmp(f.first, f.second) != 0)
        return mfi_fail(error, MAYFLY_E_AMBIGUOUS, "dump source", dw->path,
                        "%s and %s were folded into one by the linker: dump by the function's "
                        "name, or link without --icf",
                        f.first, f.second);
    return 0;
}

int mfi_dw_find_name(const struct mfi_dw *dw, const char *whole, const char *name,
                     struct mfi_dw_function *ret, mayfly_error *error) {
    struct finding f = {.dw = dw, .name = name, .whole = whole, .by_name = true, .ret = ret};
    if (name == NULL)
        return mfi_fail(error, MAYFLY_E_NO_FUNCTION, "dump source", dw->path,
                        "\"%s\" is no name of a function", whole);
    look_everywhere(&f);
    if (f.count == 0)
        return mfi_fail(error, MAYFLY_E_NO_FUNCTION, "dump source", dw->path,
                        "its debug information knows no function %s: it is not there, or was "
                        "inlined away",
                        whole);
    if (f.count > 1 && strcmp(f.first, f.second) != 0)
        return mfi_fail(error, MAYFLY_E_AMBIGUOUS, "dump source", dw->path,
                        "several units have a function %s; ask for %s or %s", name, f.first,
                        f.second);
    return 0;
}

#endif
