"""`make demo`: a Slack workspace synced into an Oomnitza instance, both on this machine, with PyAirbyte as the engine.

Three syncs: everybody is new; then some people change, one leaves and one joins; then nothing at all happened.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from integration_tests.harness.engine import LOG, Engine
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox

HOME = Path(".sandbox/demo")
PEOPLE = 250
OUTCOMES = ("added", "updated", "unchanged", "skipped", "failed")
console = Console(width=max(100, Console().width), soft_wrap=True)


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


def show(syncs: dict[str, SyncResult]) -> None:
    """Print what was done, as a table: a column a sync."""
    table = Table(title="What the syncs did in Oomnitza")
    table.add_column("", no_wrap=True)
    for what in syncs:
        table.add_column(what, justify="right", no_wrap=True)
    results = syncs.values()
    for name in OUTCOMES:
        table.add_row(f"people {name}", *(str(each.counts().get(name, 0)) for each in results))
    table.add_section()
    for reason in dict.fromkeys(reason for each in results for reason in each.skipped()):
        table.add_row(f"skipped: {reason.replace('_', ' ')}", *(str(each.skipped().get(reason, 0)) for each in results))
    table.add_section()
    for name in ("assigned", "roles_changed", "activated", "deactivated"):
        table.add_row(f"SaaS {name.replace('_', ' ')}", *(str(each.saas().get(name, 0)) for each in results))
    table.add_section()
    table.add_row("requests to Slack", *(str(each.requests["slack"]) for each in results))
    table.add_row("requests to Oomnitza", *(str(each.requests["oomnitza"]) for each in results))
    console.print(table)


def main() -> None:
    """Run the demo. Ends the process with a sentence where the outcome is not what was promised."""
    sys.stdout.reconfigure(line_buffering=True)  # in order with PyAirbyte's display, also in a file
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    with Sandbox(people=PEOPLE, path=HOME) as sandbox:
        console.print(f"A Slack workspace of {len(sandbox.slack.members())} members is at {sandbox.slack_url}")
        console.print(f"and an empty Oomnitza at {sandbox.oomnitza_url}, both only on this machine.")
        engine = Engine(sandbox, HOME)
        engine.check()

        def sync(what: str) -> SyncResult:
            console.rule(what)
            return engine.sync()

        syncs = {(what := "1. all are new"): sync(what)}
        happened = play(sandbox)
        console.print("\nThen, in Slack: " + "; ".join(happened) + ".\n")
        syncs |= {what: sync(what) for what in ("2. some changed", "3. nothing new")}
        show(syncs)
        _expect(syncs, sandbox)
    console.print(
        f"""
Skipped are members without an e-mail address, and deactivated accounts that Oomnitza never knew:
nobody is created for those.
Where to look next:
  make playground              the same with pages: change somebody in Slack, press "Sync now", and see
  {HOME}/oomnitza.sqlite  the Oomnitza instance, as the syncs left it, for any SQLite browser
  {HOME / LOG}    what both connectors logged: the mapping in force, and the sync reports
  README.md                    a first sync with your own Slack and Oomnitza
"""
    )


def _expect(syncs: dict[str, SyncResult], sandbox: Sandbox) -> None:
    """Hold the outcome against what this demo promises."""
    _, second, third = syncs.values()
    titles = [person["position"] for person in sandbox.oomnitza.people()].count("Head of Ghostbusting")
    promised = {
        "five people have a new position": titles == 5 and second.counts()["updated"] == 5,
        "one person was added": second.counts()["added"] == 1,
        "the SaaS user of the one who left was deactivated": second.saas()["deactivated"] == 1,
        "a sync in which nothing happened changed nothing": third.counts().keys() <= {"unchanged", "skipped"},
        "no record was rejected": not any("failed" in each.counts() for each in syncs.values()),
    }
    broken = [promise for promise, kept in promised.items() if not kept]
    if broken:
        raise SystemExit("The demo did not do what it promises: " + "; ".join(broken))


if __name__ == "__main__":
    main()
