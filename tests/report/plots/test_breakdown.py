from __future__ import annotations

import pytest
from matplotlib.colors import to_hex

from latprof.report.colours import stage_colours


def rows_of(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def test_rows_are_those_of_the_breakdown(slow):
    means, _ = slow.plot("breakdown").axes
    assert rows_of(means) == slow.breakdown()["stage"].tolist()


@pytest.mark.parametrize("name", ["slow", "failing", "within", "thirty"])
def test_bars_follow_each_other_and_end_at_the_total(name, request):
    run = request.getfixturevalue(name)
    frame = run.breakdown()
    means = run.plot("breakdown").axes[0]
    bars = [bar for bar in means.patches if not bar.get_fill()]
    total = [bar for bar in bars if round(bar.get_y() + bar.get_height() / 2) == len(frame) - 1]
    reached = 0.0
    for bar in total:
        assert bar.get_x() == pytest.approx(reached, abs=1e-6)
        reached += bar.get_width()
    scale = frame["mean"].iloc[-1] / reached
    assert any(scale == pytest.approx(unit, rel=1e-9) for unit in (1e3, 1e6, 1e9))


def test_numbers_stand_behind_their_bars(slow):
    means = slow.plot("breakdown").axes[0]
    share = slow.breakdown().set_index("stage").loc["postprocess", "share"]
    assert any(text.get_text().endswith(f"{100 * share:.1f} %") for text in means.texts)


def legend_of(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_quantiles_are_drawn_where_the_sample_carries_them(slow, single):
    frame = slow.breakdown()
    spread = slow.plot("breakdown").axes[1]
    drawn = [
        marks.get_offsets()[:, 0].tolist()
        for marks in spread.collections
        if len(marks.get_offsets()) > 1
    ]
    for name in ("max", "p50", "p95", "p99"):
        assert any(points == pytest.approx(frame[name] / 1e6) for points in drawn)
    assert legend_of(spread) == ["p50", "p95", "p99", "max", "95 %"]
    spread = single.plot("breakdown").axes[1]
    assert legend_of(spread) == ["max; too few requests for percentiles"]


def test_points_have_the_colours_of_their_stages(slow):
    colours = stage_colours(slow.stages)
    spread = slow.plot("breakdown").axes[1]
    tints = [[to_hex(c) for c in marks.get_facecolor()] for marks in spread.collections]
    assert [colours[name] for name in slow.breakdown()["stage"]] in tints


def test_a_median_of_zero_is_said_on_an_axis_that_has_no_zero(slow):
    spread = slow.plot("breakdown").axes[1]
    assert slow.breakdown().set_index("stage").loc["queue", "p50"] == 0
    assert [text.get_text() for text in spread.texts] == ["p50 is 0"]
