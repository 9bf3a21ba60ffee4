"""Runs an ingest writer over a simulated Oomnitza."""

from __future__ import annotations

import re
from typing import Any

from destination_oomnitza.api.client import Client
from destination_oomnitza.api.ingest_runs import IngestRuns
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config, IngestWriting
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.report import Outcome, Report
from destination_oomnitza.writers.base import Batch, RecordWrite, RejectedRecord, StreamEnd
from destination_oomnitza.writers.ingest_writer import IngestWriter
from requests_mock import Mocker
from urllib3.util import Retry

HOST = "https://acme.oomnitza.com"
BULK = f"{HOST}/api/v3/bulk"
USERS = f"{HOST}/api/v3/users"
FINALIZE = re.compile(f"{BULK}/[0-9a-f-]+/finalize")
RUN = re.compile(f"{BULK}/[0-9a-f-]+$")
LOG = re.compile(f"{HOST}/api/v3/connector_run_logs/connectors/[0-9a-f-]+")
RUNS = re.compile(f"{HOST}/api/v3/connector_run_logs/\\w+\\?")
AT_ONCE = RetryPolicy(faults=5, waits=Retry(total=None, allowed_methods=None, backoff_factor=0))
SAAS = {"type": "user_and_saas_user", "saas_name": "Slack"}
INTEGRATION = {"connector_id": 12, "saas_sync_key": "slack-users"}
"""What SaaS users by ingest need."""
CUSTOM = {"label": "Slack User Id", "data_type": "STR", "internal_id": "A" * 32, "unique": "1", "editable": "1"}


def config(method: dict[str, Any] | None = None, **more: Any) -> Config:
    return Config.parse(
        {
            "instance_url": HOST,
            "credentials": {"auth_type": "api_token", "api_token": "made-up"},
            "default_role": 25,
            "write_method": {"method": "ingest", **(method or {})},
            **more,
        }
    )


class Sync:
    """Writer with its clock and sent batches; no people in Oomnitza by default."""

    def __init__(
        self,
        http: Mocker,
        settings: Config | None = None,
        *,
        people: list[dict[str, Any]] | None = None,
        metadata: dict[str, Any] | None = None,
        logs: list[dict[str, Any]] | None = None,
    ) -> None:
        self.settings = settings or config()
        self.http = http
        self.seconds = 0.0
        self.pauses: list[float] = []
        self.stopped: Exception | None = None
        client = Client(self.settings, AT_ONCE)
        fields = PersonSchema.parse(metadata) if metadata else PersonSchema.unknown()
        stream = Stream("users", properties={"id": {}, "name": {}})
        (self.plan,) = plan_streams(self.settings, fields, [stream])
        self.report = Report(["users"])
        assert isinstance(self.settings.write_method, IngestWriting)
        method = self.settings.write_method
        runs = IngestRuns(
            client,
            method,
            self.settings.test_run,
            sleep=self.sleep,
            clock=lambda: self.seconds,
        )
        self.writer = IngestWriter(client, runs, method, self.report)
        http.post(BULK, json={})
        http.get(RUN, json={"canceled": False})
        http.post(FINALIZE, json={})
        http.get(USERS, json=lambda request, _: (people or []) if request.qs["skip"] == ["0"] else [])
        http.get(RUNS, json=[])
        self.log = http.get(LOG, [{"json": each} for each in logs or [{}]])

    def sleep(self, seconds: float) -> None:
        if self.stopped is not None:
            raise self.stopped
        self.pauses.append(seconds)
        self.seconds += seconds

    def write(self, *records: dict[str, Any], rejected: tuple[RejectedRecord, ...] = ()) -> list[Outcome | None]:
        mapped = [row for row in map(self.plan.mapping, records) if row is not None]
        batch = Batch(self.plan, [RecordWrite(each) for each in mapped], list(rejected))
        self.writer.write(batch)
        return [write.outcome for write in batch.records]

    def batches(self) -> list[dict[str, Any]]:
        return [r.json() for r in self.http.request_history if r.method == "POST" and r.url == BULK]

    def asked(self) -> int:
        return sum(r.method == "GET" and RUN.match(r.url) is not None for r in self.http.request_history)

    def finalized(self) -> list[str]:
        return [r.path.split("/")[4] for r in self.http.request_history if FINALIZE.match(r.url)]

    def finish(self, **more: Any) -> None:
        self.writer.finish(StreamEnd(more.get("complete", set()), more.get("broken", set()), rejected=False))

    def counts(self) -> dict[str, int]:
        return {name: n for name, n in self.report.as_dict()["users"].items() if isinstance(n, int) and n}


def ada(**more: Any) -> dict[str, Any]:
    return {"id": "U1", "name": "ada", "email": "ada@acme.example", "first_name": "Ada", "title": "Countess", **more}


def log(status: str = "finished", failed_lines: list[str] | None = None, **objects: int) -> dict[str, Any]:
    names = ("added", "updated", "skipped", "unchanged", "failed", "canceled", "processing")
    counts = {name: objects.get(name, 0) for name in names}
    return {"status": status, "objects": counts, "logs": {"failed": failed_lines or []}}
