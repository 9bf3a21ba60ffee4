"""Asks Oomnitza what docs/oomnitza-api.md leaves open, as far as reading shows it."""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from bundle.configuration import CREDENTIALS, Json
from bundle.errors import ServiceError
from bundle.http import Http, HttpProblem, Response, is_private
from bundle.identity import oomnitza_identity
from bundle.probe.findings import UNKNOWN, Finding, ask
from bundle.probe.oomnitza_saas import SaasQuestions

RESPONSE_SECONDS = 60.0
PAGES = (500, 1000, 2000, 5000)
SAMPLE = 200
NO_INTEGRATION = 999_999_999
WRITES_ONLY = (
    "whether a user name in an update is saved, ignored or rejected; which values a drop-down accepts; the format of a "
    "rejected write; whether a lookup sees a new person at once"
)


class OomnitzaProbe:
    """Asks one instance.

    Sends GET requests only, and one POST to exchange a password for a token.
    """

    def __init__(self, configuration: Json) -> None:
        """Raise ServiceError if the address would transmit the credentials unencrypted."""
        text = str(configuration.get("instance_url", ""))
        scheme = "http" if urlsplit(text).scheme == "http" else "https"
        root = f"{scheme}://{oomnitza_identity(configuration)}"
        if not is_private(root):
            raise ServiceError("Oomnitza address (instance_url) must be https, or http on this machine.")
        self._configuration = configuration
        self._http = Http(root, seconds=RESPONSE_SECONDS)
        self._headers: dict[str, str] = {}

    def findings(self) -> Iterator[Finding]:
        """Ask all questions. Raises ServiceError if the credentials are not valid."""
        self._sign_in()
        saas = SaasQuestions(self.get, self._configuration)
        yield from ask(
            (
                self._metadata,
                self._mandatory_fields,
                self._roles,
                self._default_page,
                self._largest_page,
                self._order_of_rows,
                self._total_count,
                self._case_of_matches,
                self._quotes_in_filters,
                self._archived_people,
                self._empty_texts,
                saas.application,
                saas.activity,
                saas.row,
                saas.paging,
                self._csrf_token,
                self._drawn_mapping,
                self._unknown_integration,
                self._run_by_uuid,
                self._version_4,
                self._only_by_writing,
            )
        )

    def get(self, path: str, **params: Any) -> Response:
        """Send one GET request."""
        return self._http.request("GET", path, credentials=self._headers, params=params)

    def _sign_in(self) -> None:
        credentials = self._configuration.get(CREDENTIALS)
        credentials = credentials if isinstance(credentials, dict) else {}
        token = credentials.get("api_token")
        try:
            if token is None:
                form = {"login": str(credentials.get("username")), "password": str(credentials.get("password"))}
                response = self._http.request("POST", "/api/request_token", form=form).json()
                token = response.get("token") if isinstance(response, dict) else None
            self._headers = {"Authorization2": str(token or "")}
            listing = self.get("/api/v3/users", limit=1)
        except HttpProblem as problem:
            raise ServiceError(f"Oomnitza {problem}. Check Oomnitza address (instance_url).") from None
        if listing.status != 200 or not isinstance(listing.json(), list):
            raise ServiceError(
                f"Oomnitza returned HTTP {listing.status} for a list of people. Check the address and the "
                "credentials, and that their user's role can read People."
            )

    @cached_property
    def _meta(self) -> tuple[int, dict[str, Any]]:
        response = self.get("/api/v3/users/meta")
        content = response.json()
        return response.status, content if response.status == 200 and isinstance(content, dict) else {}

    @cached_property
    def _sample(self) -> list[Json]:
        return rows_of(self.get("/api/v3/users", limit=SAMPLE, sortby="user_id asc"))

    def _metadata(self) -> Finding:
        status, fields = self._meta
        if not fields:
            effect = "Smart mapping uses standard fields only; nothing is checked against the metadata"
            return Finding("Metadata of person fields", f"HTTP {status}", effect, {"meta_status": status})
        words = {str(each[flag]).lower() for each in fields.values() for flag in FLAGS if flag in each}
        flags = ("true", "false") if words <= {"true", "false", "none"} else ("1", "0")
        return Finding(
            "Metadata of person fields",
            f"{len(fields)} fields; flags are {flags[0]} and {flags[1]}",
            "Both spellings are read",
            {"meta_status": 200, "flags": list(flags)},
        )

    def _mandatory_fields(self) -> Finding:
        fields = self._meta[1]
        names = sorted(
            name
            for name, each in fields.items()
            if is_off(each.get("optional")) and not is_off(each.get("editable", "1"))
        )
        return Finding(
            "Mandatory fields", ", ".join(names) or UNKNOWN, "The check fails until the mapping fills each of them"
        )

    def _roles(self) -> Finding:
        role = self._meta[1].get("role")
        listed = role.get("searchhelp") if isinstance(role, dict) else None
        known = [each for each in listed or [] if isinstance(each, dict)]
        names = ", ".join(f"{each.get('key')} {each.get('value')}" for each in known)
        effect = "`default_role` takes the id or the name" if names else "`default_role` takes the id only"
        return Finding("Roles", names or "not reported", effect)

    def _default_page(self) -> Finding:
        number = len(rows_of(self.get("/api/v3/users")))
        more = len(rows_of(self.get("/api/v3/users", limit=1, skip=number)))
        return Finding(
            "Page without `limit`",
            f"{number} people" if more else f"at least {number} people",
            "`limit` is always sent",
        )

    def _largest_page(self) -> Finding:
        largest, status, capped = 0, 200, False
        for size in PAGES:
            response = self.get("/api/v3/users", limit=size, sortby="user_id asc")
            status, number = response.status, len(rows_of(response))
            if status != 200:
                break
            if number < size and rows_of(self.get("/api/v3/users", limit=1, skip=number, sortby="user_id asc")):
                capped, largest = True, number
                break
            largest = size
        else:
            return Finding("Largest page", f"{largest} or more", "Pages of 500 are requested")
        how = "capped" if capped else "rejected"
        text = "a larger one is cut to it" if capped else f"a larger one returns HTTP {status}"
        switches = {"max_page": largest, "above_max_page": how}
        return Finding("Largest page", f"{largest}; {text}", "Pages of 500 are requested", switches)

    def _order_of_rows(self) -> Finding:
        first, second = (ids_of(self.get("/api/v3/users", limit=SAMPLE)) for _ in range(2))
        shuffled = first != second
        text = "differs between requests" if shuffled else "the same in each request"
        return Finding(
            "Order without `sortby`",
            text,
            "`sortby` is sent with every full listing",
            {"unsorted": "shuffled" if shuffled else "created"},
        )

    def _total_count(self) -> Finding:
        ids = ids_of(self.get("/api/v3/users", limit=3, sortby="user_id asc"))
        headers = [self.get("/api/v3/users", limit=size, sortby="user_id asc").headers for size in (1, 2)]
        one, two = (each.get("X-Total-Count") for each in headers)
        filtered = self.get("/api/v3/users", limit=1, filter=f"user_id eq {quoted(ids[0])}") if ids else None
        narrow = filtered.headers.get("X-Total-Count") if filtered else None
        if one is None:
            kind, text = "absent", "absent"
        elif not re.fullmatch(r"[0-9]+", one):
            kind, text = "text", "not a number"
        elif (one, two) == ("1", "2") and len(ids) > 2:
            kind, text = "page", "the rows of this page"
        elif narrow == one and len(ids) > 1:
            kind, text = "unfiltered", "of all rows, whatever the filter"
        else:
            kind, text = "exact", "the rows that match the filter"
        effect = (
            "A shorter listing is incomplete" if kind == "exact" else "A listing ends with a page without a new person"
        )
        return Finding("X-Total-Count", text, effect, {"total_count": kind})

    def _case_of_matches(self) -> Finding:
        question, effect = "Case of matches", "Lookups ask for the value and its lower case"
        for person in self._sample:
            address = str(person.get("email") or "")
            if address.swapcase() != address and "'" not in address and '"' not in address:
                found = rows_of(self.get("/api/v3/users", limit=1, filter=f"email eq {quoted(address.swapcase())}"))
                sensitive = not found
                text = "matters" if sensitive else "does not matter"
                return Finding(question, text, effect, {"case_sensitive": sensitive})
        return Finding(question, UNKNOWN, effect)

    def _quotes_in_filters(self) -> Finding:
        # If a backslash escapes, it escapes the closing quote, and the text has no end.
        response = self.get("/api/v3/users", limit=1, filter='email eq "probe\\"')
        single = self.get("/api/v3/users", limit=1, filter="email eq 'probe'")
        escapes = response.status != 200
        text = f"a backslash {'escapes' if escapes else 'is an ordinary character'}"
        text += "" if single.status == 200 else f"; single quotes return HTTP {single.status}"
        return Finding(
            "Quotes in filters",
            text,
            "A record with a value that cannot be quoted is rejected",
            {"backslash_escapes": escapes},
        )

    def _archived_people(self) -> Finding:
        question, effect = "Archived people in listings", "A person is updated, archived or not"
        response = self.get("/api/v3/users", limit=1, filter='deleted eq "1"')
        if response.status != 200:
            response = self.get("/api/v3/users", limit=1, filter="deleted eq true")
        if rows_of(response) or any(person.get("deleted") in (True, 1, "1", "true") for person in self._sample):
            return Finding(question, "listed, and marked by `deleted`", effect, {"archived": "listed"})
        return Finding(question, "none found: hidden, or there are none", effect, {"archived": "hidden"})

    def _empty_texts(self) -> Finding:
        names = ("phone_number", "position", "address", "external_id")
        seen = [
            "absent" if name not in person else "null" if person[name] is None else "empty"
            for person in self._sample
            for name in names
            if person.get(name) in (None, "")
        ]
        kind = max(set(seen), key=seen.count) if seen else UNKNOWN
        words = {"absent": "not in the row", "null": "null", "empty": '""', UNKNOWN: UNKNOWN}
        switches = {"empty": kind} if seen else {}
        return Finding("A text that is not set", words[kind], "All three count as empty", switches)

    def _csrf_token(self) -> Finding:
        sent = "X-CSRF-Token" in self.get("/api/v3/users", limit=1).headers
        text = "sent" if sent else "none"
        return Finding(
            "X-CSRF-Token", text, "It is returned with later requests", {"csrf": "offered" if sent else "off"}
        )

    def _drawn_mapping(self) -> Finding:
        method = self._configuration.get("write_method")
        ids = [
            self._configuration.get("integration_mapping"),
            (method if isinstance(method, dict) else {}).get("connector_id"),
        ]
        number = next((each for each in ids if each is not None), None)
        question, effect = "Mapping drawn in Oomnitza", "`integration_mapping` can use it"
        if number is None:
            return Finding(question, "not asked: the configuration names no integration", effect)
        content = self.get("/api/v2/mappings", connector_id=number).json()
        rules = len(content) if isinstance(content, dict) else 0
        text = f"{rules} fields for integration {number}" if rules else f"none for integration {number}"
        return Finding(question, text, effect if rules else "`integration_mapping` fails the check")

    def _unknown_integration(self) -> Finding:
        response = self.get("/api/v2/mappings", connector_id=NO_INTEGRATION)
        switches = {"unknown_connector_status": response.status} if response.status in (200, 404) else {}
        return Finding("Mapping of an unknown integration", f"HTTP {response.status}", "Both fail the check", switches)

    def _run_by_uuid(self) -> Finding:
        question, effect = "Log of an ingest run by its UUID", "If it is not found, the run's number is looked up"
        method = self._configuration.get("write_method")
        method = method if isinstance(method, dict) else {}
        sender = method.get("connector_id") or f"connector_{method.get('connector_name') or 'CSV_users'}"
        runs = rows_of(self.get(f"/api/v3/connector_run_logs/{sender}", limit=1))
        uuid = str(runs[0].get("portion_correlation_id") or "") if runs else ""
        if not re.fullmatch(r"[0-9A-Fa-f-]{32,36}", uuid):
            return Finding(question, f"{UNKNOWN}: there is no run", effect)
        found = self.get(f"/api/v3/connector_run_logs/connectors/{uuid}").status == 200
        return Finding(question, "found" if found else "not found", effect, {"run_by_uuid": found})

    def _version_4(self) -> Finding:
        statuses = {path: self.get(path, limit=1).status for path in ("/api/v4/users", "/api/v4/saas")}
        text = "; ".join(f"{path}: HTTP {status}" for path, status in statuses.items())
        return Finding("Version 4 of the API", text, "Version 3 is used")

    def _only_by_writing(self) -> Finding:
        return Finding("Not asked, because only a write shows it", WRITES_ONLY, "Every answer is supported")


FLAGS = ("unique", "editable", "optional")


def rows_of(response: Response) -> list[Json]:
    """Return the rows of a listing; an empty list if it is not one."""
    content = response.json()
    return [row for row in content if isinstance(row, dict)] if isinstance(content, list) else []


def ids_of(response: Response) -> list[str]:
    """Return the ids of the people in a listing."""
    return [str(row.get("user_id")) for row in rows_of(response)]


def is_off(flag: Any) -> bool:
    """Return whether a flag of the metadata is off."""
    return str(flag).lower() in ("0", "false")


def quoted(value: str) -> str:
    """Quote a value without quotes for a filter."""
    return json.dumps(value, ensure_ascii=False)
