from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from types import TracebackType
from typing import IO, Any, BinaryIO, Literal, NamedTuple, TextIO, TypeVar, overload

from ._core import Batches, Chunks

_Path = str | bytes | PathLike[str] | PathLike[bytes]
_Result = TypeVar("_Result")
_Damage = Literal["default", "error", "skip", "pass", "ignore"]

class Problem(NamedTuple):
    kind: str
    action: str
    record: int
    offset: int
    what: str

class BatchResult(NamedTuple):
    batches: int
    records: int
    combined: int
    bytes: int

class Chunk(NamedTuple):
    path: str
    number: int
    rows: int
    bytes: int
    first_row: int
    offset: int
    length: int
    header_offset: int
    header_length: int
    skipped: int
    checksum: str
    read_bytes: int
    input_bytes: int
    pieces: str
    def __fspath__(self) -> str: ...
    def read(self) -> bytes: ...  # type: ignore[valid-type]
    @overload
    def open(
        self, mode: Literal["r", "rt"] = "r", *, encoding: str | None = None,
        errors: str | None = None, newline: str | None = None,
    ) -> TextIO: ...
    @overload
    def open(
        self, mode: Literal["rb"], *, encoding: str | None = None, errors: str | None = None,
        newline: str | None = None,
    ) -> BinaryIO: ...

class Batch(NamedTuple):
    path: str
    output: str
    number: int
    records: int
    bytes: int
    first_record: int
    def __fspath__(self) -> str: ...
    def load(self) -> list[dict[str, Any]]: ...
    def save(self, records: Any) -> None: ...

class chunks(Chunks):
    def __init__(
        self, path: _Path, *, progress: Any = None,
        problem: Callable[[Problem], object] | None = None,
        pieces: Literal["files", "memory", "ranges"] = "files", **options: Any,
    ) -> None: ...
    def __next__(self) -> Chunk: ...
    def run(
        self, function: Callable[[Chunk], _Result], *, jobs: int | None = None,
        processes: bool = True, retries: int = 0,
        failed: Callable[[Chunk, Exception], object] | None = None, keep_pieces: bool = False,
        mp_context: Any = None,
    ) -> Iterator[_Result]: ...
    def remove(self, piece: Chunk | int) -> None: ...

class batches(Batches):
    def __init__(self, inputs: _Path | Sequence[_Path], **options: Any) -> None: ...
    def __next__(self) -> Batch: ...
    def combine(self, target: _Path) -> BatchResult: ...
    def run(
        self, function: Callable[[list[dict[str, Any]]], Any], *, jobs: int | None = None,
        processes: bool = True, retries: int = 0,
        failed: Callable[[Batch, Exception], object] | None = None, mp_context: Any = None,
    ) -> Iterator[Batch]: ...

def batch(
    inputs: _Path | Sequence[_Path], target: _Path,
    function: Callable[[list[dict[str, Any]]], Any] | None = None, *, jobs: int = 1,
    processes: bool = True, retries: int = 0, mp_context: Any = None, **options: Any,
) -> BatchResult: ...
