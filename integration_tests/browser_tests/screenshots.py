"""Takes the pictures of the documentation: `make screenshots`."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from integration_tests.browser_tests.browser import change, chromium, playground, sync

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
LARGEST = 120_000


def take(page: Page, name: str, address: str = "") -> None:
    """Take a picture of a page; of the one that is open if no address is given."""
    if address:
        page.goto(address)
    page.screenshot(path=PICTURES / f"{name}.png")


def main() -> None:
    """Run two syncs with changes between, and take pictures.

    Ends the process if one is too large.
    """
    PICTURES.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, playground(people=250, latency=0.1) as address:
        page = browser.new_page(viewport={"width": 1200, "height": 620})
        page.goto(address)
        page.get_by_role("button", name="Sync now").click()
        page.locator(".phases [aria-current]").filter(has_text="writing").wait_for(timeout=240_000)
        take(page, "progress")
        page.get_by_role("heading", name="Sync 1 partly succeeded").wait_for(timeout=240_000)
        change_members(page, address)
        take(page, "slack", f"{address}/slack")
        sync(page, 2)
        take(page, "runs", f"{address}/runs")
        page.set_viewport_size({"width": 1200, "height": 860})
        take(page, "run", f"{address}/runs/2")
        page.set_viewport_size({"width": 1200, "height": 620})
        take(page, "people", f"{address}/people?sort=touched&order=desc")
        take(page, "saas-users", f"{address}/software/saas/slack/users?sort=touched&order=desc")
        change(page, address, "Grace Hopper", "Commodore")
        page.get_by_role("link", name="Grace Hopper", exact=True).click()
        page.get_by_text("The next sync changes 1 field.").wait_for()
        take(page, "person")
    for picture in sorted(PICTURES.glob("*.png")):
        size = picture.stat().st_size
        print(f"docs/pictures/{picture.name}: {size // 1000} kB")
        if size > LARGEST:
            raise SystemExit(f"{picture.name} is larger than {LARGEST // 1000} kB.")


def change_members(page: Page, address: str) -> None:
    """Give two members new titles, deactivate one, and invite one."""
    change(page, address, "Grace Hopper", "Rear Admiral")
    change(page, address, "Katherine Johnson", "Navigator")
    page.goto(f"{address}/slack?q=Ada+Lovelace")
    page.get_by_role("button", name="Deactivate Ada Lovelace").click()
    page.get_by_role("button", name="Reactivate Ada Lovelace").wait_for()
    page.get_by_text("Invite somebody").click()
    page.get_by_label("Name", exact=True).fill("Dana Barrett")
    page.get_by_label("E-mail address", exact=True).fill("dana.barrett@acme.example")
    page.get_by_role("button", name="Invite", exact=True).click()
    page.get_by_text("invited", exact=True).wait_for()


if __name__ == "__main__":
    main()
