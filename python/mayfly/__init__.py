# SPDX-License-Identifier: MIT
"""Temporary files, directories and spools that do not outlive their use.

    import mayfly.tempfile as tempfile      # a drop-in
    with mayfly.replace(path, "w") as file: # all of the new content, or the old one
"""
from ._core import (Error, Manager, keep, keep_on_signals, persist, reap, replace,  # noqa: F401
                    version as __version__, workspace)
from . import tempfile  # noqa: F401  its variables (tempdir, template) are what _core looks at


def install():
    """Has `import tempfile` mean mayfly.tempfile from now on, for this process.

    Modules that imported something from the other one before keep it.
    """
    import sys
    from . import tempfile
    sys.modules["tempfile"] = tempfile
    return tempfile


def uninstall():
    """Ends what install() began: the next `import tempfile` is CPython's."""
    import sys
    from . import tempfile
    if sys.modules.get("tempfile") is tempfile:
        del sys.modules["tempfile"]
