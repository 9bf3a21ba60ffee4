"""Tests the generated people: the same per seed, with all special cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from integration_tests.sandbox.slack.people import Cast
from integration_tests.sandbox.slack.population import workspace_members
from integration_tests.sandbox.slack.web_api import Slack

MEMBERS = workspace_members(Cast(7), "T0SANDBOX", 250)
Member = dict[str, Any]


def profile(member: Member, name: str) -> Any:
    return member["profile"].get(name)


ODDITIES: dict[str, Callable[[Member], Any]] = {
    "primary owner": lambda m: m.get("is_primary_owner"),
    "owner": lambda m: m.get("is_owner") and not m["is_primary_owner"],
    "admin": lambda m: m.get("is_admin") and not m["is_owner"],
    "guest of several channels": lambda m: m.get("is_restricted") and not m["is_ultra_restricted"],
    "guest of one channel": lambda m: m.get("is_ultra_restricted") and m["is_restricted"],
    "invited": lambda m: m.get("is_invited_user") and not m["is_email_confirmed"],
    "bot": lambda m: m.get("is_bot") and profile(m, "bot_id") and not profile(m, "email"),
    "workflow bot": lambda m: m.get("is_workflow_bot") and m["is_bot"],
    "connector bot": lambda m: m.get("is_connector_bot") and m["is_bot"],
    "person who authorized the app": lambda m: m.get("is_app_user") and not m["is_bot"],
    "stranger": lambda m: m.get("is_stranger") and m["team_id"] != "T0SANDBOX",
    "Slackbot": lambda m: (
        (m["id"], m.get("updated"), m.get("is_bot")) == ("USLACKBOT", 0, False) and not profile(m, "email")
    ),
    "deactivated without address": lambda m: m["deleted"] and "is_admin" not in m and "email" not in m["profile"],
    "deactivated with address": lambda m: m["deleted"] and "tz" not in m and profile(m, "email"),
    "deactivated bot": lambda m: m["deleted"] and m.get("is_bot"),
    "only a real name": lambda m: "first_name" not in m["profile"] and " " in (profile(m, "real_name") or ""),
    "empty first and last name": lambda m: profile(m, "first_name") == "" == profile(m, "last_name"),
    "mononym": lambda m: profile(m, "real_name") and " " not in profile(m, "real_name") and not m.get("is_bot"),
    "real name of the member alone": lambda m: m.get("real_name") and "real_name" not in m["profile"],
    "no name at all": lambda m: profile(m, "real_name") == "" and not m["deleted"],
    "updated never": lambda m: "updated" not in m,
    "updated 0": lambda m: m.get("updated") == 0 and m["id"] != "USLACKBOT",
    "fields null": lambda m: "fields" in m["profile"] and m["profile"]["fields"] is None,
    "fields a list": lambda m: profile(m, "fields") == [],
    "fields empty": lambda m: profile(m, "fields") == {},
    "fields": lambda m: isinstance(profile(m, "fields"), dict) and m["profile"]["fields"],
    "phone not set": lambda m: profile(m, "phone") == "",
    "unicode name": lambda m: any(ord(c) > 0x2FF for c in profile(m, "real_name") or ""),
    "apostrophe in the address": lambda m: "'" in (profile(m, "email") or ""),
    "quotes in the name": lambda m: '"' in (profile(m, "real_name") or ""),
    "upper case in the address": lambda m: (profile(m, "email") or "") != (profile(m, "email") or "").lower(),
    "pronouns": lambda m: profile(m, "pronouns"),
    "numbers as text": lambda m: m.get("updated") == "1500000003" and m["tz_offset"] == "-25200",
    "flags as numbers": lambda m: type(m.get("is_admin")) is int and type(m["deleted"]) is int,
    "deactivated by a number": lambda m: type(m["deleted"]) is int and m["deleted"] == 1,
    "a name that is no text": lambda m: type(m.get("real_name")) is int,
    "bot by its bot_id alone": lambda m: profile(m, "bot_id") and not m.get("is_bot"),
    "agent": lambda m: m.get("is_agentforce_bot") and not m["is_bot"] and not profile(m, "bot_id"),
    "neighbour": lambda m: m.get("is_stranger") is False and m["team_id"] != "T0SANDBOX",
    "guest with an end": lambda m: profile(m, "guest_expiration_ts") and profile(m, "guest_invited_by"),
    "start date": lambda m: profile(m, "start_date"),
    "contact card": lambda m: m.get("who_can_share_contact_card") == "NO_ONE",
    "erased": lambda m: m.get("is_forgotten") and m["deleted"],
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_members_hold_every_oddity(oddity: str) -> None:
    assert any(ODDITIES[oddity](member) for member in MEMBERS)
    assert any(ODDITIES[oddity](m) for m in workspace_members(Cast(8), "T0SANDBOX", 60)), "not in a small workspace"


def test_members_ids_handles_and_addresses_are_unique() -> None:
    many = workspace_members(Cast(3), "T1", 3000)
    for values in ([m["id"] for m in many], [m["name"] for m in many]):
        assert max(Counter(values).values()) == 1
    assert max(Counter(m["profile"]["email"].lower() for m in many if "email" in m["profile"]).values()) == 1


def test_same_seed_gives_the_same_workspace() -> None:
    one, two, other = Slack(120, 5), Slack(120, 5), Slack(120, 6)
    assert one.members() == two.members()
    assert [place.members for place in one.grid] == [place.members for place in two.grid]
    assert one.workspace.logins == two.workspace.logins
    assert (one.token, one.team_id) == (two.token, two.team_id)
    assert one.members() != other.members()


def test_members_are_mostly_ordinary() -> None:
    kinds = Counter(
        "deactivated" if m["deleted"] else "bot" if m.get("is_bot") else "person"
        for m in workspace_members(Cast(9), "T1", 250)
    )
    assert kinds["person"] > 180
    assert kinds["deactivated"] > 25
    assert kinds["bot"] > 10
