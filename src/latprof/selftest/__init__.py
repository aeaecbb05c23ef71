"""`latprof gpu-selftest`: twelve checks that a GPU does what latprof's GPU code takes for granted.

They have run on one GPU, an NVIDIA H200, where the thresholds hold; TensorRT's part of them, which
is all of checks 7 and 8, has not yet run on any.
"""
