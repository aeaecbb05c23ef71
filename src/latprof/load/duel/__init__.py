"""Duels: contenders in processes of their own, taking turns on the same inputs."""
