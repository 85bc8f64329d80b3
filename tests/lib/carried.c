/* SPDX-License-Identifier: MIT
 *
 * A function whose text the tests carry, in a unit that includes little.
 */
#include <mayfly/source.h>

MAYFLY_EMBED_SOURCE();

int mft_times(int x);

static int factor = 3;

int mft_times(int x) {
    return x * factor;
}
