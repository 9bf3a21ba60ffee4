"""Scheduler: runs batches in parallel, but never two with the same key."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent import futures
from concurrent.futures import Executor, Future
from typing import Any, Protocol

from destination_oomnitza.cancellation import Cancellation
from destination_oomnitza.pipeline.batches import OpenBatch
from destination_oomnitza.writers.base import Batch, Key, Writer

FINISH_SECONDS = 2.0
"""Seconds that a failed sync waits for running batches, to count their records."""


class Wait(Protocol):
    """Signature of `concurrent.futures.wait`, for tests."""

    def __call__(self, fs: Collection[Future[Any]], timeout: float | None, return_when: str) -> Any:
        """Wait until one or all of the futures are done, or the time is up."""


class Scheduler:
    """Hands batches to workers, and settles them when they have ended.

    The reading thread owns all of its state; workers change none of it.
    """

    def __init__(
        self,
        executor: Executor,
        writer: Writer,
        settle: Callable[[OpenBatch, bool], None],
        cancellation: Cancellation,
        *,
        max_in_flight: int,
        wait: Wait = futures.wait,
    ) -> None:
        self._executor = executor
        self._writer = writer
        self._settle = settle
        self._cancellation = cancellation
        self._max_in_flight = max_in_flight
        self._wait = wait
        self._in_flight: dict[Future[None], OpenBatch] = {}
        self._keys: set[Key] = set()

    @property
    def idle(self) -> bool:
        """Whether no batch is in flight."""
        return not self._in_flight

    def submit(self, batch: OpenBatch) -> None:
        """Submit a batch when a worker is free and its people are in no other batch.

        Raises as `wait`.
        """
        while (
            len(self._in_flight) >= self._max_in_flight
            or not self._keys.isdisjoint(batch.owners)
            or self._is_early(batch)
        ):
            self.wait()
        self._keys.update(batch.owners)
        self._in_flight[self._executor.submit(self._write, batch.batch)] = batch

    def _is_early(self, batch: OpenBatch) -> bool:
        """Return whether running batches may add the people of a batch that adds no one.

        Their keys do not show it, because two streams may find the same person by different fields.
        """
        return not batch.batch.plan.creates and any(each.batch.plan.creates for each in self._in_flight.values())

    def wait(self) -> None:
        """Wait until a batch has ended. Raises the error of a cancelled sync."""
        self._wait([*self._in_flight, self._cancellation.cancelled], None, futures.FIRST_COMPLETED)
        self.settle_ended()
        self._cancellation.raise_if_cancelled()

    def settle_ended(self) -> None:
        """Settle the batches that have ended."""
        for future in [each for each in self._in_flight if each.done()]:
            batch = self._in_flight.pop(future)
            self._keys.difference_update(batch.owners)
            self._settle(batch, future.exception() is None)

    def drain(self) -> None:
        """Wait until every batch has ended. Raises as `wait`."""
        while self._in_flight:
            self.wait()

    def abandon(self) -> None:
        """Settle the batches of a failed sync, after at most FINISH_SECONDS."""
        started = {future: batch for future, batch in self._in_flight.items() if not future.cancel()}
        self._in_flight = {}
        self._wait(started, FINISH_SECONDS, futures.ALL_COMPLETED)
        for future, batch in started.items():
            self._settle(batch, future.done() and future.exception() is None)

    def _write(self, batch: Batch) -> None:
        try:
            self._cancellation.raise_if_cancelled()
            self._writer.write(batch)
        except BaseException as error:
            self._cancellation.cancel(error)  # not left to the reading thread, which may be waiting for the source
            raise
