"""Stages, requests and hooks, and the recorder that makes a run of them."""
