"""Tests of the folder of a sync: it is there until the sync has ended."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle import private_folder
from bundle.errors import UsageError
from bundle.private_folder import exclusive, make_private, save, temporary_folder


def test_exclusive_second_sync_is_refused(tmp_path: Path) -> None:
    held, second = (exclusive(tmp_path / "lock", "these two") for _ in range(2))
    with held, pytest.raises(UsageError, match="Another sync of these two"), second:
        pass


def test_temporary_folder_of_a_killed_sync_is_removed(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as running:
        (tmp_path / "sync-killed").mkdir()
        with temporary_folder(tmp_path) as second:
            assert {each.name for each in tmp_path.glob("sync-*")} == {running.name, second.name}
    assert not list(tmp_path.glob("sync-*"))


def test_temporary_folder_is_made_while_no_other_sync_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync of the same second would remove a folder that is not locked yet."""
    make = private_folder.tempfile.mkdtemp

    def mkdtemp(**arguments: Any) -> str:
        with (tmp_path / "temporary.lock").open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return make(**arguments)

    monkeypatch.setattr(private_folder.tempfile, "mkdtemp", mkdtemp)
    with temporary_folder(tmp_path) as folder:
        assert folder.is_dir()


@pytest.mark.parametrize(
    ("module", "call", "write"),
    [
        (os, "fsync", lambda folder: save(folder / "state.json", [])),
        (Path, "mkdir", lambda folder: make_private(folder / "state")),
        (os, "open", lambda folder: exclusive(folder / "lock", "these two").__enter__()),
        (private_folder.tempfile, "mkdtemp", lambda folder: temporary_folder(folder).__enter__()),
    ],
)
def test_private_file_on_a_full_disk_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, call: str, write: Callable[[Path], Any]
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, call, full)
    with pytest.raises(UsageError, match=r"cannot be written: No space left on device\. Make room"):
        write(tmp_path)
    monkeypatch.undo()
    assert [each.name for each in tmp_path.iterdir() if each.suffix != ".lock"] == []
