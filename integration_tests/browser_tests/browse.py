"""Tests the pages in headless Chromium: clicks, keyboard, axe-core, a phone.

`make test-browser` names this file; its own name keeps it out of `make test`, which needs no browser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Request, expect

from integration_tests.browser_tests.browser import PAGES, change, chromium, missing, playground, sync

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
pages = pytest.mark.parametrize("path", PAGES.values(), ids=PAGES.keys())
sizes = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
schemes = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if reason := missing():
        pytest.exit(reason, returncode=1)
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def address(browser: Browser) -> Iterator[str]:
    """Yield a playground after two syncs, with one member changed since."""
    with playground(people=120) as at:
        page = browser.new_page()
        page.goto(at)
        sync(page, 1)
        change(page, at, "Grace Hopper", "Rear Admiral")
        sync(page, 2)
        change(page, at, "Radia Perlman", "Fellow")
        page.close()
        yield at


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Yield a page; fail at the end if the browser complained about anything."""
    page = browser.new_page(viewport=DESK)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url) if _is_failed(request) else None)
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    yield page
    page.close()
    assert complaints == []


def _is_failed(request: Request) -> bool:
    """Return whether a request failed, and did not just end with its page."""
    return request.failure != "net::ERR_ABORTED"


def test_change_in_slack_is_in_oomnitza_after_a_sync(page: Page, address: str) -> None:
    page.goto(f"{address}/runs")
    page.get_by_role("link", name="Who and what in sync 2").click()
    changed = page.get_by_role("region", name="Changed")
    expect(changed).to_contain_text("Rear Admiral")
    changed.get_by_role("link", name="Grace Hopper").click()
    expect(page.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    expect(page.get_by_role("region", name="History")).to_contain_text("Sync 2")


def test_rejected_record_is_shown_with_its_reason(page: Page, address: str) -> None:
    page.goto(f"{address}/runs/1")
    rejected = page.get_by_role("region", name="Rejected")
    expect(rejected.get_by_role("listitem")).to_contain_text("is in use already")


def edit(page: Page, address: str, name: str, search: str = "") -> Locator:
    """Open a member for editing, and return the title field, which has the focus."""
    page.goto(f"{address}/slack?q={quote(search or name)}")
    page.get_by_role("link", name=f"Edit {name}", exact=True).click()
    title = page.get_by_label(f"Title of {name}", exact=True)
    expect(title).to_be_focused()
    return title


def test_leaving_a_field_saves_it(page: Page, address: str) -> None:
    edit(page, address, "Katherine Johnson").fill("Navigator")
    page.keyboard.press("Tab")
    expect(page.get_by_role("status")).to_have_text("Saved.")
    page.goto(f"{address}/slack?q=Katherine")
    expect(page.get_by_role("row").filter(has_text="Katherine Johnson")).to_contain_text("Navigator")


def test_button_of_another_row_saves_a_field(page: Page, address: str) -> None:
    edit(page, address, "Katherine Johnson", search="Johnson").fill("Computer")
    page.get_by_role("button", name=re.compile("^Deactivate ")).last.click()
    page.get_by_role("button", name=re.compile("^Reactivate ")).first.wait_for()
    page.goto(f"{address}/slack?q=Katherine")
    expect(page.get_by_role("row").filter(has_text="Katherine Johnson")).to_contain_text("Computer")


def test_everything_can_be_done_by_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}/slack?q=Radia")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    pencil = page.get_by_role("link", name=re.compile("^Edit ")).first
    for _ in range(60):
        page.keyboard.press("Tab")
        if pencil.evaluate("it => it === document.activeElement"):
            break
    page.keyboard.press("Enter")
    title = page.get_by_label(re.compile("^Title of "))
    expect(title).to_be_focused()
    title.fill("")
    page.keyboard.type("Inventor")
    page.keyboard.press("Enter")
    expect(page.get_by_text("title changed").first).to_be_visible()


def test_phone_shows_twenty_cards_at_a_time(page: Page, address: str) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"{address}/people")
    cards = page.locator("tbody tr:visible")
    expect(cards).to_have_count(20)
    page.get_by_role("link", name="Show 20 more").click()
    expect(cards).to_have_count(40)
    page.get_by_role("link", name="Show 10 more").click()
    expect(cards).to_have_count(50)
    expect(page.get_by_role("link", name=re.compile("^Show "))).to_have_count(0)


@sizes
def test_header_stays_in_sight(page: Page, address: str, size: dict[str, int]) -> None:
    page.set_viewport_size(size)
    page.goto(f"{address}/people")
    page.mouse.wheel(0, 4000)
    expect(page.get_by_role("button", name="Sync now")).to_be_in_viewport()


def test_unused_seats_are_one_click_away(page: Page, address: str) -> None:
    page.goto(f"{address}/people")
    link = page.locator(".shortcut")
    count = int(link.locator(".quiet").inner_text())
    link.get_by_role("link", name="Paid for, and no login for 90 days").click()
    expect(page.get_by_text(f"Everybody in Oomnitza: {count} of ")).to_be_visible()
    for row in page.locator("tbody tr").all():
        expect(row).to_contain_text(re.compile(r"yes\s+over 90 days ago"))
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(download.value.path().read_text().splitlines()) == count + 1


def findings(page: Page, scheme: str, size: dict[str, int]) -> list[tuple[str, list[str]]]:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    return [
        (each["id"], [node["html"] for node in each["nodes"]][:3]) for each in Axe().run(page).response["violations"]
    ]


@schemes
@sizes
@pages
def test_axe_finds_nothing(page: Page, address: str, path: str, size: dict[str, int], scheme: str) -> None:
    page.goto(address + path)
    assert findings(page, scheme, size) == []


@schemes
@sizes
def test_axe_finds_nothing_on_a_persons_page(page: Page, address: str, size: dict[str, int], scheme: str) -> None:
    page.goto(f"{address}/slack?q=Radia")
    page.get_by_role("link", name="Radia Perlman", exact=True).click()
    expect(page.get_by_text("The next sync changes 1 field.")).to_be_visible()
    assert findings(page, scheme, size) == []


def test_sync_now_saves_and_its_page_is_accessible(page: Page) -> None:
    """Cancels the sync at the end, so that the title is not written."""
    with playground(people=60, latency=0.5) as at:
        edit(page, at, "Grace Hopper").fill("Rear Admiral")
        page.get_by_role("button", name="Sync now").click()
        progress = page.get_by_role("status")
        expect(progress).to_contain_text("Sync 1 is under way")
        for scheme in ("light", "dark"):
            for size in (DESK, PHONE):
                assert findings(page, scheme, size) == []
        expect(progress).to_contain_text(re.compile(r"reading \d+ of about 60"), timeout=60_000)
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("heading", name="Sync 1 cancelled").wait_for(timeout=60_000)
        page.goto(f"{at}/slack?q=Grace")
        expect(page.get_by_role("row").filter(has_text="Grace Hopper")).to_contain_text("Rear Admiral")


@pages
def test_page_is_no_wider_than_a_phone(page: Page, address: str, path: str) -> None:
    page.set_viewport_size(PHONE)
    page.goto(address + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pages
def test_scheme_is_the_readers_own(page: Page, address: str, path: str) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(address + path)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark = ([int(part) for part in ground[4:-1].split(",")] for ground in grounds)
    assert min(light) > 200 and max(dark) < 60
