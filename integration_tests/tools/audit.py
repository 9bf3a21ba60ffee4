"""Audits the packages of the images for known vulnerabilities, in `make lint`.

pip-audit requests the advisories of the packages in requirements.txt. A finding fails the audit. A missing response fails it in CI only,
so that `make lint` works on a machine without a network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.txt"
DONE = ROOT / ".cache" / "audited"
A_DAY = 24 * 3600


def audit() -> list[dict[str, Any]] | None:
    """Return pip-audit's finding for each package; None without a response."""
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--timeout", "5", "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "-r", LOCK, *options], capture_output=True, text=True, check=False
    )
    try:
        answer: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    return answer


def main() -> int:
    """Audit, print the findings, and return the exit status.

    It is 1 if there are findings, or if in CI a package was not audited.
    """
    if DONE.exists() and DONE.stat().st_mtime > max(LOCK.stat().st_mtime, time.time() - A_DAY):
        return 0
    answer = audit() or []
    known = [each for each in answer if "vulns" in each]
    findings = [(each, vulnerability) for each in known for vulnerability in each["vulns"]]
    for package, vulnerability in findings:
        fixed = ", ".join(vulnerability.get("fix_versions") or ["none yet"])
        print(f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}", file=sys.stderr)
    whole = bool(known) and len(known) == len(answer)
    if not whole:
        print(f"Not audited: {len(answer) - len(known) or 'all'} packages; the advisories are unreachable.")
    elif not findings:
        DONE.parent.mkdir(exist_ok=True)
        DONE.touch()
    return 1 if findings or (not whole and os.environ.get("CI") == "true") else 0


if __name__ == "__main__":
    sys.exit(main())
