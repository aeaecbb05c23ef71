"""The part of the stand-in for `tensorrt` that runs an engine: see `tensorrt_double`.

An engine is an ONNX Runtime session. It reads and writes the very addresses that it is given, so
memory that was let go too early shows as a wrong answer. It computes at once, on the host.
"""

from __future__ import annotations

import ctypes
import json
from enum import IntEnum

import numpy as np
import onnxruntime as ort

KINDS = {
    "tensor(float)": ("FLOAT", np.float32),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(float16)": ("HALF", np.float16),
    "tensor(bfloat16)": ("BF16", None),
    "tensor(uint32)": ("FP8", None),
}
LAYERS = ("product + positive", "copy", "copy")


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


class LayerInformationFormat(IntEnum):
    ONELINE = 0
    JSON = 1


class Severity(IntEnum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3


class IProfiler:
    def __init__(self):
        pass

    def report_layer_time(self, layer_name, ms):
        raise NotImplementedError


class IOutputAllocator:
    def __init__(self):
        pass


class Strict:
    """Refuses attributes that the class does not declare, as a class of the bindings does."""

    __slots__ = ("world",)


def declared(end):
    return tuple(size if isinstance(size, int) else -1 for size in end.shape)


class Runtime(Strict):
    def __init__(self, logger):
        self.world = logger.world
        if "runtime" in self.world.faults:
            raise TypeError("pybind11::init(): factory function returned nullptr")

    def deserialize_cuda_engine(self, serialized_engine):
        head, mark, model = bytes(serialized_engine).partition(b"\0")
        if "deserialize" in self.world.faults or not mark:
            self.world.tell(Severity.ERROR, "Magic tag does not match")
            return None
        engine = ICudaEngine()
        engine.world, engine.num_layers, engine.device_memory_size_v2 = (
            self.world,
            len(LAYERS),
            4096,
        )
        engine.num_aux_streams, engine.profiles = 0, json.loads(head) or [{}]
        engine.session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        inputs, outputs = engine.session.get_inputs(), engine.session.get_outputs()
        engine.ends = {end.name: (end, end in inputs) for end in (*inputs, *outputs)}
        return engine


class EngineInspector(Strict):
    __slots__ = ("execution_context",)

    def get_engine_information(self, format):  # noqa: A002 - its name
        assert format is LayerInformationFormat.JSON
        assert self.execution_context.shapes
        return json.dumps({"Layers": [{"Name": name, "LayerType": "Kind"} for name in LAYERS]})


class ICudaEngine(Strict):
    __slots__ = (
        "device_memory_size_v2",
        "ends",
        "num_aux_streams",
        "num_layers",
        "profiles",
        "session",
    )

    @property
    def num_io_tensors(self):
        return len(self.ends)

    @property
    def num_optimization_profiles(self):
        return len(self.profiles)

    def get_tensor_name(self, index):
        return list(self.ends)[index]

    def get_tensor_mode(self, name):
        return TensorIOMode.INPUT if self.ends[name][1] else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name):
        return DataType[KINDS[self.ends[name][0].type][0]]

    def get_tensor_shape(self, name):
        return declared(self.ends[name][0])

    def get_tensor_location(self, name):
        return TensorLocation.HOST if name in self.world.on_host else TensorLocation.DEVICE

    def get_tensor_profile_shape(self, name, profile_index):
        shape = self.get_tensor_shape(name)
        return self.profiles[profile_index].get(name, [shape] * 3)

    def create_engine_inspector(self):
        return EngineInspector()

    def create_execution_context(self):
        if "context" in self.world.faults:
            return None
        context = IExecutionContext()
        context.world, context.engine, context.profile = self.world, self, 0
        context.shapes, context.addresses, context.allocators = {}, {}, {}
        context.profiler, context.enqueue_emits_profile, context.enqueued = None, True, False
        return context


class IExecutionContext(Strict):
    __slots__ = (
        "addresses",
        "allocators",
        "engine",
        "enqueue_emits_profile",
        "enqueued",
        "profile",
        "profiler",
        "shapes",
    )

    def set_optimization_profile_async(self, profile_index, stream_handle):
        if "profile" in self.world.faults:
            return False
        self.profile = profile_index
        self.shapes.clear()
        self.world.profiles_used.append(profile_index)
        return True

    def set_input_shape(self, name, shape):
        sizes = self.engine.get_tensor_shape(name)
        fits = all(want in (-1, got) for want, got in zip(sizes, shape, strict=True))
        if not fits or "shape" in self.world.faults:
            return False
        self.shapes[name] = tuple(shape)
        self.world.reshapes += 1
        return True

    def infer_shapes(self):
        if "infer" in self.world.faults:
            return ["ids"]
        if "infer raises" in self.world.faults:
            raise RuntimeError("shape\ninference failed")
        for name in self.world.on_host & set(self.shapes):
            self.world.host_values.append(self._view(name, self.shapes[name]).tolist())
        return [
            n for n, (_, is_input) in self.engine.ends.items() if is_input and n not in self.shapes
        ]

    def get_tensor_shape(self, name):
        """Return -1 for each size that no input's shape gives."""
        if name in self.shapes:
            return self.shapes[name]
        known = {
            size: got
            for given, shape in self.shapes.items()
            for size, got in zip(self.engine.ends[given][0].shape, shape, strict=True)
        }
        sizes = self.engine.ends[name][0].shape
        return tuple(size if isinstance(size, int) else known.get(size, -1) for size in sizes)

    def set_tensor_address(self, name, memory):
        if "address" in self.world.faults:
            return False
        self.addresses[name] = memory
        return True

    def set_output_allocator(self, name, output_allocator):
        if "allocator" in self.world.faults:
            return False
        self.allocators[name] = output_allocator
        return True

    def execute_async_v3(self, stream_handle):
        assert stream_handle, "TensorRT synchronises the device on the default stream"
        known = set(self.addresses) | set(self.allocators)
        if "enqueue" in self.world.faults or known != set(self.engine.ends):
            self.world.tell(Severity.ERROR, "enqueue failed")
            return False
        ends, self.enqueued = self.engine.ends, True
        self.world.on_enqueue()
        inputs = [name for name, (_, is_input) in ends.items() if is_input]
        feed = {name: self._view(name, self.shapes[name]) for name in inputs}
        names = [name for name in ends if name not in feed]
        results = self.engine.session.run(names, feed)
        return all(map(self._written, names, results))

    def report_to_profiler(self):
        if "report" in self.world.faults or self.profiler is None or not self.enqueued:
            return False
        assert not self.enqueue_emits_profile
        self.world.reports += 1
        for name in LAYERS[: self.world.reports if "other layers" in self.world.faults else None]:
            self.profiler.report_layer_time(name, "soon" if "no time" in self.world.faults else 0.5)
        return True

    def _written(self, name, array):
        """Write a result; what an allocator raises is lost, and makes the enqueue fail."""
        memory = self.allocators.get(name)
        if memory is None:
            self._view(name, array.shape)[...] = array
            return True
        if "no allocation" in self.world.faults:
            return True
        self.addresses[name] = memory.reallocate_output(name, 0, array.nbytes, 16)
        if not self.addresses[name]:
            return False
        self._view(name, array.shape)[...] = array
        del self.addresses[name]
        memory.notify_shape(name, array.shape)
        return True

    def _view(self, name, shape):
        dtype = KINDS[self.engine.ends[name][0].type][1]
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        assert self.addresses[name], "an empty tensor has an address, too"
        if not size:
            return np.empty(shape, dtype)
        held = (ctypes.c_char * size).from_address(self.addresses[name])
        return np.frombuffer(held, dtype=dtype).reshape(shape)
