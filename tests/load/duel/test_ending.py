"""A duel that is ended from outside keeps what it has, or leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import latprof
from latprof.load.duel.model import open_duel

SOURCE = str(Path(latprof.__file__).parents[1])
HANGING = """
import latprof, numpy
latprof.duel({"a": "arms:double", "b": "arms:Hangs"}, [{"x": numpy.ones(1)}], progress=False)
"""


class Pressed:
    """Answers, and presses Ctrl-C in a given call."""

    def __init__(self, call):
        self.left = call

    def __call__(self, x):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return {"y": x["x"] * 2}


def in_rounds(monkeypatch, contender, number):
    """Press Ctrl-C when an arm is asked for its `number`-th round of all starts."""
    from latprof.load.duel import turns

    asked, plain = [], turns.Contender.round

    def pressed(self, *given):
        if self.arm.name == contender:
            asked.append(1)
            if len(asked) == number:
                raise KeyboardInterrupt
        return plain(self, *given)

    monkeypatch.setattr(turns.Contender, "round", pressed)


HERE = {"a": lambda x: {"y": x["x"] * 2}, "b": lambda x: {"y": x["x"] + x["x"]}}
SPAWNED = {"a": "arms:double", "b": "arms:also_double"}


@pytest.mark.parametrize("out", [None, "kept"])
def test_ctrl_c_keeps_the_rounds_so_far(held, monkeypatch, out):
    in_rounds(monkeypatch, "b", 9)
    duel = held(HERE, rounds=20, out=out)
    assert duel.manifest.interrupted == 8
    assert duel.latencies("a").shape == duel.latencies("b").shape == (1, 8, 5)
    assert len(duel.calls) == 2 * 8 * 5
    assert duel.verdict.startswith("interrupted after 8 of 20 rounds; b ")
    assert duel.judgement.outcome == "inconclusive"
    assert out is None or open_duel(out).verdict == duel.verdict


def test_too_few_rounds_give_no_speed_up(held, monkeypatch):
    in_rounds(monkeypatch, "b", 3)
    duel = held(HERE, rounds=20)
    assert duel.verdict == "interrupted after 2 of 20 rounds; b: outputs agree"
    assert duel.table()["speedup"].tolist()[0] == 1.0
    assert duel.table()["speedup"].isna().tolist() == [False, True]
    assert "interrupted after 2 of 20 rounds" in duel._repr_html_()


def test_ctrl_c_in_a_later_start_keeps_the_starts_before(held, monkeypatch, workplace):
    in_rounds(monkeypatch, "b", 9)
    duel = held(SPAWNED, starts=2, out="kept")
    assert duel.manifest.interrupted == 8
    assert duel.latencies("b").shape == (1, 6, 5)
    assert len(duel.calls) == 2 * 8 * 5
    assert open_duel("kept").table().equals(duel.table())
    assert not psutil.Process().children(recursive=True)


def test_ctrl_c_before_the_first_round_is_ctrl_c(held, workplace):
    with pytest.raises(KeyboardInterrupt):
        held({"a": Pressed(2), "b": len}, out="kept")
    assert not (workplace / "kept").exists()


def test_wrong_outputs_are_still_told_after_ctrl_c(held, monkeypatch):
    in_rounds(monkeypatch, "b", 9)
    duel = held({"a": "arms:double", "b": "arms:treble"}, rounds=20)
    assert duel.judgement.outcome == "outputs disagree"


def processes(folder):
    lines = (folder / "children").read_text().splitlines() if (folder / "children").exists() else []
    return [pid for line in lines for pid in map(int, line.split()) if is_alive(pid)]


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("press", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_is_left_however_the_duel_is_ended(workplace, press):
    if press is signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells a process that its parent has died")
    temporary = workplace / "temporary"
    temporary.mkdir()
    handled = "import signal; signal.signal(2, signal.default_int_handler)\n"
    duel = subprocess.Popen(
        [sys.executable, "-c", handled + HANGING],
        env={**os.environ, "PYTHONPATH": SOURCE, "TMPDIR": str(temporary)},
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: processes(workplace))
    arms = psutil.Process(duel.pid).children()
    time.sleep(0.5)  # into the warm-up, where the arm hangs
    duel.send_signal(press)
    assert duel.wait(30) == (-press if press is not signal.SIGINT else duel.returncode)
    wait_until(lambda: not any(is_alive(arm.pid) for arm in arms))
    if press is not signal.SIGKILL:  # a killed one cannot look after its grandchildren
        wait_until(lambda: not processes(workplace))
        assert list(temporary.iterdir()) == []
    for pid in processes(workplace):
        os.kill(pid, signal.SIGKILL)
