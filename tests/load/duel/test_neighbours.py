from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from latprof.load.duel.neighbours import present

WAITING = """
import sys
from latprof.load.duel.neighbours import present

with present():
    print("here", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A temporary folder of this test alone, for processes that it starts too."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def files(temporary):
    return [*(temporary / "latprof-gates").iterdir()]


def started():
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "here\n"
    return process


def test_who_is_alone_sees_nobody_and_leaves_nothing(temporary):
    with present() as presence:
        assert presence.others() == 0
    assert files(temporary) == []


def test_each_learns_of_the_other():
    with present() as first:
        process = started()
        with process:
            assert first.others() == 1
            with present() as third:
                assert third.others() == 2
            assert first.others() == 2
            process.communicate("")
        assert first.others() == 2, "one that has ended was there all the same"


def test_who_was_killed_is_not_there(temporary):
    process = started()
    process.kill()
    process.communicate()
    assert len(files(temporary)) == 1
    with present() as presence:
        assert presence.others() == 0
    assert files(temporary) == []


def test_a_link_is_not_followed(temporary):
    with present():
        target = temporary / "theirs"
        target.write_text("kept")
        (temporary / "latprof-gates" / "x.lock").symlink_to(target)
        with present() as second:
            assert second.others() == 1
        assert target.read_text() == "kept"


def test_without_a_place_nobody_is_known(temporary):
    (temporary / "latprof-gates").write_text("a file")
    with present() as presence:
        assert presence is None


def test_the_error_of_the_block_is_its_own(temporary):
    with pytest.raises(ZeroDivisionError), present():
        raise ZeroDivisionError
    assert files(Path(temporary)) == []
