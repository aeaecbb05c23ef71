"""Capacity: the highest rate at which a service still keeps its promise, and how it is found."""
