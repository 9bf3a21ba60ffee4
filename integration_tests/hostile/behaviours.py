"""Defines the hostile behaviours of a server or proxy, for every HTTP client."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache

from integration_tests.hostile.server import Behave, Wire

OK = b"HTTP/1.1 200 OK\r\n"
PIECE = 1 << 16


class Verdict(Enum):
    """Lists the verdicts that a client can reach on a response."""

    FAULT = "nothing is proved: it is retried, and given up as transient"
    REDIRECT = "a redirect, which is not followed"
    REJECTION = "the request is rejected"
    ERRORS = "the request is rejected, if the service may say so with status 200"
    ANY = "whatever it is, the client keeps its bounds"


@dataclass(frozen=True)
class Behaviour:
    """Describes one hostile response."""

    behave: Behave
    verdict: Verdict = Verdict.FAULT
    large: bool = False
    """Whether the response tries to fill the client's memory."""


def raw(*parts: bytes) -> Behave:
    """Send bytes, and close."""
    return lambda wire: wire.send(b"".join(parts))


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> Behave:
    """Send a response with its length."""
    head = [b"HTTP/1.1 " + status, *headers, b"Content-Length: %d" % len(body)]
    return raw(b"\r\n".join(head), b"\r\n\r\n", body)


def streamed(piece: bytes, megabytes: int, *headers: bytes, prefix: bytes = b"", status: bytes = b"200 OK") -> Behave:
    """Send a body without a length, in parts, up to so many megabytes."""
    block = piece * (PIECE // len(piece))

    def behave(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 " + status + b"\r\n" + b"".join(each + b"\r\n" for each in headers) + b"\r\n" + prefix)
        for _ in range((megabytes << 20) // len(block)):
            wire.send(block)

    return behave


def endless(piece: bytes, before: bytes = b"", seconds: float = 0.0) -> Behave:
    """Repeat the same bytes without end; with `seconds`, one by one."""

    def behave(wire: Wire) -> None:
        wire.send(before)
        while True:
            if seconds:
                wire.drip(piece, seconds)
            else:
                wire.send(piece)

    return behave


def silent(wire: Wire) -> None:
    """Send nothing."""
    wire.wait(60)


def then_reset(before: bytes) -> Behave:
    """Send the start of a response, and reset the connection."""

    def behave(wire: Wire) -> None:
        wire.send(before)
        wire.reset()

    return behave


@cache
def bomb(megabytes: int, wbits: int = 31) -> bytes:
    """Return so many megabytes of zeros, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(megabytes)), packer.flush()])


def json_headers(length: int) -> bytes:
    """Return the head of a JSON response of this length."""
    return OK + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length


def _lazy(make: Callable[[], Behave]) -> Behave:
    def behave(wire: Wire) -> None:
        make()(wire)

    return behave


FAULT, REDIRECT, REJECTION, ANY = Verdict.FAULT, Verdict.REDIRECT, Verdict.REJECTION, Verdict.ANY
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"

TIMES = {
    "silence": Behaviour(silent),
    "status line byte by byte": Behaviour(endless(b"9", b"HTTP/1.1 200 O", 0.01)),
    "header byte by byte": Behaviour(endless(b"x", OK + b"X-Long: ", 0.01)),
    "headers one by one": Behaviour(endless(b"X-More: 1\r\n", OK, 0.005)),
    "100 Continue byte by byte": Behaviour(endless(b"HTTP/1.1 100 Continue\r\n\r\n", seconds=0.005)),
    "100 Continue without end": Behaviour(endless(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "body byte by byte": Behaviour(endless(b" ", json_headers(1_000_000) + b"[", 0.01)),
    "chunks byte by byte": Behaviour(endless(b"1\r\n \r\n", OK + CHUNKED, 0.005)),
    "body that stops": Behaviour(lambda wire: (wire.send(json_headers(100) + b"[{"), silent(wire))[0]),
    "gzip of nothing, without end": Behaviour(
        endless(b"\x00\x00\x00\xff\xff", OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"", 0)[:10], 0.005)
    ),
}
"""Endless response that is never silent for long."""

STATUS_LINES = {
    "closed at once": Behaviour(lambda wire: None),
    "reset at once": Behaviour(then_reset(b"")),
    "reset in the headers": Behaviour(then_reset(OK + b"Content-")),
    "reset in the body": Behaviour(then_reset(json_headers(100) + b"[{")),
    "another protocol": Behaviour(raw(b"SSH-2.0-OpenSSH_9.6\r\n")),
    "no status": Behaviour(raw(b"HTTP/1.1\r\n\r\n")),
    "status of letters": Behaviour(raw(b"HTTP/1.1 abc OK\r\n\r\n{}")),
    "status 000": Behaviour(raw(b"HTTP/1.1 000 None\r\nContent-Length: 2\r\n\r\n{}")),
    "status 42": Behaviour(raw(b"HTTP/1.1 42 Answer\r\nContent-Length: 2\r\n\r\n{}")),
    "status 999": Behaviour(answer(b"{}", status=b"999 Custom")),
    "status line without end": Behaviour(raw(b"HTTP/1.1 200 " + b"x" * 100_000)),
    "HTTP/9.9": Behaviour(answer(b"{}", status=b"200 OK"), ANY),
    "binary": Behaviour(raw(bytes(range(256)) * 40)),
    "TLS": Behaviour(raw(b"\x15\x03\x01\x00\x02\x02\x46")),
    **{
        f"{status} as the answer": Behaviour(raw(b"HTTP/1.1 %d Early\r\nLink: </x>\r\n\r\n" % status))
        for status in (101, 102, 103, 199)
    },
    "103, then the answer": Behaviour(
        raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\n{}")
    ),
    "100, then nothing": Behaviour(raw(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "206": Behaviour(answer(b"[]", b"Content-Range: bytes 0-1/9", status=b"206 Partial Content")),
    **{f"{status}": Behaviour(answer(b"", status=b"%d Oops" % status)) for status in (408, 425, 429, 500, 503, 599)},
    "503 for a year": Behaviour(answer(b"", b"Retry-After: 31536000", status=b"503 Unavailable")),
    "429, nonsense": Behaviour(answer(b"", b"Retry-After: " + b"9" * 5000 + b"x", status=b"429 Too Many")),
    "302": Behaviour(answer(b"", b"Location: https://elsewhere.example/x?token=1", status=b"302 Found"), REDIRECT),
    "308 to nowhere": Behaviour(answer(b"", b"Location: http://[::1", status=b"308 Permanent"), REDIRECT),
    "304": Behaviour(raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"), REDIRECT),
}

HEADERS = {
    "a thousand headers": Behaviour(raw(OK, b"".join(b"X-%d: 1\r\n" % n for n in range(1000)), b"\r\n{}")),
    "header of a megabyte": Behaviour(raw(OK, b"X: " + b"x" * (1 << 20) + b"\r\n\r\n{}")),
    "lengths that differ": Behaviour(raw(OK, b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}")),
    "length below zero": Behaviour(raw(OK, b"Content-Length: -2\r\n\r\n{}"), ANY),
    "length of letters": Behaviour(raw(OK, b"Content-Length: many\r\n\r\n{}"), ANY),
    "length beyond all bounds": Behaviour(raw(OK, b"Content-Length: 9" + b"9" * 30 + b"\r\n\r\n{}")),
    "length too long": Behaviour(raw(OK, b"Content-Length: 10\r\n\r\n{}")),
    "length too short": Behaviour(raw(OK, b'Content-Length: 1\r\n\r\n[{"user_id": "9"}]')),
    "length zero": Behaviour(raw(OK, b"Content-Length: 0\r\n\r\n{}"), ANY),
    "chunks and a length": Behaviour(raw(OK, b"Content-Length: 500\r\n" + CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"), ANY),
    "chunk of letters": Behaviour(raw(OK, CHUNKED, b"xyz\r\n{}\r\n0\r\n\r\n")),
    "chunk below zero": Behaviour(raw(OK, CHUNKED, b"-2\r\n{}\r\n0\r\n\r\n")),
    "chunk beyond all bounds": Behaviour(raw(OK, CHUNKED, b"f" * 40 + b"\r\n{}")),
    "chunk size without end": Behaviour(raw(OK, CHUNKED, b"0" * 200_000)),
    "chunks without an end": Behaviour(raw(OK, CHUNKED, b"2\r\n{}\r\n")),
    "unknown coding": Behaviour(answer(b"\x1f\x8b{}", b"Content-Encoding: br")),
    "six codings": Behaviour(answer(b"{}", b"Content-Encoding: gzip, gzip, gzip, gzip, gzip, gzip")),
    "gzip that is none": Behaviour(answer(b"{}", b"Content-Encoding: gzip")),
    "gzip that is cut": Behaviour(
        _lazy(lambda: answer(gzip.compress(b'{"token": "x"}' * 99)[:-20], b"Content-Encoding: gzip"))
    ),
    "folded and binary headers": Behaviour(
        raw(OK, b"X-CSRF-Token: a\r\n b\r\nX-Total-Count: \xb2\r\nSet-Cookie: \xff=\x01\r\n: none\r\n\r\n<p>"), ANY
    ),
    "headers without names": Behaviour(raw(OK, b"no colon\r\n: empty\r\n\r\n{"), ANY),
    "two answers in one": Behaviour(
        raw(json_headers(1), b"{", OK, b'Content-Length: 20\r\n\r\n[{"user_id": "evil"}]'),
    ),
}

BODIES = {
    "empty": Behaviour(answer(b""), ANY),
    "HTML": Behaviour(answer(b"<html><h1>Maintenance</h1></html>", b"Content-Type: text/html")),
    "cut JSON": Behaviour(answer(b'[{"user_id": "1')),
    "not UTF-8": Behaviour(answer(b'{"token": "\xff\xfe"}')),
    "UTF-16": Behaviour(answer('{"token": "x"}'.encode("utf-16")), ANY),
    "deep": Behaviour(answer(b"[" * 200_000)),
    "deep and closed": Behaviour(answer(b"[" * 100_000 + b"]" * 100_000)),
    "number without end": Behaviour(answer(b"[" + b"9" * 100_000 + b"x")),
    "other JSON": Behaviour(answer(b'"text"'), ANY),
    "null": Behaviour(answer(b"null"), ANY),
    "numbers": Behaviour(answer(b"[1, 2.5, 1e400, null, true]"), ANY),
    "lists of lists": Behaviour(answer(b'[[], [[]], {"user_id": {"a": []}, "email": [1], "roles": 5}]'), ANY),
    "rows of odd types": Behaviour(
        answer(
            b'[{"user_id": true, "email": {"x": 1}, "username": 5, "saas_user_id": [], "roles": [[1]], "status": {}},'
            b' {"user_id": 1e308}, {"user_id": "\\ud83d"}, {}]'
        ),
        ANY,
    ),
    "errors of odd types": Behaviour(
        answer(b'{"errors": [[{"x": [5, {"message": {"error": ["no"]}}]}]]}'), Verdict.ERRORS
    ),
    "400 of backslashes": Behaviour(answer(b"\\" * 150_000, status=b"400 Bad"), REJECTION),
    "400 of JSON backslashes": Behaviour(
        answer(b'{"error": "' + b"\\\\" * 75_000 + b'"}', status=b"400 Bad"), REJECTION
    ),
    "400 of entities": Behaviour(answer(b"&#x0" * 50_000, status=b"400 Bad"), REJECTION),
    "400 of tags": Behaviour(answer(b"<script" * 50_000, status=b"422 Bad"), REJECTION),
    "400, deep": Behaviour(answer(b'{"error": ' + b"[" * 900 + b"1" + b"]" * 900 + b"}", status=b"400 Bad"), REJECTION),
    "400, binary": Behaviour(answer(bytes(range(256)) * 200, status=b"409 Conflict"), REJECTION),
}

SIZES = {
    "body without end": Behaviour(endless(b" " * PIECE, OK + b"\r\n["), large=True),
    "JSON of 200 MB": Behaviour(streamed(b'"ab",', 200, prefix=b"["), large=True),
    "JSON of 15 MB, empty lists": Behaviour(streamed(b"[],", 15, prefix=b"["), large=True),
    "JSON of 15 MB, objects": Behaviour(streamed(b'{"a":1},', 15, prefix=b"["), large=True),
    "JSON of 15 MB, numbers": Behaviour(streamed(b"1e9,", 15, prefix=b"["), large=True),
    "tokens of 5 MB": Behaviour(
        answer(
            b'{"ok": true, "refresh_token": "x", "token": "%s", "access_token": "%s"}' % ((b'&\\"' * 2_500_000,) * 2)
        ),
        ANY,
        large=True,
    ),
    "text of 15 MB": Behaviour(streamed("😀".encode(), 15), large=True),
    "400 of 15 MB": Behaviour(streamed(b"[],", 15, prefix=b"[", status=b"400 Bad"), REJECTION, large=True),
    "400 without end": Behaviour(endless(b"x" * PIECE, b"HTTP/1.1 400 Bad\r\n\r\n"), large=True),
    "gzip of a gigabyte": Behaviour(_lazy(lambda: answer(bomb(1024), b"Content-Encoding: gzip")), large=True),
    "deflate of a gigabyte": Behaviour(_lazy(lambda: answer(bomb(1024, 15), b"Content-Encoding: deflate")), large=True),
    "gzip of gzip": Behaviour(
        _lazy(lambda: answer(gzip.compress(bomb(512)), b"Content-Encoding: gzip, gzip")), large=True
    ),
    "chunks of 200 MB": Behaviour(
        endless(b"10000\r\n" + b" " * PIECE + b"\r\n", OK + CHUNKED + b"1\r\n[\r\n"), large=True
    ),
}

BEHAVIOURS = TIMES | STATUS_LINES | HEADERS | BODIES | SIZES
