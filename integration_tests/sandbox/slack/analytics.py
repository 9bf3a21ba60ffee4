"""Generates the files of Slack's analytics.

See https://docs.slack.dev/reference/methods/admin.analytics.getFile.
"""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

import orjson

from integration_tests.sandbox.slack.members import Member, is_bot
from integration_tests.sandbox.slack.tokens import SlackError
from integration_tests.sandbox.slack.workspace import Workspace

FIRST_DAY = date(2020, 1, 1)
DELAY = timedelta(2)
KEPT = timedelta(395)
COUNTS = (
    "channel_messages_posted_count",
    "reactions_added_count",
    "files_added_count",
    "total_calls_count",
    "slack_calls_count",
    "slack_huddles_count",
    "search_count",
)


def today() -> date:
    """Return today's date in UTC."""
    now = time.gmtime()
    return date(now.tm_year, now.tm_mon, now.tm_mday)


def day_file(places: Iterable[Workspace], day: date) -> bytes:
    """Return the file of a day: gzip, a JSON object a line.

    Raises SlackError if there is none.
    """
    if day < FIRST_DAY:
        raise SlackError("data_not_available")
    if day > today() - DELAY:
        raise SlackError("file_not_yet_available")
    if day < today() - KEPT:
        raise SlackError("file_not_found")
    return gzip.compress(b"\n".join(map(orjson.dumps, day_activity(places, day))))


def day_activity(places: Iterable[Workspace], day: date) -> Iterator[dict[str, Any]]:
    """Return each person's activity on a day, once for all their workspaces."""
    people: dict[str, tuple[Workspace, Member]] = {}
    for place in places:
        people |= {member["id"]: (place, member) for member in place.members.values() if not is_bot(member)}
    for person, (place, member) in people.items():
        if not member["deleted"] and not member.get("is_invited_user"):
            yield _line(place, member, day, random.Random(f"{person} {day}"))


def _line(place: Workspace, member: Member, day: date, dice: random.Random) -> dict[str, Any]:
    idle = place.idle_since.get(member["id"])
    active = dice.random() < 0.7 and (idle is None or day < idle)
    messages = dice.randrange(60) * active
    return {
        "enterprise_id": place.enterprise_id or "",
        "date": day.isoformat(),
        "user_id": member["id"],
        "email_address": member["profile"].get("email", ""),
        "is_guest": bool(member.get("is_restricted")),
        "is_billable_seat": not member.get("is_ultra_restricted"),
        "is_active": active,
        "is_active_ios": active and dice.random() < 0.3,
        "is_active_android": active and dice.random() < 0.3,
        "is_active_desktop": active and dice.random() < 0.9,
        "is_active_apps": active and dice.random() < 0.2,
        "is_active_workflows": False,
        "is_active_slack_connect": False,
        "messages_posted_count": messages,
        **{name: dice.randrange(messages + 1) for name in COUNTS},
        "date_claimed": 1_500_000_000,
    }
