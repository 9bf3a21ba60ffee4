"""Tests that the packages of images and workflows are pinned and audited."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_tests.tools import audit

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*==[^ ;\\\n]+(?: ; [^\\\n]+)?)", re.MULTILINE)


def pins(file: str) -> set[str]:
    return {pin.strip() for pin in PIN.findall((ROOT / file).read_text(encoding="utf-8"))}


def test_constraints_are_the_packages_of_the_images() -> None:
    assert pins("constraints.txt") == pins("requirements.txt")


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-build.txt"])
def test_build_packages_have_hashes(file: str) -> None:
    blocks = re.split(r"\n(?=\S)", (ROOT / file).read_text(encoding="utf-8").strip())
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_locks_name_no_index() -> None:
    for file in ("requirements.txt", "requirements-build.txt", "constraints.txt", "constraints-dev.txt"):
        assert not re.search(r"://|--index|--find-links", (ROOT / file).read_text(encoding="utf-8"))


def test_pyairbyte_holds_back_nothing_of_the_images() -> None:
    """PyAirbyte needs cryptography below 47, and does not limit the images."""
    (version,) = [pin.partition("==")[2] for pin in pins("requirements.txt") if pin.startswith("cryptography==")]
    assert int(version.split(".")[0]) >= 47
    assert not [pin for pin in pins("requirements.txt") if pin.startswith(("airbyte==", "duckdb"))]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(workflow: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (\S+)(.*)$", workflow.read_text(encoding="utf-8"), re.MULTILINE)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+(\.\d+\.\d+)?", comment), action


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_only_read_by_default(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text(encoding="utf-8"))["permissions"] == {"contents": "read"}


def test_no_code_of_a_build_runs_where_images_are_signed() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    (signing,) = [job for job in jobs.values() if "id-token" in job.get("permissions", {})]
    assert not [
        step for step in signing["steps"] if "checkout" in step.get("uses", "") or "build" in step.get("run", "")
    ]


def package(name: str, *vulnerabilities: str) -> dict[str, Any]:
    return {"name": name, "version": "1", "vulns": [{"id": each, "fix_versions": ["2"]} for each in vulnerabilities]}


@pytest.mark.parametrize(
    ("answer", "in_ci", "status"),
    [
        ([package("a"), package("b")], True, 0),
        ([package("a", "PYSEC-1")], False, 1),
        (None, False, 0),
        (None, True, 1),
        ([package("a"), {"name": "b", "skip_reason": "not found"}], False, 0),
        ([package("a"), {"name": "b", "skip_reason": "not found"}], True, 1),
    ],
)
def test_audit_fails_closed_in_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, in_ci: bool, status: int
) -> None:
    monkeypatch.setattr(audit, "DONE", tmp_path / "cache" / "audited")
    monkeypatch.setattr(audit, "audit", lambda: answer)
    monkeypatch.setenv("CI", "true" if in_ci else "")
    assert audit.main() == status
    assert audit.DONE.exists() == (status == 0 and answer is not None and all("vulns" in each for each in answer))
