"""What is not known of Oomnitza, or may differ from instance to instance: a connector must work with every setting."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Switches:
    """One attribute for each point that the contracts call open, and a few more. A wrong name raises AttributeError."""

    case_sensitive: bool = False
    """Whether filters compare texts with regard to case. (Unique values never do.)"""
    backslash_escapes: bool = False
    """Whether a backslash escapes within a filter's texts."""
    meta_status: int = 200
    """403 or 404: the instance does not answer `users/meta`."""
    flags: tuple[str, str] = ("1", "0")
    """The words for true and false in the metadata; ("true", "false") is the other way."""
    empty: str = "empty"
    """A text that is not set comes as "" ("empty"), as null ("null"), or not at all ("absent")."""
    csrf: str = "offered"
    """X-CSRF-Token: "off", "offered" (given; a wrong one is refused), "demanded" (writes without it are refused)."""
    max_page: int = 2000
    """The largest `limit`."""
    duplicate_status: int = 400
    """The status with which a value that must be unique is refused (409 is the other way)."""
    saas_created_status: int = 201
    """The status of a created application (200 is the other way)."""
    saas_roles: str = "object"
    """`roles` of an application's user: "object" (as in the OpenAPI document: one role) or "list"."""
    saas_activity: str | None = "deactivated"
    """The field that tells whether a SaaS user is active: None, "deactivated", "active", "is_active", "status"."""
    saas_user_id: bool = True
    """Whether rows have `saas_user_id`; where not, activation takes the `user_id`."""
    saas_users_paging: bool = True
    """Whether `GET /saas/{id}/users` obeys `limit` and `skip`; where not, every page is the whole list."""
    assign_answer: bytes = b""
    """The body with which assignments are answered (the OpenAPI document describes none)."""
    run_polls: int = 2
    """How many times a finalized run is asked for before it has ended; -1: it never ends."""
    run_words: tuple[str, str] = ("processing", "finished")
    """The status of a run before and after its end."""
