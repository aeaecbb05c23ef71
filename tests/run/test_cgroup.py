from __future__ import annotations

import pytest

from latprof.run.cgroup import memory_limit_bytes, quota_cpus


@pytest.fixture
def tree(tmp_path):
    """Write files of a small /proc and /sys; return where they are."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


TOP = "sys/fs/cgroup"
V2 = {"proc/self/cgroup": "0::/user.slice/app.service\n"}
V1 = {"proc/self/cgroup": "4:memory:/job\n3:cpu,cpuacct:/job\n1:name=systemd:/x\n"}


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({**V2, f"{TOP}/user.slice/app.service/cpu.max": "150000 100000"}, 1.5),
        ({**V2, f"{TOP}/user.slice/app.service/cpu.max": "max 100000"}, None),
        # Any group above may be the narrowest.
        (
            {
                **V2,
                f"{TOP}/user.slice/app.service/cpu.max": "400000 100000",
                f"{TOP}/user.slice/cpu.max": "50000 100000",
            },
            0.5,
        ),
        # A container that sees the path of the host has its own limit at its top.
        ({"proc/self/cgroup": "0::/docker/abc", f"{TOP}/cpu.max": "200000 100000"}, 2.0),
        ({"proc/self/cgroup": "0::/", f"{TOP}/unified/cpu.max": "200000 100000"}, 2.0),
        (
            {
                **V1,
                f"{TOP}/cpu,cpuacct/job/cpu.cfs_quota_us": "50000",
                f"{TOP}/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
            },
            0.5,
        ),
        (
            {
                **V1,
                f"{TOP}/cpu/job/cpu.cfs_quota_us": "300000",
                f"{TOP}/cpu/job/cpu.cfs_period_us": "100000",
            },
            3.0,
        ),
        (
            {
                **V1,
                f"{TOP}/cpu/job/cpu.cfs_quota_us": "-1",
                f"{TOP}/cpu/job/cpu.cfs_period_us": "100000",
            },
            None,
        ),
        ({**V2, f"{TOP}/cpu.max": "100000 0"}, None),
        ({**V2, f"{TOP}/cpu.max": "nan nan"}, None),
        ({**V2, f"{TOP}/cpu.max": "x"}, None),
        (V2, None),
        ({}, None),
    ],
)
def test_quota(tree, files, cpus):
    assert quota_cpus(tree(files)) == cpus


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({**V2, f"{TOP}/user.slice/app.service/memory.max": "1073741824\n"}, 1 << 30),
        ({**V2, f"{TOP}/user.slice/app.service/memory.max": "max\n"}, None),
        ({**V2, f"{TOP}/user.slice/memory.max": "4096\n"}, 4096),
        ({**V1, f"{TOP}/memory/job/memory.limit_in_bytes": "2048\n"}, 2048),
        ({**V1, f"{TOP}/memory/job/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({}, None),
    ],
)
def test_memory_limit(tree, files, limit):
    assert memory_limit_bytes(tree(files)) == limit
