"""Serves the pages of the Oomnitza instance: people, and SaaS users of Slack."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.playground.exports import export
from integration_tests.playground.listing import Column, Listing, Row
from integration_tests.playground.runs import SAAS_NAME, Runs, Touch
from integration_tests.playground.stories import SAAS_FIELDS, saas_value
from integration_tests.playground.values import moment, shown
from integration_tests.playground.view import View
from integration_tests.sandbox import Sandbox

PEOPLE, SAAS = "/people", "/software/saas/slack/users"
PEOPLE_COLUMNS = (
    Column("full_name", "Name"),
    Column("email", "E-mail address"),
    Column("position", "Position"),
    Column("phone_number", "Phone"),
    Column("role", "Role", facet=True),
    Column("paid_seat", "Paid seat", facet=True),
    Column("last_login", "Last Slack login", facet=True),
    Column("touched", "Changed by", facet=True),
)
SAAS_COLUMNS = (
    Column("full_name", "Name"),
    Column("email", "E-mail address"),
    Column("roles", "Slack role", facet=True),
    Column("active", "Status", facet=True),
    Column("user_external_id", "External id"),
    Column("touched", "Changed by", facet=True),
)
# Custom fields of the playground's instance; the second connection of the bundle fills them.
LAST_LOGIN, BILLING_ACTIVE = "slack_last_login", "slack_billing_active"
LONG_AGO = "over 90 days ago"
UNUSED = {"paid_seat": "yes", "last_login": LONG_AGO}
"""Parameters of the page of people for paid, unused seats."""

Query = Mapping[str, str]


class OomnitzaPages:
    """Serves both listings and their downloads."""

    def __init__(self, sandbox: Sandbox, runs: Runs, view: View) -> None:
        self._sandbox = sandbox
        self._runs = runs
        self._view = view

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route(PEOPLE, self._people_page),
            Route(SAAS, self._saas_users_page),
            Route(f"{PEOPLE}.{{kind}}", lambda it: self._export(self._people(it.query_params), "people", it)),
            Route(f"{SAAS}.{{kind}}", lambda it: self._export(self._saas_users(it.query_params), "saas-users", it)),
        ]

    def _people_page(self, request: Request) -> Response:
        listing, unused = self._people(request.query_params), self._people(UNUSED)
        return self._view.show("people.html", PEOPLE, listing=listing, unused=unused)

    def _saas_users_page(self, request: Request) -> Response:
        return self._view.show("saas_users.html", SAAS, listing=self._saas_users(request.query_params))

    def _people(self, query: Query) -> Listing:
        touches, fields = self._runs.people(), self._sandbox.oomnitza.store.fields
        rows = [
            {
                **{name: person.get(name) or "" for name in ("full_name", "email", "position", "phone_number")},
                "user_id": person["user_id"],
                "role": shown(fields["role"], person["role"]),
                "paid_seat": shown(fields.get(BILLING_ACTIVE), person.get(BILLING_ACTIVE)),
                "last_login": _ago(person.get(LAST_LOGIN)),
                **_touched(touches.get(person["user_id"])),
            }
            for person in self._sandbox.oomnitza.people()
        ]
        return Listing(PEOPLE, PEOPLE_COLUMNS, rows, query)

    def _saas_users(self, query: Query) -> Listing:
        touches = self._runs.saas_users()
        rows = [
            {
                **{name: user[name] or "" for name in ("full_name", "email")},
                "user_id": user["user_id"],
                **{name: saas_value(user, name) for name in SAAS_FIELDS},
                **_touched(touches.get(user["user_id"])),
            }
            for user in self._sandbox.oomnitza.saas_users(SAAS_NAME)
        ]
        return Listing(SAAS, SAAS_COLUMNS, rows, query)

    def _export(self, listing: Listing, name: str, request: Request) -> Response:
        kind = request.path_params["kind"]
        return export(listing, kind, name) if kind in ("csv", "json") else self._view.unknown()


def _touched(touch: Touch | None) -> Row:
    if touch is None:
        return {"run": None, "action": "", "fields": set(), "touched": ""}
    word = {"added": "added", "updated": "changed"}[touch.action]
    return {"run": touch.run, "action": touch.action, "fields": touch.fields, "touched": f"Sync {touch.run}: {word}"}


def _ago(value: Any) -> str:
    """Return how long ago a login was, in steps that an administrator asks for."""
    if value in (None, "", 0):
        return ""
    days = (datetime.now(timezone.utc) - moment(value)) // timedelta(days=1)
    return "within 30 days" if days <= 30 else "31 to 90 days ago" if days <= 90 else LONG_AGO
