"""Configuration: its types, and the form of the Airbyte UI."""
