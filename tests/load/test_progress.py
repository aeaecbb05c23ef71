from __future__ import annotations

import io
import sys
import time

from latprof.load.progress import Progress
from latprof.load.scenarios import Plan
from latprof.recording.recorder import Counts


def test_the_bar_follows_the_requests(capsys):
    with Progress(Plan(count=200), hidden=False) as bar:
        bar.show(Counts(requests=50, errors=0))
        bar.show(Counts(requests=200, errors=3))
    shown = capsys.readouterr().err
    assert "50/200" in shown
    assert "200/200" in shown
    assert "3 failed" in shown
    assert shown.endswith("\n")


def test_the_bar_follows_the_time_where_the_number_of_requests_is_open(capsys, monkeypatch):
    with Progress(Plan(duration_ns=2 * 10**9), hidden=False) as bar:
        bar.show(Counts())
        later = time.monotonic() + 60
        monkeypatch.setattr(time, "monotonic", lambda: later)
        bar.show(Counts(requests=1_234))
        monkeypatch.undo()
    shown = capsys.readouterr().err
    assert "2.0/2.0 s" in shown
    assert "1,234 requests" in shown


def test_a_reader_that_has_gone_away_is_no_failure(monkeypatch):
    gone = io.StringIO()
    monkeypatch.setattr(sys, "stderr", gone)
    with Progress(Plan(count=3), hidden=False) as bar:
        gone.close()
        bar.show(Counts(requests=3))


def test_a_hidden_bar_prints_nothing(capsys):
    with Progress(Plan(count=3), hidden=True) as bar:
        bar.show(Counts(requests=3, errors=1))
    assert capsys.readouterr() == ("", "")
