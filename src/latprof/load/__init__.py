"""Load: when requests are sent, and the driver that sends them."""
