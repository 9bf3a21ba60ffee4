"""Manages workspaces: their members, and changes of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from integration_tests.sandbox.slack.members import ADMIN_FAMILY, Member, deactivated, is_bot, slackbot
from integration_tests.sandbox.slack.people import Cast
from integration_tests.sandbox.slack.population import workspace_members

PROFILE_FIELDS: tuple[dict[str, Any], ...] = (
    {"id": "Xf0SANDBOX1", "ordering": 0, "label": "Employee number", "hint": "", "type": "text", "is_hidden": 0},
    {"id": "Xf0SANDBOX2", "ordering": 1, "label": "Manager", "hint": "The boss", "type": "user", "is_hidden": False},
    {"id": "Xf0SANDBOX3", "ordering": 2, "label": "Badge", "hint": "", "type": "text", "is_hidden": True},
)
DEVICE = ("ip", "user_agent", "isp", "country", "region")


@dataclass
class Workspace:
    """Holds a workspace. Members keep their order, and none is ever removed."""

    id: str
    name: str
    domain: str
    members: dict[str, Member]
    enterprise_id: str | None = None
    enterprise_name: str | None = None
    paid: bool = True
    analytics: bool = True  # Business+ and Enterprise
    logins: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    profile_fields: list[dict[str, Any]] = field(default_factory=lambda: [dict(each) for each in PROFILE_FIELDS])
    idle_since: dict[str, date] = field(default_factory=dict)  # the first day without activity, by person

    def humans(self) -> Iterator[Member]:
        """Members that are not bots."""
        return (m for m in self.members.values() if not is_bot(m))

    def change(
        self, user_id: str, profile: dict[str, Any] | None = None, at: int | None = None, **changes: Any
    ) -> None:
        """Change a member, and set `updated` to `at` or now.

        A new dict replaces the old one, so that a page in progress does not change.
        """
        old = self.members[user_id]
        new = {**old, **changes, "updated": at if at is not None else int(time.time())}
        if profile is not None:
            new["profile"] = {**old["profile"], **profile}
        self.members[user_id] = new

    def deactivate(self, user_id: str, keep_email: bool = False, at: int | None = None) -> None:
        """Deactivate an account; Slack drops much of it."""
        self.members[user_id] = deactivated(self.members[user_id], keep_email)
        self.change(user_id, at=at)

    def reactivate(self, user_id: str, email: str, at: int | None = None) -> None:
        """Reactivate an account as an ordinary member."""
        flags = dict.fromkeys(ADMIN_FAMILY, False)
        real_name = self.members[user_id]["profile"].get("real_name", "")
        self.change(user_id, {"email": email}, at, deleted=False, real_name=real_name, is_email_confirmed=True, **flags)

    def add(self, member: Member) -> str:
        """Add a member, and return the id.

        A new dict replaces the old one, so that a page in progress does not change.
        """
        self.members = {**self.members, member["id"]: member}
        return str(member["id"])

    def log_in(self, user_id: str, at: int, **changes: Any) -> None:
        """Log a person in with their last device, or a first one: the newest log entry."""
        name = self.members[user_id]["name"]
        first = {"user_id": user_id, "username": name, "date_first": at, "count": 0, **dict.fromkeys(DEVICE, "")}
        entry = next((login for login in self.logins if login["user_id"] == user_id), first)
        new = {**entry, "date_last": at, "count": entry["count"] + 1, **changes}
        others = [login for login in self.logins if login is not entry]
        self.logins = sorted([new, *others], key=lambda login: -int(login["date_last"]))


def logins(workspace: Workspace, cast: Cast) -> list[dict[str, Any]]:
    """Return the access log, newest first: an entry per person and device."""
    agents = (
        "Mozilla/5.0 (Macintosh) AppleWebKit SlackMac/4.41",
        "Slack/24.11 (iPhone; iOS 18.1)",
        "Mozilla/5.0 (X11; Linux)",
    )
    entries = []
    for member in workspace.humans():
        if member.get("is_invited_user") or cast.dice.random() < 0.1:
            continue
        for agent in cast.dice.sample(agents, cast.dice.randint(1, 3)):
            last = 1_700_000_000 - cast.dice.randrange(30_000_000)
            entries.append(
                {
                    "user_id": member["id"],
                    "username": member["name"],
                    "date_first": last - cast.dice.randrange(9_000_000),
                    "date_last": last,
                    "count": cast.dice.randint(1, 400),
                    "ip": f"203.0.113.{cast.dice.randrange(1, 255)}",
                    "user_agent": agent,
                    "isp": cast.dice.choice(cast.words.companies),
                    "country": cast.dice.choice(("US", "GB", "DE", None)),
                    "region": "CA",
                }
            )
    return sorted(entries, key=lambda entry: -int(entry["date_last"]))


def groups(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the user groups: one of Slack's own, one of a team, one disabled."""
    people = [member["id"] for member in workspace.humans() if not member["deleted"]]
    kinds = (
        ("Workspace Admins", "admins", "admin", people[:3], 0),
        ("Ghostbusters", "ghostbusters", None, people[3:9], 0),
        ("Retired", "retired", None, [], 1_650_000_000),
    )
    return [
        {
            "id": f"S{workspace.id[1:]}{number}",
            "team_id": workspace.id,
            "is_usergroup": True,
            "is_subteam": True,
            "name": name,
            "description": "",
            "handle": handle,
            "is_external": False,
            "date_create": 1_600_000_000,
            "date_update": 1_610_000_000 + number,
            "date_delete": deleted,
            "auto_type": kind,
            "created_by": "USLACKBOT" if kind else people[0],
            "updated_by": people[0],
            "deleted_by": people[0] if deleted else None,
            "prefs": {"channels": [], "groups": []},
            "users": members,
            "user_count": str(len(members)),
        }
        for number, (name, handle, kind, members, deleted) in enumerate(kinds)
    ]


def standalone(cast: Cast, size: int) -> Workspace:
    """Return a workspace outside of a Grid."""
    team_id = cast.id("T")
    members = {m["id"]: m for m in workspace_members(cast, team_id, size)}
    workspace = Workspace(team_id, "Acme", "acme", members)
    workspace.logins = logins(workspace, cast)
    workspace.groups = groups(workspace)
    return workspace


def grid(cast: Cast, size: int) -> list[Workspace]:
    """Return an Enterprise Grid of three workspaces with `size` people in all.

    Each person is in one, two or three of them, with one id.

    The first person is deactivated in the first workspace and active in the second; the second person the other way
    round; the third is deactivated in all.
    """
    enterprise_id, enterprise_name = cast.id("E"), "Acme Group"
    names = ("Engineering", "Sales", "Support")
    places = [Workspace(cast.id("T"), n, f"acme-{n.lower()}", {}, enterprise_id, enterprise_name) for n in names]
    for number in range(size):
        person = cast.person(places[0].id)
        person["id"] = cast.id("W")
        homes = (
            places[:2] if number < 2 else places if number == 2 else cast.dice.sample(places, cast.dice.randint(1, 3))
        )
        homes = [place for place in places if place in homes]
        for place in homes:
            place.add(_on_grid(person, place, [home.id for home in homes]))
        gone = {0: homes[:1], 1: homes[1:2], 2: homes}.get(number, [])
        for place in gone:
            place.deactivate(person["id"], keep_email=True, at=person["updated"])
    for place in places:
        place.add(slackbot(place.id))
        place.add(cast.bot(place.id, f"{place.name} Robot"))
        place.logins = logins(place, cast)
        place.groups = groups(place)
    return places


def _on_grid(person: Member, place: Workspace, team_ids: list[str]) -> Member:
    enterprise_user = {
        "id": person["id"],
        "enterprise_id": place.enterprise_id,
        "enterprise_name": place.enterprise_name,
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "teams": team_ids,
    }
    return {**person, "team_id": place.id, "enterprise_user": enterprise_user, "profile": {**person["profile"]}}
