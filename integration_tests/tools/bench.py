"""Measures speed and memory of both connectors, for `make bench`.

CPU is that of the whole process, user and system, as the operating system accounts for it, less the CPU of the same process with nothing to
do. This process imports nothing heavy and starts every other one: a child's peak memory begins at its parent's.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration_tests.hostile.behaviours import SIZES
from integration_tests.hostile.server import HostileServer

BIN = Path(sys.executable).parent

BARE_LOOP = """
import sys, orjson, requests
url, token = sys.argv[1:]
session = requests.Session()
session.headers["Authorization"] = "Bearer " + token
cursor = ""
while True:
    query = {"limit": 1000, "include_locale": "true", "cursor": cursor}
    page = orjson.loads(session.get(url + "users.list", params=query, timeout=60).content)
    for member in page["members"]:
        sys.stdout.buffer.write(orjson.dumps(member) + b"\\n")
    cursor = page["response_metadata"]["next_cursor"]
    if not cursor:
        break
"""


@dataclass
class Run:
    """Holds the resources that one process used."""

    cpu: float
    wall: float
    megabytes: float


def run(command: list[Any], stdin: Path | None = None, stdout: Path | None = None) -> Run:
    """Run a process to its end. Ends the benchmark if it fails."""
    with (stdin or Path(os.devnull)).open("rb") as source, (stdout or Path(os.devnull)).open("wb") as target:
        began = time.monotonic()
        process = subprocess.Popen([str(each) for each in command], stdin=source, stdout=target)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
    if status:
        raise SystemExit(f"{command[0]} failed; its output: {stdout}")
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


class Server:
    """Runs a sandbox in another process."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self.addresses = addresses

    def ask(self, what: str) -> str:
        """Request one of the pages of `bench_server`."""
        with urllib.request.urlopen(f"{self.addresses['oomnitza_url']}/bench/{what}") as answer:
            return str(answer.read().decode())


@contextmanager
def serving(people: int) -> Iterator[Server]:
    """Serve a workspace of so many people, and an empty Oomnitza."""
    command = [sys.executable, "-m", "integration_tests.tools.bench_server", str(people)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        yield Server(json.loads(process.stdout.readline()))
        process.stdin.close()


class Files:
    """Manages the files of one benchmark: configurations, catalogs and records."""

    def __init__(self, home: Path, server: Server) -> None:
        self.home = home
        self.server = server
        self.source = self._write(
            "source.json",
            {
                "credentials": {"auth_type": "api_token", "api_token": server.addresses["slack_token"]},
                "api_url": server.addresses["slack_url"],
            },
        )
        self.catalog = self._catalog("catalog.json", "full_refresh")
        self.records = home / "records.jsonl"

    def destination(self, **settings: Any) -> Path:
        """Return a configuration of the destination."""
        credentials = {"auth_type": "api_token", "api_token": self.server.addresses["oomnitza_token"]}
        base = {"instance_url": self.server.addresses["oomnitza_url"], "credentials": credentials, "default_role": 25}
        return self._write("destination.json", {**base, **settings})

    def read(self, cursor: int | None = None) -> list[Any]:
        """Return the command that reads Slack; incrementally if there is a `cursor`."""
        command: list[Any] = [BIN / "source-slack-users", "read", "--config", self.source]
        if cursor is None:
            return [*command, "--catalog", self.catalog]
        stream = {"stream_descriptor": {"name": "users"}, "stream_state": {"updated": cursor}}
        state = self._write("state.json", [{"type": "STREAM", "stream": stream}])
        return [*command, "--catalog", self._catalog("incremental.json", "incremental"), "--state", state]

    def write(self, config: Path) -> list[Any]:
        """Return the command that writes to Oomnitza."""
        return [BIN / "destination-oomnitza", "write", "--config", config, "--catalog", self.catalog]

    def take_records(self, most: int | None = None) -> int:
        """Read Slack into the file of records; return the number that Oomnitza takes.

        Line by line: what this process holds would count as its children's memory.
        """
        everything = self.home / "everything.jsonl"
        run(self.read(), stdout=everything)
        count = 0
        with everything.open() as lines, self.records.open("w") as kept:
            for line in lines:
                if count == most:
                    break
                if (
                    '"RECORD"' in line
                    and '"status":"active"' in line
                    and json.loads(line)["record"]["data"].get("email")
                ):
                    kept.write(line)
                    count += 1
        return count

    def _catalog(self, name: str, sync_mode: str) -> Path:
        modes = ["full_refresh", "incremental"]
        stream = {"name": "users", "json_schema": {"type": "object"}, "supported_sync_modes": modes}
        configured = {"stream": stream, "sync_mode": sync_mode, "destination_sync_mode": "append"}
        return self._write(name, {"streams": [configured]})

    def _write(self, name: str, content: Any) -> Path:
        path = self.home / name
        path.write_text(json.dumps(content))
        return path


@contextmanager
def bench(people: int) -> Iterator[Files]:
    """Start a server, and create the files for it."""
    with tempfile.TemporaryDirectory() as home, serving(people) as server:
        yield Files(Path(home), server)


def median(runs: list[Run], of: Callable[[Run], float]) -> float:
    """Return the median of one figure."""
    return statistics.median(of(each) for each in runs)


def print_row(what: str, figure: str, target: str) -> None:
    """Print one row of the table."""
    print(f"  {what:<66} {figure:>14}   {target}", flush=True)


def source(people: int = 50_000, rounds: int = 5) -> None:
    """Measure a full read, compared with a bare loop over the same pages."""
    print(f"Source: {people:,} users, medians of {rounds} interleaved rounds")
    with bench(people) as files:
        address = files.server.addresses
        kinds: dict[str, list[Any]] = {
            "bare": [sys.executable, "-c", BARE_LOOP, address["slack_url"], address["slack_token"]],
            "bare start": [sys.executable, "-c", "import sys, orjson, requests"],
            "read": files.read(),
            "read start": [BIN / "source-slack-users", "spec"],
        }
        runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind, command in kinds.items():
                runs[kind].append(run(command))
    cpu = {kind: median(each, lambda r: r.cpu) for kind, each in runs.items()}
    ours, bare = cpu["read"] - cpu["read start"], cpu["bare"] - cpu["bare start"]
    print_row("CPU without the start, a bare requests + orjson loop", f"{bare:.2f} s", "")
    print_row("CPU without the start, source-slack-users", f"{ours:.2f} s", "")
    print_row("ratio", f"{ours / bare:.2f}", "less than 2.0")
    print_row("peak memory", f"{median(runs['read'], lambda r: r.megabytes):.0f} MB", "less than 120 MB")


def source_memory(sizes: tuple[int, int] = (50_000, 300_000)) -> None:
    """Measure the additional memory of a larger workspace, and of an incremental read."""
    print(f"Source: peak memory at {sizes[0]:,} and at {sizes[1]:,} users, and at {sizes[1]:,} with a cursor")
    with bench(sizes[0]) as files:
        peaks = [run(files.read()).megabytes]
    with bench(sizes[1]) as files:
        peaks += [run(files.read()).megabytes, run(files.read(cursor=1_650_000_000)).megabytes]
    print_row("peak memory", ", ".join(f"{peak:.0f}" for peak in peaks) + " MB", "less than 120 MB")
    print_row(
        "bytes a person more", f"{(peaks[1] - peaks[0]) * (1 << 20) / (sizes[1] - sizes[0]):.0f}", "less than 100"
    )


def second_sync(people: int = 20_000, rounds: int = 5) -> None:
    """Measure a sync without changes."""
    with bench(int(people * 1.2)) as files:
        count = files.take_records()
        config = files.destination()
        load = run(files.write(config), files.records)
        files.server.ask("count")
        starts, runs = [], []
        for _ in range(rounds):
            starts.append(run(files.write(config)))
            files.server.ask("count")
            runs.append(run(files.write(config), files.records))
            requests = int(files.server.ask("count"))
    cpu = median(runs, lambda r: r.cpu) - median(starts, lambda r: r.cpu)
    print(f"Destination, REST: {count:,} people that are there already, medians of {rounds} interleaved rounds")
    print_row("requests", str(requests), f"at most {count // 100 + 10}")
    print_row("people a second of CPU without the start", f"{count / cpu:,.0f}", "more than 25,000")
    print_row("peak memory", f"{median(runs, lambda r: r.megabytes):.0f} MB", "less than 120 MB")
    print_row("first load, without latency", f"{load.wall:.1f} s, {load.megabytes:.0f} MB", "less than 120 MB")


def large_responses() -> None:
    """Measure a check that receives the largest response that is read, or more."""
    print("Checks against a server that sends one large response")
    for what in ("JSON of 15 MB, empty lists", "gzip of a gigabyte"):
        server = HostileServer(lambda heard: None, lambda heard: True, SIZES[what].behave)
        with server.serving() as address, tempfile.TemporaryDirectory() as home:
            credentials = {"auth_type": "api_token", "api_token": "xoxb-made-up-token"}
            for connector, setting in (("source-slack-users", "api_url"), ("destination-oomnitza", "instance_url")):
                config = Path(home, "config.json")
                config.write_text(json.dumps({"credentials": credentials, setting: address}))
                check = run([BIN / connector, "check", "--config", config])
                print_row(
                    f"{connector}, {what}", f"{check.wall:.0f} s, {check.megabytes:.0f} MB", "less than 30 s, 400 MB"
                )


def first_load(people: int, latency: float, **settings: Any) -> None:
    """Measure the first load of new people."""
    method = settings.get("write_method", {}).get("method", "rest")
    with bench(int(people * 1.3) + 20) as files:
        count = files.take_records(people)
        config = files.destination(**settings)
        files.server.ask(f"latency?seconds={latency}")
        start = run(files.write(config))
        idle = int(files.server.ask("count"))
        load = run(files.write(config), files.records)
        requests = int(files.server.ask("count"))
        there = int(files.server.ask("people"))
    seconds = load.wall - start.wall
    print(
        f"Destination, {method}: first load of {count:,} people at {latency * 1000:.0f} ms, 8 workers ({there:,} are there now)"
    )
    print_row("requests", f"{requests:,}", "at most 120" if people == 10_000 else "")
    print_row(
        "people a second, without the start",
        f"{count / seconds:,.0f}",
        "at least 5,000" if people == 10_000 else "",
    )
    if method == "rest" and latency:
        ideal = (requests - idle) * latency / 8
        print_row("time, against requests x latency / 8", f"{seconds / ideal:.2f}", "at most 1.12")
    print_row("peak memory", f"{load.megabytes:.0f} MB", "less than 120 MB")


def main() -> None:
    """Run all benchmarks, or those named in the command line."""
    ingest = {"write_method": {"method": "ingest"}}
    parts: dict[str, Callable[[], None]] = {
        "source": source,
        "source-memory": source_memory,
        "second-sync": second_sync,
        "large-responses": large_responses,
        "first-load": lambda: first_load(2_000, 0.05),
        "rest-1000": lambda: first_load(1_000, 0),
        "rest-1000-50ms": lambda: first_load(1_000, 0.05),
        "ingest-1000": lambda: first_load(1_000, 0, **ingest),
        "ingest-1000-50ms": lambda: first_load(1_000, 0.05, **ingest),
        "ingest-10000-50ms": lambda: first_load(10_000, 0.05, **ingest),
    }
    for name in sys.argv[1:] or parts:
        parts[name]()
    print(
        "For comparison: Oomnitza's own connector (2026.08.1, its JSON source, observed) used 2,003 requests for 1,000 people,"
    )
    print("487 people a second without latency and 9 a second at 50 ms.")


if __name__ == "__main__":
    main()
