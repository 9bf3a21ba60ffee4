"""The configuration as types, and as the form of the Airbyte UI."""
