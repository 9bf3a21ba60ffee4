"""The page of one person: Slack beside Oomnitza, field by field, with the rule that joins them and what the next sync would do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from destination_oomnitza.config.models import Config
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream
from source_slack_users.users import Standing, to_record
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.harness.destination_inside import write
from integration_tests.harness.destination_process import record
from integration_tests.playground.members import SLACK
from integration_tests.playground.oomnitza_pages import PEOPLE
from integration_tests.playground.runs import OUTCOMES, SAAS_NAME, Runs
from integration_tests.playground.view import View
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.fields import ROLES, metadata
from integration_tests.sandbox.slack.members import Member

FLAGS = ("1", "0")
_EXAMPLE = re.compile(r"^ {4}(\w+): (.*) -> (.*)$", re.MULTILINE)
_NAMED = re.compile(r"(?:Rejected|Skipped \(\w+\)): users, .+?: (.+)")


@dataclass(frozen=True)
class Line:
    """One Oomnitza field of a person: what joins it to Slack, both values, and the value that the next sync would write."""

    label: str
    rule: str
    origin: str
    slack: Any
    oomnitza: Any
    next: str | None


@dataclass(frozen=True)
class Forecast:
    """What the next sync would do with one member: the outcome, its reason if there is one, and the new values by field."""

    outcome: str
    reason: str
    values: Mapping[str, str]


class PersonPages:
    """The routes of a person, by the member's or the person's id."""

    def __init__(self, sandbox: Sandbox, runs: Runs, view: View) -> None:
        self._sandbox = sandbox
        self._runs = runs
        self._view = view

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [Route(f"{SLACK}/{{member}}", self._by_member), Route(f"{PEOPLE}/{{user_id}}", self._by_person)]

    def _by_member(self, request: Request) -> Response:
        member = self._sandbox.slack.workspace.members.get(request.path_params["member"])
        return self._page(SLACK, member, self._person_of(member)) if member else self._view.unknown()

    def _by_person(self, request: Request) -> Response:
        wanted = request.path_params["user_id"]
        person = next((each for each in self._sandbox.oomnitza.people() if each["user_id"] == wanted), None)
        return self._page(PEOPLE, self._member_of(person), person) if person else self._view.unknown()

    def _page(self, here: str, member: Member | None, person: Mapping[str, Any] | None) -> Response:
        forecast = self._forecast(member) if member else None
        user_id = person["user_id"] if person else ""
        return self._view.show(
            "person.html",
            here,
            member=member,
            person=person,
            name=_name(member, person),
            lines=list(self._lines(member, person, forecast)),
            forecast=forecast,
            saas=next((u for u in self._sandbox.oomnitza.saas_users(SAAS_NAME) if u["user_id"] == user_id), None),
            history=self._runs.of_person(user_id),
        )

    def _person_of(self, member: Member) -> Mapping[str, Any] | None:
        """Return the person of a member: whose SaaS user has the member's id, else whose address is the member's."""
        users = self._sandbox.oomnitza.saas_users(SAAS_NAME)
        wanted = next((user["user_id"] for user in users if user["user_external_id"] == member["id"]), None)
        email = (member["profile"].get("email") or "").lower()
        people = self._sandbox.oomnitza.people()
        return next(
            (each for each in people if each["user_id"] == wanted),
            next((each for each in people if email and (each["email"] or "").lower() == email), None),
        )

    def _member_of(self, person: Mapping[str, Any] | None) -> Member | None:
        members = self._sandbox.slack.members()
        return next((each for each in members if person and self._is_of(each, person)), None)

    def _is_of(self, member: Member, person: Mapping[str, Any]) -> bool:
        found = self._person_of(member)
        return found is not None and found["user_id"] == person["user_id"]

    def _lines(
        self, member: Member | None, person: Mapping[str, Any] | None, forecast: Forecast | None
    ) -> Iterator[Line]:
        config, streams = Config.parse(self._configuration()), [Stream("users")]
        schema = PersonSchema.parse(metadata(list(self._sandbox.oomnitza.store.fields.values()), FLAGS))
        (plan,) = plan_streams(config, schema, streams)
        source = _record(self._sandbox, member) if member else {}
        for rule in plan.mapping.rules.values():
            value = (person or {}).get(rule.field.id)
            yield Line(
                rule.field.label or rule.field.id,
                rule.expression or f"always {rule.default}",
                rule.origin,
                rule.value(source) if rule.value and member else None,
                ROLES.get(value, value) if rule.field.id == "role" else value,
                forecast.values.get(rule.field.id) if forecast else None,
            )

    def _forecast(self, member: Member) -> Forecast:
        """Run the destination's test run with this one record, and return what it says."""
        written = write({**self._configuration(), "test_run": True}, [record(_record(self._sandbox, member))])
        if written.error:
            return Forecast("failed", written.error, {})
        counts = written.report()["users"]
        text = written.logs()
        reason = _NAMED.search(text)
        return Forecast(
            next((outcome for outcome in OUTCOMES if counts[outcome]), "unchanged"),
            reason[1] if reason else "",
            {name: after for name, _, after in _EXAMPLE.findall(text)},
        )

    def _configuration(self) -> dict[str, Any]:
        configuration: dict[str, Any] = json.loads(self._runs.configurations[1].read_text(encoding="utf-8"))
        return configuration


def _record(sandbox: Sandbox, member: Member) -> dict[str, Any]:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    team = sandbox.slack.workspace.id
    return to_record(member, Standing([team]), sync_time=now, own={team})


def _name(member: Member | None, person: Mapping[str, Any] | None) -> str:
    of_person = (person or {}).get("full_name")
    return of_person or (member["profile"].get("real_name") or member["name"] if member else "(no name)")
