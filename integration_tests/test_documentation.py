"""The pages that belong to no one connector are true: messages, comparisons, file names, commands and links."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from destination_oomnitza.protocol import parse_catalog

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "source-slack-users": ROOT / "source-slack-users" / "source_slack_users",
    "destination-oomnitza": ROOT / "destination-oomnitza" / "destination_oomnitza",
}
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
    "docs/terraform/README.md",
]
HOLE = "…"

# What takes a message for a person, and which of its arguments that is (a keyword `message` always is).
# Oomnitza's and Slack's parts of a message come by _Fault, Refusal and _retry; INFO lines of the log are no messages.
SAYS = {
    **dict.fromkeys(["config_error", "transient_error", "failure", "AirbyteTracedException", "__init__"], 0),
    **dict.fromkeys(["ValueError", "Unfit", "Refused", "TemplateFailure", "SecurityError", "NoMessage"], 0),
    **dict.fromkeys(["_mend", "_Fault", "_retry", "failed", "_failed", "add", "complain", "warning", "error"], 0),
    **dict.fromkeys(["Rule", "Refusal"], 1),
    **dict.fromkeys(["refuse", "note"], 2),
}
# Functions that return (parts of) messages, names that hold them, the table of the form's sentences, and the key under
# which the source keeps why it refused a configuration.
RETURNS = {"_sentence", "_unknown_field", "_what", "scope_advice", "_ingest_remarks"}
HOLDS = {"message", "advice", "reason", "why_not"}
TABLE = "_PLAIN"
UNDER = "_REFUSED"


def texts(node: ast.expr, known: dict[str, ast.expr]) -> list[str]:
    """Give the texts that an expression can be, with a hole for what only a run knows."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.Name) and node.id in known:
        return texts(known[node.id], {name: each for name, each in known.items() if name != node.id})
    if isinstance(node, ast.IfExp):
        return [*texts(node.body, known), *texts(node.orelse, known)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return ["".join(parts) for parts in product(texts(node.left, known), texts(node.right, known))]
    if isinstance(node, ast.JoinedStr):
        parts = [
            texts(each.value, known)
            if isinstance(each, ast.FormattedValue) and isinstance(each.value, ast.Name)
            else [HOLE]
            if isinstance(each, ast.FormattedValue)
            else texts(each, known)
            for each in node.values
        ]
        return ["".join(one) for one in product(*parts)]
    return [HOLE]


def said(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield the expressions of a module that are messages for a person."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in SAYS:
                yield from node.args[SAYS[name] : SAYS[name] + 1]
                yield from (keyword.value for keyword in node.keywords if keyword.arg == "message")
        elif isinstance(node, ast.FunctionDef) and node.name in RETURNS:
            gives = (each for each in ast.walk(node) if isinstance(each, (ast.Return, ast.Yield)))
            yield from (each.value for each in gives if each.value)
        elif isinstance(node, ast.Dict):
            entries = zip(node.keys, node.values, strict=True)
            yield from (value for key, value in entries if isinstance(key, ast.Name) and key.id == UNDER)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = (
                    zip(target.elts, node.value.elts, strict=True)
                    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                    else [(target, node.value)]
                )
                for place, value in pairs:
                    if isinstance(place, ast.Name) and place.id == TABLE and isinstance(value, ast.Dict):
                        yield from value.values
                    elif isinstance(place, ast.Name) and place.id in HOLDS:
                        yield value


def once_assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """Give the names that are set to a text once in a module, and that nothing else sets."""
    values: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id].append(node.value)
        elif isinstance(node, ast.arg):
            values[node.arg] += [ast.Constant(None)] * 2
    return {name: found[0] for name, found in values.items() if len(found) == 1 and isinstance(found[0], ast.Constant)}


def messages_of_the_code(package: Path) -> set[str]:
    """Collect every message of a package, with holes."""
    found = set()
    for path in package.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = once_assigned(tree)
        for node in said(tree):
            for text in texts(node, known):
                message = tidy(text)
                if re.search(r"[A-Za-z]{2}", message) and (" " in message or HOLE in message):
                    found.add(message)
    return found


def tidy(text: str) -> str:
    """Give a text in one line, its places for values as one hole each."""
    text = " ".join(re.sub(r"\{[a-z_]+(:g)?\}", HOLE, text).split())
    return re.sub(rf"{HOLE}+", HOLE, text)


def sentences_of_the_code(package: Path) -> Iterator[str]:
    """Yield every text of a package that reads as a sentence, but for docstrings, help texts and INFO lines."""
    for path in package.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        helps: set[ast.AST] = set()
        for node in ast.walk(tree):
            name = getattr(getattr(node, "func", None), "id", getattr(getattr(node, "func", None), "attr", ""))
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                helps.add(node.value)
            elif name in ("Field", "_choice", "_Parser", "add_parser", "add_argument", "info"):
                helps.update(ast.walk(node))
            elif isinstance(node, ast.JoinedStr):
                helps.update(node.values)
        for node in ast.walk(tree):
            if isinstance(node, (ast.Constant, ast.JoinedStr)) and node not in helps:
                for text in map(tidy, texts(node, {})):
                    if len(re.findall(r"[A-Za-z]{2,}", text)) > 3 and text.endswith("."):
                        yield text


def section(page: str, title: str) -> str:
    """Give a page's text from a second heading to the next."""
    return re.split(r"\n## ", (ROOT / page).read_text(encoding="utf-8").split(f"\n## {title}\n")[1])[0]


def rows(text: str) -> list[list[str]]:
    """Give the cells of all tables' rows, without their heads."""
    lines = text.splitlines()
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("|") and not line.startswith("|---") and not after.startswith("|---")
    ]


@pytest.mark.parametrize("connector", PACKAGES)
def test_every_message_that_a_person_can_see_is_explained_and_no_other(connector: str) -> None:
    table = rows(section("docs/error-messages.md", connector))
    assert all(len(row) == 3 and all(row) for row in table)
    told = [re.sub(r"^(`+) ?(.*?) ?\1$", r"\2", row[0]) for row in table]
    assert len(told) == len(set(told)), "told twice"
    code = messages_of_the_code(PACKAGES[connector])
    assert sorted(code - set(told)) == [], "missing in docs/error-messages.md"
    assert sorted(set(told) - code) == [], "told in docs/error-messages.md, and no longer in the code"


@pytest.mark.parametrize("connector", PACKAGES)
def test_no_sentence_of_the_code_is_said_in_a_way_that_is_not_collected(connector: str) -> None:
    collected = messages_of_the_code(PACKAGES[connector])
    escaped = {text for text in sentences_of_the_code(PACKAGES[connector]) if not is_part(text, collected)}
    assert escaped == set(), "teach `said` how these reach a person, or make them INFO"


def is_part(text: str, messages: set[str]) -> bool:
    """Say whether a text is within a message, where its holes may be filled."""
    pattern = re.compile(".*".join(map(re.escape, text.split(HOLE))))
    return any(pattern.search(message) for message in messages)


def test_the_comparison_names_for_each_of_our_lines_a_test_that_there_is() -> None:
    table = rows((ROOT / "docs" / "compared.md").read_text(encoding="utf-8"))
    assert len(table) > 30
    for row in table:
        shown = re.findall(r"`([\w/.-]+\.py)::(\w+)`", row[-1])
        assert shown or row[-1] == "not offered", row
        for path, test in shown:
            assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_how_it_works_names_files_that_there_are() -> None:
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    there = {path.name for package in PACKAGES.values() for path in package.glob("*.py")}
    named = set(re.findall(r"\b(\w+\.py)\b", page))
    assert named and named <= there


def test_contributing_names_commands_and_modules_that_there_are() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^\| `make ([\w-]+)`", page, re.MULTILINE)) <= targets
    helpers = re.findall(r"`(\w+\.py)`", page.split("What helps in `integration_tests`")[1].split("\n## ")[0])
    assert helpers and all((ROOT / "integration_tests" / name).is_file() for name in helpers)


def test_contributings_catalog_is_one() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
    (stream,) = parse_catalog(json.loads(example))
    assert (stream.name, stream.destination_sync_mode) == ("users", "append_dedup")
    assert ConfiguredAirbyteCatalogSerializer.load(json.loads(example)).streams[0].stream.name == "users"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith(("https://", "#")):
            name, _, anchor = target.partition("#")
            there = path.parent / name
            assert there.exists(), target
            if anchor:
                titles = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target
