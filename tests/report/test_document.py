from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from latprof.report.document import Duration, Share, one_line


@given(st.text(), st.integers(2, 80))
def test_text_from_outside_becomes_one_harmless_line(text, longest):
    line = one_line(text, longest)
    assert 0 < len(line) <= longest
    assert not any(unicodedata.category(mark) in {"Cc", "Cs", "Zl", "Zp"} for mark in line)
    assert not set("\u202e\u2066\u200f") & set(line)


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd", "Lo"]), min_size=1, max_size=60))
def test_harmless_text_stays_as_it_is(text):
    assert one_line(text) == text


def test_escape_sequences_cannot_reach_a_terminal():
    assert one_line("\x1b[2J\x07\x9b31mred") == "\ufffd[2J\ufffd\ufffd31mred"


def test_a_duration_shows_its_interval_only_where_it_has_a_value():
    assert Duration(388e6, 1e6, 381e6, 394e6).text == "388 [381, 394]"
    assert Duration(388e6, 1e6).text == "388"
    assert Duration(None, 1e6, 381e6).text == "–"


def test_an_unknown_share_is_a_dash():
    assert Share(None).text == "–"
    assert Share(0.7124, "#0072b2").text == "71.2 %"
