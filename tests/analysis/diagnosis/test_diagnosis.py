from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from latprof.analysis.diagnosis import diagnosis
from latprof.analysis.diagnosis.suspicion import Cleared, Evidence, Suspicion
from latprof.analysis.threadtime import UNKNOWN_SHARES, Shares

MS = 1e6


def rebuilt(case):
    yield Suspicion(
        cause="rebuilt_per_request",
        stage="tokenize",
        summary="its tokenizer is built in every request",
        evidence=(Evidence("tokenizers built a request", "1.0", "above 0", "run.requests"),) * 2,
        advice="Build it once",
        refuted_by="build it before the load, and nothing changes",
        after_ns=case.without(0.9 * case.wall("tokenize")),
    )


def pauses(case):
    yield Cleared("gc_pauses", "no collection took a millisecond")
    yield Cleared("cpu_quota", "no control group is told of", known=False)


@pytest.fixture
def found(case, monkeypatch):
    monkeypatch.setattr(diagnosis, "_DETECTORS", (rebuilt, pauses))
    seen = case({"tokenize": np.full(100, 400.0), "forward": np.full(100, 150.0)})
    return diagnosis.diagnose(seen.run)


def test_the_first_line_is_the_answer(found):
    assert found.headline == (
        "tokenize holds 400 of 550 ms: its tokenizer is built in every request. Build it once: "
        "p50 should fall from 550 ms to about 190 ms [190, 190]."
    )
    assert str(found).splitlines()[0].startswith("tokenize holds 400 of 550 ms")


def test_every_finding_tells_in_every_spelling_how_its_time_was_spent(case, monkeypatch):
    monkeypatch.setattr(diagnosis, "_DETECTORS", (rebuilt,))
    parts = {"tokenize": np.full(100, 400.0), "forward": np.full(100, 150.0)}
    found = diagnosis.diagnose(case(parts, cpu={"tokenize": 0.5}, runqueue={"tokenize": 0.2}).run)
    told = "Time of the threads of tokenize: 50% on a core, 20% ready for one, 30% blocked."
    for spelling in (str(found), found.markdown().replace("\\", ""), found._repr_html_()):
        assert told in " ".join(spelling.split())
    spent = {"cpu": 0.5, "runqueue": 0.2, "blocked": pytest.approx(0.3)}
    assert found.to_dict()["findings"][0]["shares"] == spent
    columns = ["cpu_share", "runqueue_share", "blocked_share"]
    assert found.table().loc[0, columns].tolist() == list(spent.values())


def test_what_the_system_hides_of_the_time_is_left_out_and_null(found):
    known = replace(found.findings[0], shares=Shares(0.5, np.nan, np.nan))
    hidden = replace(found.findings[0], shares=UNKNOWN_SHARES)
    told = replace(found, findings=(known, hidden))
    assert str(told).count("Time of the threads") == 1
    assert "tokenize: 50% on a core." in str(told)
    first, second = json.loads(json.dumps(told.to_dict(), allow_nan=False))["findings"]
    assert first["shares"] == {"cpu": 0.5, "runqueue": None, "blocked": None}
    assert set(second["shares"].values()) == {None}


def test_what_is_true_of_the_whole_service_names_no_stage(found):
    whole = replace(found.findings[0], stage="", summary="its cores are busy")
    assert str(whole).startswith("Its cores are busy. Build it once: p50 should fall")


def test_a_confirmed_finding_tells_what_was_measured(found):
    first = replace(found.findings[0], confidence="confirmed", measured_ns=340 * MS)
    assert str(first).endswith("p50 fell by 340 ms as measured, 360 ms had been predicted.")
    shown = str(replace(found, findings=(first,)))
    assert re.search(r"gain +340 ms +measured at p50", shown)


def test_what_was_ruled_out_and_what_is_not_known_are_told_apart(found):
    assert [each.cause for each in found.cleared if each.known] == ["gc_pauses"]
    assert [each.cause for each in found.cleared if not each.known] == ["cpu_quota"]
    shown = str(found)
    assert shown.index("Ruled out") < shown.index("gc_pauses") < shown.index("Not known")


def test_every_spelling_says_the_cause(found):
    for spelling in (str(found), found.markdown().replace("\\", ""), found._repr_html_()):
        assert "rebuilt_per_request" in spelling
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["findings"][0]["cause"] == "rebuilt_per_request"
    assert plain["findings"][0]["gain_ns"] == 360 * MS
    assert found.table().loc[0, "p50_after"] == 190 * MS
    assert repr(found) == "<Diagnosis of Service: rebuilt_per_request (tokenize)>"


def test_a_suspicion_that_gains_nothing_is_told_as_such(case, monkeypatch):
    monkeypatch.setattr(diagnosis, "_DETECTORS", (rebuilt,))
    seen = case({"tokenize": np.full(100, 1.0), "forward": np.full(100, 150.0)})
    found = diagnosis.diagnose(seen.run)
    assert found.findings == ()
    assert found.headline.startswith("nothing found that makes the service slow: p50 is 151 ms")
    assert [each.cause for each in found.cleared] == ["rebuilt_per_request"]


def test_no_request_is_nothing_to_diagnose(table_run, monkeypatch):
    from latprof.run.model import Validity, Verdict

    monkeypatch.setattr(diagnosis, "_DETECTORS", (rebuilt,))
    run = table_run([], [], target="Service", environment={})
    run.validity = Validity(Verdict.VALID)
    found = diagnosis.diagnose(run)
    assert found.headline.startswith("nothing to diagnose")
    assert found.p50_ns is None
    assert "nothing to diagnose" in str(found)
