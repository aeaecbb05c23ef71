from __future__ import annotations

import pytest

from latprof.analysis.history import history
from latprof.report.plots.history import history_plot

from ...histories import CHANGED, grown  # noqa: TID252 - three rooms want such runs


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return history(grown(tmp_path_factory.mktemp("grown")))


def test_each_part_has_its_runs_and_levels(found):
    (axes,) = history_plot(found).axes
    points = {line.get_label(): line for line in axes.lines if len(line.get_xdata()) == 12}
    assert {"total", "encode", "answer"} <= set(points)
    encode = points["encode"].get_ydata()
    assert encode[CHANGED] / encode[0] == pytest.approx(1.5, rel=0.1)


def test_the_commit_stands_where_it_changed(found):
    (axes,) = history_plot(found).axes
    (note,) = axes.texts
    assert note.get_text() == "04040404"
    assert note.xy[0] == CHANGED + 0.5  # runs count from 1: between the eighth and the ninth


def test_it_is_saved(found, tmp_path):
    history_plot(found, tmp_path / "history.svg")
    assert (tmp_path / "history.svg").read_text().startswith("<?xml")
