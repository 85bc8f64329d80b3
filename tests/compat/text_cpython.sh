#!/bin/sh
# F3: text files against CPython's, with every encoding, error handling and newline mode.
# A C library whose iconv is another knows other encodings: there only the comparison in C is made.
here=$(dirname "$0")
if ! command -v python3 >/dev/null; then
    echo "skip text_cpython: there is no python3"
    exit 0
fi
case $MFT_BUILD in
*musl*)
    echo "skip text_cpython: musl's iconv knows other encodings"
    exit 0
    ;;
esac
exec python3 "$here/text_cpython.py"
