"""Reads the people of a Slack workspace or Enterprise Grid as typed streams."""

from source_slack_users.source import SourceSlackUsers

__all__ = ["SourceSlackUsers"]
