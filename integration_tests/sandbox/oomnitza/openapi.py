"""Validates requests and responses against Oomnitza's OpenAPI document.

    contract = Contract.find()            # None if the document is not there
    assert contract.problems(sandbox.requests) == []

The document has quirks, which are read as intended:
- properties have `required: true` (SaaS roles, bodies): they count as the object's list of required ones;
- `nullable` is a keyword of OpenAPI, not of JSON Schema: null is added to the types;
- the metadata's key is literally `{external_id}`: it stands for every key;
- the response to `POST /saas` is described under 200, by a reference to 201: any 2xx has the first description;
- the body of `POST /saas` requires the whole SaaS object, with the server's own keys: only `saas_name` is required;
- `DELETE .../roles/users` has no body: it accepts that of POST;
- the `error` of activate and deactivate is a string, but its example has null: null is valid;
- `roles` of a SaaS user is one object, with a plural name: an object or a list is valid;
- `fields` (help centre), and `limit`, `skip` and `sortby` of SaaS users are absent: they are valid;
- responses to assignments have no description: they are not validated.
Paths that the document lacks (`UNDOCUMENTED`, see docs/oomnitza-api.md) are valid, except for the metadata's schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from integration_tests.sandbox.transport.request_log import Exchange

NAME = "oomnitza-rest-v3.openapi.json"
UNDOCUMENTED = re.compile(
    r"/api/(request_token|v2/mappings|v3/users/meta|v3/bulk(/[^/]+(/finalize|/add_ready_portion)?)?)"
)
FURTHER_PARAMETERS = {"fields", "limit", "skip", "sortby"}
BASE = "urn:oomnitza"


class Contract:
    """Validates exchanges by the document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = _meant(document)
        _correct(self._document)
        resource = Resource.from_contents(self._document, default_specification=DRAFT202012)
        self._registry: Any = Registry().with_resource(BASE, resource)
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path)
            # Literal paths first: /users/savedsearches is not a user.
            for path in sorted(self._document["paths"], key=lambda path: (path.count("{"), path))
        ]
        self._validators: dict[str, Draft202012Validator] = {}

    @classmethod
    def find(cls) -> Contract | None:
        """Return the document beside the checkout (`../shared/contracts`); None if absent."""
        path = Path(__file__).parents[4] / "shared" / "contracts" / NAME
        return cls(json.loads(path.read_text())) if path.exists() else None

    def problems(self, exchanges: Iterable[Exchange]) -> list[str]:
        """Return the violations of requests and responses, a sentence each.

        Skips responses that a fault forged or the log cut, and those with an error status, which the document does not
        describe.
        """
        found = []
        for exchange in exchanges:
            if exchange.service == "oomnitza":
                what = f"#{exchange.number} {exchange.method} {exchange.path}"
                found += [f"{what}: {problem}" for problem in self._judge(exchange)]
        return found

    def _judge(self, exchange: Exchange) -> list[str]:
        if UNDOCUMENTED.fullmatch(exchange.path):
            return self._metadata(exchange)
        path = next((path for pattern, path in self._paths if pattern.fullmatch(exchange.path)), None)
        item = self._document["paths"].get(path, {})
        operation = item.get(exchange.method.lower())
        if operation is None:
            return ["the document has no such operation"]
        pointer = f"#/paths/{str(path).replace('~', '~0').replace('/', '~1')}/{exchange.method.lower()}"
        return [
            *self._parameters(exchange, [*item.get("parameters", []), *operation.get("parameters", [])]),
            *self._request(exchange, operation, pointer),
            *self._answer(exchange, operation, pointer),
        ]

    def _metadata(self, exchange: Exchange) -> list[str]:
        if not exchange.path.endswith("/users/meta") or not _judged(exchange):
            return []
        return self._against("#/components/schemas/Metadata fields", exchange.answer_json)

    def _parameters(self, exchange: Exchange, references: list[dict[str, str]]) -> list[str]:
        parameters = [self._resolved(reference) for reference in references]
        known = {p["name"] for p in parameters if p["in"] == "query"} | FURTHER_PARAMETERS
        found = [f"unknown parameter {name!r}" for name in exchange.query if name not in known]
        for header in (p for p in parameters if p["in"] == "header"):
            value = exchange.headers.get(header["name"].lower())
            if value is not None and value not in header["schema"].get("enum", [value]):
                found.append(f"header {header['name']} is {value!r}")
        if "authorization2" not in exchange.headers:
            found.append("no header Authorization2")
        return found

    def _request(self, exchange: Exchange, operation: dict[str, Any], pointer: str) -> list[str]:
        if "requestBody" not in operation:
            return ["the operation takes no body"] if exchange.body else []
        if exchange.truncated:
            return []
        if exchange.headers.get("content-type", "").partition(";")[0] != "application/json":
            return ["the body is not declared as JSON"]
        return self._against(f"{pointer}/requestBody/content/application~1json/schema", exchange.json)

    def _answer(self, exchange: Exchange, operation: dict[str, Any], pointer: str) -> list[str]:
        if not _judged(exchange):
            return []
        status = next(status for status in operation["responses"] if status.startswith("2"))
        response, pointer = operation["responses"][status], f"{pointer}/responses/{status}"
        if "$ref" in response:
            pointer, response = response["$ref"], self._resolved(response)
        if "content" not in response:
            return []
        return self._against(f"{pointer}/content/application~1json/schema", exchange.answer_json)

    def _resolved(self, reference: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in reference:
            return reference
        resolved: dict[str, Any] = self._registry.resolver(BASE).lookup(reference["$ref"]).contents
        return resolved

    def _against(self, pointer: str, value: Any) -> list[str]:
        if pointer not in self._validators:
            schema = {"$ref": f"{BASE}{pointer.replace(' ', '%20')}"}
            self._validators[pointer] = Draft202012Validator(schema, registry=self._registry)
        errors = self._validators[pointer].iter_errors(value)
        return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def _judged(exchange: Exchange) -> bool:
    answered = exchange.status is not None and 200 <= exchange.status < 300 and exchange.status != 204
    return answered and exchange.fault in (None, "timeout_before", "timeout_after") and not exchange.truncated


def _meant(node: Any) -> Any:
    """Return a copy in which every schema is a JSON schema."""
    if isinstance(node, list):
        return [_meant(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    meant = {name: _meant(value) for name, value in node.items()}
    properties = meant.get("properties")
    if isinstance(properties, dict):
        own = [name for name, p in properties.items() if isinstance(p, dict) and p.pop("required", None) is True]
        if own:
            meant["required"] = [*meant.get("required", []), *own]
        if "{external_id}" in properties:
            meant["additionalProperties"] = properties.pop("{external_id}")
            meant.pop("required", None)
    if meant.pop("nullable", False) and isinstance(meant.get("type"), str):
        meant["type"] = [meant["type"], "null"]
    return meant


def _correct(document: dict[str, Any]) -> None:
    """Correct the quirks of single places."""
    for action in ("activate", "deactivate"):
        answer = document["paths"][f"/api/v3/saas_users/{action}"]["patch"]["responses"]["200"]
        items = answer["content"]["application/json"]["schema"]["items"]
        items["properties"]["error"]["type"] = ["string", "null"]
    schemas = document["components"]["schemas"]
    body = document["paths"]["/api/v3/saas"]["post"]["requestBody"]["content"]["application/json"]
    body["schema"] = {**schemas["SaaS"], "required": ["saas_name"]}
    roles = document["paths"]["/api/v3/saas/{ident}/roles/users"]
    roles["delete"]["requestBody"] = roles["post"]["requestBody"]
    row = schemas["SaaS assigned User"]["properties"]
    row["roles"] = {"anyOf": [row["roles"], {"type": "array", "items": row["roles"]}]}
