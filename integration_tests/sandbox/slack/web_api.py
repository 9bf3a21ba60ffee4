"""Serves Slack's Web API: methods, scopes, cursors, limits and errors.

Facts: Slack's method pages (https://docs.slack.dev/reference/methods). Every error is HTTP 200 with
`{"ok": false, "error": code}`, except for rate limits.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.slack.calls import Params, arguments
from integration_tests.sandbox.slack.members import Member
from integration_tests.sandbox.slack.methods import PACE, Answer, Methods
from integration_tests.sandbox.slack.people import EMPTY_PROFILE, Cast
from integration_tests.sandbox.slack.tokens import USER_SCOPES, SlackError, Token, Tokens
from integration_tests.sandbox.slack.workspace import Workspace, grid, standalone

ADMIN_SCOPES = (*USER_SCOPES, "users.profile:read", "usergroups:read", "admin", "admin.analytics:read")


@dataclass
class SlackSwitches:
    """Holds switches for what differs between workspaces.

    Attributes:
        short_pages: Whether some pages before the last are shorter than the limit.
        largest_page: The limit above which requests are rejected with `limit_required`.
        scopes_header: Whether responses name the token's scopes.
        being_moved: The workspaces that return `team_added_to_org`.
        fields_listed: Whether `users.list` returns custom fields.
        numbered_logs: Whether `team.accessLogs` has page numbers; if not, it has cursors and no `paging`.
        calls: The calls of a method before a 429, which ends the virtual minute, so that no test waits.
        pace: Whether every method has the limit that Slack documents.
        retry_after: The seconds in the header of a 429.
    """

    short_pages: bool = True
    largest_page: int | None = None
    scopes_header: bool = True
    being_moved: set[str] = field(default_factory=set)
    fields_listed: bool = True
    numbered_logs: bool = True
    calls: dict[str, int] = field(default_factory=dict)
    pace: bool = False
    retry_after: int = 0


class Slack:
    """Simulates Slack. The package's docstring lists what tests use."""

    def __init__(self, people: int, seed: int, grid_people: int = 40) -> None:
        cast = Cast(seed)
        self._cast = cast
        self.seed = seed
        self.workspace = standalone(cast, people)
        self.grid = grid(cast, grid_people)
        self.unseen = self.grid.pop()  # a workspace of the organization in which the app is not installed
        self.enterprise_id = self.grid[0].enterprise_id
        self.switches = SlackSwitches()
        bot = next((m["id"] for m in self.workspace.members.values() if m.get("is_bot")), "U0SANDBOXBOT")
        owner = next(iter(self.workspace.members))
        self.tokens = Tokens(seed, self.workspace.id, bot)
        self.token = self.tokens.issue()
        self.admin_token = self.tokens.issue(ADMIN_SCOPES, user_id=owner, kind="user", admin=True)
        grid_user = next(iter(self.grid[0].members))
        self.org_token = self.tokens.issue(user_id=grid_user, organization=True)
        self.org_admin_token = self.tokens.issue(
            ADMIN_SCOPES, user_id=grid_user, organization=True, kind="user", admin=True
        )
        self.grid_workspace_token = self.tokens.issue(team_id=self.grid[0].id, user_id=grid_user)
        self.tokens.rotate()
        self._calls: dict[str, int] = {}
        self.listing_epoch = 0
        self._methods = Methods(self)

    # What tests use

    @property
    def client_id(self) -> str:
        """The rotating app's."""
        return self.tokens.client_id

    @property
    def client_secret(self) -> str:
        """The rotating app's."""
        return self.tokens.client_secret

    @property
    def refresh_token(self) -> str:
        """Refresh token that is valid for the next exchange."""
        return self.tokens.refresh_token

    @property
    def rotating_token(self) -> str:
        """Access token that belongs to the refresh token."""
        return self.tokens.rotating_token

    @property
    def team_id(self) -> str:
        """Id of the first workspace."""
        return self.workspace.id

    @property
    def team_ids(self) -> list[str]:
        """Ids of the workspaces that the organization's token can see."""
        return [place.id for place in self.grid]

    def issue_token(self, scopes: Sequence[str] = USER_SCOPES, **more: Any) -> str:
        """Issue a further token; `more` as for `Tokens.issue`."""
        return self.tokens.issue(scopes, **more)

    def expire_token(self, token: str | None = None) -> None:
        """Make a token rejected as `token_expired`; the rotating one by default."""
        self.tokens.set_state(token, "token_expired")

    def refuse_token(self, token: str, code: str | None) -> None:
        """Reject a token with a code such as `token_revoked`; None makes it valid again."""
        self.tokens.set_state(token, code)

    def expire_cursors(self) -> None:
        """Make all cursors issued so far `invalid_cursor`."""
        self.listing_epoch += 1

    def place(self, team_id: str | None = None) -> Workspace:
        """Return a workspace; the first by default."""
        places = [self.workspace, *self.grid, self.unseen]
        return next(place for place in places if team_id in (None, place.id))

    def members(self, team_id: str | None = None) -> list[Member]:
        """Return the members of a workspace, with all that any token could see."""
        return list(self.place(team_id).members.values())

    def set_title(self, user_id: str, title: str, team_id: str | None = None) -> None:
        """Change a person's title."""
        self.place(team_id).change(user_id, {"title": title})

    def set_profile(self, user_id: str, team_id: str | None = None, **profile: Any) -> None:
        """Change a person's profile."""
        self.place(team_id).change(user_id, profile)

    def set_flags(self, user_id: str, team_id: str | None = None, **flags: Any) -> None:
        """Change top-level keys of a person: `is_admin=True`, `name="..."`, ..."""
        self.place(team_id).change(user_id, **flags)

    def touch(self, user_id: str, at: int | None = None, team_id: str | None = None) -> None:
        """Change only a person's `updated`."""
        self.place(team_id).change(user_id, at=at)

    def deactivate(self, user_id: str, team_id: str | None = None, keep_email: bool = False) -> None:
        """Deactivate a person's account."""
        self.place(team_id).deactivate(user_id, keep_email)

    def reactivate(self, user_id: str, email: str, team_id: str | None = None) -> None:
        """Reactivate a person's account."""
        self.place(team_id).reactivate(user_id, email)

    def invite(self, real_name: str, email: str, team_id: str | None = None) -> str:
        """Invite a person who has not accepted yet, and return the id."""
        return self.join(real_name, email, team_id, is_invited_user=True, is_email_confirmed=False)

    def join(self, real_name: str, email: str, team_id: str | None = None, **changes: Any) -> str:
        """Add a full member with an empty profile, and return the id."""
        place = self.place(team_id)
        changes = {"updated": int(time.time()), **changes, "profile": {**EMPTY_PROFILE, **changes.get("profile", {})}}
        return place.add(self._cast.person(place.id, real_name, email, **changes))

    def log_in(self, user_id: str, at: int | None = None, team_id: str | None = None, **changes: Any) -> None:
        """Add the newest entry of the access log.

        `changes` are `ip`, `country`, `user_agent`, ...
        """
        self.place(team_id).log_in(user_id, at if at is not None else int(time.time()), **changes)

    # HTTP

    def app(self, pages: Sequence[BaseRoute] = ()) -> Starlette:
        """Return the ASGI application."""
        return Starlette(routes=[Route("/api/{method:path}", self._handle, methods=["GET", "POST"]), *pages])

    async def _handle(self, request: Request) -> Response:
        method = request.path_params["method"]
        token: Token | None = None
        try:
            params = await arguments(request)
            if (limited := self._rate_limited(method)) is not None:
                return limited
            if method == "oauth.v2.access":
                answer = self._oauth(request, params)
            else:
                if method not in self._methods.table:
                    raise SlackError("unknown_method")
                token = self._authenticate(request, params)
                answer = self._methods.call(method, token, params)
            content: Answer = answer if isinstance(answer, bytes) else {"ok": True, **answer}
        except SlackError as refusal:
            content = {"ok": False, "error": refusal.code, **refusal.more}
        headers = {}
        if token is not None and self.switches.scopes_header:
            headers["x-oauth-scopes"] = ",".join(token.scopes)
        if isinstance(content, bytes):
            return Response(content, media_type="application/gzip", headers=headers)
        return Response(orjson.dumps(content), media_type="application/json", headers=headers)

    def _authenticate(self, request: Request, params: Params) -> Token:
        if "token" in params:  # Slack accepts it in a body, too; the connector must send it in the header
            raise SlackError("not_authed")
        return self.tokens.authenticate(request.headers.get("authorization"))

    def _rate_limited(self, method: str) -> Response | None:
        allowed = self.switches.calls.get(method, PACE.get(method) if self.switches.pace else None)
        if allowed is None:
            return None
        self._calls[method] = self._calls.get(method, 0) + 1
        if self._calls[method] <= allowed:
            return None
        self._calls[method] = 0
        headers = {"Retry-After": str(self.switches.retry_after)}
        return Response(b'{"ok":false,"error":"ratelimited"}', 429, headers, "application/json")

    def _oauth(self, request: Request, params: Params) -> dict[str, Any]:
        if request.query_params:
            raise SlackError("invalid_arguments")  # a secret in an address would end up in logs
        header = request.headers.get("authorization", "")
        if header.lower().startswith("basic "):
            client_id, _, secret = base64.b64decode(header[6:]).decode().partition(":")
            params = {"client_id": client_id, "client_secret": secret, **params}
        return self.tokens.exchange(params)
