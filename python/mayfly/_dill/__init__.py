# SPDX-License-Identifier: MIT
"""What dill can and pickle alone cannot, and what dill has under its own name.

    reduce.py reducers.py reduce_*.py capsules.py   dumping: how such objects are made again
    names.py code.py files.py capsules.py           loading: what streams of dill name
    drop_in.py detect.py                            install(dill=True): mayfly as the module dill
"""
