# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""What dumping and loading do where nothing else is said, by the names that dill has for it.

    protocol   of pickle
    byref      classes are named, not carried along
    recurse    a function takes those globals along that it uses, and not all of them
    ignore     an object whose class is of __main__ keeps the class that came with it
    fmode      what of a file travels: HANDLE_FMODE, CONTENTS_FMODE or FILE_FMODE
"""
import pickle

from . import _pickle

HANDLE_FMODE = 0    # name and mode; the position is that of a file just opened
CONTENTS_FMODE = 1  # and the position; a file that is there is not truncated
FILE_FMODE = 2      # and the text of the file, which is written anew

settings = {
    "protocol": pickle.DEFAULT_PROTOCOL,
    "byref": False,
    "fmode": HANDLE_FMODE,
    "recurse": False,
    "ignore": False,
}
_pickle._use_settings(settings)


class Settings:
    """The settings of one dump, and what its reducers remember until it is over."""

    __slots__ = ("protocol", "byref", "fmode", "recurse", "ignore", "main", "open", "shared")

    def __init__(self, protocol=None, byref=None, fmode=None, recurse=None, ignore=None):
        import __main__
        chosen = dict(protocol=protocol, byref=byref, fmode=fmode, recurse=recurse, ignore=ignore)
        for name, value in chosen.items():
            setattr(self, name, settings[name] if value is None else value)
        if self.protocol < 0:
            self.protocol = pickle.HIGHEST_PROTOCOL
        self.main = __main__
        self.open = {}    # id -> Later: functions and classes that are not yet made when loading
        self.shared = {}  # what several objects of this dump use: globals, names of modules
