"""Two recorded runs compared: runs whose latencies are drawn, on a clock that stands still."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import latprof as lp
from latprof.analysis.comparison import Decision
from latprof.errors import UsageError
from latprof.testing import FakeClock

N = 300
START = 0.009  # what one start of a process differs from another, METHODS section 6


class Service:
    """Encodes and answers, for as long as it is told."""

    def __init__(self, encode_ns, answer_ns):
        self.clock = FakeClock()
        self.times = iter(zip(encode_ns, answer_ns, strict=True))

    def __call__(self, _):
        encode_ns, answer_ns = next(self.times)
        with lp.stage("encode"):
            self.clock.advance(int(encode_ns))
        with lp.stage("answer"):
            self.clock.advance(int(answer_ns))


def recorded(seed, encode_ms=2.0, answer_ms=5.0, n=N):
    rng = np.random.default_rng(seed)
    start = rng.normal(1, START)
    times = [1e6 * start * mean * rng.lognormal(0, 0.1, n) for mean in (encode_ms, answer_ms)]
    scenario = lp.SingleStream(requests=n)
    options = {"warmup": 0, "signals": False, "progress": False}
    return lp.profile(Service(*times), [0], scenario, **options)


@pytest.fixture(scope="module")
def base():
    return recorded(1)


def decisions(found, q=0.5):
    return {each.part: each.found.decision for each in found.changes if each.found.q == q}


def test_the_stage_that_grew_is_told_from_the_one_that_did_not(base):
    found = lp.compare(base, recorded(2, encode_ms=3.0))
    assert found.decision is Decision.SLOWER
    said = decisions(found)
    assert (said["total"], said["encode"]) == (Decision.SLOWER, Decision.SLOWER)
    assert said["answer"] is not Decision.SLOWER
    total = found.changes[0]
    assert total.part == "total"
    assert total.found.ratio == pytest.approx(7 / 8, rel=0.03)
    assert "slower: total at p50" in " ".join(str(found).split())


def test_a_stage_that_pays_for_another_shows_inside_an_unchanged_whole(base):
    said = decisions(lp.compare(base, recorded(3, encode_ms=3.0, answer_ms=4.0)))
    assert said["encode"] is Decision.SLOWER
    assert said["answer"] is Decision.FASTER
    assert said["total"] is not Decision.SLOWER


def test_a_run_against_itself_has_not_changed(base):
    found = lp.compare(base, base)
    assert {each.found.ratio for each in found.changes} == {1.0}
    assert found.decision in (Decision.SAME, Decision.OPEN)
    assert not found.notes or all("VALID" in note for note in found.notes)


def test_two_starts_of_the_same_service_are_seldom_told_apart():
    told = [lp.compare(recorded(2 * k), recorded(2 * k + 1)).decision for k in range(10, 40)]
    assert sum(each in (Decision.SLOWER, Decision.FASTER) for each in told) <= 1


def test_what_only_one_run_has_is_named(base):
    found = lp.compare(base, recorded(4, encode_ms=0.01))
    assert found.missing["encode"] == "takes less than 1 % of the candidate"


def test_too_few_requests_are_no_answer(base):
    found = lp.compare(base, recorded(5, n=3))
    assert not found.changes
    assert "nothing can be compared" in str(found)


@pytest.fixture
def elsewhere(base, tmp_path):
    """Return a copy of a run that says something else of where it was recorded."""

    def change(room, key, value):
        shutil.copytree(base.path, tmp_path / "run")
        file = tmp_path / "run" / "run.json"
        manifest = json.loads(file.read_text())
        manifest["environment"][room][key] = value
        file.write_text(json.dumps(manifest))
        return lp.open_run(tmp_path / "run")

    return change


def test_another_machine_is_refused_unless_asked_for(base, elsewhere):
    other = elsewhere("cpu", "model", "Another 9000")
    with pytest.raises(
        UsageError, match=r"different machines \(model .*Another 9000\).*other_machine"
    ):
        lp.compare(base, other)
    found = lp.compare(base, other, other_machine=True)
    assert any("Another 9000" in note for note in found.notes)


def test_another_load_is_told(base):
    notes = lp.compare(base, recorded(7, n=N - 1)).notes
    assert any(note.startswith("another load: their scenario") for note in notes)


def test_other_software_is_told(base, elsewhere):
    notes = lp.compare(base, elsewhere("packages", "numpy", "0.1")).notes
    assert any(note.startswith("other software: numpy ") for note in notes)


def test_it_is_spelled_everywhere(base):
    found = lp.compare(base, recorded(8, encode_ms=3.0))
    assert json.loads(json.dumps(found.to_dict()))["decision"] == "slower"
    for text in (str(found), found.markdown(), found._repr_html_()):
        assert "encode" in text
        assert "gate" in text


def test_a_run_without_requests_is_refused(base):
    with lp.record(signals=False) as recording, lp.stage("alone"):
        pass
    with pytest.raises(UsageError, match="no measured request"):
        lp.compare(base, recording.run)
