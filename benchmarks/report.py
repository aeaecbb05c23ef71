"""A report of a million requests: time and memory to write it, its size, and how quickly it opens.

    pip install "latprof[bench,browser]", and Debian's chromium for the last figure
    python benchmarks/report.py [--quick] [--json]

A run has five stages a request and two attributes. The page is written in a process of its own,
imports included in its memory, and opened in headless Chromium without a network: until its text
is painted, until the first chart is there and the page answers, and until all are drawn.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from diagnosis_scale import record
from figures import Figure, report
from steps import outcome, start, take

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE, QUICK_SIZE = 1_000_000, 50_000  # requests
GIB, MB = 2**30, 1e6
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
OPENINGS = 5


def write(folder: str, page: str) -> dict[str, float]:
    """Time the writing of a page."""
    import latprof as lp

    run = lp.open_run(folder)
    begun_ns = time.perf_counter_ns()
    size = run.report(page).stat().st_size
    return {"seconds": (time.perf_counter_ns() - begun_ns) / 1e9, "bytes": size}


def openings(page: Path) -> list[tuple[float, float, float]]:
    """Return seconds until the text, the first chart and all charts were there, of each opening."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for _ in range(OPENINGS):
            tab = browser.new_context(offline=True).new_page()
            begun_s = time.perf_counter()
            tab.goto(page.as_uri())
            tab.wait_for_selector("html[data-drawn]")
            drawn_s = time.perf_counter() - begun_s
            painted_ms = tab.evaluate("performance.getEntriesByType('paint')[0].startTime")
            opened_ms = float(tab.evaluate("document.documentElement.dataset.openedMs"))
            found.append((painted_ms / 1e3, opened_ms / 1e3, drawn_s))
            tab.context.close()
        browser.close()
    return sorted(found)


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - as `report` calls it
    size = QUICK_SIZE if quick else SIZE
    with tempfile.TemporaryDirectory() as folder:
        run, page = str(Path(folder) / "run"), Path(folder) / "report.html"
        outcome(start(__file__, "record", run, str(size)))
        done = outcome(start(__file__, "write", run, str(page)))
        yield Figure(f"{size:,} requests, time", done["seconds"], "s", at_most=10.0)
        yield Figure("peak of memory", done["peak_bytes"] / GIB, "GiB", at_most=1.0)
        yield Figure("size of the page", done["bytes"] / MB, "MB", at_most=6.0)
        if shutil.which("chromium") is not None:
            middle = openings(page)[OPENINGS // 2]
            yield Figure("opened: its text is painted", middle[0], "s", at_most=3.0)
            yield Figure("opened: the first chart is there", middle[1], "s", at_most=3.0)
            yield Figure("all charts are drawn", middle[2], "s")


if __name__ == "__main__":
    if not take({"record": record, "write": write}):
        report(str(__doc__), measure)
