"""Tests the bundle's schema, and the errors for mistakes in metadata.yaml."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bundle.definition import DEFAULT_CONNECTION, Bundle, Schedule, load_bundle, load_metadata
from bundle.errors import DefinitionError
from bundle.sync import settings_for

ROOT = Path(__file__).resolve().parents[2]


def parts() -> dict[str, Any]:
    """Return this tree's bundle, for tests that break it."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))
    return content


def spoil(content: dict[str, Any], path: str, value: Any) -> None:
    *way, last = path.split(".")
    place: Any = content
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("connections.users.schedule.cron", "0 5 * * *", "this has 5"),
        ("connections.users.schedule.cron", "0 * * * * ?", "once an hour at most"),
        ("connections.users.schedule.cron", "* 0 5 * * ?", "once an hour at most"),
        ("connections.users.schedule.cron", "0 17 5 * * *", "must be ?"),
        ("connections.users.schedule.cron", "0 17 5 ? * ?", "must be ?"),
        ("connections.users.schedule.timezone", "Europe/Berlin", "Extra inputs"),
        ("connections.users.streams", [], "at least 1 item"),
        ("connections.users.streams.0.sync_mode", "append_dedup", "incremental_deduped_history"),
        ("connections.users.streams.0.name", "", "at least 1 character"),
        ("connections.users.name", None, "Field required"),
        ("connections.users", {}, "Field required"),
        ("connections.Users", {}, "match pattern"),
        ("connectors.source", None, "Field required"),
        ("connectors.destination.image", "airbyte-oomnitza/destination-oomnitza", "named with its tag"),
        ("connectors.destination.image", "registry.example.com:5000/destination-oomnitza", "named with its tag"),
        ("connectors.source.directory", "../elsewhere", "match pattern"),
    ],
)
def test_mistake_is_named_with_its_place(tmp_path: Path, path: str, value: Any, named: str) -> None:
    content = parts()
    spoil(content, path, value)
    (tmp_path / "metadata.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(DefinitionError) as error:
        load_bundle(tmp_path)
    assert path in str(error.value)
    assert named in str(error.value)
    assert str(tmp_path / "metadata.yaml") in str(error.value)


@pytest.mark.parametrize("text", ["connectors: [", "just text", "", "\x00"])
def test_invalid_bundle_is_named_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "metadata.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError) as error:
        load_bundle(tmp_path)
    assert "\n" not in str(error.value)


def test_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be read: No such file"):
        load_bundle(tmp_path)


def test_image_of_own_registry_keeps_its_port() -> None:
    content = parts()
    spoil(content, "connectors.source.image", "registry.example.com:5000/team/source-slack-users:0.1.0")
    source = Bundle.model_validate(content).connectors.source
    assert source.repository == "registry.example.com:5000/team/source-slack-users"
    assert source.tag == "0.1.0"


@given(st.integers(0, 59), st.integers(0, 59), st.integers(0, 23), st.sampled_from(["* * ?", "? * MON-FRI", "1 */2 ?"]))
def test_schedule_takes_any_second_minute_and_hour(second: int, minute: int, hour: int, day: str) -> None:
    cron = f"{second} {minute} {hour} {day}"
    assert Schedule(cron=f"  {cron} ").cron == cron


@given(st.text(max_size=30))
def test_schedule_of_any_text_does_not_crash(text: str) -> None:
    try:
        Schedule(cron=text)
    except ValidationError as error:
        assert error.error_count() == 1


def test_default_connection_reads_all_people_once_a_day() -> None:
    connection = load_bundle(ROOT).connections[DEFAULT_CONNECTION]
    assert {stream.name: stream.sync_mode.value for stream in connection.streams} == {"users": "full_refresh_append"}
    assert connection.enabled
    second, minute, hour, *every_day = connection.schedule.cron.split()
    assert int(second) < 60
    assert int(minute) < 60
    assert int(hour) < 24
    assert every_day == ["*", "*", "?"]


def test_second_connection_brings_activity_and_is_off() -> None:
    connection = load_bundle(ROOT).connections["activity"]
    assert {stream.name: stream.sync_mode.value for stream in connection.streams} == {
        "last_logins": "incremental_append",
        "billable_info": "full_refresh_append",
    }
    assert not connection.enabled


def test_image_differs_from_connectors_fails(tmp_path: Path) -> None:
    bundle = load_bundle(ROOT)
    (tmp_path / bundle.connectors.destination.directory).mkdir()
    file = tmp_path / bundle.connectors.destination.directory / "metadata.yaml"
    original = (ROOT / bundle.connectors.destination.directory / "metadata.yaml").read_text(encoding="utf-8")
    file.write_text(original.replace("dockerImageTag: 0.1.0", "dockerImageTag: 9.9.9"), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"9\.9\.9.*make them equal"):
        load_metadata(tmp_path, bundle.connectors.destination)


@pytest.mark.parametrize(
    ("connection", "kept"),
    [("users", ["usres", None]), ("activity", ["last_logins", "usres", None])],
)
def test_settings_of_streams_of_other_connections_are_left_out(connection: str, kept: list[Any]) -> None:
    """Entries of other connections' streams are removed; a misspelt one is warned of."""
    bundle = load_bundle(ROOT)
    settings = {"test_run": False, "streams": [{"stream": "last_logins"}, {"stream": "usres"}, {}]}
    left = settings_for(bundle.connections[connection], bundle, settings)
    assert [entry.get("stream") for entry in left["streams"]] == kept
    assert len(settings["streams"]) == 3


@pytest.mark.parametrize("settings", [{}, {"streams": None}, {"streams": {}}, {"streams": ["users", 5]}])
def test_settings_that_are_wrong_are_left_to_the_check(settings: dict[str, Any]) -> None:
    bundle = load_bundle(ROOT)
    assert settings_for(bundle.connections["users"], bundle, settings) == settings
