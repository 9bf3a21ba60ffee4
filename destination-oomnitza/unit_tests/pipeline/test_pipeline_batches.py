"""Tests of batches: when they close, and in which order they are written."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
from destination_oomnitza.pipeline.batches import MAX_BYTES

from .fake_sync import Sync, Tasks, record, state


def batches(sync: Sync) -> list[list[str]]:
    return [[each.fields["email"].partition("@")[0] for each in records] for records in sync.writer.batches]


def test_batch_closes_on_size_state_silence_and_end() -> None:
    sync = Sync(tasks=Tasks(), batch_size=3)
    people = [record(n, key) for n, key in enumerate(["a", "b", "c", "d", "e", "f", "g"])]
    sync.run(*people[:4], None, people[4], state(1), *people[5:])
    assert batches(sync) == [["a", "b", "c"], ["d"], ["e"], ["f", "g"]]


def test_state_does_not_wait_for_later_batches() -> None:
    tasks = Tasks(lambda number: number - 1)  # the latest batch always ends first
    sync = Sync(tasks=tasks, batch_size=1, num_workers=4)
    sync.run(record(1, "a"), state(1), record(2, "b"), state(2), record(3, "c"), state(3))
    assert batches(sync) == [["c"], ["b"], ["a"]]
    assert sync.numbers() == [1, 2, 3]


def test_person_who_comes_20000_times_is_one_record() -> None:
    sync = Sync(tasks=Tasks(), sync_keys=["email", "username"], batch_size=100)

    def lines() -> Iterator[list[bytes]]:
        for number in range(20_000):
            yield [orjson.dumps(record(number, "ada", name=f"ada {number}"))]

    sync.pipeline.run(lines())
    assert len(sync.writer.batches) == 1
    assert [row.fields["username"] for row in sync.writer.written] == ["ada 19999"]
    assert sync.counts() == {"added": 1, "skipped": 19_999}


def test_key_in_flight_is_not_written_twice_across_streams() -> None:
    sync = Sync(
        "users", "others", tasks=Tasks(lambda number: number - 1), sync_keys=["email", "username"], batch_size=2
    )
    sync.run(record(1, "a", name="same"), record(2, "b", name="same"), record(3, "c", name="SAME", stream="others"))
    assert [row.fields["phone_number"] for row in sync.writer.written] == ["1", "2", "3"]


def test_batch_that_adds_no_one_waits_for_those_that_add() -> None:
    tasks = Tasks(lambda number: number - 1)
    logins = {"stream": "logins", "write_mode": "update_only", "sync_keys": ["username"]}
    sync = Sync("users", "logins", tasks=tasks, batch_size=1, num_workers=4, streams=[logins])
    people = ["a", "b"]
    sync.run(
        *(record(n, key) for n, key in enumerate(people)),
        *(record(n, f"{key}-login", stream="logins") for n, key in enumerate(people)),
    )
    assert batches(sync) == [["b"], ["a"], ["b-login"], ["a-login"]], "those of logins run beside each other"


def test_open_batch_that_adds_is_written_first() -> None:
    logins = {"stream": "logins", "write_mode": "update_only", "sync_keys": ["username"]}
    sync = Sync("users", "logins", batch_size=2, streams=[logins])
    sync.run(record(1, "a"), record(1, "a-login", stream="logins"), record(2, "b-login", stream="logins"))
    assert batches(sync) == [["a"], ["a-login", "b-login"]]


@pytest.mark.parametrize("key", ["a", "b"], ids=["one person", "two people"])
def test_batch_that_adds_is_closed_once(key: str) -> None:
    """Closes the batch of `users` with that of `logins`, and not once more."""
    sync = Sync("logins", "users", streams=[{"stream": "logins", "write_mode": "update_only"}])
    sync.run(record(1, "a", stream="logins"), record(2, key), state(3), record(4, "c", stream="logins"), record(5, "d"))
    assert [row.fields["phone_number"] for row in sync.writer.written][-2:] == ["5", "4"]
    assert (sync.counts("users"), sync.counts("logins"), sync.stats()) == ({"added": 2}, {"added": 2}, [(1, 0)])


def test_ingest_earlier_record_of_one_person_is_written_first() -> None:
    """Closes the batch with the person's earlier record before it adds the later one.

    Inactive accounts have batches of their own.
    """
    sync = Sync(tasks=Tasks(), batch_size=10, write_method={"method": "ingest"})
    sync.run(record(1, "bob", deleted=True), record(2, "ada"), record(3, "ada", deleted=True))
    assert [each.fields["phone_number"] for each in sync.writer.written] == ["2", "1", "3"]


def test_batch_with_a_person_of_another_stream_is_written_first() -> None:
    """The later record of a person wins, whichever stream fills its batch first."""
    sync = Sync("users", "others", tasks=Tasks(), batch_size=2)
    sync.run(record(1, "ada"), record(2, "bob", stream="others"), record(3, "ada", stream="others"), record(4, "cy"))
    assert [each.fields["phone_number"] for each in sync.writer.written] == ["1", "2", "3", "4"]


def test_batch_closes_at_its_limit_of_bytes() -> None:
    sync = Sync(tasks=Tasks(), batch_size=100)
    sync.run(*(record(number, f"p{number}", about="x" * (MAX_BYTES // 2)) for number in range(5)))
    assert [len(records) for records in sync.writer.batches] == [2, 2, 1]


@pytest.mark.parametrize(("at_the_end", "counts"), [("ia", (3.0, 0.0)), ("vf", (2.0, 1.0))])
def test_deferred_record_is_last_and_holds_states_behind_it(at_the_end: str, counts: tuple[float, float]) -> None:
    sync = Sync(batch_size=2)
    sync.run(record(1, "a", at_the_end), record(2, "b"), record(3, "c"), state(1), record(4, "d"), state(2))
    assert sync.writer.batches[-1][0].fields["phone_number"] == "1"
    assert (sync.numbers(), sync.stats()) == ([1, 2], [counts, (1.0, 0.0)])


def test_deferred_records_of_many_batches_are_written_in_few() -> None:
    """Writes records that wait for a value first, then those that change an identity.

    A value can go from one record to the next, and on to one that changes an identity.
    """
    sync = Sync("users", "others", batch_size=1)
    fates = ["ia", "va", "a", "va", "ia"]
    sync.run(*(record(number, f"p{number}", fate) for number, fate in enumerate(fates)), record(9, "z", "va", "others"))
    last = [[each.fields["phone_number"] for each in records] for records in sync.writer.batches[6:]]
    assert last == [["1", "3"], ["9"], ["0", "4"]]


def test_deferred_records_sharing_a_key_have_two_batches() -> None:
    sync = Sync(batch_size=1, sync_keys=["email", "username"])
    sync.run(record(1, "a", "ia", name="same"), record(2, "b", "ia", name="same"), record(3, "c", "ia"))
    last = [[each.fields["phone_number"] for each in records] for records in sync.writer.batches[3:]]
    assert last == [["1"], ["2", "3"]]
