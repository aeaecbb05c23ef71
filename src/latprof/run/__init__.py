"""The saved record of one scenario on one target: its spool, its files, its machine."""
