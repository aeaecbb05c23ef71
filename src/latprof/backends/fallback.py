"""No silent fallback: ONNX Runtime computes where it was asked to, or loading fails.

Asked for CUDA and unable to load it, ONNX Runtime makes a session on the CPU without a Python
warning; `get_available_providers()` lists the provider all the same, and `disable_fallback()` does
not prevent it. So, in this order: (a) the provider must be compiled in; (b) it is asked for alone,
with `session.disable_cpu_ep_fallback`; (c) the session must name it first; (d) no node may be
assigned elsewhere; (e) nor, in a profiled run, have run elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from latprof.backends.placement import Node, assigned, elsewhere
from latprof.errors import BackendUnavailable, FallbackDetected

__all__ = ["CPU", "FORBID_CPU", "check_nodes", "check_session", "require_provider"]

CPU = "CPUExecutionProvider"
FORBID_CPU = "session.disable_cpu_ep_fallback"

SHOWN = 5  # nodes that a message names; the error holds them all


def require_provider(runtime: Any, provider: str) -> None:
    """Step (a): refuse a provider that this build of ONNX Runtime does not have.

    Raises:
        BackendUnavailable: It does not.
    """
    available = runtime.get_available_providers()
    if provider not in available:
        raise BackendUnavailable(
            f"this build of onnxruntime {runtime.__version__} has no {provider}, only "
            f"{', '.join(available)}: for CUDA, pip uninstall onnxruntime and "
            "pip install onnxruntime-gpu"
        )


def check_session(session: Any, provider: str, *, allow_cpu_nodes: bool) -> None:
    """Steps (c) and (d): refuse a session that computes elsewhere.

    Args:
        session: Made with `placement.RECORD_ASSIGNMENT`.
        provider: The one asked for.
        allow_cpu_nodes: Whether some nodes may run on the CPU, as shape arithmetic often does.

    Raises:
        FallbackDetected: The session is on another provider, or some of its nodes are.
    """
    actual = session.get_providers()
    if not actual or actual[0] != provider:
        raise FallbackDetected(
            f"asked for {provider}, and onnxruntime gives {', '.join(actual) or 'nothing'}: "
            "its libraries for CUDA do not load; see what it wrote to stderr"
        )
    check_nodes(assigned(session) or (), provider, allow_cpu_nodes=allow_cpu_nodes)


def check_nodes(nodes: Iterable[Node], provider: str, *, allow_cpu_nodes: bool) -> None:
    """Steps (d) and (e): refuse nodes that run elsewhere.

    Raises:
        FallbackDetected: Some do and may not, or all of them do.
    """
    nodes = tuple(nodes)
    strays = elsewhere(nodes, provider)
    if not strays or (allow_cpu_nodes and len(strays) < len(nodes)):
        return
    names = tuple(str(node) for node in strays)
    shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    raise FallbackDetected(
        f"asked for {provider}, and {len(strays)} of {len(nodes)} nodes run elsewhere: {shown}; "
        "allow_cpu_nodes=True accepts some",
        names,
    )
