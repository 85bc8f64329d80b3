/* SPDX-License-Identifier: MIT
 *
 * Calls extracted functions and their originals on the same generated arguments, for
 * source_corpus.py. A case is a line "text.c unit.so function" on standard input: the text is
 * loaded by mayfly_load_source, the original lies in the library, which has debug information that
 * tells its parameters. The answer is one line
 *
 *     equal N       N calls gave the same: result, what lies in the buffers, what was printed
 *     differ WHY    one did not
 *     unfit WHY     its parameters are of kinds that are not generated here, or nearly every call
 *                   ends the process, the original's as the copy's
 *
 * Each call has a child process of its own: it begins with the initial values of all globals, and a
 * crash, an endless loop or an exit ends nothing else. Arguments go into registers as the ABIs of
 * x86-64 and AArch64 have it: whole numbers and pointers in one row, floating-point numbers in
 * another.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <link.h>
#include <mayfly/namespace.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 6, SETS = 24, ENOUGH = 4, ROOM = 4096, PRINTED = 4096 };

enum kind { NOTHING, WHOLE, FLOATING, BYTES, NUMBERS, STRUCTURE, OTHER };

struct type {
    enum kind kind;
    size_t size; /* of a number; of what a pointer leads to */
    bool is_signed, floating;
};

struct function {
    struct type result, parameters[MOST];
    size_t count;
    uintptr_t address; /* in the file */
    const char *unfit;
};

/* ---- what the debug information says --------------------------------------------------------- */

static bool type_of(Dwarf_Die *die, Dwarf_Die *ret) {
    Dwarf_Attribute attribute;
    Dwarf_Die found;
    return dwarf_attr_integrate(die, DW_AT_type, &attribute) != NULL &&
           dwarf_formref_die(&attribute, &found) != NULL && dwarf_peel_type(&found, ret) == 0;
}

/* A structure in which no pointer lies. */
static bool is_plain(Dwarf_Die *die, unsigned depth) {
    Dwarf_Die member, type;
    switch (dwarf_tag(die)) {
    case DW_TAG_base_type:
    case DW_TAG_enumeration_type:
        return true;
    case DW_TAG_array_type:
        return type_of(die, &type) && is_plain(&type, depth);
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
        break;
    default:
        return false;
    }
    if (depth == 0 || dwarf_child(die, &member) != 0)
        return false;
    do {
        if (dwarf_tag(&member) == DW_TAG_member &&
            (!type_of(&member, &type) || !is_plain(&type, depth - 1)))
            return false;
    } while (dwarf_siblingof(&member, &member) == 0);
    return true;
}

static struct type number(Dwarf_Die *die) {
    Dwarf_Attribute attribute;
    Dwarf_Word encoding = DW_ATE_unsigned;
    const int size = dwarf_bytesize(die);
    if (dwarf_tag(die) == DW_TAG_enumeration_type)
        return (struct type){.kind = WHOLE, .size = (size_t)size};
    (void)dwarf_formudata(dwarf_attr(die, DW_AT_encoding, &attribute), &encoding);
    const bool floating = encoding == DW_ATE_float;
    const bool odd = encoding == DW_ATE_complex_float || size > 8;
    return (struct type){.kind = odd ? OTHER : (floating ? FLOATING : WHOLE),
                         .size = (size_t)size,
                         .is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char,
                         .floating = floating};
}

static struct type describe(Dwarf_Die *holder) {
    Dwarf_Die type, behind;
    struct type at;
    if (!type_of(holder, &type))
        return (struct type){.kind = NOTHING};
    const int tag = dwarf_tag(&type);
    if (tag == DW_TAG_base_type || tag == DW_TAG_enumeration_type)
        return number(&type);
    if (tag != DW_TAG_pointer_type)
        return (struct type){.kind = OTHER};
    if (!type_of(&type, &behind))
        return (struct type){.kind = BYTES, .size = 1};
    const int further = dwarf_tag(&behind);
    if (further == DW_TAG_base_type || further == DW_TAG_enumeration_type) {
        at = number(&behind);
        at.kind = at.kind == OTHER ? OTHER : (at.size == 1 ? BYTES : NUMBERS);
        return at;
    }
    if ((further == DW_TAG_structure_type || further == DW_TAG_union_type) && is_plain(&behind, 4))
        return (struct type){.kind = STRUCTURE, .size = (size_t)dwarf_bytesize(&behind)};
    return (struct type){.kind = OTHER, .size = 1};
}

static void take_parameters(Dwarf_Die *die, struct function *ret) {
    Dwarf_Die child;
    size_t floating = 0, whole = 0;
    ret->result = describe(die);
    if (dwarf_child(die, &child) != 0)
        return;
    do {
        if (dwarf_tag(&child) == DW_TAG_unspecified_parameters)
            ret->unfit = "it takes any number of arguments";
        if (dwarf_tag(&child) != DW_TAG_formal_parameter)
            continue;
        const struct type type = describe(&child);
        if (type.kind == OTHER || type.kind == NOTHING || type.size > ROOM)
            ret->unfit = "a parameter of its is of another kind";
        else if (ret->count == MOST)
            ret->unfit = "it has too many parameters";
        else
            ret->parameters[ret->count++] = type;
        floating += type.kind == FLOATING;
        whole += type.kind != FLOATING;
    } while (dwarf_siblingof(&child, &child) == 0);
    if (floating + whole == 0)
        ret->unfit = "it has no parameters";
}

static bool find(const char *library, const char *name, struct function *ret) {
    const int fd = open(library, O_RDONLY | O_CLOEXEC);
    Dwarf *dwarf = dwarf_begin(fd, DWARF_C_READ);
    Dwarf_CU *cu = NULL;
    Dwarf_Die unit, die;
    bool found = false;
    while (!found && dwarf != NULL &&
           dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &unit, NULL) == 0) {
        if (dwarf_child(&unit, &die) != 0)
            continue;
        do {
            Dwarf_Addr entry;
            const char *own = dwarf_tag(&die) == DW_TAG_subprogram ? dwarf_diename(&die) : NULL;
            found = own != NULL && strcmp(own, name) == 0 && dwarf_entrypc(&die, &entry) == 0;
            if (found) {
                ret->address = (uintptr_t)entry;
                take_parameters(&die, ret);
            }
        } while (!found && dwarf_siblingof(&die, &die) == 0);
    }
    (void)dwarf_end(dwarf);
    (void)close(fd);
    return found;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static uint64_t state;

static uint64_t next(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below == 0 ? state : state % below;
}

static uint64_t whole(const struct type *type) {
    static const uint64_t some[] = {0, 1, 2, 10, 31, 64, 255, 1000, 65535, UINT64_MAX};
    uint64_t value = next(40);
    switch (next(8)) {
    case 0:
        value = some[next(sizeof some / sizeof *some)];
        break;
    case 1:
        value = ' ' + next(95);
        break;
    case 2:
        value = next(0) >> next(60);
        break;
    default:
        break;
    }
    const unsigned spare = type->size < 8 ? 64 - 8 * (unsigned)type->size : 0;
    return type->is_signed ? (uint64_t)((int64_t)(value << spare) >> spare)
                           : value << spare >> spare;
}

static void fill(char *to, const struct type *type) {
    static const char *const texts[] = {"",
                                        "a",
                                        "42",
                                        "-17",
                                        "3.25e2",
                                        "0x1fZ",
                                        "abcabc",
                                        "a=b,c",
                                        "/usr/lib/x.y",
                                        "Hello, World\n",
                                        "{\"a\":[1]}",
                                        "%d of 9",
                                        "  x ",
                                        "\xc3\xa9t\xc3\xa9"};
    memset(to, 0, ROOM);
    if (type->kind == BYTES) {
        strcpy(to, texts[next(sizeof texts / sizeof *texts)]);
        return;
    }
    const bool blank = type->kind == STRUCTURE && next(2) == 0;
    for (size_t at = 0; !blank && at + 8 <= ROOM; at += type->kind == STRUCTURE ? 4 : type->size) {
        const uint64_t value = next(20);
        const double real = (double)value / 7;
        const float small = (float)real;
        if (type->floating)
            memcpy(to + at, type->size == 4 ? (const void *)&small : &real, type->size);
        else
            memcpy(to + at, &value, type->kind == STRUCTURE ? 4 : type->size);
    }
}

/* ---- calling --------------------------------------------------------------------------------- */

/* What a child leaves. */
struct outcome {
    bool done;
    uint64_t result;
    char text[256]; /* that the result leads to */
    char buffers[MOST][ROOM];
};

static struct outcome *outcome; /* shared with the children; both find their buffers there */

static void call(const struct function *f, uintptr_t address, struct outcome *ret) {
    uint64_t w[MOST] = {0};
    double d[MOST] = {0};
    size_t whole_count = 0, real_count = 0;
    for (size_t i = 0; i < f->count; i++) {
        const struct type *type = &f->parameters[i];
        if (type->kind == FLOATING) {
            const double real = (double)next(2000) / 16 - 20;
            const float small = (float)real;
            d[real_count] = real;
            if (type->size == 4)
                memcpy(&d[real_count], &small, sizeof small);
            real_count++;
            continue;
        }
        if (type->kind != WHOLE)
            fill(ret->buffers[i], type);
        w[whole_count++] = type->kind == WHOLE ? whole(type) : (uintptr_t)ret->buffers[i];
    }
    if (f->result.kind == FLOATING) {
        double (*real)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, double, double,
                       double, double, double, double);
        memcpy(&real, &address, sizeof real);
        const double value =
            real(w[0], w[1], w[2], w[3], w[4], w[5], d[0], d[1], d[2], d[3], d[4], d[5]);
        memcpy(&ret->result, &value, f->result.size);
        return;
    }
    uint64_t (*function)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, double, double,
                         double, double, double, double);
    memcpy(&function, &address, sizeof function);
    ret->result = function(w[0], w[1], w[2], w[3], w[4], w[5], d[0], d[1], d[2], d[3], d[4], d[5]);
}

/* A result as it can be compared: of pointers where in a buffer they lead, or to which text. */
static void level(const struct function *f, struct outcome *ret) {
    const struct type *type = &f->result;
    if (type->kind == NOTHING)
        ret->result = 0;
    if (type->kind == WHOLE && type->size < 8)
        ret->result &= ((uint64_t)1 << 8 * type->size) - 1;
    if (type->kind <= FLOATING || ret->result == 0)
        return;
    const uintptr_t to = (uintptr_t)ret->result, begin = (uintptr_t)ret->buffers;
    if (to - begin < sizeof ret->buffers) {
        ret->result = to - begin + 1;
        return;
    }
    ret->result = 1;
    if (type->kind == BYTES)
        (void)snprintf(ret->text, sizeof ret->text, "%s", (const char *)to);
}

static int run(const struct function *f, uintptr_t address, uint64_t seed, struct outcome *ret,
               int output) {
    memset(ret, 0, sizeof *ret);
    const pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit memory = {1 << 30, 1 << 30}, time = {1, 1}, core = {0, 0};
        (void)setrlimit(RLIMIT_AS, &memory);
        (void)setrlimit(RLIMIT_CPU, &time);
        (void)setrlimit(RLIMIT_CORE, &core);
        (void)alarm(3);
        (void)dup2(output, 1);
        (void)dup2(output, 2);
        state = seed;
        call(f, address, ret);
        level(f, ret);
        (void)fflush(NULL);
        ret->done = true;
        _exit(0);
    }
    int status = -1;
    return pid < 0 || waitpid(pid, &status, 0) != pid ? -1 : status;
}

struct printed {
    int fd;
    ssize_t size;
    char text[PRINTED];
};

static int run_printing(const struct function *f, uintptr_t address, uint64_t seed,
                        struct outcome *ret, struct printed *printed) {
    printed->fd = memfd_create("printed", MFD_CLOEXEC);
    const int status = run(f, address, seed, ret, printed->fd);
    printed->size = pread(printed->fd, printed->text, PRINTED, 0);
    (void)close(printed->fd);
    return status;
}

static void compare(const struct function *f, uintptr_t original, uintptr_t copy) {
    static struct printed first, second;
    static struct outcome one;
    const struct outcome *two = outcome;
    size_t equal = 0;
    for (uint64_t set = 1; set <= SETS; set++) {
        const uint64_t seed = set * 0x9e3779b97f4a7c15U;
        const int status = run_printing(f, original, seed, outcome, &first);
        one = *outcome;
        const int other = run_printing(f, copy, seed, outcome, &second);
        if (status != other || one.done != two->done) {
            printf("differ by how call %u ends: %#x, %#x\n", (unsigned)set, (unsigned)status,
                   (unsigned)other);
            return;
        }
        if (!one.done)
            continue;
        if (one.result != two->result ||
            memcmp(one.buffers, two->buffers, sizeof one.buffers) != 0 ||
            strcmp(one.text, two->text) != 0 || first.size != second.size ||
            memcmp(first.text, second.text, (size_t)first.size) != 0) {
            printf("differ by what call %u gives: %#llx, %#llx\n", (unsigned)set,
                   (unsigned long long)one.result, (unsigned long long)two->result);
            return;
        }
        equal++;
    }
    if (equal < ENOUGH)
        printf("unfit nearly every call ends the process\n");
    else
        printf("equal %zu\n", equal);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void one_case(const char *text, const char *library, const char *name) {
    mayfly_auto(mayfly_namespace) ns = NULL;
    mayfly_error error = {0};
    struct function function = {.count = 0};
    struct link_map *map;
    if (!find(library, name, &function) || function.unfit != NULL) {
        printf("unfit %s\n", function.unfit != NULL ? function.unfit : "it is not there");
        return;
    }
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (handle == NULL || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) {
        printf("unfit %s\n", dlerror());
        return;
    }
    const mayfly_load_source_options options = {.uncached = true};
    if (mayfly_load_source(text, &options, &ns, &error) < 0) {
        printf("differ as it is not loaded: %s\n", error.message);
    } else {
        const mayfly_function copy = mayfly_namespace_function(ns, name);
        uintptr_t address = 0;
        memcpy(&address, &copy, sizeof copy);
        compare(&function, (uintptr_t)map->l_addr + function.address, address);
    }
    (void)dlclose(handle);
}

int main(void) {
    char text[1024], library[1024], name[512];
    outcome =
        mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcome == MAP_FAILED)
        return 1;
    while (scanf("%1023s %1023s %511s", text, library, name) == 3) {
        one_case(text, library, name);
        (void)fflush(stdout);
    }
    return 0;
}
