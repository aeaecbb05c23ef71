"""The magic in a real kernel, as a notebook talks to it, and in the IPython of a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import latprof as lp

pytest.importorskip("ipykernel")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

SOURCE = Path(lp.__file__).parents[1]
LOAD = "%load_ext latprof\nimport latprof as lp"
SPLIT = "with lp.stage('split'):\n    words = text.split()\n"


@pytest.fixture
def cells(tmp_path):
    """Run cells in a kernel, each also after one that failed, and return their outputs."""

    def run(*sources):
        notebook = nbformat.v4.new_notebook()
        notebook.cells = [nbformat.v4.new_code_cell(each) for each in (LOAD, *sources)]
        folder = {"metadata": {"path": str(tmp_path)}}
        client = nbclient.NotebookClient(notebook, timeout=120, allow_errors=True, resources=folder)
        client.execute(env={**os.environ, "PYTHONPATH": str(SOURCE)})
        assert not notebook.cells[0].outputs
        return [cell.outputs for cell in notebook.cells[1:]]

    return run


@pytest.fixture
def terminal(tmp_path):
    """Run cells in the IPython of a terminal, and return what it printed."""

    def run(*sources):
        code = (
            "from IPython.terminal.interactiveshell import TerminalInteractiveShell as Shell\n"
            "shell = Shell(simple_prompt=True, colors='nocolor')\n"
            f"for cell in {[LOAD, *sources]!r}:\n"
            "    shell.run_cell(cell, store_history=True)\n"
        )
        told = {"PYTHONPATH": str(SOURCE), "IPYTHONDIR": str(tmp_path / "ipython")}
        return subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            cwd=tmp_path,
            env={**os.environ, **told},
        )

    return run


def result(outputs):
    (found,) = (each.data for each in outputs if each.output_type == "execute_result")
    return found


def text_of(outputs):
    (found,) = (each.data["text/plain"] for each in outputs if "data" in each)
    return found


def test_a_notebook_shows_the_report_and_a_bar(cells):
    shown, kept = cells(
        f"%%latprof text in ['a b', 'c  d'] * 30\n{SPLIT}",
        "run = _\nlen(run.requests), run.stages, words, run.manifest['target']",
    )
    assert 'class="latprof"' in result(shown)["text/html"]
    assert "split" in result(shown)["text/html"]
    assert "| 0/60 [" in shown[0].data["text/plain"]
    assert any("widget" in kind for kind in shown[0].data)
    assert text_of(kept) == "(60, ['split'], ['c', 'd'], 'In[2]')"


def test_options_say_how_often_and_where_to_keep_it(cells, tmp_path):
    cells("%%latprof -n 7 -o 'kept run'\nwith lp.stage('count'):\n    sum(range(9))")
    run = lp.open_run(tmp_path / "kept run")
    assert len(run.requests) == 7
    assert run.stages == ["count"]


def test_a_duration_ends_it(cells):
    (outputs,) = cells("%%latprof -s 0.2\nsum(range(99))")
    assert re.search(r"[\d,]{4,} requests", result(outputs)["text/plain"])


def test_the_first_exception_of_the_cell_is_shown_as_in_any_cell(cells):
    first, count = cells(
        "done = 0\n",
        "%%latprof -n 500\ndone += 1\nif done == 3:\n    raise LookupError('the third')",
        "done",
    )[1:]
    (error,) = (each for each in first if each.output_type == "error")
    assert (error.ename, error.evalue) == ("LookupError", "the third")
    assert "raise LookupError" in re.sub(r"\x1b\[[\d;]*m", "", "".join(error.traceback))
    assert text_of(count) == "3"


def test_other_magics_and_later_recordings_work(cells):
    first, second = cells(
        "%%latprof -n 3\n_where = %pwd\n",
        "%%latprof -n 3\nassert _where\n",
    )
    assert result(first)
    assert result(second)


def test_a_terminal_prints_the_report(terminal):
    out = terminal(f"%%latprof text in ['a  b', 'in in'] * 30\n{SPLIT}", "words").stdout
    assert "Where the time goes" in out
    assert "split" in out
    assert "Out[2]: <Run of In[2]: 60 requests, 60 spans, " in out
    assert "Out[3]: ['in', 'in']" in out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-n x", "%%latprof: argument -n/--requests: invalid int value: 'x': see %%latprof?"),
        ("--no-such", "%%latprof: unrecognized arguments: --no-such: see %%latprof?"),
        ("-o 'x", "%%latprof: -o 'x: No closing quotation: close what is open"),
        ("-n 0", "SingleStream(requests=) takes a whole number of 1 or more, not 0"),
        ("text in 7", "inputs is int, which cannot be iterated over"),
    ],
)
def test_a_wrong_line_is_told_in_one(terminal, line, said):
    done = terminal(f"%%latprof {line}\n1")
    assert f"UsageError: {said}" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_help_is_there(terminal):
    out = terminal("%%latprof?").stdout
    assert "usage: %%latprof [options] [NAME in VALUES]" in out
    assert "--seconds" in out
