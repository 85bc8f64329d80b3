# SPDX-License-Identifier: MIT
"""Records and fields against CPython's csv module.

Python does not say where a record ends. So each range that the scanner found is read by itself:
each must be one record, the next one of the whole. Fields and errors are those of strict=True.
"""
import csv
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading

csv.field_size_limit(1 << 30)
build = pathlib.Path(os.environ["MFT_BUILD"])
table = pathlib.Path(os.environ["MFT_SOURCE"]) / "examples" / "data" / "debian-packages.csv"
count = int(os.environ.get("MFT_CSV", "3000"))
seed = int(os.environ.get("MFT_SEED", "1"))
BOM = b"\xef\xbb\xbf"
NASTY = [
    b"", b"\n", b"\r", b"\r\n", b"\n\r", b"a", b'"', b'""', b'"""', b'""""', b'"a', b'a"', b'"a"b', b'"a"b"', b'a"b"',
    b'"\n', b'"\r', b'"\r\n"', b'"a"\r\n', b'"a"\r', b",", b",\n", b'","', b'",\n', b'"",""\n', b"a\rb\r\nc\nd",
    b"\r\r", b"\r\r\n", b"\n\n\n", b"\r\n\r\n", b'\n"a\n"\n', b"a\0b,\0\n", BOM, BOM + b"a,b\n", BOM + b'"a\n",b\n',
    b'"' + b"\n" * 200 + b'"\n', b"x" * 64 + b"\n", b"x" * 63 + b"\r\n", b"x" * 63 + b'\r"a"\n', b'"' * 64 + b"\n",
    b'"' * 63, b'"' * 65 + b",\n", b"," * 64, b"\r\n" * 64, b"\r" * 64 + b"\n", b'a",' * 50, b'"a"b,' * 50 + b"\n",
]


def nasty_input(chance):
    """Mostly marks, or mostly text, or well-formed with damage."""
    delimiter, quote = chance.choice([(",", '"')] * 6 + [(";", "'"), ("\t", '"'), ("|", "a"), ("x", "\xe9")])
    d, q = delimiter.encode("latin-1"), quote.encode("latin-1")
    kind = chance.random()
    if kind < 0.4:
        parts = [d, q, q + q, b"\n", b"\r", b"\r\n", b"a", b"bc", b"", b" ", b"\0", b"\xc3\xa9", q + d + q]
        data = b"".join(chance.choice(parts) for _ in range(chance.randrange(60)))
    elif kind < 0.7:
        parts = [b"text of a field", b"x" * chance.randrange(80), d, q + b"in quotes" + q, b"\n", b"\r\n"]
        data = b"".join(chance.choice(parts) for _ in range(chance.randrange(60)))
        if chance.random() < 0.5:
            data = data.replace(b"x", q, chance.randrange(3))
    else:
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=delimiter, quotechar=quote, quoting=chance.choice([0, 1]),
                            lineterminator=chance.choice(["\n", "\r\n", "\r"]))
        pieces = ["", "a", "two words", "line\nbreak", "cr\rlf\r\n", quote, quote * 2, delimiter, "\xe9", "y" * 70]
        for _ in range(chance.randrange(20)):
            writer.writerow("".join(chance.choices(pieces, k=chance.randrange(3)))
                            for _ in range(chance.randrange(1, 6)))
        data = out.getvalue().encode("latin-1")
        if data and chance.random() < 0.3:
            at = chance.randrange(len(data))
            data = data[:at] + chance.choice([b"", q, b"\r", b"\n", d]) + data[at + 1:]
        if chance.random() < 0.3:
            data = data.rstrip(b"\r\n")
    if chance.random() < 0.05:
        data = BOM + data
    return d, q, data


def large_input(chance):
    """Records larger than the buffer, and many that lie across its ends."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=chance.choice(["\n", "\r\n", "\r"]))
    for _ in range(40):
        size = chance.choice([10, 1000, 70000, 300000 if chance.random() < 0.2 else 1])
        writer.writerow([chance.choice(['y"\r\n', "line\n", ",", "z"]) * (chance.randrange(size) // 2), "x" * size])
    return b",", b'"', out.getvalue().encode("latin-1")


def records(data, d, q, strict):
    """What Python reads, without blank lines; and whether it ended in an error."""
    reader = csv.reader(io.StringIO(data.decode("latin-1"), newline=""), delimiter=d.decode("latin-1"),
                        quotechar=q.decode("latin-1"), strict=strict)
    found = []
    try:
        for record in reader:
            if record:
                found.append(record)
    except csv.Error:
        return found, "error"
    return found, "ok"


def judge(d, q, data, ranges, fields):
    assert ranges.startswith("ranges"), ranges
    pieces = [data[int(a):int(a) + int(n)] for a, n in (r.split("+") for r in ranges.split()[1:])]
    whole, _ = records(data, d, q, False)
    single = [records(piece, d, q, False)[0] for piece in pieces]
    assert all(len(one) == 1 for one in single), f"a range is not one record: {pieces}"
    assert [one[0] for one in single] == whole, f"{pieces}: other records than {whole}"
    # Ranges lie side by side; only line ends may stand behind the last.
    end = sum(map(len, pieces))
    assert b"".join(pieces) == data[:end] and not data[end:].strip(b"\r\n"), f"lost: {data[end:]}"
    body = data[3:] if data.startswith(BOM) else data
    wanted, how = records(body, d, q, True)
    told, _, text = fields.partition(" ")
    got = [[bytes.fromhex(f).decode("latin-1") for f in record.split(",")] for record in text.split(";")[:-1]]
    assert told == how, f"{told} instead of {how}"
    assert got == wanted, f"{got} instead of {wanted}"


def differential():
    chance = random.Random(seed)
    inputs = [(b",", b'"', data) for data in NASTY]
    # Each of the nasty ones at each place of a block.
    inputs += [(b",", b'"', b"p" * chance.randrange(70) + b"\n" + data) for data in NASTY for _ in range(8)]
    inputs += [nasty_input(chance) for _ in range(count)]
    inputs += [large_input(chance) for _ in range(3)]
    tool = subprocess.Popen([build / "tests" / "csv_tool"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send():
        try:
            with tool.stdin as pipe:
                for d, q, data in inputs:
                    pipe.write(b"%d %d %d\n" % (d[0], q[0], len(data)) + data)
        except BrokenPipeError:
            pass  # it has ended before; who reads what it says is told

    sender = threading.Thread(target=send)
    sender.start()
    for d, q, data in inputs:
        ranges = tool.stdout.readline().decode().rstrip("\n")
        try:
            assert ranges and not ranges.startswith("differ"), ranges or "the tool died"
            judge(d, q, data, ranges, tool.stdout.readline().decode().rstrip("\n"))
        except AssertionError as problem:
            tool.kill()
            sender.join()
            return f"delimiter {d}, quote {q}, input {data!r}: {problem} (MFT_SEED={seed})"
    sender.join()
    return None if tool.wait() == 0 else "the tool failed"


def totals(rows, columns):
    result = {"records": 0, "kib": 0, "sections": {}}
    for row in rows:
        result["records"] += 1
        result["kib"] += int(row[columns.index("installed_kib")])
        section = row[columns.index("section")]
        result["sections"][section] = result["sections"].get(section, 0) + 1
    return result


def guide_job(*options):
    """The chunks, joined, are the whole table, record for record."""
    with open(table, newline="") as f:
        header, *whole = csv.reader(f)
    with tempfile.TemporaryDirectory() as place:
        manifest = pathlib.Path(place) / "manifest"
        done = subprocess.run([build / "mayfly", "chunks", table, "--manifest", manifest, *options],
                              capture_output=True, text=True, env=dict(os.environ, TMPDIR=place))
        if done.returncode != 0:
            return done.stderr
        joined = []
        for line in manifest.read_text().splitlines():
            piece = json.loads(line)
            if "path" in piece:
                data = pathlib.Path(piece["path"]).read_bytes()
                assert len(data) == piece["bytes"], piece
            else:
                with open(piece["input"], "rb") as f:
                    data = f.read(piece["header_length"])
                    f.seek(piece["offset"])
                    data += f.read(piece["length"])
            first, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
            assert first == header and len(rows) == piece["rows"], piece
            assert piece["first_row"] == len(joined) + 1, piece
            joined += rows
    if joined != whole:
        return f"{len(joined)} records instead of {len(whole)}, or other ones"
    return None if totals(joined, header) == totals(whole, header) else "other totals"


def ways_agree():
    """However pieces are made and the input comes, they are the same, by their checksums."""
    ways = [["--keep", table], ["--memory", table, "--", "true"], ["--ranges", table], ["--memory", "-", "--", "true"]]
    for limit in (["--rows", "777"], ["--bytes", "300000"], ["--rows", "500", "--no-header"]):
        found = []
        for options in ways:
            with tempfile.TemporaryDirectory() as place:
                command = [build / "mayfly", "chunks", *limit, "-q", "--checksum", "--manifest", "-", *options]
                with subprocess.Popen(["cat", table], stdout=subprocess.PIPE) as pipe:
                    done = subprocess.run(command, stdin=pipe.stdout, capture_output=True, text=True,
                                          env=dict(os.environ, TMPDIR=place))
                    pipe.stdout.close()
                assert done.returncode == 0, done.stderr
                found.append([json.loads(line)["checksum"] for line in done.stdout.splitlines()])
        assert len(found[0]) > 7 and all(one == found[0] for one in found), f"{limit}: {[len(one) for one in found]}"


def report(name, check, *arguments):
    try:
        problem = check(*arguments)
    except AssertionError as failed:
        problem = str(failed) or "not so"
    print(f"not ok {name}\n    {problem}" if problem else f"ok {name}", flush=True)
    return bool(problem)


failed = report(f"P3_records_and_fields_are_those_of_csv_on_{count}_inputs", differential)
if (build / "mayfly").exists():
    failed |= report("P3_chunks_by_rows_joined_are_what_csv_reads", guide_job, "--keep", "--rows", "1000")
    failed |= report("P3_chunks_by_bytes_joined_are_what_csv_reads", guide_job, "--keep", "--bytes", "100K")
    failed |= report("P3_files_memory_ranges_and_pipes_give_the_same_chunks", ways_agree)
    failed |= report("P3_ranges_joined_are_what_csv_reads", guide_job, "--ranges", "--rows", "777")
else:
    print("skip P3_chunks_joined_are_what_csv_reads: this build has no command")
sys.exit(failed)
