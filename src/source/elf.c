/* SPDX-License-Identifier: MIT
 *
 * Looking into a shared object before it is loaded: what would run, and which names it exports.
 *
 * The object comes from a compiler that was started a moment ago, or from the cache of this user.
 * All the same every offset is checked, because a full disk makes odd files. What counts is what
 * the loader looks at: the dynamic section, and the dynamic symbols; besides that all symbols for
 * those of the kind ifunc, whose resolvers run when it is relocated.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <link.h>

#include "load.h"

typedef ElfW(Ehdr) header;
typedef ElfW(Shdr) section;
typedef ElfW(Sym) symbol;
typedef ElfW(Dyn) dynamic;

struct image {
    const char *data;
    size_t size;
    header head;
};

static bool begin(const char *data, size_t size, struct image *ret) {
    ret->data = data;
    ret->size = size;
    if (size < sizeof ret->head)
        return false;
    memcpy(&ret->head, data, sizeof ret->head);
    return memcmp(ret->head.e_ident, ELFMAG, SELFMAG) == 0 &&
           ret->head.e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
           (ret->head.e_type == ET_DYN || ret->head.e_type == ET_REL) &&
           ret->head.e_shentsize == sizeof(section) && ret->head.e_shoff <= size &&
           ret->head.e_shnum <= (size - ret->head.e_shoff) / sizeof(section);
}

/* The n-th section, whose content lies in the file. */
static bool section_at(const struct image *image, size_t n, section *ret) {
    if (n >= image->head.e_shnum)
        return false;
    memcpy(ret, image->data + image->head.e_shoff + n * sizeof *ret, sizeof *ret);
    return ret->sh_type == SHT_NOBITS ||
           (ret->sh_offset <= image->size && ret->sh_size <= image->size - ret->sh_offset);
}

/* ---- what would run -------------------------------------------------------------------------- */

static const char *tag_runs(const dynamic *entry) {
    switch (entry->d_tag) {
    case DT_INIT:
        return "_init";
    case DT_FINI:
        return "_fini";
    case DT_INIT_ARRAYSZ:
    case DT_PREINIT_ARRAYSZ:
        return entry->d_un.d_val == 0 ? NULL : "constructors";
    case DT_FINI_ARRAYSZ:
        return entry->d_un.d_val == 0 ? NULL : "destructors";
    default:
        return NULL;
    }
}

static const char *dynamic_runs(const struct image *image, const section *in) {
    for (size_t i = 0; i < in->sh_size / sizeof(dynamic); i++) {
        dynamic entry;
        memcpy(&entry, image->data + in->sh_offset + i * sizeof entry, sizeof entry);
        const char *runs = tag_runs(&entry);
        if (runs != NULL)
            return runs;
    }
    return NULL;
}

static const char *symbols_run(const struct image *image, const section *in) {
    for (size_t i = 0; i < in->sh_size / sizeof(symbol); i++) {
        symbol entry;
        memcpy(&entry, image->data + in->sh_offset + i * sizeof entry, sizeof entry);
        if (entry.st_shndx != SHN_UNDEF && (entry.st_info & 0xf) == STT_GNU_IFUNC)
            return "functions that are chosen when it is loaded (ifunc)";
    }
    return NULL;
}

const char *mfi_elf_runs(const char *data, size_t size) {
    struct image image;
    section in;
    bool known = false;
    if (!begin(data, size, &image) || image.head.e_type != ET_DYN)
        return "";
    for (size_t n = 0; n < image.head.e_shnum; n++) {
        const char *runs = NULL;
        if (!section_at(&image, n, &in))
            return "";
        if (in.sh_type == SHT_DYNAMIC) {
            known = true;
            runs = dynamic_runs(&image, &in);
        } else if (in.sh_type == SHT_SYMTAB || in.sh_type == SHT_DYNSYM) {
            runs = symbols_run(&image, &in);
        }
        if (runs != NULL)
            return runs;
    }
    return known ? NULL : "";
}

/* ---- names ----------------------------------------------------------------------------------- */

/* A name of the table, which must end in it. */
static const char *name_at(const struct image *image, const section *strings, size_t at) {
    if (at >= strings->sh_size)
        return NULL;
    const char *name = image->data + strings->sh_offset + at;
    return memchr(name, '\0', strings->sh_size - at) == NULL ? NULL : name;
}

static int visit_symbols(const struct image *image, const section *in, const section *strings,
                         int (*visit)(const struct mfi_export *found, void *context),
                         void *context) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < in->sh_size / sizeof(symbol); i++) {
        symbol entry;
        memcpy(&entry, image->data + in->sh_offset + i * sizeof entry, sizeof entry);
        const int kind = entry.st_info & 0xf;
        const bool function = kind == STT_FUNC || kind == STT_GNU_IFUNC;
        const struct mfi_export found = {name_at(image, strings, entry.st_name), function};
        if (entry.st_shndx != SHN_UNDEF && entry.st_shndx != SHN_ABS && found.name != NULL &&
            (function || kind == STT_OBJECT) && entry.st_info >> 4 != STB_LOCAL)
            r = visit(&found, context);
    }
    return r;
}

int mfi_elf_exports(const char *data, size_t size,
                    int (*visit)(const struct mfi_export *found, void *context), void *context) {
    struct image image;
    section in, strings;
    if (!begin(data, size, &image))
        return 0;
    for (size_t n = 0; n < image.head.e_shnum; n++)
        if (section_at(&image, n, &in) && in.sh_type == SHT_DYNSYM &&
            section_at(&image, in.sh_link, &strings) && strings.sh_type == SHT_STRTAB)
            return visit_symbols(&image, &in, &strings, visit, context);
    return 0;
}

/* ---- what is lacking ------------------------------------------------------------------------- */

int mfi_elf_undefined(const char *data, size_t size, int (*visit)(const char *name, void *context),
                      void *context) {
    struct image image;
    section in, strings;
    int r = 0;
    if (size == 0 || !begin(data, size, &image))
        return 0;
    for (size_t n = 0; n < image.head.e_shnum && r == 0; n++) {
        if (!section_at(&image, n, &in) || in.sh_type != SHT_SYMTAB ||
            !section_at(&image, in.sh_link, &strings) || strings.sh_type != SHT_STRTAB)
            continue;
        for (size_t i = 0; r == 0 && i < in.sh_size / sizeof(symbol); i++) {
            symbol entry;
            memcpy(&entry, image.data + in.sh_offset + i * sizeof entry, sizeof entry);
            const char *name = entry.st_shndx == SHN_UNDEF && entry.st_name != 0
                                   ? name_at(&image, &strings, entry.st_name)
                                   : NULL;
            if (name != NULL && strcmp(name, "_GLOBAL_OFFSET_TABLE_") != 0)
                r = visit(name, context);
        }
    }
    return r;
}
