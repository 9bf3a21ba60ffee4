"""A state is a receipt: it leaves when everything before it is written, in order, with the counts since the last one."""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.ledger import Ledger
from destination_oomnitza.protocol import read_state

A = (None, "a")
B = (None, "b")


def state(number: int, stream: str | None = "a") -> Any:
    body: dict[str, Any] = {"type": "GLOBAL", "global": {"n": number}}
    if stream:
        body = {"type": "STREAM", "stream": {"stream_descriptor": {"name": stream}, "stream_state": {"n": number}}}
    read = read_state({"type": "STATE", "state": body})
    assert read is not None
    return read


class Sent(list[dict[str, Any]]):
    def numbers(self) -> list[int]:
        return [m["state"].get("global", m["state"].get("stream", {}).get("stream_state"))["n"] for m in self]

    def stats(self) -> list[tuple[float, float]]:
        stats = [m["state"]["destinationStats"] for m in self]
        return [(s["recordCount"], s.get("rejectedRecordCount", 0)) for s in stats]


@pytest.fixture
def sent() -> Sent:
    return Sent()


def take(ledger: Ledger, stream: Any, number: int) -> None:
    for _ in range(number):
        ledger.take(stream)


def test_a_state_waits_for_every_lot_before_it_also_of_other_streams(sent: Sent) -> None:
    ledger = Ledger(sent.append)
    first, second = ledger.open(A), ledger.open(B)
    ledger.add_state(state(1))
    ledger.settle(first, 0, True)
    assert sent == []
    ledger.settle(second, 0, True)
    assert sent.numbers() == [1]


def test_a_later_lot_that_is_ready_first_releases_nothing(sent: Sent) -> None:
    ledger = Ledger(sent.append)
    first = ledger.open(A)
    ledger.add_state(state(1))
    second = ledger.open(A)
    ledger.add_state(state(2))
    ledger.settle(second, 0, True)
    assert sent == []
    ledger.settle(first, 0, True)
    assert sent.numbers() == [1, 2]


def test_a_state_with_nothing_before_it_leaves_at_once(sent: Sent) -> None:
    Ledger(sent.append).add_state(state(1))
    assert sent.stats() == [(0, 0)]


def test_counts_are_of_the_stream_and_since_its_last_state(sent: Sent) -> None:
    ledger = Ledger(sent.append)
    take(ledger, A, 3)
    take(ledger, B, 2)
    ledger.settle(ledger.open(A), 1, True)
    ledger.settle(ledger.open(B), 2, False)
    ledger.add_state(state(1, "a"))
    ledger.add_state(state(2, "b"))
    take(ledger, A, 1)
    ledger.settle(ledger.open(A), 0, True)
    ledger.add_state(state(3, "a"))
    assert sent.stats() == [(3, 1), (2, 2), (1, 0)]


def test_a_state_of_all_streams_counts_all_of_them_and_records_of_no_stream(sent: Sent) -> None:
    ledger = Ledger(sent.append)
    take(ledger, A, 3)
    take(ledger, B, 2)
    take(ledger, None, 1)
    ledger.settle(ledger.open(A), 1, True)
    ledger.settle(ledger.open(B), 1, True)
    ledger.add_state(state(1, None))
    ledger.add_state(state(2, None))
    assert sent.stats() == [(6, 2), (0, 0)]


def test_while_everything_is_refused_states_wait_and_then_leave_in_order(sent: Sent) -> None:
    ledger = Ledger(sent.append)
    ledger.settle(ledger.open(A), 5, False)
    ledger.add_state(state(1))
    ledger.settle(ledger.open(A), 5, False)
    ledger.add_state(state(2))
    assert sent == []
    ledger.settle(ledger.open(A), 4, True)
    assert sent.numbers() == [1, 2]


def test_fail_after_sync_keeps_back_the_state_of_the_first_refused_record_and_all_after_it(sent: Sent) -> None:
    ledger = Ledger(sent.append, fail_on_refused=True)
    ledger.settle(ledger.open(A), 0, True)
    ledger.add_state(state(1))
    ledger.settle(ledger.open(A), 1, True)
    ledger.add_state(state(2))
    ledger.settle(ledger.open(B), 0, True)
    ledger.add_state(state(3, "b"))
    assert sent.numbers() == [1]


def test_what_can_never_leave_any_more_is_not_kept(sent: Sent) -> None:
    ledger = Ledger(sent.append, fail_on_refused=True)
    ledger.settle(ledger.open(A), 1, True)
    for number in range(100):
        ledger.add_state(state(number))
        ledger.settle(ledger.open(A), 0, True)
    assert ledger.waiting() == 0
    assert sent == []


def test_states_of_a_stream_that_is_the_whole_truth_leave_when_the_sync_has_succeeded(sent: Sent) -> None:
    ledger = Ledger(sent.append, whole={A})
    for number, stream in enumerate(("a", "b", "a")):
        take(ledger, (None, stream), 2)
        lot = ledger.open((None, stream))
        ledger.add_state(state(number, stream))
        ledger.settle(lot, 1, True)
    assert sent.numbers() == [1], "others do not wait"
    ledger.conclude(set())
    assert sent.numbers() == [1, 0, 2]
    assert sent.stats() == [(2, 1)] * 3
    ledger.conclude(set())
    assert len(sent) == 3


@pytest.mark.parametrize("stream", ["a", None])
@pytest.mark.parametrize("broken", [A, B])
def test_they_never_leave_where_any_stream_was_not_read_to_the_end(sent: Sent, stream: str | None, broken: Any) -> None:
    ledger = Ledger(sent.append, whole={A})
    ledger.add_state(state(1, stream))
    ledger.conclude({broken})
    assert sent == []
