# SPDX-License-Identifier: MIT
"""What indexes and auditwheel ask of a wheel, as far as it can be seen in the wheel itself.

    wheel_rules.py WHEEL

Prints "ok" or "not ok" for each rule. Libraries that are not of every Linux are told: they are
what `auditwheel repair` puts into the wheel.
"""
import base64
import csv
import hashlib
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

# What every manylinux may ask for (PEP 600 names the sets), of those that a C module needs.
EVERYWHERE = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1",
              "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
GRAFTED = {"libsodium.so", "libjansson.so"}  # by the names before their versions

wheel = pathlib.Path(sys.argv[1])
archive = zipfile.ZipFile(wheel)
names = [name for name in archive.namelist() if not name.endswith("/")]


def report(name, problems):
    print("not ok" if problems else "ok", name)
    for problem in problems:
        print("   ", problem)


def dist_info(name):
    return archive.read(f"mayfly-{version}.dist-info/{name}").decode()


def tags():
    """The file's name says what the WHEEL file says: one Python, one ABI."""
    said = re.findall(r"^Tag: (.+)$", dist_info("WHEEL"), re.M)
    if f"{python}-{abi}-{platform}" not in said:
        yield f"{wheel.name}: WHEEL has the tags {said}"
    if not re.fullmatch(r"(cp3\d+)-\1-(many)?linux_\w+", f"{python}-{abi}-{platform}"):
        yield f"{wheel.name}: not of one CPython on Linux"
    if "Root-Is-Purelib: false" not in dist_info("WHEEL"):
        yield "WHEEL does not say that there is compiled code"


def record():
    """RECORD has every file, with its hash and size."""
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(dist_info("RECORD")))}
    for name in names:
        data = archive.read(name)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        if name.endswith("/RECORD"):
            continue
        if rows.get(name) != [f"sha256={digest}", str(len(data))]:
            yield f"{name}: {rows.get(name)}"
    yield from (f"{name}: not in the wheel" for name in rows if name not in names)


def contents():
    """The package and its description, and nothing that was lying about."""
    for name in names:
        if not re.match(rf"mayfly/|mayfly-{re.escape(version)}\.dist-info/|mayfly\.libs/", name):
            yield f"{name}: outside the package"
        if re.search(r"__pycache__|\.pyc$|\.[ch]$|\.a$", name):
            yield f"{name}: does not belong into a wheel"
    for wanted in ("mayfly/__init__.py", "mayfly/tempfile.py", "mayfly/py.typed", "mayfly/_dill/names.py",
                   "mayfly/_source/find.py"):
        if wanted not in names:
            yield f"{wanted} is missing"


def metadata():
    text = dist_info("METADATA")
    for field in ("Name: mayfly", f"Version: {version}", "Requires-Python: >=3.9", "Summary: ",
                  "Description-Content-Type: text/markdown", "License"):
        if not re.search(f"^{re.escape(field)}", text, re.M):
            yield f"METADATA lacks {field}"


def modules():
    """What is compiled asks for no library of this machine alone and finds none by a path."""
    with tempfile.TemporaryDirectory() as directory:
        for name in names:
            if not name.endswith(".so"):
                continue
            path = archive.extract(name, directory)
            dynamic = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True,
                                     check=True).stdout
            needed = set(re.findall(r"NEEDED.*\[(.+)\]", dynamic))
            grafted = {n for n in needed if re.sub(r"\.so.*", ".so", n) in GRAFTED}
            for library in sorted(needed - EVERYWHERE - grafted):
                if not re.match(r"lib\w+-[0-9a-f]{8}\.so", library):  # as auditwheel names its own
                    yield f"{name}: needs {library}"
            for line in re.findall(r".*(?:RPATH|RUNPATH|TEXTREL).*", dynamic):
                if "$ORIGIN" not in line:
                    yield f"{name}: {line.strip()}"
            symbols = subprocess.run(["readelf", "--dyn-syms", "-W", path], capture_output=True,
                                     text=True, check=True).stdout
            glibc = max([tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_(2\.\d+)", symbols)])
            print(f"    {name}: glibc {glibc[0]}.{glibc[1]}; to be put in: {sorted(grafted) or 'none'}")
            exported = re.findall(r"GLOBAL +DEFAULT +\d+ (\w+)", symbols)
            module = name.removeprefix("mayfly/").partition(".")[0]
            if name.startswith("mayfly/") and exported != [f"PyInit_{module}"]:
                yield f"{name}: exports {exported}"


_, version, python, abi, platform = wheel.stem.split("-")
report("wheel_names_its_python", list(tags()))
report("wheel_records_every_file", list(record()))
report("wheel_holds_the_package_alone", list(contents()))
report("wheel_is_described", list(metadata()))
report("wheel_asks_for_libraries_of_every_linux", list(modules()))
