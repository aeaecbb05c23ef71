from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from latprof.errors import RunFormatError, StorageError, UsageError
from latprof.run import manifest as run_json

KEYS = {
    "format",
    "state",
    "created",
    "target",
    "scenario",
    "probe",
    "seed",
    "warmup",
    "clock",
    "environment",
    "inputs",
    "counts",
    "interrupted",
    "recovered",
    "steady",
    "validity",
    "files",
}
VALIDITY = {
    "verdict": "WARN",
    "reasons": [{"code": "late", "severity": "WARN", "evidence": "e", "next_step": "n"}],
}
FILES = {name: {"bytes": 1, "sha256": ""} for name in ("requests", "spans", "signals")}
FINISHED = {"state": "finished", "validity": VALIDITY, "files": FILES}


def text_of(**changes):
    return json.dumps(run_json.fresh(changes))


def read_text(folder: Path, text: str | bytes):
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "run.json").write_bytes(data)
    return run_json.read(folder)


def test_a_fresh_manifest_has_every_key_and_what_is_given():
    manifest = run_json.fresh({"target": "svc", "seed": 3})
    assert set(manifest) == KEYS
    assert (manifest["target"], manifest["seed"], manifest["state"]) == ("svc", 3, "recording")
    assert datetime.fromisoformat(manifest["created"]).utcoffset().total_seconds() == 0


def test_what_is_written_is_read_back(tmp_path):
    manifest = run_json.fresh(FINISHED)
    run_json.write(tmp_path, manifest)
    assert run_json.read(tmp_path) == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.True_, True),
        ((1, 2), [1, 2]),
        (2**70, hex(2**70)),
        ("caf\udce9", "caf?"),
        (Path("a/b"), "a/b"),
        ({1: "x"}, {"1": "x"}),
    ],
)
def test_what_json_cannot_spell_is_put_in_other_words(tmp_path, value, stored):
    run_json.write(tmp_path, run_json.fresh({"environment": {"a": value}}))
    assert run_json.read(tmp_path)["environment"]["a"] == stored


def deep(levels):
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "changes",
    [
        {"warmup": -1},
        {"target": 7},
        {"probe": "half"},
        {"seed": True},
        {"environment": {"a": deep(40)}},
        {"environment": {"a": deep(100_000)}},
        {"environment": {"a": "x" * (17 << 20)}},
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, changes):
    with pytest.raises(UsageError):
        run_json.write(tmp_path, run_json.fresh(changes))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_refuses_leaves_the_old_file(tmp_path, monkeypatch):
    run_json.write(tmp_path, run_json.fresh({"target": "old"}))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        run_json.write(tmp_path, run_json.fresh({"target": "new"}))
    assert run_json.read(tmp_path)["target"] == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "1",
        '"run"',
        "{",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        "[" * 200_000,
        '{"a":' * 5000 + "1" + "}" * 5000,
        "1" * 10_000,
        text_of().replace('"seed": null', '"seed": NaN'),
        text_of().replace('"seed": null', '"seed": null, "seed": 1'),
        text_of().replace('"target": ""', '"target": "\\ud800"'),
        text_of().replace('"scenario": {}', '"scenario": {"\\udfff": 1}'),
        text_of().replace('"scenario": {}', '"scenario": {"rate": 1e999}'),
        text_of().replace('"scenario": {}', f'"scenario": {{"rate": {"9" * 5000}}}'),
        text_of().replace('"scenario": {}', '"scenario": {"a": ' + "[" * 40 + "]" * 40 + "}"),
    ],
)
def test_json_that_latprof_does_not_write_is_refused(tmp_path, text):
    with pytest.raises(RunFormatError) as refusal:
        read_text(tmp_path, text)
    assert refusal.value.file == tmp_path / "run.json"
    assert "\n" not in str(refusal.value)


ODD = [None, True, -1, 1.5, 2**63, "x", [], {}, [None], {"a": 1}, {"verdict": "VALID"}]
MAY_BE = {
    "target": ["x"],
    "scenario": [value for value in ODD if isinstance(value, dict)],
    "environment": [value for value in ODD if isinstance(value, dict)],
    "seed": [None, -1, 2**63, "x"],
    "steady": [None],
    "inputs": [None],
    "interrupted": [True],
    "recovered": [True],
    "validity": [],
    "files": [],
}


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_must_be_there_and_of_its_kind(tmp_path, key):
    whole = run_json.fresh(FINISHED)
    assert read_text(tmp_path, json.dumps(whole)) == whole
    with pytest.raises(RunFormatError):
        read_text(tmp_path, json.dumps({name: whole[name] for name in whole if name != key}))
    for value in ODD:
        text = json.dumps(whole | {key: value})
        if value in MAY_BE.get(key, []):
            assert read_text(tmp_path, text)[key] == value
        else:
            with pytest.raises(RunFormatError):
                read_text(tmp_path, text)


def test_a_newer_format_asks_for_an_upgrade(tmp_path):
    with pytest.raises(RunFormatError, match="upgrade latprof"):
        read_text(tmp_path, text_of(format=2))


def test_a_file_of_unreasonable_size_is_not_read(tmp_path):
    with (tmp_path / "run.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RunFormatError, match="larger than"):
        run_json.read(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KEYS)), JSON, max_size=3))
def test_odd_values_are_refused_or_read_and_nothing_else(tmp_path_factory, changes):
    folder = tmp_path_factory.getbasetemp()
    text = json.dumps(run_json.fresh(FINISHED) | changes)
    try:
        manifest = read_text(folder, text)
    except RunFormatError:
        return
    run_json.write(folder, manifest)
    assert run_json.read(folder) == run_json.plain(manifest)
