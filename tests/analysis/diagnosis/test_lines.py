"""Samples of threads that a test wrote, and the line that they name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from latprof.analysis.diagnosis import diagnosis
from latprof.analysis.diagnosis.lines import HotLine, hot_line, line_of_stage
from latprof.analysis.diagnosis.ranking import ranked
from latprof.analysis.diagnosis.suspicion import Evidence, Suspicion

AUDIT = "serve (/srv/app/main.py:2);audit (/srv/app/audit.py:{})"
DUMPS = "dumps (/usr/lib/python3.11/json/__init__.py:231)"
FORWARD = "serve (/srv/app/main.py:3);forward (/srv/app/model.py:7)"


def stacks_of(case, samples):
    """Give a case samples: (request_id, stage, stack)."""
    frame = pd.DataFrame(samples, columns=["request_id", "stage", "stack"])
    frame["stack"] = frame["stack"].astype("category")
    case.run.stacks = frame
    case.run.manifest["counts"]["stacks"] = len(frame)
    return case


@pytest.fixture
def seen(case):
    """100 requests of 10 ms, 6 of them untracked; in ten of them 30 ms more."""
    slow = np.where(np.arange(100) % 10 == 0, 30.0, 0.0)
    made = case({"forward": np.full(100, 4.0), "untracked": 6.0 + slow}, cpu={"forward": 0.25})
    of_slow = [(10 * i, "untracked", f"{AUDIT.format(9)};{DUMPS}") for i in range(6)]
    usual = [(1, "untracked", AUDIT.format(5)), (2, "untracked", FORWARD)] * 8
    return stacks_of(made, [*of_slow, *usual, *[(3, "forward", FORWARD)] * 7])


def suspicion(case, stage, **given):
    evidence = given.pop("evidence", (Evidence("share", "60 %", "above 50 %", "run.breakdown()"),))
    after = case.latency - case.wall(stage)
    return Suspicion("blocking_call", stage, "it waits", evidence, "Ask once", "", after, **given)


def test_the_commonest_line_of_the_commonest_function_outside_of_libraries_counts():
    stacks = [*[FORWARD] * 4, *[AUDIT.format(5)] * 2, *[f"{AUDIT.format(9)};{DUMPS}"] * 3]
    assert hot_line(pd.Series(stacks)) == HotLine("audit (app/audit.py:9)", 5 / 9, 9)


@pytest.mark.parametrize("count", [0, 4])
def test_a_few_samples_name_nobody(count):
    assert hot_line(pd.Series([FORWARD] * count, dtype="category")) is None


def test_only_samples_of_the_stage_in_those_requests_count(seen):
    everywhere = np.ones(seen.n, np.bool_)
    assert line_of_stage(seen, "untracked", everywhere).samples == 22
    slow = np.arange(seen.n) % 10 == 0
    assert line_of_stage(seen, "untracked", slow) == HotLine("audit (app/audit.py:9)", 1.0, 6)
    assert line_of_stage(seen, "forward", slow) is None


def test_without_stacks_there_is_no_line(case):
    made = case({"forward": np.full(10, 4.0)})
    assert line_of_stage(made, "forward", np.ones(10, np.bool_)) is None


def test_a_finding_names_the_line_of_its_stage_last_and_is_no_surer_for_it(seen):
    (found,) = ranked([suspicion(seen, "untracked")], seen)
    assert found.line == "audit (app/audit.py:5)"
    assert [each.where for each in found.evidence] == ["run.breakdown()", "run.stacks"]
    assert found.evidence[-1].threshold == "64% of 22 samples"
    assert found.confidence == "suspect"


def test_one_in_the_tail_names_the_line_of_slow_requests(seen):
    (found,) = ranked([suspicion(seen, "untracked", level="tail")], seen)
    assert found.line == "audit (app/audit.py:9)"
    assert found.evidence[-1].threshold == "100% of 6 samples"


def test_a_line_that_its_detector_has_named_stands_alone(seen):
    own = (Evidence("line in a stall", "audit (app/audit.py:9)", "all", "run.stacks"),)
    (found,) = ranked([suspicion(seen, "untracked", evidence=own)], seen)
    assert found.evidence == own


def test_untracked_time_gets_a_name_in_the_first_sentence(seen, monkeypatch):
    monkeypatch.setattr(
        diagnosis, "_DETECTORS", (lambda case: [suspicion(case, "untracked", level="tail")],)
    )
    told = diagnosis.diagnose(seen.run)
    assert told.headline.startswith(
        "untracked, mostly audit (app/audit.py:9), holds 36.0 of 40.0 ms at p99: it waits."
    )
    assert told.to_dict()["findings"][0]["line"] == "audit (app/audit.py:9)"
