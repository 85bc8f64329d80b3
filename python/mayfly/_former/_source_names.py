# SPDX-License-Identifier: MIT
"""The name by which streams know mayfly._source.names."""
import sys

from mayfly._source import names

sys.modules[__name__] = names
