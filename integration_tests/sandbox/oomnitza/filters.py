"""Parses Oomnitza's documented filter expressions, and translates them into SQL.

    expression := term (("and" | "or") term)*          "and" binds more tightly than "or"
    term       := "(" expression ")" | field op value
                | field "IN" "[" value ("," value)* "]" | field "IS" ["NOT"] "NULL"
                | field "BETWEEN" value "AND" value | field "LIKE" value
    op         := eq | ne | gt | gte | lt | lte
    value      := "text" | 'text' | number | true | false

A quote inside a text cannot be escaped, because the text ends at the next quote of its kind; with a switch, a backslash
escapes it. Keywords can have any case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool
OPERATORS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

_TEXT = """ "[^"]*"|'[^']*' """
_ESCAPED_TEXT = r""" "(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*' """
_REST = r"""
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | (?P<word>[A-Za-z_]\w*)
      | (?P<mark>[()\[\],])
"""
_TOKEN, _ESCAPED_TOKEN = (re.compile(rf"\s*(?:(?P<text>{text}){_REST})", re.VERBOSE) for text in (_TEXT, _ESCAPED_TEXT))


class FilterError(ValueError):
    """Rejects an invalid expression, or one with an unknown field."""


@dataclass(frozen=True)
class Column:
    """Describes a field to compare: SQL column, and kind.

    Kinds are "text", "integer", "boolean" and "date". `exact` marks texts that are ids, always compared case-sensitively.
    """

    sql: str
    kind: str
    exact: bool = False


@dataclass(frozen=True)
class Where:
    """Holds a condition in SQL with its parameters."""

    sql: str
    parameters: tuple[Any, ...]


def parse(
    expression: str, columns: Mapping[str, Column], case_sensitive: bool = False, backslash_escapes: bool = False
) -> Where:
    """Return the condition of an expression.

    Raises FilterError with the mistake and its place.
    """
    return _Parser(_tokens(expression, backslash_escapes), columns, case_sensitive).whole()


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], columns: Mapping[str, Column], case_sensitive: bool) -> None:
        self._columns = columns
        self._case_sensitive = case_sensitive
        self._tokens = tokens
        self._at = 0

    def whole(self) -> Where:
        where = self._any()
        if self._at < len(self._tokens):
            raise FilterError(f"Unexpected {self._peek()[1]!r} after the end of the filter.")
        return where

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "end")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _word(self, *words: str) -> bool:
        """Take the next token if it is one of these words or marks."""
        kind, text = self._peek()
        if kind in ("word", "mark") and text.lower() in words:
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._word(word):
            raise FilterError(f"Expected {word!r}, found {self._peek()[1]!r}.")

    def _any(self) -> Where:
        return self._joined("or", lambda: self._joined("and", self._term))

    def _joined(self, word: str, part: Callable[[], Where]) -> Where:
        parts = [part()]
        while self._word(word):
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        sql = f" {word.upper()} ".join(f"({p.sql})" for p in parts)
        return Where(sql, tuple(value for p in parts for value in p.parameters))

    def _term(self) -> Where:
        if self._word("("):
            where = self._any()
            self._expect(")")
            return where
        kind, name = self._next()
        if kind != "word":
            raise FilterError(f"Expected a field, found {name!r}.")
        column = self._columns.get(name)
        if column is None:
            raise FilterError(f"There is no field {name!r}.")
        return self._comparison(column)

    def _comparison(self, column: Column) -> Where:
        kind, word = self._next()
        word = word.lower() if kind == "word" else ""
        if word == "is":
            negated = self._word("not")
            self._expect("null")
            return Where(f"{column.sql} IS {'NOT ' if negated else ''}NULL", ())
        if word == "in":
            return self._in(column)
        if word == "between":
            low = self._value(column)
            self._expect("and")
            left = self._folded(column)
            return Where(f"{left} BETWEEN ? AND ?", (low, self._value(column)))
        if word == "like":
            return self._like(column)
        if word not in OPERATORS:
            raise FilterError(
                f"Expected an operator, found {self._tokens[self._at - 1][1] if kind != 'end' else 'end'!r}."
            )
        return Where(f"{self._folded(column)} {OPERATORS[word]} ?", (self._value(column),))

    def _in(self, column: Column) -> Where:
        self._expect("[")
        values = [self._value(column)]
        while self._word(","):
            values.append(self._value(column))
        self._expect("]")
        return Where(f"{self._folded(column)} IN ({', '.join('?' * len(values))})", tuple(values))

    def _like(self, column: Column) -> Where:
        if column.kind != "text":
            raise FilterError("LIKE compares texts only.")
        pattern = str(self._value(column))
        if not self._folds(column):
            expression = "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in pattern)
            return Where(f"matches({column.sql}, ?)", (expression,))
        return Where(f"{self._folded(column)} LIKE ?", (pattern,))

    def _folded(self, column: Column) -> str:
        return f"lower({column.sql})" if self._folds(column) else column.sql

    def _folds(self, column: Column) -> bool:
        return column.kind == "text" and not column.exact and not self._case_sensitive

    def _value(self, column: Column) -> Value:
        kind, text = self._next()
        if kind == "text":
            return self._typed(column, text)
        if kind == "number":
            return self._typed(column, text)
        if kind == "word" and text.lower() in ("true", "false") and column.kind == "boolean":
            return text.lower() == "true"
        raise FilterError(f"Expected a value, found {text!r}.")

    def _typed(self, column: Column, text: str) -> Value:
        if column.kind == "text":
            return text.lower() if self._folds(column) else text
        if column.kind == "boolean" and text.lower() in ("true", "false", "1", "0"):
            return text.lower() in ("true", "1")
        try:
            return int(text)
        except ValueError:
            raise FilterError(f"{text!r} is no value of a field of type {column.kind}.") from None


def _tokens(expression: str, backslash_escapes: bool) -> list[tuple[str, str]]:
    if any(ord(c) < 32 or ord(c) == 127 for c in expression):
        raise FilterError("A filter holds no control characters.")
    expression = expression.rstrip()
    tokens, at = [], 0
    while at < len(expression):
        found = (_ESCAPED_TOKEN if backslash_escapes else _TOKEN).match(expression, at)
        if found is None:
            raise FilterError(f"Syntax error at character {at + 1}.")
        kind = str(found.lastgroup)
        text = found[kind]
        if kind == "text":
            text = re.sub(r"\\(.)", r"\1", text[1:-1]) if backslash_escapes else text[1:-1]
        tokens.append((kind, text))
        at = found.end()
    if not tokens:
        raise FilterError("The filter is empty.")
    return tokens
