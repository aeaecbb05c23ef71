"""The plugin in test suites of its own: a target in virtual time, whose latencies are known."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import pytest

import latprof as lp
from latprof import pytest_plugin

pytest_plugins = ["pytester"]

MODULE = "latprof.pytest_plugin"
INSTALLED = any(each.value == MODULE for each in importlib.metadata.entry_points(group="pytest11"))
SERVICE = """
import pytest
from latprof.testing import FakeClock

class Service:
    '''Ten milliseconds, or as many as asked for; all but one of them in `work`.'''
    stages = ("work",)

    def __init__(self):
        self.clock = FakeClock()

    def work(self, ms):
        if ms < 0:
            raise ValueError("negative")
        self.clock.advance((ms - 1) * 1_000_000)

    def predict(self, ms):
        self.work(ms)
        self.clock.advance(1_000_000)
"""


@pytest.fixture
def suite(pytester):
    """Run a suite of one test, `gate` being the fixture; return what came out and its lines."""

    def run(body, *options):
        test = "\n".join(f"    {line}" for line in body.splitlines())
        pytester.makepyfile(f"{SERVICE}\ndef test_it(latprof_gate):\n{test}\n")
        plugin = () if INSTALLED else ("-p", MODULE)
        return pytester.runpytest_subprocess(*plugin, "-ra", "-W", "error", *options)

    return run


def test_it_is_an_entry_point():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["pytest11"] == {"latprof": pytest_plugin.__name__}


def test_what_is_below_passes_and_is_told(suite):
    result = suite(
        'run = latprof_gate(Service(), [10], "p95 < 11ms, p95(work) < 9.5ms")\n'
        "assert len(run.requests) >= 1000\n"
        "assert run.stages == ['work']"
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*::test_it pass: p95 is 10.0 ms*below 11.0 ms; p95(work) is 9.00 ms*below 9.50 ms"]
    )


def test_what_is_above_fails_with_the_stages(suite):
    result = suite('latprof_gate(Service(), [10], "p95 < 11ms, p95(work) < 8ms")')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "latency budget broken: p95(work) is 9.00 ms*: not below 8.00 ms",
            "*work *90.0 %*",
            "total *",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


STRADDLING = 'latprof_gate(Service(), [8, 12], "p50 < 10ms")'


def test_what_straddles_is_skipped_with_the_reason(suite):
    result = suite(STRADDLING)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["SKIPPED*latency budget undecided: p50 is *the limit of 10.0 ms lies inside*"]
    )
    assert result.ret == pytest.ExitCode.OK


def test_what_straddles_fails_where_the_pipeline_must_know(suite):
    result = suite(STRADDLING, "--latprof-undecided=fail")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["latency budget undecided: p50 is *"])


def test_a_target_that_raises_fails(suite):
    result = suite('latprof_gate(Service(), [10, 10, -1], "p50 < 20ms")')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["latency budget broken: * of * failed, the first by ValueError*"])


@pytest.mark.parametrize(
    ("slo", "said"),
    [
        ("p95(wrok) < 20ms", "*UsageError: p95(wrok) < 20.0 ms is about a stage that never ran*"),
        ("p95 < 20", "*UsageError: the SLO term 'p95 < 20' needs a number with a unit*"),
    ],
)
def test_a_wrong_budget_is_an_error_of_the_test(suite, slo, said):
    result = suite(f'latprof_gate(Service(), [10], "{slo}")')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said])


def test_runs_are_kept_where_asked(suite, pytester):
    twice = 'for _ in range(2): latprof_gate(Service(), [10], "p95 < 11ms")'
    for _ in range(2):
        suite(twice, "--latprof-runs=kept").assert_outcomes(passed=1)
    kept = sorted((pytester.path / "kept").iterdir())
    assert len(kept) == 4
    assert all("test_it" in each.name for each in kept)
    assert {len(lp.open_run(each).requests) for each in kept} == {1000}


def test_the_verdict_is_in_junit(suite, pytester):
    suite(STRADDLING, "--junit-xml=out.xml", "-o", "junit_family=xunit1")
    xml = (pytester.path / "out.xml").read_text()
    assert '<property name="latprof" value="undecided: p50 is ' in xml
    assert "<skipped" in xml


def test_workers_of_xdist_tell_theirs(suite):
    pytest.importorskip("xdist", reason="needs pytest-xdist")
    result = suite('latprof_gate(Service(), [10], "p95 < 11ms")', "-n", "1")
    result.stdout.fnmatch_lines(["*::test_it pass: p95 is 10.0 ms*"])


def test_a_suite_without_budgets_loads_nothing(pytester):
    heavy = ("numpy", "pandas", "pyarrow", "scipy", "latprof.load", "latprof.analysis")
    pytester.makepyfile(
        f"import sys\ndef test_it():\n"
        f"    assert 'latprof.pytest_plugin' in sys.modules\n"
        f"    assert not [name for name in {heavy!r} if name in sys.modules]\n"
    )
    result = pytester.runpytest_subprocess(*(() if INSTALLED else ("-p", MODULE)))
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*latency budgets*")
