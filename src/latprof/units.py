"""Numbers into text: the only place where nanoseconds and bytes become words."""

from __future__ import annotations

import math

__all__ = [
    "bytes_text",
    "count_text",
    "counted_text",
    "duration_text",
    "interval_text",
    "magnitude_text",
    "rate_text",
    "scaled_text",
    "share_text",
    "time_unit",
]

_TIME_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_MAGNITUDES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTE_UNITS = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))
NOTHING = "–"


def time_unit(largest_ns: float) -> tuple[float, str]:
    """Return `(divisor, unit)` that shows `largest_ns` with at least one whole digit.

    A table or an axis asks once for its largest value, so that all its numbers share one unit.

    >>> time_unit(2_500_000)
    (1000000.0, 'ms')
    """
    for divisor, unit in _TIME_UNITS:
        if abs(largest_ns) >= divisor:
            return divisor, unit
    return 1.0, "ns"


def _digits(value: float, significant: int) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    whole = math.floor(math.log10(abs(value))) + 1
    return f"{value:,.{max(0, significant - whole)}f}"


def duration_text(value_ns: float | None, significant: int = 3) -> str:
    """Return a duration with its unit to `significant` digits; a dash for None and NaN.

    >>> duration_text(41_234_000)
    '41.2 ms'
    """
    if value_ns is None or math.isnan(value_ns):
        return NOTHING
    divisor, unit = time_unit(value_ns)
    return f"{_digits(value_ns / divisor, significant)} {unit}"


def scaled_text(value_ns: float | None, divisor: float) -> str:
    """Return a duration as a bare number, for a column or an axis whose head names the unit.

    Three digits and at most two decimals, so that a column stays narrow; a dash for None and NaN.

    >>> [scaled_text(value, 1e6) for value in (548e6, 41.23e6, 0.052e6, 900)]
    ['548', '41.2', '0.05', '<0.01']
    """
    if value_ns is None or math.isnan(value_ns):
        return NOTHING
    value = value_ns / divisor
    if 0 < value < 0.005:  # would round to zero
        return "<0.01"
    text = _digits(value, 3)
    return text if abs(value) >= 1 or value == 0 else f"{value:.2f}"


def interval_text(low_ns: float | None, high_ns: float | None, divisor: float) -> str:
    """Return `[low, high]` as bare numbers of one unit; a dash for an end that has no bound.

    >>> interval_text(39e6, 44.61e6, 1e6)
    '[39.0, 44.6]'
    """
    return f"[{scaled_text(low_ns, divisor)}, {scaled_text(high_ns, divisor)}]"


def bytes_text(value_bytes: float | None) -> str:
    """Return a size in binary units to three digits; a dash for None and NaN.

    >>> bytes_text(5_242_880)
    '5.00 MiB'
    """
    if value_bytes is None or math.isnan(value_bytes):
        return NOTHING
    for divisor, unit in _BYTE_UNITS:
        if abs(value_bytes) >= divisor:
            return f"{_digits(value_bytes / divisor, 3)} {unit}"
    return f"{value_bytes:.0f} B"


def share_text(share: float | None) -> str:
    """Return a share of one in percent; a dash for None and NaN.

    >>> share_text(0.1234)
    '12.3 %'
    """
    if share is None or math.isnan(share):
        return NOTHING
    return f"{100 * share:.1f} %"


def count_text(count: int) -> str:
    """Return a count with its thousands parted.

    >>> count_text(1234567)
    '1,234,567'
    """
    return f"{count:,}"


def magnitude_text(count: float | None) -> str:
    """Return a large count to three digits with k, M, G or T; a dash for None and NaN.

    >>> magnitude_text(4_089_184_256), magnitude_text(768)
    ('4.09 G', '768')
    """
    if count is None or math.isnan(count):
        return NOTHING
    for divisor, prefix in _MAGNITUDES:
        if abs(count) >= divisor:
            return f"{_digits(count / divisor, 3)} {prefix}"
    return f"{count:.0f}"


def counted_text(count: int, noun: str) -> str:
    """Return a count with what it counts, an English noun with a regular plural.

    >>> counted_text(1, "request"), counted_text(2000, "request")
    ('1 request', '2,000 requests')
    """
    return f"{count_text(count)} {noun}{'' if count == 1 else 's'}"


def rate_text(per_second: float | None) -> str:
    """Return a rate to three digits; a dash for None and NaN.

    >>> rate_text(49.87)
    '49.9/s'
    """
    if per_second is None or math.isnan(per_second):
        return NOTHING
    return f"{_digits(per_second, 3)}/s"
