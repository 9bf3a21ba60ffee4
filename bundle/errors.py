"""The exceptions of the bundle's commands, as a tree.

CommandError
├── UsageError        the command line, a configuration file or the environment
├── DefinitionError   a metadata.yaml
├── AirbyteError      Airbyte's public API
├── ServiceError      Slack or Oomnitza, asked by the bundle itself
└── SyncFailed        a connector
"""


class CommandError(Exception):
    """Ends a command; the message is a sentence for whoever runs it."""


class UsageError(CommandError):
    """The command line, a configuration file or the environment is not as the command needs it."""


class DefinitionError(CommandError):
    """A metadata.yaml is not as it must be."""


class AirbyteError(CommandError):
    """Airbyte is unreachable, or refused a request."""


class ServiceError(CommandError):
    """Slack or Oomnitza is unreachable, or refused a request."""


class SyncFailed(CommandError):
    """A connector failed; the message is the connector's own."""
