"""One member becomes one record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import source_slack_users
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from source_slack_users.users import is_bot, is_guest, last_change, to_record

SCHEMA = json.loads((Path(source_slack_users.__file__).parent / "schemas" / "users.json").read_text())
START = "2026-01-31T12:00:00Z"

FLAG = st.none() | st.booleans()
TEXT = st.none() | st.just("") | st.text(max_size=12)
NUMBER = st.none() | st.integers()
ANYTHING = st.recursive(
    FLAG | NUMBER | TEXT, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner)
)

PROFILE_TEXTS = [
    "email",
    "first_name",
    "last_name",
    "real_name",
    "real_name_normalized",
    "display_name",
    "title",
    "phone",
    "skype",
    "pronouns",
    "status_text",
    "image_24",
    "team",
    "bot_id",
    "api_app_id",
]
MEMBER_FLAGS = [
    "deleted",
    "is_admin",
    "is_owner",
    "is_primary_owner",
    "is_restricted",
    "is_ultra_restricted",
    "is_bot",
    "is_app_user",
    "is_invited_user",
    "is_email_confirmed",
    "is_stranger",
    "is_workflow_bot",
    "is_connector_bot",
    "has_2fa",
]
PROFILE = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(PROFILE_TEXTS, TEXT) | {"fields": ANYTHING, "status_expiration": NUMBER}
)
MEMBER = st.fixed_dictionaries(
    {"id": st.sampled_from(["U1", "W2", "USLACKBOT"])},
    optional=dict.fromkeys(MEMBER_FLAGS, FLAG)
    | dict.fromkeys(("team_id", "name", "real_name", "tz", "tz_label", "color", "locale", "two_factor_type"), TEXT)
    | {"tz_offset": NUMBER, "updated": NUMBER, "profile": st.none() | PROFILE}
    | {"enterprise_user": st.none() | st.dictionaries(st.text(), ANYTHING)},
)


@given(MEMBER)
def test_any_member_becomes_a_record_of_the_schema(member: dict[str, Any]) -> None:
    record = to_record(member, ["T1"], START)
    Draft7Validator(SCHEMA).validate(record)
    assert set(record) == set(SCHEMA["properties"])
    assert "" not in [value for name, value in record.items() if name != "profile"]


@given(MEMBER)
def test_a_bot_never_gets_a_name_made_up(member: dict[str, Any]) -> None:
    record = to_record(member, ["T1"], START)
    profile = member.get("profile") or {}
    if is_bot(member):
        assert record["first_name"] == (profile.get("first_name") or None)
        assert record["last_name"] == (profile.get("last_name") or None)


@pytest.mark.parametrize(
    ("real_name", "first", "last"),
    [
        ("Egon Spengler", "Egon", "Spengler"),
        ("Cher", "Cher", None),
        ("Ursula K. Le Guin", "Ursula", "K. Le Guin"),
        ("  Ada \t Lovelace ", "Ada", "Lovelace"),
        ("   ", None, None),
        ("", None, None),
    ],
)
@pytest.mark.parametrize("empty", [{}, {"first_name": "", "last_name": ""}, {"first_name": None}])
def test_names_come_from_the_real_name(
    real_name: str, first: str | None, last: str | None, empty: dict[str, Any]
) -> None:
    record = to_record({"id": "U1", "profile": {"real_name": real_name, **empty}}, [], START)
    assert (record["first_name"], record["last_name"]) == (first, last)


def test_one_name_is_enough_to_leave_the_other_empty() -> None:
    record = to_record({"id": "U1", "profile": {"real_name": "Grace Hopper", "last_name": "Murray"}}, [], START)
    assert (record["first_name"], record["last_name"]) == (None, "Murray")


def test_the_profiles_real_name_wins_over_the_members() -> None:
    assert to_record({"id": "U1", "real_name": "a b", "profile": {"real_name": "C D"}}, [], START)["real_name"] == "C D"
    assert to_record({"id": "U1", "real_name": "a b", "profile": {"real_name": ""}}, [], START)["first_name"] == "a"
    assert to_record({"id": "U1", "real_name": "a b"}, [], START)["last_name"] == "b"


# Highest first; each flag of a lower rank may be true as well.
RANKS = [
    ("is_bot", "bot"),
    ("is_primary_owner", "primary_owner"),
    ("is_owner", "owner"),
    ("is_admin", "admin"),
    ("is_ultra_restricted", "single_channel_guest"),
    ("is_restricted", "multi_channel_guest"),
]


@pytest.mark.parametrize("rank", range(len(RANKS)))
def test_the_role_is_the_first_that_holds(rank: int) -> None:
    flags = {flag: True for flag, _ in RANKS[rank:]}
    assert to_record({"id": "U1", **flags}, [], START)["role"] == RANKS[rank][1]


FLAGS = [name for name, field in SCHEMA["properties"].items() if "boolean" in field["type"]]


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_is_the_records_own(flag: str) -> None:
    told = to_record({"id": "U1", flag: True}, [], START)
    assert [name for name in FLAGS if told[name] is True] == [flag]
    assert to_record({"id": "U1", flag: False}, [], START)[flag] is False


@pytest.mark.parametrize(("updated", "moment"), [(5, 5), (5.9, 5), ("5", 0), (None, 0), ([], 0)])
def test_the_time_of_the_last_change_is_a_number_or_not_told(updated: Any, moment: int) -> None:
    assert last_change({"id": "U1", "updated": updated}) == moment


def test_nobody_special_is_a_member_also_with_an_app() -> None:
    record = to_record({"id": "U1", "is_app_user": True}, [], START)
    assert record["role"] == "member"
    assert record["is_bot"] is False


@pytest.mark.parametrize("flag", ["is_bot", "is_workflow_bot", "is_connector_bot"])
def test_each_kind_of_bot_is_a_bot(flag: str) -> None:
    assert to_record({"id": "U1", flag: True}, [], START)["role"] == "bot"


def test_slackbot_is_a_bot_that_says_it_is_none() -> None:
    record = to_record({"id": "USLACKBOT", "is_bot": False, "updated": 0}, [], START)
    assert (record["role"], record["is_bot"], record["updated"]) == ("bot", False, 0)


@pytest.mark.parametrize(
    ("member", "status"),
    [
        ({}, "active"),
        ({"is_invited_user": True}, "invited"),
        ({"deleted": True}, "deactivated"),
        ({"deleted": True, "is_invited_user": True}, "deactivated"),
    ],
)
def test_status(member: dict[str, Any], status: str) -> None:
    assert to_record({"id": "U1", **member}, [], START)["status"] == status


def test_missing_flags_are_false_but_those_that_only_some_tokens_see() -> None:
    record = to_record({"id": "U1", "deleted": True}, [], START)
    assert [record[name] for name in ("is_admin", "is_owner", "is_bot", "is_restricted", "is_app_user")] == [False] * 5
    unseen = ("has_2fa", "is_invited_user", "is_email_confirmed", "is_stranger", "tz", "color", "email", "profile")
    assert [record[name] for name in unseen] == [None] * len(unseen)


def test_both_kinds_of_guest_are_guests() -> None:
    assert is_guest({"is_restricted": True})
    assert is_guest({"is_restricted": True, "is_ultra_restricted": True})
    assert not is_guest({"is_restricted": False, "is_stranger": True})


def test_the_profile_stays_whole() -> None:
    profile = {"fields": [], "image_24": "https://example.com/24.png", "phone": "", "title": "Admiral"}
    record = to_record({"id": "U1", "profile": profile}, ["T1", "T2"], START)
    assert record["profile"] == profile
    assert record["phone"] is None
    assert record["team_ids"] == ["T1", "T2"]
    assert record["connector_sync_time"] == START
