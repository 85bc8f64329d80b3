# SPDX-License-Identifier: MIT
"""The name by which streams know mayfly._dill.drop_in."""
import sys

from mayfly._dill import drop_in

sys.modules[__name__] = drop_in
