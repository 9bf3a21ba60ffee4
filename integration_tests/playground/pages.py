"""The pages' routes: what is looked up for each of them, and what its buttons do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from integration_tests.playground.listing import Column, Listing
from integration_tests.playground.syncs import SAAS_NAME, Syncs, Touch
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.fields import ROLES
from integration_tests.sandbox.slack.members import Member, is_bot

HERE = Path(__file__).parent
PEOPLE, SAAS, RUNS, SLACK = "/people", "/software/saas/slack/users", "/runs", "/slack"
OUTCOMES = ("added", "updated", "unchanged", "skipped", "failed")

PEOPLE_COLUMNS = (
    Column("full_name", "Name"),
    Column("email", "E-mail address"),
    Column("position", "Position"),
    Column("phone_number", "Phone"),
    Column("role", "Role"),
    Column("sync", "Changed by"),
)
SAAS_COLUMNS = (
    Column("full_name", "Name"),
    Column("email", "E-mail address"),
    Column("roles", "Slack role"),
    Column("active", "Active"),
    Column("user_external_id", "External id"),
    Column("sync", "Changed by"),
)
SLACK_COLUMNS = (
    Column("real_name", "Member"),
    Column("email", "E-mail address"),
    Column("kind", "Kind"),
    Column("title", "Title"),
)


class Playground:
    """The pages of one sandbox. `home` is where the state between syncs is kept."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._changed: dict[str, str] = {}
        self._jinja = Environment(
            loader=PackageLoader("integration_tests.playground"),
            autoescape=select_autoescape(),
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def pages(self, sandbox: Sandbox) -> Sequence[BaseRoute]:
        """The routes, for `Sandbox(pages=...)`."""
        self.sandbox = sandbox
        self.syncs = Syncs(sandbox, self._home)
        return [
            Route("/", lambda _: RedirectResponse(SLACK, 303)),
            Route("/style.css", lambda _: FileResponse(HERE / "style.css", headers={"Cache-Control": "no-cache"})),
            Route(PEOPLE, self._people),
            Route(SAAS, self._saas_users),
            Route(RUNS, self._runs),
            Route(SLACK, self._members),
            Route("/sync", self._sync, methods=["POST"]),
            Route("/slack/invite", self._invite, methods=["POST"]),
            Route("/slack/{member}/title", self._title, methods=["POST"]),
            Route("/slack/{member}/deactivate", self._deactivate, methods=["POST"]),
            Route("/slack/{member}/reactivate", self._reactivate, methods=["POST"]),
        ]

    def _show(self, template: str, here: str, status: int = 200, **what: Any) -> HTMLResponse:
        syncs = self.syncs.all
        text = self._jinja.get_template(template).render(
            here=here,
            running=self.syncs.running,
            latest=syncs[-1] if syncs else None,
            pending=len(self._changed),
            **what,
        )
        return HTMLResponse(text, status)

    # Pages

    def _people(self, request: Request) -> Response:
        touches = self.syncs.people()
        rows = [
            {
                **{name: person.get(name) or "" for name in ("full_name", "email", "position", "phone_number")},
                "role": ROLES.get(person["role"], ""),
                **_touched(touches.get(person["user_id"])),
            }
            for person in self.sandbox.oomnitza.people()
        ]
        return self._list("people.html", PEOPLE, PEOPLE_COLUMNS, rows, request)

    def _saas_users(self, request: Request) -> Response:
        touches = self.syncs.saas_users()
        rows = [
            {
                **{name: user[name] or "" for name in ("full_name", "email", "user_external_id")},
                "roles": ", ".join(user["roles"]),
                "active": "Active" if user["active"] else "Deactivated",
                **_touched(touches.get(user["user_id"])),
            }
            for user in self.sandbox.oomnitza.saas_users(SAAS_NAME)
        ]
        return self._list("saas_users.html", SAAS, SAAS_COLUMNS, rows, request)

    def _list(
        self, template: str, path: str, columns: Sequence[Column], rows: list[dict[str, Any]], request: Request
    ) -> Response:
        """A page of whom Oomnitza has; `?sync=2` shows only those whom the second sync was the last to change."""
        sync = request.query_params.get("sync", "")
        shown = [row for row in rows if str(row["sync"]) == sync] if sync else rows
        listing = Listing(path, columns, shown, request.query_params)
        return self._show(template, path, listing=listing, sync=sync, everybody=len(rows))

    def _runs(self, _: Request) -> Response:
        progress = self.syncs.progress() if self.syncs.running else None
        return self._show("runs.html", RUNS, syncs=self.syncs.all[::-1], outcomes=OUTCOMES, progress=progress)

    def _members(self, request: Request, problem: str = "", status: int = 200, **given: str) -> Response:
        rows = [
            {
                "id": member["id"],
                "real_name": member["profile"].get("real_name") or member["name"],
                "email": member["profile"].get("email") or "",
                "kind": _kind(member),
                "title": member["profile"].get("title") or "",
                "human": not is_bot(member),
                "deleted": member["deleted"],
                "changed": self._changed.get(member["id"]),
            }
            for member in self.sandbox.slack.members()
        ]
        rows.sort(key=lambda row: row["changed"] is None)  # those who were changed just now come first
        listing = Listing(SLACK, SLACK_COLUMNS, rows, request.query_params)
        return self._show("slack.html", SLACK, status, listing=listing, problem=problem, given=given)

    # Buttons

    async def _sync(self, request: Request) -> Response:
        _own(request)
        if self.syncs.start():
            self._changed.clear()
        return RedirectResponse(RUNS, 303)

    async def _title(self, request: Request) -> Response:
        member, form = self._member(request), await _form(request)
        if member is None:
            return self._unknown(request)
        title = form.get("title", "").strip()[:255]
        self.sandbox.slack.set_title(member["id"], title)
        return self._done(request, member["id"], "title changed")

    async def _deactivate(self, request: Request) -> Response:
        _own(request)
        member = self._member(request)
        if member is None:
            return self._unknown(request)
        self.sandbox.slack.deactivate(member["id"], keep_email=True)
        return self._done(request, member["id"], "deactivated")

    async def _reactivate(self, request: Request) -> Response:
        _own(request)
        member = self._member(request)
        if member is None:
            return self._unknown(request)
        email = member["profile"].get("email") or f"{member['name']}@acme.example.com"
        self.sandbox.slack.reactivate(member["id"], email)
        return self._done(request, member["id"], "reactivated")

    async def _invite(self, request: Request) -> Response:
        form = await _form(request)
        name, email = form.get("real_name", "").strip(), form.get("email", "").strip()
        taken = {(m["profile"].get("email") or "").lower() for m in self.sandbox.slack.members()}
        problem = (
            "Give a name." if not name
            else "Give an e-mail address, such as dana@acme.example.com." if not re.fullmatch(r"[^@\s]+@[^@\s]+", email)
            else f"{email} is a member already." if email.lower() in taken
            else ""
        )  # fmt: skip
        if problem:
            return self._members(request, problem, 400, real_name=name, email=email)
        return self._done(request, self.sandbox.slack.invite(real_name=name, email=email), "invited")

    def _member(self, request: Request) -> Member | None:
        members = self.sandbox.slack.workspace.members
        return members.get(request.path_params["member"])

    def _unknown(self, request: Request) -> Response:
        return self._members(request, f"There is no member {request.path_params['member']}.", 404)

    def _done(self, request: Request, member: str, what: str) -> Response:
        """Note a change, and go back to the list as it was searched, sorted and turned."""
        self._changed[member] = what
        return RedirectResponse(f"{SLACK}?{request.url.query}#{quote(member)}", 303)


def _own(request: Request) -> None:
    """Raises HTTPException where a form was sent by another site's page, which a browser tells in `Origin`."""
    if request.headers.get("origin") not in (None, f"http://{request.headers.get('host')}"):
        raise HTTPException(403, "This form belongs to another site.")


async def _form(request: Request) -> dict[str, str]:
    _own(request)
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True))


def _touched(touch: Touch | None) -> dict[str, Any]:
    if touch is None:
        return {"sync": None, "action": "", "fields": set(), "touched": ""}
    word = {"added": "added", "updated": "changed"}[touch.action]
    return {"sync": touch.sync, "action": touch.action, "fields": touch.fields, "touched": f"Sync {touch.sync}: {word}"}


def _kind(member: Member) -> str:
    """What Slack's own list of members calls it."""
    if member["deleted"]:
        return "Deactivated"
    if is_bot(member):
        return "Bot"
    words = {
        "is_invited_user": "Invited",
        "is_primary_owner": "Primary owner",
        "is_owner": "Owner",
        "is_admin": "Admin",
        "is_ultra_restricted": "Single-channel guest",
        "is_restricted": "Guest",
    }
    return next((word for flag, word in words.items() if member.get(flag)), "Member")
