"""Syncs random histories of a company under random faults, for `make soak`.

A history has one workspace and one Oomnitza, whose behaviour at every open point (docs/oomnitza-api.md) is drawn at
random. Between its syncs people join, leave and change. In every sync, requests of both services meet faults, sometimes
more than the destination retries, so that it gives up at any point. Some first syncs run twice at once. After each sync,
acknowledged records are there and no person is there twice. At the end of a history one sync without faults completes
everything, and a further one changes nothing. The same seed gives the same histories.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import time
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
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
IDENTITIES = 0.3
"""Share of histories with the Slack User Id as key, in which addresses change."""
ANSWERS: dict[str, tuple[Any, ...]] = {
    "case_sensitive": (False, True),
    "unsorted": ("shuffled", "created"),
    "total_count": ("exact", "exact", "absent", "page", "text", "unfiltered"),
    "archived": ("listed", "hidden"),
    "lookup_lag": (0, 0, 1, 2),
    "flags": (("1", "0"), ("true", "false")),
    "empty": ("empty", "null", "absent"),
    "username_edits": ("rejected", "ignored"),
    "normalized": (frozenset(), frozenset({"phone", "blanks"})),
    "creation_answer": ("person", "person", "no_user_id", "empty", "nothing"),
    "duplicate_status": (400, 409),
    "rejections": ("status", "errors", "error", "success", "text", "html"),
    "csrf": ("offered", "demanded", "off"),
    "token_requests": (None, None, 10, 50),
    "saas_created_status": (201, 200),
    "saas_roles": ("object", "list", "without_ids", "names"),
    "saas_activity": ("deactivated", "active", "is_active", "status", None),
    "saas_user_id": (True, False),
    "saas_users_paging": (True, False),
    "assign_answer": (b"", b"[]", b"{}"),
}
"""Possible answers to open points, by switch."""
LONGEST_CHAIN = 2
"""Syncs until an address arrives whose former owner has another one before."""
TITLES = ("Title {}", " Title  {} ", "Tite\u0301re {}", "\u200bTitle {}")
NAMES = ("Joiner {}", "Jo\u0308rg {}", "\u00a0Joiner  {} ", "李 {}", "Joiner\u200b {} 😀", "{}")
ADDRESSES = (
    "joiner{}@acme.example",
    "Joiner{}@Acme.Example",
    "joiner{}@acme.example\u200b",
    "\ufeffjoiner{}@acme.example",
)
PHONES = ("+1 (555) 010-{:04}", "+1 555 010 {:04}", "")


@dataclass
class Tally:
    """Counts the events of a soak."""

    histories: int = 0
    syncs: int = 0
    faulty: int = 0
    failed: int = 0
    at_once: int = 0
    faults: Counter[str] = field(default_factory=Counter)


class History:
    """Simulates one company, from its first sync to its last."""

    def __init__(self, seed: int, sandbox: Sandbox, tally: Tally) -> None:
        self.dice = random.Random(seed)
        self.sandbox = sandbox
        self.tally = tally
        self.state: Any = None
        self.joined = 0
        self.moved: set[str] = set()
        self.identities = self.dice.random() < IDENTITIES
        self.at_once = self.dice.random() < 0.3
        self.key, self.own = ("slack_user_id", "id") if self.identities else ("username", "name")
        self.settings = self.draw_settings()
        for name, words in ANSWERS.items():
            setattr(sandbox.oomnitza.switches, name, self.dice.choice(words))
        if not self.identities:
            sandbox.oomnitza.switches.meta_status = self.dice.choice((200, 200, 403, 404))
        if self.dice.random() < 0.3:
            sandbox.oomnitza.switches.max_page = 7
            sandbox.oomnitza.switches.above_max_page = "capped"

    def draw_settings(self) -> dict[str, Any]:
        """Return a configuration with a random sync key.

        The key is the e-mail address, the user name, or the Slack User Id; with the last, addresses change.
        """
        oomnitza = self.sandbox.oomnitza
        keys = self.dice.choice([["email"], ["email", "username"], ["username"]])
        settings = config(
            self.sandbox, batch_size=self.dice.choice([1, 3, 10, 100]), num_workers=self.dice.choice([1, 2, 8])
        )
        if self.identities:
            oomnitza.add_field("slack_user_id", "Slack User Id", unique=True)
            settings |= {"sync_keys": ["slack_user_id", "email"], "update_sync_keys": True}
        else:
            settings["sync_keys"] = keys
        if self.dice.random() < 0.6:
            settings["record_type"] = {"type": "user_and_saas_user", "saas_name": "Slack"}
        if self.dice.random() < 0.5:
            account = {"username": oomnitza.username, "password": oomnitza.password}
            settings["credentials"] = {"auth_type": "password", **account}
        return settings

    def run(self) -> None:
        """Run the whole history. Raises AssertionError if a promise is broken."""
        for number in range(SYNCS_A_HISTORY):
            self.something_happens()
            self.faults()
            self.sync(self.dice.choice([QUICK, QUICK, AT_ONCE]), twice=self.at_once and number == 0)
        self.sandbox.faults.clear()
        self.settle()
        self.check_rest()
        before = len(self.sandbox.oomnitza.changes())
        self.settle()
        assert len(self.sandbox.oomnitza.changes()) == before, "a sync of nothing new wrote something"

    def settle(self) -> None:
        """Run a sync without faults, which must succeed, until addresses have settled."""
        for _ in range(LONGEST_CHAIN):
            (result,) = self.sync(QUICK)
            assert result.error == "", result.error
            if not result.rejected():
                return
        raise AssertionError(f"rejected again and again: {result.rejected()}")

    def something_happens(self) -> None:
        """Let people join, leave and change title and phone, and addresses move."""
        slack, dice = self.sandbox.slack, self.dice
        people = [m["id"] for m in slack.members() if not m["deleted"] and not m["is_bot"] and m["id"] != "USLACKBOT"]
        for someone in dice.sample(people, min(5, len(people))):
            title, phone = (dice.choice(words).format(dice.randrange(100)) for words in (TITLES, PHONES))
            slack.set_profile(someone, title=title, phone=phone)
        # A person who leaves after a move that was never synced keeps an address that now belongs to another.
        gone = dice.choice([each for each in people if each not in self.moved])
        slack.deactivate(gone)
        self.joined += 1
        name, address = (dice.choice(words).format(self.joined) for words in (NAMES, ADDRESSES))
        slack.join(real_name=name, email=address)
        if self.identities:
            self.addresses_wander([each for each in people if each != gone])

    def addresses_wander(self, people: list[str]) -> None:
        """Give one person a new address, and each next one the address before."""
        profiles = {member["id"]: member["profile"] for member in self.sandbox.slack.members()}
        address = f"moved{self.joined}@acme.example"
        for someone in self.dice.sample([each for each in people if profiles[each].get("email")], 3):
            before = profiles[someone]["email"]
            self.sandbox.slack.set_profile(someone, email=address)
            self.moved.add(someone)
            address = before

    def faults(self) -> None:
        """Inject faults into the next sync."""
        faults = self.sandbox.faults
        faults.clear()
        faults.random(self.dice.randrange(1 << 30), self.dice.choice([0.03, 0.1, 0.3]))
        for kind in self.dice.choice([[], ["timeout_before"], ["timeout_after"], ["reset_after", "timeout_after"]]):
            faults.add(Fault(kind, service="oomnitza", nth=self.dice.randrange(3, 40), times=1))

    def sync(self, retry_policy: RetryPolicy, twice: bool = False) -> list[SyncResult]:
        """Run one sync, or two at once, from the last acknowledged state; check promises."""
        lines = self.read()
        self.sandbox.oomnitza.store.unseen.clear()  # a lookup lags by seconds, and the next sync comes later
        with ThreadPoolExecutor() as pool:
            runs = [
                pool.submit(write, self.settings, list(lines), stream(), retry_policy=retry_policy)
                for _ in range(2 if twice else 1)
            ]
            results = [run.result() for run in runs]
        self.tally.syncs += len(results)
        self.tally.at_once += twice
        self.tally.faulty += bool(self.sandbox.faults.history)
        self.tally.failed += sum(result.error != "" for result in results)
        self.tally.faults.update(kind for *_, kind in self.sandbox.faults.history)
        for result in results:
            self.check_promises(result, [orjson.loads(line) for (line,) in lines])
        if not self.identities:
            self.state = [self.state, *results[-1].acknowledged()][-1]
        return results

    def read(self) -> list[list[bytes]]:
        """Return all that the source emits, even if it fails; its waits take no time."""
        with TemporaryDirectory() as folder:
            arguments = ["read"]
            files: dict[str, Any] = {
                "config": source_process.config(self.sandbox, page_size=7),
                "catalog": {"streams": [stream(sync_mode="full_refresh" if self.identities else "incremental")]},
            }
            if self.state is not None:
                descriptor = {"stream_descriptor": {"name": "users"}, "stream_state": self.state}
                files["state"] = [{"type": "STREAM", "stream": descriptor}]
            for name, content in files.items():
                path = Path(folder) / f"{name}.json"
                path.write_text(json.dumps(content))
                arguments += [f"--{name}", str(path)]
            lines: list[list[bytes]] = []
            logging.disable()
            with patch("time.sleep"), redirect_stdout(StringIO()):
                try:
                    for line in AirbyteEntrypoint(SourceSlackUsers()).run(AirbyteEntrypoint.parse_args(arguments)):
                        lines += [[each.encode()] for each in line.splitlines()]
                except Exception:  # the source gave up: the destination gets what it emitted until then
                    self.tally.faults["the source gave up"] += 1
            logging.disable(logging.NOTSET)
        return lines

    def check_promises(self, result: SyncResult, messages: list[dict[str, Any]]) -> None:
        """Check that nothing is twice, and that acknowledged records are there."""
        oomnitza = self.sandbox.oomnitza
        people = oomnitza.people()
        for key in ("email", "username"):
            assert max(Counter(_plain(each[key]).lower() for each in people).values(), default=1) == 1, (
                f"a {key} is twice"
            )
        self.check_applications()
        assert not result.error or result.failure_type == "transient_error", result.error
        states = sum(each["type"] == "STATE" for each in messages)
        assert len(result.acknowledged()) <= states
        if states and len(result.acknowledged()) == states and not result.rejected():
            last = max(n for n, each in enumerate(messages) if each["type"] == "STATE")
            self.check_there([each["record"]["data"] for each in messages[:last] if each["type"] == "RECORD"])

    def check_applications(self) -> None:
        """Check that one application has all users, and that each role exists once.

        If the first syncs ran at once, there may be two applications; the one with the smaller id has the users.
        """
        oomnitza = self.sandbox.oomnitza
        applications = [each["saas_id"] for each in oomnitza.applications()]
        users = oomnitza.saas_users("Slack")
        assert len(applications) <= 1 + self.at_once, "an application is twice"
        assert len({each["user_id"] for each in users}) == len(users), "a SaaS user is twice"
        assert not users or {each["saas_id"] for each in users} == {min(applications)}, "SaaS users are elsewhere"
        if not self.at_once:
            labels = Counter(each["role_external_label"] for each in oomnitza.roles("Slack"))
            assert max(labels.values(), default=1) == 1, "a role is twice"

    def check_there(self, records: list[dict[str, Any]]) -> None:
        """Check that these people are in Oomnitza as Slack has them."""
        people = {(each.get(self.key) or "").lower(): each for each in self.sandbox.oomnitza.people()}
        for each in records:
            if each.get("email") and not each["deleted"]:
                there = people[each[self.own].lower()]
                assert there["email"].lower() == _plain(each["email"]).lower(), each["name"]
                assert not each.get("title") or _plain(there["position"]) == _plain(each["title"]), each["name"]

    def check_rest(self) -> None:
        """Check that all of the workspace are there, and as active as in Slack."""
        known = {(each.get(self.key) or "").lower(): each for each in self.sandbox.oomnitza.people()}
        members = [each for each in self.sandbox.slack.members() if not each["is_bot"] and each["profile"].get("email")]
        for member in members:
            if not member["deleted"] and not member.get("is_workflow_bot") and not member.get("is_connector_bot"):
                there = known.get(member[self.own].lower())
                assert there is not None, f"{member['name']} is missing"
                assert there["email"].lower() == _plain(member["profile"]["email"]).lower(), (
                    f"{member['name']} has another address"
                )
        if "record_type" in self.settings:
            active = {each["user_external_id"]: each["active"] for each in self.sandbox.oomnitza.saas_users("Slack")}
            for member in members:
                if member["id"] in active:
                    assert active[member["id"]] is not member["deleted"], (
                        f"{member['name']} is not as active as in Slack"
                    )


def _plain(text: str | None) -> str:
    visible = "".join(c for c in unicodedata.normalize("NFC", text or "") if unicodedata.category(c) != "Cf")
    return " ".join(visible.split())


def soak(syncs: int, seed: int) -> Tally:
    """Run histories until so many syncs met faults.

    Raises AssertionError, with the seed, if a promise breaks.
    """
    tally = Tally()
    while tally.faulty < syncs:
        tally.histories += 1
        with Sandbox(people=20 + seed % 40, seed=seed) as sandbox:
            history = History(seed, sandbox, tally)
            try:
                history.run()
            except AssertionError as error:
                drawn = {"switches": sandbox.oomnitza.switches, "settings": history.settings}
                raise AssertionError(f"In the history of seed {seed}, sync {tally.syncs}: {error}\n{drawn}") from error
        seed += 1
    return tally


def main() -> None:
    """Run the soak, and print its counts."""
    parser = argparse.ArgumentParser(prog="python -m integration_tests.tools.soak", description=__doc__)
    parser.add_argument("--syncs", type=int, default=200, help="how many syncs with faults")
    parser.add_argument("--seed", type=int, default=1, help="of the first history")
    options = parser.parse_args()
    logging.getLogger("airbyte").handlers.clear()  # the CDK's own prints every line
    started = time.monotonic()
    tally = soak(options.syncs, options.seed)
    faults = ", ".join(f"{number} {kind}" for kind, number in tally.faults.most_common())
    print(
        f"{tally.syncs} syncs in {tally.histories} histories, {tally.faulty} with faults, {tally.at_once} pairs at once, "
        f"{tally.failed} given up, in {time.monotonic() - started:.0f} seconds: nothing lost or duplicated.\n"
        f"Faults: {faults}."
    )


if __name__ == "__main__":
    main()
