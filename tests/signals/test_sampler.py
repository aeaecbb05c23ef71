from __future__ import annotations

import gc
import threading

import pytest

from latprof.signals.process import ProcessSignals
from latprof.signals.sampler import Sampler


class Broken(ProcessSignals):
    def read(self):
        raise OSError("no signals today")


@pytest.fixture
def sampler():
    sampler = Sampler(lambda: 7)
    sampler.start()
    yield sampler
    sampler.stop()


def test_a_sample_is_columns_of_one_length(sampler):
    rows = sampler.rows()
    codes, names = rows["signal"]
    assert len(codes) == len(rows["time_ns"]) == len(rows["value"]) > 0
    assert set(rows["time_ns"]) == {7}
    assert {"process_cpu_s", "allocated_blocks"} <= {names[code] for code in codes}


def test_facts_for_run_json(sampler):
    sampler.rows()
    facts = sampler.facts()
    assert set(facts) == {"signals_absent", "pools"}
    assert "process_cpu_s" not in facts["signals_absent"]


@pytest.mark.parametrize("broken", [Broken, lambda **_: 1 / 0])
def test_without_signals_a_recording_goes_on(broken):
    before = list(gc.callbacks), threading.active_count()
    sampler = Sampler(lambda: 7, lambda now_ns: broken(now_ns=now_ns))
    sampler.start()
    rows = sampler.rows()
    sampler.stop()
    assert rows == {"time_ns": [], "signal": ([], []), "value": []}
    assert sampler.facts()["signals_absent"]["*"]
    assert (list(gc.callbacks), threading.active_count()) == before
