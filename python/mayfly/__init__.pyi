from types import ModuleType

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

class CFunction:
    name: str
    source: str
    signature: str
    flags: str
    hash: str
    def __init__(
        self, name: str, source: str, signature: str = "", flags: str = "", hash: str = ""
    ) -> None: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

def install() -> ModuleType: ...
def uninstall() -> None: ...
