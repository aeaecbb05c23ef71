from __future__ import annotations

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

import latprof as lp
from latprof.testing import ExponentialTime, SimulatedService


def searched(slo, **options):
    service = SimulatedService(ExponentialTime(mean_s=0.005))
    return lp.find_capacity(service, [None], slo, progress=False, **options)


@pytest.fixture(scope="module")
def found():
    return searched("p95 < 60ms", requests=300_000, seconds=1e5)


def curve(axes):
    (line,) = [each for each in axes.lines if each.get_label() == "expected of the target alone"]
    return line.get_xdata(), line.get_ydata()


def test_the_knee_is_where_theory_has_it(found):
    rates, p95_ms = curve(found.plot().axes[0])
    theory = [3 / (1 / 0.005 - rate) * 1e3 for rate in rates]  # of M/M/1: ln 20 / (mu - lambda)
    assert np.all(np.diff(rates) > 0)
    assert p95_ms == pytest.approx(theory, rel=0.15)
    assert p95_ms[-1] > 60 > p95_ms[0]  # from well below the limit to well above


def test_each_decided_rate_is_marked_with_its_interval(found):
    axes = found.plot().axes[0]
    marked = {
        (float(x), line.get_label())
        for line in axes.lines
        if line.get_label() in ("passed", "failed", "undecided: no pass")
        for x in line.get_xdata()
    }
    assert (found.rate, "passed") in marked
    assert len({rate for rate, _ in marked}) == len({trial.rate for trial in found.trials})
    bars = [each for each in axes.containers if isinstance(each, ErrorbarContainer)]
    assert len(bars) == len({label for _, label in marked})
    assert "holds up to" in found.plot().texts[0].get_text()


def test_a_rate_whose_sample_is_too_small_stands_at_the_least_that_it_can_be():
    short = searched("p99 < 60ms", requests=5_000, seconds=1e5)
    unknown = [each for each in short.table().itertuples() if np.isnan(each[6])]
    assert unknown, short.table()
    heights = [y for line in short.plot().axes[0].lines for y in np.ravel(line.get_ydata())]
    assert unknown[-1][7] / 1e6 in heights


def test_of_a_stage_or_of_errors_alone_nothing_is_expected():
    errors = searched("errors < 1%", requests=4_000)
    assert errors.course == ()
    assert not errors.plot().axes


def test_it_is_saved(found, tmp_path):
    found.plot(tmp_path / "knee.png")
    assert (tmp_path / "knee.png").read_bytes().startswith(b"\x89PNG")
    assert found.to_dict()["course"][0]["ns"] < 60e6
