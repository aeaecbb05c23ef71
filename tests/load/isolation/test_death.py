from __future__ import annotations

import pytest

from latprof.load.isolation.death import Death
from latprof.run.cgroup import oom_kills


@pytest.fixture
def root(tmp_path):
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/box\n")
    (tmp_path / "proc" / "vmstat").write_text("nr_free_pages 5\noom_kill 3\n")
    group = tmp_path / "sys" / "fs" / "cgroup" / "box"
    group.mkdir(parents=True)
    (group / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    return tmp_path


def test_a_kill_for_want_of_memory_is_known_by_the_counts(root):
    death = Death(root)
    assert oom_kills(root) == 4
    assert death.words(-9) == "was killed (SIGKILL), perhaps out of memory"
    events = root / "sys" / "fs" / "cgroup" / "box" / "memory.events"
    events.write_text("low 0\noom 2\noom_kill 2\n")
    assert death.words(-9) == "was killed (SIGKILL): the system was out of memory"
    assert death.words(-11) == "was ended by SIGSEGV"
    assert death.words(0) == "ended with exit code 0"
    assert death.words(-200) == "was ended by signal 200"


def test_counts_of_version_1(tmp_path):
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("4:memory:/box\n")
    group = tmp_path / "sys" / "fs" / "cgroup" / "memory" / "box"
    group.mkdir(parents=True)
    (group / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert oom_kills(tmp_path) == 2
    assert oom_kills(tmp_path / "nowhere") == 0
