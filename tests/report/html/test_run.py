from __future__ import annotations

import json
import re

import pytest

from latprof.report.html.environment import environment_table
from latprof.report.html.run import run_page


def numbers(text):
    (found,) = re.findall(r'id="figures">(.*?)</script>', text, flags=re.DOTALL)
    return json.loads(found)


def sections(text):
    return re.findall(r'<section id="([^"]*)"', text)


@pytest.fixture(scope="module")
def text(slow):
    return run_page(slow)


def test_the_answer_is_on_top_and_all_parts_are_there(text):
    found = sections(text)
    assert found[:2] == ["answer", "stages"]
    assert {"findings", "latency", "time", "requests", "environment"} <= {*found}
    assert set(numbers(text)) >= {"stages", "distribution", "timeline", "waterfall"}


def test_the_bars_are_the_medians_of_the_breakdown(text, slow):
    (bars, *_) = numbers(text)["stages"]["data"]
    unit_ns = 1e6
    rows = slow.breakdown()
    labels = numbers(text)["stages"]["layout"]["yaxis"]["ticktext"]
    for label, value in zip(labels, bars["x"], strict=True):
        assert value == pytest.approx(rows.loc[label, "p50"] / unit_ns)


def test_the_spans_of_the_waterfall_lie_in_their_requests(text, slow):
    data = numbers(text)["waterfall"]["data"]
    stages = {each["name"]: each for each in data}
    assert set(slow.stages) <= set(stages)
    longest_ms = max(slow.requests.finished_ns - slow.requests.intended_ns) / 1e6
    for each in data:
        ends = [base + length for base, length in zip(each["base"], each["x"], strict=True)]
        assert max(ends) <= longest_ms * 1.0001
        assert min(each["base"]) >= 0


def test_the_curve_never_falls_and_ends_at_the_slowest(text, slow):
    curves = [each for each in numbers(text)["distribution"]["data"] if each["mode"] == "lines"]
    for each in curves:
        assert each["y"] == sorted(each["y"])
    slowest_ms = max(slow.requests.finished_ns - slow.requests.intended_ns) / 1e6
    assert max(curves[-1]["x"]) == pytest.approx(slowest_ms, rel=1e-3)


def test_any_run_has_a_page(any_run):
    text = run_page(any_run)
    assert sections(text)[0] == "answer"
    for figure in numbers(text).values():
        assert figure["layout"]["height"] > 0


def test_a_run_that_failed_shows_a_failed_request(failing):
    ticks = numbers(run_page(failing))["waterfall"]["layout"]["yaxis"]["ticktext"]
    assert any(each.startswith(("error", "timeout", "dropped")) for each in ticks)


def test_hostile_names_stay_text(hostile):
    text = run_page(hostile)
    shown = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert "<img" not in shown
    assert "<script>" not in shown
    assert "<title>&lt;b&gt;target&lt;/b&gt;" in shown


def test_the_environment_has_no_command_line():
    known = {"command": ["serve", "--token=secret"], "cpu": {"model": "x", "cores": 2}, "gpus": []}
    table = environment_table({**known, "memory": {"total_bytes": 2**31, "limit_bytes": None}})
    told = {row.cells[0].text: row.cells[1].text for row in table.rows}
    assert told == {"cpu model": "x", "cpu cores": "2", "memory total bytes": "2.00 GiB"}
