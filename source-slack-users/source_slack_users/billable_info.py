"""Reads whether each person is billed: the stream `billable_info`."""

from collections.abc import Iterator
from typing import Any

from airbyte_cdk.sources.streams.core import NO_CURSOR_STATE_KEY

from source_slack_users.coercion import flag, mapping
from source_slack_users.listing import Listing
from source_slack_users.streams import Record, SlackStream, State


class BillableInfo(SlackStream):
    """Reads whether each person is billed (Slack: team.billableInfo)."""

    primary_key = "user_id"

    def records(self, state: State) -> Iterator[Record]:
        """Read all workspaces, and yield one record per person.

        A person is billed if any workspace bills them.
        """
        active: dict[str, bool] = {}
        for workspace in self.workspaces():
            params = {"team_id": workspace.parameter}
            listing = Listing(self._api, "team.billableInfo", "billable_info", _versioned, kind=dict, params=params)
            for people in listing.pages():
                for person, _, (_, info) in people:
                    billed = flag((mapping(info) or {}).get("billing_active")) or False
                    active[person] = active.get(person, False) or billed
        for person, billed in active.items():
            yield {"user_id": person, "billing_active": billed}

    def next_state(self, state: State) -> State:
        """Return the CDK's state for a stream without a cursor."""
        return {NO_CURSOR_STATE_KEY: True}


def _versioned(entry: tuple[str, Any]) -> tuple[str, int]:
    person, _ = entry
    return person, 0
