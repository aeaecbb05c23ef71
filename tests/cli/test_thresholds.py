from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.analysis.thresholds import Slowdown, Thresholds
from latprof.cli.thresholds import read_thresholds
from latprof.errors import UsageError

GIVEN = """
[gate]
p50 = "4 %"

[gate.stages.tokenize]
p50 = "10%"
p95 = "12.5 %"

[gate.stages."a b"]
p95 = "7 %"
"""
EXPECTED = Thresholds(
    Slowdown(0.04, 0.05), {"tokenize": Slowdown(0.10, 0.125), "a b": Slowdown(0.04, 0.07)}
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_file_they_are_those_of_latprof(folder):
    assert read_thresholds(None) == Thresholds()
    (folder / "pyproject.toml").write_text('[tool.other]\nx = 1\n[project]\nname = "x"\n')
    assert read_thresholds(None) == Thresholds()


def test_a_file_of_its_own_comes_first(folder):
    (folder / "pyproject.toml").write_text('[tool.latprof.gate]\np50 = "9 %"\n')
    assert read_thresholds(None).calls.p50 == pytest.approx(0.09)
    (folder / "latprof.toml").write_text(GIVEN)
    assert read_thresholds(None) == EXPECTED
    assert read_thresholds(folder / "pyproject.toml").calls.p50 == pytest.approx(0.09)
    assert EXPECTED.of("forward") == EXPECTED.calls


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[gate]\np50 = "fast"', 2, "gate.p50 takes a share above 0"),
        ("[gate]\n# of calls\np50 = 3", 3, "gate.p50 takes a share above 0"),
        ('[gate]\np50 = "0 %"', 2, "gate.p50 takes a share above 0"),
        ('[gate]\np50 = "-3 %"', 2, "gate.p50 takes a share above 0"),
        ('[gate]\np99 = "3 %"', 2, "gate.p99 is not known here: choose among p50, p95, stages"),
        ('[gates]\np50 = "3 %"', 1, "gates is not known here: choose among gate"),
        ("gate = 3", 1, "gate is a table"),
        ('[gate.stages]\ntokenize = "3 %"', 2, "gate.stages.tokenize is a table"),
        ('[gate.stages.x]\n\np90 = "3 %"', 3, "gate.stages.x.p90 is not known here"),
        ('gate.stages."a b".p50 = "x"', 1, "gate.stages.a b.p50 takes a share"),
        ('[gate]\nstages = { x = { p50 = "x" } }', 2, "gate.stages.x.p50 takes a share"),
        ("[gate]\n[[gate.stages]]\n", 1, "gate.stages is a table"),
    ],
)
def test_what_no_gate_knows_is_refused_with_its_line(folder, text, line, said):
    (folder / "latprof.toml").write_text(text)
    with pytest.raises(UsageError) as refused:
        read_thresholds(None)
    assert str(refused.value).startswith(f"latprof.toml, line {line}: {said}")


@pytest.mark.parametrize("text", ['[gate\np50 = "3 %"', "p50 = ", "\xff\x00"])
def test_what_is_no_toml_is_told(folder, text):
    (folder / "x.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"x\.toml is no TOML: "):
        read_thresholds(folder / "x.toml")


def test_a_file_that_is_not_there_is_told(folder):
    with pytest.raises(UsageError, match=r"gone\.toml cannot be read: No such file"):
        read_thresholds(folder / "gone.toml")


@given(text=st.text(max_size=200))
def test_no_text_gives_an_error_from_below(text, tmp_path_factory):
    file = tmp_path_factory.mktemp("any") / "latprof.toml"
    file.write_text(f"[gate]\n{text}", "utf-8", errors="surrogatepass")
    with contextlib.suppress(UsageError):
        assert isinstance(read_thresholds(file), Thresholds)
