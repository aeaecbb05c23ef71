from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest

from latprof.errors import UsageError
from latprof.load.isolation.naming import reference_of
from latprof.targets.reference import load


class Service:
    @classmethod
    def make(cls):
        return cls()

    def predict(self, value):
        return value


def test_what_a_module_names_is_found_again():
    for target in (len, json.dumps, json.JSONDecoder, json.JSONDecoder.decode):
        reference = reference_of(target)
        module, _, name = reference.partition(":")
        found = sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part)
        assert found is target
    assert load(reference_of(json.dumps)).target is json.dumps


def test_a_class_method_is_a_name_too(monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__, types.ModuleType("m")))
    monkeypatch.setattr(sys.modules[__name__], "Service", Service, raising=False)
    assert reference_of(Service.make) == f"{__name__}:Service.make"


def test_what_lives_in_this_process_alone_is_refused():
    def closure(value):
        return value

    for target in (closure, lambda value: value, Service().predict, closure.__get__(1)):
        with pytest.raises(UsageError, match=r'put it into a file and give "file.py:make"'):
            reference_of(target)
    with pytest.raises(UsageError, match="an object of type Service stays in this process"):
        reference_of(Service())


def test_a_program_is_named_by_its_module_or_file(monkeypatch, tmp_path):
    program = types.ModuleType("__main__")
    exec("def serve(x): return x", vars(program))  # noqa: S102 - as a program defines it
    monkeypatch.setitem(sys.modules, "__main__", program)
    with pytest.raises(UsageError, match="serve was defined in no file"):
        reference_of(program.serve)
    script = tmp_path / "script.py"
    script.touch()
    program.__file__ = str(script)
    assert reference_of(program.serve) == f"{script}:serve"
    program.__spec__ = types.SimpleNamespace(name="package.program")
    assert reference_of(program.serve) == "package.program:serve"


def test_a_file_is_named_from_the_root(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert reference_of("service.py:make") == f"{Path.cwd() / 'service.py'}:make"
    assert reference_of("package.module:make") == "package.module:make"
