"""Declares what each write method can do; planning asks this, never which it is."""

from __future__ import annotations

from dataclasses import dataclass

from destination_oomnitza.config.models import IngestWriting, RestWriting


@dataclass(frozen=True)
class Capabilities:
    """Declares what a write method can do."""

    reads_people: bool
    """Reads a person before it writes: a value can depend on the one that is there, and on whether somebody is there."""
    reports_at_once: bool
    """Reports the outcome of a record before the state behind it is acknowledged."""
    writes_saas_users: bool
    """Writes ids, roles and activity of SaaS users, beyond who is one."""
    names_fields_by_internal_id: bool
    """Needs the internal id of each field."""
    separates_inactive_accounts: bool
    """Takes records of inactive accounts only in batches of their own."""


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
    """Return what a write method can do."""
    return _OF_METHODS[write_method.method]
