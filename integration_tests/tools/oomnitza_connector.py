"""Proves that Oomnitza's own connector uploads people into the sandbox.

    python -m integration_tests.tools.oomnitza_connector PYTHON CHECKOUT

PYTHON is the interpreter of an environment with the connector's packages, CHECKOUT an unchanged clone of
https://github.com/Oomnitza/oomnitza-connector (see CONTRIBUTING.md). There are two runs. `upload csv_users` uses the
mapping that Oomnitza has for it by name, twice, the second time with one change. `managed` runs the Slack integration
from the sandbox's Slack, with the mapping that an administrator drew.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.slack_setup import set_up_slack

MAPPING = {"Login": "USER", "Mail": "EMAIL", "First": "FIRST_NAME", "Last": "LAST_NAME", "Title": "POSITION"}
PEOPLE = 25
MEMBERS = 130
SAAS_SYNC_KEY = "acme.slack.com"


def people(title: str) -> list[dict[str, str]]:
    """Return the rows of a file of people, the first of whom has this title."""
    names = [f"person{number:02}" for number in range(PEOPLE)]
    rows = [
        {"Login": name, "Mail": f"{name}@acme.example", "First": name.title(), "Last": "Example", "Title": "Cook"}
        for name in names
    ]
    rows[0]["Title"] = title
    return rows


class Connector:
    """Runs a checkout of Oomnitza's connector against a sandbox."""

    def __init__(self, python: str, checkout: Path, sandbox: Sandbox) -> None:
        self._command = [python, str(checkout / "connector.py")]
        oomnitza = sandbox.oomnitza
        self._account = f"[oomnitza]\nurl = {sandbox.oomnitza_url}\napi_token = {oomnitza.token}\n\n"

    @contextmanager
    def running(self, section: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command with a section of its configuration.

        Raises SystemExit with its log if it logged an error.
        """
        with TemporaryDirectory() as folder:
            (Path(folder) / "config.ini").write_text(self._account + section)
            command = [*self._command, *arguments, "--ini", "config.ini"]
            log = Path(folder) / "log"
            with log.open("w") as lines:
                process = subprocess.Popen(command, cwd=folder, stdout=lines, stderr=subprocess.STDOUT, text=True)
                try:
                    yield process
                finally:
                    process.terminate()
                    process.wait(10)
            text = log.read_text()
        if " - ERROR - " in text or "Traceback" in text:
            raise SystemExit(f"Oomnitza's connector failed:\n{text}")

    def upload(self, rows: list[dict[str, str]]) -> None:
        """Upload the people of a file."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "people.csv"
            with file.open("w", newline="") as lines:
                writer = csv.DictWriter(lines, list(MAPPING))
                writer.writeheader()
                writer.writerows(rows)
            section = f"[csv_users]\nenable = True\nfilename = {file}\ndefault_role = 25\ndefault_position = Employee\n"
            with self.running(
                f"{section}sync_field = EMAIL\nuse_server_map = True\n", "upload", "csv_users"
            ) as process:
                process.wait(120)

    def run_managed(self, sandbox: Sandbox, number: int) -> None:
        """Run the due integration, as the connector does until it is stopped."""
        authorization = json.dumps({"headers": {"Authorization": f"Bearer {sandbox.slack.token}"}})
        with self.running(f"[managed.{number}]\nsaas_authorization = {authorization}\n", "managed"):
            end = time.monotonic() + 120
            while not any(run.sender == str(number) and run.finalized for run in sandbox.oomnitza.runs()):
                if time.monotonic() > end:
                    raise SystemExit("The managed integration did not end within two minutes.")
                time.sleep(0.2)


def slack_integration(sandbox: Sandbox, number: int) -> dict[str, Any]:
    """Return the Slack integration as Oomnitza sends it, by e-mail address."""
    cursor = "list_response.response_metadata.next_cursor"
    pagination = {
        "break_early": f"{{{{ iteration > 0 and not {cursor} }}}}",
        "add_if": "{{ iteration > 0 }}",
        "params": [{"key": "cursor", "value": f"{{{{ {cursor} }}}}"}],
    }
    listing = {
        "http_method": "GET",
        "url": f"{sandbox.slack_url}users.list",
        "headers": [],
        "params": [{"key": "limit", "value": "100"}],
        "result": "{{ list_response.members }}",
        "pagination": pagination,
    }
    saas = {"enabled": True, "sync_key": SAAS_SYNC_KEY, "name": "Slack"}
    kind = {"type": "users", "insert_only": "false", "update_only": "false", "sync_field": "EMAIL"}
    return {"id": number, "name": "Slack", "list_behavior": listing, "saas_behavior": saas, **kind}


def check_upload(connector: Connector, sandbox: Sandbox) -> None:
    """Upload a file twice, and compare the people with the file."""
    oomnitza = sandbox.oomnitza
    oomnitza.mappings["CSV_users"] = dict(MAPPING)
    for title in ("Cook", "Chef"):
        connector.upload(people(title))
    expected = [{"added": PEOPLE}, {"updated": 1, "unchanged": PEOPLE - 1}]
    counts = [{word: number for word, number in run.objects.items() if number} for run in oomnitza.runs()]
    titles = {each["email"]: (each["position"], each["role"]) for each in oomnitza.people()}
    if counts != expected or titles.get("person00@acme.example") != ("Chef", 25):
        raise SystemExit(f"Runs: {counts}, expected {expected}\nPeople: {titles}")


def check_managed(connector: Connector, sandbox: Sandbox) -> None:
    """Run the Slack integration, and compare people and members with an address."""
    oomnitza = sandbox.oomnitza
    number = set_up_slack(oomnitza)
    oomnitza.connectors[number].saas_sync_key = SAAS_SYNC_KEY
    oomnitza.due.append(slack_integration(sandbox, number))
    connector.run_managed(sandbox, number)
    wanted = {(m["profile"].get("email") or "").lower(): m["id"] for m in sandbox.slack.members()}
    wanted.pop("", None)
    found = {each["email"].lower(): each["slack_user_id"] for each in oomnitza.people() if each["slack_user_id"]}
    users = {each["email"].lower() for each in oomnitza.saas_users("Slack")}
    if found != wanted or users != set(wanted):
        logs = oomnitza.runs()[-1].logs
        raise SystemExit(f"Missing: {set(wanted) - set(found)}, of SaaS users {set(wanted) - users}\nLog: {logs}")


def main() -> None:
    """Run both checks, and print them. Ends the process if anything differs."""
    parser = argparse.ArgumentParser(prog="python -m integration_tests.tools.oomnitza_connector", description=__doc__)
    parser.add_argument("python", help="interpreter with the connector's packages")
    parser.add_argument("checkout", type=Path, help="clone of Oomnitza/oomnitza-connector")
    options = parser.parse_args()
    with Sandbox(people=MEMBERS) as sandbox:
        switches = sandbox.oomnitza.switches
        switches.csrf, switches.saas_needs_connector, switches.username_edits = "demanded", True, "rejected"
        connector = Connector(options.python, options.checkout.resolve(), sandbox)
        check_upload(connector, sandbox)
        check_managed(connector, sandbox)
        rejected = [
            f"{e.service} {e.method} {e.path}: {e.status} {e.answer!r}" for e in sandbox.requests if e.status != 200
        ]
        if rejected:
            raise SystemExit("\n".join(rejected))
        failed = sandbox.oomnitza.runs()[-1].objects["failed"]
        requests = len(sandbox.requests)
    print(f"Oomnitza's connector uploaded {PEOPLE} people of a file twice, and Slack's members with the drawn mapping")
    print(
        f"({failed} without an e-mail address failed, as they should), in {requests} requests, none of them rejected."
    )


if __name__ == "__main__":
    main()
