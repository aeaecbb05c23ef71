from __future__ import annotations

import sys

import pytest

from latprof.errors import LatprofError, MissingDependencyError, TargetError
from latprof.targets.reference import load

SERVICE = r"""
import asyncio
from dataclasses import dataclass

closed = []

@dataclass
class Service:
    greeting: str = "hello"
    stages = ("predict",)

    def predict(self, value):
        return f"{self.greeting} {value}"

    def sample(self, index):
        return f"input {index}"

    def close(self):
        closed.append(self.greeting)

class NeedsPath:
    def __init__(self, path):
        pass

class Holder:
    inner = Service("inner")

def make():
    return Service("made")

def make_with_default(greeting="default"):
    return Service(greeting)

def make_function():
    return predict

def make_nothing():
    return None

def make_trouble():
    raise ValueError("no\nweights")

def leave():
    raise SystemExit(2)

def predict(value):
    return value

def predict_many(*values):
    return values

def predict_with_option(value, *, upper=False):
    return value

async def predict_later(value):
    return value

def two(first, second):
    return first

service = Service("ready")
number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_service.py").write_text(SERVICE)
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "engine.py").write_text("def predict(value):\n    return value\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "unfinished.py").write_text("def predict(value:\n")
    (tmp_path / "needy.py").write_text("import surely_not_installed\n")
    (tmp_path / "leaving.py").write_text("raise SystemExit('bye')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("place", ["my_service", "my_service.py", "./my_service.py"])
@pytest.mark.parametrize(
    ("attribute", "answer"),
    [
        ("predict", "x"),
        ("predict_many", ("x",)),
        ("predict_with_option", "x"),
        ("make", "made x"),
        ("make_with_default", "default x"),
        ("make_function", "x"),
        ("Service", "hello x"),
        ("service", "ready x"),
        ("Holder.inner", "inner x"),
    ],
)
def test_targets_and_factories(folder, place, attribute, answer):
    target = load(f"{place}:{attribute}").target
    assert (target if callable(target) else target.predict)("x") == answer


def test_a_coroutine_function_is_a_target(folder):
    assert load("my_service:predict_later").target.__name__ == "predict_later"


def test_a_module_in_a_package(folder):
    assert load("my_package.engine:predict").target("x") == "x"


def test_a_file_elsewhere_can_import_its_neighbours(folder, monkeypatch, tmp_path_factory):
    (folder / "beside.py").write_text("from my_service import predict\n")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert load(f"{folder / 'beside.py'}:predict").target("x") == "x"


def test_a_service_gives_its_inputs_and_is_closed(folder):
    with load("my_service:make") as service:
        assert service.sample(3) == "input 3"
        closed = sys.modules["my_service"].closed
        assert closed == []
    assert closed == ["made"]


def test_a_function_gives_no_inputs_and_needs_no_closing(folder):
    with load("my_service:predict") as service:
        assert service.sample is None


@pytest.mark.parametrize(
    ("reference", "match"),
    [
        ("my_service", "is not MODULE:ATTR: write"),
        (":predict", "is not MODULE:ATTR"),
        ("my_service:", "is not MODULE:ATTR"),
        ("my_servise:predict", "no module my_servise: did you mean my_service"),
        ("my_package.engin:predict", r"no module my_package.engin: did you mean my_package.engine"),
        ("nowhere.at.all:predict", "no module nowhere"),
        ("my_servise.py:predict", "no file my_servise.py: did you mean my_service.py"),
        ("my_service:predikt", "my_service has no 'predikt': did you mean predict"),
        ("my_service:Holder.iner", "has no 'Holder.iner': did you mean inner"),
        ("broken:predict", "importing broken raised ZeroDivisionError: division by zero"),
        ("broken.py:predict", "importing broken.py raised ZeroDivisionError"),
        ("unfinished:predict", "importing unfinished raised SyntaxError"),
        ("leaving:predict", "importing leaving raised SystemExit: bye"),
        ("needy:predict", "importing needy raised ModuleNotFoundError.*install surely_not_inst"),
        ("needy.py:predict", "importing needy.py raised ModuleNotFoundError.*install surely_not"),
        ("my_service:number", "is int, which is neither callable nor has a method predict"),
        ("my_service:two", "needs first, second: a target takes exactly one input"),
        ("my_service:NeedsPath", "is a class that needs path: give a function without arguments"),
        ("my_service:make_nothing", "built NoneType, which is neither callable"),
        (
            "my_service:make_trouble",
            "was called to build the target, and raised ValueError: no weights",
        ),
        ("my_service:leave", "raised SystemExit: 2"),
        (".:predict", "importing"),
    ],
)
def test_what_leads_nowhere_says_what_to_do(folder, reference, match):
    with pytest.raises(TargetError, match=match) as caught:
        load(reference)
    assert "\n" not in str(caught.value)


def test_our_own_errors_pass_through_a_factory(folder):
    (folder / "optional.py").write_text(
        "from latprof.errors import MissingDependencyError\n"
        "def make():\n    raise MissingDependencyError('The demo', 'onnxruntime', 'demo')\n"
    )
    with pytest.raises(MissingDependencyError, match="pip install"):
        load("optional:make")


def test_a_file_that_fails_leaves_no_module_behind(folder):
    for _ in range(2):
        with pytest.raises(LatprofError, match="ZeroDivisionError"):
            load("broken.py:predict")
    assert "broken" not in sys.modules


def test_built_ins_are_targets():
    assert load("builtins:len").target is len
    assert load("math:sqrt").target(9) == 3
