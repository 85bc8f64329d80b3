/* SPDX-License-Identifier: MIT
 *
 * The values of globals that go along. Those whose address the caller gives are copied as they are;
 * the debug information tells where the others are, and that there is no pointer in them.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "result.h"

#ifdef MFI_HAVE_DW
#include "debug.h"

enum { DEEPEST = 32 };

/* What a type is without its names and qualifiers. false: void. */
static bool peel(Dwarf_Die *type) {
    Dwarf_Attribute attribute;
    for (int i = 0; i < DEEPEST; i++) {
        const int tag = dwarf_tag(type);
        if (tag != DW_TAG_typedef && tag != DW_TAG_volatile_type && tag != DW_TAG_atomic_type)
            return true;
        if (dwarf_formref_die(dwarf_attr_integrate(type, DW_AT_type, &attribute), type) == NULL)
            return false;
    }
    return false;
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *ret) {
    Dwarf_Attribute attribute;
    return dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_type, &attribute), ret) != NULL &&
           peel(ret);
}

/* Why a value of the type would mean nothing elsewhere; NULL: it is plain data. */
static const char *not_plain(Dwarf_Die *type, int depth) {
    Dwarf_Die part, child;
    switch (depth < DEEPEST ? dwarf_tag(type) : DW_TAG_invalid) {
    case DW_TAG_base_type:
    case DW_TAG_enumeration_type:
        return NULL;
    case DW_TAG_pointer_type:
        return "there is a pointer in it";
    case DW_TAG_const_type:
        return "it is const";
    case DW_TAG_array_type:
        return type_of(type, &part) ? not_plain(&part, depth + 1) : "its type is not known";
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
        if (dwarf_child(type, &child) != 0)
            return NULL;
        do {
            const char *why = dwarf_tag(&child) != DW_TAG_member ? NULL
                              : type_of(&child, &part)           ? not_plain(&part, depth + 1)
                                                                 : "its type is not known";
            if (why != NULL)
                return why;
        } while (dwarf_siblingof(&child, &child) == 0);
        return NULL;
    default:
        return "it is no plain data";
    }
}

static int take_value(const struct mfi_dw *dw, Dwarf_Die *variable, const char *name,
                      const void **ret_data, size_t *ret_size, mayfly_error *error) {
    Dwarf_Attribute attribute;
    Dwarf_Op *operations;
    size_t count;
    Dwarf_Word size;
    Dwarf_Die type;
    const char *why = type_of(variable, &type) ? not_plain(&type, 0) : "its type is not known";
    if (why != NULL)
        return mfi_fail(error, -EINVAL, "dump source", name,
                        "its value cannot go along, because %s; give its address and size if it "
                        "is plain data all the same",
                        why);
    if (dwarf_getlocation(dwarf_attr_integrate(variable, DW_AT_location, &attribute), &operations,
                          &count) != 0 ||
        count != 1 || operations[0].atom != DW_OP_addr || dwarf_aggregate_size(&type, &size) != 0)
        return mfi_fail(error, -EINVAL, "dump source", name,
                        "it has no place of its own in memory: the compiler has taken it to "
                        "pieces, or each thread has one");
    *ret_data = (const void *)(uintptr_t)(operations[0].number + dw->bias);
    *ret_size = size;
    return 0;
}

static bool is_variable(Dwarf_Die *die, const char *name) {
    Dwarf_Attribute attribute;
    const char *own = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
    return dwarf_tag(die) == DW_TAG_variable && own != NULL && strcmp(own, name) == 0 &&
           dwarf_attr_integrate(die, DW_AT_location, &attribute) != NULL;
}

int mfi_locate_value(const struct mfi_wanted *wanted, const char *name, const void **ret_data,
                     size_t *ret_size, mayfly_error *error) {
    struct mfi_dw dw;
    struct mfi_dw_function function;
    Dwarf_Die die;
    mfi_auto_free char *of = wanted->name != NULL ? mfi_plain_name(wanted->name) : NULL;
    int r = mfi_dw_open(wanted->function, &dw, error);
    if (r < 0)
        return r;
    r = mfi_dw_find(&dw, of, &function, error);
    bool found = false;
    if (r == 0 && dwarf_child(&function.unit, &die) == 0) {
        do {
            found = is_variable(&die, name);
        } while (!found && dwarf_siblingof(&die, &die) == 0);
    }
    if (r == 0)
        r = found ? take_value(&dw, &die, name, ret_data, ret_size, error)
                  : mfi_fail(error, -EINVAL, "dump source", name,
                             "the function's unit has no such variable, or none is left of it");
    mfi_dw_close(&dw);
    return r;
}

#endif

int mfi_values(struct mfi_extraction *extraction, mayfly_error *error) {
    const mayfly_source_value *values = extraction->options->values;
    size_t count = 0;
    while (values != NULL && values[count].name != NULL)
        count++;
    if (count == 0)
        return 0;
    if (extraction->wanted->function == NULL)
        return mfi_fail(error, -EINVAL, "dump source", extraction->wanted->program,
                        "a program that does not run has no values");
    extraction->values = mfi_sys.calloc(count, sizeof *extraction->values);
    if (extraction->values == NULL)
        return mfi_fail_memory(error, count * sizeof *extraction->values);
    for (size_t i = 0; i < count; i++) {
        struct mfi_value_bytes *value = &extraction->values[extraction->value_count++];
        *value = (struct mfi_value_bytes){
            .name = values[i].name, .data = values[i].address, .size = values[i].size};
        const int r = value->data != NULL ? 0
                                          : mfi_locate_value(extraction->wanted, value->name,
                                                             &value->data, &value->size, error);
        if (r < 0)
            return r;
    }
    return 0;
}
