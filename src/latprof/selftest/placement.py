"""Check 5: ONNX Runtime computes on the device and nowhere else, and refuses when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latprof.errors import BackendUnavailable, FallbackDetected
from latprof.selftest import networks
from latprof.selftest.outcome import Outcome, judged
from latprof.units import counted_text

if TYPE_CHECKING:
    from latprof.selftest.bench import Bench

__all__ = ["no_fallback"]

NOWHERE = "cuda:99"  # a device that no machine has: the provider cannot be set up for it


def no_fallback(bench: Bench, device: str | None = None) -> Outcome:
    """Run each network on the provider asked for; then ask for one that cannot be had.

    Args:
        bench: What is tested.
        device: As ONNX Runtime spells it; that of the bench by default.
    """
    found, problems = {}, []
    for name in networks.NETWORKS:
        try:
            found[name] = _placed(bench, name, device)
        except FallbackDetected as error:
            problems.append(f"{name}: {error}")
        else:
            problems += _misplaced(name, found[name])
    problems += _accepted(bench)
    nodes = sum(each["nodes"] for each in found.values())
    provider = next((each["asked"] for each in found.values()), "no provider")
    finding = (
        f"{counted_text(nodes, 'node')} on {provider} and none elsewhere; {NOWHERE} is refused"
    )
    return judged(finding, problems, found)


def _placed(bench: Bench, name: str, device: str | None) -> dict[str, Any]:
    """Return where a network ran: as the session says, and as a profiled run shows."""
    with bench.model("onnxruntime", name, device) as model:
        said = model.describe()
        inputs = {networks.INPUT: networks.inputs(name, networks.BATCHES[1])}
        try:
            nodes = model.placement(inputs)  # type: ignore[attr-defined]  # a session's model has it
            strays: tuple[str, ...] = ()
        except FallbackDetected as error:
            nodes, strays = (), error.nodes
    return {
        "asked": said["providers"]["asked"][0],
        "actual": said["providers"]["actual"][0],
        "nodes": len(nodes),
        "elsewhere": [*said["nodes_elsewhere"], *strays],
    }


def _misplaced(name: str, found: dict[str, Any]) -> list[str]:
    problems = []
    if found["actual"] != found["asked"]:
        problems.append(f"{name}: asked for {found['asked']}, got {found['actual']}")
    if found["elsewhere"]:
        problems.append(f"{name}: elsewhere run {', '.join(found['elsewhere'])}")
    return problems


def _accepted(bench: Bench) -> list[str]:
    """Return a problem where a device that does not exist is accepted."""
    try:
        bench.model("onnxruntime", "mlp", NOWHERE).close()
    except (BackendUnavailable, FallbackDetected):
        return []
    return [f"a session on {NOWHERE}, which does not exist, was made without an error"]
