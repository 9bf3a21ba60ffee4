"""Drives Debian's Chromium with Playwright, and serves a playground for it."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from integration_tests.playground import serve

PAGES = {
    "people": "/people",
    "saas-users": "/software/saas/slack/users",
    "runs": "/runs",
    "slack": "/slack",
    "run": "/runs/2",
    "filtered": "/people?paid_seat=yes&sort=email&order=desc",
    "nobody": "/people?q=zuul",
}
FLAGS = [
    "--headless",
    "--no-sandbox",  # as root, in a container, it starts in no other way; it only sees our own pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing() -> str:
    """Return what to do if there is no browser; "" if there is one."""
    if shutil.which("chromium"):
        return ""
    return "There is no chromium on the path: `apt-get install chromium` (Debian, as root) brings it."


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the browser. Ends the process with a sentence if there is none."""
    if reason := missing():
        raise SystemExit(reason)
    executable = shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def playground(people: int, latency: float = 0) -> Iterator[str]:
    """Yield the address of a playground, with its state in a temporary directory."""
    with tempfile.TemporaryDirectory() as home, serve(Path(home), people, latency=latency) as running:
        yield running.sandbox.oomnitza_url


def change(page: Page, address: str, name: str, title: str) -> None:
    """Change a member's title as a person would: search, type, save."""
    page.goto(f"{address}/slack")
    page.get_by_label("Search members").fill(name)
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("link", name=f"Edit {name}", exact=True).click()
    page.get_by_label(f"Title of {name}", exact=True).fill(title)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("title changed").wait_for()


def sync(page: Page, number: int) -> None:
    """Press "Sync now", and wait until the page shows the end of this sync."""
    page.get_by_role("button", name="Sync now").click()
    page.get_by_role("heading", name=re.compile(rf"^Sync {number} (succeeded|partly|failed)")).wait_for(timeout=240_000)
