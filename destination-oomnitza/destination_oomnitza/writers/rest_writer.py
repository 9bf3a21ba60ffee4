"""The writer over the documented REST API: people first, then what they are in the SaaS application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.planning.stream_plan import StreamPlan
from destination_oomnitza.protocol.messages import StreamKey
from destination_oomnitza.report import Outcome, Result
from destination_oomnitza.writers.missing_users import MissingUsers
from destination_oomnitza.writers.people import People, Person, Written, failed
from destination_oomnitza.writers.saas_users import Member, SaasUsers


class RestWriter:
    """Finds the people of a batch with few requests, and writes those that differ, several at a time."""

    def __init__(
        self,
        people: People,
        saas: SaasUsers | None,
        missing: MissingUsers | None,
        num_workers: int,
        test_run: bool = False,
    ) -> None:
        self._people = people
        self._saas = saas
        self._missing = missing
        self._test_run = test_run
        # Threads of their own: a batch waits for its people, and must not hold what they need.
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="person")

    def write(self, plan: StreamPlan, rows: list[MappedRecord], refusals: list[str]) -> list[Result | None]:
        """Write one batch. See pipeline.Writer."""
        found = self._people.find(plan, rows)
        written = self._write_people(plan, rows, found)
        if self._missing is not None:
            self._note(plan, rows, found)
        if self._saas is not None and plan.saas:
            written = self._write_saas_users(plan, rows, written)
        return [result for result, _ in written]

    def seen(self, plan: StreamPlan, record: Mapping[str, Any]) -> None:
        """Note a record that is not written. See pipeline.Writer."""
        if self._missing is not None:
            self._missing.note(plan.stream.key, plan.mapping.identities(record))

    def finish(self, complete: set[StreamKey], broken: set[StreamKey], refused: bool) -> None:
        """Deactivate who is missing, where that is wanted. See pipeline.Writer."""
        if self._missing is not None:
            self._missing.finish(complete, refused)

    def close(self) -> None:
        """Let go of the threads. What is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _write_people(
        self, plan: StreamPlan, rows: list[MappedRecord], found: Sequence[Person | Result | None]
    ) -> list[Written]:
        written: list[Written] = []
        waiting = []
        for row, person in zip(rows, found, strict=True):
            step = (person, None) if isinstance(person, Result) else self._people.decide(plan, row, person)
            if callable(step):
                waiting.append((len(written), self._pool.submit(step)))
                step = (Result(Outcome.UNCHANGED), None)  # until it is done
            written.append(step)
        try:
            for index, future in waiting:
                written[index] = future.result()
        finally:
            for _, future in waiting:
                future.cancel()
        return written

    def _note(self, plan: StreamPlan, rows: list[MappedRecord], found: Sequence[Person | Result | None]) -> None:
        """Note who appeared, also where the record is not written: somebody whom a mode leaves alone is not missing."""
        if self._missing is None:
            return
        for row, person in zip(rows, found, strict=True):
            marks = [*zip(plan.mapping.sync_keys, row.keys, strict=True), ("user_external_id", row.external_id)]
            marks += [(name, row.fields.get(name)) for name in ("email", "username")]
            if isinstance(person, dict):
                marks = [("user_id", person.get("user_id"))]
            self._missing.note(plan.stream.key, ((name, value) for name, value in marks if value is not None))

    def _write_saas_users(self, plan: StreamPlan, rows: list[MappedRecord], written: list[Written]) -> list[Written]:
        if self._saas is None:
            return written
        members: list[Member] = []
        for index, (result, user_id) in enumerate(written):
            known = user_id
            if known is None and result.outcome is Outcome.ADDED:
                if not self._test_run:
                    reason = "Oomnitza added the person, and does not tell the user_id, so the SaaS user waits for the next sync"
                    written[index] = (failed(reason), None)
                    continue
                known = f"(new) {rows[index].key}"  # so that a test run tells what would become of them
            # A leaver may be known by the id in the application alone; but a mode that changes nobody changes nobody here.
            if known is not None or (result.outcome is Outcome.SKIPPED and (plan.update or plan.saas_user_only)):
                members.append(Member(index, known, rows[index]))
        for index, result in self._saas.write(plan, members, self._pool).items():
            person, user_id = written[index]
            both = person.outcome is result.outcome is Outcome.FAILED
            written[index] = (failed(f"{person.reason}; {result.reason}") if both else result, user_id)
        return written
