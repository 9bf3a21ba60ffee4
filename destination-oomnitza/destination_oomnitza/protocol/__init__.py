"""Airbyte protocol: messages, catalogs and states."""
