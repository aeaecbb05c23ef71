"""Stacks of the threads beside a recording, read from outside by py-spy."""
