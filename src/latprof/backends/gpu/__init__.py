"""Lines that only a GPU can run: none of them has yet run on one."""
