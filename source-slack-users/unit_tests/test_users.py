"""Tests the record of one member."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import source_slack_users
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from source_slack_users.coercion import flag
from source_slack_users.users import SLACKBOTS, Standing, last_change, rights_of, to_record

SCHEMA = json.loads((Path(source_slack_users.__file__).parent / "schemas" / "users.json").read_text())
VALIDATOR = Draft7Validator(SCHEMA)
START = "2026-01-31T12:00:00Z"

# Recorded members have flags as 1 and 0, numbers as text, and lists and numbers where a text should be.
FLAG = st.none() | st.booleans() | st.sampled_from([0, 1, "0", "1", "true", "false", "", "maybe", [], {}])
TEXT = st.none() | st.just("") | st.text(max_size=12) | st.integers() | st.lists(st.text(max_size=2), max_size=1)
NUMBER = st.none() | st.integers() | st.floats() | st.integers().map(str) | st.just("soon") | st.booleans()
ANYTHING = st.recursive(
    FLAG | NUMBER | TEXT, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner)
)
ADMINISTRATION = ("is_admin", "is_owner", "is_primary_owner")
PROFILE_TEXTS = [
    *(
        "email",
        "first_name",
        "last_name",
        "real_name",
        "real_name_normalized",
        "display_name",
        "title",
        "phone",
        "skype",
    ),
    *("pronouns", "status_text", "image_24", "team", "bot_id", "api_app_id", "guest_invited_by", "start_date"),
]
MEMBER_TEXTS = [
    *("team_id", "name", "real_name", "tz", "tz_label", "color", "locale"),
    *("two_factor_type", "who_can_share_contact_card"),
]
MEMBER_FLAGS = [
    *("deleted", "is_restricted", "is_ultra_restricted", "is_bot", "is_app_user", "is_invited_user", "is_forgotten"),
    *("is_email_confirmed", "is_stranger", "is_workflow_bot", "is_connector_bot", "is_agentforce_bot", "has_2fa"),
    *ADMINISTRATION,
]
PROFILE = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(PROFILE_TEXTS, TEXT) | {"fields": ANYTHING, "guest_expiration_ts": NUMBER}
)
MEMBER = st.fixed_dictionaries(
    {"id": st.sampled_from(["U1", "W2", *SLACKBOTS])},
    optional=dict.fromkeys(MEMBER_FLAGS, FLAG)
    | dict.fromkeys(MEMBER_TEXTS, TEXT)
    | {"tz_offset": NUMBER, "updated": NUMBER, "profile": st.none() | st.just([]) | PROFILE}
    | {"enterprise_user": ANYTHING | st.fixed_dictionaries({}, optional=dict.fromkeys(ADMINISTRATION, FLAG))},
)
RIGHTS = st.integers(0, 31)


def record_of(member: dict[str, Any], rights: int = 0, **more: Any) -> dict[str, Any]:
    return to_record({"id": "U1", **member, **more}, Standing(["T1"], rights), sync_time=START, own={"T1", "T2"})


@given(MEMBER, RIGHTS)
def test_record_of_any_member_satisfies_the_schema(member: dict[str, Any], rights: int) -> None:
    record = record_of(member, rights)
    VALIDATOR.validate(record)
    assert list(record) == list(SCHEMA["properties"])
    assert "" not in [value for name, value in record.items() if name != "profile"]


@given(MEMBER, RIGHTS)
def test_record_flags_role_and_status_agree(member: dict[str, Any], rights: int) -> None:
    record = record_of(member, rights)
    holds = {
        "primary_owner": record["is_primary_owner"],
        "owner": record["is_owner"],
        "admin": record["is_admin"],
        "single_channel_guest": record["is_ultra_restricted"],
        "multi_channel_guest": record["is_restricted"],
        "member": True,
    }
    if record["role"] == "bot":
        assert record["id"] in SLACKBOTS or record["is_bot"] or record["is_workflow_bot"] or has_bot_mark(member)
    else:
        assert record["role"] == next(role for role, holding in holds.items() if holding)
        assert not (record["is_bot"] or record["is_workflow_bot"])
    assert (record["status"] == "deactivated") is record["deleted"]
    assert (record["status"] == "invited") is (record["is_invited_user"] is True and not record["deleted"])
    assert record["is_external"] >= (record["is_stranger"] is True)


def has_bot_mark(member: dict[str, Any]) -> bool:
    profile = member.get("profile") or {}
    return bool(flag(member.get("is_connector_bot")) or flag(member.get("is_agentforce_bot")) or profile.get("bot_id"))


@given(MEMBER)
def test_record_of_a_bot_has_no_made_up_name(member: dict[str, Any]) -> None:
    record = record_of(member)
    profile = member.get("profile") or {}
    if record["role"] == "bot":
        assert record["first_name"] is None or profile.get("first_name")
        assert record["last_name"] is None or profile.get("last_name")


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
def test_record_without_names_splits_the_real_name(
    real_name: str, first: str | None, last: str | None, empty: dict[str, Any]
) -> None:
    record = record_of({"profile": {"real_name": real_name, **empty}})
    assert (record["first_name"], record["last_name"]) == (first, last)


def test_record_with_one_name_splits_nothing() -> None:
    record = record_of({"profile": {"real_name": "Grace Hopper", "last_name": "Murray"}})
    assert (record["first_name"], record["last_name"]) == (None, "Murray")


def test_record_real_name_is_the_profiles_first() -> None:
    assert record_of({"real_name": "a b", "profile": {"real_name": "C D"}})["real_name"] == "C D"
    assert record_of({"real_name": "a b", "profile": {"real_name": ""}})["first_name"] == "a"
    assert record_of({"real_name": "a b"})["last_name"] == "b"


@pytest.mark.parametrize(("real_name", "result"), [(42, "42"), (["Ada"], None), ({}, None), (True, None)])
def test_record_real_name_that_is_no_text(real_name: Any, result: str | None) -> None:
    assert record_of({"real_name": real_name})["real_name"] == result
    assert record_of({"profile": {"real_name": real_name}})["real_name"] == result


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
@pytest.mark.parametrize("true", [True, 1, "1", "true"])
def test_record_role_is_the_first_that_applies(rank: int, true: Any) -> None:
    flags = {flag: true for flag, _ in RANKS[rank:]}
    assert record_of(flags)["role"] == RANKS[rank][1]


FLAGS = [name for name, field in SCHEMA["properties"].items() if "boolean" in field["type"] and name != "is_external"]


@pytest.mark.parametrize("flag", FLAGS)
def test_record_flag_is_its_own(flag: str) -> None:
    record = record_of({flag: 1})
    assert [name for name in FLAGS if record[name] is True] == [flag]
    assert record_of({flag: "0"})[flag] is False


def test_record_of_recorded_types_has_the_schemas_types() -> None:
    record = record_of({"tz_offset": "-25200", "updated": "1500000003", "is_admin": 1, "deleted": 1})
    assert (record["tz_offset"], record["updated"], record["is_admin"]) == (-25200, 1_500_000_003, True)
    assert (record["deleted"], record["status"], record["role"]) == (True, "deactivated", "admin")


def test_record_false_and_zero_are_not_null() -> None:
    reported = {"has_2fa": False, "is_invited_user": 0, "tz_offset": 0, "updated": 0}
    record = record_of(reported)
    assert [record[name] for name in reported] == [False, False, 0, 0]
    assert record["has_2fa"] is record["is_invited_user"] is False


@pytest.mark.parametrize(("updated", "result"), [(5, 5), (5.9, 5), ("5", 5), (None, 0), ([], 0), ("soon", 0)])
def test_last_change_of_slacks_value(updated: Any, result: int) -> None:
    assert last_change({"id": "U1", "updated": updated}) == result


def test_record_of_an_app_user_is_a_member() -> None:
    record = record_of({"is_app_user": True})
    assert (record["role"], record["is_bot"]) == ("member", False)


@pytest.mark.parametrize(
    "mark",
    [{name: True} for name in ("is_bot", "is_workflow_bot", "is_connector_bot", "is_agentforce_bot")]
    + [{"is_agentforce_bot": 1}, {"is_bot": False, "profile": {"bot_id": "B1"}}]
    + [{"id": slackbot, "is_bot": False} for slackbot in ("USLACKBOT", "USLACK")],
)
def test_record_with_any_mark_of_a_bot_is_a_bot(mark: dict[str, Any]) -> None:
    record = record_of({"real_name": "Daily Robot", **mark})
    assert (record["role"], record["first_name"]) == ("bot", None)


@pytest.mark.parametrize(
    "no_mark",
    [{"profile": profile} for profile in ({"bot_id": ""}, {"bot_id": None}, {"bot_id": ["B1"]}, {"api_app_id": "A1"})]
    + [{"is_connector_bot": "0"}, {"is_agentforce_bot": "false"}],
)
def test_record_without_a_mark_is_no_bot(no_mark: dict[str, Any]) -> None:
    assert record_of(no_mark)["role"] == "member"


@pytest.mark.parametrize(
    ("member", "status"),
    [
        ({}, "active"),
        ({"is_invited_user": True}, "invited"),
        ({"is_invited_user": "0"}, "active"),
        ({"deleted": True}, "deactivated"),
        ({"deleted": "true", "is_invited_user": True}, "deactivated"),
    ],
)
def test_record_status(member: dict[str, Any], status: str) -> None:
    assert record_of(member)["status"] == status


def test_record_of_absent_flags_is_false_or_null() -> None:
    record = record_of({"deleted": True})
    absent = ("is_admin", "is_owner", "is_bot", "is_restricted", "is_app_user", "is_workflow_bot", "is_forgotten")
    assert [record[name] for name in absent] == [False] * len(absent)
    unseen = ("has_2fa", "is_invited_user", "is_email_confirmed", "is_stranger", "tz", "color", "email", "profile")
    assert [record[name] for name in unseen] == [None] * len(unseen)


def test_record_has_columns_for_erased_people_and_guests() -> None:
    profile = {"guest_invited_by": "U7", "guest_expiration_ts": "1700000000", "start_date": "2026-02-01"}
    member = {"is_forgotten": True, "who_can_share_contact_card": "NO_ONE", "two_factor_type": "app"}
    record = record_of({**member, "profile": profile})
    expected = {
        **member,
        "guest_invited_by": "U7",
        "guest_expires_at": "2023-11-14T22:13:20Z",
        "start_date": "2026-02-01",
    }
    assert {name: record[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("member", "external"),
    [
        ({"team_id": "T1"}, False),
        ({"team_id": "T2"}, False),
        ({"team_id": "T9", "is_stranger": False}, True),
        ({"team_id": "T1", "is_stranger": True}, True),
        ({}, False),
        ({"team_id": ""}, False),
    ],
)
def test_record_of_another_team_is_external(member: dict[str, Any], external: bool) -> None:
    assert record_of(member)["is_external"] is external


@pytest.mark.parametrize(
    ("members", "role"),
    [
        ([{"is_admin": True}, {}], "admin"),
        ([{}, {"enterprise_user": {"is_owner": True}}], "owner"),
        ([{"is_admin": 1}, {"enterprise_user": {"is_primary_owner": "true"}}], "primary_owner"),
        ([{"is_restricted": True}, {}], "member"),
        ([{"is_restricted": True, "is_ultra_restricted": True}, {"is_restricted": True}], "multi_channel_guest"),
        ([{"is_ultra_restricted": True}, {"is_ultra_restricted": True}], "single_channel_guest"),
        ([{"is_ultra_restricted": True, "enterprise_user": {"id": "W1"}}], "single_channel_guest"),
        ([{"is_owner": True, "enterprise_user": {"is_admin": True}}], "owner"),
        ([{"is_restricted": True}, {"deleted": True}], "multi_channel_guest"),
        ([{"is_restricted": True}, {"is_admin": True}], "admin"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_record_has_the_highest_role_whatever_the_order(members: list[dict[str, Any]], role: str, order: int) -> None:
    rights = 0
    for member in members:
        rights |= rights_of(member)
    records = [record_of(member, rights) for member in members[::order] if not member.get("deleted")]
    assert {record["role"] for record in records} == {role}


def test_record_raised_to_a_role_has_its_flags() -> None:
    record = record_of({"is_restricted": True, "is_ultra_restricted": True}, rights_of({"is_owner": True}))
    assert (record["role"], record["is_owner"], record["is_restricted"]) == ("owner", True, False)


def test_record_takes_each_field_from_its_own_place() -> None:
    """A profile's `updated` is not the member's, nor a member's `email` the profile's."""
    record = record_of({"updated": 5, "email": "a@b.example", "profile": {"updated": 0, "tz": "UTC", "has_2fa": False}})
    assert (record["updated"], record["email"], record["tz"], record["has_2fa"]) == (5, None, None, None)


def test_record_profile_stays_whole() -> None:
    profile = {"fields": [], "image_24": "https://example.com/24.png", "phone": "", "title": "Admiral"}
    record = record_of({"profile": profile})
    assert record["profile"] == profile
    assert (record["phone"], record["team_ids"], record["connector_sync_time"]) == (None, ["T1"], START)
