"""Checkpoints: send each state when all records before it are written, in order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.protocol.state import Scope, State


@dataclass(slots=True)
class Place:
    """Place of a batch in the order of batches and states."""

    stream: StreamKey
    settled: bool = False
    deferred: bool = False
    """Whether records of the batch wait for the end of the sync."""
    rejected: int = 0


@dataclass(slots=True)
class _Waiting:
    state: State
    records: int
    rejected: int = 0
    """Number of rejected records; known when all earlier batches are settled."""

    def acknowledgement(self) -> dict[str, Any]:
        """Return the state with its counts, as it is sent."""
        return self.state.acknowledgement(self.records, self.rejected)


MAX_WAITING = 10_000
"""Backpressure: stop reading while this many batches and states are queued."""
MAX_WAITING_BYTES = 1 << 25
"""Backpressure: stop reading while queued states have this many bytes.

Of states that are held to the end of the sync, only the last of each stream is kept beyond this limit.
"""


class Checkpoints:
    """Keeps batches and states in order, and sends acknowledged states.

    A state is sent when all batches before it are settled. The reading thread owns this object. While all records so far were
    rejected, no state is sent, so that the next sync sends them again.

    `fail_on_rejected`: hold back every state from the first rejected record on.

    `whole`: streams of a full reload that deactivates missing users (SaasPlan). Their states are sent only when the sync has
    succeeded. An attempt that resumed from an earlier state would count the users before it as missing.

    `hold`: while it returns true, no state is sent, because the sync may still fail.
    """

    def __init__(
        self,
        send: Callable[[dict[str, Any]], None],
        fail_on_rejected: bool = False,
        whole: Collection[StreamKey] = (),
        hold: Callable[[], bool] = lambda: False,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._send = send
        self._fail_on_rejected = fail_on_rejected
        self._whole = whole
        self._hold = hold
        self._max_waiting = max_waiting
        self._held: deque[Place | _Waiting] = deque()
        self._entries: deque[Place | _Waiting] = deque()
        self._bytes = 0
        self._taken: Counter[StreamKey | None] = Counter()  # since the stream's last state, as read
        self._rejected: Counter[StreamKey] = Counter()  # since the stream's last state, as settled
        self._total_rejected = 0
        self._accepted = False

    def take(self, stream: StreamKey | None) -> None:
        """Count a record that was read; None if the catalog lacks its stream."""
        self._taken[stream] += 1

    def open(self, stream: StreamKey) -> Place:
        """Return the place of a new batch."""
        place = Place(stream)
        self._entries.append(place)
        return place

    def add_state(self, state: State) -> None:
        """Enqueue a state behind all earlier batches and states."""
        if state.scope == "every stream":
            records = sum(self._taken.values())
            self._taken.clear()
        else:
            records = self._taken.pop(state.scope, 0)
        self._entries.append(_Waiting(state, records))
        self._bytes += state.bytes
        self._release()
        if self.is_full():
            self._fold()

    def settle(self, place: Place, rejected: int, accepted: bool) -> None:
        """Note that a batch is written.

        Args:
            place: The place of the batch.
            rejected: The number of rejected records.
            accepted: Whether any record was not rejected.
        """
        place.settled, place.rejected = True, rejected
        self._accepted = self._accepted or accepted
        self._release()

    def defer(self, place: Place) -> None:
        """Note that a batch, and so every state behind it, waits for the end of the sync."""
        place.deferred = True

    def waiting(self) -> int:
        """Return the number of queued batches and states."""
        return len(self._entries) + len(self._held)

    def is_full(self) -> bool:
        """Return whether reading has to wait."""
        return self.waiting() > self._max_waiting or self._bytes > MAX_WAITING_BYTES

    def _release(self) -> None:
        while self._entries:
            head = self._entries[0]
            if isinstance(head, Place):
                if not head.settled:
                    return
                self._rejected[head.stream] += head.rejected
                self._total_rejected += head.rejected
            elif self._total_rejected and self._fail_on_rejected:
                # No further state is sent, so none is kept.
                self._bytes -= head.state.bytes
            elif (self._total_rejected and not self._accepted) or self._hold():
                return
            else:
                head.rejected = self._take_rejected(head.state)
                if self._is_of_whole(head.state):
                    self._held.append(head)
                else:
                    self._bytes -= head.state.bytes
                    self._send(head.acknowledgement())
            self._entries.popleft()

    def _fold(self) -> None:
        """Merge the states that only the end of the sync can release."""
        stuck: deque[Place | _Waiting] = deque()
        while self._entries and not _is_under_way(self._entries[0]):
            stuck.append(self._entries.popleft())
        self._entries.extendleft(reversed(_folded(stuck)))
        self._held = _folded(self._held)
        self._bytes = sum(_bytes(each) for each in (*self._held, *self._entries))

    def conclude(self, broken: Collection[StreamKey]) -> None:
        """Send the states that were held for a sync that has succeeded.

        None is sent if any stream is `broken`, that is, not read to the end. The next attempt would send no records of the streams
        whose states were acknowledged, and all of their users would count as missing.
        """
        if not broken:
            for held in self._held:
                if isinstance(held, _Waiting):
                    self._send(held.acknowledgement())
        self._held.clear()

    def _is_of_whole(self, state: State) -> bool:
        return bool(self._whole) if state.scope == "every stream" else state.scope in self._whole

    def _take_rejected(self, state: State) -> int:
        """Return and reset the number of rejected records that a state stands for."""
        if state.scope != "every stream":
            return self._rejected.pop(state.scope, 0)
        rejected = sum(self._rejected.values())
        self._rejected.clear()
        return rejected


def _bytes(entry: Place | _Waiting) -> int:
    return entry.state.bytes if isinstance(entry, _Waiting) else 0


def _is_under_way(entry: Place | _Waiting) -> bool:
    return isinstance(entry, Place) and not (entry.settled or entry.deferred)


def _folded(entries: Sequence[Place | _Waiting]) -> deque[Place | _Waiting]:
    """Return the entries with only the last state of each scope.

    That state gets the counts of the earlier ones. Adjacent settled places of a stream become one.
    """
    kept: deque[Place | _Waiting] = deque()
    last: dict[Scope, _Waiting] = {}
    for entry in reversed(entries):
        if isinstance(entry, _Waiting):
            later = last.setdefault(entry.state.scope, entry)
            if later is entry:
                kept.appendleft(entry)
            else:
                later.records += entry.records
                later.rejected += entry.rejected
        elif (
            kept and isinstance(kept[0], Place) and kept[0].stream == entry.stream and kept[0].settled and entry.settled
        ):
            kept[0].rejected += entry.rejected
        else:
            kept.appendleft(entry)
    return kept
