"""Runs Oomnitza's own connector against the sandbox, and proves that it uploads people without an error.

    python -m integration_tests.tools.oomnitza_connector PYTHON CHECKOUT

PYTHON is the interpreter of an environment with the connector's packages, CHECKOUT a clone of
https://github.com/Oomnitza/oomnitza-connector, as it is (see CONTRIBUTING.md). The run: its `csv_users` with the mapping
that Oomnitza keeps for it by name, then the same people again with one change.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from integration_tests.sandbox import Sandbox

MAPPING = {"Login": "USER", "Mail": "EMAIL", "First": "FIRST_NAME", "Last": "LAST_NAME", "Title": "POSITION"}
PEOPLE = 25


def people(change: str) -> list[dict[str, str]]:
    """Return the rows of a file of people; the first of them has `change` as title."""
    names = [f"person{number:02}" for number in range(PEOPLE)]
    rows = [
        {"Login": n, "Mail": f"{n}@acme.example", "First": n.title(), "Last": "Example", "Title": "Cook"} for n in names
    ]
    rows[0]["Title"] = change
    return rows


def upload(python: str, checkout: Path, sandbox: Sandbox, rows: list[dict[str, str]]) -> None:
    """Let the connector upload the people of a file. Raises SystemExit with its log if it logged an error."""
    with TemporaryDirectory() as folder:
        file, ini = Path(folder) / "people.csv", Path(folder) / "config.ini"
        with file.open("w", newline="") as lines:
            writer = csv.DictWriter(lines, list(MAPPING))
            writer.writeheader()
            writer.writerows(rows)
        ini.write_text(
            f"[oomnitza]\nurl = {sandbox.oomnitza_url}\napi_token = {sandbox.oomnitza.token}\n\n"
            f"[csv_users]\nenable = True\nfilename = {file}\ndefault_role = 25\ndefault_position = Employee\n"
            "sync_field = EMAIL\nuse_server_map = True\n"
        )
        command = [python, str(checkout / "connector.py"), "upload", "csv_users", "--ini", str(ini)]
        done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=300)
    log = done.stdout + done.stderr
    if done.returncode or " - ERROR - " in log or "Traceback" in log:
        raise SystemExit(f"Oomnitza's connector failed:\n{log}")


def main() -> None:
    """Run it, and compare what arrived with what was sent."""
    parser = argparse.ArgumentParser(prog="python -m integration_tests.tools.oomnitza_connector", description=__doc__)
    parser.add_argument("python", help="interpreter with the connector's packages")
    parser.add_argument("checkout", type=Path, help="clone of Oomnitza/oomnitza-connector")
    options = parser.parse_args()
    with Sandbox(people=1) as sandbox:
        oomnitza = sandbox.oomnitza
        oomnitza.mappings["CSV_users"] = dict(MAPPING)
        oomnitza.switches.csrf = "demanded"
        for title in ("Cook", "Chef"):
            upload(options.python, options.checkout.resolve(), sandbox, people(title))
        bad = [f"{e.method} {e.path}: {e.status} {e.answer!r}" for e in sandbox.requests if e.status != 200]
        expected = [{"added": PEOPLE}, {"updated": 1, "unchanged": PEOPLE - 1}]
        counts = [{word: number for word, number in run.objects.items() if number} for run in oomnitza.runs()]
        titles = {each["email"]: (each["position"], each["role"]) for each in oomnitza.people()}
        if bad or counts != expected or titles.get("person00@acme.example") != ("Chef", 25):
            raise SystemExit(f"Rejected: {bad}\nRuns: {counts}, expected {expected}\nPeople: {titles}")
        requests = len(sandbox.requests)
    print(f"Oomnitza's connector uploaded {PEOPLE} people twice, in {requests} requests, without an error.")


if __name__ == "__main__":
    main()
