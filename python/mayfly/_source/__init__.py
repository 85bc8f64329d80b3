# SPDX-License-Identifier: MIT
"""What mayfly.source and temp.dump_source are made of.

    find.py history.py   where an object was defined
    names.py             what it is called, and how it is imported
    text.py              source that stands alone
    execution.py         source that is loaded
"""
