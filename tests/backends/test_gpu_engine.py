from __future__ import annotations

import os

import pytest

from latprof.backends.gpu.engine import Recipe, runtime_engine
from latprof.backends.gpu.journal import journal
from latprof.errors import BuildFailed, ModelFormatError, StorageError, UsageError

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
from .gpu_double import BATCHES, double, engine_model

MAJORS = pytest.mark.parametrize("major", [10, 11])


@MAJORS
def test_the_build_is_configured_as_asked(dense, tmp_path, major):
    cache = tmp_path / "timings"
    cache.write_bytes(b"old")
    _, trt = engine_model(
        dense,
        major=major,
        profiles=(BATCHES,),
        workspace_bytes=1 << 20,
        tf32=False,
        aux_streams=0,
        timing_cache=cache,
    )
    config = trt.config
    assert config.profiling_verbosity is trt.ProfilingVerbosity.DETAILED
    assert config.cleared == [trt.BuilderFlag.TF32]
    assert (config.workspace, config.max_aux_streams) == (1 << 20, 0)
    assert config.profiles[0].shapes == BATCHES
    assert cache.read_bytes() == b"old+"


def test_what_is_not_asked_is_left_to_tensorrt(dense):
    _, trt = engine_model(dense, profiles=(BATCHES,))
    assert trt.config.cleared == []
    assert (trt.config.workspace, trt.config.max_aux_streams) == (None, None)


@pytest.mark.parametrize("known", [None, b"junk", b"of another GPU"])
def test_timings_that_do_not_serve_are_taken_anew(dense, tmp_path, known):
    cache = tmp_path / "timings"
    if known is not None:
        cache.write_bytes(known)
    engine_model(dense, timing_cache=cache, profiles=(BATCHES,))
    assert cache.read_bytes() == b"+"


def test_timings_that_cannot_be_kept(dense, tmp_path):
    with pytest.raises(StorageError, match=r"cannot write .*gone/timings"):
        engine_model(dense, timing_cache=tmp_path / "gone" / "timings", profiles=(BATCHES,))


def test_timings_that_cannot_be_read(dense, tmp_path, monkeypatch):
    cache = tmp_path / "timings"
    cache.touch()

    def refuse(self):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(type(cache), "is_file", refuse)
    trt = double()
    with pytest.raises(StorageError, match=r"Permission denied"):
        Recipe(dense, (BATCHES,), timing_cache=cache).build(trt, dense.read_bytes())


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"junk" * 9)
    with pytest.raises(ModelFormatError, match=r"bad.onnx: TensorRT cannot parse it: model: "):
        engine_model(tmp_path / "bad.onnx")


def test_a_truncated_model(dense, tmp_path):
    (tmp_path / "cut.onnx").write_bytes(dense.read_bytes()[:-20])
    with pytest.raises(ModelFormatError, match=r"cut.onnx: TensorRT cannot parse it: model: "):
        engine_model(tmp_path / "cut.onnx")


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ((), r"the input 'x' of .* varies, \[-1, 4\]: give shapes={'x': \(smallest"),
        (({},), r"the input 'x' of .* varies"),
        ((BATCHES | {"z": ((1,),) * 3},), r"shapes names z, and the inputs of .* are x"),
        (({"x": ((-1, 4), (1, 4), (1, 4))},), r"refused by TensorRT: shapes are not consistent"),
    ],
)
def test_shapes_that_are_not_those_of_the_inputs(dense, profiles, message):
    with pytest.raises(UsageError, match=message):
        engine_model(dense, profiles=profiles)


def test_an_error_has_nothing_of_what_was_said_before_it(dense):
    trt = double()
    log = journal(trt)
    log.log(trt.ILogger.Severity.ERROR, "of another model")
    Recipe(dense, (BATCHES,)).build(trt, dense.read_bytes())
    assert log.told() == ()
    log.log(trt.ILogger.Severity.ERROR, "of another engine")
    with pytest.raises(BuildFailed) as raised:
        runtime_engine(trt, b"no plan")
    assert "of another" not in str(raised.value)
