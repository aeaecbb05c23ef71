"""`python -m latprof`: the command line."""

import sys

from latprof.cli import main

sys.exit(main())
