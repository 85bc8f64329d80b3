/* SPDX-License-Identifier: MIT
 *
 * What mayfly inspect shows of a value, as a tree and as JSON.
 *
 * Both walk with a stack of their own: a hostile file may nest a million lists.
 */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include <mayfly.h>

struct inspect_limits {
    uint64_t depth; /* containers within containers; the value itself is at 0 */
    uint64_t items; /* of each container */
};

/* Which values stand in several places, by identity; and the labels that they were given. */
struct inspect_marks {
    uint64_t *slots; /* value, state, value, state, ... */
    size_t count, mask;
    uint64_t labels; /* given so far */
};

enum { INSPECT_ONCE = 1, INSPECT_SHARED = 2 }; /* states; from there on: label + INSPECT_SHARED */

/* Looks at all that a value reaches. 0 or -ENOMEM. */
int inspect_survey(mayfly_value root, struct inspect_marks *ret);
void inspect_marks_free(struct inspect_marks *marks);

/* Whether it stands in several places and is worth a label: what can change, or has parts. */
bool inspect_shared(const struct inspect_marks *marks, mayfly_value value);

/* Its label; *ret_new: it was given just now, and the value is to be shown. 0: it has none. */
uint64_t inspect_label(struct inspect_marks *marks, mayfly_value value, bool *ret_new);
uint64_t inspect_known_label(const struct inspect_marks *marks, mayfly_value value);

/* Whether it is shown as one text: it has no parts, or is an object of a class whose text says all
 * (a datetime, a UUID). */
bool inspect_is_leaf(mayfly_value value);

/* How many pairs or items, parts of an object; 0: it has none. */
size_t inspect_count(mayfly_value value);

/* The parts of an object in this order; absent where there is none. */
enum {
    INSPECT_CALLABLE,
    INSPECT_ARGUMENTS,
    INSPECT_KEYWORDS,
    INSPECT_ITEMS,
    INSPECT_PAIRS,
    INSPECT_STATE,
    INSPECT_PARTS
};
mayfly_value inspect_object_part(mayfly_value object, size_t part);

/* Prints a text that a file may have chosen: what would move a terminal's cursor, change its
 * colours or turn the direction of writing is escaped. */
void inspect_print(const char *text, size_t size);
char *inspect_escape(const char *text, size_t size); /* the same as new memory; NULL: none */

/* A value as a tree or as one line of JSON on standard output, which may be cut there by a failure.
 * 0 or -ENOMEM. */
int inspect_tree(mayfly_value root, const struct inspect_limits *limits);
int inspect_json(mayfly_value root, const struct inspect_limits *limits);

/* A whole file, or what a pipe has. */
struct inspect_input {
    const char *name;
    char *data;
    size_t size;
};

/* Reads it by the rules of mayfly/trust.h; "-" is the standard input. 0, or an exit status after
 * saying what is wrong. inspect_slurp: any file, for what the user wrote. */
int inspect_read(const char *path, bool any_owner, uint64_t max_bytes, struct inspect_input *ret);
int inspect_slurp(const char *path, uint64_t max_bytes, struct inspect_input *ret);

/* A text as a JSON string; false: it holds lone surrogates, or there is no memory. */
bool inspect_json_text(const char *text, size_t size);

#endif
