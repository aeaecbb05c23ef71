from __future__ import annotations

import pytest

from latprof.signals import pressure

CONTENT = """some avg10=0.00 avg60=0.22 avg300=0.72 total=96602971
full avg10=0.05 avg60=0.15 avg300=0.45 total=61005242
"""


def test_the_total_of_some_is_told_in_seconds(tmp_path):
    folder = tmp_path / "proc/pressure"
    folder.mkdir(parents=True)
    for name in ("cpu", "io"):
        (folder / name).write_text(CONTENT)
    found = pressure.read(tmp_path)
    assert found == {"pressure_cpu_some_s": 96.602971, "pressure_io_some_s": 96.602971}


@pytest.mark.parametrize("content", ["", "full total=3\n", "some total=much\n", "\0"])
def test_what_cannot_be_understood_is_absent(tmp_path, content):
    folder = tmp_path / "proc/pressure"
    folder.mkdir(parents=True)
    (folder / "cpu").write_text(content)
    assert pressure.read(tmp_path) == {}


def test_a_system_without_it_has_none(tmp_path):
    assert pressure.read(tmp_path) == {}
