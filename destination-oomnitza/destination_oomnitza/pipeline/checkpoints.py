"""The checkpoints: a state is an acknowledgement, and leaves when everything before it is written, in order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from destination_oomnitza.protocol.catalog import StreamKey
from destination_oomnitza.protocol.state import State


@dataclass(slots=True)
class Place:
    """A batch's place in the order of batches and states."""

    stream: StreamKey
    settled: bool = False
    rejected: int = 0


@dataclass(slots=True)
class _Waiting:
    state: State
    records: int


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
    ) -> None:
        self._send = send
        self._fail_on_rejected = fail_on_rejected
        self._whole = whole
        self._hold = hold
        self._held: list[dict[str, Any]] = []
        self._entries: deque[Place | _Waiting] = deque()
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
            self._release()

    def settle(self, place: Place, rejected: int, accepted: bool) -> None:
        """Note that a batch is written: how many of its records were rejected, and whether any was not."""
        place.settled, place.rejected = True, rejected
        self._accepted = self._accepted or accepted
        self._release()

    def waiting(self) -> int:
        """Return how many batches and states are kept."""
        return len(self._entries)

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
                return
            elif (self._total_rejected and not self._accepted) or self._hold():
                return
            else:
                acknowledged = head.state.acknowledgement(head.records, self._take_rejected(head.state))
                if self._is_of_whole(head.state):
                    self._held.append(acknowledged)
                else:
                    self._send(acknowledged)
            self._entries.popleft()

    def conclude(self, broken: Collection[StreamKey]) -> None:
        """Send the states that were held, when the sync has succeeded.

        None leaves where any stream was `broken`, that is not read to the end: then there is another attempt, in which a stream of
        which everything is acknowledged would come without anybody.
        """
        if not broken:
            for acknowledged in self._held:
                self._send(acknowledged)
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
