"""One document, many spellings: all of them say the same numbers."""

from __future__ import annotations

import html as markup
import json
import math
import re

import pytest

from latprof.report.data import as_data
from latprof.report.document import Chart, Headline, Notice, Table
from latprof.report.markdown import markdown
from latprof.report.notebook import fragment
from latprof.report.summary import summary
from latprof.report.terminal import text


def plain_html(document):
    body = re.sub(r"<style>.*?</style>", "", fragment(document), flags=re.DOTALL)
    return markup.unescape(re.sub(r"<[^>]*>", "", body))


def plain_markdown(document):
    return markup.unescape(re.sub(r"\\(.)", r"\1", markdown(document)))


SPELLINGS = {
    "terminal": lambda document: text(document, 200),
    "coloured terminal": lambda document: re.sub(
        r"\x1b\[[0-9;]*m", "", text(document, 200, colour=True)
    ),
    "notebook": plain_html,
    "markdown": plain_markdown,
}


def numbers_of(document):
    for block in document.blocks:
        if isinstance(block, Headline):
            yield from (part for metric in block.metrics for part in (metric.value, metric.detail))
        if isinstance(block, Notice):
            yield block.title
            yield from (text for item in block.items for text in item)
        if isinstance(block, Table):
            yield from (cell.text for row in block.rows for cell in row.cells[1:])
            yield from block.notes
        if isinstance(block, Chart):
            yield from (share.text for bar in block.bars for share in bar.shares)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_says_every_number(any_run, spelling):
    document = summary(any_run)
    spelled = SPELLINGS[spelling](document)
    for number in numbers_of(document):
        assert number in spelled


def test_the_data_hold_the_numbers_of_the_table(slow):
    data = as_data(slow)
    table = next(block for block in summary(slow).blocks if isinstance(block, Table))
    for row, given in zip(table.rows, data["breakdown"], strict=True):
        assert row.cells[0].text == given["stage"]
        assert [cell.value_ns for cell in row.cells[2:]] == [
            given[name] for name in ("mean", "p50", "p95", "p99")
        ]
    assert data["latency"]["p99"]["value_ns"] == slow.latency(0.99).value_ns


def test_the_data_of_every_run_are_strict_json(any_run):
    data = as_data(any_run)
    again = json.loads(json.dumps(data, allow_nan=False))
    assert again["validity"]["verdict"] == any_run.validity.verdict
    values = [value for row in again["breakdown"] for value in row.values()]
    assert not any(isinstance(value, float) and math.isnan(value) for value in values)


def test_counts_add_up(failing):
    counts = as_data(failing)["counts"]
    assert counts["requests"] == sum(counts[word] for word in ("ok", "error", "timeout", "dropped"))
    assert counts["requests"] == sum(counts[word] for word in ("cold", "warmup", "steady"))
    assert sum(as_data(failing)["failures"].values()) == counts["error"] + counts["timeout"]
