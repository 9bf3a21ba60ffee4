"""Put the bundle of the root metadata.yaml into an Airbyte workspace: `make register`."""
