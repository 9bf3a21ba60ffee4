"""`make screenshots`: the pictures of the documentation, of the pages as they are now."""

from __future__ import annotations

from pathlib import Path

from integration_tests.browser_tests.browser import PAGES, change, chromium, playground, sync

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
LARGEST = 120_000


def main() -> None:
    """Two syncs with some changes between; then a picture of every page. Ends the process where one is too large."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, playground(people=250) as address:
        page = browser.new_page(viewport={"width": 1200, "height": 620})
        page.goto(address)
        sync(page, 1)
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
        page.goto(f"{address}/slack")
        page.screenshot(path=PICTURES / "slack.png")
        sync(page, 2)
        for name in ("people", "saas-users", "runs"):
            order = "" if name == "runs" else "?sort=sync&order=desc"
            page.goto(address + PAGES[name] + order)
            page.screenshot(path=PICTURES / f"{name}.png")
    for picture in sorted(PICTURES.glob("*.png")):
        size = picture.stat().st_size
        print(f"docs/pictures/{picture.name}: {size // 1000} kB")
        if size > LARGEST:
            raise SystemExit(f"{picture.name} is larger than {LARGEST // 1000} kB.")


if __name__ == "__main__":
    main()
