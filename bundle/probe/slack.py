"""Asks Slack about the token, its rights, and the workspace."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from bundle.configuration import CREDENTIALS, Json
from bundle.errors import ServiceError
from bundle.http import Http, HttpProblem, Response, ResponseTooLarge, is_private
from bundle.identity import SLACK_API, code_of
from bundle.probe.findings import Finding, ask, no_answer

RESPONSE_SECONDS = 60.0
SIZES = (1000, 200)
KINDS = {"xoxb": "bot token", "xoxp": "user token", "xoxe": "rotating token"}
STREAMS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "users": ("users.list", {"limit": 1}),
    "last_logins": ("team.accessLogs", {"limit": 1, "count": 1}),
    "billable_info": ("team.billableInfo", {}),
    "user_groups": ("usergroups.list", {"include_count": "false"}),
}


class SlackProbe:
    """Asks one workspace or organization. Sends GET requests only."""

    def __init__(self, configuration: Json) -> None:
        """Raise ServiceError if the address would transmit the token unencrypted."""
        url = str(configuration.get("api_url") or SLACK_API)
        if not is_private(url):
            raise ServiceError("Address of the Slack Web API (api_url) must be https, or http on this machine.")
        credentials = configuration.get(CREDENTIALS)
        credentials = credentials if isinstance(credentials, dict) else {}
        self._token = str(credentials.get("api_token") or credentials.get("access_token") or "")
        self._http = Http(url if url.endswith("/") else f"{url}/", seconds=RESPONSE_SECONDS)
        self._team: dict[str, Any] = {}

    def findings(self) -> Iterator[Finding]:
        """Ask all questions. Raises ServiceError if the token is not valid."""
        try:
            response = self.call("auth.test")
        except HttpProblem as problem:
            raise ServiceError(
                f"Slack {problem}. Check Address of the Slack Web API (api_url) and the network."
            ) from None
        self._identity, self._scopes = content_of(response), response.headers.get("x-oauth-scopes")
        if self._identity.get("ok") is not True:
            code = code_of(self._identity, "error", "no code")
            raise ServiceError(f"Slack's auth.test failed ({code}). Check the token.")
        yield from ask(
            (
                self._kind_of_token,
                self._granted_scopes,
                self._grid,
                self._page_sizes,
                self._email_addresses,
                self._external_people,
                self._custom_fields,
            )
        )
        for stream in (*STREAMS, "member_activity"):
            yield self._stream(stream)

    def call(self, method: str, **params: Any) -> Response:
        """Call one method of the Web API."""
        return self._http.request(
            "GET", method, credentials={"Authorization": f"Bearer {self._token}"}, params={**self._team, **params}
        )

    @cached_property
    def _listing(self) -> tuple[Response, list[Json]]:
        response = self.call("users.list", limit=SIZES[0])
        members = content_of(response).get("members")
        return response, [each for each in members if isinstance(each, dict)] if isinstance(members, list) else []

    def _kind_of_token(self) -> Finding:
        kind = KINDS.get(self._token[:4], "token of another kind")
        return Finding("Kind of token", kind, "Only a user token returns administrators' flags such as has_2fa")

    def _granted_scopes(self) -> Finding:
        if self._scopes is None:
            effect = "The check does not judge scopes"
            return Finding("Scopes", "not reported", effect, {"scopes_header": False})
        effect = "A missing one fails the check, or the stream that needs it"
        return Finding("Scopes", self._scopes.replace(",", ", "), effect, {"scopes_header": True})

    def _grid(self) -> Finding:
        if self._identity.get("is_enterprise_install") is not True:
            grid = " of an Enterprise Grid" if self._identity.get("enterprise_id") else ""
            return Finding("Enterprise Grid", f"one workspace{grid}", "It is listed once")
        teams = content_of(self.call("auth.teams.list", limit=100)).get("teams")
        ids = [str(each.get("id")) for each in teams if isinstance(each, dict)] if isinstance(teams, list) else []
        if ids:
            self._team = {"team_id": ids[0]}  # the following questions are about the first workspace
        return Finding(
            "Enterprise Grid", f"an organization of {len(ids)} workspaces", "Each is listed, all but the last twice"
        )

    def _page_sizes(self) -> Finding:
        response, members = self._listing
        if content_of(response).get("error") in ("limit_required",) or response.status >= 500:
            return Finding(
                "Page sizes",
                f"{SIZES[0]} is rejected",
                "The page size is halved until it is accepted",
                {"largest_page": SIZES[1]},
            )
        more = bool((content_of(response).get("response_metadata") or {}).get("next_cursor"))
        short = more and len(members) < SIZES[0]
        text = (
            f"{len(members)} people on a page of {SIZES[0]}{', and there are more' if more else ', which is everyone'}"
        )
        return Finding(
            "Page sizes", text, "A short page does not end the listing", {"short_pages": short} if more else {}
        )

    def _email_addresses(self) -> Finding:
        _, members = self._listing
        people = [each for each in members if not each.get("is_bot") and not each.get("deleted")]
        known = sum(bool((each.get("profile") or {}).get("email")) for each in people)
        effect = "The sync key is the e-mail address" if known else "Choose another sync key, or add users:read.email"
        return Finding("E-mail addresses", f"{known} of {len(people)} people of the first page", effect)

    def _external_people(self) -> Finding:
        _, members = self._listing
        own = {self._identity.get("team_id"), self._identity.get("enterprise_id"), self._team.get("team_id")}
        number = sum(bool(each.get("is_stranger")) or each.get("team_id") not in own for each in members)
        return Finding(
            "People of other organizations", f"{number} on the first page", "`include_external` includes them"
        )

    def _custom_fields(self) -> Finding:
        content = content_of(self.call("team.profile.get"))
        if content.get("ok") is not True:
            return Finding(
                "Custom profile fields",
                f"not readable: {code_of(content, 'error', 'no code')}",
                "`include_custom_fields` would fail",
            )
        fields = (content.get("profile") or {}).get("fields") or []
        _, members = self._listing
        filled = any((each.get("profile") or {}).get("fields") for each in members)
        how = "listed with the people" if filled else "not listed with the people"
        effect = "No further request" if filled else "One request per person, if `include_custom_fields` is on"
        return Finding(
            "Custom profile fields", f"{len(fields)}, {how}", effect, {"fields_listed": filled} if fields else {}
        )

    def _stream(self, stream: str) -> Finding:
        question = f"Stream {stream}"
        params: Mapping[str, Any]
        if stream == "member_activity":
            day = datetime.now(timezone.utc).date() - timedelta(days=4)
            method, params = "admin.analytics.getFile", {"type": "member", "date": day.isoformat()}
        else:
            method, params = STREAMS[stream]
        try:
            response = self.call(method, **params)
        except ResponseTooLarge:  # a file of many people
            return Finding(question, "works", "It can be switched on")
        except HttpProblem as problem:
            return no_answer(question, problem)
        content = content_of(response)
        is_file = method == "admin.analytics.getFile" and not content and response.status == 200
        if content.get("ok") is True or is_file:
            return Finding(question, "works", "It can be switched on")
        reason = code_of(content, "error", f"HTTP {response.status}")
        needed = f", needs {scopes}" if (scopes := code_of(content, "needed", "")) else ""
        return Finding(question, f"does not work: {reason}{needed}", "Leave it off; others still work")


def content_of(response: Response) -> Json:
    """Return the JSON object of a response; an empty one if it has none."""
    content = response.json()
    return content if isinstance(content, dict) else {}
