/* SPDX-License-Identifier: MIT
 *
 * mayfly: things that must not outlive their use. This header includes all of them; each part's
 * own header is its manual.
 *
 * (row F2) and (contract F2) in them name what was asked for; the names of the tests that look for
 * it begin with F2_. tempfile-guide.md and its like are guides to Python's tempfile and to
 * dill.temp, which lie in tests/python/documents of the source: what their examples do is done
 * here.
 */
#ifndef MAYFLY_H
#define MAYFLY_H

#include <mayfly/api.h>
#include <mayfly/capture.h>
#include <mayfly/batch.h>
#include <mayfly/cache.h>
#include <mayfly/chunk.h>
#include <mayfly/csv.h>
#include <mayfly/dir.h>
#include <mayfly/dump.h>
#include <mayfly/error.h>
#include <mayfly/event.h>
#include <mayfly/file.h>
#include <mayfly/lease.h>
#include <mayfly/manager.h>
#include <mayfly/mkstemp.h>
#include <mayfly/object.h>
#include <mayfly/pickle.h>
#include <mayfly/quota.h>
#include <mayfly/replace.h>
#include <mayfly/session.h>
#include <mayfly/signals.h>
#include <mayfly/struct.h>
#include <mayfly/test.h>
#include <mayfly/tree.h>
#include <mayfly/trust.h>
#include <mayfly/where.h>
#include <mayfly/workspace.h>

/* Apart: <mayfly/source.h> and <mayfly/namespace.h>, which are of the library mayfly-source. */

#endif
