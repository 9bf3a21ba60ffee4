"""Manages the folder of a sync, below XDG_STATE_HOME and for the user alone."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bundle.errors import UsageError

NAME = "airbyte-oomnitza"


def private_folder(environment: Mapping[str, str]) -> Path:
    """Create the folder if it is absent, and close it to other users.

    Raises UsageError if that is not possible.
    """
    # The XDG Base Directory Specification asks to ignore a relative path.
    named = Path(environment.get("XDG_STATE_HOME", ""))
    base = named if named.is_absolute() else Path(environment.get("HOME") or Path.home()) / ".local" / "state"
    folder = base / NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise UsageError(
            f"The folder {folder} for state and temporary files cannot be used: {error.strerror}. "
            "Set XDG_STATE_HOME to a folder that you can write to."
        ) from None
    return folder


def make_private(folder: Path) -> None:
    """Create a folder below the private one, with its parents, for the user alone.

    Raises UsageError if that is not possible.
    """
    try:
        for each in (*reversed(folder.parents), folder):
            each.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


@contextlib.contextmanager
def temporary_folder(private: Path) -> Iterator[Path]:
    """Create a folder for the files of one sync, and remove it at the end.

    Removes the folders of killed syncs, too. PyAirbyte makes the configurations that it passes to the connectors as
    files readable for every user (as_temp_files), so the folder around them must be closed.
    """
    with contextlib.ExitStack() as held:
        with _locked(
            private / "temporary.lock", wait=True
        ):  # so that no other sync takes the new folder for one left behind
            for old in private.glob("sync-*"):
                with _locked(old / "lock") as free:
                    if free:
                        shutil.rmtree(old, ignore_errors=True)
            try:
                folder = Path(tempfile.mkdtemp(prefix="sync-", dir=private))
            except OSError as error:
                raise _unwritable(private, error) from None
            held.enter_context(_locked(folder / "lock"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def exclusive(file: Path, what: str) -> Iterator[None]:
    """Hold the lock of a file. Raises UsageError if another process holds it."""
    with _locked(file) as free:
        if not free:
            raise UsageError(f"Another sync of {what} is running. Wait for its end.")
        yield


@contextlib.contextmanager
def _locked(file: Path, wait: bool = False) -> Iterator[bool]:
    """Try to lock a file for the block, and yield whether it was free.

    With `wait`, waits until it is. Raises UsageError if the file cannot be written.
    """
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:  # its folder was removed meanwhile
        yield False
        return
    except OSError as error:
        raise _unwritable(file, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        free = True
    except BlockingIOError:
        free = False
    try:
        yield free
    finally:
        os.close(descriptor)


def save(file: Path, content: Any) -> None:
    """Replace a JSON file in one step, readable by its owner alone.

    Raises UsageError if it cannot be written.
    """
    make_private(file.parent)
    try:
        _replace(file, content)
    except OSError as error:
        raise _unwritable(file, error) from None


def _replace(file: Path, content: Any) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)  # 0600 by itself
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as new:
            json.dump(content, new)
            new.flush()
            os.fsync(new.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{path} cannot be written: {error.strerror}. Make room on its disk, or correct the permissions there."
    )


def load(file: Path) -> Any:
    """Read a JSON file that `save` wrote; None if it is absent.

    Raises UsageError if it is damaged.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read ({type(error).__name__}). Remove it to start over.") from None
