from __future__ import annotations

import inspect

import pytest

from latprof import errors

TREE = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, Exception)
]


@pytest.mark.parametrize("kind", TREE)
def test_every_error_hangs_on_one_tree_and_is_drawn_in_it(kind):
    assert issubclass(kind, errors.LatprofError)
    assert kind.__name__ in (errors.__doc__ or "")
    assert kind.__name__ in errors.__all__


def test_a_missing_dependency_names_the_pip_line():
    error = errors.MissingDependencyError("The demo service", "onnxruntime", "demo")
    assert 'pip install "latprof[demo]"' in str(error)
    assert isinstance(error, ImportError)


def test_a_bad_run_file_names_file_and_reason():
    error = errors.RunFormatError("runs/a/spans.parquet", "is not a Parquet file")
    assert str(error) == "runs/a/spans.parquet: is not a Parquet file"
    assert error.file.name == "spans.parquet"
