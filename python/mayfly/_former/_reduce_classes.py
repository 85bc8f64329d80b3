# SPDX-License-Identifier: MIT
"""The name by which streams know mayfly._dill.reduce_classes."""
import sys

from mayfly._dill import reduce_classes

sys.modules[__name__] = reduce_classes
