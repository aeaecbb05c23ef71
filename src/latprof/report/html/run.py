"""The page of a run: the answer on top, then what it stands on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, takewhile
from typing import TYPE_CHECKING

from latprof.errors import LatprofError
from latprof.report.document import FOLDED, Block, Heading, Paragraph, Table
from latprof.report.html.environment import environment_table
from latprof.report.html.figures.distribution import distribution_figure
from latprof.report.html.figures.gains import gains_figure
from latprof.report.html.figures.slices import slices_figure
from latprof.report.html.figures.stages import stages_figure
from latprof.report.html.figures.tail import tail_figure
from latprof.report.html.figures.timeline import timeline_figure
from latprof.report.html.figures.waterfall import waterfall_figure
from latprof.report.html.page import page
from latprof.report.html.section import Figure, Folded, Picture, Section
from latprof.report.html.tables import slices_table, tail_table, what_if_table
from latprof.report.summary import scenario_text, summary
from latprof.units import counted_text

if TYPE_CHECKING:
    import pandas as pd

    from latprof.analysis.diagnosis.finding import Diagnosis
    from latprof.run.model import Run

__all__ = ["run_page"]

_SVG = re.compile(r"<svg\b[^>]*>")
_SIZE = re.compile(r'\s(?:width|height)="[^"]*"')
_MOST_DIAGNOSED = 300_000  # requests: of more, a diagnosis alone takes longer than the page


def run_page(run: Run) -> str:
    """Return a run as one HTML page.

    Args:
        run: A finished run.

    Raises:
        MissingDependencyError: plotly is not installed.
    """
    breakdown, tail = run.breakdown(), run.tail()
    document = summary(run, breakdown)
    diagnosis = _diagnosis(run)
    told = _told(diagnosis)
    tables = dropwhile(lambda block: not isinstance(block, Table), document.blocks)
    sections = [
        Section("answer", "Answer", [*_answer(document.blocks, run, told)]),
        Section("stages", "Stages", _present([stages_figure(run, breakdown), *tables])),
        Section("findings", "Findings", [*_findings(told)]),
        Section("what-if", "What if", _present([*_what_if(run, breakdown, diagnosis)])),
        Section("latency", "Distribution", _present([distribution_figure(run)])),
        Section("time", "Timeline", _present([timeline_figure(run)])),
        Section("requests", "Requests", _present([waterfall_figure(run)])),
        Section("tail", "Tail", _present([tail_figure(run, tail), tail_table(tail)])),
        Section("stacks", "Stacks", [*_stacks(run)]),
        Section("slices", "Slices", _present([*_slices(run)])),
        Section("environment", "Environment", [environment_table(run.environment)]),
    ]
    aside = scenario_text(run.manifest["scenario"])
    return page(document.title, [each for each in sections if each.parts], aside)


def _present(parts: Iterable[Block | Figure | None]) -> list[Block | Figure]:
    return [each for each in parts if each is not None]


def _diagnosis(run: Run) -> Diagnosis | None:
    """Return why the run is slow; None where it is too large for a page, or cannot be told."""
    if run.manifest["counts"]["requests"] > _MOST_DIAGNOSED:
        return None
    try:
        return run.diagnose()
    except LatprofError:  # what a page shows of the run stands without it
        return None


def _told(diagnosis: Diagnosis | None) -> Sequence[Block]:
    """Return what a diagnosis says; nothing without one."""
    if diagnosis is None:
        return ()
    from latprof.report.diagnosis import document

    return document(diagnosis).blocks


def _is_said(block: Block) -> bool:
    """Whether it belongs to the sentences that a diagnosis begins with."""
    return isinstance(block, Heading | Paragraph)


def _answer(blocks: Sequence[Block], run: Run, told: Sequence[Block]) -> Iterator[Block]:
    """Yield why it takes that long and what to do, then what a summary says first."""
    yield from takewhile(_is_said, told)
    if run.manifest["counts"]["requests"] > _MOST_DIAGNOSED:
        yield Paragraph("Why it takes that long: ask latprof diagnose, which takes some seconds.")
    for block in takewhile(lambda block: not isinstance(block, Table), blocks):
        if not isinstance(block, Heading):
            yield block


def _findings(told: Sequence[Block]) -> Iterator[Block | Folded]:
    """Yield the evidence, which comes behind the answer, and folded away what was ruled out."""
    for block in dropwhile(_is_said, told):
        if isinstance(block, Table) and block.title in FOLDED:
            yield Folded(f"{block.title}: {counted_text(len(block.rows), 'cause')}", [block])
        else:
            yield block


def _what_if(
    run: Run, breakdown: pd.DataFrame, diagnosis: Diagnosis | None
) -> Iterator[Block | Figure | None]:
    if diagnosis is not None:
        yield gains_figure(diagnosis)
        yield what_if_table(run, breakdown)


def _slices(run: Run) -> Iterator[Block | Figure | None]:
    attributes = run.slices()
    yield slices_figure(run, attributes)
    yield slices_table(attributes)


def _stacks(run: Run) -> Iterator[Picture]:
    """Yield the flame graph, where stacks were taken: matplotlib draws it, as for a file."""
    if "stacks" not in run.manifest["counts"]:
        return
    from latprof.report.plots import plot

    text = plot(run, "flame").encoded("svg").decode()
    opening = _SVG.search(text)
    if opening is None:
        raise AssertionError("matplotlib wrote an SVG without its root")
    # Without a size of its own the picture takes the width of the page.
    root = _SIZE.sub("", opening.group())
    yield Picture("Where stages spend their time, by stacks", f"{root}{text[opening.end() :]}")
