"""The checkpoints: a state is an acknowledgement, and leaves when everything before it is written, in order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.protocol.state import Scope, State


@dataclass(slots=True)
class Place:
    """A batch's place in the order of batches and states."""

    stream: StreamKey
    settled: bool = False
    deferred: bool = False
    """Whether some of its records wait for the end of the sync."""
    rejected: int = 0


@dataclass(slots=True)
class _Waiting:
    state: State
    records: int
    rejected: int = 0
    """Known when all batches before it are settled."""

    def acknowledgement(self) -> dict[str, Any]:
        """Return the state as it goes back."""
        return self.state.acknowledgement(self.records, self.rejected)


MAX_WAITING = 10_000
"""Batches and states that are kept, until reading waits for the workers."""
MAX_WAITING_BYTES = 1 << 25
"""States that are kept, until reading waits for the workers, or until of states held to the end only the last of a stream is kept."""


class Checkpoints:
    """Keeps batches and states in the order of the input, and sends a state when all batches before it are settled.

    The reading thread owns it.

    `fail_on_rejected` keeps back every state from the first rejected record on. In either case states are kept back until one
    record was not rejected: if Oomnitza rejects everybody, something is wrong, and the next sync must bring them again.

    `whole`: the streams that are the whole truth (SaasPlan). Their states leave only when the sync has succeeded: another
    attempt that went on from one in the middle would not see who came before it, and take them for missing.

    `hold`: while it is true, no state leaves, for the sync may yet fail as a whole.
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
        self._over = False

    def take(self, stream: StreamKey | None) -> None:
        """Count a record that was read; None for one of no stream of the catalog."""
        self._taken[stream] += 1

    def open(self, stream: StreamKey) -> Place:
        """Return the place of a new batch."""
        place = Place(stream)
        if not self._over:
            self._entries.append(place)
        return place

    def add_state(self, state: State) -> None:
        """Enqueue a state behind everything that came before it."""
        if state.scope == "every stream":
            records = sum(self._taken.values())
            self._taken.clear()
        else:
            records = self._taken.pop(state.scope, 0)
        if not self._over:
            self._entries.append(_Waiting(state, records))
            self._bytes += state.bytes
            self._release()
            if self.is_full():
                self._fold()

    def settle(self, place: Place, rejected: int, accepted: bool) -> None:
        """Note that a batch is written: how many of its records were rejected, and whether any was not."""
        place.settled, place.rejected = True, rejected
        self._accepted = self._accepted or accepted
        self._release()

    def defer(self, place: Place) -> None:
        """Note that a batch is settled at the end of the sync, and so no state behind it leaves before."""
        place.deferred = True

    def waiting(self) -> int:
        """Return how many batches and states are kept."""
        return len(self._entries) + len(self._held)

    def is_full(self) -> bool:
        """Return whether so much is kept that reading has to wait."""
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
                # No state leaves any more, so there is nothing to keep.
                self._over = True
                self._entries.clear()
                self._bytes = sum(_bytes(each) for each in self._held)
                return
            elif (self._total_rejected and not self._accepted) or self._hold():
                return
            else:
                head.rejected += self._take_rejected(head.state)
                if self._is_of_whole(head.state):
                    self._held.append(head)
                else:
                    self._bytes -= head.state.bytes
                    self._send(head.acknowledgement())
            self._entries.popleft()

    def _fold(self) -> None:
        """Keep the last state of each stream of those that nothing but the end of the sync can release."""
        stuck: deque[Place | _Waiting] = deque()
        while self._entries and not _is_under_way(self._entries[0]):
            stuck.append(self._entries.popleft())
        self._entries.extendleft(reversed(_folded(stuck)))
        self._held = _folded(self._held)
        self._bytes = sum(_bytes(each) for each in (*self._held, *self._entries))

    def conclude(self, broken: Collection[StreamKey]) -> None:
        """Send the states that were held, when the sync has succeeded.

        None leaves if any stream was `broken`, that is not read to the end: then there is another attempt, in which a stream of
        which everything is acknowledged would come without anybody.
        """
        if not broken:
            for held in self._held:
                if isinstance(held, _Waiting):
                    self._send(held.acknowledgement())
        self._held.clear()

    def _is_of_whole(self, state: State) -> bool:
        return bool(self._whole) if state.scope == "every stream" else state.scope in self._whole

    def _take_rejected(self, state: State) -> int:
        """Return, and forget, how many records that a state stands for were rejected."""
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
    """Return entries with the last state of each scope, which stands for all before it, and neighbouring places in one."""
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
