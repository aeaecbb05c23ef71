"""`latprof gpu-selftest`: twelve checks that a GPU does what latprof's GPU code takes for granted.

None of it has yet run on a GPU; the thresholds are proposals until it has.
"""
