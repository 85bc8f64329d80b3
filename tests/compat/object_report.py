# SPDX-License-Identifier: MIT
"""Counts what was compared and prints it in the way of tests/run."""
import os
import sys
import time

SHOWN = int(os.environ.get("MFT_SHOWN", "5"))  # how many failures of a kind are printed


def short_hex(data):
    text = data.hex()
    return text if len(text) <= 600 else f"{text[:600]}... ({len(data)} bytes)"


class Report:
    def __init__(self):
        self.failed = False

    def check(self, name, function, *arguments):
        """Runs a function that yields None for each case that is good, else what is not."""
        began = time.monotonic()
        count, bad = 0, []
        for said in function(*arguments):
            count += 1
            if said is not None:
                bad.append(said)
        if os.environ.get("MFT_TIMES"):
            name += f"_in_{time.monotonic() - began:.1f}_s"
        self.say(name, count, bad)

    def say(self, name, count, bad):
        if count == 0:
            bad = bad or ["nothing was compared"]
        print("not ok" if bad else "ok", f"{name} ({count} cases)")
        for line in bad[:SHOWN]:
            print("    " + line.replace("\n", "\n    "))
        if len(bad) > SHOWN:
            print(f"    and {len(bad) - SHOWN} more")
        sys.stdout.flush()
        self.failed = self.failed or bool(bad)
