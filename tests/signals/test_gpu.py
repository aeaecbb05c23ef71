from __future__ import annotations

from types import SimpleNamespace

from latprof.signals.gpu import Gpus


def with_driver(root):
    (root / "proc/driver/nvidia").mkdir(parents=True)
    (root / "proc/driver/nvidia/version").write_text("NVRM version\n")


def fail(*_):
    raise ImportError


def refuse(*_):
    raise RuntimeError("Driver/library version mismatch")


def nvml(**more):
    answers = {
        "NVML_CLOCK_SM": 1,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUtilizationRates": lambda _: SimpleNamespace(gpu=25),
        "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(used=1 << 20),
        "nvmlDeviceGetClockInfo": lambda *_: 1500,
    }
    return SimpleNamespace(**answers | more)


def test_without_a_driver_nothing_is_imported(tmp_path):
    gpus = Gpus(tmp_path, load=refuse)
    assert gpus.read() == {}
    assert gpus.absent == {"gpu*": "no NVIDIA driver"}


def test_what_a_gpu_tells_and_what_it_does_not(tmp_path):
    with_driver(tmp_path)
    found = Gpus(tmp_path, load=nvml).read()
    assert found["gpu0_busy_share"] == 0.25
    assert found["gpu0_clock_hz"] == 1.5e9
    assert "gpu0_power_w" not in found


def test_without_the_library_the_reason_names_it(tmp_path):
    with_driver(tmp_path)
    assert "nvidia-ml-py" in Gpus(tmp_path, load=fail).absent["gpu*"]


def test_a_driver_in_trouble_is_a_reason(tmp_path):
    with_driver(tmp_path)
    gpus = Gpus(tmp_path, load=lambda: nvml(nvmlInit=refuse))
    assert "mismatch" in gpus.absent["gpu*"]
    assert gpus.read() == {}
