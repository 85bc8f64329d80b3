/* SPDX-License-Identifier: MIT
 *
 * Limits: how much a file, a directory and the whole process may hold.
 *
 * A file has its own in mayfly_file_options (max_bytes), a directory in mayfly_dir_options
 * (max_bytes and max_files, for what is made in it by mayfly_dir_file and mayfly_dir_mkdir), the
 * process in mayfly_set_quota. A write that would go past any of them does nothing and fails with
 * -EDQUOT and the numbers. What a file holds in memory counts as well. What is removed, closed or
 * persisted is given back.
 *
 * Counted is what is written through handles. What goes past them - a descriptor that was asked
 * for, another process - is seen at the handle's next write.
 */
#ifndef MAYFLY_QUOTA_H
#define MAYFLY_QUOTA_H

#include <mayfly/dir.h>

MAYFLY_BEGIN_DECLS

/* What is held at the moment, and the limits; 0: none. */
typedef struct mayfly_usage {
    uint64_t bytes;
    uint64_t files; /* and directories */
    uint64_t max_bytes;
    uint64_t max_files;
} mayfly_usage;

/* Limits all temporary files and directories of this process that are made from now on.
 *
 * max_bytes, max_files    0: no limit. Both 0: what was made before is still counted off.
 *
 * Safety:    thread any | fork: a child counts for itself, from what there was | signal no
 * Since:     0.1 */
MAYFLY_API void mayfly_set_quota(uint64_t max_bytes, uint64_t max_files);

/* What this process holds of what was made since a limit was set.
 * Safety: thread any | fork any | signal no. Since: 0.1 */
MAYFLY_API void mayfly_quota_usage(mayfly_usage *ret);

/* What a directory holds of what was made through its handle; zeros for one without limits.
 * Safety: thread any | fork any | signal no. Since: 0.1 */
MAYFLY_API void mayfly_dir_usage(const mayfly_dir *dir, mayfly_usage *ret);

MAYFLY_END_DECLS

#endif
