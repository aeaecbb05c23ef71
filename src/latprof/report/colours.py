"""Colours: one per stage, the same in every picture, told apart by colour-blind eyes.

The six hues are those of Okabe and Ito, "Color Universal Design" (2008), without black and
yellow, which vanish on a dark or on a light page. Any two of the six and the colour of the queue
stay at least 15 CIELAB units apart under simulated protanopia, deuteranopia and tritanopia
(matrices of Machado, Oliveira and Fernandes 2009).
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BAD",
    "GOOD",
    "INK",
    "QUEUE",
    "STAGE_HUES",
    "TOTAL",
    "UNTRACKED",
    "WARNING",
    "contrasting",
    "mixed",
    "stage_colours",
]

STAGE_HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
QUEUE = "#556070"
UNTRACKED = "#c4c4c4"
TOTAL = "#8a8f98"
INK = "#22262b"
GOOD, WARNING, BAD = "#009e73", "#e69f00", "#d55e00"

_BLACK, _WHITE = "#000000", "#ffffff"
_VARIANTS = ((_BLACK, 0.0), (_BLACK, 0.45), (_WHITE, 0.5))


def stage_colours(stages: Sequence[str]) -> dict[str, str]:
    """Return the colour of each stage, of `queue`, `untracked` and `total`.

    The place in `run.stages` decides, so that all pictures of a run agree. After six stages the
    hues come back darker, then lighter; after eighteen they repeat, and labels must tell.

    Args:
        stages: Names of stages in their order in the run.

    Returns:
        `#rrggbb` by name. The words of the model keep their own colour, whatever a stage is called.

    >>> stage_colours(["tokenize", "forward"])["forward"]
    '#e69f00'
    """
    colours = {stage: _nth(index) for index, stage in enumerate(stages)}
    return colours | {"queue": QUEUE, "untracked": UNTRACKED, "total": TOTAL}


def _nth(index: int) -> str:
    toward, amount = _VARIANTS[index // len(STAGE_HUES) % len(_VARIANTS)]
    return mixed(STAGE_HUES[index % len(STAGE_HUES)], toward, amount)


def mixed(colour: str, toward: str, amount: float) -> str:
    """Return `colour` moved by `amount` (0 to 1) of the way to `toward`.

    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = zip(_channels(colour), _channels(toward), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * amount):02x}" for a, b in pairs)


def contrasting(colour: str) -> str:
    """Return black or white, whichever is easier to read on `colour`.

    Relative luminance and its break-even of 0.179 as in WCAG 2.2.

    >>> contrasting("#0072b2"), contrasting("#c4c4c4")
    ('#ffffff', '#000000')
    """
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return _BLACK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else _WHITE


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
