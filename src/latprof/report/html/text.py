"""Texts from outside in a chart: shown letter by letter, whatever they hold."""

from __future__ import annotations

from latprof.report.document import one_line

__all__ = ["shown"]


def shown(text: str, longest: int = 40) -> str:
    """Return a text as plotly shows it: it takes tags and entities, which no text may bring.

    >>> shown("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    """
    line = one_line(text, longest)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
