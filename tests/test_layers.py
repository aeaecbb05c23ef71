"""The order of the rooms, read from the imports: each room knows only those before it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import latprof

SOURCE = Path(latprof.__file__).parent
LAYERS = [
    {"errors", "units", "clock", "interrupt"},
    {"run"},
    {"signals"},
    {"recording"},
    {"targets", "backends"},
    {"load"},
    {"analysis"},
    {"report"},
    {"export"},
    {"testing", "demo", "selftest", "pytest_plugin", "magic"},
    {"cli"},
    {"__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
# Run's methods lead to what is made of a run, finishing one judges it, and a model's operators are
# read from what its profiler wrote, a search judges each load before the next: imported when
# called.
DOORS = {
    *("run/model.py", "run/answer.py", "run/recover.py", "backends/model.py", "load/duel/model.py"),
    *("analysis/diagnosis/finding.py", "analysis/whatif/plan.py"),
    "analysis/whatif/prediction.py",
    *("load/capacity/model.py", "load/capacity/probe.py", "load/capacity/search.py"),
}
FILES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


def room_of(file: str) -> str:
    return Path(file).parts[0].removesuffix(".py")


def _is_for_types(node: ast.AST) -> bool:
    """Return whether a door names the types that it leads to."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imported_rooms(tree: ast.AST, *, inside_functions: bool) -> set[str]:
    rooms = set()
    stack = [tree]
    while stack:
        node = stack.pop()
        if not inside_functions and (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _is_for_types(node)
        ):
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("latprof"):
            parts = (node.module or "").split(".")
            rooms |= {parts[1]} if len(parts) > 1 else {name.name for name in node.names}
        if isinstance(node, ast.Import):
            names = [name.name.split(".") for name in node.names]
            rooms |= {parts[1] for parts in names if parts[0] == "latprof" and len(parts) > 1}
        stack.extend(ast.iter_child_nodes(node))
    return rooms


@pytest.mark.parametrize("file", [file for file in FILES if file != "__init__.py"])
def test_a_room_imports_only_rooms_before_it(file):
    room = room_of(file)
    assert room in LEVEL, f"{room} has no place in the order of the rooms: give it one"
    tree = ast.parse((SOURCE / file).read_text())
    rooms = imported_rooms(tree, inside_functions=file not in DOORS)
    too_high = {
        other
        for other in rooms - {room}
        if other in LEVEL and LEVEL[other] >= LEVEL[room] and LEVEL[room] > 0
    }
    assert not too_high, f"{file} imports {too_high}"
    if LEVEL[room] == 0:
        assert rooms <= LAYERS[0]


@pytest.mark.parametrize("file", FILES)
def test_no_file_is_longer_than_400_lines(file):
    assert len((SOURCE / file).read_text().splitlines()) <= 400


def test_native_sources_hold_the_same_limit():
    sizes = {
        path.name: len(path.read_text().splitlines())
        for path in (SOURCE / "recording" / "native").iterdir()
    }
    assert sizes
    assert max(sizes.values()) <= 400, sizes


def test_there_is_no_attic():
    assert not [file for file in FILES if Path(file).stem in {"util", "utils", "helpers", "misc"}]
