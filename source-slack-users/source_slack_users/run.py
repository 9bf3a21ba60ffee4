"""The console script `source-slack-users`."""

import sys

from airbyte_cdk.entrypoint import launch

from source_slack_users.source import SourceSlackUsers


def run() -> None:
    """Run one Airbyte command (spec, check, discover or read) with the arguments of the process."""
    launch(SourceSlackUsers(), sys.argv[1:])


if __name__ == "__main__":
    run()
