"""A double of `pynvml` with one GPU, which says what it is told to."""

from __future__ import annotations

from types import SimpleNamespace


class NVMLError(Exception):
    """As the library raises it."""


def unknown(*_):
    raise NVMLError("Not Supported")


def make(uuid="GPU-abc", reasons=(0,), **facts):
    """Return the module; `reasons` are its answers one after the other, the last one for ever."""
    answers = list(reasons)

    def handle(asked):
        if asked != uuid:
            raise NVMLError("Not Found")
        return "handle"

    def mask(_):
        return answers.pop(0) if len(answers) > 1 else answers[0]

    functions = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetHandleByUUID": handle,
        "nvmlDeviceGetName": lambda _: "GPU X",
        "nvmlSystemGetDriverVersion": lambda: "999.1",
        "nvmlDeviceGetClockInfo": lambda _, kind: {0: 1410, 2: 1215}[kind],
        "nvmlDeviceGetTemperature": lambda *_: 41,
        "nvmlDeviceGetPowerUsage": lambda _: 61_500,
        "nvmlDeviceGetEnforcedPowerLimit": lambda _: 300_000,
        "nvmlDeviceGetPerformanceState": lambda _: 0,
        "nvmlDeviceGetCurrentClocksEventReasons": mask,
        **facts,
    }
    known = {name: function for name, function in functions.items() if function is not None}
    return SimpleNamespace(
        NVMLError=NVMLError,
        NVML_CLOCK_SM=0,
        NVML_CLOCK_MEM=2,
        NVML_TEMPERATURE_GPU=0,
        **known,
    )
