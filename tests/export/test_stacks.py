from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

import latprof as lp
from latprof.analysis.stacktree import tree
from latprof.errors import StorageError, UsageError

from ..sampling import made, rows  # noqa: TID252 - two rooms want such runs


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    return made(tmp_path_factory.mktemp("sampled") / "run", rows())


def test_the_tree_adds_up_and_leaves_out_what_all_have_in_common(sampled):
    def check(node):
        assert node.samples >= sum(child.samples for child in node.children.values())
        for child in node.children.values():
            check(child)

    root = tree(sampled)
    check(root)
    assert root.samples == 11
    inner = root.children["inner"]
    assert list(inner.children) == ["holds the GIL", "stands still"]
    assert list(inner.children["holds the GIL"].children) == ["<b>encode (app/tokens.py)"]


def test_speedscope_has_a_profile_a_stage_whose_weights_are_its_samples(sampled, tmp_path):
    path = sampled.export(tmp_path / "x.speedscope.json")
    told = json.loads(path.read_text())
    assert told["$schema"].endswith("file-format-schema.json")
    profiles = {each["name"]: each for each in told["profiles"]}
    assert set(profiles) == {"inner", "untracked", "outside requests"}
    frames = told["shared"]["frames"]
    for profile in profiles.values():
        assert profile["type"] == "sampled"
        assert len(profile["samples"]) == len(profile["weights"])
        assert sum(profile["weights"]) == profile["endValue"]
        assert all(0 <= at < len(frames) for stack in profile["samples"] for at in stack)
    first = [frames[at]["name"] for at in profiles["inner"]["samples"][0]]
    assert first == ["holds the GIL", "main", "serve", "<b>encode", "loads"]
    assert frames[-1].keys() >= {"name"}


def test_the_flame_graph_is_well_formed_and_runs_nothing(sampled, tmp_path):
    text = sampled.export(tmp_path / "x.html", format="flame").read_text()
    assert "<script" not in text
    assert "<b>" not in text
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 3
    for drawing in drawings:
        boxes = ET.fromstring(drawing).findall(".//rect")  # noqa: S314 - our own
        assert all(float(box.get("width")) > 0 for box in boxes)
    assert "loads (json/__init__.py): 66.7%" in text


@pytest.mark.parametrize(
    ("name", "spelling", "said"),
    [("x.json", None, "give format= one of"), ("x.json", "pprof", "no format 'pprof'")],
)
def test_an_unknown_format_is_told_with_the_known_ones(sampled, tmp_path, name, spelling, said):
    with pytest.raises(UsageError, match=f"{said}.*chrome, speedscope, flame"):
        sampled.export(tmp_path / name, format=spelling)


def test_a_run_without_stacks_says_how_to_get_them(tmp_path):
    with lp.record(tmp_path / "run", signals=False) as recording:
        pass
    with pytest.raises(UsageError, match="stacks=True"):
        recording.run.export(tmp_path / "x.speedscope.json")
    assert not (tmp_path / "x.speedscope.json").exists()


def test_a_disk_that_refuses_is_told(sampled, tmp_path):
    with pytest.raises(StorageError):
        sampled.export(tmp_path / "nowhere" / "x.speedscope.json")
