"""The pacer: a process of its own that sends the requests of an open loop when they are due."""
