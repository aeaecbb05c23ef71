"""What a duel looks like, from arms whose times are known."""

from __future__ import annotations

import time

import numpy as np
import pytest

import latprof
from latprof.report.duel import data, document
from latprof.report.markdown import markdown
from latprof.report.terminal import text


def quick(row):
    return row * 2


def slow(row):
    time.sleep(0.001)
    return row * 2


def wrong(row):
    return row * 3


def raising(row):
    raise ValueError("<b>no\x1b[31m model</b>")


def held(**arms):
    rows = [np.ones((1, 3), np.float32)]
    return latprof.duel(arms, rows, starts=1, rounds=6, calls=5, progress=False)


@pytest.fixture(scope="module")
def duel():
    return held(slow=slow, quick=quick, raising=raising)


def test_the_answer_stands_first_and_fits_the_terminal(duel):
    lines = text(document(duel), 80).splitlines()
    assert max(map(len, lines)) <= 80
    head = "\n".join(lines[:6])
    assert "DECIDED: quick is " in head
    assert "as fast as slow" in head


def test_every_arm_has_its_row_and_a_failed_one_its_reason(duel):
    shown = text(document(duel), 100)
    assert "▶ quick" in shown
    assert "raising failed: input 0: ValueError: <b>no" in shown
    assert "neither isolated nor started anew: slow, quick, raising" in shown


def test_outside_text_is_harmless_in_every_spelling(duel):
    assert "\x1b" not in text(document(duel), 100)
    assert "<b>" not in duel._repr_html_()
    assert "&lt;b&gt;" in duel._repr_html_()
    assert "quick" in markdown(document(duel))


def test_wrong_outputs_cannot_be_overlooked():
    found = held(quick=quick, wrong=wrong)
    shown = text(document(found), 80)
    assert "OUTPUTS DISAGREE: " in shown
    assert "outputs: DISAGREE" in shown
    assert "2 against 3" in " ".join(shown.split())
    assert "▶" not in shown  # no arm is recommended
    assert "lp-invalid" in found._repr_html_()


def test_a_duel_without_survivors_says_why():
    shown = text(document(held(raising=raising, again=raising)), 80)
    assert "INCONCLUSIVE: nothing to compare" in shown
    assert "again failed" in shown


def test_data_is_what_json_can_hold(duel):
    import json

    assert json.loads(json.dumps(data(duel), allow_nan=False))["base"] == "slow"


def test_the_repr_is_the_verdict(duel):
    assert repr(duel).startswith("<Duel of slow, quick, raising: quick ")
