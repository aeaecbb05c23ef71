"""A stand-in for `tensorrt`: its names and signatures, with ONNX Runtime as the engine.

`test_tensorrt_contract.py` holds names and signatures against the real bindings. What it computes
it computes at once, on the host, at the addresses that it is given.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from types import ModuleType

import numpy as np
import onnxruntime as ort

KINDS = {
    "tensor(float)": ("FLOAT", np.float32),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(float16)": ("HALF", np.float16),
    "tensor(bfloat16)": ("BF16", None),
    "tensor(uint32)": ("FP8", None),
}


class DataType(IntEnum):
    FLOAT = 0
    HALF = 1
    INT64 = 8
    BF16 = 7
    FP8 = 6


class TensorIOMode(IntEnum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class TensorLocation(IntEnum):
    DEVICE = 0
    HOST = 1


class ProfilingVerbosity(IntEnum):
    LAYER_NAMES_ONLY = 0
    NONE = 1
    DETAILED = 2


class MemoryPoolType(IntEnum):
    WORKSPACE = 0


class BuilderFlag(IntEnum):
    TF32 = 7


class Severity(IntEnum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3


class ILogger:
    Severity = Severity

    def __init__(self):
        pass

    def log(self, severity, msg):
        raise NotImplementedError


class Strict:
    """Refuses attributes that the class does not declare, as a class of the bindings does."""

    __slots__ = ("world",)


class ITimingCache(Strict):
    __slots__ = ("known",)

    def serialize(self):
        return self.known + b"+"


class IOptimizationProfile(Strict):
    __slots__ = ("shapes",)

    def set_shape(self, input, min, opt, max):  # noqa: A002 - its names
        self.shapes[input] = (min, opt, max)


class IBuilderConfig(Strict):
    __slots__ = ("cache", "cleared", "profiles", "profiling_verbosity", "workspace")

    def set_memory_pool_limit(self, pool, pool_size):
        assert pool is MemoryPoolType.WORKSPACE
        self.workspace = pool_size

    def clear_flag(self, flag):
        self.cleared.append(flag)

    def add_optimization_profile(self, profile):
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache):
        cache = ITimingCache()
        cache.known = serialized_timing_cache
        return cache

    def set_timing_cache(self, cache, ignore_mismatch):
        self.cache = cache
        return True

    def get_timing_cache(self):
        return self.cache


class INetworkDefinition(Strict):
    __slots__ = ("flags", "model")


class ParserError(Strict):
    __slots__ = ("text",)

    def desc(self):
        return self.text

    def node_name(self):
        return ""


class OnnxParser(Strict):
    __slots__ = ("errors", "network")

    def __init__(self, network, logger):
        self.network, self.errors = network, []

    def parse(self, model, path=None):
        try:
            ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - whatever it is, TensorRT returns False
            self.errors.append(str(error))
            return False
        self.network.model = model
        return True

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
        return config

    def create_optimization_profile(self):
        profile = IOptimizationProfile()
        profile.shapes = {}
        return profile

    def build_serialized_network(self, network, config):
        if "build" in self.world.faults:
            self.world.tell(Severity.ERROR, "no kernel\nfits")
            self.world.tell(Severity.INFO, "tried 3")
            return None
        return network.model


class Runtime(Strict):
    def __init__(self, logger):
        self.world = logger.world

    def deserialize_cuda_engine(self, serialized_engine):
        if "deserialize" in self.world.faults:
            return None
        engine = ICudaEngine()
        engine.world, engine.num_layers, engine.device_memory_size_v2 = self.world, 2, 4096
        engine.session = ort.InferenceSession(serialized_engine, providers=["CPUExecutionProvider"])
        inputs, outputs = engine.session.get_inputs(), engine.session.get_outputs()
        engine.ends = {end.name: (end, end in inputs) for end in (*inputs, *outputs)}
        return engine


class ICudaEngine(Strict):
    __slots__ = ("device_memory_size_v2", "ends", "num_layers", "session")

    @property
    def num_io_tensors(self):
        return len(self.ends)

    def get_tensor_name(self, index):
        return list(self.ends)[index]

    def get_tensor_mode(self, name):
        return TensorIOMode.INPUT if self.ends[name][1] else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name):
        return DataType[KINDS[self.ends[name][0].type][0]]

    def get_tensor_shape(self, name):
        return tuple(size if isinstance(size, int) else -1 for size in self.ends[name][0].shape)

    def get_tensor_location(self, name):
        return TensorLocation.HOST if "host" in self.world.faults else TensorLocation.DEVICE

    def create_execution_context(self):
        if "context" in self.world.faults:
            return None
        context = IExecutionContext()
        context.world, context.engine = self.world, self
        context.shapes, context.addresses = {}, {}
        return context


class IExecutionContext(Strict):
    __slots__ = ("addresses", "engine", "shapes")

    def set_input_shape(self, name, shape):
        declared = self.engine.get_tensor_shape(name)
        fits = all(want in (-1, got) for want, got in zip(declared, shape, strict=True))
        if fits and "shape" not in self.world.faults:
            self.shapes[name] = tuple(shape)
            self.world.reshapes += 1
            return True
        return False

    def infer_shapes(self):
        if "infer" in self.world.faults:
            return ["ids"]
        return [
            n for n, (_, is_input) in self.engine.ends.items() if is_input and n not in self.shapes
        ]

    def get_tensor_shape(self, name):
        if name in self.shapes:
            return self.shapes[name]
        if "data-dependent" in self.world.faults:
            return (-1,)
        rows = next(iter(self.shapes.values()))[0]
        return tuple(rows if size == -1 else size for size in self.engine.get_tensor_shape(name))

    def set_tensor_address(self, name, memory):
        if "address" in self.world.faults:
            return False
        self.addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle):
        assert stream_handle, "TensorRT synchronises the device on the default stream"
        if "enqueue" in self.world.faults or set(self.addresses) != set(self.engine.ends):
            self.world.tell(Severity.ERROR, "enqueue failed")
            return False
        views = {name: self._view(name) for name in self.addresses}
        ends = self.engine.ends
        feed = {name: view for name, view in views.items() if ends[name][1]}
        names = [name for name in ends if name not in feed]
        for name, array in zip(names, self.engine.session.run(names, feed), strict=True):
            views[name][...] = array
        return True

    def _view(self, name):
        shape, dtype = self.get_tensor_shape(name), KINDS[self.engine.ends[name][0].type][1]
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        held = (ctypes.c_char * size).from_address(self.addresses[name])
        return np.frombuffer(held, dtype=dtype).reshape(shape)


CLASSES = (
    Builder,
    BuilderFlag,
    DataType,
    IBuilderConfig,
    ICudaEngine,
    IExecutionContext,
    ILogger,
    INetworkDefinition,
    IOptimizationProfile,
    ITimingCache,
    MemoryPoolType,
    OnnxParser,
    ParserError,
    ProfilingVerbosity,
    Runtime,
    TensorIOMode,
    TensorLocation,
)


def make(major, *faults):
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
    module.faults, module.reshapes, module.flags, module.config = set(faults), 0, None, None

    def tell(severity, line):  # the logger is made later, of this module
        module.journal.log(severity, line)

    module.tell = tell
    return module
