from __future__ import annotations

import json

import pytest

from latprof.cli import main

from ..histories import grown  # noqa: TID252 - three rooms want such runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return grown(tmp_path_factory.mktemp("grown"))


def test_it_tells_and_draws(folder, tmp_path, capsys):
    picture = tmp_path / "history.png"
    assert main(["history", str(folder), "--plot", str(picture)]) == 0
    assert "04040404" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_json_is_one_document(folder, capsys):
    assert main(["history", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["changes"][0]["part"] == "total"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "another"], "holds no run of another to look at"),
        (["--plot", "x.gif"], "cannot draw x.gif: end the name in png or svg"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(folder, words, said, capsys):
    assert main(["history", str(folder), *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
