/* SPDX-License-Identifier: MIT
 *
 * Source files of C in use (rows S1 and S3): loaded, they are namespaces whose functions are called
 * at native speed. A part of the library mayfly-source, as is mayfly/source.h.
 */
#ifndef MAYFLY_NAMESPACE_H
#define MAYFLY_NAMESPACE_H

#include <mayfly/source.h>

MAYFLY_BEGIN_DECLS

MAYFLY_END_DECLS

#endif
