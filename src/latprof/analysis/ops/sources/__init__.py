"""One file per format: bytes in, a `Profile` out."""
