# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""capture() as dill.temp has it, on mayfly.capture; the text that takes the place of sys.stdout there."""
import codecs
import contextlib
import io
import sys

from ._core import capture as _whole


class Text(io.StringIO):
    """The stream in place of sys.stdout: an io.StringIO that has a buffer for bytes, as sys.stdout has."""

    @property
    def buffer(self):
        return Bytes(self)


class Bytes(io.RawIOBase):
    """What is written to `sys.stdout.buffer`, where the text is kept as text."""

    def __init__(self, text):
        self.text = text
        # Whoever keeps the buffer may write half a character at a time.
        self.decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        self.text.write(self.decoder.decode(data))
        return len(data)


@contextlib.contextmanager
def _replaced(stream):
    before = getattr(sys, stream)
    try:
        with _whole(stream, fd=False):
            yield getattr(sys, stream)
    finally:
        # Somebody within may have put another stream there and forgotten it; as dill, we put the old one back.
        setattr(sys, stream, before)


def capture(stream="stdout", fd=False, **options):
    """Captures sys.stdout or sys.stderr; `getvalue()` has the text, also after the scope.

    With `fd=True` it is the descriptor that is captured: what C code, os.write and child processes
    print as well. Other keywords are then those of mayfly.capture.
    """
    if fd:
        return _whole(stream, **options)
    if options:
        raise TypeError(f"capture: {', '.join(options)} without fd=True")
    if not hasattr(sys, stream):
        raise AttributeError(f"capture: sys has no {stream!r}; 'stdout' or 'stderr'")
    if stream not in ("stdout", "stderr"):
        raise ValueError(f"capture: {stream!r} is no stream that is printed to; 'stdout' or 'stderr'")
    return _replaced(stream)
