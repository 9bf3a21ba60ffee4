"""Reads the user groups and their members: the stream `user_groups`."""

from collections.abc import Iterator
from typing import Any

from airbyte_cdk.sources.streams.core import NO_CURSOR_STATE_KEY

from source_slack_users.coercion import mapping, record_builder, text
from source_slack_users.error_handler import Payload
from source_slack_users.listing import Listing
from source_slack_users.streams import Record, SlackStream, State

_to_record = record_builder("user_groups")


class UserGroups(SlackStream):
    """Reads the user groups (Slack: usergroups.list)."""

    primary_key = "id"

    def records(self, state: State) -> Iterator[Record]:
        """Read the groups of each workspace, and yield a group of several workspaces once."""
        emitted: set[str] = set()
        for workspace in self.workspaces():
            params = {"include_users": "true", "include_count": "true", "team_id": workspace.parameter}
            listing = Listing(self._api, "usergroups.list", "usergroups", _versioned, _one_page, params=params)
            for groups in listing.pages():
                for group_id, _, group in groups:
                    if group_id not in emitted:
                        emitted.add(group_id)
                        yield _to_record(group)

    def next_state(self, state: State) -> State:
        """Return the CDK's state for a stream without a cursor."""
        return {NO_CURSOR_STATE_KEY: True}


def _one_page(limit: int, payload: Payload | None) -> Payload | None:
    return {} if payload is None else None


def _versioned(group: Any) -> tuple[str | None, int]:
    return text((mapping(group) or {}).get("id")), 0
