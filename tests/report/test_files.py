from __future__ import annotations

import json

import pytest

from latprof.errors import StorageError, UsageError
from latprof.report.files import ENDINGS, write
from latprof.report.summary import summary
from latprof.report.terminal import text

BEGINNINGS = {
    ".html": b"<!doctype html>",
    ".json": b"{",
    ".md": b"## sentiment:slow",
    ".txt": b"sentiment:slow",
    ".png": b"\x89PNG",
    ".svg": b"<?xml",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_ending_chooses_the_format(single, tmp_path, ending):
    path = tmp_path / f"report{ending.upper()}"
    assert write(single, str(path)) == path
    assert path.read_bytes().startswith(BEGINNINGS[ending])


@pytest.mark.parametrize("name", ["report", "report.pdf", ".html"])
def test_an_unknown_ending_names_those_that_are_known(slow, tmp_path, name):
    with pytest.raises(UsageError, match=r"\.html, \.json, \.md, \.txt, \.png, \.svg"):
        write(slow, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".txt", ".png"])
def test_a_disk_that_refuses_is_a_storage_error(slow, tmp_path, ending):
    with pytest.raises(StorageError, match="nowhere"):
        write(slow, tmp_path / "nowhere" / f"report{ending}")


def test_the_run_writes_its_report_itself(slow, tmp_path):
    path = slow.report(tmp_path / "report.txt")
    assert path.read_text("utf-8") == text(summary(slow), 100)
    slow.report(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["target"] == "sentiment:slow"


def test_a_run_that_holds_nothing_can_be_written_too(empty, tmp_path):
    for ending in ENDINGS:
        assert write(empty, tmp_path / f"report{ending}").stat().st_size
