"""A remote glossary: what film fans' shorthand stands for, one term per HTTP round trip.

The slow variant of the demo asks it term by term, on every request. The server is a process of its
own on the loopback interface, so that the client really waits for a socket and so that nothing of
the server's work is measured as the service's. It sleeps for the time that a database in the next
rack takes to answer.

The file is also the server's program: `python lookup.py DELAY_S`. It prints its port and serves
until its standard input ends, which is when the parent closes it or dies, however it dies.
"""

from __future__ import annotations

import http.client
import socketserver
import subprocess
import sys
import threading
import time
import weakref
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import IO
from urllib.parse import quote, unquote

__all__ = ["GLOSSARY", "LookupServer"]

HOST = "127.0.0.1"
ROUND_TRIP_S = 0.018  # what the server waits before it answers
ANSWER_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0

GLOSSARY = {
    "afaik": "as far as I know",
    "afair": "as far as I remember",
    "asap": "as soon as possible",
    "b/c": "because",
    "b/w": "black and white",
    "biopic": "film of a life",
    "btw": "by the way",
    "cgi": "computer effects",
    "dop": "director of photography",
    "eta": "time of arrival",
    "fwiw": "for what it is worth",
    "fx": "special effects",
    "fyi": "for your information",
    "iirc": "if I remember correctly",
    "imho": "in my opinion",
    "imo": "in my opinion",
    "irl": "in real life",
    "mins": "minutes",
    "ost": "music",
    "pov": "point of view",
    "rom-com": "romantic comedy",
    "sci-fi": "science fiction",
    "sfx": "special effects",
    "tbh": "to be honest",
    "thx": "thanks",
    "vfx": "visual effects",
    "w/": "with",
    "w/o": "without",
    "yr": "year",
    "yrs": "years",
}


class LookupServer:
    """The glossary server's process, and the client's side of it.

    Args:
        round_trip_s: How long the server waits before each answer, in seconds.

    Attributes:
        port: Where it listens on 127.0.0.1; the system chose it.

    Raises:
        OSError: The process cannot be started.
    """

    def __init__(self, round_trip_s: float = ROUND_TRIP_S) -> None:
        # -I: neither the folder of this file nor the caller's environment decides what it imports
        command = [sys.executable, "-I", __file__, str(round_trip_s)]
        process = subprocess.Popen(  # noqa: S603 (our own file)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # an interrupt from the keyboard is for the caller alone
        )
        # runs once: by close(), when this object is collected, or when the interpreter exits
        self._stop = weakref.finalize(self, _stop, process)
        answer = _pipe(process.stdout).readline()
        if not answer:
            self.close()
            raise OSError(f"the glossary server did not start: {' '.join(command)}")
        self.port = int(answer)

    def look_up(self, term: str) -> str:
        """Ask for one term and wait for the answer, over a connection of its own.

        Args:
            term: In lower case.

        Returns:
            What the term stands for, or the term itself when the glossary does not have it.

        Raises:
            OSError: The server is gone, or did not answer within ANSWER_TIMEOUT_S.
        """
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.request("GET", f"/terms/{quote(term, safe='')}")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def close(self) -> None:
        """End the process and wait for it; closing twice is fine."""
        self._stop()

    def __enter__(self) -> LookupServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let the process end by itself at the end of its input, else kill it."""
    _pipe(process.stdin).close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _pipe(process.stdout).close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """The pipe that Popen was asked for, which its type leaves optional."""
    if stream is None:
        raise OSError("the glossary server was started without pipes")
    return stream


class _Handler(BaseHTTPRequestHandler):
    """`GET /terms/TERM`: the meaning as plain text."""

    wbufsize = -1  # head and body in one packet: two would wait for a delayed acknowledgement
    round_trip_s = ROUND_TRIP_S

    def do_GET(self) -> None:
        time.sleep(self.round_trip_s)
        term = unquote(self.path.removeprefix("/terms/"))
        meaning = GLOSSARY.get(term, term).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(meaning)))
        self.end_headers()
        self.wfile.write(meaning)

    def log_message(self, *arguments: object) -> None:
        """Keep quiet: the terminal belongs to the caller."""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128  # the default of five turns a burst of callers away

    def handle_error(self, *arguments: object) -> None:
        """Keep quiet here too: a caller that hung up is no news."""


def _serve(round_trip_s: float) -> None:
    """Serve on a free port of the loopback interface until standard input ends."""
    _Handler.round_trip_s = round_trip_s
    with _Server((HOST, 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)  # noqa: T201 (the parent reads it)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
