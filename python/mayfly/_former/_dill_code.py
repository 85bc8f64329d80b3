# SPDX-License-Identifier: MIT
"""The name by which streams know mayfly._dill.code."""
import sys

from mayfly._dill import code

sys.modules[__name__] = code
