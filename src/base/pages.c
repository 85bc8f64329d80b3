/* SPDX-License-Identifier: MIT
 *
 * Large memory. A page that is touched for the first time costs about as much as copying it ten
 * times; a huge one costs that once for 512 pages. Where the system has none, all works as without.
 *
 * What is freed is kept as memory that the kernel may take away when it is short of it, so that
 * document after document need not be paged in anew: up to 24 MiB in a process.
 *
 * Source: madvise(2), MADV_HUGEPAGE (Linux 2.6.38) and MADV_FREE (4.5);
 * Documentation/admin-guide/mm/transhuge.rst.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
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

/* Four of 2 MiB, two of 4 MiB, one of 8 MiB. */
static _Atomic(void *) kept[7];

static void places_of(size_t size, size_t *from, size_t *to) {
    *from = size == MFI_HUGE ? 0 : size == 2 * MFI_HUGE ? 4 : 6;
    *to = size == MFI_HUGE ? 4 : size == 2 * MFI_HUGE ? 6 : 7;
}

size_t mfi_pages_size(size_t least) {
    size_t size = MFI_HUGE;
    while (size < least)
        size *= 2;
    return size <= MFI_HUGE_MOST ? size : 0;
}

static void *take_kept(size_t size) {
    size_t i, end;
    places_of(size, &i, &end);
    for (; i < end; i++) {
        void *memory = atomic_load_explicit(&kept[i], memory_order_relaxed);
        if (memory != NULL && (memory = atomic_exchange(&kept[i], NULL)) != NULL)
            return memory;
    }
    return NULL;
}

void *mfi_pages_alloc(size_t size) {
    char *memory = take_kept(size);
    if (memory != NULL)
        return memory;
    memory = mfi_sys.mmap(size + MFI_HUGE, -1, 0);
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
#ifdef MADV_FREE
    size_t i, end;
    places_of(size, &i, &end);
    for (; i < end; i++) {
        void *none = NULL;
        if (atomic_load_explicit(&kept[i], memory_order_relaxed) != NULL)
            continue;
        if (mfi_sys.madvise(memory, size, MADV_FREE) == 0 &&
            atomic_compare_exchange_strong(&kept[i], &none, memory))
            return;
    }
#endif
    (void)mfi_sys.munmap(memory, size);
}

void *mfi_pages_resize(void *old, size_t old_size, size_t size) {
    if (old_size < MFI_HUGE && size < MFI_HUGE)
        return mfi_sys.realloc(old, size);
    const bool pages = size >= MFI_HUGE && size <= MFI_HUGE_MOST;
    if (!pages && old_size > MFI_HUGE_MOST)
        return mfi_sys.realloc(old, size);
    void *memory = pages ? mfi_pages_alloc(size) : mfi_sys.malloc(size);
    if (memory != NULL && old != NULL) {
        memcpy(memory, old, old_size < size ? old_size : size);
        mfi_pages_release(old, old_size);
    }
    return memory;
}

void mfi_pages_release(void *memory, size_t size) {
    if (memory != NULL && size >= MFI_HUGE && size <= MFI_HUGE_MOST)
        mfi_pages_free(memory, size);
    else
        free(memory);
}
