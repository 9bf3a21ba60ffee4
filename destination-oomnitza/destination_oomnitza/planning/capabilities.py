"""Capabilities of the write methods, so that planning never asks for the method."""

from __future__ import annotations

from dataclasses import dataclass

from destination_oomnitza.config.models import IngestWriting, RestWriting


@dataclass(frozen=True)
class Capabilities:
    """Capabilities of a write method."""

    reads_people: bool
    """Reads people before it writes, so that a value can depend on the existing person."""
    reports_at_once: bool
    """Reports the outcome of a record before the state behind it is acknowledged."""
    writes_saas_users: bool
    """Writes ids, roles and activity of SaaS users, not only the assignment."""
    names_fields_by_internal_id: bool
    """Needs the internal id of each field."""
    separates_inactive_accounts: bool
    """Needs records of inactive accounts in batches of their own."""


REST = Capabilities(
    reads_people=True,
    reports_at_once=True,
    writes_saas_users=True,
    names_fields_by_internal_id=False,
    separates_inactive_accounts=False,
)
INGEST = Capabilities(
    reads_people=False,
    reports_at_once=False,
    writes_saas_users=False,
    names_fields_by_internal_id=True,
    separates_inactive_accounts=True,
)
_OF_METHODS = {"rest": REST, "ingest": INGEST}


def capabilities(write_method: RestWriting | IngestWriting) -> Capabilities:
    """Return the capabilities of a write method."""
    return _OF_METHODS[write_method.method]
