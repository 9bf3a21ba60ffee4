"""Slack members as `users.list` gives them, made up by Faker from a seed, with every oddity of real workspaces.

What a token may not see (e-mail address, `has_2fa`, `locale`) is in here all the same; `slack.py` takes it out.
"""

from __future__ import annotations

import random
import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from faker import Faker

Member = dict[str, Any]

ZONES = (
    ("America/Los_Angeles", "Pacific Daylight Time", -25200, "en-US"),
    ("America/New_York", "Eastern Daylight Time", -14400, "en-US"),
    ("Europe/London", "British Summer Time", 3600, "en-GB"),
    ("Europe/Berlin", "Central European Summer Time", 7200, "de-DE"),
    ("Asia/Kolkata", "India Standard Time", 19800, "en-GB"),
    ("Asia/Tokyo", "Japan Standard Time", 32400, "ja-JP"),
)
EPOCH = 1_700_000_000
"""The time of the made-up past: nobody of the first workspace was changed after it."""


@dataclass(frozen=True)
class Words:
    """What people are made of."""

    first_names: list[str]
    last_names: list[str]
    jobs: list[str]
    cities: list[str]
    companies: list[str]
    nouns: list[str]


@lru_cache(maxsize=8)
def words(seed: int) -> Words:
    """Faker's words of a seed. Drawn once: Faker takes 0.3 ms a person, too long for a workspace of 50,000."""
    faker = Faker("en_US")
    faker.seed_instance(seed)

    def draw(make: Callable[[], str], number: int) -> list[str]:
        return [make() for _ in range(number)]

    return Words(
        draw(faker.first_name, 200),
        draw(faker.last_name, 300),
        draw(faker.job, 100),
        draw(faker.city, 30),
        draw(faker.company, 20),
        draw(faker.word, 50),
    )


class Cast:
    """Makes members of one seed. The same calls in the same order give the same people."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.words = words(seed)
        self._taken: set[str] = set()

    def id(self, prefix: str) -> str:
        """An id such as Slack's: a letter, then ten letters or digits."""
        return prefix + "".join(self.dice.choices(string.ascii_uppercase + string.digits, k=10))

    def handle(self, name: str) -> str:
        """A user name that nobody has: lower case, no blanks, from the letters of the name."""
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        base = ".".join("".join(c if c.isalnum() else " " for c in plain).split()) or "user"
        handle, number = base, 2
        while handle in self._taken:
            handle, number = f"{base}{number}", number + 1
        self._taken.add(handle)
        return handle

    def person(self, team_id: str, real_name: str | None = None, email: str | None = None, **changes: Any) -> Member:
        """A full member; `changes` replace top-level keys, those in `profile` are laid over the profile."""
        dice, given = self.dice, real_name
        first, last = dice.choice(self.words.first_names), dice.choice(self.words.last_names)
        real_name = given if given is not None else f"{first} {last}"
        if given is not None:
            first, _, last = given.partition(" ")
        handle = self.handle(real_name)
        zone, label, offset, locale = dice.choice(ZONES)
        member: Member = {
            "id": self.id("U"),
            "team_id": team_id,
            "name": handle,
            "deleted": False,
            "color": f"{dice.randrange(1 << 24):06x}",
            "real_name": real_name,
            "tz": zone,
            "tz_label": label,
            "tz_offset": offset,
            "profile": self._profile(team_id, first=first, last=last, real_name=real_name, handle=handle, email=email),
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": False,
            "is_ultra_restricted": False,
            "is_bot": False,
            "is_app_user": False,
            "updated": EPOCH - dice.randrange(1, 90_000_000),
            "is_email_confirmed": True,
            "who_can_share_contact_card": "EVERYONE",
            "has_2fa": dice.random() < 0.8,
            "locale": locale,
        }
        member["profile"].update(changes.pop("profile", {}))
        member.update(changes)
        if member["has_2fa"]:
            member["two_factor_type"] = dice.choice(("app", "sms"))
        return member

    def _profile(
        self, team_id: str, *, first: str, last: str, real_name: str, handle: str, email: str | None
    ) -> dict[str, Any]:
        dice = self.dice
        avatar = f"{dice.getrandbits(48):012x}"
        images = {
            f"image_{size}": f"https://avatars.example.com/{avatar}_{size}.png"
            for size in (24, 32, 48, 72, 192, 512, *((1024, "original") if dice.random() < 0.2 else ()))
        }
        return {
            "title": dice.choice(self.words.jobs) if dice.random() < 0.8 else "",
            "phone": f"+1 555 {dice.randrange(1000):03} {dice.randrange(10_000):04}" if dice.random() < 0.4 else "",
            "skype": f"live:{handle}" if dice.random() < 0.1 else "",
            "real_name": real_name,
            "real_name_normalized": unicodedata.normalize("NFKD", real_name).encode("ascii", "ignore").decode(),
            "display_name": first if dice.random() < 0.7 else "",
            "display_name_normalized": first,
            "pronouns": dice.choice(("", "", "she/her", "he/him", "they/them")),
            "fields": dice.choice(
                (None, [], {}, {"Xf0SANDBOX1": {"value": dice.choice(self.words.cities), "alt": ""}})
            ),
            "status_text": "Print is dead" if (busy := dice.random() < 0.1) else "",
            "status_emoji": ":books:" if busy else "",
            "status_emoji_display_info": [],
            "status_expiration": 0,
            "avatar_hash": avatar,
            "email": email if email is not None else f"{handle}@acme.example.com",
            "first_name": first,
            "last_name": last,
            **images,
            "status_text_canonical": "",
            "team": team_id,
        }

    def bot(self, team_id: str, real_name: str, **changes: Any) -> Member:
        """An app's user: no e-mail address, `bot_id` and `api_app_id` in the profile."""
        member = self.person(team_id, real_name, is_bot=True, is_email_confirmed=False, has_2fa=False, **changes)
        for name in ("email", "pronouns", "display_name", "display_name_normalized", "last_name", "skype", "phone"):
            member["profile"].pop(name, None)
        member["profile"].update(
            bot_id=self.id("B"), api_app_id=self.id("A"), always_active=True, fields=None, title=""
        )
        return member

    def workspace(self, team_id: str, size: int) -> list[Member]:
        """The members of a workspace: the oddities, then the shares of each kind, then ordinary members."""
        members = [*self._special(team_id)[:size]]
        kinds = self._kinds(size)
        while len(members) < size:
            members.append(self._ordinary(team_id, next(kinds, "member")))
        tail = members[1:]
        self.dice.shuffle(tail)
        return [*members[:1], *tail]

    def _kinds(self, size: int) -> Any:
        """Of ordinary people: 3 % admins, 4 % guests of each kind, 3 % invited, 12 % deactivated, 4 % bots."""
        shares = {"admin": 3, "guest": 4, "single": 4, "invited": 3, "deactivated": 12, "bot": 4}
        return iter([kind for kind, share in shares.items() for _ in range(size * share // 100)])

    def _ordinary(self, team_id: str, kind: str) -> Member:
        if kind == "bot":
            return self.bot(team_id, f"{self.dice.choice(self.words.nouns).title()} App")
        if kind == "deactivated":
            return deactivated(self.person(team_id), keep_email=self.dice.random() < 0.4)
        changes: dict[str, dict[str, Any]] = {
            "admin": {"is_admin": True},
            "guest": {"is_restricted": True},
            "single": {"is_restricted": True, "is_ultra_restricted": True},
            "invited": {"is_invited_user": True, "is_email_confirmed": False},
        }
        return self.person(team_id, **changes.get(kind, {}))

    def _special(self, team_id: str) -> list[Member]:
        """One of each oddity that Slack's answers hold."""
        made = self.person
        owner: dict[str, Any] = {"is_admin": True, "is_owner": True}
        members = [
            made(team_id, "Grace Hopper", is_primary_owner=True, **owner),
            slackbot(team_id),
            made(team_id, "Ada Lovelace", **owner),
            made(team_id, "Katherine Johnson", **owner),
            made(team_id, "Radia Perlman", is_admin=True),
            self.bot(team_id, "Approvals", is_workflow_bot=True),
            self.bot(team_id, "CRM Bridge", is_connector_bot=True),
            self.bot(team_id, "Build Robot", is_app_user=False),
            made(team_id, "Margaret Hamilton", is_app_user=True),  # a person who authorized the asking app
            _without(made(team_id, "Egon Spengler"), "first_name", "last_name"),
            made(team_id, "Janine Melnitz", profile={"first_name": "", "last_name": ""}),
            made(team_id, "Suharto", profile={"first_name": "Suharto", "last_name": ""}),  # a mononym
            _without(made(team_id, "Madhavi"), "first_name", "last_name"),
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
            made(self.id("T"), "Stan Stranger", is_stranger=True),
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
            deactivated(self.bot(team_id, "Retired Robot")),
            made(team_id, "", email="nameless@acme.example.com", name="nameless"),
        ]
        never = made(team_id, "Never Updated")
        del never["updated"]
        connected = made(team_id, "No Profile Name")
        _without(connected, "real_name", "real_name_normalized", "first_name", "last_name")
        return [*members, never, connected]


def slackbot(team_id: str) -> Member:
    """Slack's own assistant: no bot by its flag, never updated, no e-mail address."""
    profile = {
        "title": "",
        "phone": "",
        "skype": "",
        "real_name": "Slackbot",
        "real_name_normalized": "Slackbot",
        "display_name": "Slackbot",
        "display_name_normalized": "Slackbot",
        "fields": None,
        "status_text": "",
        "status_emoji": "",
        "avatar_hash": "sv41d8cd98f0",
        "always_active": True,
        "first_name": "slackbot",
        "last_name": "",
        "team": team_id,
    }
    return {
        "id": "USLACKBOT",
        "team_id": team_id,
        "name": "slackbot",
        "deleted": False,
        "color": "757575",
        "real_name": "Slackbot",
        "tz": "America/Los_Angeles",
        "tz_label": "Pacific Daylight Time",
        "tz_offset": -25200,
        "profile": profile,
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": False,
        "is_app_user": False,
        "updated": 0,
        "is_email_confirmed": False,
        "who_can_share_contact_card": "EVERYONE",
        "locale": "en-US",
    }


ADMIN_FAMILY = ("is_admin", "is_owner", "is_primary_owner", "is_restricted", "is_ultra_restricted")
LOST_WHEN_DEACTIVATED = (
    *ADMIN_FAMILY,
    "tz",
    "tz_label",
    "tz_offset",
    "color",
    "real_name",
    "has_2fa",
    "two_factor_type",
    "is_email_confirmed",
    "who_can_share_contact_card",
    "locale",
)


def deactivated(member: Member, keep_email: bool = False) -> Member:
    """The same member as Slack lists a deactivated one: admin family, time zone, colour, often the address gone."""
    kept = {name: value for name, value in member.items() if name not in LOST_WHEN_DEACTIVATED}
    profile = dict(member["profile"])
    if not keep_email:
        profile.pop("email", None)
    return {**kept, "deleted": True, "profile": profile}


def _without(member: Member, *names: str) -> Member:
    for name in names:
        member["profile"].pop(name, None)
    return member
