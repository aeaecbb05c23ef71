from __future__ import annotations

import pytest

from latprof.cli.checks import cores
from latprof.cli.checks.check import State

CPUINFO = "\n\n".join(
    f"processor\t: {n}\nmodel name\t: Test CPU\nflags\t\t: fpu {{virtual}}" for n in range(8)
)


@pytest.fixture
def machine(tmp_path):
    """A root folder of a machine with eight cores."""

    def build(allowed="0-7", quota="max", governor="", pressure="", *, virtual=False):
        files = {
            "proc/cpuinfo": CPUINFO.format(virtual="hypervisor" if virtual else ""),
            "proc/self/status": f"Name:\tpython\nCpus_allowed_list:\t{allowed}\n",
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cpu.max": f"{quota} 100000\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": governor,
            "proc/pressure/cpu": pressure,
        }
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content:
                path.write_text(content)
        return tmp_path

    return build


def test_all_cores(machine):
    check = cores.usable(machine())
    assert check.state is State.OK
    assert check.finding == "8 usable of 8, no affinity, no quota"


def test_affinity_takes_cores_away(machine):
    check = cores.usable(machine(allowed="2-5"))
    assert check.state is State.OK
    assert check.finding == "4 usable of 8, affinity 4"


def test_a_quota_asks_for_smaller_thread_pools(machine):
    check = cores.usable(machine(quota="250000"))
    assert check.state is State.NOTE
    assert check.finding == "2.5 usable of 8, quota 2.5"
    assert "2 threads" in check.next_step


def test_a_quota_below_one_core_still_leaves_one_thread(machine):
    assert "1 threads" in cores.usable(machine(quota="50000")).next_step


def test_one_core_is_not_enough_for_load_and_service(machine):
    assert cores.usable(machine(allowed="3")).state is State.NOTE


def test_nothing_known(tmp_path):
    (tmp_path / "proc").mkdir()
    assert cores.usable(tmp_path).state is State.NOTE


@pytest.mark.parametrize(
    ("governor", "state"), [("performance", State.OK), ("powersave", State.NOTE)]
)
def test_a_governor_other_than_performance_is_noted(machine, governor, state):
    check = cores.frequency(machine(governor=governor))
    assert check.state is state
    assert governor in check.finding


def test_no_governor_in_a_virtual_machine(machine):
    check = cores.frequency(machine(virtual=True))
    assert check.state is State.OK
    assert check.finding.endswith("a virtual machine")


@pytest.mark.parametrize(("average", "state"), [("0.10", State.OK), ("37.50", State.NOTE)])
def test_busy_neighbours_are_noted(machine, average, state):
    pressure = f"some avg10={average} avg60=1.00 avg300=1.00 total=12345\nfull avg10=90.00\n"
    check = cores.neighbours(machine(pressure=pressure))
    assert check.state is state
    assert f"{float(average):.1f} %" in check.finding


def test_no_pressure_information_is_noted(machine):
    assert cores.neighbours(machine()).state is State.NOTE
