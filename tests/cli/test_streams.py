from __future__ import annotations

import os
import sys

import pytest

from latprof.cli.streams import console, reserved_stdout


def test_only_who_holds_the_stream_writes_to_standard_output(capsys):
    with reserved_stdout() as stdout:
        sys.stdout.write("chatter\n")
        stdout.write("the answer\n")
    sys.stdout.write("afterwards\n")
    assert capsys.readouterr() == ("the answer\nafterwards\n", "chatter\n")


CHATTY = """
import os
from latprof.cli.streams import reserved_stdout

try:
    with reserved_stdout() as stdout:
        os.write(1, b"from C\\n")
        os.system("echo from a child")
        stdout.write("the answer\\n")
        raise KeyError
except KeyError:
    os.write(1, b"afterwards\\n")
    print("and from Python")
"""


def test_what_is_printed_below_python_goes_to_standard_error_too(python):
    answer = python(CHATTY)
    assert answer.out == "the answer\nafterwards\nand from Python\n"
    assert answer.err == "from C\nfrom a child\n"


def test_it_works_where_standard_error_is_closed(python):
    code = (
        "import os; os.close(2)\n"
        "from latprof.cli.streams import reserved_stdout\n"
        "with reserved_stdout() as stdout: stdout.write('the answer')\n"
    )
    assert python(code).out == "the answer"


def test_a_console_without_a_reader_raises_as_a_file_does():
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError), os.fdopen(writing, "w") as stream:
        console(stream).print("to nobody")
