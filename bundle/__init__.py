"""Runs the root metadata.yaml: `python -m bundle sync`, `probe` or `register`."""
