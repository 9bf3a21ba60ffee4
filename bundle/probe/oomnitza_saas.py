"""Asks Oomnitza about SaaS applications and their users."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from bundle.configuration import Json
from bundle.http import Response
from bundle.probe.findings import UNKNOWN, Finding

ACTIVITY = ("deactivated", "active", "is_active", "status")
SAMPLE = 20


class SaasQuestions:
    """Asks about the configured application, or about the first one."""

    def __init__(self, get: Callable[..., Response], configuration: Json) -> None:
        self._get = get
        record_type = configuration.get("record_type")
        self._name = record_type.get("saas_name", "Slack") if isinstance(record_type, dict) else "Slack"

    @cached_property
    def _applications(self) -> list[Json]:
        content = self._get("/api/v3/saas", limit=100).json()
        return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []

    @cached_property
    def _rows(self) -> list[Json]:
        return self._page(SAMPLE)

    def _page(self, limit: int, skip: int = 0) -> list[Json]:
        named = [each for each in self._applications if str(each.get("saas_name")).lower() == str(self._name).lower()]
        found = next(iter([*named, *self._applications]), None)
        if found is None:
            return []
        content = self._get(f"/api/v3/saas/{found.get('saas_id')}/users", limit=limit, skip=skip).json()
        return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []

    def application(self) -> Finding:
        """Ask whether the application exists."""
        names = [str(each.get("saas_name")).lower() for each in self._applications]
        there = names.count(str(self._name).lower())
        text = f"{there} of the configured name among {len(names)}"
        effect = {0: "It is created by the first sync", 1: "It is found by its name"}
        return Finding("SaaS application", text, effect.get(there, "`saas_id` must name one of them"))

    def activity(self) -> Finding:
        """Ask whether a SaaS user's row reports its activity."""
        question = "Is a SaaS user active?"
        if not self._rows:
            return Finding(question, f"{UNKNOWN}: there is no SaaS user", "Every answer is supported")
        name = next((each for each in ACTIVITY if any(each in row for row in self._rows)), None)
        text = f"reported by the row's `{name}`" if name else "not reported by the row"
        effect = (
            "Only a difference is written"
            if name
            else "Inactive accounts are deactivated in every sync; none is activated"
        )
        return Finding(question, text, effect, {"saas_activity": name})

    def row(self) -> Finding:
        """Ask which ids and roles a SaaS user's row has."""
        question, effect = "A SaaS user's row", "Both ids, and one role or a list, also of names, are read"
        if not self._rows:
            return Finding(question, f"{UNKNOWN}: there is no SaaS user", effect)
        own_id = any("saas_user_id" in row for row in self._rows)
        kind = shape_of_roles(next((row["roles"] for row in self._rows if row.get("roles")), None))
        text = f"{'has' if own_id else 'has no'} `saas_user_id`; roles: {kind or UNKNOWN}"
        return Finding(question, text, effect, {"saas_user_id": own_id, **({"saas_roles": kind} if kind else {})})

    def paging(self) -> Finding:
        """Ask whether the list of SaaS users respects `limit` and `skip`."""
        question, effect = "Pages of SaaS users", "A listing ends with a page without a new SaaS user"
        if len(self._rows) < 2:
            return Finding(question, f"{UNKNOWN}: there are too few SaaS users", effect)
        first, second = self._page(1), self._page(1, skip=1)
        if len(first) != 1:
            return Finding(question, "every page is the whole list", effect, {"saas_users_paging": False})
        if first == second:
            return Finding(question, "`skip` is ignored", "Only the first page of SaaS users is read")
        return Finding(question, "`limit` and `skip` are respected", effect, {"saas_users_paging": True})


def shape_of_roles(roles: Any) -> str | None:
    """Return the sandbox's name for a form of roles; None if there are no roles."""
    if not isinstance(roles, list):
        return "object" if roles else None
    if not all(isinstance(role, dict) for role in roles):
        return "names"
    return "list" if all(role.get("role_id") for role in roles) else "without_ids"
