"""Tests repeated syncs of the same records.

Records that were not written come again, and others are not written again.
"""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.destination.team import empty
from integration_tests.harness.destination_inside import write
from integration_tests.harness.destination_process import config, person, record, state, stream
from integration_tests.sandbox import Sandbox

SAAS = {"type": "user_and_saas_user", "saas_name": "Slack"}


def test_rejected_record_fails_by_name_in_each_sync(quick: Sandbox) -> None:
    """A title too long for its field is rejected in each full refresh, until fixed."""
    empty(quick)
    quick.oomnitza.add_person(username="bob", email="bob@acme.example", first_name="Bob", last_name="Example")
    team = [person("ada"), person("bob", title="B" * 255)]
    for counts in ({"added": 1, "failed": 1}, {"unchanged": 1, "failed": 1}, {"unchanged": 1, "failed": 1}):
        written = write(config(quick), [*map(record, team), state(1)])
        assert written.counts() == counts
        ((who, why),) = written.rejected()
        assert "bob@acme.example" in who
        assert "position" in why
        assert written.acknowledged() == [1], "continue acknowledges the state as usual"
    assert write(config(quick), [record(person("bob", title="Baker")), state(1)]).counts() == {"updated": 1}


def test_rejected_increment_with_fail_after_sync_comes_again(quick: Sandbox) -> None:
    """The last state is kept back, so that the source sends the rejected record again."""
    empty(quick)
    messages = [record(person("ada")), state(1), record(person("bob", title="B" * 255)), state(2)]
    increment = stream(sync_mode="incremental", destination_sync_mode="append_dedup")
    kept = write(config(quick, on_failed_record="fail_after_sync"), messages, increment)
    assert (kept.failure_type, kept.acknowledged()) == ("config_error", [1])
    on = write(config(quick), messages, increment)
    assert (on.failure_type, on.acknowledged()) == ("", [1, 2])
    assert [who for who, _ in on.rejected()] == [who for who, _ in kept.rejected()]


@pytest.mark.parametrize("existing", ["overwrite", "keep"])
def test_saas_users_switched_on_later_are_everybody(quick: Sandbox, existing: str) -> None:
    empty(quick)
    messages = [*(record(person(f"p{number}")) for number in range(30)), state(1)]
    assert write(config(quick), messages).counts() == {"added": 30}
    later = write(config(quick, record_type=SAAS, existing_values=existing), messages)
    assert (later.counts(), later.saas()["assigned"]) == ({"unchanged": 30}, 30)


def test_another_instance_gets_everybody(quick: Sandbox) -> None:
    empty(quick)
    messages = [*(record(person(f"p{number}")) for number in range(30)), state(1)]
    assert write(config(quick), messages).counts() == {"added": 30}
    with Sandbox(people=1) as other:
        assert write(config(other), messages).counts() == {"added": 30}
        assert len(other.oomnitza.people()) == 30


@pytest.mark.parametrize("name", ["user", "saas_user"])
@pytest.mark.parametrize("mode", ["overwrite", "append"])
@pytest.mark.parametrize(
    ("record_type", "write_method"),
    [
        ({"type": "user"}, {"method": "rest", "deactivate_missing": True}),
        (SAAS, {"method": "rest", "deactivate_missing": True}),
        (SAAS, {"method": "ingest", "connector_id": 12, "saas_sync_key": "slack"}),
    ],
    ids=["user", "saas", "ingest"],
)
def test_clear_data_of_an_activation_writes_nothing(
    quick: Sandbox, name: str, mode: str, record_type: dict[str, str], write_method: dict[str, Any]
) -> None:
    """A sync without records writes nothing, as Airbyte's "Clear data" needs it.

    It sends the stream as overwrite, or as append of a new generation, with an empty state.
    """
    empty(quick)
    write(config(quick, record_type=SAAS), [record(person("ada")), state(1)])
    quick.requests.clear()
    cleared = stream(
        "mapped",
        ["email"],
        destination_object_name=name,
        destination_sync_mode=mode,
        generation_id=2,
        minimum_generation_id=2,
        primary_key=[["email"]],
    )
    settings = config(quick, record_type=record_type, write_method=write_method)
    written = write(settings, [state(None, "mapped")], cleared)
    assert (written.error, written.acknowledged()) == ("", [None])
    sent = [each.path for each in quick.requests.matching(service="oomnitza") if each.method != "GET"]
    # An append of people does not mean "Clear data": a sync without records is reported to the integration.
    is_empty_run = (write_method["method"], mode, name) == ("ingest", "append", "user")
    assert sent == (["/api/v3/bulk/12/add_ready_portion"] if is_empty_run else [])
    assert [user["active"] for user in quick.oomnitza.saas_users("Slack")] == [True]


def test_clear_data_of_a_stream_writes_nothing(quick: Sandbox) -> None:
    empty(quick)
    settings = config(quick, record_type=SAAS, write_method={"method": "rest", "deactivate_missing": True})
    write(settings, [record(person("ada")), state(1)])
    quick.requests.clear()
    written = write(settings, [state(None)], stream(destination_sync_mode="overwrite"))
    assert (written.error, written.acknowledged()) == ("", [None])
    assert [each for each in quick.requests.matching(service="oomnitza") if each.method != "GET"] == []
