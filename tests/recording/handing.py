"""Work that a request hands over, and where its spans ended up."""

from __future__ import annotations

import threading


def by_stage(recording):
    return {row["stage"]: row for row in recording.spans()}


def in_request(recording, hand_over, request_id=7):
    """Open a request and a stage, hand work over there, wait for it; return the rows."""
    request = recording.core.Request(request_id)
    with recording.stage("outer"):
        result = hand_over()
    request.close()
    return result, by_stage(recording)


def worker(recording, name="work"):
    def work(*args, **kwargs):
        with recording.stage(name):
            return args, kwargs, threading.current_thread()

    return work


def is_followed(rows, name="work"):
    return (rows[name]["request_id"], rows[name]["parent_id"]) == (7, rows["outer"]["span_id"])
