"""`make soak`: random histories of a company, synced by both connectors under random faults, until the promises break or time is up.

A history is one workspace and one Oomnitza. Between its syncs people join, leave and change; in every sync requests of both services
meet faults, now and then more than the destination has retry_policy for, so that it gives up at any point. After each sync: what was
acknowledged is there, nobody is twice. At the end of a history one sync without faults must bring everything to rest, and a further
one must change nothing. The same seed gives the same histories.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import orjson
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from destination_oomnitza.api.retries import RetryPolicy
from source_slack_users.source import SourceSlackUsers

from integration_tests.harness import source_process
from integration_tests.harness.destination_inside import AT_ONCE, QUICK, write
from integration_tests.harness.destination_process import config, stream
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Fault, Sandbox

SYNCS_A_HISTORY = 8


@dataclass
class Tally:
    """What a soak went through."""

    histories: int = 0
    syncs: int = 0
    faulty: int = 0
    failed: int = 0
    faults: Counter[str] = field(default_factory=Counter)


class History:
    """One company, from the first sync to the last."""

    def __init__(self, seed: int, sandbox: Sandbox, tally: Tally) -> None:
        self.dice = random.Random(seed)
        self.sandbox = sandbox
        self.tally = tally
        self.state: Any = None
        self.joined = 0
        self.settings = config(
            sandbox,
            batch_size=self.dice.choice([1, 3, 10, 100]),
            num_workers=self.dice.choice([1, 2, 8]),
            sync_keys=self.dice.choice([["email"], ["email", "username"], ["username"]]),
        )
        if self.dice.random() < 0.6:
            self.settings["record_type"] = {"type": "user_and_saas_user", "saas_name": "Slack"}

    def run(self) -> None:
        """Live through the whole history. Raises AssertionError where a promise is broken."""
        for _ in range(SYNCS_A_HISTORY):
            self.something_happens()
            self.faults()
            self.sync(self.dice.choice([QUICK, QUICK, AT_ONCE]))
        self.sandbox.faults.clear()
        assert self.sync(QUICK).error == ""
        self.check_rest()
        before = len(self.sandbox.oomnitza.changes())
        assert self.sync(QUICK).error == ""
        assert len(self.sandbox.oomnitza.changes()) == before, "a sync of nothing new wrote something"

    def something_happens(self) -> None:
        """Somebody changes title, leaves, or joins."""
        slack = self.sandbox.slack
        people = [m["id"] for m in slack.members() if not m["deleted"] and not m["is_bot"] and m["id"] != "USLACKBOT"]
        for someone in self.dice.sample(people, min(5, len(people))):
            slack.set_title(someone, f"Title {self.dice.randrange(100)}")
        slack.deactivate(self.dice.choice(people))
        self.joined += 1
        slack.join(real_name=f"Joiner {self.joined}", email=f"joiner{self.joined}@acme.example")

    def faults(self) -> None:
        """Put faults in force for the next sync."""
        faults = self.sandbox.faults
        faults.clear()
        faults.random(self.dice.randrange(1 << 30), self.dice.choice([0.03, 0.1, 0.3]))
        for kind in self.dice.choice([[], ["timeout_before"], ["timeout_after"], ["reset_after", "timeout_after"]]):
            faults.add(Fault(kind, service="oomnitza", nth=self.dice.randrange(3, 40), times=1))

    def sync(self, retry_policy: RetryPolicy) -> SyncResult:
        """Run one sync from the last acknowledged state, and hold what came of it against the promises."""
        lines = self.read()
        written = write(self.settings, lines, stream(), retry_policy=retry_policy)
        self.state = [self.state, *written.acknowledged()][-1]
        self.tally.syncs += 1
        self.tally.faulty += bool(self.sandbox.faults.history)
        self.tally.failed += written.error != ""
        self.tally.faults.update(kind for *_, kind in self.sandbox.faults.history)
        self.check_promises(written, [orjson.loads(line) for (line,) in lines])
        return written

    def read(self) -> list[list[bytes]]:
        """Everything that the source says, also where it fails in the middle; its waits cost no time."""
        with TemporaryDirectory() as folder:
            arguments = ["read"]
            files = {"config": source_process.config(self.sandbox, page_size=7), "catalog": {"streams": [stream()]}}
            files["catalog"]["streams"][0]["sync_mode"] = "incremental"
            if self.state is not None:
                descriptor = {"stream_descriptor": {"name": "users"}, "stream_state": self.state}
                files["state"] = [{"type": "STREAM", "stream": descriptor}]  # type: ignore[assignment]  # a list in a file
            for name, content in files.items():
                path = Path(folder) / f"{name}.json"
                path.write_text(json.dumps(content))
                arguments += [f"--{name}", str(path)]
            lines: list[list[bytes]] = []
            with patch("time.sleep"), redirect_stdout(StringIO()):
                try:
                    for line in AirbyteEntrypoint(SourceSlackUsers()).run(AirbyteEntrypoint.parse_args(arguments)):
                        lines += [[each.encode()] for each in line.splitlines()]
                except Exception:  # the source gave up: what it said until then is what the destination gets
                    self.tally.faults["the source gave up"] += 1
        return lines

    def check_promises(self, written: SyncResult, messages: list[dict[str, Any]]) -> None:
        """Nobody and nothing is twice, and what was acknowledged is there."""
        oomnitza = self.sandbox.oomnitza
        people = oomnitza.people()
        for key in ("email", "username"):
            assert max(Counter(each[key].lower() for each in people).values(), default=1) == 1, f"a {key} is twice"
        for what in (
            [each["saas_name"] for each in oomnitza.applications()],
            [each["role_external_label"] for each in oomnitza.roles("Slack")],
            [each["user_id"] for each in oomnitza.saas_users("Slack")],
        ):
            assert max(Counter(what).values(), default=1) == 1, "something is twice"
        assert not written.error or written.failure_type == "transient_error", written.error
        if written.acknowledged():
            last = max(n for n, each in enumerate(messages) if each["type"] == "STATE")
            assert len(written.acknowledged()) <= sum(each["type"] == "STATE" for each in messages)
            if len(written.acknowledged()) == sum(each["type"] == "STATE" for each in messages):
                self.check_there([each["record"]["data"] for each in messages[:last] if each["type"] == "RECORD"])

    def check_there(self, records: list[dict[str, Any]]) -> None:
        """These people are in Oomnitza as Slack has them."""
        people = {each["username"].lower(): each for each in self.sandbox.oomnitza.people()}
        for each in records:
            if each.get("email") and not each["deleted"]:
                there = people[each["name"].lower()]
                assert there["email"].lower() == each["email"].lower()
                assert there["position"] == (each.get("title") or there["position"])

    def check_rest(self) -> None:
        """At the end everybody of the workspace is there, and in the application as active as they are in Slack."""
        known = {each["username"].lower(): each for each in self.sandbox.oomnitza.people()}
        members = [each for each in self.sandbox.slack.members() if not each["is_bot"] and each["profile"].get("email")]
        for member in members:
            if not member["deleted"] and not member.get("is_workflow_bot") and not member.get("is_connector_bot"):
                assert member["name"].lower() in known, f"{member['name']} is missing"
        if "record_type" in self.settings:
            active = {each["user_external_id"]: each["active"] for each in self.sandbox.oomnitza.saas_users("Slack")}
            for member in members:
                if member["id"] in active:
                    assert active[member["id"]] is not member["deleted"], (
                        f"{member['name']} is not as active as in Slack"
                    )


def soak(syncs: int, seed: int) -> Tally:
    """Live through histories until so many syncs met faults. Raises AssertionError, with the seed, where a promise is broken."""
    tally = Tally()
    while tally.faulty < syncs:
        tally.histories += 1
        with Sandbox(people=20 + seed % 40, seed=seed) as sandbox:
            try:
                History(seed, sandbox, tally).run()
            except AssertionError as error:
                raise AssertionError(f"In the history of seed {seed}, sync {tally.syncs}: {error}") from error
        seed += 1
    return tally


def main() -> None:
    """Soak, and tell what was gone through."""
    parser = argparse.ArgumentParser(prog="python -m integration_tests.tools.soak", description=__doc__)
    parser.add_argument("--syncs", type=int, default=200, help="how many syncs with faults")
    parser.add_argument("--seed", type=int, default=1, help="of the first history")
    options = parser.parse_args()
    logging.disable()
    started = time.monotonic()
    tally = soak(options.syncs, options.seed)
    faults = ", ".join(f"{number} {kind}" for kind, number in tally.faults.most_common())
    print(
        f"{tally.syncs} syncs in {tally.histories} histories, {tally.faulty} with faults, {tally.failed} given up, "
        f"in {time.monotonic() - started:.0f} seconds: nothing lost, nobody twice.\nFaults: {faults}."
    )


if __name__ == "__main__":
    sys.exit(main())
