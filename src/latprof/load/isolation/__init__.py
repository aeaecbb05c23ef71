"""Isolation: the target in a process of its own, driven there and watched from here."""
