"""Reads the newest login of each person: the stream `last_logins`."""

from collections.abc import Iterator, Mapping
from typing import Any

from source_slack_users.coercion import iso, mapping, record_builder, text, whole
from source_slack_users.error_handler import Payload
from source_slack_users.listing import Listing, by_cursor
from source_slack_users.streams import Record, SlackStream, State
from source_slack_users.workspaces import Workspace

LAST_PAGE = 100  # Slack rejects higher page numbers
LARGEST_CURSOR_PAGE = 999  # Slack: "under 1000"
FIRST_READ = 396 * 24 * 3600  # 13 months, in seconds
_NEVER = 2**63 - 1

Login = Mapping[str, Any]

_to_record = record_builder(
    "last_logins", {"last_login_at": "date_last", "first_login_at": "date_first", "login_count": "count"}
)


class LastLogins(SlackStream):
    """Reads the newest login of each person (Slack: team.accessLogs, newest first)."""

    primary_key = "user_id"
    cursor_field = "last_login_at"
    page_size = 1000

    def records(self, state: State) -> Iterator[Record]:
        """Read each log back to the state's time, and yield each person's newest login."""
        workspaces = self.workspaces()
        since = self.since(state)
        newest: dict[str, Login] = {}
        for workspace in workspaces:
            for login in self._logins(workspace, since):
                person = text(login.get("user_id"))
                if person and (person not in newest or _last(login) > _last(newest[person])):
                    newest[person] = login
        self._largest = max(map(_last, newest.values()), default=0)
        yield from map(_to_record, newest.values())

    def next_state(self, state: State) -> State:
        """Return the newest login's time, at most the start of the read, never going back."""
        return {"last_login_at": iso(max(self.since(state), min(self._largest, self.started)))}

    def _logins(self, workspace: Workspace, since: int) -> Iterator[Login]:
        """Yield one log's entries from `since` on; if it is 0, of the last 13 months."""
        params = {"team_id": workspace.parameter}
        listing = Listing(self._api, "team.accessLogs", "logins", _versioned, LogPages(), params=params)
        for page in listing.pages():
            logins = [login for _, _, login in page]
            since = since or max(map(_last, logins), default=0) - FIRST_READ
            recent = [login for login in logins if not 0 < _last(login) < since]
            yield from recent
            if len(recent) < len(logins):
                return


class LogPages:
    """Pages through an access log.

    Pages by number up to the last one, then by time. Pages by cursor if Slack sends no `paging`.
    """

    def __init__(self) -> None:
        self._before: int | None = None
        self._oldest = _NEVER

    def __call__(self, limit: int, payload: Payload | None) -> Payload | None:
        """Return the parameters of the next page; None after the last.

        `payload` is that of the page before; None for the first page.
        """
        if payload is None:
            self._before, self._oldest = None, _NEVER
            return {"count": limit, "page": 1}
        self._oldest = min([self._oldest, *filter(None, map(_last, payload["logins"]))])
        paging = mapping(payload.get("paging"))
        if paging is None:
            return by_cursor(min(limit, LARGEST_CURSOR_PAGE), payload)
        page = whole(paging.get("page")) or 1
        if page >= LAST_PAGE:  # even if Slack reports more pages
            if self._oldest == self._before:
                return None  # the last 100 pages had nothing older
            self._before, page = self._oldest, 0
        elif page >= (whole(paging.get("pages")) or 1) or (self._before is not None and not payload["logins"]):
            return None
        return {"count": limit, "page": page + 1, "before": self._before}


def _versioned(login: Any) -> tuple[tuple[Any, ...] | None, int]:
    if mapping(login) is None:
        return None, 0
    return tuple(text(login.get(name)) for name in ("user_id", "ip", "user_agent", "date_first", "date_last")), 0


def _last(login: Any) -> int:
    return whole((mapping(login) or {}).get("date_last")) or 0
