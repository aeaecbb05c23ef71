from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest

import latprof
from latprof.analysis.gate import held

SCHEMA = json.loads(resources.files("latprof.report").joinpath("gate.schema.json").read_text())


def failing(text):
    raise ValueError(text)


def long(text):
    return sum(at * 0 for at in range(40_000)) + len(text)


@pytest.mark.parametrize(
    ("baseline", "candidate"),
    [(len, len), (len, str.upper), (len, failing), (failing, len), (len, long), (long, len)],
)
def test_plain_data_keeps_the_published_schema(baseline, candidate):
    gate = held(baseline, candidate, ["ab", "abc"], starts=1, rounds=8, calls=5, progress=False)
    told = json.loads(json.dumps(gate.to_dict(), allow_nan=False))
    jsonschema.validate(told, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**told, "outcome": "perhaps"}, SCHEMA)


def test_the_schema_is_of_this_form_of_the_data(staged):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    told = json.loads(json.dumps(staged.to_dict(), allow_nan=False))
    assert told["schema"] == SCHEMA["title"]
    jsonschema.validate(told, SCHEMA)


@pytest.fixture(scope="module")
def gate():
    return held(len, len, ["ab", "abc"], starts=1, rounds=8, calls=5, progress=False)


def test_the_verdict_comes_first(gate):
    lines = [line for line in str(gate).splitlines() if line.strip()]
    assert f"gate: {gate.outcome.upper()}" in "\n".join(lines[:3])
    assert max(map(len, lines)) <= 80


def test_it_says_what_this_machine_can_show(gate):
    assert "the baseline against itself shows that" in " ".join(str(gate).split())


@pytest.fixture(scope="module")
def staged():
    def call(text):
        with latprof.stage("<b>forward</b>\x1b[31m"):
            return sum(at * 0 for at in range(20_000)) + len(text)

    return held(call, call, ["ab", "abc"], starts=1, rounds=8, calls=5, progress=False)


def test_each_stage_has_a_row_as_text(staged):
    assert "self time of the candidate's stages" in str(staged)
    row = next(line for line in str(staged).splitlines() if "<b>forward" in line and "%" in line)
    assert "\x1b" not in row
    assert len(row) <= 80
    assert "<b>" not in staged.markdown()


def test_plain_data_has_the_stages(staged):
    (told,) = json.loads(json.dumps(staged.to_dict(), allow_nan=False))["stages"]
    assert told["stage"].startswith("<b>forward")
    assert [each["q"] for each in told["candidate"]] == [0.5, 0.95]
    verdicts = {each["verdict"] for each in told["candidate"]}
    assert verdicts <= ({None} if staged.hindered else {"pass", "fail", "inconclusive"})


def test_markdown_says_the_same(gate):
    assert f"gate: {gate.outcome.upper()}" in gate.markdown()


def test_plain_data_has_it_all(gate):
    told = json.loads(json.dumps(gate.to_dict(), allow_nan=False))
    assert told["outcome"] == gate.outcome
    assert [each["q"] for each in told["candidate"]] == [0.5, 0.95]
    assert [each["q"] for each in told["against_itself"]] == [0.5, 0.95]
    assert [arm["name"] for arm in told["duel"]["manifest"]["arms"]] == [
        "baseline",
        "baseline again",
        "candidate",
    ]
