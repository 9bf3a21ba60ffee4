"""Errors that Oomnitza answers with."""

from __future__ import annotations


class RequestRejected(Exception):
    """An answer with an error status and a reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class DuplicateValue(Exception):
    """A value that must be unique belongs to somebody else."""
