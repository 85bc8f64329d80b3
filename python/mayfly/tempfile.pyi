from typing import Any

from ._core import (
    NamedTemporaryFile as NamedTemporaryFile,
    SpooledTemporaryFile as SpooledTemporaryFile,
    TemporaryDirectory as TemporaryDirectory,
    TemporaryFile as TemporaryFile,
    gettempdir as gettempdir,
    gettempdirb as gettempdirb,
    gettempprefix as gettempprefix,
    gettempprefixb as gettempprefixb,
    mkdtemp as mkdtemp,
    mkstemp as mkstemp,
    mktemp as mktemp,
)

__all__ = [
    "NamedTemporaryFile",
    "TemporaryFile",
    "SpooledTemporaryFile",
    "TemporaryDirectory",
    "mkstemp",
    "mkdtemp",
    "mktemp",
    "TMP_MAX",
    "gettempprefix",
    "tempdir",
    "gettempdir",
    "gettempprefixb",
    "gettempdirb",
]

TMP_MAX: int
tempdir: str | bytes | None
template: str | bytes
strict: bool

# For those who derive from it; what NamedTemporaryFile returns counts as one.
class _TemporaryFileWrapper:
    file: Any
    name: Any
    delete: bool
    delete_on_close: bool
    def __init__(
        self, file: Any, name: Any, delete: bool = True, delete_on_close: bool = True,
    ) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, exc: Any, value: Any, tb: Any) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...
    def __iter__(self) -> Any: ...
    def __fspath__(self) -> Any: ...
    def close(self) -> None: ...
    def __del__(self) -> None: ...
