"""The benchmark scripts run and report; how fast anything is, is not tested."""

from __future__ import annotations

import pytest

from .script import figures, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_overhead_loses_no_span_in_either_core():
    by_name = figures("overhead.py")
    lost = [figure["value"] for name, figure in by_name.items() if "spans lost" in name]
    assert lost
    assert set(lost) == {0}
    assert by_name["stage, wall / bare pair"]["at_most"] == 3.5


def test_scale_measures_a_million_spans():
    by_name = figures("scale.py")
    assert by_name["breakdown of 1,000,000 spans"]["value"] > 0
    assert by_name["on disk, spans.parquet"]["value"] > 0


def test_read_ops_is_measured_beside_a_plain_reader():
    by_name = figures("read_ops.py")
    assert by_name["read_ops / json.load, time"]["value"] > 0
    assert by_name["read_ops, 20 MB: peak memory"]["value"] > 0


def test_import_time_finds_nothing_heavy():
    by_name = figures("import_time.py")
    assert by_name["import latprof, heavy packages"]["value"] == 0


def test_a_benchmark_is_a_script_with_help():
    done = run("import_time.py", "--help")
    assert done.returncode == 0
    assert "--quick" in done.stdout


def test_an_item_of_a_stream_is_measured_beside_a_bare_loop():
    by_name = figures("items.py")
    assert by_name["profiled, full / bare"]["value"] > 0
    assert by_name["profiled async, full / bare"]["value"] > 0


def test_batching_is_measured_beside_no_batching():
    by_name = figures("batching.py")
    assert by_name["no batching: answered"]["value"] > 0
    assert by_name["max_batch=8, max_delay_ms=2: answered / no batching"]["value"] > 0


def test_a_diagnosis_is_held_against_planted_causes():
    by_name = figures("diagnosis.py")
    assert by_name["cases"]["value"] == 3
    assert by_name["truth in the top three"]["value"] == 100


def test_requests_are_recorded_by_the_million_beside_the_memory_they_take():
    by_name = figures("requests_scale.py")
    assert by_name["recording, last / first quarter"]["at_most"] == 1.05
    assert by_name["on disk, the finished run"]["value"] > 0
    assert by_name["no-op requests, one core"]["at_least"] == 100_000


def test_sampling_stacks_is_measured_beside_none_and_against_the_clock_of_the_spans():
    by_name = figures("stacks.py")
    assert by_name["requests a second, with stacks / without"]["value"] > 0
    assert by_name["samples of the serving thread"]["value"] > 0
    assert by_name["mean distance from the clock of the spans"]["high"] > 0


def test_predictions_are_held_against_theory_and_against_what_is_then_measured():
    by_name = figures("whatif.py")
    assert by_name["M/M/1 at 0.8: mean wait off theory"]["verdict"] == "PASS"
    assert by_name["M/M/4 at 0.8: share that waits off Erlang"]["verdict"] == "PASS"
    assert by_name["settings"]["value"] == 3
    assert by_name["measured p99, half against half"]["value"] > 0


def test_a_trace_is_measured_beside_a_plain_dump():
    by_name = figures("trace_export.py")
    assert by_name["100,000 spans, export: peak of memory"]["value"] > 0
    assert by_name["export / plain json.dump"]["value"] > 0
