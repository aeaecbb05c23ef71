"""The charts of a page: one file a kind, each a function from a result to a `Figure`.

stages        where the time of a request goes
distribution  latency on a logarithmic axis against nines
timeline      latency over the run, with phases, failures and signals beneath
waterfall     single requests along time
tail          what makes the slow requests slow
slices        latency by an attribute
gains         what the fix of each finding should bring
bars          rows and intervals, which most of them have
signals       what stands beneath a timeline
capacity      latency against the offered rate
history       parts of a request from run to run
"""
