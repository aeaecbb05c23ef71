from __future__ import annotations

import pandas as pd
import pytest

from latprof.analysis.ops import HazardCode, Tensor, lint, read_ops
from latprof.analysis.ops.operator import Operator, Profile
from latprof.analysis.ops.table import build
from latprof.errors import UsageError


def tensor(channels=64, dtype="float16"):
    return (Tensor(dtype, (1, channels, 32, 32)),)


def operator(op_type="Convolution", time_ns=50_000.0, read="float16", written="float16", **fields):
    defaults = {
        "name": op_type,
        "inputs": tensor(dtype=read),
        "outputs": tensor(dtype=written),
        "device": "gpu",
        "kernel": "sm80_xmma_tensor16x8x16",
    }
    return Operator(op_type=op_type, time_ns=time_ns, count=1, **{**defaults, **fields})


def hazards(*operators, runtime="tensorrt"):
    return lint(build(Profile(runtime, operators, 1, 1)))


HEALTHY = operator(), operator("Pooling", kernel="pool"), operator("Convolution")
PLANTED = {
    HazardCode.REFORMAT_COPIES: operator("Reformat", read="float32"),
    HazardCode.FP32_LAYERS: operator("Pooling", read="float32", written="float32"),
    HazardCode.CONVOLUTIONS_OFF_TENSOR_CORES: operator(kernel="ampere_scudnn_128x64_relu"),
    HazardCode.UNALIGNED_CHANNELS: operator(outputs=tensor(60)),
    HazardCode.UNFUSED_QUANTISATION: operator("DequantizeLinear", read="int8"),
    HazardCode.FLOAT_OUT_OF_INTEGER: operator(read="int8"),
}


def test_a_healthy_engine_has_no_hazard():
    assert hazards(*HEALTHY) == []


@pytest.mark.parametrize("code", PLANTED)
def test_a_planted_hazard_is_the_only_one(code):
    planted = PLANTED[code]
    found = hazards(*HEALTHY, planted)
    assert [hazard.code for hazard in found] == [code]
    assert found[0].operators == (planted.name,)
    assert found[0].time_ns == 50_000
    assert found[0].share == pytest.approx(0.25)
    assert "50.0 µs (25.0 %)" in found[0].evidence
    assert found[0].mitigation in str(found[0])


def test_many_tiny_kernels_are_a_hazard_and_a_few_are_not():
    tiny = operator("Pooling", time_ns=2_000.0)
    assert hazards(*HEALTHY, *[tiny] * 4) == []
    assert [hazard.code for hazard in hazards(*HEALTHY, *[tiny] * 5)] == [HazardCode.TINY_KERNELS]


def test_a_kernel_that_runs_often_is_judged_by_one_run():
    often = Operator("add", "Add", 40_000.0, 20, device="gpu")
    assert [hazard.code for hazard in hazards(*[often] * 5)] == [HazardCode.TINY_KERNELS]


def test_many_launches_of_two_operators_are_many():
    mul, add = (Operator(name, name, 62_000.0, 30, device="gpu") for name in ("mul", "add"))
    assert [hazard.code for hazard in hazards(mul, add)] == [HazardCode.TINY_KERNELS]


def test_shape_arithmetic_on_the_cpu_is_a_hazard_beside_a_device_only():
    shape = operator("Shape", device="cpu", kernel=None)
    found = hazards(*HEALTHY, shape, runtime="onnxruntime")
    assert [hazard.code for hazard in found] == [HazardCode.SHAPE_OPS_ON_CPU]
    assert hazards(shape, runtime="onnxruntime") == []


def test_an_engine_all_in_float32_has_no_float32_layers():
    assert hazards(operator(read="float32", written="float32")) == []


def test_an_image_of_three_channels_cannot_be_aligned():
    assert hazards(operator(inputs=tensor(3))) == []


@pytest.mark.parametrize(("channels", "clean"), [(24, False), (32, True)])
def test_int8_wants_multiples_of_16(channels, clean):
    found = hazards(operator(inputs=tensor(channels, "int8"), written="int8"))
    assert (found == []) is clean


@pytest.mark.parametrize(
    "kernel",
    [
        "sm80_xmma_fprop_implicit_gemm_tf32f32_f32_nhwckrsc_nhwc_g1_tensor16x8x8_t1r3s3",
        "ampere_h16816cudnn_128x128_ldg8_relu_exp_stages_64x3_large_nhwc_tn_v1",
        "trt_turing_cutlass_image_network_first_layer_hmma_fprop_f16f16f32_nhwc",
        "turing_h1688cudnn_256x64_ldg8_relu",
        "sm75_xmma_fprop_conv3d_i8816_tensor8x8x16",
    ],
)
def test_kernels_on_tensor_cores_are_known(kernel):
    assert hazards(operator(kernel=kernel)) == []


def test_hazards_come_by_their_time_and_copies_that_cost_nothing_are_none(write, engine):
    table = read_ops(write("p.json", engine["profile"]), write("g.json", engine["graph"]))
    found = lint(table)
    assert [hazard.time_ns for hazard in found] == [100_000, 100_000, 20_000]
    assert {hazard.code for hazard in found} == {
        HazardCode.FP32_LAYERS,
        HazardCode.CONVOLUTIONS_OFF_TENSOR_CORES,
        HazardCode.REFORMAT_COPIES,
    }


def test_layers_without_times_are_linted_too(write, engine):
    found = lint(read_ops(write("g.json", engine["graph"])))
    assert HazardCode.CONVOLUTIONS_OFF_TENSOR_CORES in {hazard.code for hazard in found}
    assert all(hazard.time_ns is None and hazard.share is None for hazard in found)


def test_another_table_is_refused():
    with pytest.raises(UsageError, match="read_ops"):
        lint(pd.DataFrame({"x": [1]}))


def test_kernels_beside_a_convolution_of_torch_are_not_judged_by_their_names():
    copy = operator("aten::cudnn_convolution", kernel="nchwToNhwcKernel")
    assert hazards(copy, runtime="torch") == []
