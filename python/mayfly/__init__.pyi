from types import ModuleType
from typing import IO, Any

from . import tempfile as tempfile
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
def dump(obj: Any, file: IO[bytes], protocol: int | None = None, byref: bool | None = None,
         fmode: int | None = None, recurse: bool | None = None, **keywords: Any) -> None: ...
def dumps(obj: Any, protocol: int | None = None, byref: bool | None = None, fmode: int | None = None,
          recurse: bool | None = None, **keywords: Any) -> bytes: ...
def load(file: IO[bytes], ignore: bool | None = None, **keywords: Any) -> Any: ...
def loads(data: bytes, ignore: bool | None = None, **keywords: Any) -> Any: ...
def register(kind: type) -> Any: ...
def multiprocessing_context(method: str | None = None) -> Any: ...
