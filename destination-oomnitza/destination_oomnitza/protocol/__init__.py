"""Airbyte's messages, catalogs and states."""
