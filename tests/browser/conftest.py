"""A real headless Chromium, without a network, and runs whose reports it opens."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

import latprof as lp

CHROMIUM = shutil.which("chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LIVE = "<img src=x onerror=alert(1)>"
PAYLOADS = (
    LIVE,
    "</script><script>alert(2)</script>",
    "</style><script>alert(3)</script>",
    "javascript:alert(4)",
    '"><svg onload=alert(5)>',
    '=cmd|"/C calc"!A0',
    "a\x1b[31mred\u202eright",
    "../../etc/passwd",
    "<a href='https://example.com/'>link</a>",
    "%{y} <b>bold</b> &lt;i&gt;",
    "Z" * 10_000,
)


@pytest.fixture(scope="session")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs chromium: make test-browser installs it")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """Open a file; what it did beside being shown is kept: requests, messages, dialogs."""
    contexts = []

    def open_file(path, **options):
        context = chromium.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        seen = SimpleNamespace(requests=[], messages=[], dialogs=[])
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.messages.append(message.text))
        page.on("pageerror", lambda error: seen.messages.append(str(error)))
        page.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-drawn]")
        return page, seen

    yield open_file
    for context in contexts:
        context.close()


def report_of(folder, payloads, requests=400):
    """Record requests of stages that bear those names, and write the page."""
    with lp.record(folder / "run", warmup=0) as recording:
        for number in range(requests):
            with lp.request(kind=payloads[number % len(payloads)], size=number % 7):
                for name in payloads:
                    with lp.stage(name):
                        sum(range(200 * (1 + number % 7)))
    return recording.run.report(folder / "report.html")


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    return report_of(tmp_path_factory.mktemp("plain"), ("tokenize", "forward", "decode"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """A run with payloads in names of stages, in attributes and in the texts of errors."""
    folder = tmp_path_factory.mktemp("hostile")

    def serve(number):
        with lp.stage(PAYLOADS[number % len(PAYLOADS)]):
            if number % 3 == 0:
                raise ValueError(PAYLOADS[number % len(PAYLOADS)])

    run = lp.profile(serve, range(330), out=folder / LIVE.replace("/", "_"), progress=False)
    return run.report(folder / "</script> report.html".replace("/", "_"))
