"""Tests the filter grammar of the sandbox's Oomnitza."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_tests.sandbox.oomnitza.filters import Column, FilterError, parse
from integration_tests.sandbox.oomnitza.store import lower, matches

COLUMNS = {
    "username": Column("username", "text"),
    "email": Column("email", "text"),
    "role": Column("role", "integer"),
    "suspended": Column("suspended", "boolean"),
}
PEOPLE = [
    ("ada", "Ada@Acme.example", 25, False),
    ("bob", "bob@acme.example", 1, True),
    ("conan", "o'brien@acme.example", 25, True),
    ("dana", None, 30, False),
    ("éva", "Éva@acme.example", 25, False),
]


@pytest.fixture(scope="module")
def database() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.create_function("lower", 1, lower, deterministic=True)
    db.create_function("matches", 2, matches, deterministic=True)
    db.execute("CREATE TABLE people (username TEXT, email TEXT, role INTEGER, suspended INTEGER)")
    db.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", PEOPLE)
    return db


def found(db: sqlite3.Connection, expression: str, **switches: bool) -> str:
    """Return the initials of the people that a filter finds."""
    where = parse(expression, COLUMNS, **switches)
    rows = db.execute(f"SELECT username FROM people WHERE {where.sql} ORDER BY rowid", where.parameters)
    return "".join(row[0][0] for row in rows)


@pytest.mark.parametrize(
    ("expression", "initials"),
    [
        ('username eq "bob"', "b"),
        ("username eq 'BOB'", "b"),
        ('username ne "bob"', "acdé"),
        ("role gt 25", "d"),
        ("role gte 25", "acdé"),
        ("role lt 25", "b"),
        ('role lte "25"', "abcé"),
        ('email LIKE "%@acme.example"', "abcé"),
        ("email like 'B_B%'", "b"),
        ('email IN ["ADA@acme.example", "bob@acme.example", "nobody"]', "ab"),
        ("email in ['éva@acme.example']", "é"),
        ('email eq "o\'brien@acme.example"', "c"),
        ("email IS NULL", "d"),
        ("email IS NOT NULL", "abcé"),
        ("role BETWEEN 20 AND 28", "acé"),
        ('username BETWEEN "b" AND "cz"', "bc"),
        ("suspended eq true", "bc"),
        ("suspended eq false AND role eq 25", "aé"),
        ('username eq "ada" or username eq "bob" and role eq 25', "a"),
        ('(username eq "ada" or username eq "bob") and (role eq 1)', "b"),
        ("role IN [1, 30]", "bd"),
    ],
)
def test_filter_finds_people(database: sqlite3.Connection, expression: str, initials: str) -> None:
    assert found(database, expression) == initials


@pytest.mark.parametrize(
    ("expression", "initials"),
    [('username eq "BOB"', ""), ('email LIKE "Ada%"', "a"), ('email LIKE "ada%"', ""), ('email IN ["Ada@Acme.example"]', "a")],
)  # fmt: skip
def test_filter_case_sensitive_if_switched_on(database: sqlite3.Connection, expression: str, initials: str) -> None:
    assert found(database, expression, case_sensitive=True) == initials


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "   ",
        "username",
        "username eq",
        "username eq bob",
        'username = "bob"',
        'username eq "bob',
        'username eq "b"ob"',
        'username eq "b\\"ob"',
        "username eq 'o'brien'",
        'username eq "bob" and',
        'username eq "bob" username eq "ada"',
        '(username eq "bob"',
        'username eq "bob")',
        "username IN []",
        'username IN ["bob",]',
        'username IN ("bob")',
        'username IN "bob"',
        'username BETWEEN "a"',
        "username IS EMPTY",
        'nickname eq "bob"',
        'role eq "many"',
        'role LIKE "2%"',
        "suspended eq maybe",
        'username eq "bob\n"',
        'username eq "bob"; DROP TABLE people',
    ],
)
def test_filter_that_is_none_is_rejected(expression: str) -> None:
    with pytest.raises(FilterError):
        parse(expression, COLUMNS)


def test_filter_backslash_escapes_if_switched_on(database: sqlite3.Connection) -> None:
    assert found(database, r"email eq 'o\'brien@acme.example'", backslash_escapes=True) == "c"
    with pytest.raises(FilterError):
        parse('username eq "bob\\"', COLUMNS, backslash_escapes=True)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"')))
def test_filter_text_without_its_mark_is_one_value(text: str) -> None:
    where = parse(f'username eq "{text}"', COLUMNS, case_sensitive=True)
    assert where.parameters == (text,)
    assert where.sql == "username = ?"


@given(st.text(max_size=60))
def test_filter_parses_or_raises_filter_error(text: str) -> None:
    try:
        where = parse(text, COLUMNS)
    except FilterError:
        return
    assert where.sql.count("?") == len(where.parameters)
