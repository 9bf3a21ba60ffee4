"""`make demo`: a Slack workspace synced into an Oomnitza instance, both on this machine, with PyAirbyte as the engine.

Three syncs of people: everybody is new; then some change, one leaves and one joins; then nothing happened. Then last logins and billing.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from integration_tests.harness.engine import LOG, Engine
from integration_tests.harness.example import PEOPLE, furnish
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.slack.members import Member, is_bot

HOME = Path(".sandbox/demo")
OUTCOMES = ("added", "updated", "unchanged", "skipped", "failed")
REASONS = ("filtered", "no_sync_key", "inactive_unknown", "write_mode", "superseded")
TITLE = "Head of Ghostbusting"
console = Console(width=max(100, Console().width), soft_wrap=True)


def play(sandbox: Sandbox) -> tuple[list[str], list[Member]]:
    """Let some things happen in Slack; return them in words, and the five members with a new title."""
    active = [
        member
        for member in sandbox.slack.members()
        if not member["deleted"]
        and not is_bot(member)
        and member["profile"].get("email")
        and "O'Brien" not in str(member)
    ]
    for member in active[:5]:
        sandbox.slack.set_title(member["id"], TITLE)
    sandbox.slack.deactivate(active[5]["id"], keep_email=True)
    sandbox.slack.join(real_name="Dana Barrett", email="dana.barrett@acme.example")
    names = [member["profile"]["real_name"] for member in active[:6]]
    happened = [f"{', '.join(names[:4])} and {names[4]} are now {TITLE}", f"{names[5]} left", "Dana Barrett joined"]
    return happened, active[:5]


def count_members(sandbox: Sandbox) -> str:
    """Return how many members there are of each kind, as a sum that adds up."""
    kinds = Counter(map(_kind, sandbox.slack.members()))
    parts = " + ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    return f"{kinds.total()} members = {parts}"


def _kind(member: Member) -> str:
    if is_bot(member):
        return "bots"
    if member["deleted"]:
        return "deactivated"
    return "active people" if member["profile"].get("email") else "active without an address"


def rows(syncs: dict[str, SyncResult]) -> Iterator[tuple[str, list[str]]]:
    """Yield the table's rows: a number a sync, empty if a sync had no such stream."""

    def row(label: str, number: Callable[[dict[str, Any]], int], stream: str) -> tuple[str, list[str]]:
        reports = [each.report().get(stream) for each in syncs.values()]
        return label, ["" if report is None else str(number(report)) for report in reports]

    for stream in dict.fromkeys(stream for each in syncs.values() for stream in each.report()):
        for name in OUTCOMES:
            yield row(f"{stream} {name}", lambda report, name=name: report[name], stream)
            if name == "skipped":
                for reason in REASONS:
                    label, numbers = row(
                        f"  {reason.replace('_', ' ')}",
                        lambda report, name=reason: report["skipped_because"][name],
                        stream,
                    )
                    if any(number not in ("", "0") for number in numbers):
                        yield label, numbers
        if stream == "users":
            for name in ("assigned", "roles_changed", "activated", "deactivated"):
                yield row(
                    f"SaaS users {name.replace('_', ' ')}", lambda report, name=name: report["saas"][name], stream
                )
        yield "", []
    yield "requests to Slack", [str(each.requests["slack"]) for each in syncs.values()]
    yield "requests to Oomnitza", [str(each.requests["oomnitza"]) for each in syncs.values()]


def show(syncs: dict[str, SyncResult]) -> None:
    """Print what was done, as a table: a column a sync."""
    table = Table(title="What the syncs did in Oomnitza")
    table.add_column("", no_wrap=True)
    for what in syncs:
        table.add_column(what, justify="right", no_wrap=True)
    for label, numbers in rows(syncs):
        if label:
            table.add_row(label, *numbers)
        else:
            table.add_section()
    console.print(table)


def show_changes(sandbox: Sandbox, members: list[Member]) -> None:
    """Print before and after of the people with a new title."""
    changes = [each for each in sandbox.oomnitza.changes() if each["after"].get("position") == TITLE]
    people = {person["user_id"]: person["full_name"] for person in sandbox.oomnitza.people()}
    console.print(f"\n{len(changes)} of {len(members)} new titles arrived:")
    for change in changes:
        before, after = change["before"].get("position") or "(empty)", change["after"]["position"]
        console.print(f"  {people[change['user_id']]}: {before} -> {after}", highlight=False)


def main() -> None:
    """Run the demo. Ends the process with a sentence if the outcome is not what was promised."""
    sys.stdout.reconfigure(line_buffering=True)
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    with Sandbox(people=PEOPLE, path=HOME) as sandbox:
        furnish(sandbox)
        console.print(f"Slack at {sandbox.slack_url}: {count_members(sandbox)}.")
        console.print(f"Oomnitza at {sandbox.oomnitza_url}: {len(sandbox.oomnitza.people())} people.")
        people, activity = Engine(sandbox, HOME), Engine(sandbox, HOME, "activity")
        people.check()

        def sync(what: str, engine: Engine) -> SyncResult:
            console.print(f"{what} ...", end=" ")
            started = time.monotonic()
            outcome = engine.sync()
            console.print(f"{time.monotonic() - started:.1f} seconds.")
            return outcome

        syncs = {what: sync(what, people) for what in ("1. all are new",)}
        happened, members = play(sandbox)
        console.print("Then, in Slack: " + "; ".join(happened) + ".")
        syncs |= {what: sync(what, people) for what in ("2. some changed", "3. nothing new")}
        syncs["4. activity"] = sync("4. activity", activity)
        show(syncs)
        _add_up(sandbox, syncs["1. all are new"])
        show_changes(sandbox, members)
        _show_rejected(syncs)
        _expect(syncs, sandbox)
    console.print(
        f"""
Skipped are members without a value for a sync key, and deactivated accounts of people who are not in Oomnitza.
Where to look next:
  make playground              the same with pages: change somebody in Slack, press "Sync now", and see
  {HOME}/oomnitza.sqlite  the Oomnitza instance, as the syncs left it, for any SQLite browser
  {HOME / LOG}    what both connectors logged: the mapping in force, and the sync reports
  README.md                    a first sync with your own Slack and Oomnitza""",
        highlight=False,
    )


def _add_up(sandbox: Sandbox, first: SyncResult) -> None:
    counts = [(number, name) for name, number in first.counts().items()]
    bots = sum(map(is_bot, sandbox.slack.members()))
    parts = " + ".join(f"{number} {name}" for number, name in counts)
    console.print(f"{PEOPLE} members - {bots} bots, which the source leaves out = {PEOPLE - bots} records = {parts}.")


def _show_rejected(syncs: dict[str, SyncResult]) -> None:
    rejected = dict.fromkeys(each for sync in syncs.values() for each in sync.rejected())
    if rejected:
        console.print("\nRejected in each sync, because two people of the example share a user name:")
    for who, why in rejected:
        console.print(f"  {who}: {why}", highlight=False)


def _expect(syncs: dict[str, SyncResult], sandbox: Sandbox) -> None:
    """Hold the outcome against what this demo promises."""
    first, second, third, activity = syncs.values()
    bots = sum(map(is_bot, sandbox.slack.members()))
    titles = [person["position"] for person in sandbox.oomnitza.people()].count(TITLE)
    promised = {
        "five people have a new position": titles == 5 and second.counts()["updated"] == 5,
        "one person was added": second.counts()["added"] == 1,
        "the SaaS user of the one who left was deactivated": second.saas()["deactivated"] == 1,
        "a sync in which nothing happened changed nothing": third.counts().keys() == {"unchanged", "skipped", "failed"},
        "last logins and billing arrived": all(activity.counts(stream)["updated"] for stream in activity.report()),
        "every member but the bots is a record": sum(first.counts().values()) == PEOPLE - bots,
        "one record was rejected, for a reason": [len(each.rejected()) for each in syncs.values()] == [1, 1, 1, 0],
    }
    broken = [promise for promise, kept in promised.items() if not kept]
    if broken:
        raise SystemExit("The demo did not do what it promises: " + "; ".join(broken))


if __name__ == "__main__":
    main()
