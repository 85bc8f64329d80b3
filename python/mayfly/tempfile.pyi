from ._core import (
    NamedTemporaryFile as NamedTemporaryFile,
    SpooledTemporaryFile as SpooledTemporaryFile,
    TemporaryDirectory as TemporaryDirectory,
    TemporaryFile as TemporaryFile,
    _TemporaryFileWrapper as _TemporaryFileWrapper,
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
