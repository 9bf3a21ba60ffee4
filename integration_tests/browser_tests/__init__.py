"""The playground in a real browser: `make test-browser` and `make screenshots`. Not part of `make test`."""
