from __future__ import annotations

import json
import re

import pytest

import latprof as lp
from latprof.analysis.history import history
from latprof.errors import UsageError
from latprof.testing import ExponentialTime, SimulatedService

from ...histories import grown  # noqa: TID252 - rooms share such runs


def numbers(path):
    (found,) = re.findall(r'id="figures">(.*?)</script>', path.read_text(), flags=re.DOTALL)
    return json.loads(found)


def test_a_capacity_has_its_trials_in_the_page(tmp_path):
    service = SimulatedService(ExponentialTime(mean_s=0.005))
    options = {"requests": 300_000, "seconds": 1e5, "progress": False}
    found = lp.find_capacity(service, [None], "p95 < 60ms", **options)
    figure = numbers(found.report(tmp_path / "c.html"))["capacity"]
    marks = [each for each in figure["data"] if each["mode"] == "markers"]
    assert sum(len(each["x"]) for each in marks) >= 2
    (line,) = [each["y0"] for each in figure["layout"]["shapes"] if each["x0"] == 0]
    assert line == 60
    assert found.rate in [rate for e in marks if e["name"] == "passed" for rate in e["x"]]


def test_a_history_has_its_levels_in_the_page(tmp_path):
    found = history(grown(tmp_path / "grown"))
    path = found.report(tmp_path / "h.html")
    data = numbers(path)["history"]["data"]
    names = {each["name"] for each in data if each["mode"] == "markers"}
    assert {"total", "encode"} <= names
    assert any(each["mode"] == "lines" for each in data)
    assert numbers(path)["history"]["layout"]["annotations"]


def test_a_diagnosis_has_its_gains_in_the_page(slow, tmp_path):
    found = slow.diagnose()
    told = numbers(found.report(tmp_path / "d.html"))
    assert set(told) == ({"gains"} if any(f.level != "resource" for f in found.findings) else set())


def test_the_ending_chooses_the_format(slow, tmp_path):
    found = slow.diagnose()
    told = json.loads(found.report(tmp_path / "d.json").read_text())
    assert told == json.loads(json.dumps(found.to_dict()))
    assert found.report(tmp_path / "d.md").read_text() == found.markdown()
    assert found.report(tmp_path / "d.txt").read_text().strip()
    with pytest.raises(UsageError, match=r"\.html, \.json, \.md, \.txt"):
        found.report(tmp_path / "d.png")
