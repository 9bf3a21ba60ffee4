"""Writes people with SaaS users, and reads them back."""

from __future__ import annotations

from typing import Any

from integration_tests.harness.destination_inside import PATIENT, write
from integration_tests.harness.destination_process import complete, config, person, record, state, stream
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox

SAAS = {"type": "user_and_saas_user", "saas_name": "Slack"}
OVERWRITE = stream(destination_sync_mode="overwrite")
MISSING = {"method": "rest", "deactivate_missing": True}


def settings(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    return config(sandbox, **{"record_type": SAAS, **more})


def people(number: int, **more: Any) -> list[dict[str, Any]]:
    return [person(f"p{each:03}", **more) for each in range(number)]


def sync(sandbox: Sandbox, records: list[dict[str, Any]], *end: dict[str, Any], **more: Any) -> SyncResult:
    """Write records and a state of `users`; log the requests of this sync only."""
    sandbox.requests.clear()
    streams = more.pop("streams", ())
    messages = [*map(record, records), state({"updated": 1}), *end]
    return write(settings(sandbox, **more), messages, *streams, retry_policy=PATIENT)


def users(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    found = {user["username"]: user for user in sandbox.oomnitza.saas_users("Slack")}
    assert len(found) == len(sandbox.oomnitza.saas_users("Slack")), "somebody is assigned twice"
    return found


def writes(sandbox: Sandbox) -> list[tuple[str, str]]:
    exchanges = sandbox.requests.matching(service="oomnitza")
    return [(each.method, each.path) for each in exchanges if each.method != "GET"]


# Missing users


def overwrite(sandbox: Sandbox, records: list[dict[str, Any]], *end: dict[str, Any], **more: Any) -> SyncResult:
    return sync(sandbox, records, *(end or (complete(),)), **{"streams": (OVERWRITE,), "write_method": MISSING, **more})


def active(sandbox: Sandbox) -> int:
    return sum(user["active"] for user in users(sandbox).values())
