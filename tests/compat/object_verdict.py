# SPDX-License-Identifier: MIT
"""What CPython says of a stream that may be damaged, and what the library says of it."""
import io
import pickle
import re
import sys
import warnings

import object_graphs as graphs
from object_client import SMALL, Died, Refused
from object_report import short_hex


class Outside(Exception):
    """The stream reaches something that is not plain data."""


class Restricted(pickle.Unpickler):
    def find_class(self, module, name):
        raise Outside

    def persistent_load(self, pid):
        raise Outside


OUTSIDE = ("unregistered extension code", "pickle stream refers to out-of-band data",
           "no persistent_load function")
watching = False


def watch(event, _):
    """pickle.loads has no other place to stop it from importing."""
    if watching and event == "pickle.find_class":
        raise Outside


def from_file(stream):
    return Restricted(io.BytesIO(stream)).load()


def from_memory(stream):
    global watching
    watching = True
    try:
        return pickle.loads(stream)
    finally:
        watching = False


def by_cpython(stream, loads):
    """("value", it), ("refused", why) or ("outside", why)."""
    try:
        value = loads(stream)
    except Outside:
        return "outside", ""
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        return ("outside" if any(text in said for text in OUTSIDE) else "refused"), said
    return ("outside", "memoryview") if has_view(value) else ("value", value)


def has_view(value):
    todo, seen = [value], set()
    while todo:
        value = todo.pop()
        if isinstance(value, memoryview):
            return True
        if isinstance(value, (list, tuple, set, frozenset, dict)) and id(value) not in seen:
            seen.add(id(value))
            todo.extend(value)
            if isinstance(value, dict):
                todo.extend(value.values())
    return False


def by_us(tool, stream):
    try:
        return "value", tool.dump(stream, 4, SMALL)
    except Refused as error:
        return ("limit" if error.code in (-5008, -12) else "refused" if error.status == 1 else "unwritten"), str(error)


# Streams of which the two say different things for a reason: patterns of what CPython says, of what
# is said here, and why.
KNOWN = [
    ("MemoryError", "", "a memo or a length as large as the stream says is not made room for here"),
    ("value", "APPENDS?: a bytearray", "CPython appends to whatever has an append: only to a "
     "bytearray among plain data, and no pickler does"),
]

def known(theirs, ours):
    return any(re.search(a, theirs) and re.search(b, ours) for a, b, _ in KNOWN)


def judge(tool, stream):
    """(None or how they differ, which sort of stream it was)."""
    said, kind = judge_as(tool, stream, from_memory)
    if said and not said.startswith("DIED") and judge_as(tool, stream, from_file)[0] is None:
        # Where an opcode stands across the end of its frame, CPython itself has two opinions.
        return None, kind
    return said, kind


def judge_as(tool, stream, loads):
    their_kind, theirs = by_cpython(stream, loads)
    try:
        our_kind, ours = by_us(tool, stream)
        if our_kind == "value":
            tool.ask("W", stream, flags=SMALL)
        tool.ask_raw("I", stream)
    except Died as error:
        return f"DIED: {error}: {short_hex(stream)}", "died"
    if their_kind == "outside":
        return None, "outside"
    if their_kind == our_kind == "value":
        said = graphs.difference(theirs, pickle.loads(ours))
        return said and f"another value: {said}: {short_hex(stream)}", "value"
    if their_kind == our_kind:
        return None, their_kind
    if known("value" if their_kind == "value" else theirs, str(ours)):
        return None, their_kind
    texts = [graphs.short(theirs) if their_kind == "value" else theirs,
             ours.hex() if our_kind == "value" else ours]
    return f"{their_kind} {texts[0]!a} but here {our_kind} {texts[1]!a}: {short_hex(stream)}", their_kind


sys.addaudithook(watch)
warnings.simplefilter("ignore")  # of escapes in a damaged STRING
