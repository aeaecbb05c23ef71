"""The glossary server: its answers, and its end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import pytest

from latprof.demo.lookup import GLOSSARY, HOST, LookupServer

DEADLINE_S = 10.0


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _stops_listening(port: int) -> bool:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if not _listens(port):
            return True
        time.sleep(0.02)
    return False


def test_every_term_has_its_meaning() -> None:
    with LookupServer(round_trip_s=0.0) as server:
        assert {term: server.look_up(term) for term in GLOSSARY} == GLOSSARY


def test_an_unknown_term_comes_back_as_it_is() -> None:
    with LookupServer(round_trip_s=0.0) as server:
        assert server.look_up("naïve/film?") == "naïve/film?"


def test_an_answer_takes_a_round_trip() -> None:
    with LookupServer(round_trip_s=0.05) as server:
        started = time.perf_counter()
        server.look_up("imho")
        assert time.perf_counter() - started >= 0.05


def test_close_ends_the_server_and_may_be_called_twice() -> None:
    server = LookupServer(round_trip_s=0.0)
    assert _listens(server.port)
    server.close()
    server.close()
    assert not _listens(server.port)
    with pytest.raises(ConnectionRefusedError):
        server.look_up("imho")


def test_a_forgotten_server_ends_with_its_last_reference() -> None:
    server = LookupServer(round_trip_s=0.0)
    port = server.port
    del server
    assert not _listens(port)


@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_the_server_does_not_outlive_its_parent(end: str) -> None:
    script = (
        "import os, signal\n"
        "from latprof.demo.lookup import LookupServer\n"
        "server = LookupServer(0.0)\n"
        "print(server.port, flush=True)\n"
        f"{end}\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{script}"],
        check=False,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    assert parent.returncode in (0, -signal.SIGKILL)
    assert _stops_listening(int(parent.stdout))
