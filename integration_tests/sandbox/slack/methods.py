"""Serves the reading methods of Slack's Web API.

They have scopes, plans, types of tokens, pages and rate limits.

Facts: Slack's method pages (https://docs.slack.dev/reference/methods).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any

from integration_tests.sandbox.slack.analytics import day_file
from integration_tests.sandbox.slack.calls import Params, boolean, opened, sealed, seen, whole
from integration_tests.sandbox.slack.members import is_billed
from integration_tests.sandbox.slack.tokens import SlackError, Token
from integration_tests.sandbox.slack.workspace import Workspace

if TYPE_CHECKING:
    from integration_tests.sandbox.slack.web_api import Slack

Answer = dict[str, Any] | bytes

LAST_PAGE = 100
LARGEST_LOG_PAGE = 1000
TIERS = {2: 20, 3: 50, 4: 100}
# Calls a minute (https://docs.slack.dev/apis/web-api/rate-limits).
PACE = {
    "users.list": TIERS[2],
    "auth.teams.list": TIERS[2],
    "team.accessLogs": TIERS[2],
    "team.billableInfo": TIERS[2],
    "team.profile.get": TIERS[3],
    "users.profile.get": TIERS[4],
    "usergroups.list": TIERS[2],
    "admin.analytics.getFile": TIERS[2],
}


class Methods:
    """Serves the methods over the workspaces of a `Slack`."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self.table: dict[str, tuple[str | None, Callable[[Token, Params], Answer]]] = {
            "auth.test": (None, self._auth_test),
            "users.list": ("users:read", self._users_list),
            "users.profile.get": ("users.profile:read", self._profile),
            "auth.teams.list": (None, self._teams_list),
            "team.accessLogs": ("admin", self._access_logs),
            "team.billableInfo": ("admin", self._billable_info),
            "team.profile.get": ("users.profile:read", self._profile_fields),
            "usergroups.list": ("usergroups:read", self._groups),
            "admin.analytics.getFile": ("admin.analytics:read", self._analytics),
        }

    def call(self, method: str, token: Token, params: Params) -> Answer:
        """Run a method for a token, if it has the scope. Raises SlackError."""
        scope, handler = self.table[method]
        if scope is not None and scope not in token.scopes:
            raise SlackError("missing_scope", needed=scope, provided=",".join(token.scopes))
        return handler(token, params)

    def _auth_test(self, token: Token, _params: Params) -> Answer:
        places = [self._slack.workspace, *self._slack.grid, self._slack.unseen]
        place = next((place for place in places if place.id == token.team_id), None)
        who = {"user_id": token.user_id, "user": self._name(token.user_id)}
        if place is None:
            return {
                "url": "https://acme-group.enterprise.slack.com/",
                "team": self._slack.grid[0].enterprise_name,
                **who,
                "team_id": self._slack.enterprise_id,
                "enterprise_id": self._slack.enterprise_id,
                "is_enterprise_install": True,
            }
        answer = {"url": f"https://{place.domain}.slack.com/", "team": place.name, "team_id": place.id, **who}
        if token.kind == "bot":
            answer["bot_id"] = "B0SANDBOXBOT"
        if place.enterprise_id is not None:
            answer["enterprise_id"] = place.enterprise_id
        return {**answer, "is_enterprise_install": False}

    def _name(self, user_id: str) -> str:
        places = [self._slack.workspace, *self._slack.grid]
        return next((p.members[user_id]["name"] for p in places if user_id in p.members), "airbyte")

    def _place_of(self, token: Token, params: Params) -> Workspace:
        """Return the workspace of a call; an organization's token needs `team_id`."""
        team_id = token.team_id
        if team_id is None:
            if not params.get("team_id"):
                raise SlackError("missing_argument", needed="team_id")
            team_id = params["team_id"]
            if team_id not in self._slack.team_ids:
                raise SlackError("team_access_not_granted" if team_id == self._slack.unseen.id else "team_not_found")
        if team_id in self._slack.switches.being_moved:
            raise SlackError("team_added_to_org")
        return self._slack.place(team_id)

    def _users_list(self, token: Token, params: Params) -> Answer:
        place = self._place_of(token, params)
        hidden = set() if "users:read.email" in token.scopes else {"email"}
        private = set() if token.admin else {"has_2fa", "two_factor_type"}
        if params.get("include_locale", "false").lower() not in ("true", "1"):
            private.add("locale")
        if not self._slack.switches.fields_listed:
            hidden.add("fields")
        page, cursor = self._page("users.list", token, params, place.members.values(), place)
        return {
            "members": [seen(member, private, hidden) for member in page],
            "cache_ts": int(time.time()),
            "response_metadata": {"next_cursor": cursor},
        }

    def _teams_list(self, token: Token, params: Params) -> Answer:
        places = self._slack.grid if token.team_id is None else [self._slack.place(token.team_id)]
        page, cursor = self._page("auth.teams.list", token, params, places)
        return {"teams": [{"id": p.id, "name": p.name} for p in page], "response_metadata": {"next_cursor": cursor}}

    def _access_logs(self, token: Token, params: Params) -> Answer:
        place = self._administered(token, params)
        before = params.get("before", "now")
        if before != "now" and not before.isdigit():
            raise SlackError("invalid_arguments")
        entries = [e for e in place.logins if before == "now" or e["date_last"] <= int(before)]
        if "cursor" in params or "limit" in params or not self._slack.switches.numbered_logs:
            if not 0 < whole(params, "limit", 100) < LARGEST_LOG_PAGE:
                raise SlackError("invalid_limit")
            page, cursor = self._page("team.accessLogs", token, {"limit": "100", **params}, entries, place)
            return {"logins": list(page), "response_metadata": {"next_cursor": cursor}}
        count, number = whole(params, "count", 100), whole(params, "page", 1)
        if number > LAST_PAGE:
            raise SlackError("over_pagination_limit")
        count = min(count, 1000)
        paging = {"count": count, "total": len(entries), "page": number, "pages": max(1, -(-len(entries) // count))}
        return {"logins": entries[(number - 1) * count : number * count], "paging": paging}

    def _billable_info(self, token: Token, params: Params) -> Answer:
        place = self._administered(token, params)
        people = [m for m in place.humans() if params.get("user") in (None, m["id"])]
        page, cursor = self._page("team.billableInfo", token, params, people, place)
        info = {m["id"]: {"billing_active": is_billed(m)} for m in page}
        return {"billable_info": info, "response_metadata": {"next_cursor": cursor}}

    def _profile(self, token: Token, params: Params) -> Answer:
        user_id = params.get("user", token.user_id)
        places = self._slack.grid if token.team_id is None else [self._slack.place(token.team_id)]
        member = next((place.members[user_id] for place in places if user_id in place.members), None)
        if member is None:
            raise SlackError("user_not_found")
        hidden = set() if "users:read.email" in token.scopes else {"email"}
        return {"profile": {name: value for name, value in member["profile"].items() if name not in hidden}}

    def _profile_fields(self, token: Token, params: Params) -> Answer:
        return {"profile": {"fields": self._place_of(token, params).profile_fields, "sections": []}}

    def _groups(self, token: Token, params: Params) -> Answer:
        place = self._place_of(token, params)
        if not place.paid:
            raise SlackError("plan_upgrade_required")
        groups = [group for group in place.groups if boolean(params, "include_disabled") or not group["date_delete"]]
        left_out = {
            name
            for name, asked in (("users", "include_users"), ("user_count", "include_count"))
            if not boolean(params, asked)
        }
        return {"usergroups": [{k: v for k, v in group.items() if k not in left_out} for group in groups]}

    def _analytics(self, token: Token, params: Params) -> Answer:
        if token.kind != "user":
            raise SlackError("not_allowed_token_type")
        if not token.admin:
            raise SlackError("user_is_restricted")
        places = self._slack.grid if token.team_id is None else [self._slack.place(token.team_id)]
        if not all(place.analytics for place in places):
            raise SlackError("feature_not_available")
        if params.get("type") != "member":
            raise SlackError("invalid_type")
        try:
            day = date.fromisoformat(params.get("date", ""))
        except ValueError:
            raise SlackError("invalid_date") from None
        return day_file(places, day)

    def _administered(self, token: Token, params: Params) -> Workspace:
        if token.kind != "user":
            raise SlackError("not_allowed_token_type")
        if not token.admin:
            raise SlackError("not_an_admin")
        place = self._place_of(token, params)
        if not place.paid:
            raise SlackError("paid_only")
        return place

    def _page(
        self, method: str, token: Token, params: Params, rows: Collection[Any], place: Workspace | None = None
    ) -> tuple[list[Any], str]:
        """Return the page of `cursor` and `limit`, and the next cursor ("" at the end)."""
        # A cursor does not depend on the token: with rotation, a listing continues with the next one.
        listing = f"{method} {place.id if place else token.team_id} {self._slack.listing_epoch}"
        start = opened(params.get("cursor", ""), listing)
        total = len(rows)
        limit = whole(params, "limit", total or 1)
        largest = self._slack.switches.largest_page
        if largest is not None and limit > largest:
            raise SlackError("limit_required")
        if limit > 1000 and params.get("limit"):
            raise SlackError("invalid_limit")
        size = limit
        if self._slack.switches.short_pages and limit > 1 and start // limit % 3 == 1:
            size = max(1, limit - max(1, limit // 10))
        end = min(start + size, total)
        return list(islice(rows, start, end)), sealed(end, listing) if end < total else ""
