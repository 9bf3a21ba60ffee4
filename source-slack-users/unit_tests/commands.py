"""Runs the source's commands inside this process."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from source_slack_users import SourceSlackUsers

LOGGER = logging.getLogger("airbyte")
TOKEN = "xoxb-of-the-bot-1"


def command(tmp_path: Path, *arguments: str, **files: Any) -> list[dict[str, Any]]:
    """Run a command as the console script does."""
    options = []
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
        options += [f"--{name}", str(tmp_path / f"{name}.json")]
    entrypoint = AirbyteEntrypoint(SourceSlackUsers())
    return [json.loads(line) for line in entrypoint.run(entrypoint.parse_args([*arguments, *options]))]


def check(tmp_path: Path, config: dict[str, Any]) -> tuple[str, str]:
    messages = command(tmp_path, "check", config=config)
    (status,) = [m["connectionStatus"] for m in messages if m["type"] == "CONNECTION_STATUS"]
    assert TOKEN not in json.dumps(messages)
    return status["status"], status.get("message", "")


def read(tmp_path: Path, config: dict[str, Any], *streams: str, **files: Any) -> list[dict[str, Any]]:
    catalog = {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
                "sync_mode": files.pop("sync_mode", "full_refresh"),
                "destination_sync_mode": "append",
            }
            for name in streams
        ]
    }
    return command(tmp_path, "read", config=config, catalog=catalog, **files)
