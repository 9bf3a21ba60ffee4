"""Switches for what is not known of Oomnitza, or differs from instance to instance.

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
    """One attribute for each open point.

    A name or a word that does not exist raises AttributeError or ValueError.
    """

    # Filters and listings

    case_sensitive: bool = False
    """Filters compare texts with regard to case. (Unique values never do.)"""
    backslash_escapes: bool = False
    """A backslash escapes within a filter's texts."""
    unsorted: Literal["created", "shuffled"] = "shuffled"
    """The order of rows without `sortby`: that of their creation, or another one at each request."""
    max_page: int = 2000
    """The largest `limit`."""
    above_max_page: Literal["rejected", "capped"] = "rejected"
    """A larger `limit` is rejected, or answered with `max_page` rows."""
    total_count: TotalCount = "exact"
    """X-Total-Count: exact, absent, the rows of this page, a text, or of all rows whatever the filter."""
    archived: Literal["listed", "hidden"] = "listed"
    """Archived people are in listings, or not."""
    lookup_lag: int = 0
    """The look-ups that miss a person after the creation, one after the other."""

    # People

    meta_status: int = 200
    """403 or 404: the instance does not answer `users/meta`."""
    flags: tuple[str, str] = ("1", "0")
    """The words for true and false in the metadata; ("true", "false") is the other way."""
    empty: Literal["empty", "null", "absent"] = "empty"
    """A text that is not set comes as "", as null, or not at all."""
    username_edits: Literal["rejected", "ignored", "taken"] = "rejected"
    """A user name in the edit of a person is rejected, ignored, or taken."""
    dropdowns: Literal["values", "keys", "either"] = "values"
    """A drop-down takes the values of its list, or the keys, or either; it keeps what it is given."""
    normalized: frozenset[str] = frozenset()
    """Values that are kept otherwise than sent: "phone" (digits only), "blanks", "title_case" (position), "cut" (to the length)."""
    creation_answer: Literal["person", "no_user_id", "empty", "nothing"] = "person"
    """The answer to a creation: the person, the person without `user_id`, {}, or no body."""
    duplicate_status: int = 400
    """The status with which a value that must be unique is rejected (409 is the other way)."""

    # Rejections and sign-in

    rejections: Rejections = "status"
    """A rejected write: 4xx with `error`; 200 with `errors`, `error` or `success`; 4xx with a text or with HTML."""
    csrf: Literal["off", "offered", "demanded"] = "offered"
    """X-CSRF-Token: none, given (a wrong one is rejected), or needed (writes without it are rejected)."""
    token_requests: int | None = None
    """The requests that the first token of a password is good for; the further ones last. None: it lasts, too."""

    # SaaS applications

    saas_created_status: int = 201
    """The status of a created application (200 is the other way)."""
    saas_roles: Literal["object", "list", "without_ids", "names"] = "object"
    """`roles` of an application's user: one role (as in the OpenAPI document), or a list: whole, without `role_id`, or of labels."""
    saas_activity: Literal["deactivated", "active", "is_active", "status"] | None = "deactivated"
    """The field that shows whether a SaaS user is active."""
    saas_user_id: bool = True
    """Rows have `saas_user_id`; without it, activation takes the `user_id`."""
    saas_users_paging: bool = True
    """`GET /saas/{id}/users` obeys `limit` and `skip`; otherwise every page is the whole list."""
    assign_answer: bytes = b""
    """The body with which assignments are answered (the OpenAPI document describes none)."""

    # Ingest

    unknown_connector_status: Literal[200, 404] = 200
    """The answer to the mapping of a `connector_id` that does not exist: {}, or 404."""
    saas_needs_connector: bool = True
    """A batch with SAAS needs `connector_id`."""
    run_by_uuid: bool = False
    """A run's log is read by the UUID, too, not only by `portion_id`."""
    run_polls: int = 2
    """The times that a finalized run is asked for before it has ended; -1: it never ends."""
    run_words: tuple[str, str, str] = ("Processing", "Completed", "Completed with errors")
    """The status of a run before its end, after it, and after one with failed records."""
    run_objects: Literal["nonzero", "all"] = "nonzero"
    """The counts and lines of a run's log: those that are not 0, or all."""

    @contextmanager
    def temporarily(self, **values: Any) -> Iterator[None]:
        """Set switches within it, and set them back afterwards."""
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
    """Return the words of each switch that has words; of a union, those of its parts."""
    words = {}
    for name, kind in get_type_hints(Switches).items():
        parts = [kind] if get_origin(kind) is Literal else get_args(kind)
        literals = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
        if literals:
            words[name] = (*literals, None) if type(None) in parts else tuple(literals)
    return words


_WORDS: dict[str, tuple[Any, ...]] = _words()
