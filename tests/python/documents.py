# SPDX-License-Identifier: MIT
"""Every example of the three tempfile documents runs as it stands, with the module replaced.

The examples of one document share their names, as one who reads and tries them would have it. What
they read is supplied. What is wrong in the text itself is mended, and told:
"""
import http.server
import json
import os
import pathlib
import re
import shutil
import sys
import threading
import types
import urllib.error
import urllib.parse
import urllib.request

import mayfly
from run import case, main

# In which block what is replaced by what, because: ...
SLIPS = [
    ("tempfile-overview", "    # use tmpdir\n", "    pass\n", "a body that is only a comment"),
    ("tempfile-overview", "        # operations\n", "        pass\n",
     "a body that is only a comment"),
    ("tempfile-overview", "# File\nf = ", "import os, shutil\nf = ", "used without being imported"),
    ("tempfile-overview", "# Good\n", "process_data = lambda file: file.write(b'x')\n",
     "stands for the reader's own function"),
]
documents = pathlib.Path(__file__).parent / "documents"
tempfile = mayfly.install()
served = threading.Event()


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"<h1>{self.path}</h1>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        served.set()

    def log_message(self, *args):
        pass


def stand_in_for_requests(port):
    """As much of requests as the documents use; all hosts are the one on loopback."""
    module = types.ModuleType("requests")

    class RequestException(OSError):
        pass

    class Response:
        def __init__(self, raw):
            self.status_code, self.headers = raw.status, raw.headers
            self.text = raw.read().decode()

        def raise_for_status(self):
            if self.status_code >= 400:
                raise RequestException(self.status_code)

    def get(url, timeout):
        path = urllib.parse.urlparse(url).path
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout) as raw:
                return Response(raw)
        except urllib.error.URLError as error:
            raise RequestException(str(error)) from error
    module.get, module.RequestException = get, RequestException
    return module


def supply_inputs():
    pathlib.Path("conference_posters.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    row = "ECCMID,2024,A. One; B. Two,sepsis,\n"
    for name, count in (("eccmid_2024.csv", 60), ("escmid_2025.csv", 30),
                        ("large_conference_dataset.csv", 12000), ("large_data.csv", 1200)):
        pathlib.Path(name).write_text("conference,year,authors,keywords,title\n" + row * count)
    pathlib.Path("idweek_2024.json").write_text(json.dumps([{"conference": "idweek"}] * 7))
    os.makedirs("temp", exist_ok=True)


def blocks(document):
    text = (documents / f"{document}.md").read_text()
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.S | re.M):
        yield text.count("\n", 0, found.start()) + 2, found.group(1)


def run(document):
    names = {"__name__": "__main__"}
    count = 0
    for line, code in blocks(document):
        for where, slip, mended, _ in SLIPS:
            if where == document:
                code = code.replace(slip, mended)
        exec(compile("\n" * (line - 1) + code, f"{document}.md", "exec"), names)
        assert names["tempfile"] is tempfile if "tempfile" in names else True
        count += 1
    return count, names


def quietly(document):
    """What the examples print is of interest when one fails."""
    import io
    said = sys.stdout = io.StringIO()
    try:
        return *run(document), said.getvalue()
    except BaseException:
        print(said.getvalue()[-3000:], file=sys.__stdout__)
        raise
    finally:
        sys.stdout = sys.__stdout__


@case
def the_examples_of_the_guide_run_as_they_stand():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.modules["requests"] = stand_in_for_requests(server.server_port)
    import time
    nap, time.sleep = time.sleep, lambda seconds: None  # being nice to a server of our own
    try:
        count, names, said = quietly("tempfile-guide")
    finally:
        time.sleep = nap
        server.shutdown()
        server.server_close()
    assert count == 15, count
    assert served.is_set() and "Scraped 3 URLs" in said
    assert "Processing complete: 12000 total records" in said
    assert all(value["status_code"] == 200 for value in names["scraped_data"].values())
    names["temp_manager"].cleanup_all()
    import atexit
    atexit.unregister(names["temp_manager"].cleanup_all)


@case
def the_examples_of_the_overview_run_as_they_stand():
    count, names, _ = quietly("tempfile-overview")
    assert count == 4 and not os.path.exists(names["f"].name), count


@case
def the_examples_of_the_deep_dive_run_as_they_stand():
    count, names, said = quietly("tempfile-deep-dive")
    assert count == 13, count
    archive = names["archive_path"]  # the example leaves it
    os.unlink(archive)
    assert "Configuration written successfully" in said or "Failed to write" in said
    assert names["process_large_csv"]("large_data.csv", chunk_size=500) == 1200


@case
def a_changed_TMPDIR_counts_as_the_guide_says():
    before, old = tempfile.gettempdir(), os.environ.get("TMPDIR")
    os.makedirs("custom")
    os.environ["TMPDIR"] = os.path.abspath("custom")
    try:
        assert tempfile.gettempdir() == os.path.abspath("custom")
        with tempfile.NamedTemporaryFile() as file:
            assert os.path.dirname(file.name) == os.path.abspath("custom")
    finally:
        os.environ["TMPDIR"] = old
        if old is None:
            del os.environ["TMPDIR"]
    assert tempfile.gettempdir() == before


if __name__ == "__main__":
    supply_inputs()
    main()
    for name in "custom", "temp":
        shutil.rmtree(name)
