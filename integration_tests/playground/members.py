"""Serves the page of the Slack workspace, on which members are changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from integration_tests.harness.example import count_members
from integration_tests.playground.exports import export
from integration_tests.playground.listing import Column, Listing, Row
from integration_tests.playground.values import name_of
from integration_tests.playground.view import View, form_of
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.slack.members import Member, is_bot

SLACK = "/slack"
COLUMNS = (
    Column("real_name", "Member"),
    Column("email", "E-mail address"),
    Column("title", "Title"),
    Column("kind", "Kind", facet=True),
    Column("status", "Status", facet=True),
)
LONGEST = {"real_name": 80, "email": 254, "title": 255}
KINDS = {
    "is_primary_owner": "Primary owner",
    "is_owner": "Owner",
    "is_admin": "Admin",
    "is_ultra_restricted": "Single-channel guest",
    "is_restricted": "Multi-channel guest",
}


class Members:
    """Serves /slack. `changed`: by member, what was done since the last sync."""

    def __init__(self, sandbox: Sandbox, view: View) -> None:
        self._sandbox = sandbox
        self._view = view
        self.changed: dict[str, str] = {}

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route(SLACK, lambda request: self._page(request.query_params)),
            Route(f"{SLACK}.{{kind}}", self._export),
            Route(f"{SLACK}/edits", self._edit, methods=["POST"]),
            Route(f"{SLACK}/invite", self._invite, methods=["POST"]),
            Route(f"{SLACK}/{{member}}/deactivate", self._deactivate, methods=["POST"]),
            Route(f"{SLACK}/{{member}}/reactivate", self._reactivate, methods=["POST"]),
        ]

    def save(self, form: dict[str, str]) -> str | None:
        """Save the fields of a member, which every button of the page sends.

        Returns a sentence on what is wrong with them, None if nothing is.
        """
        member = self._sandbox.slack.workspace.members.get(form.get("editing", ""))
        if member is None or is_bot(member) or member["deleted"]:
            return None
        given = {name: form[name].strip()[:longest] for name, longest in LONGEST.items() if name in form}
        profile = member["profile"]
        given = {name: value for name, value in given.items() if value != (profile.get(name) or "")}
        problem = self._problem(given, member["id"])
        if given and not problem:
            self._sandbox.slack.set_profile(member["id"], **given, **_parts(given.get("real_name", "")))
            words = {"real_name": "name", "email": "e-mail address", "title": "title"}
            self.changed[member["id"]] = " and ".join(words[name] for name in given) + " changed"
        return problem

    def _problem(self, given: dict[str, str], member: str | None) -> str | None:
        others = [each for each in self._sandbox.slack.members() if each["id"] != member]
        taken = {(each["profile"].get("email") or "").lower() for each in others}
        if given.get("real_name") == "":
            return "Give a name."
        if "email" in given and not re.fullmatch(r"[^@\s]+@[^@\s]+", given["email"]):
            return "Give an e-mail address, such as dana@acme.example.com."
        if given.get("email", "").lower() in taken - {""}:
            return f"{given['email']} is a member already."
        return None

    def _listing(self, query: Mapping[str, str]) -> Listing:
        rows = [self._row(member) for member in self._sandbox.slack.members()]
        rows.sort(key=lambda row: row["changed"] is None)  # those who were changed just now come first
        return Listing(SLACK, COLUMNS, rows, {name: v for name, v in query.items() if name != "edit"})

    def _row(self, member: Member) -> Row:
        return {
            "id": member["id"],
            "real_name": name_of(member),
            "email": member["profile"].get("email") or "",
            "title": member["profile"].get("title") or "",
            "kind": kind(member),
            "status": "Deactivated" if member["deleted"] else "Invited" if member.get("is_invited_user") else "Active",
            "human": not is_bot(member),
            "deleted": member["deleted"],
            "changed": self.changed.get(member["id"]),
        }

    def rejected(self, form: dict[str, str], problem: str, status: int = 400) -> Response:
        """Return the page as it was, with what was typed, and what is wrong with it."""
        query = dict(parse_qsl(form.get("back", "").removeprefix("?")))
        return self._page({**query, "edit": form.get("editing", "")}, status, problem=problem, typed=form)

    def _page(self, query: Mapping[str, str], status: int = 200, **what: Any) -> Response:
        listing, edit = self._listing(query), query.get("edit", "")
        return self._view.show(
            "slack.html", SLACK, status, listing=listing, count=count_members(self._sandbox), edit=edit, **what
        )

    def _export(self, request: Request) -> Response:
        if request.path_params["kind"] not in ("csv", "json"):
            return self._view.unknown()
        return export(self._listing(request.query_params), request.path_params["kind"], "slack-members")

    async def _edit(self, request: Request) -> Response:
        form = await form_of(request)
        problem = self.save(form)
        if request.headers.get("accept") == "text/plain":  # the page's script: a field was left
            return PlainTextResponse(problem or "Saved.")
        if problem:
            return self.rejected(form, problem)
        return self._back(form.get("back", ""), form.get("editing", ""))

    async def _deactivate(self, request: Request) -> Response:
        return await self._switch(request, lambda slack, member: slack.deactivate(member["id"], keep_email=True))

    async def _reactivate(self, request: Request) -> Response:
        def reactivate(slack: Any, member: Member) -> None:
            # Slack keeps the address that it no longer lists: the sandbox makes all addresses in this way.
            slack.reactivate(member["id"], member["profile"].get("email") or f"{member['name']}@acme.example.com")

        return await self._switch(request, reactivate)

    async def _switch(self, request: Request, change: Any) -> Response:
        form = await form_of(request)
        problem = self.save(form)
        member = self._sandbox.slack.workspace.members.get(request.path_params["member"])
        if member is None:
            return self.rejected(form, f"There is no member {request.path_params['member']}.", 404)
        if problem:
            return self.rejected(form, problem)
        change(self._sandbox.slack, member)
        deleted = self._sandbox.slack.workspace.members[member["id"]]["deleted"]
        self.changed[member["id"]] = "deactivated" if deleted else "reactivated"
        return self._back(form.get("back", ""), member["id"])

    async def _invite(self, request: Request) -> Response:
        form = await form_of(request)
        given = {"real_name": form.get("real_name", "").strip(), "email": form.get("email", "").strip()}
        if problem := self._problem(given, None):
            return self.rejected(form, problem)
        member = self._sandbox.slack.invite(**given)
        self.changed[member] = "invited"
        return self._back("", member)

    def _back(self, query: str, member: str) -> Response:
        """Redirect to the list with the same search, order and page."""
        query = query if query.startswith("?") else ""
        return RedirectResponse(f"{SLACK}{query}#{quote(member)}", 303)


def _parts(real_name: str) -> dict[str, str]:
    """Return first and last name as Slack takes them from a full name, if any."""
    first, _, last = real_name.partition(" ")
    return {"first_name": first, "last_name": last} if real_name else {}


def kind(member: Member) -> str:
    """Return the account type of a member, as Slack's own list shows it."""
    if is_bot(member):
        return "Bot"
    return next((word for flag, word in KINDS.items() if member.get(flag)), "Member")
