from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from latprof.run import machine

CPUINFO = """processor\t: 0
model name\t: Model A
flags\t\t: fpu hypervisor
physical id\t: 0
core id\t: 0
cpu MHz\t: 2500.5

processor\t: 1
model name\t: Model A
physical id\t: 0
core id\t: 0

processor\t: 2
physical id\t: 0
core id\t: 1

processor\t: 3
physical id\t: 0
core id\t: 1
"""
FREQUENCY = "sys/devices/system/cpu/cpu{}/cpufreq/{}"
FILES = {
    "proc/cpuinfo": CPUINFO,
    "proc/self/status": "Name:\tpython\nCpus_allowed:\tf\nCpus_allowed_list:\t0-1,3\n",
    "proc/self/cgroup": "0::/",
    "proc/meminfo": "MemTotal:  16 kB\nMemFree: 1 kB\nMemAvailable:   8 kB\n",
    "sys/fs/cgroup/cpu.max": "250000 100000",
    FREQUENCY.format(0, "scaling_governor"): "powersave\n",
    FREQUENCY.format(1, "scaling_governor"): "performance\n",
    FREQUENCY.format(0, "scaling_max_freq"): "3600000\n",
    "proc/driver/nvidia/version": "NVRM version: Kernel Module for x86_64  580.15.04  Release\n",
    "proc/driver/nvidia/gpus/0000:00:06.0/information": "Model: \t\t NVIDIA X\nIRQ:  7\n",
    "etc/os-release": 'NAME="x"\nPRETTY_NAME="Some Linux 12"\n',
}


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_cpu(root):
    assert machine.cpu(root) == {
        "model": "Model A",
        "logical_cores": 4,
        "physical_cores": 2,
        "affinity_cpus": 3,
        "quota_cpus": 2.5,
        "usable_cpus": 2.5,
        "governor": "performance, powersave",
        "frequency_mhz": 2500.5,
        "maximum_mhz": 3600.0,
        "virtual": True,
    }


def test_affinity_may_be_the_narrower(root):
    (root / "sys/fs/cgroup/cpu.max").write_text("800000 100000")
    assert machine.cpu(root)["usable_cpus"] == 3


def test_a_processor_that_names_no_cores_has_siblings(root):
    (root / "proc/cpuinfo").write_text("processor\t: 0\n\nprocessor\t: 1\n")
    for cpu, siblings in ((0, "0-1"), (1, "0-1")):
        path = root / f"sys/devices/system/cpu/cpu{cpu}/topology/core_cpus_list"
        path.parent.mkdir(parents=True)
        path.write_text(siblings)
    known = machine.cpu(root)
    assert (known["logical_cores"], known["physical_cores"]) == (2, 1)


def test_memory(root):
    assert machine.memory(root) == {
        "total_bytes": 16 << 10,
        "available_bytes": 8 << 10,
        "limit_bytes": None,
    }


def test_gpus(root, tmp_path_factory):
    assert machine.gpus(root) == [{"model": "NVIDIA X", "driver": "580.15.04"}]
    (root / "proc/driver/nvidia/version").write_text("of another form")
    assert machine.gpus(root) == [{"model": "NVIDIA X", "driver": None}]
    assert machine.gpus(tmp_path_factory.mktemp("none")) == []


def test_system(root):
    assert machine.system(root)["distribution"] == "Some Linux 12"


@pytest.mark.parametrize(
    ("file", "text", "hint"),
    [
        (".dockerenv", "", "docker"),
        ("run/.containerenv", "", "podman"),
        ("proc/self/cgroup", "0::/kubepods/pod1", "kubepods"),
        ("proc/self/cgroup", "0::/user.slice", None),
    ],
)
def test_container(root, monkeypatch, file, text, hint):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    (root / file).parent.mkdir(exist_ok=True)
    (root / file).write_text(text)
    assert machine.system(root)["container"] == hint


def test_kubernetes_says_so(root, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert machine.system(root)["container"] == "kubernetes"


def test_without_proc_the_library_is_asked(tmp_path):
    assert machine.cpu(tmp_path)["logical_cores"] >= 1
    assert machine.cpu(tmp_path)["usable_cpus"] >= 1
    assert machine.memory(tmp_path)["total_bytes"] > 0


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(FILES)), st.binary(max_size=60)))
def test_files_of_any_content_only_leave_facts_out(tmp_path_factory, files):
    root = tmp_path_factory.getbasetemp() / "odd"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(files.get(name, text.encode()))
    usable = machine.cpu(root)["usable_cpus"]
    assert usable is None or usable > 0
    assert set(machine.memory(root)) == {"total_bytes", "available_bytes", "limit_bytes"}
    assert set(machine.system(root)) >= {"os", "kernel", "container"}
