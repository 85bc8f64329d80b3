#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Looks at the site in Chromium: no page may be wider than the window, and pictures are taken.

    tools/docs/look.py BUILD

Every page at 1440 and at 390 pixels; pictures of some, light and dark, go to BUILD/site/shots.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SHOWN = ["index", "tutorial-c", "cookbook/index", "cookbook/files", "cookbook/source_code", "api/file", "api/source",
         "python/tempfile", "python/temp", "tempfile", "command", "guarantees", "benchmarks"]
# Pages are put into frames of the width, one after the other: Chromium has no window below 500.
MEASURE = """<body style="margin:0"><pre id="out"></pre><script>
const pages = %s, widths = [1440, 390], found = [];
const frame = document.createElement("iframe");
frame.height = 900; frame.style.border = 0;
document.body.append(frame);
function scrolls(element) { // by itself, or it is in something in the article that does
    for (; element && element.tagName !== "ARTICLE"; element = element.parentElement)
        if (/auto|scroll/.test(element.ownerDocument.defaultView.getComputedStyle(element).overflowX))
            return true;
    return false;
}
function widest(page, width) {
    let right = page.documentElement.scrollWidth;
    for (const element of page.querySelectorAll("article *")) {
        const edge = Math.floor(element.getBoundingClientRect().right);
        if (edge > Math.max(width, right) && !scrolls(element)) right = edge;
    }
    return right;
}
(async () => {
    for (const width of widths)
        for (const page of pages) {
            frame.width = width;
            await new Promise(done => { frame.onload = done; frame.src = page; });
            const right = widest(frame.contentDocument, width);
            if (right > width) found.push([page, width, right]);
        }
    document.getElementById("out").textContent =
        "done " + pages.length * widths.length + " " + JSON.stringify(found) + " end";
})();
</script></body>"""


def chromium(*arguments):
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--allow-file-access-from-files", f"--user-data-dir={profile}", *arguments],
            capture_output=True, text=True, timeout=300).stdout


def measure(folder):
    pages = sorted(path.as_uri() for path in folder.rglob("*.html"))
    with tempfile.NamedTemporaryFile("w", suffix=".html") as file:
        file.write(MEASURE % json.dumps(pages))
        file.flush()
        shown = chromium("--virtual-time-budget=600000", "--dump-dom", "file://" + file.name)
    found = re.search(r"done (\d+) (\[.*?\]) end", shown, re.S)
    if not found or int(found[1]) < 2 * len(pages):
        raise SystemExit("Chromium did not get to the end of the pages")
    return int(found[1]), json.loads(found[2])


def shoot(folder, shots, page, mode, width):
    height = 1200
    scheme = "0" if mode == "dark" else "1"
    with tempfile.NamedTemporaryFile("w", suffix=".html") as file:
        file.write(f'<body style="margin:0"><iframe style="border:0" width={width} height={height} '
                   f'src="{(folder / page).as_uri()}.html"></iframe></body>')
        file.flush()
        name = f"{page.replace('/', '-')}-{width}-{mode}.png"
        chromium(f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={shots / name}",
                 f"--window-size={max(width, 500)},{height}", "--virtual-time-budget=3000",
                 "file://" + file.name)
        return shots / name


def main():
    site = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve() / "site"
    shots = site / "shots"
    shots.mkdir(exist_ok=True)
    count, wide = measure(site / "html")
    for page, width, found in wide:
        print(f"{page}: {found} pixels wide in a window of {width}")
    made = [shoot(site / "html", shots, page, mode, width) for page in SHOWN
            for mode in ("light", "dark") for width in (1440, 390)]
    missing = [path for path in made if not path.is_file()]
    print(f"{count} views, {len(wide)} too wide; {len(made) - len(missing)} pictures in {shots}")
    return bool(wide or missing)


if __name__ == "__main__":
    sys.exit(main())
