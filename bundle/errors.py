"""Defines the exceptions of the bundle's commands, as a tree.

CommandError
├── UsageError        the command line, a configuration file or the environment
├── DefinitionError   a metadata.yaml
├── AirbyteError      Airbyte's public API
├── ServiceError      Slack or Oomnitza, asked by the bundle itself
└── SyncFailed        a connector
"""


class CommandError(Exception):
    """Ends a command; the message is a sentence for the user."""


class UsageError(CommandError):
    """Reports a mistake in the command line, a configuration or the environment."""


class DefinitionError(CommandError):
    """Reports a mistake in a metadata.yaml."""


class AirbyteError(CommandError):
    """Reports that Airbyte is unreachable, or rejected a request."""


class ServiceError(CommandError):
    """Reports that Slack or Oomnitza is unreachable, or rejected a request."""


class SyncFailed(CommandError):
    """Reports that a connector failed; the message is the connector's own."""
