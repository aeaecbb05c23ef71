"""A page that needs nothing but itself: the fragment and the plots as SVG."""

from __future__ import annotations

import html as markup
import re
from typing import TYPE_CHECKING

from latprof.report.notebook import fragment
from latprof.report.plots import kinds, plot
from latprof.report.summary import summary

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["page"]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ background: #fff; margin: 28px auto; max-width: 62rem; padding: 0 20px; }}
figure {{ background: #fff; border-radius: 6px; margin: 22px 0; padding: 10px; }}
figure svg {{ display: block; height: auto; width: 100%; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #17191c; }} }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
_OPENING = re.compile(r"<svg\b[^>]*>")
_SIZE = re.compile(r'\s(?:width|height)="[^"]*"')


def page(run: Run) -> str:
    """Return a run as one HTML page: nothing is loaded, no script runs."""
    document = summary(run)
    body = [fragment(document), *(_figure(run, kind) for kind in kinds(run))]
    return _PAGE.format(title=markup.escape(document.title), body="\n".join(body))


def _figure(run: Run, kind: str) -> str:
    text = plot(run, kind).encoded("svg").decode()
    opening = _OPENING.search(text)
    if opening is None:
        raise AssertionError("matplotlib wrote an SVG without its root")
    # Without a size of its own the picture takes the width of the page.
    root = _SIZE.sub("", opening.group()).replace("<svg", f'<svg role="img" aria-label="{kind}"', 1)
    return f"<figure>{root}{text[opening.end() :]}</figure>"
