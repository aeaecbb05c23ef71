"""How an ONNX Runtime session is asked for, so that it computes where it should or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from latprof.backends.fallback import CPU, FORBID_CPU, check_session
from latprof.backends.placement import RECORD_ASSIGNMENT
from latprof.backends.runtime import one_line
from latprof.errors import BackendUnavailable, FallbackDetected, ModelFormatError, UsageError

__all__ = [
    "EXECUTIONS",
    "OPTIMIZATIONS",
    "Plan",
    "execution_of",
    "provider_options",
    "without_waiting",
]

OPTIMIZATIONS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
EXECUTIONS = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}
# Ahead of what is wrong: lines of its source, as many as it went through.
_SOURCE = re.compile(r"^.*\[ONNXRuntimeError\] : \d+ : \w+ : ", re.DOTALL)
_OF_THE_DEVICE = re.compile("CUDA failure|Available memory of|out of memory")
ERRORS_ONLY = 3  # of its log levels; warnings of each optimisation would drown the rest


@dataclass(frozen=True)
class Plan:
    """What a session was asked to be.

    Attributes:
        file: The model.
        provider: The execution provider.
        device_id: Which of its devices.
        threads: Inside one operator; None for ONNX Runtime's choice.
        inter_threads: Across operators, with parallel execution.
        spinning: Whether idle threads spin; None for ONNX Runtime's choice.
        optimization: A key of OPTIMIZATIONS.
        execution: A key of EXECUTIONS.
        provider_options: Passed to the provider.
        allow_cpu_nodes: Whether a device may leave nodes to the CPU.
    """

    file: Path
    provider: str
    device_id: int
    threads: int | None
    inter_threads: int | None
    spinning: bool | None
    optimization: str
    execution: str
    provider_options: Mapping[str, Any]
    allow_cpu_nodes: bool

    def session(self, runtime: Any, profile: Path | None = None) -> Any:
        """Make the session.

        Args:
            runtime: The imported package.
            profile: Prefix of the profile to write, where one is wanted.

        Raises:
            FallbackDetected: It would compute elsewhere.
            UsageError: The provider refuses one of its options.
            BackendUnavailable: The provider cannot be set up.
            ModelFormatError: The model cannot be loaded.
        """
        try:
            session = self._made(runtime, profile)
        except Exception as error:
            if self.provider != CPU and "CPU EP" in str(error):
                self._tell_fallback(runtime)
            raise self._refusal(error) from error
        check_session(session, self.provider, allow_cpu_nodes=self.allow_cpu_nodes)
        return session

    def _made(self, runtime: Any, profile: Path | None = None) -> Any:
        options = self._session_options(runtime)
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile)
        return runtime.InferenceSession(
            str(self.file), options, providers=[self._asked()], enable_fallback=0
        )

    def _tell_fallback(self, runtime: Any) -> None:
        """Let a session fall back after all, to name the nodes in the error that this raises."""
        relaxed = replace(self, allow_cpu_nodes=True)
        session = relaxed._made(runtime)  # noqa: SLF001 - a plan of our own kind
        check_session(session, self.provider, allow_cpu_nodes=False)

    def _asked(self) -> Any:
        if self.provider == CPU:
            return CPU
        options = {"device_id": self.device_id, **self.provider_options}
        return self.provider, {key: str(value) for key, value in options.items()}

    def _session_options(self, runtime: Any) -> Any:
        options = runtime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        options.intra_op_num_threads = self.threads or 0
        options.inter_op_num_threads = self.inter_threads or 0
        options.graph_optimization_level = getattr(
            runtime.GraphOptimizationLevel, OPTIMIZATIONS[self.optimization]
        )
        options.execution_mode = getattr(runtime.ExecutionMode, EXECUTIONS[self.execution])
        options.add_session_config_entry(RECORD_ASSIGNMENT, "1")
        if self.spinning is not None:
            for pool in ("intra_op", "inter_op"):
                key = f"session.{pool}.allow_spinning"
                options.add_session_config_entry(key, str(int(self.spinning)))
        if self.provider != CPU and not self.allow_cpu_nodes:
            options.add_session_config_entry(FORBID_CPU, "1")
        return options

    def _refusal(self, error: Exception) -> Exception:
        text = one_line(Exception(_SOURCE.sub("", str(error))))
        if self.provider != CPU and "CPU EP" in text:
            return FallbackDetected(f"asked for {self.provider}: {text}")
        # The option of the device is ours, the others are the user's.
        if "provider option" in text and '"device_id"' not in text:
            return UsageError(f"{self.provider} refuses an option: {text}")
        # A refused fallback of its own is a plain RuntimeError; CUDA's errors say so in words.
        if self.provider != CPU and (type(error) is RuntimeError or _OF_THE_DEVICE.search(text)):
            return BackendUnavailable(f"{self.provider} cannot be set up: {text}")
        return ModelFormatError(self.file, f"onnxruntime cannot load it: {text}")


def provider_options(session: Any, plan: Plan) -> dict[str, Any]:
    """Return what `describe()` says of the provider's options, as read back from the session.

    `options_not_taken` holds what was asked and is not in force, as asked; `tf32` is None where
    the provider has no such option.
    """
    actual = session.get_provider_options().get(plan.provider, {})
    asked = {key: str(value) for key, value in plan.provider_options.items()}
    tf32 = actual.get("use_tf32")
    return {
        "provider_options": actual,
        "options_not_taken": {
            key: value
            for key, value in asked.items()
            if _spelled(actual.get(key, "")) != _spelled(value)
        },
        "tf32": None if tf32 is None else _spelled(tf32) == "1",
    }


def _spelled(value: str) -> str:
    """Return an option's value in one spelling: ONNX Runtime writes some truths as numbers."""
    return {"true": "1", "false": "0"}.get(value.lower(), value)


def without_waiting(runtime: Any) -> Any:
    """Return options of a run that returns before the device has done it."""
    options = runtime.RunOptions()
    options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    return options


def execution_of(session: Any) -> str:
    """Return the execution mode in force: with one thread across, parallel becomes sequential."""
    mode = session.get_session_options().execution_mode.name
    return next(word for word, name in EXECUTIONS.items() if name == mode)
