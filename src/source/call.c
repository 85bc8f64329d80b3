/* SPDX-License-Identifier: MIT
 *
 * Calling a function with texts.
 *
 * A caller in C is written behind the text and compiled along with it. So it is the compiler that
 * knows the types, through typedefs and macros, that converts the arguments, and that refuses what
 * does not fit; static functions can be called as well. What is read from the text is only the
 * names of the parameters. The caller tells of what kind and size each of them is, and the texts
 * are read accordingly before anything is called.
 * Rejected   libffi: it would have to be told the types, and to read them from the text means to
 *            know all typedefs of all headers; a wrong guess is a wrong call.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "extract.h"
#include "load.h"

static const char operation[] = "call";

enum { MOST = 32 };

/* What passes through. As the caller in C has it, see below. */
union word {
    long long number;
    unsigned long long natural;
    double real;
    const char *text;
    _Alignas(16) char bytes[64];
};

/* ---- the caller in C ------------------------------------------------------------------------- */

static const char before[] =
    "union mayfly_call_word {\n"
    "    long long mayfly_n; unsigned long long mayfly_u; double mayfly_d; const char *mayfly_s;\n"
    "    _Alignas(16) char mayfly_b[64];\n"
    "};\n"
    "#define MAYFLY_CALL_KIND(x) _Generic((x), _Bool: 'b', char: (char)-1 < 0 ? 'i' : 'u', \\\n"
    "    signed char: 'i', short: 'i', int: 'i', long: 'i', long long: 'i', \\\n"
    "    unsigned char: 'u', unsigned short: 'u', unsigned: 'u', unsigned long: 'u', \\\n"
    "    unsigned long long: 'u', float: 'd', double: 'd', long double: 'd', \\\n"
    "    char *: 's', const char *: 's', default: '?')\n"
    "#define MAYFLY_CALL_GIVE(x, w) _Generic((x), _Bool: (w).mayfly_n, char: (w).mayfly_n, \\\n"
    "    signed char: (w).mayfly_n, short: (w).mayfly_n, int: (w).mayfly_n, \\\n"
    "    long: (w).mayfly_n, long long: (w).mayfly_n, unsigned char: (w).mayfly_n, \\\n"
    "    unsigned short: (w).mayfly_n, unsigned: (w).mayfly_n, unsigned long: (w).mayfly_n, \\\n"
    "    unsigned long long: (w).mayfly_n, float: (w).mayfly_d, double: (w).mayfly_d, \\\n"
    "    long double: (w).mayfly_d, char *: (char *)(w).mayfly_s, const char *: (w).mayfly_s, \\\n"
    "    default: *(__typeof__(x) *)0)\n"
    "struct mayfly_call_parameters { char mayfly_call_first; ";

static int append(struct mfi_buffer *to, const char *format, ...) MFI_PRINTF(2, 3);

static int append(struct mfi_buffer *to, const char *format, ...) {
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    const int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    const int r = size < 0 ? -ENOMEM : mfi_buffer_append(to, text, (size_t)size);
    if (size >= 0)
        free(text);
    return r;
}

/* A parameter, as it stands between commas. */
struct parameter {
    const char *text, *name; /* in it, behind which nothing stands but perhaps an array's bounds */
    size_t size, name_size;
    bool array;
};

/* The last word is the name, if another one or a '*' stands before it. */
static bool read_parameter(const char *text, size_t size, struct parameter *ret) {
    const char *bound = memchr(text, '[', size);
    const char *end = bound != NULL ? bound : text + size;
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    const char *name = end;
    while (name > text && (isalnum((unsigned char)name[-1]) || name[-1] == '_'))
        name--;
    *ret = (struct parameter){text, name, size, (size_t)(end - name), bound != NULL};
    for (const char *at = text; at < name; at++)
        if (!isspace((unsigned char)*at))
            return ret->name_size > 0 && memchr(text, '(', size) == NULL;
    return false;
}

/* The parameters of a declaration that mfi_signature wrote. How many, or the failure. */
static int read_parameters(const char *list, const char *path, struct parameter *ret,
                           mayfly_error *error) {
    const size_t all = strlen(list);
    int count = 0, depth = 0;
    if (all == 0 || (all == 4 && memcmp(list, "void", 4) == 0))
        return 0;
    for (size_t i = 0, from = 0; i <= all; i++) {
        depth += i < all && list[i] == '(' ? 1 : i < all && list[i] == ')' ? -1 : 0;
        if (i < all && (list[i] != ',' || depth > 0))
            continue;
        while (isspace((unsigned char)list[from]))
            from++;
        if (count == MOST || !read_parameter(list + from, i - from, &ret[count]))
            return mfi_fail(error, -EINVAL, operation, path,
                            "its parameter %d, '%.*s', cannot be given as text", count + 1,
                            (int)(i - from), list + from);
        count++;
        from = i + 1;
    }
    return count;
}

static int append_call(struct mfi_buffer *to, const char *function, const struct parameter *list,
                       int count) {
    int r = append(to, "%s(", function);
    for (int i = 0; r == 0 && i < count; i++)
        r = append(to, "%sMAYFLY_CALL_GIVE(mayfly_call_of->%.*s, mayfly_call_words[%d])",
                   i == 0 ? "" : ", ", (int)list[i].name_size, list[i].name, i);
    return r < 0 ? r : mfi_buffer_append(to, ")", 1);
}

static int append_kinds(struct mfi_buffer *to, const struct parameter *list, int count) {
    int r = append(to, "char mayfly_call_last; };\n"
                       "#define mayfly_call_of ((struct mayfly_call_parameters *)0)\n"
                       "const unsigned char mayfly_call_kinds[] = {");
    for (int i = 0; r == 0 && i < count; i++)
        r = append(to, "MAYFLY_CALL_KIND(mayfly_call_of->%.*s), sizeof(mayfly_call_of->%.*s), ",
                   (int)list[i].name_size, list[i].name, (int)list[i].name_size, list[i].name);
    return r < 0 ? r : append(to, "0};\n");
}

/* The result goes into the word behind the arguments, and its kind and size to where they are asked
 * for. */
static int append_run(struct mfi_buffer *to, const char *function, const struct parameter *list,
                      int count, bool nothing) {
    int r = append(to, "void mayfly_call_run(union mayfly_call_word *mayfly_call_words, "
                       "unsigned char *mayfly_call_result, int mayfly_call_really) {\n    ");
    if (r == 0 && !nothing) {
        r = append(to, "mayfly_call_result[0] = MAYFLY_CALL_KIND(");
        if (r == 0)
            r = append_call(to, function, list, count);
        if (r == 0)
            r = append(to, ");\n    mayfly_call_result[1] = sizeof(");
        if (r == 0)
            r = append_call(to, function, list, count);
        if (r == 0)
            r = append(to, ") < 255 ? sizeof(");
        if (r == 0)
            r = append_call(to, function, list, count);
        if (r == 0)
            r = append(to, ") : 255;\n    if (mayfly_call_really) *(__typeof__(");
        if (r == 0)
            r = append_call(to, function, list, count);
        if (r == 0)
            r = append(to, ") *)&mayfly_call_words[%d] = ", count);
    } else if (r == 0) {
        r = append(to, "mayfly_call_result[0] = 'v';\n    if (mayfly_call_really) ");
    }
    if (r == 0)
        r = append_call(to, function, list, count);
    return r < 0 ? r : append(to, ";\n}\n");
}

static int write_caller(struct mfi_buffer *to, const char *function, const struct parameter *list,
                        int count, bool nothing) {
    int r = mfi_buffer_append(to, before, sizeof before - 1);
    for (int i = 0; r == 0 && i < count; i++)
        r = append(to, "%.*s%s%.*s; ", (int)(list[i].name - list[i].text), list[i].text,
                   list[i].array ? "*" : "", (int)list[i].name_size, list[i].name);
    if (r == 0)
        r = append_kinds(to, list, count);
    return r < 0 ? r : append_run(to, function, list, count, nothing);
}

/* ---- texts to arguments ---------------------------------------------------------------------- */

struct given {
    const char *text;
    int number; /* from 1 */
    unsigned char kind, size;
    const char *path;
};

static int not_a(const struct given *given, int code, const char *wanted, mayfly_error *error) {
    return mfi_fail(error, code, operation, given->path, "argument %d, \"%s\": %s is needed",
                    given->number, given->text, wanted);
}

static int read_whole(const struct given *given, union word *ret, mayfly_error *error) {
    const char *digits = given->text + (given->text[0] == '-' || given->text[0] == '+');
    const int base = digits[0] == '0' && (digits[1] | 32) == 'x' ? 16 : 10;
    const int bits = 8 * given->size;
    char *end;
    if (given->size == 1 && given->text[0] != '\0' && given->text[1] == '\0' &&
        !isdigit((unsigned char)given->text[0])) {
        ret->number = given->text[0]; /* a character */
        return 0;
    }
    if (!isxdigit((unsigned char)digits[0]))
        return not_a(given, -EINVAL, "a whole number", error);
    errno = 0;
    if (given->kind == 'u')
        ret->natural = strtoull(given->text, &end, base);
    else
        ret->number = strtoll(given->text, &end, base);
    if (*end != '\0')
        return not_a(given, -EINVAL, "a whole number", error);
    const bool fits = given->kind == 'u'
                          ? given->text[0] != '-' && (bits >= 64 || ret->natural >> bits == 0)
                          : bits >= 64 || (ret->number >= -(1LL << (bits - 1)) &&
                                           ret->number < 1LL << (bits - 1));
    if (errno == ERANGE || !fits)
        return not_a(given, -ERANGE,
                     given->kind == 'u' ? "a number from 0 on that its parameter can hold"
                                        : "a number that its parameter can hold",
                     error);
    return 0;
}

static int read_real(const struct given *given, union word *ret, mayfly_error *error) {
    char *end;
    ret->real = strtod(given->text, &end);
    if (end == given->text || *end != '\0' || isspace((unsigned char)given->text[0]))
        return not_a(given, -EINVAL, "a number", error);
    return 0;
}

static int read_bool(const struct given *given, union word *ret, mayfly_error *error) {
    const bool yes = strcmp(given->text, "true") == 0 || strcmp(given->text, "1") == 0;
    ret->number = yes;
    return yes || strcmp(given->text, "false") == 0 || strcmp(given->text, "0") == 0
               ? 0
               : not_a(given, -EINVAL, "true or false", error);
}

static int read_given(const struct given *given, union word *ret, mayfly_error *error) {
    switch (given->kind) {
    case 'i':
    case 'u':
        return read_whole(given, ret, error);
    case 'd':
        return read_real(given, ret, error);
    case 'b':
        return read_bool(given, ret, error);
    case 's':
        ret->text = given->text;
        return 0;
    default:
        return mfi_fail(error, -EINVAL, operation, given->path,
                        "parameter %d is neither a number nor a string: it cannot be given as text",
                        given->number);
    }
}

/* ---- a result to text ------------------------------------------------------------------------ */

static long long whole_of(const union word *word, unsigned size) {
    switch (size) {
    case 1:
        return (signed char)word->bytes[0];
    case 2: {
        int16_t value;
        memcpy(&value, word, sizeof value);
        return value;
    }
    case 4: {
        int32_t value;
        memcpy(&value, word, sizeof value);
        return value;
    }
    default:
        return word->number;
    }
}

/* With as few digits as give the same number again. */
static char *real_text(const union word *word, unsigned size) {
    float small = 0;
    double value = word->real;
    long double large = 0;
    char text[64];
    if (size == sizeof small) {
        memcpy(&small, word, sizeof small);
        value = (double)small;
    } else if (size > sizeof value) {
        memcpy(&large, word, sizeof large < size ? sizeof large : size);
        value = (double)large;
    }
    for (int digits = size == sizeof small ? 6 : 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (size == sizeof small ? strtof(text, NULL) == small : strtod(text, NULL) == value)
            break;
    }
    return mfi_strdup(text);
}

static char *result_text(const union word *word, const unsigned char *kind) {
    const unsigned bits = 8u * kind[1];
    switch (kind[0]) {
    case 'i':
        return mfi_format("%lld", whole_of(word, kind[1]));
    case 'u':
        return mfi_format("%llu",
                          bits >= 64 ? word->natural : word->natural & ((1ULL << bits) - 1));
    case 'b':
        return mfi_strdup(word->bytes[0] ? "true" : "false");
    case 'd':
        return real_text(word, kind[1]);
    case 's':
        return mfi_strdup(word->text == NULL ? "(null)" : word->text);
    default:
        return mfi_strdup("");
    }
}

/* ---- calling --------------------------------------------------------------------------------- */

typedef void run_function(union word *words, unsigned char *kind, int really);

static int run(const mayfly_namespace *ns, const char *path, const char *const *arguments,
               int count, char **ret, mayfly_error *error) {
    const unsigned char *kinds = mfi_module_symbol(ns->module, "mayfly_call_kinds");
    void *address = mfi_module_symbol(ns->module, "mayfly_call_run");
    union word words[MOST + 1] = {{0}};
    unsigned char kind[2] = "";
    run_function *call;
    if (kinds == NULL || address == NULL)
        return mfi_fail(error, MAYFLY_E_NO_FUNCTION, operation, path,
                        "the text hides what is behind it (a comment without an end?)");
    memcpy(&call, &address, sizeof call);
    for (int i = 0; i < count; i++) {
        const struct given given = {arguments[i], i + 1, kinds[2 * i], kinds[2 * i + 1], path};
        const int r = read_given(&given, &words[i], error);
        if (r < 0)
            return r;
    }
    call(words, kind, 0);
    if (kind[0] == '?')
        return mfi_fail(error, -EINVAL, operation, path,
                        "its result is neither a number nor a string");
    call(words, kind, 1);
    *ret = result_text(&words[count], kind);
    return *ret == NULL ? mfi_fail_memory(error, 0) : 0;
}

/* Numbers have a point, whatever the locale of this thread says. */
static int run_in_c(const mayfly_namespace *ns, const char *path, const char *const *arguments,
                    int count, char **ret, mayfly_error *error) {
    const locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    const locale_t own = c == (locale_t)0 ? c : uselocale(c);
    const int r = run(ns, path, arguments, count, ret, error);
    if (c != (locale_t)0) {
        (void)uselocale(own);
        freelocale(c);
    }
    return r;
}

/* How a text declares a function that it defines; NULL: it does not, or there is no memory. */
static char *declaration(const struct mfi_buffer *text, const char *function) {
    struct mfi_graph graph;
    uint32_t file, name;
    char *declared = NULL;
    if (mfi_graph_init(&graph) < 0)
        return NULL;
    if (mfi_graph_add(&graph, "text", text->data, text->size, NULL, 0, &file) == 0) {
        mfi_graph_declare(&graph);
        const uint32_t piece = mfi_find_function(&graph, function, 0, &name);
        if (piece != MFI_NONE && graph.pieces[piece].function)
            declared = mfi_signature(&graph, piece, name, NULL);
    }
    mfi_graph_free(&graph);
    return declared;
}

/* What stands between the parentheses behind the name in a declaration. */
static char *parameters_of(const char *declared, const char *name) {
    const size_t size = strlen(name);
    const char *at = declared;
    while ((at = strstr(at, name)) != NULL) {
        const char *next = at + size + strspn(at + size, ")");
        const bool whole = at == declared || (!isalnum((unsigned char)at[-1]) && at[-1] != '_');
        if (whole && *next == '(') {
            const char *end = next;
            for (int depth = 0; *end != '\0'; end++) {
                depth += *end == '(' ? 1 : *end == ')' ? -1 : 0;
                if (depth == 0)
                    break;
            }
            return mfi_format("%.*s", (int)(end - next - 1), next + 1);
        }
        at += size;
    }
    return NULL;
}

/* The text, which function of it, and how that is declared. */
static int find_function(const struct mfi_buffer *text, const char *path, const char *function,
                         char **ret_name, char **ret_declared, char **ret_parameters,
                         mayfly_error *error) {
    mfi_auto_contract contract = {0};
    int r = mfi_contract_read(text->data, text->size, path, &contract, error);
    if (r < 0)
        return r;
    if (function == NULL)
        function = contract.name;
    if (function == NULL)
        return mfi_fail(error, MAYFLY_E_NO_FUNCTION, operation, path,
                        "it does not say which function is meant (#NAME): name one");
    *ret_declared = mfi_is_name(function, strlen(function)) ? declaration(text, function) : NULL;
    if (*ret_declared == NULL)
        return mfi_fail(error, MAYFLY_E_NO_FUNCTION, operation, path,
                        "no definition of a function '%s' is to be seen there", function);
    *ret_name = mfi_strdup(function);
    *ret_parameters = parameters_of(*ret_declared, function);
    return *ret_name == NULL || *ret_parameters == NULL ? mfi_fail_memory(error, text->size) : 0;
}

/* Whether the declaration begins with "void name", but for words that say nothing of the type. */
static bool gives_nothing(const char *declared, const char *name) {
    mfi_auto_free char *wanted = mfi_format("void %s(", name);
    const char *found = wanted == NULL ? NULL : strstr(declared, wanted);
    return found != NULL && (found == declared || found[-1] == ' ');
}

int mayfly_call_source_sized(size_t options_size, const char *path, const char *function,
                             const char *const *arguments, size_t count,
                             const mayfly_load_source_options *options, char **ret,
                             mayfly_error *error) {
    mayfly_load_source_options known;
    mfi_auto_buffer text = {0}, caller = {0};
    mfi_auto_free char *name = NULL, *declared = NULL, *parameters = NULL;
    struct parameter list[MOST];
    mayfly_auto(mayfly_namespace) ns = NULL;
    int r = mfi_options_import(&known, sizeof known, options, options_size, operation, error);
    if (r == 0)
        r = mfi_trust_read(path, &known, &text, error);
    if (r == 0)
        r = find_function(&text, path, function, &name, &declared, &parameters, error);
    if (r < 0)
        return r;
    const int wanted = read_parameters(parameters, path, list, error);
    if (wanted < 0)
        return wanted;
    if ((size_t)wanted != count)
        return mfi_fail(error, -EINVAL, operation, path, "%s takes %d argument%s, not %zu: %s",
                        name, wanted, wanted == 1 ? "" : "s", count, declared);
    if (write_caller(&caller, name, list, wanted, gives_nothing(declared, name)) < 0)
        return mfi_fail_memory(error, 0);
    known.alias = NULL;
    r = mfi_namespace_load(text.data, text.size, path, caller.data, &known, &ns, error);
    return r < 0 ? r : run_in_c(ns, path, arguments, wanted, ret, error);
}
