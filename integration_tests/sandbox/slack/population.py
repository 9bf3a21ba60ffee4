"""Generates the members of a workspace: special cases, then ordinary people."""

from __future__ import annotations

from typing import Any

from integration_tests.sandbox.slack.members import Member, deactivated, slackbot, without
from integration_tests.sandbox.slack.people import Cast


def workspace_members(cast: Cast, team_id: str, size: int) -> list[Member]:
    """Return the members of a workspace: special cases, then the shares of each kind."""
    members = special_members(cast, team_id)[:size]
    kinds = _kinds(size)
    while len(members) < size:
        members.append(_ordinary(cast, team_id, next(kinds, "member")))
    tail = members[1:]
    cast.dice.shuffle(tail)
    return [*members[:1], *tail]


def _kinds(size: int) -> Any:
    """Return the kinds of ordinary people in their shares.

    3 % are admins, 4 % guests of each kind, 3 % invited, 12 % deactivated, 4 % bots.
    """
    shares = {"admin": 3, "guest": 4, "single": 4, "invited": 3, "deactivated": 12, "bot": 4}
    return iter([kind for kind, share in shares.items() for _ in range(size * share // 100)])


def _ordinary(cast: Cast, team_id: str, kind: str) -> Member:
    if kind == "bot":
        return cast.bot(team_id, f"{cast.dice.choice(cast.words.nouns).title()} App")
    if kind == "deactivated":
        return deactivated(cast.person(team_id), keep_email=cast.dice.random() < 0.4)
    changes: dict[str, dict[str, Any]] = {
        "admin": {"is_admin": True},
        "guest": {"is_restricted": True},
        "single": {"is_restricted": True, "is_ultra_restricted": True},
        "invited": {"is_invited_user": True, "is_email_confirmed": False},
    }
    return cast.person(team_id, **changes.get(kind, {}))


def special_members(cast: Cast, team_id: str) -> list[Member]:
    """Return one member of each special case."""
    made = cast.person
    owner: dict[str, Any] = {"is_admin": True, "is_owner": True}
    members = [
        made(team_id, "Grace Hopper", is_primary_owner=True, **owner),
        slackbot(team_id),
        made(team_id, "Ada Lovelace", **owner),
        made(team_id, "Katherine Johnson", **owner),
        made(team_id, "Radia Perlman", is_admin=True),
        cast.bot(team_id, "Approvals", is_workflow_bot=True),
        cast.bot(team_id, "CRM Bridge", is_connector_bot=True),
        cast.bot(team_id, "Build Robot", is_app_user=False),
        made(team_id, "Margaret Hamilton", is_app_user=True),  # a person who authorized the calling app
        without(made(team_id, "Egon Spengler"), "first_name", "last_name"),
        made(team_id, "Janine Melnitz", profile={"first_name": "", "last_name": ""}),
        made(team_id, "Suharto", profile={"first_name": "Suharto", "last_name": ""}),  # a mononym
        without(made(team_id, "Madhavi"), "first_name", "last_name"),
        made(team_id, "Conan O'Brien", email="conan.o'brien@acme.example.com"),
        made(team_id, 'Dwayne "The Rock" Johnson'),
        made(team_id, "Zoë Ångström-Łukasiewicz"),
        made(team_id, "山田 太郎", email="yamada@acme.example.com", name="yamada"),
        made(team_id, "Мария Иванова", email="maria.ivanova@acme.example.com", name="maria.ivanova"),
        made(team_id, "Loud Shouter", email="LOUD.Shouter@ACME.Example.com"),
        made(team_id, "Restricted Guest", is_restricted=True),
        made(team_id, "Single Guest", is_restricted=True, is_ultra_restricted=True),
        made(
            team_id,
            "Ivy Invited",
            is_invited_user=True,
            is_email_confirmed=False,
            updated=0,
            profile={"first_name": "", "last_name": "", "display_name": "", "title": ""},
        ),
        made(cast.id("T"), "Stan Stranger", is_stranger=True),
        made(
            team_id,
            "Bare Minimum",
            profile={"title": "", "phone": "", "skype": "", "display_name": "", "pronouns": "", "fields": None},
        ),
        made(team_id, "Fields List", profile={"fields": [], "phone": None, "title": None}),
        made(team_id, "Fields Empty", profile={"fields": {}}),
        made(team_id, "Fields Full", profile={"fields": {"Xf0SANDBOX1": {"value": "E-1001", "alt": ""}}}),
        deactivated(made(team_id, "Left Without Address")),
        deactivated(made(team_id, "Left With Address"), keep_email=True),
        deactivated(cast.bot(team_id, "Retired Robot")),
        made(team_id, "", email="nameless@acme.example.com", name="nameless"),
        *_loosely_typed(cast, team_id),
        {**cast.bot(team_id, "Silent Robot"), "is_bot": False},  # a bot by its bot_id only
        {**without(cast.bot(team_id, "Helpful Agent"), "bot_id"), "is_bot": False, "is_agentforce_bot": True},
        made(cast.id("T"), "Nora Neighbour", is_stranger=False),  # of another workspace, by Slack Connect
        made(
            team_id,
            "Gus Guest",
            is_restricted=True,
            profile={"guest_invited_by": cast.id("U"), "guest_expiration_ts": 1_900_000_000},
        ),
        made(team_id, "Newcomer Next", profile={"start_date": "2027-02-01"}, who_can_share_contact_card="NO_ONE"),
        deactivated(made(team_id, "Deleted User", email="", is_forgotten=True)),
    ]
    never = made(team_id, "Never Updated")
    del never["updated"]
    connected = made(team_id, "No Profile Name")
    without(connected, "real_name", "real_name_normalized", "first_name", "last_name")
    return [*members, never, connected]


def _loosely_typed(cast: Cast, team_id: str) -> list[Member]:
    """Return members as recorded: numbers as text, flags as 1 and 0, odd names."""
    number = without(cast.person(team_id, "Number Name"), "real_name", "first_name", "last_name")
    return [
        cast.person(team_id, "Tess Typed", tz_offset="-25200", updated="1500000003", is_admin=1, deleted=0),
        {**deactivated(cast.person(team_id, "Gone By Number")), "deleted": 1, "is_bot": 0},
        {**number, "real_name": 4711},
        cast.person(
            team_id, "Olga Old", tz=None, status=None, presence="away", profile={"huddle_state": "default_unset"}
        ),
    ]
