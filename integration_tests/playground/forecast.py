"""Compares one member of Slack with Oomnitza, and forecasts their next sync.

The rules are those of the destination's plan, the forecast is its test run.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from destination_oomnitza.config.models import Config
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.writers.saas_users import role_label
from source_slack_users.users import Standing, to_record

from integration_tests.harness.destination_inside import write
from integration_tests.harness.destination_process import record, stream
from integration_tests.playground.runs import OUTCOMES
from integration_tests.playground.stories import SAAS_FIELDS, saas_value
from integration_tests.playground.values import shown
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.fields import Field, metadata
from integration_tests.sandbox.slack.members import Member, is_billed

STREAMS = ("users", "last_logins", "billable_info")
FLAGS = ("1", "0")
_EXAMPLE = re.compile(r"^ {4}(\w+): (.*) -> (.*)$", re.MULTILINE)
_NAMED = re.compile(r"(?:Rejected|Skipped \(\w+\)): users, .+?: (.+)")
_SAAS_WORK = {
    "active": {"assigned", "activated", "deactivated"},
    "roles": {"assigned", "roles_changed"},
    "user_external_id": {"assigned"},
}
"""Work of a sync on a SaaS user, by the value that it changes."""

_ONE_AT_A_TIME = threading.Lock()
"""Test runs of two pages at once would read each other's log."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """Holds one value of a person in words, on both sides, and its rule.

    `next` is the value that the next sync writes, None if it writes none.
    """

    label: str
    slack: str
    rule: str
    origin: str
    oomnitza: str
    next: str | None


@dataclass(frozen=True)
class Forecast:
    """Holds what the next sync does with a member.

    `values` are the new values by field, `saas` the counts of the sync report that the SaaS user adds to.
    """

    outcome: str
    reason: str
    values: Row
    saas: set[str]


def forecast(configuration: dict[str, Any], records: Row) -> Forecast:
    """Return the outcome of a test run with the records of one member, by stream."""
    messages = [record(each, name) for name, each in records.items()]
    with _ONE_AT_A_TIME:
        written = write({**configuration, "test_run": True}, messages, *map(stream, records))
    if written.error:
        return Forecast("failed", written.error, {}, set())
    counts, text = written.counts(), written.logs()
    reason = _NAMED.search(text)
    return Forecast(
        next(outcome for outcome in OUTCOMES if outcome in counts),
        reason[1] if reason else "",
        {name: after for name, _, after in _EXAMPLE.findall(text)},
        set(written.saas()),
    )


def records_of(member: Member, sandbox: Sandbox) -> dict[str, Any]:
    """Return the records that the source makes of one member, by stream."""
    workspace, now = sandbox.slack.workspace, datetime.now(timezone.utc)
    user = {"user_id": member["id"]}
    records: dict[str, Any] = {
        "users": to_record(
            member, Standing([workspace.id]), sync_time=now.isoformat(timespec="seconds"), own={workspace.id}
        ),
        "billable_info": {**user, "billing_active": is_billed(member)},
    }
    if login := next((each for each in workspace.logins if each["user_id"] == member["id"]), None):
        at = datetime.fromtimestamp(login["date_last"], timezone.utc)
        records["last_logins"] = {**user, "last_login_at": at.isoformat(timespec="seconds")}
    return records


class Comparison:
    """Compares the records of one member with a person and a SaaS user of Oomnitza.

    Each of the three may be missing.
    """

    def __init__(
        self, configuration: dict[str, Any], fields: Mapping[str, Field], records: Row, ahead: Forecast | None
    ) -> None:
        self._config = Config.parse(configuration)
        self._fields = fields
        self._records = records
        self._ahead = ahead

    def person_lines(self, person: Row | None) -> list[Line]:
        """Return one line for each field of the person that some rule writes."""
        schema = PersonSchema.parse(metadata(list(self._fields.values()), FLAGS))
        lines: dict[str, Line] = {}
        for plan in plan_streams(self._config, schema, list(map(Stream, STREAMS))):
            for name, rule, origin, value in self._values(plan):
                field = self._fields[name]
                text = shown(field, value)
                held = shown(field, (person or {}).get(name))
                lines.setdefault(name, Line(field.label, text, rule, origin, held, self._next(plan, field, text)))
        return list(lines.values())

    def saas_lines(self, user: Row | None) -> Iterator[Line]:
        """Yield one line for each value of the SaaS user."""
        settings, kind = self._config.for_stream("users"), self._config.record_type
        member = self._records.get("users")
        rules = {"active": settings.inactive_when, "roles": kind.role, "user_external_id": kind.external_id}
        for name, label in SAAS_FIELDS.items():
            value = member[rules[name]] if member else ""
            if name == "active" and member:
                value = "Deactivated" if value else "Active"
            after = role_label(value) if name == "roles" else value
            is_written = self._ahead is not None and bool(_SAAS_WORK[name] & self._ahead.saas)
            yield Line(label, value or "", rules[name], "", saas_value(user, name), after if is_written else None)

    def _values(self, plan: StreamPlan) -> Iterator[tuple[str, str, str, Any]]:
        """Yield each field of a plan, its rule, the rule's origin, its value in Slack."""
        source = self._records.get(plan.stream.name)
        for name, rule in plan.mapping.rules.items():
            yield name, rule.expression or "", rule.origin, rule.value(source) if rule.value and source else None
        for name, default in plan.mapping.defaults.items():
            yield name, shown(self._fields[name], default), "default for new people", None

    def _next(self, plan: StreamPlan, field: Field, value: str) -> str | None:
        if self._ahead is None:
            return None
        if field.name in self._ahead.values:
            return shown(field, self._ahead.values[field.name])
        # The test run does not find somebody who gets their Slack user id only by the sync of users before.
        is_later = plan.stream.name != "users" and "slack_user_id" in self._ahead.values
        return value if value and is_later else None
