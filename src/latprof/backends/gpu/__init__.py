"""Lines that only a GPU can run.

Those for ONNX Runtime have run on one, an NVIDIA H200; those for TensorRT have not yet run.
"""
