from collections.abc import Callable
from os import PathLike
from types import ModuleType
from typing import Any, TypeVar

from typing_extensions import Self

from . import bench as bench, engines as engines, source as source, temp as temp, tempfile as tempfile
from . import testing as testing
from ._core import (
    Error as Error,
    Manager as Manager,
    cache as cache,
    capture as capture,
    keep as keep,
    keep_on_signals as keep_on_signals,
    persist as persist,
    reap as reap,
    replace as replace,
    version as __version__,
    workspace as workspace,
)
from ._pickle import (
    PickleError as PickleError,
    Pickler as Pickler,
    PicklingError as PicklingError,
    Unpickler as Unpickler,
    UnpicklingError as UnpicklingError,
    dump as dump,
    dumps as dumps,
    load as load,
    loads as loads,
)
from ._work import (
    Batch as Batch,
    BatchResult as BatchResult,
    Chunk as Chunk,
    Problem as Problem,
    batch as batch,
    batches as batches,
    chunks as chunks,
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

def install(dill: bool = False) -> ModuleType: ...
def uninstall() -> None: ...
_Saver = TypeVar("_Saver", bound=Callable[[Pickler, Any], Any])

def register(kind: type) -> Callable[[_Saver], _Saver]: ...

settings: dict[str, Any]
HANDLE_FMODE: int
CONTENTS_FMODE: int
FILE_FMODE: int

class PicklingWarning(Warning, PicklingError): ...

class Session:
    session_name: str
    current_objects: dict[str, Any]
    snapshots: list[dict[str, Any]]
    def __init__(
        self, session_name: str, *, say: Callable[[str], Any] | None = ..., dir: str | PathLike[str] | None = None,
        **settings: Any,
    ) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *what: object) -> None: ...
    def __len__(self) -> int: ...
    def __contains__(self, name: str) -> bool: ...
    def add_object(self, name: str, obj: Any) -> None: ...
    def remove_object(self, name: str) -> None: ...
    def get_object(self, name: str, default: Any = None) -> Any: ...
    def take_snapshot(self, description: str = "") -> int: ...
    def restore_snapshot(self, snapshot_index: int) -> None: ...
    def list_snapshots(self) -> list[str]: ...
    def session_info(self) -> dict[str, Any]: ...
    def export_session_info(self, filename: str | PathLike[str]) -> None: ...
    def close(self) -> None: ...

def multiprocessing_context(method: str | None = None) -> Any: ...
