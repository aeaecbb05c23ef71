from __future__ import annotations

import itertools

import numpy as np
import pytest

from latprof.errors import UsageError
from latprof.report.html.run import run_page
from latprof.report.plots import KINDS, kinds


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_the_widest_boxes_bear_their_names_under_what_they_belong_to(sampled):
    figure = sampled.plot("flame")
    assert "inner" in figure.texts[0].get_text()
    told = words(figure)
    assert {"inner", "untracked", "holds the GIL", "stands still"} <= set(told)
    assert "outside requests" not in told


def test_boxes_of_a_row_do_not_overlap_and_fill_the_top(sampled):
    (axes,) = sampled.plot("flame").axes
    boxes = [path.get_extents() for each in axes.collections for path in each.get_paths()]
    rows = {}
    for box in boxes:
        rows.setdefault(round(box.y0), []).append((box.x0, box.x1))
    for ends in rows.values():
        ordered = sorted(ends)
        assert all(b[0] >= a[1] - 1e-9 for a, b in itertools.pairwise(ordered))
    assert np.isclose(sum(end - begin for begin, end in rows[0]), 1)


def test_it_is_a_picture_and_part_of_the_page(sampled):
    assert sampled.plot("flame").encoded("png", dpi=50).startswith(b"\x89PNG")
    assert kinds(sampled) == [*KINDS, "flame"]
    assert run_page(sampled).count('<figure><svg role="img"') == 1


def test_a_run_without_stacks_has_no_such_picture(single):
    assert kinds(single) == [*KINDS]
    with pytest.raises(UsageError, match="stacks=True"):
        single.plot("flame")


def test_a_run_of_which_no_sample_was_taken_says_so(unsampled):
    assert "No sample" in unsampled.plot("flame").texts[0].get_text()
