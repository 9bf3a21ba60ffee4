"""Deactivates who is missing: users of the application that appeared in no record of a stream that is the whole truth."""

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
    """Keeps who appeared, and deactivates the others at the end of a sync. For use from many threads.

    `streams` are those that are the whole truth (SaasPlan). Users whose record was written carry the mark themselves
    (SaasUser.appeared); of a record that was not, a number is kept for each of its marks.
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
        """Note who appeared, in records that are not written, too: somebody whom a mode leaves alone is not missing."""
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
        """Deactivate who is missing, if every one of the streams was read whole.

        Nobody is deactivated if any record was rejected or could not be read, if of one of the streams no record came, or if they
        are more than the limit leaves.
        """
        whole = {stream.key for stream in self._streams}
        why_not = (
            "it is not known that the source has read everybody"
            if not whole <= end.complete
            else "records were rejected, or could not be read"
            if end.rejected
            else "no record came"
            if not whole <= self._came
            else None
        )
        if why_not:
            logger.warning(f"Nobody was deactivated for being missing, because {why_not}.")
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
            f"Nobody was deactivated for being missing, because Oomnitza does not list all SaaS users of {self._application.name}."
        )

    def _without_record(self, user_ids: list[str]) -> list[str]:
        """Return those of whom no record came that was not written (filtered or skipped) either."""
        if not user_ids or not self._appeared:
            return user_ids
        missing = {user_id for user_id in user_ids if key_hash("user_id", user_id) not in self._appeared}
        if missing:  # names and addresses are not kept, so they are read again
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
    """Return what identifies the person of a record: fields of a SaaS user, and their values."""
    if write.person is not None:
        return [("user_id", write.person.get("user_id"))]
    record = write.record
    identities = [*zip(plan.mapping.sync_keys, record.keys, strict=True), ("user_external_id", record.external_id)]
    return identities + [(name, record.fields.get(name)) for name in ("email", "username")]
