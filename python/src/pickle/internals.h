/* SPDX-License-Identifier: MIT
 *
 * The insides of CPython, behind one shim: everything that is known of layouts that its public
 * headers do not promise, for each version from 3.9 to 3.14.
 *
 * MPK_INTERNALS is 1 where they are used. With -Dpython_internals=false, on a free-threaded build
 * and on versions that are not known here it is 0, and the same functions stand on the public
 * interface. Nothing outside this file asks which it is, but for speed.
 */
#ifndef MPK_INTERNALS_H
#define MPK_INTERNALS_H

#include "pickle.h"

#if defined(MPK_PUBLIC_ONLY) || defined(Py_GIL_DISABLED) || defined(Py_LIMITED_API) ||             \
    PY_VERSION_HEX >= 0x030F0000
#define MPK_INTERNALS 0
#else
#define MPK_INTERNALS 1
#endif

#endif
