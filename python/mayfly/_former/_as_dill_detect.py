# SPDX-License-Identifier: MIT
"""The name by which streams know mayfly._dill.detect."""
import sys

from mayfly._dill import detect

sys.modules[__name__] = detect
