"""Tests of pagination: listings are read completely, however they are paged."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from destination_oomnitza.api import pagination
from destination_oomnitza.api.pagination import Listing, total_count
from destination_oomnitza.api.responses import RequestRejected
from hypothesis import given
from hypothesis import strategies as st


class Instance:
    """Client of an instance that pages as configured; counts the requested pages."""

    def __init__(
        self,
        rows: list[dict[str, Any]],
        *,
        obeys_skip: bool = True,
        obeys_limit: bool = True,
        cap: int = 2000,
        counts: str = "exact",
        sorts: str = "obeyed",
    ) -> None:
        self.rows = rows
        self.obeys_skip = obeys_skip
        self.obeys_limit = obeys_limit
        self.cap = cap
        self.counts = counts
        self.sorts = sorts
        self.queries: list[dict[str, list[str]]] = []
        self._random = random.Random(5)

    def get_list(self, path: str) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
        query = parse_qs(urlsplit(path).query)
        self.queries.append(query)
        if "sortby" in query and self.sorts.startswith("rejected"):
            raise RequestRejected(200 if self.sorts.endswith("200") else 400, "Unknown parameter: sortby.")
        rows = list(self.rows)
        if "sortby" not in query or self.sorts == "ignored":
            self._random.shuffle(rows)
        skip = int(query["skip"][0]) if self.obeys_skip else 0
        limit = min(int(query["limit"][0]), self.cap) if self.obeys_limit else len(rows)
        page = rows[skip : skip + limit]
        count = {"exact": len(rows), "page": len(page), "all": len(rows) + 1000, "absent": "", "text": "many"}[
            self.counts
        ]
        return page, {"X-Total-Count": str(count)}


def people(number: int) -> list[dict[str, Any]]:
    return [{"user_id": f"{place:06}"} for place in range(number)]


def read(instance: Instance, page: int = 500) -> tuple[list[str], bool]:
    listing = Listing(instance, "/api/v3/users", "user_id", page=page)  # type: ignore[arg-type]  # it asks for pages only
    names = [str(row["user_id"]) for row in listing.rows()]
    return names, listing.whole


@given(
    number=st.integers(0, 700) | st.sampled_from([100, 150, 200, 300]),
    page=st.integers(1, 6).map(lambda fifties: 50 * fifties),
    paging=st.fixed_dictionaries(
        {
            "cap": st.integers(1, 8).map(lambda fifties: 50 * fifties),
            "counts": st.sampled_from(["exact", "page", "absent"]),
            "obeys_skip": st.booleans(),
            "obeys_limit": st.booleans(),
            "sorts": st.sampled_from(["obeyed", "ignored", "rejected", "rejected by 200"]),
        }
    ),
)
def test_listing_whole_has_each_row_once(number: int, page: int, paging: dict[str, Any]) -> None:
    """Holds for any instance but one.

    Nothing can detect an instance that hides both a cap of its pages and that it ignores `skip`.
    """
    names, whole = read(Instance(people(number), **paging), page)
    assert len(set(names)) == len(names)
    if whole and (paging["obeys_skip"] or paging["counts"] == "exact"):
        assert len(names) == number
    if paging["obeys_skip"] and paging["obeys_limit"] and paging["sorts"] == "obeyed":
        assert whole


@pytest.mark.parametrize("counts", ["exact", "page", "absent", "text"])
@pytest.mark.parametrize("cap", [2000, 50])
@pytest.mark.parametrize("number", [0, 1, 499, 500, 501, 1203])
def test_listing_obeyed_is_whole(number: int, cap: int, counts: str) -> None:
    names, whole = read(Instance(people(number), cap=cap, counts=counts))
    assert (len(names), whole) == (number, True)


def test_listing_sends_sorting_limit_and_skip() -> None:
    instance = Instance(people(501))
    listing = Listing(instance, "/api/v3/users", "user_id", query="filter=x%20eq%201")  # type: ignore[arg-type]
    assert len(list(listing.rows())) == 501
    assert [(query["sortby"], query["limit"], query["skip"], query["filter"]) for query in instance.queries] == [
        (["user_id asc"], ["500"], ["0"], ["x eq 1"]),
        (["user_id asc"], ["500"], ["500"], ["x eq 1"]),
    ]


@pytest.mark.parametrize("number", [1, 501])
def test_listing_filtered_with_count_of_all_is_whole(number: int) -> None:
    instance = Instance(people(number), counts="all")
    listing = Listing(instance, "/api/v3/users", "user_id", query="filter=x")  # type: ignore[arg-type]
    assert (len(list(listing.rows())), listing.whole) == (number, True)
    assert read(instance)[1] is False  # without a filter, other people must be listed


@pytest.mark.parametrize("number", [1, 37, 499, 1203])
def test_listing_that_is_not_paged_is_whole(number: int) -> None:
    instance = Instance(people(number), obeys_skip=False, obeys_limit=False, counts="absent")
    assert read(instance) == ([each["user_id"] for each in instance.rows], True)
    assert len(instance.queries) <= 3


@pytest.mark.parametrize("number", [100, 500])
def test_listing_that_may_be_one_page_is_not_whole(number: int) -> None:
    assert read(Instance(people(number), obeys_skip=False, counts="absent"))[1] is False


@pytest.mark.parametrize("counts", ["exact", "absent"])
def test_listing_that_ignores_skip_ends(counts: str) -> None:
    instance = Instance(people(78_667), obeys_skip=False, counts=counts)
    names, whole = read(instance)
    assert (len(names), whole) == (500, False)
    assert len(instance.queries) == 2


def test_listing_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MAX_ROWS", 2000)
    instance = Instance(people(100_000), counts="absent")
    assert read(instance)[1] is False
    assert len(instance.queries) == 5


def test_listing_that_shrinks_meanwhile_is_not_whole() -> None:
    instance = Instance(people(1000))
    listing = Listing(instance, "/api/v3/users", "user_id")  # type: ignore[arg-type]
    for number, _ in enumerate(listing.pages()):
        if number == 0:
            del instance.rows[10]  # so number 500 moves to a page that was read before
    assert not listing.whole


def test_listing_that_grows_meanwhile_is_whole() -> None:
    instance = Instance(people(600))
    listing = Listing(instance, "/api/v3/users", "user_id")  # type: ignore[arg-type]
    names: list[Any] = []
    for number, page in enumerate(listing.pages()):
        names += page
        if number == 0:
            instance.rows = people(700)
    assert (len(names), listing.whole) == (700, True)


def test_listing_sorting_rejected_counts_prove_it_whole() -> None:
    assert read(Instance(people(37), sorts="rejected", counts="absent"))[1] is True
    assert read(Instance(people(1203), sorts="rejected", counts="absent"))[1] is False


def test_listing_rejected_is_raised() -> None:
    class Rejecting(Instance):
        def get_list(self, path: str) -> Any:
            raise RequestRejected(404, "Nothing here.")

    with pytest.raises(RequestRejected):
        read(Rejecting([]))


def test_listing_rows_without_id_are_not_one() -> None:
    instance = Instance([{"email": "a@x"}, {"email": "b@x"}, {"email": "c@x", "user_id": ""}])
    listing = Listing(instance, "/api/v3/users", "user_id")  # type: ignore[arg-type]
    assert len(list(listing.rows())) == 3


@pytest.mark.parametrize(
    ("header", "number"),
    [
        ("0", 0),
        ("12", 12),
        (" 12 ", 12),
        ("", None),
        ("²", None),
        ("१२", None),
        ("1_000", None),
        ("-1", None),
        ("1e3", None),
        ("12, 12", None),
        ("9" * 5000, None),
    ],
)
def test_total_count_is_read_strictly(header: str, number: int | None) -> None:
    assert total_count({"X-Total-Count": header}) == number


def test_total_count_missing_is_none() -> None:
    assert total_count({}) is None
