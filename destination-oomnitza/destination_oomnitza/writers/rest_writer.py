"""The writer over the documented REST API: people first, then their users of the SaaS application."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.report import Outcome
from destination_oomnitza.writers.base import Batch, RecordWrite, StreamEnd
from destination_oomnitza.writers.deactivation_limit import DeactivationLimit
from destination_oomnitza.writers.missing_users import MissingUsers
from destination_oomnitza.writers.people import People
from destination_oomnitza.writers.saas_users import SaasUsers


@dataclass(frozen=True)
class Application:
    """What is kept of one SaaS application."""

    users: SaasUsers
    limit: DeactivationLimit
    missing: MissingUsers | None
    """None if nobody is deactivated for being missing."""


class RestWriter:
    """Finds the people of a batch with few requests, and writes those that differ, several at a time."""

    def __init__(self, people: People, applications: Mapping[StreamKey, Application], num_workers: int) -> None:
        """`applications`: of each stream that keeps SaaS users."""
        self._people = people
        self._applications = applications
        # Threads of their own: a batch waits for its people, and must not hold what they need.
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="person")

    def write(self, batch: Batch) -> None:
        """Write one batch. See Writer."""
        self._people.find(batch.plan, batch.records)
        self._write_people(batch)
        application = self._applications.get(batch.plan.stream.key)
        if application is None:
            return
        if application.missing is not None:
            application.missing.note(batch)
        members = [write for write in batch.records if _concerns_saas(batch, write)]
        application.users.write(batch.plan, members, self._pool)

    @property
    def holds_states(self) -> bool:
        """Whether somebody was left active who has to come again. See Writer."""
        return any(application.limit.is_exceeded for application in self._applications.values())

    def finish(self, end: StreamEnd) -> None:
        """Deactivate who is missing, if that is wanted; fail if the limit left anybody active. See Writer."""
        applications = dict.fromkeys(self._applications.values())
        for application in applications:
            if application.missing is not None:
                application.missing.finish(end)
        for application in applications:
            application.limit.raise_if_exceeded()

    def close(self) -> None:
        """Let go of the threads. What is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _write_people(self, batch: Batch) -> None:
        requests: list[Future[None]] = []
        for write in batch.records:
            if write.outcome is None:
                fields = self._people.decide(batch.plan, write)
                if fields:
                    requests.append(self._pool.submit(self._people.write, batch.plan, write, fields))
        try:
            for request in requests:
                request.result()
        finally:
            for request in requests:
                request.cancel()


def _concerns_saas(batch: Batch, write: RecordWrite) -> bool:
    """Return whether a record goes on to the SaaS side."""
    # A leaver may be known by the id in the application alone; but a mode that changes nobody changes nobody here.
    leaver = write.outcome is Outcome.SKIPPED and batch.plan.existing != "skip"
    return write.user_id is not None or leaver
