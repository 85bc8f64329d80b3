# SPDX-License-Identifier: MIT
# mypy: ignore-errors
"""mayfly under the names of what it stands in for: in sys.modules, until it is given back.

dill.temp is replaced when it is imported, by a finder, so that who never imports dill pays nothing. The
rest of dill stays dill's own, unless all of it is asked for (_dill.drop_in).
"""
import importlib
import sys

_before = {}  # modules of dill that were there before all of dill was replaced


class _Finder:
    """Finds mayfly.temp under the name dill.temp."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        return type(__spec__)(name, _Finder) if name == "dill.temp" else None

    @staticmethod
    def create_module(spec):
        from . import temp
        spec.loader_state = temp.__spec__
        return temp

    @staticmethod
    def exec_module(module):
        module.__spec__ = module.__spec__.loader_state  # it stays mayfly.temp


def _modules_of_dill():
    return [name for name in sys.modules if name.partition(".")[0] == "dill"]


def _reload_temp():
    """dill.temp is whoever's it is now; nothing where dill was not imported."""
    sys.modules.pop("dill.temp", None)
    if "dill" in sys.modules:
        importlib.import_module("dill.temp")


def replace(dill):
    from . import tempfile
    sys.modules["tempfile"] = tempfile
    if _is_replaced():
        return  # all of dill is, already
    if dill:
        _give_back_temp()
        from ._dill import drop_in
        made = drop_in.modules()
        _before.update((name, sys.modules.pop(name)) for name in _modules_of_dill())
        sys.modules.update(made)
    elif _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
        _reload_temp()


def _is_replaced():
    return getattr(sys.modules.get("dill"), "dumps", None) is getattr(sys.modules.get("mayfly._pickle"), "dumps", 0)


def _give_back_temp():
    if _Finder in sys.meta_path:
        sys.meta_path.remove(_Finder)
        _reload_temp()


def give_back():
    from . import tempfile
    if sys.modules.get("tempfile") is tempfile:
        del sys.modules["tempfile"]
    _give_back_temp()
    if _is_replaced():
        for name in _modules_of_dill():
            del sys.modules[name]
        sys.modules.update(_before)
        _before.clear()
