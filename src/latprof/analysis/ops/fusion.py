"""Which nodes of a model stand beside each other: what a runtime fused without saying so."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from latprof.analysis.onnxfile import load_onnx

__all__ = ["Fusions"]

_Step = Callable[[str], str | None]


class Fusions:
    """The nodes of a model and their neighbours.

    Args:
        producers: Node to the nodes whose outputs it reads, in the order of its inputs.
        writers: Tensor to the node that writes it: runtimes call a fused layer by what it writes.

    >>> Fusions({"product": [], "sum": ["product"]}).completed([["sum"]])
    [['sum', 'product']]
    """

    def __init__(
        self, producers: Mapping[str, Sequence[str]], writers: Mapping[str, str] | None = None
    ) -> None:
        self._producers, self._writers = producers, writers or {}
        self._consumers: dict[str, list[str]] = {node: [] for node in producers}
        for node, sources in producers.items():
            for source in sources:
                self._consumers[source].append(node)

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> Fusions:
        """Return those of an ONNX file.

        Raises:
            ModelFormatError: It is no ONNX model.
            MissingDependencyError: onnx is not installed.
        """
        nodes = [node for node in load_onnx(path, "Matching fusions").graph.node if node.name]
        writers = {tensor: node.name for node in nodes for tensor in node.output}
        producers = {n.name: [writers[t] for t in n.input if t in writers] for n in nodes}
        return cls(producers, writers)

    def completed(self, operators: Iterable[Sequence[str]]) -> list[list[str]]:
        """Return the nodes of each operator with those that belong to it unnamed.

        A node that no operator names is taken to be part of its consumer, if it has only one, else
        of its first producer; through others that nobody names.
        """
        result = [[self._node(name) for name in nodes] for nodes in operators]
        owner = {node: operator for operator in result for node in operator}
        unnamed = [node for node in self._producers if node not in owner]
        found = [(node, self._named(node, owner)) for node in unnamed]
        for node, named in found:
            if named is not None:
                owner[named].append(node)
        return result

    def _node(self, name: str) -> str:
        return name if name in self._producers else self._writers.get(name, name)

    def _named(self, node: str, owner: Mapping[str, object]) -> str | None:
        """Return the next node that an operator names: down the graph first, then up."""
        downwards = self._followed(node, owner, self._only_consumer)
        return downwards or self._followed(node, owner, self._first_producer)

    def _followed(self, node: str, owner: Mapping[str, object], step: _Step) -> str | None:
        current: str | None = node
        for _ in self._producers:  # a damaged model may hold a ring
            current = None if current is None else step(current)
            if current is None or current in owner:
                break
        return current if current in owner else None

    def _only_consumer(self, node: str) -> str | None:
        consumers = self._consumers[node]
        return consumers[0] if len(consumers) == 1 else None

    def _first_producer(self, node: str) -> str | None:
        return next(iter(self._producers[node]), None)
