from __future__ import annotations

import numpy as np
import pytest

from latprof.report.nines import MARKED, carried, curve


@pytest.mark.parametrize("count", [1, 2, 10, 1_000, 200_000])
def test_the_curve_goes_from_the_fastest_to_the_slowest(count):
    values = np.random.default_rng(count).lognormal(size=count)
    drawn, nines = curve(values)
    assert drawn[-1] == values.max()
    assert np.all(np.diff(drawn) >= 0)
    assert np.all(np.diff(nines) > 0)
    assert nines[-1] == pytest.approx(np.log10(2 * count))


def test_the_curve_passes_through_the_quantiles():
    values = np.arange(1, 100_001, dtype=float)
    drawn, nines = curve(values)
    for q in (0.5, 0.9, 0.99, 0.999):
        at = np.searchsorted(nines, -np.log10(1 - q))
        assert drawn[at] == pytest.approx(100_000 * q, rel=0.01)


def test_marks_stand_where_the_run_says(slow):
    axes = slow.plot("cdf").axes[0]
    marked = {text.get_text().split()[0]: text.xy[0] for text in axes.texts}
    for name, q in (("p50", 0.5), ("p99", 0.99)):
        assert marked[name] == pytest.approx(slow.latency(q).high_ns / 1e6)


def test_what_the_sample_cannot_carry_is_dotted_and_unmarked(failing):
    axes = failing.plot("cdf").axes[0]
    assert not any(text.get_text().startswith("p99") for text in axes.texts)
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    begin = dotted[0].get_ydata()[0]
    assert begin >= carried([failing.latency(q) for q in MARKED])


def test_each_step_of_the_axis_is_a_nine(slow):
    axes = slow.plot("cdf").axes[0]
    ticks = dict(
        zip([t.get_text() for t in axes.get_yticklabels()], axes.get_yticks(), strict=True)
    )
    assert ticks["90 %"] == pytest.approx(1)
    assert ticks["99 %"] == pytest.approx(2)
    assert ticks["99.9 %"] == pytest.approx(3)
