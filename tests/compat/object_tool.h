/* SPDX-License-Identifier: MIT
 *
 * What the parts of object_tool share.
 */
#ifndef MFT_OBJECT_TOOL_H
#define MFT_OBJECT_TOOL_H

#include <mayfly/pickle.h>

/* Builds a value of all sorts of parts with the public functions; the same one for the same seed.
 * `plain`: without anything that is not built into Python's own types. */
mayfly_value object_build(mayfly_doc *doc, uint32_t seed, bool plain);

/* Calls every function that looks at values on all that a value reaches. Returns a sum of what they
 * said, so that none of it can be left out. */
uint64_t object_walk(mayfly_value value);

#endif
