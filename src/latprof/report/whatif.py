"""A prediction as people read it: the answer first, then each quantile with its band."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from latprof.report.document import (
    Block,
    Column,
    Document,
    Duration,
    Heading,
    Headline,
    Metric,
    Notice,
    Paragraph,
    Row,
    Table,
    Words,
    one_line,
)
from latprof.run.model import Verdict
from latprof.units import (
    counted_text,
    duration_text,
    interval_text,
    rate_text,
    scaled_text,
    share_text,
    time_unit,
)

if TYPE_CHECKING:
    from latprof.analysis.whatif.prediction import Forecast, Prediction

__all__ = ["data", "document", "headline", "table"]

_LONGEST = 400
_COLUMNS = ("base", "value", "lo", "hi", "gain", "gain_lo", "gain_hi")


def headline(prediction: Prediction) -> str:
    """Return the answer in one sentence."""
    change = ", ".join(prediction.change)
    if not change.startswith("without "):
        change = f"with {change}"
    if prediction.refused is not None:
        return f"{change}: not known, because {prediction.refused}"
    moves = "; ".join(_moved(name, each) for name, each in prediction.forecasts.items())
    return f"{change}: {moves}"


def _moved(name: str, forecast: Forecast) -> str:
    divisor, unit = time_unit(forecast.base_ns)
    band = interval_text(forecast.low_ns, forecast.high_ns, divisor)
    base, value = (scaled_text(each, divisor) for each in (forecast.base_ns, forecast.value_ns))
    return f"{name} from {base} to {value} {unit} {band}"


def table(prediction: Prediction) -> pd.DataFrame:
    """Return one row a quantile; see `Prediction.table`."""
    rows = {name: _values(each) for name, each in prediction.forecasts.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(_COLUMNS))
    frame.attrs["unit"] = "ns"
    return frame


def _values(forecast: Forecast) -> tuple[float, ...]:
    return (
        *(forecast.base_ns, forecast.value_ns, forecast.low_ns, forecast.high_ns),
        *(forecast.gain_ns, forecast.gain_low_ns, forecast.gain_high_ns),
    )


def data(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as plain data that JSON knows; null for what there is not."""
    forecasts = {
        name: {**asdict(each), "gain_ns": each.gain_ns}
        for name, each in prediction.forecasts.items()
    }
    return {
        "target": prediction.target,
        "headline": prediction.headline,
        "change": list(prediction.change),
        "requests": prediction.requests,
        "refused": prediction.refused,
        **{name: forecasts.get(name) for name in ("p50", "p95", "p99")},
        "missing": dict(prediction.missing),
        "rate": prediction.rate,
        "workers": prediction.workers,
        "busy": prediction.busy,
        "shares_ns": {name: dict(parts) for name, parts in prediction.shares.items()},
        "assumptions": list(prediction.assumptions),
    }


def document(prediction: Prediction) -> Document:
    """Return a prediction as a document."""
    return Document(one_line(prediction.target), tuple(_blocks(prediction)))


def _blocks(prediction: Prediction) -> Iterator[Block]:
    count = counted_text(prediction.requests, "measured request")
    yield Heading("What if", f"{one_line(', '.join(prediction.change), _LONGEST)} · {count}")
    if prediction.refused is not None:
        reason = (one_line(prediction.refused, _LONGEST), "")
        yield Notice(Verdict.INVALID, "a replay of this run cannot know", (reason,))
        return
    yield Headline(tuple(_metrics(prediction)))
    yield _quantiles(prediction)
    if prediction.shares:
        yield _split(prediction)
    yield Paragraph(_load(prediction), quiet=True)
    for note in prediction.assumptions:
        yield Paragraph(one_line(f"Taken for granted: {note}.", _LONGEST), quiet=True)


def _metrics(prediction: Prediction) -> Iterator[Metric]:
    for name, each in prediction.forecasts.items():
        divisor, _ = time_unit(each.value_ns)
        band = interval_text(each.low_ns, each.high_ns, divisor)
        detail = f"{band}, now {duration_text(each.base_ns)}"
        yield Metric(name, duration_text(each.value_ns), detail)


def _quantiles(prediction: Prediction) -> Table:
    known = prediction.forecasts.values()
    divisor, unit = time_unit(max((each.base_ns for each in known), default=1.0))
    rows = tuple(
        Row(
            (
                Words(name),
                Duration(each.base_ns, divisor),
                Duration(each.value_ns, divisor, each.low_ns, each.high_ns),
                Words(_gain(each, divisor)),
            )
        )
        for name, each in prediction.forecasts.items()
    )
    columns = (
        Column("quantile", right=False),
        *(Column(f"{name} {unit}") for name in ("recorded", "predicted", "gain")),
    )
    notes = tuple(f"{reason}." for reason in prediction.missing.values())
    return Table("Latency, with bands of 95 %", columns, rows, notes)


def _gain(forecast: Forecast, divisor: float) -> str:
    band = interval_text(forecast.gain_low_ns, forecast.gain_high_ns, divisor)
    return f"{scaled_text(forecast.gain_ns, divisor)} {band}"


def _split(prediction: Prediction) -> Table:
    largest = max(abs(part) for parts in prediction.shares.values() for part in parts.values())
    divisor, unit = time_unit(largest)
    stages = list(next(iter(prediction.shares.values())))
    rows = tuple(
        Row(
            (
                Words(one_line(stage)),
                *(Duration(parts[stage], divisor) for parts in prediction.shares.values()),
            )
        )
        for stage in stages
    )
    heads = (Column(f"{name} {unit}") for name in prediction.shares)
    note = "Each on average over the orders in which they could be made faster; they add up."
    return Table("What each stage brings", (Column("stage", right=False), *heads), rows, (note,))


def _load(prediction: Prediction) -> str:
    if prediction.busy is None:
        return "No worker is waited for in this load."
    served = "one" if prediction.workers in (None, 1) else f"each of {prediction.workers}"
    return f"At {rate_text(prediction.rate)}, {served} would be {share_text(prediction.busy)} busy."
