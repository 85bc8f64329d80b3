/* SPDX-License-Identifier: MIT
 *
 * Which module a function is in, and its debug information: in the module, beside it, or in a file
 * of its own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

#include "read.h"

#ifdef MFI_HAVE_DW
#include "debug.h"

static int count_unloaded(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    *(uint64_t *)context = info->dlpi_subs;
    return 1;
}

uint64_t mfi_dw_unloaded(void) {
    uint64_t count = 0;
    (void)dl_iterate_phdr(count_unloaded, &count);
    return count;
}

/* ---- modules of this process ----------------------------------------------------------------- */

struct place {
    uintptr_t address;
    uintptr_t base; /* what addresses in the file are added to */
    const void *begin;
    char path[512];
    unsigned char id[64]; /* the build's, as it is in memory */
    size_t id_size;
    bool found;
};

static void take_id(struct place *place, const char *notes, size_t size) {
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= size;) {
        ElfW(Nhdr) head;
        memcpy(&head, notes + at, sizeof head);
        const size_t name = (head.n_namesz + 3) & ~(size_t)3;
        const size_t data = (head.n_descsz + 3) & ~(size_t)3;
        at += sizeof head;
        if (name > size - at || head.n_descsz > size - at - name)
            return;
        if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
            memcmp(notes + at, "GNU", 4) == 0 && head.n_descsz <= sizeof place->id) {
            memcpy(place->id, notes + at + name, head.n_descsz);
            place->id_size = head.n_descsz;
        }
        if (data > size - at - name)
            return;
        at += name + data;
    }
}

static int look_at_module(struct dl_phdr_info *info, size_t size, void *context) {
    struct place *place = context;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD &&
            place->address - (info->dlpi_addr + part->p_vaddr) < part->p_memsz)
            place->found = true;
    }
    if (!place->found)
        return 0;
    place->base = info->dlpi_addr;
    (void)snprintf(place->path, sizeof place->path, "%s",
                   *info->dlpi_name != '\0' ? info->dlpi_name : "/proc/self/exe");
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const char *begin = (const char *)info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && place->begin == NULL)
            place->begin = begin;
        if (part->p_type == PT_NOTE)
            take_id(place, begin, part->p_memsz);
    }
    return 1;
}

static bool find_module(uintptr_t address, struct place *ret) {
    *ret = (struct place){.address = address};
    (void)dl_iterate_phdr(look_at_module, ret);
    return ret->found;
}

/* ---- tables of calls ------------------------------------------------------------------------- */

struct elsewhere {
    const char *name;
    const void *not_in; /* the module of the pointer */
    void *found;
};

static int look_for_symbol(struct dl_phdr_info *info, size_t size, void *context) {
    struct elsewhere *e = context;
    Dl_info where;
    (void)size;
    if (*info->dlpi_name == '\0')
        return 0;
    void *handle = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == NULL)
        return 0;
    void *found = dlsym(handle, e->name);
    if (found != NULL && dladdr(found, &where) != 0 && where.dli_fbase != e->not_in)
        e->found = found;
    (void)dlclose(handle);
    return e->found != NULL;
}

/* Where a function is whose address is an entry of its caller's table of calls. 0: it is none. */
static uintptr_t behind_table(uintptr_t address) {
    Dl_info here;
    if (dladdr((void *)address, &here) == 0 || here.dli_sname == NULL ||
        (uintptr_t)here.dli_saddr != address)
        return 0;
    struct elsewhere e = {.name = here.dli_sname, .not_in = here.dli_fbase};
    (void)dl_iterate_phdr(look_for_symbol, &e);
    return (uintptr_t)e.found;
}

/* ---- opening --------------------------------------------------------------------------------- */

static char *no_path; /* the default: beside the module, and /usr/lib/debug */
static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
                                         .find_debuginfo = dwfl_standard_find_debuginfo,
                                         .section_address = dwfl_offline_section_address,
                                         .debuginfo_path = &no_path};

static int fail_libdw(const char *path, mayfly_error *error) {
    const char *why = dwfl_errmsg(-1);
    return mfi_fail(error, MAYFLY_E_NO_SOURCE, "dump source", path,
                    "it has no debug information (%s): build with -g, or say "
                    "MAYFLY_EMBED_SOURCE() in the function's file",
                    why != NULL ? why : "none is found");
}

static bool replaced(Dwfl_Module *module, const struct place *place) {
    const unsigned char *id;
    GElf_Addr at;
    const int size = place->id_size > 0 ? dwfl_module_build_id(module, &id, &at) : 0;
    return size > 0 &&
           ((size_t)size != place->id_size || memcmp(id, place->id, place->id_size) != 0);
}

/* The older of the module's file and its debug information's: stripping makes a new file. */
static int64_t built(const struct mfi_dw *dw) {
    const char *main_file = NULL, *debug_file = NULL;
    (void)dwfl_module_info(dw->module_info, NULL, NULL, NULL, NULL, NULL, &main_file, &debug_file);
    const int64_t one = mfi_changed(dw->path);
    const int64_t two = debug_file != NULL ? mfi_changed(debug_file) : -1;
    return two > 0 && two < one ? two : (one > 0 ? one : 0);
}

static int open_module(struct mfi_dw *dw, const struct place *place, mayfly_error *error) {
    dw->dwfl = dwfl_begin(&callbacks);
    if (dw->dwfl == NULL)
        return fail_libdw(dw->path, error);
    dw->module_info = place != NULL
                          ? dwfl_report_elf(dw->dwfl, "module", dw->path, -1, place->base, true)
                          : dwfl_report_offline(dw->dwfl, "module", dw->path, -1);
    if (dw->module_info == NULL || dwfl_report_end(dw->dwfl, NULL, NULL) != 0)
        return fail_libdw(dw->path, error);
    dw->dwarf = dwfl_module_getdwarf(dw->module_info, &dw->bias);
    if (place != NULL && replaced(dw->module_info, place))
        return mfi_fail(error, MAYFLY_E_NO_SOURCE, "dump source", dw->path,
                        "the file was replaced after it was loaded: what it says is of other code");
    if (dw->dwarf == NULL)
        return fail_libdw(dw->path, error);
    dw->built = built(dw);
    return 0;
}

static int has_code(const struct mfi_dw *dw, Dwarf_Addr address) {
    Dwarf_Die die;
    GElf_Off offset;
    GElf_Sym symbol;
    (void)die;
    const char *name =
        dwfl_module_addrinfo(dw->module_info, address, &offset, &symbol, NULL, NULL, NULL);
    return name != NULL && symbol.st_shndx != SHN_UNDEF && offset < symbol.st_size;
}

int mfi_dw_open(mayfly_function function, struct mfi_dw *ret, mayfly_error *error) {
    struct place place;
    uintptr_t address = (uintptr_t)function;
    *ret = (struct mfi_dw){.dwfl = NULL};
    for (int attempt = 0;; attempt++) {
        if (!find_module(address, &place))
            return mfi_fail(error, MAYFLY_E_NO_FUNCTION, "dump source", NULL,
                            "the pointer %p leads into no program or library that is loaded",
                            (void *)address);
        const uintptr_t further = attempt == 0 ? behind_table(address) : 0;
        memcpy(ret->path, place.path, sizeof ret->path);
        ret->module = place.begin;
        const int r = open_module(ret, &place, error);
        /* A symbol that is also elsewhere: a table's entry has no code of its own here. */
        if (further != 0 && (r < 0 || !has_code(ret, address))) {
            mfi_dw_close(ret);
            address = further;
            continue;
        }
        if (r < 0) {
            mfi_dw_close(ret);
            return r;
        }
        ret->pc = address - ret->bias;
        return 0;
    }
}

int mfi_dw_open_file(const char *path, struct mfi_dw *ret, mayfly_error *error) {
    *ret = (struct mfi_dw){.dwfl = NULL};
    (void)snprintf(ret->path, sizeof ret->path, "%s", path);
    const int r = open_module(ret, NULL, error);
    if (r < 0)
        mfi_dw_close(ret);
    return r;
}

void mfi_dw_close(struct mfi_dw *dw) {
    if (dw->dwfl != NULL)
        dwfl_end(dw->dwfl);
    dw->dwfl = NULL;
}

#endif
