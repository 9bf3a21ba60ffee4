"""`make demo`: a Slack workspace synced into an Oomnitza instance, both on this machine, with PyAirbyte as the engine.

Three syncs: everybody is new; then some people change, one leaves and one joins; then nothing at all happened.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

# PyAirbyte reads these when it is imported: no registry is asked, nothing is reported to anyone.
os.environ.setdefault("AIRBYTE_OFFLINE_MODE", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

HOME = Path(".sandbox/demo")
os.environ.setdefault("AIRBYTE_LOGGING_ROOT", str(HOME / "logs"))

# Google's packages, which PyAirbyte brings along, speak of their own Python support.
warnings.filterwarnings("ignore", category=FutureWarning)

import airbyte as ab  # noqa: E402 - after the settings above
from airbyte.caches import DuckDBCache  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from integration_tests.sandbox import Sandbox  # noqa: E402

PEOPLE = 250
OUTCOMES = ("added", "updated", "unchanged", "skipped", "failed")
console = Console(width=max(100, Console().width), soft_wrap=True)


@dataclass
class Sync:
    """One sync, as the table at the end tells it."""

    what: str
    report: dict[str, Any]
    slack_requests: int
    oomnitza_requests: int


def connectors(sandbox: Sandbox) -> tuple[ab.Source, ab.Destination]:
    """Return both connectors, set up as an administrator would in the form."""
    executables = Path(sys.executable).parent
    source = ab.get_source(
        "source-slack-users",
        local_executable=executables / "source-slack-users",
        config={
            "credentials": {"auth_type": "api_token", "api_token": sandbox.slack.token},
            "api_url": sandbox.slack_url,
        },
        streams=["users"],
    )
    destination = ab.get_destination(
        "destination-oomnitza",
        local_executable=executables / "destination-oomnitza",
        config={
            "instance_url": sandbox.oomnitza_url,
            "credentials": {"auth_type": "api_token", "api_token": sandbox.oomnitza.token},
            "record_type": {"type": "user_and_saas_user", "saas_name": "Slack"},
            "default_role": "Employee",
            "default_position": "Employee",
        },
    )
    return source, destination


class _Reports(logging.Handler):
    """Catches the destination's sync report, which PyAirbyte logs with the other messages of a connector."""

    last: dict[str, Any] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        _, found, text = record.getMessage().partition('{"sync_report": ')
        if found:
            self.last = json.loads(found + text)["sync_report"]["users"]


def sync(what: str, sandbox: Sandbox, source: ab.Source, destination: ab.Destination, cache: DuckDBCache) -> Sync:
    """Run one sync and return what became of it."""
    console.rule(what)
    sandbox.requests.clear()
    reports = _Reports()
    logger = logging.getLogger("airbyte.destination-oomnitza")
    logger.addHandler(reports)
    destination.write(source, cache=False, state_cache=cache)
    logger.removeHandler(reports)
    if reports.last is None:
        raise SystemExit("The destination sent no sync report; see its log.")
    return Sync(what, reports.last, sandbox.requests.count(service="slack"), sandbox.requests.count(service="oomnitza"))


def play(sandbox: Sandbox) -> list[str]:
    """Let some things happen in Slack, and return them in words."""
    active = [
        member
        for member in sandbox.slack.members()
        if not member["deleted"]
        and not member["is_bot"]
        and member["id"] != "USLACKBOT"
        and member["profile"].get("email")
    ]
    happened = []
    for member in active[:5]:
        sandbox.slack.set_title(member["id"], "Head of Ghostbusting")
        happened.append(f"{member['profile']['real_name']} is now Head of Ghostbusting")
    sandbox.slack.deactivate(active[5]["id"], keep_email=True)
    happened.append(f"{active[5]['profile']['real_name']} left")
    sandbox.slack.join(real_name="Dana Barrett", email="dana.barrett@acme.example")
    happened.append("Dana Barrett joined")
    return happened


def show(syncs: list[Sync]) -> None:
    """Print what was done, as a table: a column a sync."""
    table = Table(title="What the syncs did in Oomnitza")
    table.add_column("", no_wrap=True)
    for each in syncs:
        table.add_column(each.what, justify="right", no_wrap=True)
    for name in OUTCOMES:
        table.add_row(f"people {name}", *(str(each.report[name]) for each in syncs))
    table.add_section()
    for name in ("assigned", "roles_changed", "activated", "deactivated"):
        table.add_row(f"SaaS {name.replace('_', ' ')}", *(str(each.report["saas"][name]) for each in syncs))
    table.add_section()
    table.add_row("requests to Slack", *(str(each.slack_requests) for each in syncs))
    table.add_row("requests to Oomnitza", *(str(each.oomnitza_requests) for each in syncs))
    console.print(table)


def main() -> None:
    """Run the demo. Ends the process with a sentence where the outcome is not what was promised."""
    sys.stdout.reconfigure(line_buffering=True)  # in order with PyAirbyte's display, also in a file
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    with Sandbox(people=PEOPLE, path=HOME) as sandbox:
        console.print(f"A Slack workspace of {len(sandbox.slack.members())} members is at {sandbox.slack_url}")
        console.print(f"and an empty Oomnitza at {sandbox.oomnitza_url}, both only on this machine.")
        source, destination = connectors(sandbox)
        source.check()
        destination.check()
        cache = DuckDBCache(db_path=HOME / "state.duckdb")
        run = partial(sync, sandbox=sandbox, source=source, destination=destination, cache=cache)
        syncs = [run("1. all are new")]
        happened = play(sandbox)
        console.print("\nThen, in Slack: " + "; ".join(happened) + ".\n")
        syncs += [run("2. some changed"), run("3. nothing new")]
        show(syncs)
        _expect(syncs, sandbox)
    console.print(
        f"""
Skipped are members without an e-mail address, and deactivated accounts that Oomnitza never knew:
nobody is created for those.
Where to look next:
  {HOME}/oomnitza.sqlite   the Oomnitza instance, as the syncs left it, for any SQLite browser
  {HOME}/logs              what both connectors logged: the mapping in force, and the sync reports
  README.md                   a first sync with your own Slack and Oomnitza
"""
    )


def _expect(syncs: list[Sync], sandbox: Sandbox) -> None:
    """Hold the outcome against what this demo promises."""
    _, second, third = syncs
    titles = [person["position"] for person in sandbox.oomnitza.people()].count("Head of Ghostbusting")
    promised = {
        "five people have a new position": titles == 5 and second.report["updated"] == 5,
        "one person was added": second.report["added"] == 1,
        "the SaaS user of the one who left was deactivated": second.report["saas"]["deactivated"] == 1,
        "a sync in which nothing happened changed nothing": not (third.report["added"] or third.report["updated"]),
        "no record was refused": not any(each.report["failed"] for each in syncs),
    }
    broken = [promise for promise, kept in promised.items() if not kept]
    if broken:
        raise SystemExit("The demo did not do what it promises: " + "; ".join(broken))


if __name__ == "__main__":
    main()
