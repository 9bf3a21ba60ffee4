"""Airbyte destination for Oomnitza: people and SaaS users."""

from destination_oomnitza.destination import DestinationOomnitza

__all__ = ["DestinationOomnitza"]
