"""A page in one file that opens anywhere: nothing is loaded, and nothing leaves it.

A Content-Security-Policy allows two scripts by their hashes, plotly.js and `page.js`, and no
connection at all. Numbers of charts lie in the page as JSON.
"""

from __future__ import annotations

import base64
import hashlib
import html as markup
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from latprof import __version__
from latprof.report.document import Block
from latprof.report.html.library import library
from latprof.report.html.section import Figure, Folded, Picture, Section
from latprof.report.notebook import blocks_html, style

__all__ = ["page"]

_PAGE = """<!doctype html>
<html lang="en" data-theme="auto">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="latprof {version}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#{first}">To the answer</a>
<header><nav aria-label="Parts of this report"><ul>{links}</ul></nav>
<button type="button" id="theme" hidden>dark</button></header>
<main class="latprof">
<h1>{heading}</h1>
{sections}
</main>
<footer>latprof {version}. This file holds everything that it shows: it loads nothing.</footer>
<script type="application/json" id="figures">{figures}</script>
<script>{library}</script>
<script>{script}</script>
</body>
</html>
"""
_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
)


def page(title: str, sections: Sequence[Section], aside: str = "") -> str:
    """Return sections as one HTML page.

    Args:
        title: What the page is about.
        sections: In order; the answer first.
        aside: Stands beside the title, quieter.

    Raises:
        MissingDependencyError: plotly is not installed.
    """
    figures = [part for each in sections for part in each.parts if isinstance(part, Figure)]
    drawing, script = library(), _asset("page.js")
    return _PAGE.format(
        policy=_POLICY.format(scripts=" ".join(_hash(each) for each in (drawing, script))),
        version=__version__,
        title=markup.escape(title),
        heading=f"{markup.escape(title)} <span>{markup.escape(aside)}</span>",
        style=style() + _asset("page.css"),
        first=sections[0].name,
        links="".join(
            f'<li><a href="#{each.name}">{markup.escape(each.title)}</a></li>' for each in sections
        ),
        sections="\n".join(map(_section, sections)),
        figures=_json({each.name: _plain(each) for each in figures}),
        library=drawing,
        script=script,
    )


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _section(section: Section) -> str:
    body = "\n".join(map(_spelled, section.parts))
    return (
        f'<section id="{section.name}" aria-labelledby="{section.name}-title" tabindex="-1">'
        f'<h2 id="{section.name}-title">{markup.escape(section.title)}</h2>\n{body}\n</section>'
    )


def _spelled(part: Block | Figure | Folded | Picture) -> str:
    if isinstance(part, Figure):
        return _figure(part)
    if isinstance(part, Folded):
        inner = blocks_html(part.blocks)
        return f"<details><summary>{markup.escape(part.title)}</summary>\n{inner}\n</details>"
    if isinstance(part, Picture):
        label = f'role="img" aria-label="{markup.escape(part.words)}"'
        return f"<figure>{part.svg.replace('<svg', f'<svg {label}', 1)}</figure>"
    return blocks_html([part])


def _figure(figure: Figure) -> str:
    chart = f'<div class="chart" id="chart-{figure.name}" style="height:{figure.height}px"></div>'
    return (
        f"<figure><figcaption>{markup.escape(figure.title)}</figcaption>"
        f'<p class="words">{markup.escape(figure.words)}</p>'
        f"{chart}</figure>"
    )


def _plain(figure: Figure) -> dict[str, Any]:
    layout = {**figure.layout, "height": figure.height}
    return {"data": figure.traces, "layout": layout, "narrow": figure.narrow}


def _json(value: Any) -> str:
    """Return JSON that no text in it can end: it has no angle brackets."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
