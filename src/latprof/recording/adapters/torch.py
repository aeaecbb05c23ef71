"""torch modules, eager, scripted or compiled: their call is the stage `forward`.

Where the weights are on a device that has events, the stage also gets its time there, by the clock
of `deviceclock`; else it is what the call costs the host, which may hand work over and go on.
Nothing here waits for the device.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping
from typing import Any, NamedTuple

from latprof.recording.adapters.arrays import Given, Inputs, named_arrays, tell_inputs, type_name
from latprof.recording.adapters.calibration import graph_nodes
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Place, Seen
from latprof.recording.adapters.sightings import Sighting
from latprof.recording.deviceclock import DeviceClock, EventClock, device_clock

__all__ = [
    "KNOWN",
    "Mode",
    "Module",
    "Weights",
    "call_path",
    "clock_of",
    "is_module",
    "places",
    "tell_call",
    "tell_mode",
]

KNOWN = "torch modules"


def is_module(obj: object) -> bool:
    """Whether it is a torch module."""
    return is_a(obj, "torch.nn.modules.module", "Module")


def call_path(module: Any) -> str:
    """Return the attribute that a call of the module goes through.

    `forward` in nearly all: what is put into an instance leaves its class, and all other modules of
    it, alone. A module that was compiled in place calls what it compiled; a scripted one holds a
    `forward` that is no Python.
    """
    if getattr(module, "_compiled_call_impl", None) is not None:
        return "_compiled_call_impl"
    return "__call__" if is_a(module, "torch.jit._script", "ScriptModule") else "forward"


def places(obj: object) -> list[Place]:
    """Return where hooks go: none where `obj` is no torch module."""
    if not is_module(obj):
        return []
    return [Place(obj, call_path(obj), Seen("forward", Module(obj).look, clock_of(obj)))]


def clock_of(module: Any) -> DeviceClock | None:
    """Return the clock of the device that a module's weights are on now; None on the CPU.

    A device whose clock would have to wait for it has none here: a user's own loop must run on.
    """
    weight = next(module.parameters(), None)
    if weight is None or weight.device.type in ("cpu", "meta"):
        return None
    clock = device_clock(sys.modules["torch"], weight.device)
    return clock if isinstance(clock, EventClock) else None


class Weights(NamedTuple):
    """What a module consists of.

    Attributes:
        model: Tells it from other modules.
        dtype: Type of most of its floating-point weights; empty where there are none.
        device: Where those are.
        nbytes: Of all its weights.
        layers: How many modules it holds that hold no other.
        execution: "eager", "compiled" or "scripted".
    """

    model: int
    dtype: str
    device: str
    nbytes: int
    layers: int
    execution: str


Mode = tuple[bool, Weights]
"""Whether a module is in training mode, and what it consists of."""
# Autograd's mode, the first output's type, whether there is a graph, and of how many nodes.
_State = tuple[bool, str, bool, int]


class Module:
    """Looks at a torch module and its calls.

    Args:
        module: The module.
    """

    def __init__(self, module: Any) -> None:
        # Not held: who remembers one of these for each module must not keep modules alive.
        self._module, self._torch = weakref.proxy(module), sys.modules["torch"]
        self._inputs = Inputs()
        self._weights: Weights | None = None
        self._nodes = -1

    def look(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object) -> Sighting:
        """Look at a call: its inputs, its output, and the state that it ran in."""
        return tell_call, self._inputs.look(args, kwargs), self.state(result), self.mode()

    def look_at_state(self, _: object, __: object, result: object) -> Sighting:
        """Look at all of a call but its inputs."""
        return tell_call, None, self.state(result), self.mode()

    def mode(self) -> Mode:
        """Return the module's own state, for `tell_mode`."""
        self._weights = self._weights or _weights(self._module)
        return self._module.training, self._weights

    def state(self, result: Any) -> _State:
        """Return the state that a call ran in, for `tell_call`."""
        is_grad_enabled = self._torch.is_grad_enabled()
        if type(result) is self._torch.Tensor:
            outputs = [result]
        else:
            outputs = [array for _, array in named_arrays(result)]
        dtype = type_name(outputs[0].dtype) if outputs else ""
        graphs = [each for each in outputs if _has_graph(each)]
        if graphs and self._nodes < 0:  # once: it takes as long as the call of a small model
            self._nodes = graph_nodes(graphs[0])
        return is_grad_enabled, dtype, bool(graphs), self._nodes if graphs else 0


def tell_call(facts: Facts, given: Given | None, state: _State, mode: Mode) -> None:
    """Note a call of a module."""
    is_grad_enabled, dtype, has_graph, nodes = state
    if given is not None:
        tell_inputs(facts, *given)
    facts.flag("grad_enabled", is_grad_enabled)
    if dtype:
        facts.word("output_dtype", dtype)
        facts.flag("grad_graph", has_graph)
    if nodes:
        facts.add("graph_nodes", nodes)
    tell_mode(facts, mode)


def tell_mode(facts: Facts, mode: Mode) -> None:
    """Note a module's own state."""
    is_training, weights = mode
    facts.flag("training", is_training)
    facts.word("execution", weights.execution)
    facts.once(weights.model, "layers", weights.layers)
    if weights.dtype:
        facts.once(weights.model, "weights_bytes", weights.nbytes)
        facts.word("weights_dtype", weights.dtype)
        facts.word("device", weights.device)


def _has_graph(output: Any) -> bool:
    return bool(getattr(output, "requires_grad", False))


def _weights(module: Any) -> Weights:
    sizes: dict[tuple[str, str], int] = {}
    nbytes = 0
    for weight in module.parameters():
        nbytes += weight.numel() * weight.element_size()
        if weight.is_floating_point():
            kind = (type_name(weight.dtype), str(weight.device))
            sizes[kind] = sizes.get(kind, 0) + weight.numel()
    dtype, device = max(sizes, key=lambda kind: sizes[kind], default=("", ""))
    layers = sum(not each._modules for each in module.modules())  # noqa: SLF001 - torch has no other
    return Weights(id(module), dtype, device, nbytes, layers, _execution(module))


def _execution(module: Any) -> str:
    if is_a(module, "torch.jit._script", "ScriptModule"):
        return "scripted"
    is_compiled = is_a(module, "torch._dynamo.eval_frame", "OptimizedModule")
    is_compiled = is_compiled or getattr(module, "_compiled_call_impl", None) is not None
    return "compiled" if is_compiled else "eager"
