from __future__ import annotations

from dataclasses import replace

import pytest

from latprof.report.document import Heading, Headline, Notice, Paragraph, Table
from latprof.report.summary import scenario_text, summary
from latprof.run.model import Quantile, Reason, Validity, Verdict


def blocks(run, kind):
    return [block for block in summary(run).blocks if isinstance(block, kind)]


def texts(run):
    return [block.text for block in blocks(run, Paragraph)]


def test_latency_and_verdict_come_before_everything_else(slow):
    kinds = [type(block) for block in summary(slow).blocks[:4]]
    assert kinds == [Heading, Headline, Notice, Table]


def test_the_headline_says_each_number_with_its_interval_and_its_worth(slow):
    (headline,) = blocks(slow, Headline)
    p99 = slow.latency(0.99)
    metrics = {metric.name: metric for metric in headline.metrics}
    assert metrics["p99"].value == f"{p99.value_ns / 1e6:,.0f} ms"
    assert f"[{p99.low_ns / 1e6:,.0f}, {p99.high_ns / 1e6:,.0f}] ms" in metrics["p99"].detail
    assert f"n = 2,000, n_eff = {p99.n_effective:,.0f}" in metrics["p99"].detail
    assert metrics["p50"].value.endswith(" ms")


def test_a_percentile_that_the_sample_cannot_carry_says_why(failing):
    (headline,) = blocks(failing, Headline)
    p99 = headline.metrics[1]
    assert p99.value == "n/a"
    assert "too few requests" in p99.detail
    assert p99.detail.endswith("needs 500")


class Judged:
    """A run with a verdict of our own."""

    def __init__(self, run, validity):
        self._run, self.validity = run, validity

    def __getattr__(self, name):
        return getattr(self._run, name)


def test_a_barely_carried_percentile_says_that_it_is(slow):
    run = Judged(slow, slow.validity)
    run.latency = lambda q: Quantile(q, 9_000_000, 8_000_000, 9_500_000, 800, 700.0, reliable=False)
    (headline,) = blocks(run, Headline)
    assert headline.metrics[1].value == "9,000 µs"
    assert headline.metrics[1].detail.endswith("n_eff = 700: few, the interval may be too narrow")


def test_each_reason_comes_with_its_next_step(slow):
    reason = Reason("late_sends", Verdict.WARN, "p99 left\n 9 ms late", "lower the rate")
    notice = blocks(Judged(slow, Validity(Verdict.INVALID, (reason,))), Notice)[0]
    assert notice.severity is Verdict.INVALID
    assert notice.title.startswith("INVALID")
    assert notice.items == (("p99 left 9 ms late", "lower the rate"),)


def test_failures_are_counted_by_message(failing):
    notice = blocks(failing, Notice)[1]
    assert notice.title == "6 of 120 requests failed"
    assert [seen for seen, _ in notice.items] == [
        "5 times: ValueError: <b>bad</b>",
        "once: timeout",
    ]


def test_rare_failures_are_counted_together(record):
    failures = [("error", f"KeyError: {at}") for at in range(5) for _ in range(at + 1)]
    notice = blocks(record(requests=60, failures=failures), Notice)[1]
    assert [seen for seen, _ in notice.items] == [
        "5 times: KeyError: 4",
        "4 times: KeyError: 3",
        "3 times: KeyError: 2",
        "3 times: other messages",
    ]


def test_every_request_is_accounted_for(failing):
    measured = failing.latency(0.5).n
    assert f"120 requests: 114 ok, 5 failed, 1 timed out · 1 cold · {measured} measured" in texts(
        failing
    )


def test_the_machine_and_the_runtime_are_named(slow):
    line = "AMD EPYC 7B13 · 2 usable CPUs · Python 3.11.7 · onnxruntime 1.31.0 · numpy 2.4.6"
    assert line in texts(slow)


@pytest.mark.parametrize(
    ("gpus", "named"),
    [
        ([{"model": "NVIDIA H200", "driver": "580.1"}], "NVIDIA H200 · Python 3.11.7"),
        ([{"model": "A"}, {"model": "B"}, {"model": "A"}], "2 × A · B · Python 3.11.7"),
        ([{"driver": "580.1"}, "a text"], "Python 3.11.7"),
        ("a text", "Python 3.11.7"),
    ],
)
def test_gpus_are_named_with_the_machine(slow, gpus, named):
    run = Judged(slow, slow.validity)
    run.environment = {"gpus": gpus, "python": {"version": "3.11.7"}}
    assert named in texts(run)


@pytest.mark.parametrize("environment", [{}, {"cpu": "a text"}, {"cpu": {"usable_cpus": "two"}}])
def test_an_environment_from_elsewhere_is_left_out_where_it_makes_no_sense(slow, environment):
    run = Judged(slow, slow.validity)
    run.environment = environment
    assert not any("CPU" in text for text in texts(run))


def test_a_recording_without_requests_says_so(spans_only, empty):
    assert texts(spans_only)[0] == "No request was marked: times are per span."
    assert texts(empty)[0] == "No request was marked: nothing was recorded."
    assert not any(text.startswith("0 requests") for text in texts(empty))


def test_a_wall_probe_is_why_there_is_no_cpu_time(record):
    run = Judged(record(requests=20, measured_cpu=False), Validity(Verdict.VALID))
    run.manifest = run.manifest | {"probe": "wall"}
    assert any('probe="wall"' in text for text in texts(run))


def test_text_from_outside_is_one_line_in_every_block(hostile):
    document = summary(hostile)
    assert "\x1b" not in repr(replace(document))
    assert "\n" not in document.title


@pytest.mark.parametrize(
    ("scenario", "text"),
    [
        ({"name": "SingleStream", "requests": None}, "SingleStream"),
        ({"name": "Concurrent", "n": 4, "duration": 30.0}, "Concurrent(n=4, duration=30.0)"),
        ({}, "recorded"),
        ({"name": "Replay", "timestamps": list(range(10_000))}, None),
    ],
)
def test_a_scenario_reads_as_it_is_written(scenario, text):
    spelled = scenario_text(scenario)
    assert len(spelled) <= 200
    assert text is None or spelled == text
