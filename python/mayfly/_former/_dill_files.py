# SPDX-License-Identifier: MIT
"""The name by which streams know mayfly._dill.files."""
import sys

from mayfly._dill import files

sys.modules[__name__] = files
