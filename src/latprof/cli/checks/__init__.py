"""What `latprof doctor` looks at, one file per subject."""
