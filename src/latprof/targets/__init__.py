"""Targets: what a request is sent to."""
