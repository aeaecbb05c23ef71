"""Sampled stacks as a tree: how many samples each chain of calls was seen in, stage by stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from latprof.analysis.frames import Frame, frames_of
from latprof.analysis.hotframes import OUTSIDE, STATES, state_of

if TYPE_CHECKING:
    from latprof.run.model import Run

__all__ = ["STATE_WORDS", "Node", "chains", "tree"]

STATE_WORDS = dict(
    zip(STATES, ("holds the GIL", "runs without the GIL", "stands still"), strict=True)
)


@dataclass
class Node:
    """A call, with what it called.

    Attributes:
        name: Of the call; at the top a stage, below it what the thread did.
        samples: Seen in it or in what it called.
        children: What it called, by name.
    """

    name: str
    samples: int = 0
    children: dict[str, Node] = field(default_factory=dict)

    def child(self, name: str) -> Node:
        """Return a child, made where it is not there."""
        return self.children.setdefault(name, Node(name))

    def ordered(self) -> list[Node]:
        """Return the children, those with most samples first."""
        return sorted(self.children.values(), key=lambda node: -node.samples)


def chains(run: Run) -> dict[str, Counter[tuple[str, tuple[Frame, ...]]]]:
    """Return of each stage how often each state and stack was seen, the outermost frame first.

    Args:
        run: A run that was recorded with `stacks=True`.

    Raises:
        UsageError: It was not.
    """
    table = run.table("stacks", ["stage", "on_cpu", "gil", "stack"])
    same = Counter(zip(*(column.to_pylist() for column in table.columns), strict=True))
    found: dict[str, Counter[tuple[str, tuple[Frame, ...]]]] = {
        stage: Counter() for stage in (*run.stages, "untracked", OUTSIDE)
    }
    for (stage, on_cpu, gil, stack), count in same.items():
        state = state_of(on_cpu=on_cpu, gil=gil)
        found[stage or OUTSIDE][state, frames_of(stack)] += count
    return {stage: counts for stage, counts in found.items() if counts}


def tree(run: Run) -> Node:
    """Return the samples of a run: stages, in each what threads did, and below it their calls.

    Calls that all samples of a stage have in common above it are left out: they tell nothing.

    Raises:
        UsageError: The run has no stacks.
    """
    root = Node("all samples")
    for stage, counts in chains(run).items():
        skipped = _common([frames for _, frames in counts])
        for (state, frames), count in counts.items():
            names = (stage, STATE_WORDS[state], *map(_name, frames[skipped:]))
            for node in _path(root, names):
                node.samples += count
    return root


def _name(frame: Frame) -> str:
    return frame.function.replace(".<locals>", "")


def _path(root: Node, names: tuple[str, ...]) -> Iterator[Node]:
    yield root
    node = root
    for name in names:
        node = node.child(name)
        yield node


def _common(stacks: list[tuple[Frame, ...]]) -> int:
    """Return how many outermost frames all stacks share, the innermost of each left to it."""
    shortest = min(map(len, stacks)) - 1
    first = stacks[0]
    for at in range(shortest):
        if any(_name(stack[at]) != _name(first[at]) for stack in stacks):
            return at
    return shortest
