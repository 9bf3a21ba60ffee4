"""Tests of checkpoints: states leave in order, when all before them is written."""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.pipeline import checkpoints as module
from destination_oomnitza.pipeline.checkpoints import Checkpoints
from destination_oomnitza.protocol.state import read_state
from hypothesis import given
from hypothesis import strategies as st

A = (None, "a")
B = (None, "b")


def state(number: int, stream: str | None = "a", size: int = 0) -> Any:
    body: dict[str, Any] = {"type": "GLOBAL", "global": {"n": number}}
    if stream:
        body = {"type": "STREAM", "stream": {"stream_descriptor": {"name": stream}, "stream_state": {"n": number}}}
    read = read_state({"type": "STATE", "state": body}, size)
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


def take(checkpoints: Checkpoints, stream: Any, number: int) -> None:
    for _ in range(number):
        checkpoints.take(stream)


def test_state_waits_for_batches_of_every_stream_before_it(sent: Sent) -> None:
    checkpoints = Checkpoints(sent.append)
    first, second = checkpoints.open(A), checkpoints.open(B)
    checkpoints.add_state(state(1))
    checkpoints.settle(first, 0, True)
    assert sent == []
    checkpoints.settle(second, 0, True)
    assert sent.numbers() == [1]


def test_later_batch_that_is_settled_first_releases_nothing(sent: Sent) -> None:
    checkpoints = Checkpoints(sent.append)
    first = checkpoints.open(A)
    checkpoints.add_state(state(1))
    second = checkpoints.open(A)
    checkpoints.add_state(state(2))
    checkpoints.settle(second, 0, True)
    assert sent == []
    checkpoints.settle(first, 0, True)
    assert sent.numbers() == [1, 2]


def test_state_with_nothing_before_it_leaves_at_once(sent: Sent) -> None:
    Checkpoints(sent.append).add_state(state(1))
    assert sent.stats() == [(0, 0)]


def test_counts_are_of_the_stream_and_since_its_last_state(sent: Sent) -> None:
    checkpoints = Checkpoints(sent.append)
    take(checkpoints, A, 3)
    take(checkpoints, B, 2)
    checkpoints.settle(checkpoints.open(A), 1, True)
    checkpoints.settle(checkpoints.open(B), 2, False)
    checkpoints.add_state(state(1, "a"))
    checkpoints.add_state(state(2, "b"))
    take(checkpoints, A, 1)
    checkpoints.settle(checkpoints.open(A), 0, True)
    checkpoints.add_state(state(3, "a"))
    assert sent.stats() == [(2, 1), (0, 2), (1, 0)]


def test_state_of_all_streams_counts_every_record(sent: Sent) -> None:
    checkpoints = Checkpoints(sent.append)
    take(checkpoints, A, 3)
    take(checkpoints, B, 2)
    take(checkpoints, None, 1)
    checkpoints.settle(checkpoints.open(A), 1, True)
    checkpoints.settle(checkpoints.open(B), 1, True)
    checkpoints.add_state(state(1, None))
    checkpoints.add_state(state(2, None))
    assert sent.stats() == [(4, 2), (0, 0)]


def test_states_wait_while_every_record_is_rejected(sent: Sent) -> None:
    checkpoints = Checkpoints(sent.append)
    checkpoints.settle(checkpoints.open(A), 5, False)
    checkpoints.add_state(state(1))
    checkpoints.settle(checkpoints.open(A), 5, False)
    checkpoints.add_state(state(2))
    assert sent == []
    checkpoints.settle(checkpoints.open(A), 4, True)
    assert sent.numbers() == [1, 2]


def test_fail_after_sync_keeps_states_from_first_rejected_on(sent: Sent) -> None:
    checkpoints = Checkpoints(sent.append, fail_on_rejected=True)
    checkpoints.settle(checkpoints.open(A), 0, True)
    checkpoints.add_state(state(1))
    checkpoints.settle(checkpoints.open(A), 1, True)
    checkpoints.add_state(state(2))
    checkpoints.settle(checkpoints.open(B), 0, True)
    checkpoints.add_state(state(3, "b"))
    assert sent.numbers() == [1]


def test_fail_after_sync_later_batch_frees_no_state(sent: Sent) -> None:
    """A batch without rejected records does not make up for the one before it."""
    checkpoints = Checkpoints(sent.append, fail_on_rejected=True)
    first, second = checkpoints.open(A), checkpoints.open(A)
    checkpoints.add_state(state(1))
    checkpoints.settle(first, 1, True)
    checkpoints.settle(second, 0, True)
    assert sent == []


def test_held_and_queued_states_fill_the_room_together() -> None:
    checkpoints = Checkpoints([].append, whole={A}, max_waiting=3)
    for number in range(2):
        checkpoints.add_state(state(number))
    checkpoints.open(B)
    assert (checkpoints.waiting(), checkpoints.is_full()) == (3, False)
    checkpoints.open(B)
    assert (checkpoints.waiting(), checkpoints.is_full()) == (4, True)


def test_state_that_can_never_leave_is_not_kept(sent: Sent) -> None:
    checkpoints = Checkpoints(sent.append, fail_on_rejected=True)
    checkpoints.settle(checkpoints.open(A), 1, True)
    for number in range(100):
        checkpoints.add_state(state(number))
        checkpoints.settle(checkpoints.open(A), 0, True)
    assert checkpoints.waiting() == 0
    assert sent == []


def test_states_of_full_reload_leave_at_the_end(sent: Sent) -> None:
    checkpoints = Checkpoints(sent.append, whole={A})
    for number, stream in enumerate(("a", "b", "a")):
        take(checkpoints, (None, stream), 2)
        batch = checkpoints.open((None, stream))
        checkpoints.add_state(state(number, stream))
        checkpoints.settle(batch, 1, True)
    assert sent.numbers() == [1], "others do not wait"
    checkpoints.conclude(set())
    assert sent.numbers() == [1, 0, 2]
    assert sent.stats() == [(1, 1)] * 3
    checkpoints.conclude(set())
    assert len(sent) == 3


@pytest.mark.parametrize("stream", ["a", None])
@pytest.mark.parametrize("broken", [A, B])
def test_states_of_full_reload_stay_if_a_stream_broke(sent: Sent, stream: str | None, broken: Any) -> None:
    checkpoints = Checkpoints(sent.append, whole={A})
    checkpoints.add_state(state(1, stream))
    checkpoints.conclude({broken})
    assert sent == []


@pytest.mark.parametrize("limit", ["number", "bytes"])
@pytest.mark.parametrize("held", ["to the end", "while all is rejected"])
def test_held_states_are_bounded_and_the_last_has_the_sums(
    sent: Sent, limit: str, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if limit == "bytes":
        monkeypatch.setattr(module, "MAX_WAITING_BYTES", 1000)
    whole = held == "to the end"
    checkpoints = Checkpoints(
        sent.append, whole={A, B} if whole else (), max_waiting=100 if limit == "number" else 10_000
    )
    for number in range(1000):
        stream = (A, B)[number % 2]
        take(checkpoints, stream, 3)
        checkpoints.settle(checkpoints.open(stream), 2 if whole else 3, whole)
        checkpoints.add_state(state(number, stream[1], 100))
        assert checkpoints.waiting() <= 102
    assert sent == []
    checkpoints.settle(checkpoints.open(A), 0, True)
    checkpoints.add_state(state(1000, "a", 100))
    checkpoints.conclude(set())
    assert sent.numbers() == sorted(sent.numbers())
    assert sent.numbers()[-2:] == [999, 1000], "the last of each stream is kept"
    rejected = 2 if whole else 3
    assert tuple(map(sum, zip(*sent.stats(), strict=True))) == (1000 * (3 - rejected), 1000 * rejected)


@pytest.mark.parametrize("rejected", [0, 1])
def test_state_that_leaves_or_is_dropped_makes_room(rejected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 1000)
    checkpoints = Checkpoints([].append, fail_on_rejected=True)
    slow = checkpoints.open(A)
    for size in (400, 1100):
        checkpoints.add_state(state(1, size=size))
    assert checkpoints.is_full()
    checkpoints.settle(slow, rejected, True)
    assert not checkpoints.is_full()


def test_folded_states_keep_the_room_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 1000)
    checkpoints = Checkpoints([].append, whole={A, B})
    for stream in "ab":
        checkpoints.add_state(state(1, stream, 600))
    assert checkpoints.is_full()
    checkpoints.add_state(state(2, "b", 300))
    assert not checkpoints.is_full()


def test_states_behind_a_slow_batch_are_not_folded(sent: Sent) -> None:
    checkpoints = Checkpoints(sent.append, max_waiting=3)
    slow = checkpoints.open(A)
    for number in range(10):
        checkpoints.add_state(state(number))
    assert checkpoints.is_full()
    checkpoints.settle(slow, 0, True)
    assert sent.numbers() == list(range(10))
    assert not checkpoints.is_full()


def test_states_behind_a_deferred_batch_are_folded(sent: Sent) -> None:
    checkpoints = Checkpoints(sent.append, max_waiting=100)
    places = [checkpoints.open(A), checkpoints.open(A)]
    for place in places:
        checkpoints.defer(place)
    for number in range(1000):
        take(checkpoints, A, 3)
        checkpoints.settle(checkpoints.open(A), 1, True)
        checkpoints.add_state(state(number))
        assert checkpoints.waiting() <= 102
    for place in places:
        assert sent == []
        checkpoints.settle(place, 2, True)
    assert sent.numbers()[-1] == 999
    assert tuple(map(sum, zip(*sent.stats(), strict=True))) == (3000 - 1004, 1004)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=60),
    st.booleans(),
)
def test_folded_states_have_the_sums_of_all(events: list[tuple[str, int, int, bool]], whole: bool) -> None:
    """Each stream's sums and last state do not depend on the limit.

    Batches and states come in any order, with states held back in two ways.
    """
    results = []
    for max_waiting in (2, 10_000):
        sent = Sent()
        released = False
        checkpoints = Checkpoints(
            sent.append,
            whole={A, B} if whole else (),
            hold=lambda: not (whole or released),  # noqa: B023  # it is called within this round
            max_waiting=max_waiting,
        )
        for number, (stream, accepted, rejected, is_state) in enumerate(events):
            take(checkpoints, (None, stream), accepted + rejected)
            checkpoints.settle(checkpoints.open((None, stream)), rejected, True)
            if is_state:
                checkpoints.add_state(state(number, stream))
        released = True
        checkpoints.settle(checkpoints.open(A), 0, True)
        checkpoints.conclude(set())
        streams = [each["state"]["stream"]["stream_descriptor"]["name"] for each in sent]
        assert all(count >= 0 for counts in sent.stats() for count in counts)
        results.append(
            {
                stream: (
                    [
                        sum(counts)
                        for counts in zip(
                            *(s for s, of in zip(sent.stats(), streams, strict=True) if of == stream), strict=True
                        )
                    ],
                    [number for number, of in zip(sent.numbers(), streams, strict=True) if of == stream][-1],
                )
                for stream in streams
            }
        )
    assert results[0] == results[1]
