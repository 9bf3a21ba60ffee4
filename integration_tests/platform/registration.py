"""Runs `make register` against a strict simulation of Airbyte's public API."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bundle.__main__ import main
from bundle.configuration import Json
from bundle.spec import read_spec, with_defaults
from integration_tests.sandbox.airbyte_api import AirbyteStandIn

SLACK_TOKEN, OOMNITZA_TOKEN = "made-up slack token 4711", 'made-up oomnitza token "quoted" 0815'
SOURCE = {
    "credentials": {"auth_type": "api_token", "api_token": SLACK_TOKEN},
    "include_bots": False,
    "team_ids": ["T1"],
}
DESTINATION = {
    "instance_url": "https://acme.oomnitza.com",
    "credentials": {"auth_type": "api_token", "api_token": OOMNITZA_TOKEN},
    "default_role": 25,
    "field_mapping": [{"field": "position", "value": "title", "default": "Employee"}],
}
BUNDLE = """
connectors:
  source: {name: Slack users, directory: source-slack-users, image: 'airbyte-oomnitza/source-slack-users:0.1.0'}
  destination: {name: Oomnitza, directory: destination-oomnitza, image: 'airbyte-oomnitza/destination-oomnitza:0.1.0'}
connections:
  users:
    name: Slack users to Oomnitza
    streams: [{name: users, sync_mode: full_refresh_append}]
    schedule: {cron: "0 17 5 * * ?"}
  activity:
    name: Slack activity to Oomnitza
    enabled: false
    streams: [{name: last_logins, sync_mode: incremental_append}, {name: billable_info, sync_mode: full_refresh_append}]
    schedule: {cron: "0 47 5 * * ?"}
"""
METADATA = """
data:
  name: {name}
  dockerRepository: airbyte-oomnitza/{connector}
  dockerImageTag: 0.1.0
  documentationUrl: https://example.com/docs/{connector}.md
"""
specs = cache(read_spec)


def complete(connector: str, configuration: Json) -> Json:
    """Return the configuration with the form's defaults, as Airbyte should save it."""
    return with_defaults(specs(connector), configuration)


class Registration:
    """Runs the command in a tree with a bundle and two configurations."""

    def __init__(self, root: Path, airbyte: AirbyteStandIn, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.airbyte, self._capsys = root, airbyte, capsys
        self.environment = {
            "AIRBYTE_URL": airbyte.url,
            "AIRBYTE_CLIENT_ID": airbyte.client_id,
            "AIRBYTE_CLIENT_SECRET": airbyte.client_secret,
            "AIRBYTE_WORKSPACE_ID": airbyte.workspace,
        }
        self.source, self.destination = copy.deepcopy(SOURCE), copy.deepcopy(DESTINATION)
        self.edit("metadata.yaml", "", BUNDLE)
        for name, connector in (("Slack Users", "source-slack-users"), ("Oomnitza", "destination-oomnitza")):
            (root / connector).mkdir()
            metadata = METADATA.replace("{name}", name).replace("{connector}", connector)
            self.edit(f"{connector}/metadata.yaml", "", metadata)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        path.write_text(path.read_text().replace(old, new) if old else new)

    def run(self, *flags: str) -> tuple[int, str, str]:
        for name, configuration in (("source", self.source), ("destination", self.destination)):
            (self.root / f"{name}.json").write_text(json.dumps(configuration))
            (self.root / f"{name}.json").chmod(0o600)
        files = [str(self.root / "source.json"), str(self.root / "destination.json")]
        status = main(["register", *files, *flags], self.environment, self.root)
        out, err = self._capsys.readouterr()
        for secret in (SLACK_TOKEN, OOMNITZA_TOKEN, json.dumps(OOMNITZA_TOKEN)[1:-1], self.airbyte.client_secret):
            assert secret not in out + err
        return status, out, err

    def ok(self, *flags: str) -> str:
        status, out, err = self.run(*flags)
        assert (status, err) == (0, "")
        assert self.airbyte.faults == []
        return out

    def failure(self, *flags: str) -> str:
        """Run it, and return the one line with which it fails."""
        status, _, err = self.run(*flags)
        assert status == 1
        assert err.count("\n") == 1
        assert "Traceback" not in err
        return err


def only(things: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [thing for thing in things.values() if thing["name"] == name]
    return found
