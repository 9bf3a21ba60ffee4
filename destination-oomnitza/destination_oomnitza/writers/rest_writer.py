"""Writer over the REST API: writes people first, then their SaaS users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.report import Outcome
from destination_oomnitza.writers.base import Batch, Deferral, RecordWrite, StreamEnd
from destination_oomnitza.writers.changes import writes_unique_field
from destination_oomnitza.writers.deactivation_limit import DeactivationLimit
from destination_oomnitza.writers.identities import Identities
from destination_oomnitza.writers.missing_users import MissingUsers
from destination_oomnitza.writers.people import Edit, People
from destination_oomnitza.writers.saas_users import SaasUsers


@dataclass(frozen=True)
class Application:
    """Parts that manage one SaaS application."""

    users: SaasUsers
    limit: DeactivationLimit
    missing: MissingUsers | None
    """None if missing users are not deactivated."""


class RestWriter:
    """Finds the people of a batch with few requests, and writes those that differ."""

    def __init__(self, people: People, applications: Mapping[StreamKey, Application], num_workers: int) -> None:
        """Take the application of each stream that manages SaaS users."""
        self._people = people
        self._applications = applications
        self._identities = Identities()
        # A pool of its own: a batch waits for its people, and would block the worker that they need.
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="person")

    def write(self, batch: Batch) -> None:
        """Write one batch. See Writer."""
        self._people.find(batch.plan, batch.records)
        self._identities.settle(batch)
        self._write_people(batch)
        self._identities.note(batch)
        application = self._applications.get(batch.plan.stream.key)
        if application is not None:
            if not batch.last:
                self._defer_leavers(application, batch)
            self._write_saas_users(application, batch)
        for write in batch.records:
            write.person = None  # not kept in memory until the reading thread settles the batch

    @property
    def holds_states(self) -> bool:
        """Whether the deactivation limit was exceeded. See Writer."""
        return any(application.limit.is_exceeded for application in self._applications.values())

    def finish(self, end: StreamEnd) -> None:
        """Deactivate missing users; fail if the limit was exceeded. See Writer."""
        applications = dict.fromkeys(self._applications.values())
        for application in applications:
            if application.missing is not None:
                application.missing.finish(end)
        for application in applications:
            application.limit.raise_if_exceeded()

    def close(self) -> None:
        """Stop the threads and log the totals; running requests end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._identities.close()

    def _defer_leavers(self, application: Application, batch: Batch) -> None:
        """Defer leavers known by the id of an account only: it may be an older one."""
        for write in batch.records:
            if (
                write.user_id is None
                and write.record.inactive
                and _concerns_saas(batch, write)
                and application.users.would_deactivate(write.record.external_id)
            ):
                self._identities.defer(batch.plan, write, Deferral.ACCOUNT)

    def _write_saas_users(self, application: Application, batch: Batch) -> None:
        if application.missing is not None:
            application.missing.note(batch)
        members = [write for write in batch.records if _concerns_saas(batch, write)]
        application.users.write(batch.plan, members, self._pool)

    def _write_people(self, batch: Batch) -> None:
        edits = self._decide(batch.plan, [each for each in batch.records if each.outcome is None and not each.deferred])
        while edits:
            self._write_all(batch.plan, edits)
            # A unique value may have belonged to another person of this batch, who has a new one by now.
            unique = [write for write, fields in edits if writes_unique_field(batch.plan, fields)]
            rejected = [write for write in unique if write.outcome is Outcome.FAILED]
            if len(rejected) == len(unique):
                break
            for write in rejected:
                write.reopen()
            edits = self._decide(batch.plan, rejected)
        self._take_up_rejected_keys(batch, edits)

    def _take_up_rejected_keys(self, batch: Batch, edits: Sequence[Edit]) -> None:
        """Defer rejected edits of sync keys, because a later record may free the value.

        In a last batch, adds the person who has the value to the reason.
        """
        keys = set(batch.plan.mapping.sync_keys)
        rejected = [
            (write, fields)
            for write, fields in edits
            if write.outcome is Outcome.FAILED and write.person is not None and not keys.isdisjoint(fields)
        ]
        if batch.last:
            self._people.name_holders(batch.plan, rejected)
        else:
            for write, _ in rejected:
                self._identities.defer(batch.plan, write, Deferral.VALUE)

    def _decide(self, plan: StreamPlan, writes: Sequence[RecordWrite]) -> list[Edit]:
        edits = [(write, self._people.decide(plan, write)) for write in writes]
        return [(write, fields) for write, fields in edits if fields]

    def _write_all(self, plan: StreamPlan, edits: Sequence[Edit]) -> None:
        requests = [self._pool.submit(self._people.write, plan, write, fields) for write, fields in edits]
        try:
            for request in requests:
                request.result()
        finally:
            for request in requests:
                request.cancel()
            wait(requests)  # requests that run while another one ends the sync are counted, too


def _concerns_saas(batch: Batch, write: RecordWrite) -> bool:
    """Return whether a record also concerns its SaaS user."""
    # A leaver may be known by the id in the application only; create_only changes no SaaS user of a known person.
    leaver = write.outcome is Outcome.SKIPPED and batch.plan.existing != "skip"
    return write.user_id is not None or leaver
