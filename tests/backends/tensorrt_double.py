"""A stand-in for `tensorrt`: its names and signatures, with ONNX Runtime as the engine.

This part builds; `engine_double` runs. `test_tensorrt_contract.py` holds names and signatures
against the real bindings, and where these are at hand, `make` puts their contract around it.
"""

from __future__ import annotations

import json
from enum import IntEnum
from types import ModuleType

import onnxruntime as ort

from . import tensorrt_contract
from .engine_double import (
    DataType,
    EngineInspector,
    ICudaEngine,
    IExecutionContext,
    IOutputAllocator,
    IProfiler,
    LayerInformationFormat,
    Runtime,
    Severity,
    Strict,
    TensorIOMode,
    TensorLocation,
    declared,
)


class ProfilingVerbosity(IntEnum):
    LAYER_NAMES_ONLY = 0
    NONE = 1
    DETAILED = 2


class MemoryPoolType(IntEnum):
    WORKSPACE = 0


class BuilderFlag(IntEnum):
    TF32 = 7


class ILogger:
    Severity = Severity

    def __init__(self):
        pass

    def log(self, severity, msg):
        raise NotImplementedError


class ITimingCache(Strict):
    __slots__ = ("known",)

    def serialize(self):
        return self.known + b"+"


class IOptimizationProfile(Strict):
    __slots__ = ("shapes", "values")

    def set_shape(self, input, min, opt, max):  # noqa: A002 - its names
        if -1 in min:
            raise ValueError("shapes\nare not consistent")
        self.shapes[input] = (min, opt, max)

    def set_shape_input(self, input, min, opt, max):  # noqa: A002 - its names
        self.values[input] = (min, opt, max)


class IBuilderConfig(Strict):
    __slots__ = (
        "cache",
        "cleared",
        "max_aux_streams",
        "profiles",
        "profiling_verbosity",
        "workspace",
    )

    def set_memory_pool_limit(self, pool, pool_size):
        assert pool is MemoryPoolType.WORKSPACE
        self.workspace = pool_size

    def clear_flag(self, flag):
        self.cleared.append(flag)

    def add_optimization_profile(self, profile):
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache):
        if serialized_timing_cache == b"junk":
            return None
        cache = ITimingCache()
        cache.known = serialized_timing_cache
        return cache

    def set_timing_cache(self, cache, ignore_mismatch):
        if cache.known == b"of another GPU" and not ignore_mismatch:
            return False
        self.cache = cache
        return True

    def get_timing_cache(self):
        return self.cache


class ITensor(Strict):
    __slots__ = ("is_shape_tensor", "name", "shape")


class INetworkDefinition(Strict):
    __slots__ = ("flags", "inputs", "model")

    @property
    def num_inputs(self):
        return len(self.inputs)

    def get_input(self, index):
        return self.inputs[index]


class ParserError(Strict):
    __slots__ = ("text",)

    def desc(self):
        return self.text

    def node_name(self):
        return ""


class OnnxParser(Strict):
    __slots__ = ("errors", "network")

    def __init__(self, network, logger):
        self.network, self.errors, self.world = network, [], logger.world

    def parse(self, model, path=None):
        try:
            session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - whatever it is, TensorRT returns False
            self.errors.append(str(error))
            return False
        self.network.model = model
        self.network.inputs = [self._tensor(end) for end in session.get_inputs()]
        return True

    def _tensor(self, end):
        tensor = ITensor()
        tensor.name, tensor.shape = end.name, declared(end)
        tensor.is_shape_tensor = end.name in self.world.on_host
        return tensor

    @property
    def num_errors(self):
        return len(self.errors)

    def get_error(self, index):
        error = ParserError()
        error.text = self.errors[index]
        return error


class Builder(Strict):
    def __init__(self, logger):
        self.world = world = logger.world
        if "driver" in world.faults:
            raise TypeError("pybind11::init(): factory function returned nullptr")

    def create_network(self, flags=0):
        network = INetworkDefinition()
        network.flags = self.world.flags = flags
        return network

    def create_builder_config(self):
        config = self.world.config = IBuilderConfig()
        config.cleared, config.profiles, config.workspace, config.cache = [], [], None, None
        config.max_aux_streams = None
        return config

    def create_optimization_profile(self):
        profile = IOptimizationProfile()
        profile.shapes, profile.values = {}, {}
        return profile

    def build_serialized_network(self, network, config):
        self.world.builds += 1
        if "build" in self.world.faults:
            self.world.tell(Severity.ERROR, "no kernel\nfits")
            self.world.tell(Severity.INFO, "tried 3")
            return None
        shapes = [profile.shapes for profile in config.profiles]
        return json.dumps(shapes).encode() + b"\0" + network.model


CLASSES = (
    Builder,
    BuilderFlag,
    DataType,
    EngineInspector,
    IBuilderConfig,
    ICudaEngine,
    IExecutionContext,
    ILogger,
    INetworkDefinition,
    IOptimizationProfile,
    IOutputAllocator,
    IProfiler,
    ITensor,
    ITimingCache,
    LayerInformationFormat,
    MemoryPoolType,
    OnnxParser,
    ParserError,
    ProfilingVerbosity,
    Runtime,
    TensorIOMode,
    TensorLocation,
)


def make(major, *faults, on_host=()):
    """Return a module that is as TensorRT 10 or 11, with these faults."""
    module = ModuleType("tensorrt")
    module.__version__ = f"{major}.0"
    for each in CLASSES:
        setattr(module, each.__name__, each)

    class Logger(ILogger):
        world = module

    Logger.__name__ = "ILogger"
    module.ILogger = Logger
    module.NetworkDefinitionCreationFlag = IntEnum(
        "NetworkDefinitionCreationFlag", {"STRONGLY_TYPED": 1 if major == 10 else 0}
    )
    module.faults, module.on_host, module.flags, module.config = (
        set(faults),
        set(on_host),
        None,
        None,
    )
    module.reshapes = module.builds = module.reports = 0
    module.profiles_used, module.host_values = [], []
    module.on_enqueue = lambda: None

    def tell(severity, line):  # the logger is made later, of this module
        module.journal.log(severity, line)

    module.tell = tell
    return tensorrt_contract.held(module, major)
