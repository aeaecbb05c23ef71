"""A run with two requests and what was sampled of their threads."""

from __future__ import annotations

import numpy as np

from latprof.run.recover import finish
from latprof.run.spool import Spool
from latprof.run.stackspool import FILE, Sample, line_of
from latprof.run.vocabulary import STATUSES

__all__ = ["APP", "made", "rows"]

APP = "main (/srv/app/main.py:1);serve (/srv/app/main.py:2)"
_LOADS = "loads (/usr/lib/python3.11/json/__init__.py:346)"


def rows():
    """Six samples that hold the GIL, three that wait, one outside all stages, one beside."""
    return [
        *[(121, 7, "gil", f"{APP};<b>encode (/srv/app/tokens.py:4);{_LOADS}")] * 6,
        *[(121, 7, "off", f"{APP};<b>encode (/srv/app/tokens.py:9)")] * 3,
        (190, 7, "cpu", APP),
        (120, 9, "gil", "spin (/srv/app/hog.py:4)"),
    ]


def made(folder, samples):
    """Return a run: two workers, spans `outer`, in it `inner`, and `other`; and the samples."""
    spool = Spool(folder, {"target": "<service>"})
    spool.append_requests(
        {
            "request_id": [0, 1],
            "intended_ns": [100, 150],
            "started_ns": [100, 150],
            "finished_ns": [200, 250],
            "status": ([0, 0], list(STATUSES)),
            "error": ([-1, -1], []),
            "worker": [0, 1],
            "batch_id": [-1, -1],
            "attributes": [None, None],
        }
    )
    unknown = np.full(3, -1)
    spool.append_spans(
        {
            "request_id": [0, 0, 1],
            "span_id": [0, 1, 2],
            "parent_id": [-1, 0, -1],
            "stage": ([0, 1, 2], ["outer", "inner", "other"]),
            "start_ns": [110, 120, 160],
            "end_ns": [180, 140, 170],
            **dict.fromkeys(("cpu_ns", "runqueue_ns", "device_ns", "issue_ns"), unknown),
            "thread_id": [7, 7, 8],
            "error": np.zeros(3, bool),
        }
    )
    spool.close({})
    taken = [
        Sample(*each[:2], "t", each[2] == "cpu", each[2] == "gil", each[3]) for each in samples
    ]
    (folder / FILE).write_text("".join(line_of([sample]) for sample in taken))
    return finish(folder)
