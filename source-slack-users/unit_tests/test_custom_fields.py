"""Tests custom fields by label: from the listing, or person by person."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

FIELDS = [{"id": "Xf1", "label": "Cost centre", "type": "text"}, {"id": "Xf2", "label": "Manager", "type": "user"}]


def member(person: str, **profile: Any) -> dict[str, Any]:
    return {"id": person, "updated": 1_700_000_000, "profile": profile}


@pytest.fixture
def profiles(slack: Any) -> dict[str, Any]:
    """Return the fields that `users.profile.get` has for each person."""
    profiles: dict[str, Any] = {}
    slack.answers["team.profile.get"] = {"profile": {"fields": FIELDS}}
    slack.answers["users.profile.get"] = lambda params: (
        {"profile": profiles[params["user"]]}
        if params["user"] in profiles
        else {"ok": False, "error": "user_not_found"}
    )
    return profiles


def test_custom_fields_are_off_by_default(slack: Any, read: Any) -> None:
    slack.answers["users.list"] = {"members": [member("U1", fields={"Xf1": {"value": "4711", "alt": ""}})]}
    assert [person["custom_fields"] for person in read("users")] == [None]
    assert slack.asked("team.profile.get") == []


def test_custom_fields_of_the_listing_need_no_request(profiles: Any, slack: Any, read: Any) -> None:
    fields = {
        "Xf1": {"value": "4711", "alt": ""},
        "Xf2": {"value": "", "alt": ""},
        "Xf9": {"value": "of a field that was removed"},
    }
    people = [member("U1", fields=fields), member("U2", fields=[]), member("U3", fields={}), member("U4", fields="x")]
    slack.answers["users.list"] = {"members": people}
    assert [person["custom_fields"] for person in read("users", include_custom_fields=True)] == [
        {"Cost centre": "4711"},
        None,
        None,
        None,
    ]
    assert len(slack.asked("team.profile.get")) == 1
    assert slack.asked("users.profile.get") == []


@pytest.mark.parametrize("left_out", [{}, {"fields": None}])
def test_custom_fields_left_out_are_asked_for(
    profiles: Any, slack: Any, read: Any, caplog: pytest.LogCaptureFixture, left_out: dict[str, Any]
) -> None:
    """Fields are requested for emitted people only, and the time is logged before."""
    caplog.set_level("INFO")
    people = [member(f"U{number}", **left_out) for number in range(205)]
    people += [member("UBOT", bot_id="B1"), member("UKNOWN", fields={"Xf1": {"value": "1"}}), {"id": "UNONE"}]
    slack.answers["users.list"] = {"members": people}
    profiles["U3"] = {"fields": {"Xf2": {"value": "U1", "alt": ""}}}
    profiles["U4"] = {"fields": None}
    found = {person["id"]: person["custom_fields"] for person in read("users", include_custom_fields=True)}
    assert {person: fields for person, fields in found.items() if fields} == {
        "U3": {"Manager": "U1"},
        "UKNOWN": {"Cost centre": "1"},
    }
    assert len(slack.asked("users.profile.get")) == 206
    assert "custom fields of 206 of the next 207 people" in caplog.text
    assert "about 3 minutes" in caplog.text


def test_custom_fields_without_labels_ask_nobody(profiles: Any, slack: Any, read: Any) -> None:
    slack.answers["team.profile.get"] = {"profile": {"fields": []}}
    assert {person["custom_fields"] for person in read("users", include_custom_fields=True)} == {None}
    assert slack.asked("users.profile.get") == []


def test_custom_fields_of_a_grid_have_labels_of_each(profiles: Any, grid: Any, slack: Any, read: Any) -> None:
    slack.answers["team.profile.get"] = lambda params: {
        "profile": {"fields": [{"id": f"Xf{params['team_id']}", "label": f"Label of {params['team_id']}"}]}
    }
    for people in grid.values():
        for person in people:
            person["profile"] = {"fields": {"XfT1": {"value": "a"}, "XfT3": {"value": "b"}}}
    people = read("users", include_custom_fields=True)
    assert {tuple(person["custom_fields"].items()) for person in people} == {
        (("Label of T1", "a"), ("Label of T3", "b"))
    }


def test_custom_fields_of_one_label_stay_apart(profiles: Any, slack: Any, read: Any) -> None:
    slack.answers["team.profile.get"] = {
        "profile": {"fields": [*FIELDS, {"id": "Xf3", "label": "Manager"}, {"id": "Xf4"}]}
    }
    fields = {name: {"value": name} for name in ("Xf2", "Xf3", "Xf4")}
    slack.answers["users.list"] = {"members": [member("U1", fields=fields)]}
    (person,) = read("users", include_custom_fields=True)
    assert person["custom_fields"] == {"Manager": "Xf2", "Manager (Xf3)": "Xf3", "Xf4": "Xf4"}


def test_custom_fields_without_the_scope_fail(slack: Any, read: Any) -> None:
    missing = {"ok": False, "error": "missing_scope", "needed": "users.profile:read", "provided": "users:read"}
    slack.answers["team.profile.get"] = missing
    with pytest.raises(AirbyteTracedException, match=r"lacks the scope users\.profile:read") as caught:
        read("users", include_custom_fields=True)
    assert caught.value.failure_type is FailureType.config_error


def test_custom_fields_rejected_for_a_person_fail(profiles: Any, slack: Any, read: Any) -> None:
    slack.answers["users.profile.get"] = {"ok": False, "error": "account_inactive"}
    with pytest.raises(AirbyteTracedException, match="account_inactive"):
        read("users", include_custom_fields=True)


@pytest.mark.parametrize("answer", [{}, {"profile": {"fields": None}}, {"profile": []}])
def test_custom_fields_without_a_list_of_labels_fail(slack: Any, read: Any, answer: dict[str, Any]) -> None:
    slack.answers["team.profile.get"] = answer
    with pytest.raises(AirbyteTracedException, match="response without fields") as caught:
        read("users", include_custom_fields=True)
    assert caught.value.failure_type is FailureType.transient_error
