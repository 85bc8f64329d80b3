# SPDX-License-Identifier: MIT
"""F3: text files against CPython's own, byte for byte.

Every case is done by both: by the tool in C (text_tool) and by open() here.
"""
import io
import os
import random
import subprocess
import sys
import tempfile

NEWLINES = {"none": None, "empty": "", "lf": "\n", "cr": "\r", "crlf": "\r\n"}
ERRORS = ("strict", "replace", "ignore")
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le",
           "utf-32-be")
OWN = UNICODE + ("latin-1", "ascii")
BY_ICONV = ("cp1252", "iso8859-15", "shift_jis", "euc_jp", "gbk", "koi8-r", "iso2022_jp")
EILSEQ = -84

random.seed(20261120)
failures = {}
counts = {}


def characters(encoding):
    """Characters of all sorts; for the encodings of others, those that they have."""
    pool = "aZ09 .,\n\n\r\r\n\t\x00\x7f\x80\xa0\xe9\xff\u0100\u20ac\u4e16\u754c\ufeff\uffff\U0001f600\U0010ffff"
    if encoding in BY_ICONV:
        pool = "aZ09 .,\n\r" + "".join(
            c for c in "é€世界日本語абв" if encodable(c, encoding))
    return pool


def encodable(c, encoding):
    try:
        return c.encode(encoding).decode(encoding) == c
    except UnicodeError:
        return False


def texts(encoding):
    pool = characters(encoding)
    yield ""
    yield "plain\n"
    for size in (1, 3, 17, 300):
        for _ in range(4):
            yield "".join(random.choice(pool) for _ in range(size))
    yield "".join(random.choice(pool) for _ in range(20000)) + "\r"


def broken(encoding):
    """Bytes that are not, or not only, of the encoding."""
    good = "".join(random.choice(characters(encoding)) for _ in range(40)).encode(encoding, "ignore")
    for _ in range(12):
        data = bytearray(good)
        for _ in range(random.randint(1, 6)):
            data[random.randrange(len(data))] = random.randrange(256)
        yield bytes(data[:random.randint(0, len(data))])
    for size in (1, 2, 3, 5, 9, 40):
        yield bytes(random.randrange(256) for _ in range(size))
    if encoding == "utf-8":
        for data in (b"\xe4\xb8", b"\xf0\x9f\x98", b"a\xc0\xafb", b"\xed\xa0\x80", b"\xf5\x80\x80\x80",
                     b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xff\xfe", b"\xc3", b"\xe4\xb8a",
                     b"\xf0\x80\x80\x80", b"\x80\x80", b"x\xf0\x9f"):
            yield data
    if encoding.startswith("utf-16"):
        order = "be" if encoding.endswith("be") else "le"
        for units in ((0xd800,), (0xdc00, 0x41), (0xd800, 0x41), (0xd800, 0xd800, 0xdc00), (0x0d, 0xd800)):
            yield b"".join(u.to_bytes(2, "big" if order == "be" else "little") for u in units)


def cases():
    for encoding in OWN + BY_ICONV:
        for newline in NEWLINES:
            for text in texts(encoding):
                errors = random.choice(ERRORS)
                yield ("write", encoding, errors, newline, random.choice((1, 2, 7, 100000)), text)
                data = text.encode(encoding, "ignore")
                yield ("read", encoding, "strict", newline, random.choice((4, 5, 64, 100000)), data)
                yield ("lines", encoding, "strict", newline, 1, data)
            if encoding in OWN:
                for data in broken(encoding):
                    for errors in ERRORS:
                        yield ("read", encoding, errors, newline, random.choice((4, 7, 100000)), data)
                        yield ("lines", encoding, errors, newline, 1, data)
    every = "".join(chr(c) for c in range(0x110000) if not 0xd800 <= c <= 0xdfff)
    for encoding in UNICODE:
        yield ("write", encoding, "strict", "lf", 1 << 20, every)
        yield ("read", encoding, "strict", "lf", 1 << 16, every.encode(encoding))
    for c in range(0x180):
        yield ("write", "latin-1", "strict", "lf", 9, chr(c))


def by_cpython(op, encoding, errors, newline, data, path):
    """The code and the bytes that the tool should answer."""
    newline = NEWLINES[newline]
    if op == "write":
        try:
            with open(path, "w", encoding=encoding, errors=errors, newline=newline) as file:
                file.write(data)
            code = 0
        except UnicodeEncodeError:
            return EILSEQ, None
        with open(path, "rb") as file:
            return code, file.read()
    code = 0
    with open(path, "wb") as file:
        file.write(data)
    try:
        with open(path, encoding=encoding, errors=errors, newline=newline) as file:
            text = file.read()
    except UnicodeDecodeError:
        return EILSEQ, None
    except UnicodeError:
        return None, None  # "does not start with BOM": read in the machine's order here
    if op == "read":
        return code, text.encode("utf-8")
    with open(path, encoding=encoding, errors=errors, newline=newline) as file:
        return code, b"".join(line.encode("utf-8") + b"\xff" for line in file)


def main():
    tool = os.path.join(os.environ["MFT_BUILD"], "tests", "text_tool")
    all_cases = list(cases())
    spec = io.BytesIO()
    for op, encoding, errors, newline, chunk, data in all_cases:
        raw = data.encode("utf-8") if op == "write" else data
        spec.write(f"{op} {encoding} {errors} {newline} {chunk} {len(raw)}\n".encode() + raw)
    done = subprocess.run([tool], input=spec.getvalue(), stdout=subprocess.PIPE, check=True)
    answers = io.BytesIO(done.stdout)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "file")
        for op, encoding, errors, newline, chunk, data in all_cases:
            code, size = map(int, answers.readline().split())
            got = answers.read(size)
            want_code, want = by_cpython(op, encoding, errors, newline, data, path)
            if want_code is None:
                continue
            name = f"{op} {encoding}"
            counts[name] = counts.get(name, 0) + 1
            if encoding == "iso2022_jp" and op == "write" and want is not None:
                # CPython leaves the file in whatever shift state the last write ended in; here
                # every write ends in the first one. The text is the same.
                got, want = got.decode(encoding), want.decode(encoding)
            if code != want_code or (want is not None and got != want):
                failures.setdefault(name, []).append(
                    f"errors={errors} newline={newline} chunk={chunk} data={data[:60]!r}: "
                    f"{code} {got[:80]!r} instead of {want_code} {want[:80] if want else want!r}")
    for name, count in counts.items():
        bad = failures.get(name, [])
        print("not ok" if bad else "ok", f"F3_{name.replace(' ', '_')}_is_as_in_CPython ({count} cases)")
        for line in bad[:5]:
            print("   ", line)
        if len(bad) > 5:
            print(f"    and {len(bad) - 5} more")
    return bool(failures)


sys.exit(main())
