"""What changed while a service ran, or since an earlier run: arrivals, inputs, and the service."""
