"""MLPerf's metrics by hand, and against LoadGen itself on the latencies that LoadGen measured."""

from __future__ import annotations

import json
import random
import time

import numpy as np
import pytest

import latprof as lp
from latprof.analysis.mlperf import mlperf
from latprof.errors import UsageError
from latprof.run.model import Run

MS = 10**6


def one_by_one(latencies_ns, **columns):
    """Requests of one worker in a closed loop."""
    ends = np.cumsum(np.asarray(latencies_ns, np.int64))
    return [
        {"started_ns": int(end - latency), "finished_ns": int(end), **columns}
        for end, latency in zip(ends, latencies_ns, strict=True)
    ]


def together(queries):
    """Requests of queries that are issued one after the other."""
    rows, issued = [], 0
    for samples in queries:
        rows += [{"started_ns": issued, "finished_ns": issued + each} for each in samples]
        issued += max(samples)
    return rows


def shuffled(n, unit=MS, seed=0):
    return (np.random.default_rng(seed).permutation(n) + 1) * unit


# ---- by hand


def test_single_stream_is_the_90th_percentile_counted_from_0(table_run):
    found = mlperf(table_run(one_by_one(shuffled(200))))
    assert (found.scenario, found.metric) == ("SingleStream", "p90 latency")
    assert found.value == 181 * MS  # the value at place floor(200 * 0.9), from 0
    assert found.percentiles_ns[0.5] == 101 * MS
    # 200 queries allow 10 above the estimate, so it is the tenth largest.
    assert (found.stopping.over, found.stopping.value_ns) == (10, 191 * MS)
    assert found.stopping.met
    assert found.effective == found.stopping


def test_queries_that_are_alike_are_worth_fewer(table_run):
    found = mlperf(table_run(one_by_one(np.sort(shuffled(2_000)))))
    assert found.effective.n < 100 < found.stopping.n
    assert not found.effective.value_ns or found.effective.value_ns >= found.stopping.value_ns
    assert not found.valid


def test_too_few_queries_have_no_estimate(table_run):
    found = mlperf(table_run(one_by_one(shuffled(63))))
    assert found.stopping.value_ns is None
    assert found.stopping.needed == 64
    assert "queries: 63, asked 64: not met" in str(found)


def test_a_query_of_multi_stream_takes_as_long_as_its_slowest_sample(table_run):
    slowest = shuffled(700)
    rows = together([(int(each), 1, int(each) // 2) for each in slowest])
    found = mlperf(table_run(rows, scenario={"name": "MultiStream", "samples": 3}))
    assert found.metric == "p99 query latency"
    assert found.value == 694 * MS
    assert (found.stopping.n, found.stopping.over, found.stopping.value_ns) == (700, 1, 700 * MS)


def test_a_query_without_all_of_its_answers_counts_as_unanswered(table_run):
    rows = together([(5, 6), (7, 8), (9, 10)])
    rows[2]["status"] = "error"
    found = mlperf(table_run(rows[:-1], scenario={"name": "MultiStream", "samples": 2}))
    assert found.stopping.n == 1
    assert "unanswered: 2, asked none: not met" in str(found)


@pytest.mark.parametrize(("over", "met"), [(0, True), (1, False)])
def test_a_server_keeps_its_bound_where_enough_queries_show_it(table_run, over, met):
    latencies = np.full(500, 10 * MS)
    latencies[100 : 100 + over] = 20 * MS
    rows = [
        {"intended_ns": i * MS, "started_ns": i * MS, "finished_ns": int(i * MS + latency)}
        for i, latency in enumerate(latencies)
    ]
    run = table_run(rows, scenario={"name": "Poisson"})
    found = mlperf(run, bound_ms=15)
    assert (found.stopping.over, found.stopping.met) == (over, met)
    assert found.stopping.needed == (662 if over else 459)
    assert found.scheduled_rate == pytest.approx(1_000)
    assert found.completed_rate == pytest.approx(499 / 0.509)
    assert mlperf(run).stopping.value_ns is None  # 500 are too few for an estimate


def test_offline_counts_samples_until_the_last_answer(table_run):
    rows = [{"intended_ns": 0, "started_ns": 0, "finished_ns": end} for end in (10**9, 2 * 10**9)]
    found = mlperf(table_run(rows, scenario={"name": "Offline"}))
    assert (found.metric, found.value) == ("samples", 1.0)
    assert found.stopping is None
    assert "samples: 2, asked 24,576: not met" in str(found)


def test_a_long_run_without_failures_is_valid(table_run):
    found = mlperf(table_run(one_by_one(shuffled(2_000, unit=600_000))))
    assert [rule.name for rule in found.rules if not rule.met] == []
    assert str(found).startswith("MLPerf SingleStream: p90 latency 1.08 s, VALID\n")


def test_nothing_answered_is_told_and_not_divided_by(table_run):
    for scenario in ({"name": "SingleStream"}, {"name": "MultiStream", "samples": 2}):
        for rows in ([], one_by_one([5, 5], status="error")):
            found = mlperf(table_run(rows, scenario=scenario))
            assert (found.value, found.valid) == (0, False)
            assert "INVALID" in str(found)


def test_other_scenarios_and_bounds_are_refused(table_run):
    with pytest.raises(UsageError, match="no scenario like Ramp: record a run of SingleStream"):
        mlperf(table_run(scenario={"name": "Ramp"}))
    with pytest.raises(UsageError, match="bound_ms=5: give milliseconds above 0, for a run of P"):
        mlperf(table_run(), bound_ms=5)


# ---- real runs


def test_samples_of_lists_are_counted():
    run = lp.profile(sum, range(7), lp.Offline(batch=3), progress=False, signals=False)
    requests = run.requests
    seconds = (requests["finished_ns"].max() - requests["intended_ns"].min()) / 1e9
    assert isinstance(run, Run)
    assert run.mlperf().value == pytest.approx(7 / seconds)


def test_multi_stream_is_read_from_its_queries():
    run = lp.profile(len, ["ab"], lp.MultiStream(4, requests=80), progress=False, signals=False)
    requests = run.requests
    slowest = requests.groupby("batch_id")["finished_ns"].max()
    latency = np.sort(slowest - requests.groupby("batch_id")["intended_ns"].first())
    assert run.mlperf().value == latency[int(20 * 0.99)]


# ---- against LoadGen


def loadgen_test(scenario, count, folder):
    """Return LoadGen's results, and the latency of each query as it measured it."""
    loadgen = pytest.importorskip("mlperf_loadgen", reason="MLPerf's LoadGen is not installed")
    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, scenario)
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_query_count = settings.max_query_count = count
    settings.min_duration_ms = 0
    settings.multi_stream_samples_per_query = 2
    log = loadgen.LogSettings()
    log.log_output.outdir = str(folder)
    log.enable_trace = True
    rng = random.Random(7)

    def issue(samples):
        for sample in samples:
            time.sleep(rng.expovariate(20_000))
            loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(sample.id, 0, 0)])

    def ignore(*_arguments):
        pass

    system = loadgen.ConstructSUT(issue, ignore)
    library = loadgen.ConstructQSL(4, 4, ignore, ignore)
    loadgen.StartTestWithLogSettings(system, library, settings, log, "")
    loadgen.DestroyQSL(library)
    loadgen.DestroySUT(system)
    return _results(folder), _latencies(folder)


def _results(folder):
    lines = (folder / "mlperf_log_detail.txt").read_text().splitlines()
    events = [json.loads(line.removeprefix(":::MLLOG ")) for line in lines]
    return {event["key"]: event["value"] for event in events}


def _latencies(folder):
    slowest = {}
    for line in (folder / "mlperf_log_trace.json").read_text().splitlines():
        if '"complete_ns"' in line:  # as a whole, the file is not always JSON
            told = json.loads(line.rstrip(","))["args"]
            query, latency = told["query_seq"], told["complete_ns"] - told["issue_start_ns"]
            slowest.setdefault(query, []).append(latency)
    return [slowest[query] for query in sorted(slowest)]


@pytest.mark.parametrize(
    ("scenario", "count", "key", "latency"),
    [
        ("SingleStream", 63, "early_stopping_latency_ss", "result_{}_percentile_latency_ns"),
        ("SingleStream", 300, "early_stopping_latency_ss", "result_{}_percentile_latency_ns"),
        (
            "MultiStream",
            700,
            "early_stopping_latency_ms",
            "result_{}_percentile_per_query_latency_ns",
        ),
    ],
)
def test_loadgen_says_the_same_of_its_own_latencies(
    table_run, tmp_path, scenario, count, key, latency
):
    results, queries = loadgen_test(scenario, count, tmp_path)
    rows = together(queries)
    found = mlperf(table_run(rows, scenario={"name": scenario, "samples": 2}))
    assert found.stopping.n == count
    assert found.stopping.value_ns == (results[key] or None)
    for share, name in ((0.5, "50.00"), (0.9, "90.00"), (0.99, "99.00"), (0.999, "99.90")):
        assert found.percentiles_ns[share] == results[latency.format(name)]
