"""Tests the installation that make runs: its progress, and its errors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundle import install

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple/",
    "PIP_RETRIES": "1",
    "PIP_FIND_LINKS": "",
}


@pytest.mark.parametrize("group", install.GROUPS)
def test_unreachable_index_is_one_sentence(tmp_path: Path, group: str) -> None:
    """An unreachable index is reported in one sentence, in a path with a blank."""
    tree = tmp_path / "a tree"
    (tree / "bundle").mkdir(parents=True)
    shutil.copy(ROOT / "bundle" / "install.py", tree / "bundle")
    shutil.copy(ROOT / "pyproject.toml", tree)
    shutil.copy(ROOT / install.CONSTRAINTS, tree)
    for connector in install.CONNECTORS:
        shutil.copytree(ROOT / connector, tree / connector, ignore=shutil.ignore_patterns("__pycache__", "unit_tests"))
    kept = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, tree / "bundle" / "install.py", group],
        cwd=tmp_path,
        env=kept | NOWHERE,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "The package index is unreachable" in done.stderr
    assert re.search(r"about [\d.]+ [MG]B on the disk", done.stdout)


def test_unsupported_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    with pytest.raises(install.InstallFailed, match=r"this is 3\.13"):
        install.install("run")


def test_pip_failure_shows_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(install.InstallFailed, match=r"the cause\npip failed to install"):
        install.run_command([sys.executable, "-c", "print('the cause'); raise SystemExit(1)"], "test")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_clean_removes_only_what_make_made() -> None:
    done = make("--dry-run", "clean")
    mutants = ["source-slack-users/mutants", "destination-oomnitza/mutants"]
    assert done.stdout.split() == ["rm", "-rf", ".venv", ".cache", ".sandbox", *mutants]


@pytest.mark.parametrize("target", ["sync", "probe", "register"])
def test_configurations_are_asked_for_first(target: str) -> None:
    done = make(target, "SOURCE_CONFIG=only one.json")
    assert done.returncode == 2
    assert f"make {target} SOURCE_CONFIG=" in done.stderr
    assert "Installing" not in done.stdout


@pytest.mark.parametrize("target", ["sync", "probe", "register"])
def test_paths_with_blanks_are_handed_on(target: str) -> None:
    done = make("--dry-run", target, "SOURCE_CONFIG=a b.json", "DESTINATION_CONFIG=c d.json", "FLAGS=--flag")
    assert f'-m bundle {target} "a b.json" "c d.json" --flag' in done.stdout
