"""Generates Slack members as `users.list` returns them, by Faker from a seed.

They include what a token may not see (e-mail address, `has_2fa`, `locale`), which `calls.seen` removes.
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

from integration_tests.sandbox.slack.members import Member

ZONES = (
    ("America/Los_Angeles", "Pacific Daylight Time", -25200, "en-US"),
    ("America/New_York", "Eastern Daylight Time", -14400, "en-US"),
    ("Europe/London", "British Summer Time", 3600, "en-GB"),
    ("Europe/Berlin", "Central European Summer Time", 7200, "de-DE"),
    ("Asia/Kolkata", "India Standard Time", 19800, "en-GB"),
    ("Asia/Tokyo", "Japan Standard Time", 32400, "ja-JP"),
)
EMPTY_PROFILE: dict[str, Any] = {
    **dict.fromkeys(("title", "phone", "skype", "pronouns", "display_name", "status_text", "status_emoji"), ""),
    "fields": None,
}
"""Fields that are empty for a person who has just joined."""
EPOCH = 1_700_000_000
"""Latest change in the first workspace before the tests begin."""


@dataclass(frozen=True)
class Words:
    """Holds the words for names and profiles."""

    first_names: list[str]
    last_names: list[str]
    jobs: list[str]
    cities: list[str]
    companies: list[str]
    nouns: list[str]


@lru_cache(maxsize=8)
def words(seed: int) -> Words:
    """Return Faker's words of a seed.

    They are drawn once: Faker takes 0.3 ms a person, too long for a workspace of 50,000.
    """
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
    """Generates the members of one seed; the same calls give the same people."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.words = words(seed)
        self._taken: set[str] = set()

    def id(self, prefix: str) -> str:
        """Return an id such as Slack's: a letter, then ten letters or digits."""
        return prefix + "".join(self.dice.choices(string.ascii_uppercase + string.digits, k=10))

    def handle(self, name: str) -> str:
        """Return a new user name: lower case, no blanks, from the letters of the name."""
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        base = ".".join("".join(c if c.isalnum() else " " for c in plain).split()) or "user"
        handle, number = base, 2
        while handle in self._taken:
            handle, number = f"{base}{number}", number + 1
        self._taken.add(handle)
        return handle

    def person(self, team_id: str, real_name: str | None = None, email: str | None = None, **changes: Any) -> Member:
        """Return a full member.

        `changes` replace top-level keys, those in `profile` are merged into the profile.
        """
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
        """Return an app's user: no e-mail address, `bot_id` and `api_app_id`."""
        member = self.person(team_id, real_name, is_bot=True, is_email_confirmed=False, has_2fa=False, **changes)
        for name in ("email", "pronouns", "display_name", "display_name_normalized", "last_name", "skype", "phone"):
            member["profile"].pop(name, None)
        member["profile"].update(
            bot_id=self.id("B"), api_app_id=self.id("A"), always_active=True, fields=None, title=""
        )
        return member
