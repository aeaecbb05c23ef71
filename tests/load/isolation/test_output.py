from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from latprof.load.isolation.output import Output


def printed(*parts):
    read, write = os.pipe()
    output = Output(read)
    for part in parts:
        os.write(write, part)
    os.close(write)
    output.finish()
    return output


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(1, 60_000), max_size=12))
def test_the_beginning_and_the_end_are_kept_and_the_rest_is_counted(sizes):
    whole = "".join(chr(97 + at % 26) * size for at, size in enumerate(sizes))
    output = printed(*(chr(97 + at % 26).encode() * size for at, size in enumerate(sizes)))
    if len(whole) <= 2 * 32_768:
        assert output.text == whole
    else:
        head, note, tail = output.text.split("\n")
        assert (head, tail) == (whole[:32_768], whole[-32_768:])
        assert note == f"... {len(whole) - 65_536:,} bytes left out ..."


def test_the_last_line_that_says_something():
    assert printed(b"first\nlast \n \n").last_line == "last"
    assert printed(b"\xff\n").last_line == "�"
    assert printed().last_line == ""


def test_nothing_printed_is_no_file(tmp_path):
    printed().save(tmp_path / "log")
    assert not (tmp_path / "log").exists()
    printed(b"words").save(tmp_path / "log")
    assert (tmp_path / "log").read_text() == "words"
    printed(b"words").save(tmp_path / "no" / "log")  # a disk that refuses is no error
