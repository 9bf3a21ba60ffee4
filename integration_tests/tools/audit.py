"""Known vulnerabilities of what the connectors are made of: part of `make lint`, once a day.

Only what the two connectors bring into their images is audited, in the versions that are installed, which constraints.txt pins.
pip-audit asks for the advisories. A finding fails; no answer, or an unknown package, does not: a machine without a network must be
able to lint.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from packaging.requirements import Requirement

CONNECTORS = ("airbyte-source-slack-users", "airbyte-destination-oomnitza")
ROOT = Path(__file__).parents[2]
DONE = ROOT / ".cache" / "audited"
A_DAY = 24 * 3600


def runtime_requirements() -> list[str]:
    """What the connectors need at run time, and all that this needs, as `name==version`."""
    found: dict[str, str] = {}
    waiting = list(CONNECTORS)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:  # of another platform or Python
            continue
        found[name] = package.version
        needed = map(Requirement, package.requires or [])
        waiting += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return sorted(f"{name}=={version}" for name, version in found.items() if name not in CONNECTORS)


def audit(requirements: list[str]) -> list[dict[str, Any]] | None:
    """What pip-audit says of each package, or None where it got no answer."""
    with NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(requirements))
        file.flush()
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "5", "--format", "json"]
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", "-r", file.name, *options], capture_output=True, text=True, check=False
        )
    try:
        answer: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    return answer


def main() -> int:
    """Audit, and tell what was found. The exit status is 1 where something was."""
    pins = ROOT / "constraints.txt"
    if DONE.exists() and DONE.stat().st_mtime > max(pins.stat().st_mtime, time.time() - A_DAY):
        return 0
    answer = audit(runtime_requirements())
    known = [each for each in answer or [] if "vulns" in each]
    findings = [(each, vulnerability) for each in known for vulnerability in each["vulns"]]
    for package, vulnerability in findings:
        fixed = ", ".join(vulnerability.get("fix_versions") or ["none yet"])
        print(f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}", file=sys.stderr)
    if not known:
        print("Not audited: no advisories are to be had from here.")
    DONE.parent.mkdir(exist_ok=True)
    if not findings:
        DONE.touch()
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
