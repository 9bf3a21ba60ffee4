"""Serves the page of one person: both sides, the next sync, the history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.playground.forecast import Comparison, forecast, records_of
from integration_tests.playground.members import SLACK, kind
from integration_tests.playground.oomnitza_pages import PEOPLE
from integration_tests.playground.runs import SAAS_NAME, Runs
from integration_tests.playground.values import name_of
from integration_tests.playground.view import View
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.slack.members import Member, is_bot

Person = Mapping[str, Any]


class PersonPages:
    """Serves a person by their id in Slack or in Oomnitza."""

    def __init__(self, sandbox: Sandbox, runs: Runs, view: View) -> None:
        self._sandbox = sandbox
        self._runs = runs
        self._view = view

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [Route(f"{SLACK}/{{member}}", self._by_member), Route(f"{PEOPLE}/{{user_id}}", self._by_person)]

    def _by_member(self, request: Request) -> Response:
        member = self._sandbox.slack.workspace.members.get(request.path_params["member"])
        if member is None or is_bot(member):  # the source leaves bots out
            return self._view.unknown()
        return self._page(SLACK, member, self._person_of(member))

    def _by_person(self, request: Request) -> Response:
        wanted = request.path_params["user_id"]
        person = next((each for each in self._sandbox.oomnitza.people() if each["user_id"] == wanted), None)
        return self._page(PEOPLE, self._member_of(person), person) if person else self._view.unknown()

    def _page(self, here: str, member: Member | None, person: Person | None) -> Response:
        configuration: dict[str, Any] = json.loads(self._runs.configurations[1].read_text(encoding="utf-8"))
        records = records_of(member, self._sandbox) if member else {}
        ahead = forecast(configuration, records) if member else None
        comparison = Comparison(configuration, self._sandbox.oomnitza.store.fields, records, ahead)
        user_id = person["user_id"] if person else ""
        saas = next((u for u in self._sandbox.oomnitza.saas_users(SAAS_NAME) if u["user_id"] == user_id), None)
        return self._view.show(
            "person.html",
            here,
            member=member,
            kind=kind(member) if member else "",
            person=person,
            name=(person or {}).get("full_name") or (name_of(member) if member else "(no name)"),
            lines=comparison.person_lines(person),
            saas_lines=list(comparison.saas_lines(saas)),
            forecast=ahead,
            history=self._runs.of_person(user_id, member["id"] if member else ""),
        )

    def _person_of(self, member: Member) -> Person | None:
        """Return the person of a member, by the SaaS user's id, else by the address."""
        users = self._sandbox.oomnitza.saas_users(SAAS_NAME)
        wanted = next((user["user_id"] for user in users if user["user_external_id"] == member["id"]), None)
        email = (member["profile"].get("email") or "").lower()
        people = self._sandbox.oomnitza.people()
        return next(
            (each for each in people if each["user_id"] == wanted),
            next((each for each in people if email and (each["email"] or "").lower() == email), None),
        )

    def _member_of(self, person: Person) -> Member | None:
        """Return the member of a person, found in the same way."""
        users = self._sandbox.oomnitza.saas_users(SAAS_NAME)
        wanted = next((user["user_external_id"] for user in users if user["user_id"] == person["user_id"]), "")
        members = self._sandbox.slack.workspace.members
        email = (person["email"] or "").lower()
        by_email = (m for m in members.values() if email and (m["profile"].get("email") or "").lower() == email)
        return members.get(wanted) or next(by_email, None)
