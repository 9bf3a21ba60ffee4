"""Tests of stream ends: by statuses, or by the last message."""

from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.pipeline.stream_ends import StreamEnds
from destination_oomnitza.protocol.catalog import Stream

USERS = Stream("users")
GUESTS = Stream("guests")


def ends(*messages: Any, streams: tuple[Stream, ...] = (USERS, GUESTS)) -> tuple[set[str], set[str]]:
    """Return the complete and the broken streams after some messages.

    A message is `r` (record) or `s` (state) and a stream, or a status and a stream.
    """
    judged = StreamEnds(streams)
    for kind, name in (message.split() for message in messages):
        if kind == "r":
            judged.take_record((None, name))
        elif kind == "s":
            judged.take_state("every stream" if name == "*" else (None, name))
        else:
            judged.take_status((None, name), kind)
    return {name for _, name in judged.complete()}, {name for _, name in judged.broken()}


@pytest.mark.parametrize(
    ("messages", "complete", "broken"),
    [
        ([], set(), set()),
        (["r users"], set(), set()),
        (["r users", "s users"], {"users"}, set()),
        (["s users", "r users"], set(), {"users"}),
        (["r users", "s *"], set(), set()),
        (["s *", "r users"], set(), {"users"}),
        (["STARTED users", "r users", "s users"], set(), {"users"}),
        (["STARTED users", "s users", "r users", "COMPLETE users"], {"users"}, set()),
        (["STARTED users", "s users", "INCOMPLETE users"], set(), {"users"}),
        (["COMPLETE users", "INCOMPLETE users"], set(), {"users"}),
        (["r guests", "s guests", "COMPLETE users"], {"users"}, set()),
        (["s guests", "r guests", "COMPLETE users"], {"users"}, set()),
        (["r users", "s users", "COMPLETE strangers"], set(), set()),
    ],
    ids=lambda value: ", ".join(sorted(value) if isinstance(value, set) else value) or "none",
)
def test_stream_end_is_judged_by_status_else_last_message(
    messages: list[str], complete: set[str], broken: set[str]
) -> None:
    assert ends(*messages) == (complete, broken)


def test_stream_end_of_the_only_stream_may_be_a_state_of_all() -> None:
    assert ends("r users", "s *", streams=(USERS,)) == ({"users"}, set())


@pytest.mark.parametrize("stream", [Stream("users", is_resumable=True), Stream("users", sync_mode="incremental")])
def test_stream_end_of_resumable_or_increment_is_open(stream: Stream) -> None:
    assert ends("r users", "s users", streams=(stream,)) == (set(), set())
    assert ends("s users", "r users", streams=(stream,)) == (set(), {"users"})
    assert ends("COMPLETE users", streams=(stream,)) == ({"users"}, set())
