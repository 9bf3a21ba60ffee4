"""Reads the custom fields of people's profiles by their labels."""

from collections.abc import Iterable, Mapping
from typing import Any

from source_slack_users.coercion import mapping, text
from source_slack_users.error_handler import logger
from source_slack_users.errors import RequestRejected, transient_error
from source_slack_users.retries import in_words
from source_slack_users.slack_api import SlackApi
from source_slack_users.workspaces import Workspace

A_MINUTE = 100
"""Requests that Slack allows in a minute, at least (users.profile.get: tier 4)."""


class CustomFields:
    """Fills in the field `custom_fields` of the records of the stream `users`."""

    def __init__(self, api: SlackApi, workspaces: Iterable[Workspace]) -> None:
        """Read the labels of the fields (Slack: team.profile.get)."""
        self._api = api
        self._labels: dict[str, str] = {}
        for workspace in workspaces:
            self._read_labels(workspace)

    def complete(self, page: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the records of a page with their custom fields.

        If the listing lacks a person's fields, requests them for this person (Slack: users.profile.get).
        """
        records = list(page)
        lacking = [record for record in records if self._labels and (record["profile"] or {}).get("fields") is None]
        if lacking:
            logger.info(
                f"Slack's users.list leaves out the custom fields of {len(lacking)} of the next {len(records)} people. "
                f"Reading them takes about {in_words(60 * -(-len(lacking) // A_MINUTE))}: one request per person, and Slack "
                f"allows about {A_MINUTE} per minute."
            )
        for record in records:
            record["custom_fields"] = self._by_label((record["profile"] or {}).get("fields"))
        for record in lacking:
            record["custom_fields"] = self._by_label(self._ask_for(record["id"]))
        return records

    def _read_labels(self, workspace: Workspace) -> None:
        payload, _ = self._api.call("team.profile.get", team_id=workspace.parameter)
        fields = (mapping(payload.get("profile")) or {}).get("fields")
        if not isinstance(fields, list):
            raise transient_error(
                "Slack's team.profile.get returned a response without fields. The next attempt may succeed."
            )
        for field in filter(None, map(mapping, fields)):
            field_id = text(field.get("id"))
            label = text(field.get("label")) or field_id
            if label in self._labels.values():
                label = f"{label} ({field_id})"  # the second of two fields with the same label
            if field_id is not None and label is not None:
                self._labels.setdefault(field_id, label)

    def _ask_for(self, person: str) -> Any:
        """Return the custom fields of one person; None if Slack no longer has the person."""
        try:
            payload, _ = self._api.call("users.profile.get", user=person)
        except RequestRejected as rejection:
            if rejection.code == "user_not_found":
                return None
            raise
        return (mapping(payload.get("profile")) or {}).get("fields")

    def _by_label(self, fields: Any) -> dict[str, Any] | None:
        values: Mapping[str, Any] = mapping(fields) or {}
        labelled = {
            self._labels[field]: value
            for field, content in values.items()
            if field in self._labels and (value := (mapping(content) or {}).get("value")) not in (None, "")
        }
        return labelled or None
