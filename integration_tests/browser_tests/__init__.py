"""Opens the playground in a browser: `make test-browser`, `make screenshots`."""
