/* SPDX-License-Identifier: MIT
 *
 * Large memory. A page that is touched for the first time costs about as much as copying it ten
 * times; a huge one costs that once for 512 pages. Where the system has none, all works as without.
 *
 * Source: madvise(2), MADV_HUGEPAGE, Linux 2.6.38; Documentation/admin-guide/mm/transhuge.rst.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "base.h"

void mfi_pages_advise(void *memory, size_t size) {
#ifdef MADV_HUGEPAGE
    const uintptr_t begin = ((uintptr_t)memory + MFI_HUGE - 1) & ~(uintptr_t)(MFI_HUGE - 1);
    const uintptr_t end = ((uintptr_t)memory + size) & ~(uintptr_t)(MFI_HUGE - 1);
    if (end > begin)
        (void)mfi_sys.madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)memory, (void)size;
#endif
}

void *mfi_pages_alloc(size_t size) {
    char *memory = mfi_sys.mmap(size + MFI_HUGE, -1, 0);
    if (memory == NULL)
        return NULL;
    char *aligned = (char *)(((uintptr_t)memory + MFI_HUGE - 1) & ~(uintptr_t)(MFI_HUGE - 1));
    if (aligned != memory)
        (void)mfi_sys.munmap(memory, (size_t)(aligned - memory));
    (void)mfi_sys.munmap(aligned + size, MFI_HUGE - (size_t)(aligned - memory));
    mfi_pages_advise(aligned, size);
    return aligned;
}

void mfi_pages_free(void *memory, size_t size) {
    (void)mfi_sys.munmap(memory, size);
}
