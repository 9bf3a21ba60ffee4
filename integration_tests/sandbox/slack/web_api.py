"""Slack's Web API over the workspaces: the methods, their scopes, cursors, limits and refusals.

Facts: Slack's method pages, as far as `slack.md` of the project's contracts tells them. Every error is HTTP 200 with
`{"ok": false, "error": code}`, but for rate limits.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.people import Cast, Member
from integration_tests.sandbox.slack.calls import Params, arguments, opened, sealed, seen, whole
from integration_tests.sandbox.slack.tokens import USER_SCOPES, SlackError, Token, Tokens
from integration_tests.sandbox.slack.workspace import Workspace, grid, standalone

ADMIN_SCOPES = (*USER_SCOPES, "admin")
LAST_PAGE = 100


@dataclass
class SlackSwitches:
    """What may differ from workspace to workspace.

    `short_pages`: now and then a page is shorter than the limit, before the end. `largest_page`: larger limits are
    refused with `limit_required`. `scopes_header`: whether answers name the token's scopes. `being_moved`: workspaces
    that answer `team_added_to_org`. `calls`: calls that a method may take before a 429; the virtual minute ends with
    the 429, so that nobody waits for a clock. `retry_after`: seconds in its header.
    """

    short_pages: bool = True
    largest_page: int | None = None
    scopes_header: bool = True
    being_moved: set[str] = field(default_factory=set)
    calls: dict[str, int] = field(default_factory=dict)
    retry_after: int = 0


class Slack:
    """The service. See the package's docstring for what tests use of it."""

    def __init__(self, people: int, seed: int, grid_people: int = 40) -> None:
        cast = Cast(seed)
        self._cast = cast
        self.seed = seed
        self.workspace = standalone(cast, people)
        self.grid = grid(cast, grid_people)
        self.unseen = self.grid.pop()  # a workspace of the organization into which the app was not let
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
        self._listing_epoch = 0
        self._methods: dict[str, tuple[str | None, Callable[[Token, Params], dict[str, Any]]]] = {
            "auth.test": (None, self._auth_test),
            "users.list": ("users:read", self._users_list),
            "auth.teams.list": (None, self._teams_list),
            "team.accessLogs": ("admin", self._access_logs),
            "team.billableInfo": ("admin", self._billable_info),
        }

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
        """The refresh token that is good for the next exchange; those used are spent."""
        return self.tokens.refresh_token

    @property
    def rotating_token(self) -> str:
        """The access token that belongs to it."""
        return self.tokens.rotating_token

    @property
    def team_id(self) -> str:
        """The first workspace's id."""
        return self.workspace.id

    @property
    def team_ids(self) -> list[str]:
        """The workspaces that the organization's token can see."""
        return [place.id for place in self.grid]

    def issue_token(self, scopes: Sequence[str] = USER_SCOPES, **more: Any) -> str:
        """A further token; `more`: `team_id`, `user_id`, `kind`, `admin`, `organization` (see `Tokens.issue`)."""
        return self.tokens.issue(scopes, **more)

    def expire_token(self, token: str | None = None) -> None:
        """Make a token (the rotating one unless told) one that is refused as `token_expired`."""
        self.tokens.set_state(token, "token_expired")

    def refuse_token(self, token: str, code: str | None) -> None:
        """Refuse a token with a code: `token_revoked`, `account_inactive`, ...; None makes it good again."""
        self.tokens.set_state(token, code)

    def expire_cursors(self) -> None:
        """All cursors given so far become `invalid_cursor`."""
        self._listing_epoch += 1

    def place(self, team_id: str | None = None) -> Workspace:
        """A workspace; the first unless told."""
        places = [self.workspace, *self.grid, self.unseen]
        return next(place for place in places if team_id in (None, place.id))

    def members(self, team_id: str | None = None) -> list[Member]:
        """The members of a workspace, with all that any token could see."""
        return list(self.place(team_id).members.values())

    def set_title(self, user_id: str, title: str, team_id: str | None = None) -> None:
        """Change somebody's title."""
        self.place(team_id).change(user_id, {"title": title})

    def set_profile(self, user_id: str, team_id: str | None = None, **profile: Any) -> None:
        """Change somebody's profile."""
        self.place(team_id).change(user_id, profile)

    def set_flags(self, user_id: str, team_id: str | None = None, **flags: Any) -> None:
        """Change top-level keys of somebody: `is_admin=True`, `name="..."`, ..."""
        self.place(team_id).change(user_id, **flags)

    def touch(self, user_id: str, at: int | None = None, team_id: str | None = None) -> None:
        """Nothing changes but `updated`."""
        self.place(team_id).change(user_id, at=at)

    def deactivate(self, user_id: str, team_id: str | None = None, keep_email: bool = False) -> None:
        """Close somebody's account."""
        self.place(team_id).deactivate(user_id, keep_email)

    def reactivate(self, user_id: str, email: str, team_id: str | None = None) -> None:
        """Open it again."""
        self.place(team_id).reactivate(user_id, email)

    def invite(self, real_name: str, email: str, team_id: str | None = None) -> str:
        """Invite somebody who has not accepted yet; the new id."""
        place = self.place(team_id)
        now = int(time.time())
        return place.add(
            self._cast.person(place.id, real_name, email, is_invited_user=True, is_email_confirmed=False, updated=now)
        )

    def join(self, real_name: str, email: str, team_id: str | None = None, **changes: Any) -> str:
        """Somebody joins as a full member; the new id."""
        place = self.place(team_id)
        return place.add(self._cast.person(place.id, real_name, email, updated=int(time.time()), **changes))

    def log_in(self, user_id: str, at: int | None = None, team_id: str | None = None, **changes: Any) -> None:
        """Somebody comes in: the newest entry of the access log. `changes`: `ip`, `country`, `user_agent`, ..."""
        self.place(team_id).log_in(user_id, at if at is not None else int(time.time()), **changes)

    # HTTP

    def app(self, pages: Sequence[BaseRoute] = ()) -> Starlette:
        """The ASGI application."""
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
                if method not in self._methods:
                    raise SlackError("unknown_method")
                token = self._authenticate(request, params)
                scope, handler = self._methods[method]
                if scope is not None and scope not in token.scopes:
                    raise SlackError("missing_scope", needed=scope, provided=",".join(token.scopes))
                answer = handler(token, params)
            content: dict[str, Any] = {"ok": True, **answer}
        except SlackError as refusal:
            content = {"ok": False, "error": refusal.code, **refusal.more}
        headers = {}
        if token is not None and self.switches.scopes_header:
            headers["x-oauth-scopes"] = ",".join(token.scopes)
        return Response(orjson.dumps(content), media_type="application/json", headers=headers)

    def _authenticate(self, request: Request, params: Params) -> Token:
        if "token" in params:  # Slack knows it from the body; the contract knows the header alone
            raise SlackError("not_authed")
        return self.tokens.authenticate(request.headers.get("authorization"))

    def _rate_limited(self, method: str) -> Response | None:
        allowed = self.switches.calls.get(method)
        if allowed is None:
            return None
        self._calls[method] = self._calls.get(method, 0) + 1
        if self._calls[method] <= allowed:
            return None
        self._calls[method] = 0
        headers = {"Retry-After": str(self.switches.retry_after)}
        return Response(b'{"ok":false,"error":"ratelimited"}', 429, headers, "application/json")

    # Methods

    def _oauth(self, request: Request, params: Params) -> dict[str, Any]:
        if request.query_params:
            raise SlackError("invalid_arguments")  # a secret in an address would end up in logs
        header = request.headers.get("authorization", "")
        if header.lower().startswith("basic "):
            client_id, _, secret = base64.b64decode(header[6:]).decode().partition(":")
            params = {"client_id": client_id, "client_secret": secret, **params}
        return self.tokens.exchange(params)

    def _auth_test(self, token: Token, _params: Params) -> dict[str, Any]:
        places = [self.workspace, *self.grid, self.unseen]
        place = next((place for place in places if place.id == token.team_id), None)
        who = {"user_id": token.user_id, "user": self._name(token.user_id)}
        if place is None:
            return {
                "url": "https://acme-group.enterprise.slack.com/",
                "team": self.grid[0].enterprise_name,
                **who,
                "team_id": self.enterprise_id,
                "enterprise_id": self.enterprise_id,
                "is_enterprise_install": True,
            }
        answer = {"url": f"https://{place.domain}.slack.com/", "team": place.name, "team_id": place.id, **who}
        if token.kind == "bot":
            answer["bot_id"] = "B0SANDBOXBOT"
        if place.enterprise_id is not None:
            answer["enterprise_id"] = place.enterprise_id
        return {**answer, "is_enterprise_install": False}

    def _name(self, user_id: str) -> str:
        places = [self.workspace, *self.grid]
        return next((p.members[user_id]["name"] for p in places if user_id in p.members), "airbyte")

    def _place_of(self, token: Token, params: Params) -> Workspace:
        """The workspace that a call is about. `team_id` counts, and is needed, with an organization's token only."""
        team_id = token.team_id
        if team_id is None:
            if not params.get("team_id"):
                raise SlackError("missing_argument", needed="team_id")
            team_id = params["team_id"]
            if team_id not in self.team_ids:
                raise SlackError("team_access_not_granted" if team_id == self.unseen.id else "team_not_found")
        if team_id in self.switches.being_moved:
            raise SlackError("team_added_to_org")
        return self.place(team_id)

    def _users_list(self, token: Token, params: Params) -> dict[str, Any]:
        place = self._place_of(token, params)
        hidden = set() if "users:read.email" in token.scopes else {"email"}
        private = set() if token.admin else {"has_2fa", "two_factor_type"}
        if params.get("include_locale", "false").lower() not in ("true", "1"):
            private.add("locale")
        page, cursor = self._page("users.list", token, params, place.members.values(), place)
        return {
            "members": [seen(member, private, hidden) for member in page],
            "cache_ts": int(time.time()),
            "response_metadata": {"next_cursor": cursor},
        }

    def _teams_list(self, token: Token, params: Params) -> dict[str, Any]:
        places = self.grid if token.team_id is None else [self.place(token.team_id)]
        page, cursor = self._page("auth.teams.list", token, params, places)
        return {"teams": [{"id": p.id, "name": p.name} for p in page], "response_metadata": {"next_cursor": cursor}}

    def _access_logs(self, token: Token, params: Params) -> dict[str, Any]:
        place = self._administered(token, params)
        before = params.get("before", "now")
        if before != "now" and not before.isdigit():
            raise SlackError("invalid_arguments")
        entries = [e for e in place.logins if before == "now" or e["date_last"] <= int(before)]
        if "cursor" in params or "limit" in params:
            page, cursor = self._page("team.accessLogs", token, params, entries, place)
            return {"logins": list(page), "response_metadata": {"next_cursor": cursor}}
        count, number = whole(params, "count", 100), whole(params, "page", 1)
        if number > LAST_PAGE:
            raise SlackError("over_pagination_limit")
        count = min(count, 1000)
        paging = {"count": count, "total": len(entries), "page": number, "pages": max(1, -(-len(entries) // count))}
        return {"logins": entries[(number - 1) * count : number * count], "paging": paging}

    def _billable_info(self, token: Token, params: Params) -> dict[str, Any]:
        place = self._administered(token, params)
        people = [m for m in place.humans() if params.get("user") in (None, m["id"])]
        page, cursor = self._page("team.billableInfo", token, params, people, place)
        info = {
            m["id"]: {
                "billing_active": not m["deleted"] and not m.get("is_ultra_restricted") and not m.get("is_invited_user")
            }
            for m in page
        }
        return {"billable_info": info, "response_metadata": {"next_cursor": cursor}}

    def _administered(self, token: Token, params: Params) -> Workspace:
        if token.kind != "user":
            raise SlackError("not_allowed_token_type")
        if not token.admin:
            raise SlackError("not_an_admin")
        place = self._place_of(token, params)
        if not place.paid:
            raise SlackError("paid_only")
        return place

    # Pages

    def _page(
        self, method: str, token: Token, params: Params, rows: Collection[Any], place: Workspace | None = None
    ) -> tuple[list[Any], str]:
        """The page that `cursor` and `limit` ask for, and the cursor of the next ("" at the end)."""
        # Not of the token: with rotation, a listing goes on with the next one.
        listing = f"{method} {place.id if place else token.team_id} {self._listing_epoch}"
        start = opened(params.get("cursor", ""), listing)
        total = len(rows)
        limit = whole(params, "limit", total or 1)
        largest = self.switches.largest_page
        if largest is not None and limit > largest:
            raise SlackError("limit_required")
        if limit > 1000 and params.get("limit"):
            raise SlackError("invalid_limit")
        size = limit
        if self.switches.short_pages and limit > 1 and start // limit % 3 == 1:
            size = max(1, limit - max(1, limit // 10))
        end = min(start + size, total)
        return list(islice(rows, start, end)), sealed(end, listing) if end < total else ""
