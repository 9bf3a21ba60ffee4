"""The tool of the root metadata.yaml: `python -m bundle sync`, `probe` and `register`."""
