"""The command line: one file and one function per verb.

app       the verbs put together, and how errors are told
exits     the exit codes
streams   what goes to standard output, and what does not
answer    what a verb says about a run: screen, JSON, exit code
inputs    inputs from a file
checks/   what `latprof doctor` looks at
"""

from latprof.cli.app import main

__all__ = ["main"]
