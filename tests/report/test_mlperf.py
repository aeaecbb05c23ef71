from __future__ import annotations

from latprof.report.markdown import markdown
from latprof.report.mlperf import data, document
from latprof.run.mlperf import EarlyStopping, Mlperf, Rule

ENOUGH = EarlyStopping(700, 662, 2, 5_000_000, met=True)
TOO_FEW = EarlyStopping(90, 662, 0, None, met=False)


def found(**changes):
    given = {
        "scenario": "MultiStream",
        "metric": "p99 query latency",
        "value": 4_800_000.0,
        "percentiles_ns": {0.5: 3_000_000, 0.999: 6_000_000},
        "stopping": ENOUGH,
        "effective": TOO_FEW,
        "scheduled_rate": None,
        "completed_rate": 12.5,
        "rules": (Rule("duration", "600 s", "700 s", met=True),),
    }
    return Mlperf(**{**given, **changes})


def test_the_metric_comes_first_then_each_rule_then_early_stopping():
    (table,) = document(found()).blocks
    assert table.title == "MLPerf MultiStream: p99 query latency 4.80 ms, all rules met"
    assert [cell.text for cell in table.rows[0].cells] == ["duration", "600 s", "700 s", "met"]
    assert table.notes == (
        "early stopping: 5.00 ms with 99 % confidence, 2 of 700 at or above it",
        "completed 12.5/s",
    )


def test_one_rule_that_is_not_met_is_no_valid_result():
    broken = found(rules=(Rule("queries", "662", "90", met=False),), scheduled_rate=13.0)
    told = markdown(document(broken))
    assert "no valid result" in told
    assert "not met" in told
    assert "scheduled 13.0/s, completed 12.5/s" in told


def test_offline_tells_samples_a_second():
    offline = found(scenario="Offline", metric="samples", value=250.0, stopping=None)
    assert document(offline).title == "MLPerf Offline: samples 250/s, all rules met"


def test_programs_get_the_same_unrounded():
    told = data(found())
    assert told["percentiles_ns"] == {"p50": 3_000_000, "p99.9": 6_000_000}
    assert told["stopping"]["value_ns"] == 5_000_000
    assert told["valid"] is True
