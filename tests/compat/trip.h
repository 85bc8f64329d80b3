/* SPDX-License-Identifier: MIT
 *
 * The struct that the two programs of source_trip.sh have in common.
 */
#ifndef TRIP_H
#define TRIP_H

#include <mayfly.h>

typedef struct box {
    double width, height;
    int64_t count;
} box;
MAYFLY_CLASS(box_type, box, "trip", "Box", MAYFLY_FIELD(box, width), MAYFLY_FIELD(box, height),
             MAYFLY_FIELD(box, count));

#endif
