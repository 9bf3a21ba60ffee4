"""Defines switches for behaviour of Oomnitza that is unknown, or differs.

A connector must work with every setting. docs/oomnitza-api.md, "Open points", has a row for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

Rejections = Literal["status", "errors", "error", "success", "text", "html"]
TotalCount = Literal["exact", "absent", "page", "text", "unfiltered"]


@dataclass(slots=True)
class Switches:
    """Holds one switch for each open point.

    A name or a word that does not exist raises AttributeError or ValueError.
    """

    # Filters and listings

    case_sensitive: bool = False
    """Whether filters compare texts case-sensitively. (Unique values never do.)"""
    backslash_escapes: bool = False
    """Whether a backslash escapes in a filter's texts."""
    unsorted: Literal["created", "shuffled"] = "shuffled"
    """Order of rows without `sortby`: by creation, or another at each request."""
    max_page: int = 2000
    """Largest `limit`."""
    above_max_page: Literal["rejected", "capped"] = "rejected"
    """Whether a larger `limit` is rejected, or returns `max_page` rows."""
    total_count: TotalCount = "exact"
    """Value of X-Total-Count: exact, absent, rows of this page, a text, or unfiltered."""
    archived: Literal["listed", "hidden"] = "listed"
    """Whether archived people are listed."""
    lookup_lag: int = 0
    """Number of lookups that miss a created person."""

    # People

    meta_status: int = 200
    """Status of `users/meta`: 200, or 403 or 404 for an instance without it."""
    flags: tuple[str, str] = ("1", "0")
    """Words for true and false in the metadata; ("true", "false") is the other pair."""
    empty: Literal["empty", "null", "absent"] = "empty"
    """Value of an empty text: "", null, or absent."""
    username_edits: Literal["rejected", "ignored", "taken"] = "rejected"
    """Whether a user name in an update is rejected, ignored, or saved."""
    dropdowns: Literal["values", "keys", "either"] = "values"
    """Whether a drop-down accepts its list's values, keys, or both; saved as sent."""
    normalized: frozenset[str] = frozenset()
    """Values saved otherwise than sent.

    "phone" keeps digits only, "blanks" collapses blanks, "title_case" changes positions, "cut" shortens to the length.
    """
    creation_answer: Literal["person", "no_user_id", "empty", "nothing"] = "person"
    """Response to a creation: the person, one without `user_id`, {}, or no body."""
    duplicate_status: int = 400
    """Status that rejects a duplicate value (409 is the other one)."""

    # Rejections and sign-in

    rejections: Rejections = "status"
    """Form of a rejected write.

    4xx with `error`; 200 with `errors`, `error` or `success`; 4xx with a text or with HTML.
    """
    csrf: Literal["off", "offered", "demanded"] = "offered"
    """X-CSRF-Token: none, offered (a wrong one is rejected), or needed for writes."""
    token_requests: int | None = None
    """Requests until the first token of a password expires; None: it does not expire."""

    # SaaS applications

    saas_created_status: int = 201
    """Status of a created application (200 is the other one)."""
    saas_roles: Literal["object", "list", "without_ids", "names"] = "object"
    """`roles` of an application's user: one role (as in the OpenAPI document), or a list: whole, without `role_id`, or of labels."""
    saas_activity: Literal["deactivated", "active", "is_active", "status"] | None = "deactivated"
    """Field that reports whether a SaaS user is active."""
    saas_user_id: bool = True
    """Whether rows have `saas_user_id`; without it, activation takes the `user_id`."""
    saas_users_paging: bool = True
    """Whether the list of SaaS users respects `limit` and `skip`, or is always whole."""
    assign_answer: bytes = b""
    """Body of the response to assignments (the OpenAPI document describes none)."""

    # Ingest

    unknown_connector_status: Literal[200, 404] = 200
    """Response for the mapping of an unknown `connector_id`: {}, or 404."""
    saas_needs_connector: bool = True
    """Whether a batch with SAAS needs `connector_id`."""
    run_by_uuid: bool = False
    """Whether a run's log is found by the UUID, too, not only by `portion_id`."""
    run_polls: int = 2
    """Polls of a finalized run before it has ended; -1: it never ends."""
    run_words: tuple[str, str, str] = ("Processing", "Completed", "Completed with errors")
    """Status of a run before its end, after it, and after failed records."""
    run_objects: Literal["nonzero", "all"] = "nonzero"
    """Whether a run's log has all counts and lines, or only those that are not 0."""

    @contextmanager
    def temporarily(self, **values: Any) -> Iterator[None]:
        """Set switches within the block, and restore them afterwards."""
        before = {name: getattr(self, name) for name in values}
        for name, value in values.items():
            setattr(self, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        allowed = _WORDS.get(name)
        if allowed is not None and value not in allowed:
            raise ValueError(f"{name} is one of {allowed}, not {value!r}.")
        object.__setattr__(self, name, value)


def _words() -> dict[str, tuple[Any, ...]]:
    """Return the possible words of each switch that has words."""
    words = {}
    for name, kind in get_type_hints(Switches).items():
        parts = [kind] if get_origin(kind) is Literal else get_args(kind)
        literals = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
        if literals:
            words[name] = (*literals, None) if type(None) in parts else tuple(literals)
    return words


_WORDS: dict[str, tuple[Any, ...]] = _words()
