"""Deactivates missing users: those without a record in a full reload."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.normalize import is_empty, key_hash
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import Stream, StreamKey
from destination_oomnitza.report import Report
from destination_oomnitza.writers.base import Batch, RecordWrite, StreamEnd
from destination_oomnitza.writers.deactivation_limit import DeactivationLimit

logger = logging.getLogger("airbyte")

_NAMES = ("user_external_id", "email", "username")


class MissingUsers:
    """Remembers the users with a record, and deactivates the others. Thread-safe.

    `streams` must be read completely for that (SaasPlan). A written record marks its user (SaasUser.appeared); of other records
    the hash of each identifying value is kept.
    """

    def __init__(
        self, application: SaasApplication, limit: DeactivationLimit, report: Report, streams: Sequence[Stream]
    ) -> None:
        self._application = application
        self._limit = limit
        self._report = report
        self._streams = streams
        self._appeared: set[int] = set()
        self._came: set[StreamKey] = set()

    def note(self, batch: Batch) -> None:
        """Remember the users of a batch, also those whose records are not written."""
        self._came.add(batch.plan.stream.key)
        for write in batch.records:
            if write.deferred:
                continue
            self._appear(_identities(batch.plan, write))
        for identities in batch.skipped:
            self._appear(identities)

    def _appear(self, identities: Iterable[tuple[str, Any]]) -> None:
        self._appeared.update(key_hash(name, value) for name, value in identities if value is not None)

    def finish(self, end: StreamEnd) -> None:
        """Deactivate the missing users if every stream was read completely.

        Deactivates none if a record was rejected or could not be read, if a stream had no records, or if they exceed the limit.
        """
        whole = {stream.key for stream in self._streams}
        why_not = (
            "the source may not have read all of its people"
            if not whole <= end.complete
            else "records were rejected or could not be read"
            if end.rejected
            else "a stream had no records"
            if not whole <= self._came
            else None
        )
        if why_not:
            logger.warning(f"No missing SaaS user is deactivated, because {why_not}.")
            return
        users = self._application.users()
        if not self._application.listed_whole:
            self._warn_of_list()
            return
        absent = [user_id for user_id, user in users.items() if user.active is not False and not user.appeared]
        missing = self._without_record(absent)
        if not self._application.listed_whole:
            self._warn_of_list()
        elif missing:
            self._deactivate(missing)

    def _warn_of_list(self) -> None:
        logger.warning(
            f"No missing SaaS user is deactivated, because Oomnitza does not list all SaaS users of {self._application.name}."
        )

    def _without_record(self, user_ids: list[str]) -> list[str]:
        """Return the users without any record, also among those that were not written."""
        if not user_ids or not self._appeared:
            return user_ids
        missing = {user_id for user_id in user_ids if key_hash("user_id", user_id) not in self._appeared}
        if missing:  # the list is read again for names and addresses, which are not kept
            for row in self._application.rows():
                if any(not is_empty(row.get(name)) and key_hash(name, row[name]) in self._appeared for name in _NAMES):
                    missing.discard(str(row["user_id"]))
        return [user_id for user_id in user_ids if user_id in missing]

    def _deactivate(self, missing: list[str]) -> None:
        deactivated, rejected = self._limit.deactivate_missing(missing)
        stream = self._streams[0].title
        self._report.count_saas(stream, "deactivated", len(deactivated) - len(rejected))
        for user_id, reason in rejected.items():
            self._report.reject(
                stream, f"user_id={user_id}", f"SaaS user: is missing, and could not be deactivated: {reason}"
            )


def _identities(plan: StreamPlan, write: RecordWrite) -> list[tuple[str, Any]]:
    """Return the fields of a SaaS user that identify a record, and their values."""
    if write.person is not None:
        return [("user_id", write.person.get("user_id"))]
    record = write.record
    identities = [*zip(plan.mapping.sync_keys, record.keys, strict=True), ("user_external_id", record.external_id)]
    return identities + [(name, record.fields.get(name)) for name in ("email", "username")]
