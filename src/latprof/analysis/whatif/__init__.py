"""What would happen if: the recorded requests, served again under a change."""
