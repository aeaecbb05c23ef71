"""Time series of the process and the machine beside a run."""
