"""What adapters note about a request while it runs, as columns `attr.NAME` of `Run.requests`.

A column is there only where something was seen that has it. A request may hold several calls
(batches, two models, many steps): the third column says how they become one value.

| name | what | over several calls |
|---|---|---|
| `texts` | texts that were tokenized | sum |
| `tokens` | tokens without padding, with special ones: as the tokenizer made them, or else as the model got them by its attention mask, or by what rows of ids end in | sum |
| `positions` | rows x length that the model got, padding included; until it is called, that the tokenizer made | sum |
| `padding_share` | the share of `positions` that is padding | of the sums |
| `generated_tokens` | new positions that `generate` returned, over all sequences | sum |
| `forwards` | calls of a model; the steps inside `generate` are one call | sum |
| `model_rows` | rows that the model got: first dimension of its first input, 1 where that has no other | sum |
| `model_stage` | the stage that was open when a model was called, "untracked" where none was; not of objects that are instrumented without `stages=` | each once |
| `model_elements` | elements of the model's first input | sum |
| `shapes` | different shapes of inputs that models got | sum |
| `batch_size` | first dimension of the model's first input | largest |
| `input_shape` | shape of the model's first input, as "8x128" | that with most elements |
| `first_seen_shape` | whether the shapes of its inputs came for the first time since it was instrumented | any |
| `output_dtype` | type of the model's first output | each once, joined by commas |
| `weights_dtype` | type of most of a torch module's floating-point weights | each once |
| `weights_bytes` | bytes of a torch module's weights, or of the model of an ONNX Runtime session | sum over different models |
| `execution` | how a torch module is called: eager, compiled or scripted | each once |
| `layers` | layers that a torch module consists of, those that hold others not counted | sum over different models |
| `device` | where a torch module's weights are | each once |
| `provider` | the first execution provider of an ONNX Runtime session | each once |
| `providers_asked` | the first one that a session was asked for, where it was constructed while a recording was on | each once |
| `grad_enabled` | autograd's mode around a torch module's call | any |
| `grad_graph` | whether an output holds the graph for a backward pass | any |
| `graph_nodes` | nodes of that graph, as the first call had them: one for each operation and each weight | sum |
| `training` | whether a torch module is in training mode | any |
| `recompilations` | compilations by torch.compile inside the request, the first one too | sum |
| `compile_ns` | how long they took | sum |
| `constructed_sessions` | ONNX Runtime sessions constructed inside the request | sum |
| `constructed_tokenizers` | tokenizers constructed in it; a fast one of transformers holds one of the library tokenizers and may count twice | sum |
| `constructed_modules` | torch modules constructed in it, each layer counting | sum |
| `constructed_ns` | how long constructors of sessions, tokenizers and layers took, one inside another counting once; of modules the time from the first layer's until the last one is there, has its weights and is told to infer | sum |

Nothing is noted outside a request. A mask on a GPU is not read, since that would wait for the GPU.
Where the user's own `annotate` gives one of these names, the user's value stands.
"""  # noqa: E501 - a table

from __future__ import annotations

from math import prod

__all__ = ["Facts"]


class Facts:
    """What is known of one request so far.

    Attributes:
        columns: What is noted, by the names above.
    """

    def __init__(self) -> None:
        self.columns: dict[str, object] = {}
        self._sums: dict[str, int] = {}
        self._words: dict[str, list[str]] = {}
        self._elements = -1
        self._models: set[object] = set()
        self._built_from = self._built_to = -1

    def add(self, name: str, amount: int) -> None:
        """Add to a sum."""
        self._sums[name] = self._sums.get(name, 0) + amount
        self.columns[name] = self._sums[name]

    def flag(self, name: str, value: bool) -> None:  # noqa: FBT001 - it is a column's value
        """Remember whether it was so in any call."""
        self.columns[name] = bool(self.columns.get(name)) or value

    def word(self, name: str, text: str) -> None:
        """Remember a word, each once."""
        words = self._words.setdefault(name, [])
        if text not in words:
            words.append(text)
            self.columns[name] = ",".join(words)

    def once(self, model: object, name: str, amount: int) -> None:
        """Add to a sum, of each model once."""
        if (model, name) not in self._models:
            self._models.add((model, name))
            self.add(name, amount)

    def layer(self, began_ns: int, ended_ns: int) -> None:
        """Count a torch module that was constructed, from one instant to another."""
        self.add("constructed_modules", 1)
        if self._built_from < 0:
            self._built_from = self._built_to = began_ns
        self.furnished(ended_ns)

    def furnished(self, ended_ns: int) -> None:
        """Note until when layers that were constructed got their weights and their mode."""
        if self._built_from >= 0:
            self.add("constructed_ns", max(ended_ns - self._built_to, 0))
            self._built_to = max(ended_ns, self._built_to)

    def built(self) -> None:
        """Note that a model is called: layers that are constructed later are another's."""
        self._built_from = -1

    def tokenized(self, texts: int, tokens: int, positions: int) -> None:
        """Count what a tokenizer made."""
        self.add("texts", texts)
        self.columns["tokens"] = self._sums["made"] = self._sums.get("made", 0) + tokens
        if "given" not in self._sums:
            self._sums["laid out"] = self._sums.get("laid out", 0) + positions
            self._lay_out(self._sums["made"], self._sums["laid out"])

    def given(self, tokens: int, positions: int) -> None:
        """Count what a model got."""
        self._sums["given"] = self._sums.get("given", 0) + tokens
        self._sums["taken"] = self._sums.get("taken", 0) + positions
        if "made" not in self._sums:
            self.columns["tokens"] = self._sums["given"]
        self._lay_out(self._sums["given"], self._sums["taken"])

    def _lay_out(self, tokens: int, positions: int) -> None:
        self.columns["positions"] = positions
        if positions > 0:
            self.columns["padding_share"] = 1 - tokens / positions

    def shaped(self, shape: tuple[int, ...]) -> None:
        """Remember the shape of a model's first input."""
        if shape:
            self.columns["batch_size"] = max(shape[0], self._largest_batch())
        elements = prod(shape)
        if elements > self._elements:
            self._elements = elements
            self.columns["input_shape"] = "x".join(map(str, shape))

    def _largest_batch(self) -> int:
        largest = self.columns.get("batch_size", 0)
        return largest if isinstance(largest, int) else 0
