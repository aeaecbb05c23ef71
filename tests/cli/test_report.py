from __future__ import annotations

import json
import re

import pytest

import latprof
from latprof.cli.exits import ExitCode
from latprof.report.markdown import markdown
from latprof.report.summary import summary

SHAPE = {"run", "png", "target", "scenario", "validity", "latency", "breakdown", "counts"}


def test_the_screen_fits_and_says_where_the_time_goes(cli, saved):
    answer = cli("report", saved.path)
    assert max(map(len, answer.out.splitlines())) <= 80
    assert re.search(r"forward .* \d", answer.out)
    assert str(saved.validity.verdict) in answer.out
    assert answer.err == ""


@pytest.mark.parametrize("columns", ["40", "60", "200"])
def test_the_screen_is_drawn_at_any_width(cli, saved, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    assert "forward" in cli("report", saved.path).out


@pytest.mark.parametrize("words", [["--json"], ["--format", "json"]])
def test_json_has_the_shape_of_every_verb(cli, saved, words):
    document = json.loads(cli("report", saved.path, *words).out)
    assert document.keys() >= SHAPE
    assert document["run"] == str(saved.path)
    assert document["png"] is None
    total = document["breakdown"][-1]
    assert total["stage"] == "total"
    assert sum(row["sum"] for row in document["breakdown"][:-1]) == total["sum"]


def test_markdown_and_html_go_to_standard_output(cli, saved):
    assert cli("report", saved.path, "--format", "md").out == markdown(summary(saved))
    assert cli("report", saved.path, "--format", "html").out.startswith("<!doctype html>")


@pytest.mark.parametrize("ending", ["html", "md", "json", "txt", "png", "svg"])
def test_the_ending_of_a_file_chooses_the_format(cli, saved, workplace, ending):
    answer = cli("report", saved.path, "--out", f"report.{ending}")
    assert answer.out == f"report.{ending}\n"
    assert (workplace / f"report.{ending}").stat().st_size > 500


def test_a_plot_goes_into_the_folder_of_the_run(cli, saved):
    answer = cli("report", saved.path, "--plot", "cdf")
    assert answer.out == f"{saved.path / 'cdf.png'}\n"
    assert (saved.path / "cdf.png").read_bytes().startswith(b"\x89PNG")
    latprof.open_run(saved.path)


def test_a_plot_goes_where_it_is_told(cli, saved, workplace):
    cli("report", saved.path, "--plot", "waterfall", "--out", "w.svg")
    assert "<svg" in (workplace / "w.svg").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plot", "cdf", "--format", "md"], "give one of them"),
        (["--format", "html", "--out", "a.md"], "--format html does not go into a.md"),
        (["--json", "--out", "a.txt"], "--format json does not go into a.txt"),
        (["--out", "a.pdf"], "a.pdf"),
        (["--plot", "cdf", "--out", "a.bmp"], "a.bmp"),
        (["--out", "no/where/a.md"], "no/where"),
        (["--mlperf", "--format", "html"], "--mlperf goes to the screen"),
        (["--mlperf", "--plot", "cdf"], "--mlperf goes to the screen"),
        (["--bound-ms", "15"], "a run of Poisson"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(cli, saved, words, said):
    answer = cli("report", saved.path, *words)
    assert answer.code == ExitCode.USAGE
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_format_and_file_may_agree(cli, saved, workplace):
    assert cli("report", saved.path, "--format", "md", "--out", "a.md").out == "a.md\n"
    assert cli("report", saved.path, "--format", "terminal", "--out", "a.txt").out == "a.txt\n"


def test_an_invalid_run_ends_with_three(cli, workplace):
    (workplace / "texts.txt").write_text("a\n")
    cli("profile", "service.py:failing", "--inputs", "texts.txt", "--out", "out", "--no-progress")
    assert cli("report", "out").code == ExitCode.INVALID


def test_mlperf_is_added_where_it_was_asked_for(cli, saved):
    assert "MLPerf" not in cli("report", saved.path).out
    screen = cli("report", saved.path, "--mlperf").out
    assert screen.startswith(cli("report", saved.path).out)
    assert re.search(r"MLPerf SingleStream: p90 latency \d.*, no valid result", screen)
    assert re.search(r"duration +600 s +\d.* not met", screen)
    assert re.search(r"early stopping: .*with 99 % confidence", screen)
    told = json.loads(cli("report", saved.path, "--mlperf", "--json").out)["mlperf"]
    assert (told["scenario"], told["valid"]) == ("SingleStream", False)
    assert "MLPerf SingleStream" in cli("report", saved.path, "--mlperf", "--format", "md").out


def test_a_bound_is_judged_for_the_server(cli, workplace):
    options = ("--scenario", "poisson", "--rate", 400, "--requests", 80, "--out", "out")
    cli("profile", "service.py:make", *options, "--no-progress")
    screen = cli("report", "out", "--bound-ms", "1000").out
    assert re.search(r"MLPerf Server: p99 latency", screen)
    assert re.search(r"queries +459 for 0 above 1.00 s +80 +not met", screen)


def test_what_mlperf_does_not_know_is_told(cli, workplace):
    options = ("--scenario", "constant", "--rate", 400, "--requests", 10, "--out", "out")
    cli("profile", "service.py:make", *options, "--no-progress")
    answer = cli("report", "out", "--mlperf")
    assert answer.code == ExitCode.USAGE
    assert "MLPerf has no scenario like Constant" in answer.err
