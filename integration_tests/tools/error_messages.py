"""Writes docs/error-messages.md from the messages in the code, for `make docs`.

A message is an argument of a call of one of `KINDS`, a result of a function of `RESULTS` or of an `explain_*` function, or a
sentence that a function yields about a setting. "…" stands for run-time values. A test compares the page with the code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from source_slack_users.error_codes import RULES

from integration_tests.docs.pages import headings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "error-messages.md"
PACKAGES = {
    "source-slack-users": ROOT / "source-slack-users" / "source_slack_users",
    "destination-oomnitza": ROOT / "destination-oomnitza" / "destination_oomnitza",
    "make sync, make probe, make register": ROOT / "bundle",
}
HOLE = "…"
CONFIG, TRANSIENT, SYSTEM = "config_error", "transient_error", "system_error"
SETTING, CHECK, RECORD, REQUEST, WARNING, COMMAND = "setting", "check", "record", "request", "warning", "command"
HEADINGS = {
    SETTING: "About a setting (check, and the start of a sync)",
    CHECK: "Fails the check",
    CONFIG: "Ends the check or the sync: you can correct it (`config_error`)",
    TRANSIENT: "Ends the check or the sync: the next attempt may succeed (`transient_error`)",
    SYSTEM: "Ends the check or the sync: report it (`system_error`)",
    RECORD: "Rejects one record; the others are written",
    REQUEST: "A request failed: it is repeated, or its record is rejected",
    WARNING: "A warning in the log",
    COMMAND: "Ends the command with status 1",
}
# Functions that take a message, and its argument.
KINDS: Mapping[str, tuple[str, int]] = {
    "config_error": (CONFIG, 0),
    "transient_error": (TRANSIENT, 0),
    "ValueError": (SETTING, 0),
    "add": (SETTING, 0),
    "_failed": (CHECK, 0),
    "RecordRejected": (RECORD, 0),
    "fail": (RECORD, 0),
    "note": (RECORD, 2),
    "ValueRejected": (RECORD, 0),
    "TemplateFailed": (RECORD, 0),
    "SecurityError": (RECORD, 0),
    "RequestRejected": (REQUEST, 1),
    "TransientFailure": (REQUEST, 0),
    "warning": (WARNING, 0),
    "ignore": (WARNING, 0),
    "InvalidMessage": (WARNING, 0),
    "UsageError": (COMMAND, 0),
    "DefinitionError": (COMMAND, 0),
    "AirbyteError": (COMMAND, 0),
    "ServiceError": (COMMAND, 0),
    "SyncFailed": (COMMAND, 0),
    "InstallFailed": (COMMAND, 0),
}
# Functions that return a message.
RESULTS: Mapping[str, str] = {
    "unknown_field": SETTING,
    "_no_such_operation": SETTING,
    "scope_advice": CONFIG,
    "_sentence": CONFIG,
    "_claimed_by": RECORD,
    "_held_by": RECORD,
}
_TYPES = {"FailureType.config_error": CONFIG, "FailureType.transient_error": TRANSIENT}


def messages(package: Path) -> dict[str, list[str]]:
    """Return the distinct messages of a package by kind, sorted."""
    found: dict[str, set[str]] = {kind: set() for kind in HEADINGS}
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = _constants(tree)
        for kind, node in _calls(tree):
            found[kind].update(text for text in map(_tidy, _texts(node, known)) if _is_sentence(text))
    return {kind: sorted(texts, key=str.casefold) for kind, texts in found.items()}


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield from _results(node)
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        if name in KINDS:
            kind, place = KINDS[name]
            if len(node.args) > place:
                yield kind, node.args[place]
        elif name == "failure" and len(node.args) > 1:
            yield _TYPES.get(ast.unparse(node.args[1]), SYSTEM), node.args[0]
        elif "message" in named and "failure_type" in named:
            yield _TYPES.get(ast.unparse(named["failure_type"]), SYSTEM), named["message"]


def _results(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    kind = COMMAND if function.name.startswith("explain_") else RESULTS.get(function.name)
    yields = function.returns is not None and ast.unparse(function.returns) == "Iterator[str]"
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value and kind:
            yield kind, node.value
        elif isinstance(node, ast.Yield) and node.value and yields:
            yield SETTING, node.value


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Constant, ast.JoinedStr))
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _texts(node: ast.expr, known: Mapping[str, ast.expr]) -> list[str]:
    """Return the texts that an expression can have, with a hole for run-time values."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.Name) and node.id in known:
        return _texts(known[node.id], {})
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body, known), *_texts(node.orelse, known)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return ["".join(parts) for parts in product(_texts(node.left, known), _texts(node.right, known))]
    if isinstance(node, ast.JoinedStr):
        return ["".join(parts) for parts in product(*(_texts(each, known) for each in node.values))]
    if isinstance(node, ast.FormattedValue):
        return _texts(node.value, known) if isinstance(node.value, ast.Name) else [HOLE]
    return [HOLE]


def _tidy(text: str) -> str:
    return re.sub(rf"{HOLE}+", HOLE, " ".join(text.split()))


def _is_sentence(text: str) -> bool:
    return len(re.findall(r"[A-Za-z]{2,}", text)) > 2


def page() -> str:
    """Return the page for the present code."""
    parts = [
        "# Error messages",
        "",
        "The messages of both connectors and of `make sync`, `make probe` and `make register`. Each names what failed, the cause and",
        "the fix. `…` stands for a name, an address, a number, or another message of this page. A message that begins with a small letter",
        "follows the title of a field, or the key of a record. Search this page for words of your message.",
        "",
        "`make docs` writes this page from the code; a test compares both. Airbyte's own messages are not here.",
    ]
    sections: list[str] = []
    for connector, package in PACKAGES.items():
        sections += ["", f"## {connector}"]
        for kind, texts in messages(package).items():
            if texts:
                sections += ["", f"### {HEADINGS[kind]}", "", *(f"- {_code(text)}" for text in texts)]
        if connector == "source-slack-users":
            sections += ["", *_slack_codes()]
    return "\n".join([*parts, "", *_contents("\n".join(sections)), *sections]) + "\n"


def _contents(text: str) -> Iterator[str]:
    for heading in headings(text):
        yield f"{'  ' * (heading.level - 2)}- [{heading.title.replace('`', '')}](#{heading.anchor})"


def _slack_codes() -> Iterator[str]:
    yield "### Slack's error codes"
    yield ""
    yield "Slack returns an error code; the message is `Slack rejected … with <code>.` and the advice."
    yield ""
    yield "| Code | Type | Advice |"
    yield "|---|---|---|"
    for code, rule in sorted(RULES.items()):
        if rule.failure_type is not None:
            yield f"| `{code}` | `{rule.failure_type.value}` | {rule.advice} |"
    codes = ", ".join(f"`{code}`" for code, rule in sorted(RULES.items()) if rule.failure_type is None)
    yield ""
    yield f"The connector repeats the request, or asks in another way: {codes}."


def _code(text: str) -> str:
    mark = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{mark}{pad}{text}{pad}{mark}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}.")
