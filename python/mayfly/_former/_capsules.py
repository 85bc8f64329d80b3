# SPDX-License-Identifier: MIT
"""The name by which streams know mayfly._dill.capsules."""
import sys

from mayfly._dill import capsules

sys.modules[__name__] = capsules
