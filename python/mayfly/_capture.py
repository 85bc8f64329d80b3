# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""capture(): what is printed, by Python or, with `fd=True`, by whomever."""
import contextlib
import io
import sys


class Captured(io.TextIOWrapper):
    """A stream of text in memory, with the buffer of bytes below it that sys.stdout has, too."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", errors="surrogatepass", newline="\n",
                         write_through=True)

    def getvalue(self):
        self.flush()
        return self.buffer.getvalue().decode("utf-8", "surrogatepass")


@contextlib.contextmanager
def _replaced(stream):
    before = getattr(sys, stream)
    captured = Captured()
    setattr(sys, stream, captured)
    try:
        yield captured
    finally:
        # Somebody within may have put another stream there and forgotten it; as dill, we put ours back.
        setattr(sys, stream, before)


def capture(stream="stdout", fd=False, **options):
    """Captures sys.stdout or sys.stderr; `getvalue()` has the text, also after the scope.

    With `fd=True` it is the descriptor that is captured: what C code, os.write and child processes
    print as well. Other keywords are then those of mayfly.capture.
    """
    if fd:
        from . import capture as whole
        return whole(stream, **options)
    if options:
        raise TypeError(f"capture: {', '.join(options)} without fd=True")
    if not hasattr(sys, stream):
        raise AttributeError(f"capture: sys has no {stream!r}; 'stdout' or 'stderr'")
    return _replaced(stream)
