"""Results that people read: every one of them in every spelling."""

from __future__ import annotations

import json

import pytest

import latprof as lp
from latprof.testing import ConstantTime, SimulatedService


@pytest.fixture(scope="module")
def answers():
    service = SimulatedService(ConstantTime(0.01), seed=1)
    run = service.record(lp.Poisson(30, requests=2_000), seed=1)
    return {
        "diagnosis": run.diagnose(),
        "prediction": run.what_if(rate=40),
        "plan": lp.plan_capacity(run, slo="p99 < 90ms", rate=1_000),
    }


TOLD = {
    "diagnosis": "2,000 measured requests",
    "prediction": "2,000 measured requests",
    "plan": "1,000/s",
}


@pytest.mark.parametrize("name", TOLD)
def test_an_answer_is_read_in_every_spelling(answers, name):
    answer = answers[name]
    for spelled in (str(answer), answer.markdown(), answer._repr_html_()):
        assert TOLD[name] in " ".join(spelled.split())
    known = answer.to_dict()
    assert known["headline"] == answer.headline
    assert json.loads(json.dumps(known, allow_nan=False)) is not None
