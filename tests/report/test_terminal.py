from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from latprof.report.colours import stage_colours
from latprof.report.document import Column, Document, Row, Table, Words
from latprof.report.summary import summary
from latprof.report.terminal import show, text

GOLDEN = Path(__file__).with_name("summary_80.txt")


def test_the_screen_at_80_columns_without_colour(slow):
    assert text(summary(slow), 80) == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("width", [70, 80, 100, 132, 200])
def test_no_line_is_longer_than_the_screen(any_run, width):
    lines = text(summary(any_run), width).splitlines()
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", [70, 80, 200])
def test_numbers_are_never_cut(slow, hostile, width):
    for run in (slow, hostile):
        tables = [block for block in summary(run).blocks if hasattr(block, "rows")]
        shown = text(summary(run), width)
        for cell in (cell for row in tables[0].rows for cell in row.cells[1:]):
            assert cell.text in shown


@pytest.mark.parametrize("width", [60, 80, 200])
def test_sentences_in_a_table_take_several_lines_and_are_never_cut(width):
    reason = " ".join(f"word{index}" for index in range(40))
    columns = Column("cause", right=False), Column("why", right=False, long=True)
    table = Table("Ruled out", columns, (Row((Words("thread_oversubscription"), Words(reason))),))
    shown = text(Document("d", (table,)), width)
    assert max(map(cell_len, shown.splitlines())) <= width
    assert " ".join(shown.split("thread_oversubscription")[1].split()) == reason


def test_bars_are_drawn_at_80_columns(slow, thirty, hostile):
    for run in (slow, thirty, hostile):
        assert "█" in text(summary(run), 80).split("What each stage")[0]


def test_colour_only_where_it_is_asked_for(slow):
    assert "\x1b" not in text(summary(slow))
    coloured = text(summary(slow), colour=True)
    for colour in stage_colours(slow.stages)["forward"], stage_colours(slow.stages)["queue"]:
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        assert f"38;2;{red};{green};{blue}m" in coloured


def shown(run, monkeypatch, encoding="utf-8", **environment):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    show(summary(run), Console(file=file, width=80, highlight=False))
    return raw.getvalue().decode(encoding)


def test_a_pipe_gets_no_colour(slow, monkeypatch):
    assert "\x1b" not in shown(slow, monkeypatch)


def test_a_terminal_gets_colour_unless_it_is_refused(slow, monkeypatch):
    asked = {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color"}
    assert "\x1b[38;2;" in shown(slow, monkeypatch, **asked)
    assert "\x1b[38;2;" not in shown(slow, monkeypatch, **asked, NO_COLOR="1")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_a_terminal_without_unicode_still_gets_the_numbers(any_run, monkeypatch, encoding):
    screen = shown(any_run, monkeypatch, encoding)
    assert any_run.validity.verdict in screen
    assert "\x1b" not in screen


def test_the_marks_that_matter_do_not_need_colour(slow):
    lines = text(summary(slow)).splitlines()
    assert any(line.startswith("▶ postprocess") for line in lines)
    assert any(line.startswith("queue ") and "▒" in line for line in lines)


def test_shares_that_fill_a_stage_fill_its_bar(slow):
    rows = text(summary(slow)).split("What each stage was doing")[1].splitlines()[3:7]
    lengths = {sum(row.count(glyph) for glyph in "█▒░") for row in rows}
    assert len(lengths) == 1
