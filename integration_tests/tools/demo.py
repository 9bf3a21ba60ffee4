"""Syncs a simulated Slack into a simulated Oomnitza, for `make demo`.

The first of three syncs finds new people only. Before the second some change, one leaves and one joins; before the third nothing
changes. Last logins and billing follow.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from integration_tests.harness.engine import LOG, Engine
from integration_tests.harness.example import PEOPLE, SKIPPED, count_members, furnish
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.slack.members import is_bot

HOME = Path(".sandbox/demo")
TITLE = "Head of Ghostbusting"


def play(sandbox: Sandbox) -> list[str]:
    """Change some people in Slack, and return the changes in words."""
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
    return [f"{', '.join(names[:4])} and {names[4]} are now {TITLE}", f"{names[5]} left", "Dana Barrett joined"]


def sums(outcome: SyncResult) -> Iterator[str]:
    """Yield a line per stream that adds up, then the reasons, then the SaaS users."""
    for stream in outcome.report():
        counts = outcome.counts(stream)
        yield f"{sum(counts.values())} records of {stream} = {_plus(counts)}"
        if reasons := outcome.skipped(stream):
            yield f"{sum(reasons.values())} skipped = {_plus({SKIPPED[name]: n for name, n in reasons.items()})}"
        if saas := {name: number for name, number in outcome.saas(stream).items() if name != "roles_changed"}:
            yield f"SaaS users of Slack: {_plus(saas)}"


def _plus(counts: dict[str, int]) -> str:
    return " + ".join(f"{number} {name}" for name, number in counts.items())


def sync(what: str, engine: Engine) -> SyncResult:
    """Run one sync, and print its duration and its outcomes."""
    print(f"\n{what} ...", end=" ", flush=True)
    started = time.monotonic()
    outcome = engine.sync()
    seconds, requests = time.monotonic() - started, outcome.requests
    print(f"{seconds:.1f} seconds, {requests['slack']} requests to Slack, {requests['oomnitza']} to Oomnitza")
    for line in sums(outcome):
        print(f"   {line}")
    return outcome


def show_changes(sandbox: Sandbox) -> None:
    """Print the people with a new title, before and after."""
    names = {person["user_id"]: person["full_name"] for person in sandbox.oomnitza.people()}
    changes = [each for each in sandbox.oomnitza.changes() if each["after"].get("position") == TITLE]
    print("\nFive people in Oomnitza, before -> after:")
    for name, before in sorted((names[each["user_id"]], each["before"]["position"]) for each in changes):
        print(f"   {name:20}{before} -> {TITLE}")


def show_rejected(syncs: list[SyncResult]) -> None:
    """Print the rejected records and their reasons."""
    print("\nRejected in each sync of people, for the example has two people with one user name:")
    for who, why in dict.fromkeys(each for outcome in syncs for each in outcome.rejected()):
        print(f"   {who}: {why}")


def main() -> None:
    """Run the demo. Ends the process with a sentence if the outcome is unexpected."""
    sys.stdout.reconfigure(line_buffering=True)
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    with Sandbox(people=PEOPLE, path=HOME) as sandbox:
        furnish(sandbox)
        bots = sum(map(is_bot, sandbox.slack.members()))
        print(f"A simulated Slack at {sandbox.slack_url}\n   {count_members(sandbox)}")
        print(f"   {PEOPLE} members - {bots} bots, which the source leaves out = {PEOPLE - bots} records")
        print(f"A simulated Oomnitza at {sandbox.oomnitza_url}\n   {len(sandbox.oomnitza.people())} people")
        people, activity = Engine(sandbox, HOME), Engine(sandbox, HOME, "activity")
        people.check()
        syncs = [sync("1. Everybody is new", people)]
        print("\nThen, in Slack:", *play(sandbox), sep="\n   ")
        syncs += [sync("2. Some changed", people), sync("3. Nothing is new", people)]
        syncs += [sync("4. Last logins and billing", activity)]
        show_changes(sandbox)
        show_rejected(syncs)
        _expect(syncs, sandbox)
    print(f"""
Where to look next:
   make playground               the same with web pages: change a member, press "Sync now", see the result
   {HOME / LOG}  the log of both connectors
   README.md                     a first sync with your own Slack and Oomnitza""")


def _expect(syncs: list[SyncResult], sandbox: Sandbox) -> None:
    """Compare the outcome with the demo's promises."""
    first, second, third, activity = syncs
    bots = sum(map(is_bot, sandbox.slack.members()))
    titles = [person["position"] for person in sandbox.oomnitza.people()].count(TITLE)
    promised = {
        "five people have a new position": titles == 5 and second.counts()["updated"] == 5,
        "one person was added": second.counts()["added"] == 1,
        "the SaaS user of the one who left was deactivated": second.saas()["deactivated"] == 1,
        "a sync in which nothing happened changed nothing": third.counts().keys() == {"unchanged", "skipped", "failed"},
        "last logins and billing arrived": all(activity.counts(stream)["updated"] for stream in activity.report()),
        "every member but the bots is a record": sum(first.counts().values()) == PEOPLE - bots,
        "one record was rejected, for a reason": [len(each.rejected()) for each in syncs] == [1, 1, 1, 0],
    }
    broken = [promise for promise, kept in promised.items() if not kept]
    if broken:
        raise SystemExit("The demo broke its promises: " + "; ".join(broken))


if __name__ == "__main__":
    main()
