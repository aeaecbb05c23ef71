"""The JavaScript that draws the charts: plotly's, as its Python package ships it.

Of the libraries that ship their JavaScript in a pip package, plotly draws real text in SVG, which
prints sharply and can be searched, and its axes can be read out; Bokeh's and Vega's are smaller and
draw on a canvas. All of it is put into the page: a report opens where there is no network.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from latprof.errors import MissingDependencyError

__all__ = ["library"]

_PLACE = Path("package_data", "plotly.min.js")


def library() -> str:
    """Return the text of plotly.js. The Python side of plotly is not imported.

    Raises:
        MissingDependencyError: plotly is not installed.
    """
    found = importlib.util.find_spec("plotly")
    for place in (found.submodule_search_locations or ()) if found else ():
        file = Path(place) / _PLACE
        if file.is_file():
            return file.read_text("utf-8")
    raise MissingDependencyError("An HTML report", "plotly", "report")
