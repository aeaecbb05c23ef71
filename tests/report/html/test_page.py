from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re

import pytest

from latprof.errors import MissingDependencyError
from latprof.report.document import Paragraph
from latprof.report.html.page import page
from latprof.report.html.section import Figure, Folded, Section

FIGURE = Figure("one", "A <finding>", "words & more", [{"x": [1], "y": [2]}], {"xaxis": {}})


def written(*parts):
    return page("a <title>", [Section("answer", "Answer", parts)], "beside & it")


def test_a_page_loads_nothing():
    text = written(FIGURE)
    assert text.startswith("<!doctype html>")
    shown = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r'\b(?:src|href)="(?!#)', shown)
    assert len(text.encode()) < 6_000_000


def test_the_policy_names_the_scripts_by_their_hashes_and_allows_nothing_else():
    text = written(FIGURE)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'; ")
    (allowed,) = re.findall(r"script-src ([^;]*);", policy)
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
    assert allowed.split() == [f"'sha256-{each}'" for each in hashes]


def test_texts_are_escaped_and_charts_say_what_they_show():
    text = written(FIGURE, Paragraph("<i>p</i>"), Folded("more <b>", [Paragraph("within")]))
    assert "<title>a &lt;title&gt;</title>" in text
    assert "<h1>a &lt;title&gt; <span>beside &amp; it</span></h1>" in text
    assert "<figcaption>A &lt;finding&gt;</figcaption>" in text
    assert '<p class="words">words &amp; more</p>' in text
    assert "&lt;i&gt;p&lt;/i&gt;" in text
    assert "<details><summary>more &lt;b&gt;</summary>" in text


def test_no_text_ends_the_numbers():
    text = written(Figure("one", "", "", [{"text": ["</script><script>alert(1)</script>"]}], {}))
    (numbers,) = re.findall(r'id="figures">(.*?)</script>', text, flags=re.DOTALL)
    assert "<" not in numbers
    told = json.loads(numbers)["one"]["data"][0]["text"]
    assert told == ["</script><script>alert(1)</script>"]


def test_without_plotly_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r'pip install "latprof\[report\]"'):
        written(FIGURE)
