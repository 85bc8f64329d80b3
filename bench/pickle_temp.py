# SPDX-License-Identifier: MIT
"""mayfly.temp beside dill.temp: dump to a temporary file on tmpfs, load, close; in turns. Prints Markdown."""
import os
import statistics
import time

os.environ["TMPDIR"] = "/dev/shm"
from mayfly import temp as ours  # noqa: E402  it looks for its directory when it is first used
try:
    from dill import temp as theirs
except ImportError:
    raise SystemExit("bench/pickle_temp.py: dill is not installed") from None

OBJECT = [1, 2, 3, 4, 5]
TIMES, ROUNDS = 200, 21


def microseconds(temp):
    began = time.process_time()
    for _ in range(TIMES):
        with temp.dump(OBJECT) as file:
            assert temp.load(file) == OBJECT
    return (time.process_time() - began) / TIMES * 1e6


taken = [(microseconds(ours), microseconds(theirs)) for _ in range(ROUNDS)]
mine, others = (statistics.median(times) for times in zip(*taken))
print(f"\nA list of five ints dumped by `temp.dump` on tmpfs and loaded by `temp.load`: {mine:.1f} us, "
      f"{others / mine:.1f} times as fast as dill.temp ({others:.1f} us).")
