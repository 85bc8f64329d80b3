/* SPDX-License-Identifier: MIT
 *
 * Modules and functions as libdw sees them. Included where there is libdw only.
 */
#ifndef MFI_SOURCE_DEBUG_H
#define MFI_SOURCE_DEBUG_H

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include "locate.h"

/* A module with its debug information. */
struct mfi_dw {
    Dwfl *dwfl;
    Dwfl_Module *module_info;
    Dwarf *dwarf;
    Dwarf_Addr bias; /* of addresses in the process against those in the debug information */
    Dwarf_Addr pc;   /* of the function, as the debug information has it */
    const void *module;
    char path[512];
    int64_t built;
};

struct mfi_dw_unit {
    Dwarf_Die die, skeleton;
    Dwarf_Files *files;
    size_t file_count;
    const char *dir; /* NULL: not known */
};

struct mfi_dw_function {
    Dwarf_Die die, unit, skeleton; /* skeleton: the same as unit, if that is not split */
};

/* How many modules this process has unloaded. */
uint64_t mfi_dw_unloaded(void);

/* Opens the module that a function is in; a pointer into a table of calls (PLT) leads on to where
 * the function is. */
int mfi_dw_open(mayfly_function function, struct mfi_dw *ret, mayfly_error *error);
int mfi_dw_open_file(const char *path, struct mfi_dw *ret, mayfly_error *error);
void mfi_dw_close(struct mfi_dw *dw);

/* Finds the function at dw->pc, or by its name ("square"; whole: "unit.c:square"). */
int mfi_dw_find(const struct mfi_dw *dw, const char *name, struct mfi_dw_function *ret,
                mayfly_error *error);
int mfi_dw_find_name(const struct mfi_dw *dw, const char *whole, const char *name,
                     struct mfi_dw_function *ret, mayfly_error *error);

int mfi_dw_describe(const struct mfi_dw *dw, struct mfi_dw_function *function,
                    struct mfi_origin *ret, mayfly_error *error);

#endif
