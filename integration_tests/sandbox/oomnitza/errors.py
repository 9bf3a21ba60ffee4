"""Defines the errors that Oomnitza returns."""

from __future__ import annotations


class RequestRejected(Exception):
    """Rejects a request with a status and a reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class DuplicateValue(Exception):
    """Reports that a unique value belongs to another person."""
