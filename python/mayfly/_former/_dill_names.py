# SPDX-License-Identifier: MIT
"""The name by which streams know mayfly._dill.names."""
import sys

from mayfly._dill import names

sys.modules[__name__] = names
