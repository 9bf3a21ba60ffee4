"""The writer over the documented REST API: people first, then what they are in the SaaS application."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from destination_oomnitza.mapping import Row
from destination_oomnitza.people import People, Written
from destination_oomnitza.plan import StreamPlan
from destination_oomnitza.protocol import StreamKey
from destination_oomnitza.report import Outcome, Result
from destination_oomnitza.saas import Member, SaasUsers


class RestWriter:
    """Finds the people of a lot with few requests, and writes those that differ, several at a time."""

    def __init__(self, people: People, saas: SaasUsers | None, num_workers: int) -> None:
        self._people = people
        self._saas = saas
        # Threads of their own: a lot waits for its people, and must not hold what they need.
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="person")

    def write(self, plan: StreamPlan, rows: list[Row], refusals: list[str]) -> list[Result | None]:
        """Write one lot. See pipeline.Writer."""
        written: list[Written] = []
        waiting = []
        for row, person in zip(rows, self._people.find(plan, rows), strict=True):
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
        results: list[Result | None] = [result for result, _ in written]
        if self._saas is not None and plan.saas:
            members = [
                Member(index, user_id, rows[index]) for index, (_, user_id) in enumerate(written) if user_id is not None
            ]
            for index, result in self._saas.write(plan, members).items():
                results[index] = result
        return results

    def seen(self, plan: StreamPlan, record: Mapping[str, Any]) -> None:
        """Note a record that is not written. See pipeline.Writer."""
        if self._saas is not None and plan.whole:
            self._saas.seen(plan, record)

    def finish(self, complete: set[StreamKey], refused: bool) -> None:
        """Deactivate who is missing, where that is wanted. See pipeline.Writer."""
        if self._saas is not None:
            self._saas.finish(complete, refused)

    def close(self) -> None:
        """Let go of the threads. What is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
