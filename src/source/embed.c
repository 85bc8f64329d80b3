/* SPDX-License-Identifier: MIT
 *
 * The texts that MAYFLY_EMBED_SOURCE() puts into programs.
 *
 * They are ELF notes, found by the program headers alone: in a process through the loader, in a
 * file by reading it. Nothing registers them, so that a text costs nothing before it is asked for.
 *
 * Rejected    a section with __start_ and __stop_ symbols, which are each module's own: a library
 *             would need a constructor to make itself known, and a program on the disk has no
 *             symbols once it is stripped.
 */
#define _GNU_SOURCE
#include <link.h>

#include "source.h"

enum { NOTE_TYPE = 1 };
static const char owner[] = "mayfly";

struct visitor {
    int (*visit)(const struct mfi_embedded *text, void *context);
    void *context;
    const void *module;
};

/* The string at *at, which moves behind its NUL; NULL: there is no NUL. */
static const char *next_string(const char **at, const char *end) {
    const char *start = *at;
    const char *nul = start < end ? memchr(start, '\0', (size_t)(end - start)) : NULL;
    if (nul == NULL)
        return NULL;
    *at = nul + 1;
    return start;
}

static int visit_note(const char *data, size_t size, const struct visitor *to) {
    const char *at = data, *end = data + size;
    struct mfi_embedded text = {.module = to->module};
    text.path = next_string(&at, end);
    text.flags = text.path != NULL ? next_string(&at, end) : NULL;
    text.dir = text.flags != NULL ? next_string(&at, end) : NULL;
    if (text.dir == NULL || at == end || end[-1] != '\0')
        return 0; /* another one's note of the same name */
    text.text = at;
    text.size = (size_t)(end - at) - 1;
    return to->visit(&text, to->context);
}

static size_t aligned(size_t size) {
    return (size + 3) & ~(size_t)3;
}

static int visit_notes(const char *notes, size_t size, const struct visitor *to) {
    size_t at = 0;
    while (size - at >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) head;
        memcpy(&head, notes + at, sizeof head);
        at += sizeof head;
        const size_t name = aligned(head.n_namesz), data = aligned(head.n_descsz);
        if (name > size - at || head.n_descsz > size - at - name)
            return 0;
        if (head.n_type == NOTE_TYPE && head.n_namesz == sizeof owner &&
            memcmp(notes + at, owner, sizeof owner) == 0) {
            const int r = visit_note(notes + at + name, head.n_descsz, to);
            if (r != 0)
                return r;
        }
        if (data > size - at - name)
            return 0;
        at += name + data;
    }
    return 0;
}

static int visit_module(struct dl_phdr_info *info, size_t size, void *context) {
    struct visitor *to = context;
    (void)size;
    to->module = NULL;
    for (size_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && to->module == NULL)
            to->module = (const char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_NOTE)
            continue;
        const char *notes = (const char *)info->dlpi_addr + part->p_vaddr;
        const int r = visit_notes(notes, part->p_memsz, to);
        if (r != 0)
            return r;
    }
    return 0;
}

int mfi_each_embedded(int (*visit)(const struct mfi_embedded *text, void *context), void *context) {
    struct visitor to = {.visit = visit, .context = context};
    return dl_iterate_phdr(visit_module, &to);
}

int mfi_each_embedded_in(const char *image, size_t size,
                         int (*visit)(const struct mfi_embedded *text, void *context),
                         void *context) {
    const struct visitor to = {.visit = visit, .context = context, .module = image};
    ElfW(Ehdr) head;
    if (size < sizeof head)
        return 0;
    memcpy(&head, image, sizeof head);
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(ElfW(Phdr)) ||
        head.e_phoff > size || size - head.e_phoff < (size_t)head.e_phnum * sizeof(ElfW(Phdr)))
        return 0;
    for (size_t i = 0; i < head.e_phnum; i++) {
        ElfW(Phdr) part;
        memcpy(&part, image + head.e_phoff + i * sizeof part, sizeof part);
        if (part.p_type != PT_NOTE || part.p_offset > size || part.p_filesz > size - part.p_offset)
            continue;
        const int r = visit_notes(image + part.p_offset, part.p_filesz, &to);
        if (r != 0)
            return r;
    }
    return 0;
}
