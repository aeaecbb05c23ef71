"""torch modules, eager, scripted or compiled: their call is the stage `forward`.

Where the weights are on a device that has events, the stage also gets its time there, by the clock
of `deviceclock`; else it is what the call costs the host, which may hand work over and go on.
Nothing here waits for the device. It runs on a simulated accelerator; it has not run on a GPU yet.
"""

from __future__ import annotations

import sys
from typing import Any

from latprof.recording.adapters.arrays import Inputs, named_arrays, type_name
from latprof.recording.adapters.facts import Facts
from latprof.recording.adapters.kinds import is_a
from latprof.recording.adapters.seeing import Call, Place, Seen
from latprof.recording.deviceclock import DeviceClock, EventClock, device_clock

__all__ = ["KNOWN", "Module", "call_path", "clock_of", "is_module", "places"]

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
    return [Place(obj, call_path(obj), Seen("forward", Module(obj).see, clock_of(obj)))]


def clock_of(module: Any) -> DeviceClock | None:
    """Return the clock of the device that a module's weights are on now; None on the CPU.

    A device whose clock would have to wait for it has none here: a user's own loop must run on.
    """
    weight = next(module.parameters(), None)
    if weight is None or weight.device.type in ("cpu", "meta"):
        return None
    clock = device_clock(sys.modules["torch"], weight.device)
    return clock if isinstance(clock, EventClock) else None


class Module:
    """Looks at a torch module and its calls.

    Args:
        module: The module.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._inputs = Inputs()
        self._weights: tuple[str, str] | None = None

    def see(self, facts: Facts, call: Call) -> None:
        """Note a call: its inputs, its output, and the state that it ran in."""
        self._inputs.see(facts, call.given)
        self.see_state(facts, call)

    def see_state(self, facts: Facts, call: Call) -> None:
        """Note all of a call but its inputs."""
        facts.flag("grad_enabled", sys.modules["torch"].is_grad_enabled())
        outputs = [array for _, array in named_arrays(call.result)]
        if outputs:
            facts.word("output_dtype", type_name(outputs[0].dtype))
            facts.flag("grad_graph", any(_has_graph(each) for each in outputs))
        self.see_module(facts)

    def see_module(self, facts: Facts) -> None:
        """Note the module's own state."""
        facts.flag("training", self._module.training)
        dtype, device = self._weights = self._weights or _weights(self._module)
        if dtype:
            facts.word("weights_dtype", dtype)
            facts.word("device", device)


def _has_graph(output: Any) -> bool:
    return bool(getattr(output, "requires_grad", False))


def _weights(module: Any) -> tuple[str, str]:
    """Return (type, device) of most floating-point weights; empty where there are none."""
    sizes: dict[tuple[str, str], int] = {}
    for weight in module.parameters():
        if weight.is_floating_point():
            kind = (type_name(weight.dtype), str(weight.device))
            sizes[kind] = sizes.get(kind, 0) + weight.numel()
    return max(sizes, key=lambda kind: sizes[kind], default=("", ""))
