# SPDX-License-Identifier: MIT
"""python3 -m mayfly script.py args...: runs a script with tempfile and dill.temp replaced.

    python3 -m mayfly -m module args...
    python3 -m mayfly -c 'code' args...
    python3 -m mayfly --dill script.py args...   with all of dill replaced, which then is not needed
"""
import runpy
import sys

import mayfly


def main(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    dill = argv[0] == "--dill"
    argv = argv[dill:]
    if not argv or argv[0] in ("-m", "-c") and len(argv) < 2:
        print(f"mayfly: {argv[0] if argv else '--dill'} needs an argument", file=sys.stderr)
        return 2
    mayfly.install(dill=dill)
    if argv[0] == "-c":
        sys.argv[:] = ["-c", *argv[2:]]
        sys.path[0] = ""
        module = type(sys)("__main__")
        sys.modules["__main__"] = module
        module.__dict__["__builtins__"] = __builtins__
        exec(compile(argv[1], "<string>", "exec"), module.__dict__)
    elif argv[0] == "-m":
        sys.argv[:] = argv[1:]
        sys.path[0] = ""
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = argv
        # As `python3 script.py` does it: the script's directory comes first.
        sys.path[0] = argv[0].rpartition("/")[0] or "."
        runpy.run_path(argv[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
