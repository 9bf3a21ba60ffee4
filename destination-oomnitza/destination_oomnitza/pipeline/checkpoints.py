"""The checkpoints: which states may be acknowledged. A state is a receipt: it leaves when everything before it is written, in order."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from destination_oomnitza.protocol.messages import State, StreamKey


@dataclass(slots=True)
class Entry:
    """One batch's place in the order of things."""

    stream: StreamKey
    settled: bool = False
    refused: int = 0


@dataclass(slots=True)
class _Waiting:
    state: State
    records: int


class Checkpoints:
    """Keeps batches and states in the order of the input, and sends a state when all batches before it are settled.

    `fail_on_refused` keeps back every state from the first refused record on. In either case states are kept back until one
    record was not refused: if Oomnitza refuses everybody, something is wrong, and the next sync must bring them again.

    `whole`: the streams that are the whole truth (StreamPlan.whole). Their states leave only when the sync has succeeded: another
    attempt that went on from one in the middle would not see who came before it, and take them for missing.
    """

    def __init__(
        self,
        send: Callable[[dict[str, Any]], None],
        fail_on_refused: bool = False,
        whole: Collection[StreamKey] = (),
    ) -> None:
        self._send = send
        self._fail_on_refused = fail_on_refused
        self._whole = whole
        self._held: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._entries: deque[Entry | _Waiting] = deque()
        self._taken: Counter[StreamKey | None] = Counter()  # since the stream's last state, as read
        self._refused: Counter[StreamKey] = Counter()  # since the stream's last state, as settled
        self._total_refused = 0
        self._accepted = False
        self._over = False

    def take(self, stream: StreamKey | None) -> None:
        """Count a record that was read; None for one of no stream of the catalog.

        Called by the reading thread alone, as are `open` and `add_state`.
        """
        self._taken[stream] += 1

    def open(self, stream: StreamKey) -> Entry:
        """Return the place of a new batch."""
        entry = Entry(stream)
        with self._lock:
            if not self._over:
                self._entries.append(entry)
        return entry

    def add_state(self, state: State) -> None:
        """Enqueue a state behind everything that came before it."""
        if state.scope == "every stream":
            records = sum(self._taken.values())
            self._taken.clear()
        else:
            records = self._taken.pop(state.scope, 0)
        with self._lock:
            if not self._over:
                self._entries.append(_Waiting(state, records))
                self._release()

    def settle(self, entry: Entry, refused: int, accepted: bool) -> None:
        """Note that a batch is written: how many of its records were refused, and whether any was not."""
        with self._lock:
            entry.settled, entry.refused = True, refused
            self._accepted = self._accepted or accepted
            self._release()

    def waiting(self) -> int:
        """Return how many batches and states are kept."""
        return len(self._entries)

    def _release(self) -> None:
        while self._entries:
            head = self._entries[0]
            if isinstance(head, Entry):
                if not head.settled:
                    return
                self._refused[head.stream] += head.refused
                self._total_refused += head.refused
            elif self._total_refused and self._fail_on_refused:
                # No state leaves any more, so there is nothing to keep.
                self._over = True
                self._entries.clear()
                return
            elif self._total_refused and not self._accepted:
                return
            else:
                receipt = head.state.receipt(head.records, self._rejected(head.state))
                if self._is_of_whole(head.state):
                    self._held.append(receipt)
                else:
                    self._send(receipt)
            self._entries.popleft()

    def conclude(self, broken: Collection[StreamKey]) -> None:
        """Send the states that were held, when the sync has succeeded.

        None leaves where any stream was `broken`, that is not read to the end: then there is another attempt, in which a stream of
        which everything is acknowledged would come without anybody.
        """
        with self._lock:
            if not broken:
                for receipt in self._held:
                    self._send(receipt)
            self._held.clear()

    def _is_of_whole(self, state: State) -> bool:
        return bool(self._whole) if state.scope == "every stream" else state.scope in self._whole

    def _rejected(self, state: State) -> int:
        """Return, and forget, how many records that a state stands for were refused."""
        if state.scope != "every stream":
            return self._refused.pop(state.scope, 0)
        rejected = sum(self._refused.values())
        self._refused.clear()
        return rejected
