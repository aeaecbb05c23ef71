from __future__ import annotations

import re

import pytest

from latprof.report.page import page


@pytest.fixture(scope="module")
def source(slow):
    return page(slow)


def test_the_page_needs_nothing_but_itself(source):
    assert "<script" not in source
    assert not re.search(r'\b(?:src|href)="(?!#|data:)', source)
    assert source.count("<svg ") == 4
    assert "<title>sentiment:slow</title>" in source


def test_pictures_take_the_width_of_the_page_and_say_what_they_are(source):
    for kind in ("breakdown", "timeline", "cdf", "waterfall"):
        (root,) = re.findall(rf'<svg role="img" aria-label="{kind}"[^>]*>', source)
        assert "viewBox" in root
        assert not re.search(r"\s(?:width|height)=", root)


def test_hostile_names_stay_text(hostile):
    source = page(hostile)
    assert "<script" not in source
    assert "<img" not in source
    assert "<title>&lt;b&gt;target&lt;/b&gt;" in source
