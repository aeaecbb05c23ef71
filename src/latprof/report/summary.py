"""The summary of a run: what a tired engineer must know in five seconds, in that order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from latprof.analysis.quantiles import needed_size
from latprof.report.colours import stage_colours
from latprof.report.data import answered_rate, counts, failures
from latprof.report.devicetable import device_table
from latprof.report.document import (
    Block,
    Document,
    Heading,
    Headline,
    Metric,
    Notice,
    Paragraph,
    one_line,
)
from latprof.report.items import items_table
from latprof.report.regimes import regimes_table
from latprof.report.stages import cpu_chart, stage_table
from latprof.run.model import Quantile, Verdict
from latprof.units import (
    count_text,
    counted_text,
    duration_text,
    interval_text,
    rate_text,
    scaled_text,
    time_unit,
)

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["scenario_text", "summary"]

HEADLINE = (0.5, 0.99)
RUNTIMES = ("onnxruntime", "torch", "tensorrt", "openvino", "transformers", "numpy")
ERRORS_NAMED = 3  # the messages that cause nearly all failures of a run are one or two

_COUNTED = (
    {"ok": "ok", "error": "failed", "timeout": "timed out", "dropped": "dropped"},
    {"cold": "cold", "warmup": "warm-up"},
    {"measured": "measured"},
)
_VERDICTS = {
    Verdict.VALID: "VALID: these numbers can be trusted",
    Verdict.WARN: "WARN: read these numbers with care",
    Verdict.INVALID: "INVALID: do not decide on these numbers",
}


def summary(run: Run, breakdown: pd.DataFrame | None = None) -> Document:
    """Return what a run says: latency, verdict, stages, failures, circumstances.

    Args:
        run: A finished run.
        breakdown: What `run.breakdown()` returned; None asks for it.

    Example:
        >>> from latprof.report.terminal import show
        >>> show(summary(latprof.open_run("runs/today")))  # doctest: +SKIP
    """
    target = one_line(run.manifest["target"] or "unnamed target")
    return Document(title=target, blocks=tuple(_blocks(run, target, breakdown)))


def _blocks(run: Run, target: str, breakdown: pd.DataFrame | None) -> Iterator[Block]:
    breakdown = run.breakdown() if breakdown is None else breakdown
    colours = stage_colours(run.stages)
    yield Heading(target, scenario_text(run.manifest["scenario"]))
    yield _headline(run)
    yield _verdict(run)
    if pauses := regimes_table(run):
        yield pauses
    if len(breakdown):
        yield stage_table(breakdown, colours, run.latency)
    if items := items_table(run):
        yield items
    if devices := device_table(breakdown):
        yield devices
    if chart := cpu_chart(breakdown, colours):
        yield chart
    elif run.manifest["probe"] == "wall":
        yield Paragraph('What each stage was doing is unknown: recorded with probe="wall".')
    if failures := _failures(run.requests):
        yield failures
    if not run.requests.empty:
        yield Paragraph(_counts_text(run.requests), quiet=True)
    if described := _environment_text(run.environment):
        yield Paragraph(described, quiet=True)


def scenario_text(scenario: Mapping[str, Any]) -> str:
    """Return a scenario as it would be written in Python, without what was left at None.

    >>> scenario_text({"name": "Poisson", "rate": 50, "duration": None})
    'Poisson(rate=50)'
    """
    name = scenario.get("name") or "recorded"
    given = {key: value for key, value in scenario.items() if key != "name" and value is not None}
    arguments = ", ".join(f"{key}={value!r}" for key, value in given.items())
    return one_line(f"{name}({arguments})" if arguments else str(name))


def _headline(run: Run) -> Headline | Paragraph:
    if run.requests.empty:
        seen = "times are per span" if run.stages else "nothing was recorded"
        return Paragraph(f"No request was marked: {seen}.")
    quantiles = [run.latency(q) for q in HEADLINE]
    largest_ns = max((quantile.value_ns or 0 for quantile in quantiles), default=0)
    unit = time_unit(largest_ns / 10)  # one for all, so that p50 and p99 compare at a glance
    return Headline((*(_metric(quantile, *unit) for quantile in quantiles), _rate(run)))


def _metric(quantile: Quantile, divisor: float, unit: str) -> Metric:
    name = f"p{100 * quantile.q:g}"
    size = f"n = {count_text(quantile.n)}, n_eff = {count_text(round(quantile.n_effective))}"
    if quantile.value_ns is None:
        bound = "" if quantile.low_ns is None else f"≥ {duration_text(quantile.low_ns)}, "
        needed = f"needs {count_text(needed_size(quantile.q))}"
        return Metric(name, "n/a", f"{bound}too few requests: {size}, {needed}")
    bounds = interval_text(quantile.low_ns, quantile.high_ns, divisor)
    doubt = "" if quantile.reliable else ": few, the interval may be too narrow"
    return Metric(
        name,
        f"{scaled_text(quantile.value_ns, divisor)} {unit}",
        f"{bounds} {unit} at {100 * quantile.confidence:g} %, {size}{doubt}",
    )


def _rate(run: Run) -> Metric:
    answered = counted_text(counts(run.requests)["ok"], "request")
    detail = f"{answered} answered in {duration_text(run.duration_ns)}"
    return Metric("rate", rate_text(answered_rate(run)), detail)


def _verdict(run: Run) -> Notice:
    validity = run.validity
    return Notice(
        validity.verdict,
        _VERDICTS[validity.verdict],
        tuple((one_line(r.evidence, 400), one_line(r.next_step, 400)) for r in validity.reasons),
    )


def _failures(requests: pd.DataFrame) -> Notice | None:
    messages = failures(requests)
    if not messages:
        return None
    named = list(messages.items())[:ERRORS_NAMED]
    items = [(f"{_times(times)}: {one_line(message, 120)}", "") for message, times in named]
    failed = sum(messages.values())
    if rest := failed - sum(times for _, times in named):
        items.append((f"{_times(rest)}: other messages", ""))
    title = f"{count_text(failed)} of {counted_text(len(requests), 'request')} failed"
    return Notice(Verdict.WARN, title, tuple(items))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count_text(count)} times"


def _counts_text(requests: pd.DataFrame) -> str:
    counted = counts(requests)
    groups = (", ".join(_named(counted, words)) for words in _COUNTED)
    parts = " · ".join(group for group in groups if group)
    return f"{counted_text(counted['requests'], 'request')}: {parts or 'none measured'}"


def _named(counted: Mapping[str, int], words: Mapping[str, str]) -> Iterator[str]:
    return (f"{count_text(counted[key])} {word}" for key, word in words.items() if counted[key])


def _environment_text(environment: Mapping[str, Any]) -> str:
    """Return machine and software in one line; what the run does not know is left out."""
    cpu, python, packages = (_facts(environment, key) for key in ("cpu", "python", "packages"))
    usable = cpu.get("usable_cpus")
    parts = [
        cpu.get("model"),
        f"{usable:g} usable CPUs" if isinstance(usable, int | float) else None,
        *_gpus(environment),
        f"Python {python['version']}" if "version" in python else None,
        *(f"{name} {packages[name]}" for name in RUNTIMES if name in packages),
    ]
    return " · ".join(one_line(str(part)) for part in parts if part)


def _gpus(environment: Mapping[str, Any]) -> list[str]:
    found = environment.get("gpus")  # a run from elsewhere may hold anything there, too
    gpus = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    models = Counter(str(model) for each in gpus if (model := each.get("model")))
    return [f"{count} × {model}" if count > 1 else model for model, count in models.items()]


def _facts(environment: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    # A run from elsewhere may hold anything there.
    facts = environment.get(key)
    return facts if isinstance(facts, Mapping) else {}
