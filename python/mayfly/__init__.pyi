from types import ModuleType

from . import tempfile as tempfile
from ._core import (
    Error as Error,
    Manager as Manager,
    keep as keep,
    keep_on_signals as keep_on_signals,
    persist as persist,
    reap as reap,
    replace as replace,
    version as __version__,
    workspace as workspace,
)

def install() -> ModuleType: ...
def uninstall() -> None: ...
