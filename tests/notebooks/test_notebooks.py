"""Every notebook runs from top to bottom without an error, and is kept without its outputs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import latprof

pytest.importorskip("ipykernel")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SOURCE = Path(latprof.__file__).parents[1]


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def name(path):
    return path.stem


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Execute a notebook once, in a folder with nothing but the files beside it."""
    done = {}

    def execute(path):
        if path not in done:
            notebook = read(path)
            folder = tmp_path_factory.mktemp(path.stem)
            if path.with_suffix("").is_dir():  # files that the notebook reads
                shutil.copytree(path.with_suffix(""), folder / path.stem)
            client = nbclient.NotebookClient(
                notebook, timeout=120, resources={"metadata": {"path": str(folder)}}
            )
            client.execute(env={**os.environ, "PYTHONPATH": str(SOURCE)})
            done[path] = notebook
        return done[path]

    return execute


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def test_there_is_a_notebook():
    assert NOTEBOOKS


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
# The kernel's own libraries warn about themselves.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
class TestExecuted:
    def test_it_runs_without_an_error(self, executed, path):
        notebook = executed(path)
        assert all(cell.execution_count for cell in code_cells(notebook))
        assert not [output for output in outputs(notebook) if output.output_type == "error"]

    def test_nothing_is_said_on_standard_error(self, executed, path):
        streams = [output for output in outputs(executed(path)) if output.output_type == "stream"]
        assert [output.text for output in streams if output.name == "stderr"] == []

    def test_runs_are_shown_and_figures_stand_inline(self, executed, path):
        kinds = {kind for output in outputs(executed(path)) for kind in output.get("data", {})}
        assert {"text/html", "image/png"} <= kinds


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_it_is_kept_without_outputs(path):
    for cell in code_cells(read(path)):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_its_text_and_its_code_take_turns_in_short_cells(path):
    cells = read(path).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert max(len(cell.source.splitlines()) for cell in cells) <= 30
