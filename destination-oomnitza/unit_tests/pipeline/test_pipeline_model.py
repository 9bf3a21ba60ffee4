"""Tests of the pipeline's promises, for any order of input and batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from .fake_sync import Sync, Tasks, record, state

KEYS = st.sampled_from(["ada", "bob", "cy", "Ada", "dee", "eve", "flo"])
FATES = st.sampled_from([*"auunnsf", "va", "vf", "ia", "is", "if"])
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), KEYS, FATES, st.sampled_from(["users", "others"])),
        st.tuples(st.just("unmappable"), st.sampled_from(["users", "others"])),
        st.tuples(st.just("filtered"), st.sampled_from(["users", "others"])),
        st.tuples(st.just("unknown"), st.just("strangers")),
        st.tuples(st.just("state"), st.sampled_from(["users", "others", "strangers", "global", "legacy"])),
        st.tuples(st.just("silence")),
        st.tuples(st.just("work"), st.integers(1, 4)),
    ),
    max_size=60,
)


class Model:
    """Expected result of a list of events, without batches or workers."""

    def __init__(self, events: list[Any]) -> None:
        self.messages: list[Any] = []
        self.records: list[tuple[int, str, str, str]] = []  # number, stream, key, fate
        self.before: dict[int, int] = {}  # number of records before each state
        self.scope: dict[int, str] = {}
        for event in events:
            number = len(self.messages)
            kind, *what = event
            if kind == "record":
                key, outcome, stream = what
                self.records.append((number, stream, key.lower(), outcome))
                self.messages.append(record(number, key, outcome, stream))
            elif kind == "unmappable":
                self.records.append((number, what[0], "", "f"))
                self.messages.append(record(number, "zed", stream=what[0], name=["a", "list"]))
            elif kind == "filtered":
                self.records.append((number, what[0], "", "s"))
                self.messages.append(record(number, "zed", stream=what[0], is_bot=True))
            elif kind == "unknown":
                self.records.append((number, "", "", ""))
                self.messages.append(record(number, "zed", stream="strangers"))
            elif kind == "state":
                self.before[number], self.scope[number] = len(self.records), what[0]
                kinds = {"global": "GLOBAL", "legacy": "LEGACY"}
                self.messages.append(state(number, what[0], kinds.get(what[0], "STREAM")))
            else:
                self.messages.append(what[0] if kind == "work" else None)

    def taken_since_last_state(self, number: int) -> int:
        mine = self.scope[number]
        whole = mine in ("global", "legacy")
        earlier = [
            self.before[other]
            for other, scope in self.scope.items()
            if other < number and scope != "strangers" and (whole or scope in (mine, "global", "legacy"))
        ]
        if whole:  # no later state counts these records again
            return sum(
                1
                for place, (_, stream, _, _) in enumerate(self.records[: self.before[number]])
                if not any(
                    place < self.before[other]
                    for other, scope in self.scope.items()
                    if other < number and scope in (stream, "global", "legacy") and scope != "strangers"
                )
            )
        start = max(earlier, default=0)
        return sum(1 for _, stream, _, _ in self.records[start : self.before[number]] if stream == mine)


@settings(max_examples=400, deadline=None)
@given(
    events=EVENTS,
    data=st.data(),
    batch_size=st.integers(1, 4),
    num_workers=st.integers(1, 3),
    fail_on_rejected=st.booleans(),
    update_only=st.sampled_from([[], ["users"], ["others"]]),
)
def test_pipeline_of_any_interleaving_keeps_promises(
    events: list[Any],
    data: st.DataObject,
    *,
    batch_size: int,
    num_workers: int,
    fail_on_rejected: bool,
    update_only: list[str],
) -> None:
    model = Model(events)
    tasks = Tasks(lambda number: data.draw(st.integers(0, number - 1)))
    sync = Sync(
        "users",
        "others",
        tasks=tasks,
        batch_size=batch_size,
        num_workers=num_workers,
        fail_on_rejected=fail_on_rejected,
        record_filter="{{ not record['is_bot'] }}",
        streams=[{"stream": each, "write_mode": "update_only"} for each in update_only],
    )

    def check(message: dict[str, Any]) -> None:
        """Check a state that leaves against the records written so far."""
        number = message["state"]["x-number"]
        done = {int(row.fields["phone_number"]) for row in (*sync.writer.written, *sync.writer.superseded)}
        last: dict[tuple[str, str], int] = {}
        before = model.records[: model.before[number]]
        for place, stream, key, _ in before:
            last[stream, key] = place
        for place, stream, key, _ in before:
            if key and last[stream, key] == place:
                assert place in done, f"state {number} left before record {place} was written"

    sync.on_send = check

    def lines() -> Iterator[list[bytes]]:
        for message in model.messages:
            if isinstance(message, int):
                for _ in range(message):
                    tasks.run_one()
            else:
                yield [] if message is None else [orjson.dumps(message)]

    sync.pipeline.run(lines())
    assert not tasks.waiting
    assert tasks.most <= 2 * num_workers
    check_outcomes(model, sync)
    check_states(model, sync, fail_on_rejected)


def check_outcomes(model: Model, sync: Sync) -> None:
    """Check that each record has one outcome, and each person the last record."""
    counts = sync.report.as_dict()
    standing = {row.fields["email"].lower(): row.fields["phone_number"] for row in sync.writer.written}
    for stream in ("users", "others"):
        taken = sum(1 for _, of, _, _ in model.records if of == stream)
        assert sum(n for n in counts[stream].values() if isinstance(n, int)) == taken
        assert sum(counts[stream]["skipped_because"].values()) == counts[stream]["skipped"]
    for key, number in {key: number for number, _, key, _ in model.records if key}.items():
        assert standing[f"{key}@acme.example"] == str(number), "the earlier record was written last"


def check_states(model: Model, sync: Sync, fail_on_rejected: bool) -> None:
    """Check that states come back unchanged, in order and with the right counts.

    All of them come back unless rejected records hold some back.
    """
    acknowledged = sync.numbers()
    known = [number for number, scope in model.scope.items() if scope != "strangers"]
    assert acknowledged == known[: len(acknowledged)]
    for message, number in zip(sync.sent, acknowledged, strict=True):
        stats = message["state"].pop("destinationStats")
        assert message == model.messages[number]
        assert stats["recordCount"] + stats["rejectedRecordCount"] == model.taken_since_last_state(number)
    without_refused = [number for number in known if not _refused_by(model, number, sync)]
    everything = sync.report.rejected() == sum(1 for _, stream, _, _ in model.records if stream)
    assert acknowledged == (without_refused if fail_on_rejected or everything else known)


def _refused_by(model: Model, number: int, sync: Sync) -> int:
    """Return the number of records before a state that were rejected.

    These are the ones that could not be mapped, and those that the writer rejected.
    """
    written = {int(row.fields["phone_number"]) for row in sync.writer.written}
    return sum(
        1
        for place, stream, key, fate in model.records[: model.before[number]]
        if stream and fate.endswith("f") and (not key or place in written)
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(KEYS, FATES), min_size=1, max_size=40), st.integers(1, 5), st.data())
def test_rejected_counts_add_up_to_the_rejected_records(
    people: list[tuple[str, str]], every: int, data: st.DataObject
) -> None:
    tasks = Tasks(lambda number: data.draw(st.integers(0, number - 1)))
    sync = Sync(tasks=tasks)
    messages: list[Any] = [record(0, "zoe", "n")]
    for number, (key, outcome) in enumerate(people):
        messages.append(record(number, key, outcome))
        if number % every == 0:
            messages.append(state(number))
    sync.run(*messages, state(1000))
    assert sum(rejected for _, rejected in sync.stats()) == sync.report.rejected()
    assert sum(map(sum, sync.stats())) == len(people) + 1
