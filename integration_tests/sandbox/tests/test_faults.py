"""Tests each fault: what a client receives, and what the service processed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from integration_tests.sandbox import Fault, Sandbox
from integration_tests.sandbox.oomnitza.caller import Caller
from integration_tests.sandbox.transport.faults import KINDS

ADA = {"username": "ada", "email": "ada@acme.example", "role": 25}


@pytest.fixture(autouse=True)
def closed(sandbox: Sandbox) -> Iterator[None]:
    """Check that the sandbox has no error of its own after each fault."""
    yield
    assert sandbox.crashes == []


def people(sandbox: Sandbox) -> int:
    return len(sandbox.oomnitza.people())


def test_fault_status_has_its_headers(api: Caller) -> None:
    api.sandbox.faults.add(Fault("status", status=429, retry_after=7, times=2))
    api.sandbox.faults.add(Fault("status", status=503, body="down", headers={"Content-Type": "text/plain"}, nth=3))
    answers = [api("GET", "v3/users") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 503, 200]
    assert (answers[0].headers["Retry-After"], answers[0].json()) == ("7", {"error": "ratelimited"})
    assert (answers[2].text, answers[2].headers["Content-Type"]) == ("down", "text/plain")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=502),
        Fault("status", status=401),
        Fault("html"),
        Fault("redirect", location="http://127.0.0.1:9/elsewhere"),
        Fault("reset_before"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_fault_before_leaves_the_service_alone(api: Caller, fault: Fault) -> None:
    api.sandbox.faults.add(fault)
    if fault.kind == "reset_before":
        with pytest.raises(requests.ConnectionError, match="reset by peer"):
            api("POST", "v3/users", json=ADA)
    else:
        answer = api("POST", "v3/users", json=ADA)
        assert answer.status_code == (fault.status or {"html": 200, "redirect": 302}[fault.kind])
        if fault.kind == "redirect":
            assert answer.headers["Location"] == fault.location
        if fault.kind == "html" or fault.status == 502:
            assert answer.headers["Content-Type"].startswith("text/html")
    assert people(api.sandbox) == 0
    assert api.sandbox.requests.matching(processed=True) == []
    assert api("POST", "v3/users", json=ADA).status_code == 200


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault("reset_after"), "reset by peer"), (Fault("truncated"), "IncompleteRead|Connection broken")],
    ids=["reset_after", "truncated"],
)
def test_fault_after_lets_the_service_act(api: Caller, fault: Fault, error: str) -> None:
    api.sandbox.faults.add(fault)
    with pytest.raises(requests.RequestException, match=error):
        api("POST", "v3/users", json=ADA)
    assert people(api.sandbox) == 1
    exchange = api.sandbox.requests[0]
    assert (exchange.processed, exchange.fault) == (True, fault.kind)
    assert api("POST", "v3/users", json=ADA).status_code == 400


def test_fault_status_after_lets_the_service_act(api: Caller) -> None:
    api.sandbox.faults.add(Fault("status", status=500, processed=True))
    assert api("POST", "v3/users", json=ADA).status_code == 500
    assert people(api.sandbox) == 1


@pytest.mark.parametrize(("kind", "number"), [("timeout_before", 0), ("timeout_after", 1)])
def test_fault_timeout_holds_the_answer(api: Caller, kind: str, number: int) -> None:
    api.sandbox.faults.add(Fault(kind, seconds=30))
    url = f"{api.sandbox.oomnitza_url}/api/v3/users"
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, headers=api.headers, json=ADA, timeout=0.1)
    while not any(each.seconds for each in api.sandbox.requests):
        time.sleep(0.005)
    assert people(api.sandbox) == number
    api.sandbox.faults.add(Fault(kind, seconds=0.05))
    started = time.monotonic()
    assert api("GET", "v3/users").status_code == 200
    assert time.monotonic() - started >= 0.05


def test_fault_echoes_the_token_in_every_spelling(api: Caller) -> None:
    token = api.sandbox.oomnitza.token
    api.sandbox.faults.add(Fault("echo_token", service="oomnitza"))
    answer = api("GET", "v3/users")
    assert (answer.status_code, answer.json()["headers"]["Authorization2"]) == (400, token)
    assert token in answer.json()["error"]
    assert token.replace("-", "\\u002d") in answer.json()["error"]
    oomnitza = api.sandbox.oomnitza
    api.sandbox.faults.add(Fault("echo_token"))
    login = {"login": oomnitza.username, "password": oomnitza.password}
    assert oomnitza.password in api("POST", "request_token", headers={}, data=login).json()["error"]
    api.sandbox.faults.add(Fault("echo_token", service="slack", status=500))
    slack = {"Authorization": f"Bearer {api.sandbox.slack.token}"}
    echoed = requests.get(f"{api.sandbox.slack_url}users.list", headers=slack, timeout=10)
    assert (echoed.status_code, api.sandbox.slack.token in echoed.text) == (500, True)


def test_fault_strikes_the_nth_request(api: Caller) -> None:
    faults = api.sandbox.faults
    on_edit = faults.add(Fault("status", method="PATCH", path=r"/users/\w+$"))
    on_ada = faults.add(Fault("status", status=501, request_body='"ada"', times=None))
    on_filter = faults.add(Fault("status", status=502, query="filter=", nth=2))
    assert api("POST", "v3/users", json=ADA).status_code == 501
    assert api("POST", "v3/users", json={**ADA, "username": "bob"}).status_code == 200
    assert [api("GET", "v3/users?filter=role eq 1").status_code for _ in range(3)] == [200, 502, 200]
    assert [api("GET", "v3/users").status_code for _ in range(2)] == [200, 200]
    assert api("PATCH", "v3/users/nobody", json=ADA).status_code == 500
    assert [(f.seen, f.fired) for f in (on_edit, on_ada, on_filter)] == [(1, 1), (2, 2), (3, 1)]
    faults.clear()
    assert api("POST", "v3/users", json={**ADA, "email": "x@y"}).status_code == 200


def test_random_faults_are_the_same_for_a_seed(sandbox: Sandbox) -> None:
    def struck(seed: int) -> list[tuple[int, str | None]]:
        found = []
        sandbox.faults.random(seed, 0.5)
        for number in [*range(20), *range(20)]:
            fault = sandbox.faults.strike("oomnitza", "GET", f"/api/v3/users/{number}", "", b"")
            found.append((number, fault.kind if fault else None))
        sandbox.faults.clear()
        return found

    one, two, other = struck(1), struck(1), struck(2)
    assert one == two != other
    assert one[:20] != one[20:], "the same request meets the same fault for ever"
    assert 8 <= sum(kind is not None for _, kind in one) <= 32
    sandbox.faults.random(1, 1.0, service="slack", kinds=[Fault("html")])
    assert sandbox.faults.strike("oomnitza", "GET", "/api/v3/users", "", b"") is None
    fault = sandbox.faults.strike("slack", "GET", "/api/users.list", "", b"")
    assert fault is not None
    assert fault.kind == "html"


def test_random_faults_are_transient(api: Caller) -> None:
    api.sandbox.faults.random(seed=11, rate=0.3)
    for number in range(30):
        body = {**ADA, "username": f"u{number}", "email": f"u{number}@acme.example"}
        for _ in range(20):
            try:
                if api("POST", "v3/users", json=body).status_code in (200, 400):
                    break
            except requests.RequestException:
                pass
    assert people(api.sandbox) == 30
    kinds = {kind for *_, kind in api.sandbox.faults.history}
    assert len(kinds) >= 3
    assert kinds <= KINDS


def test_fault_of_an_unknown_kind_is_rejected() -> None:
    with pytest.raises(ValueError, match="No such fault: 'explosion'"):
        Fault("explosion")


def test_log_keeps_requests_and_answers() -> None:
    with Sandbox(people=10, body_limit=100) as sandbox:
        api = Caller(sandbox)
        api("POST", "v3/users", json=ADA)
        api("GET", "v3/users", params={"filter": 'username eq "ada"', "fields": "username"})
        api("POST", "v3/users", json={**ADA, "username": "bob", "address": "x" * 200})
        created, listed, long = sandbox.requests
        assert (created.service, created.method, created.path) == ("oomnitza", "POST", "/api/v3/users")
        assert (created.json, created.status, created.truncated) == (ADA, 200, True)
        assert (listed.query["filter"], listed.answer_json) == ('username eq "ada"', [{"username": "ada"}])
        assert (listed.answer_headers["x-total-count"], len(long.body)) == ("1", 100)
        assert sandbox.requests.count(service="oomnitza", method="GET", path="users$", status=200) == 1
        assert len(sandbox.requests) == 3
        sandbox.requests.clear()
        assert sandbox.requests.count() == 0


def test_service_down_refuses_connections(api: Caller) -> None:
    assert api("POST", "v3/users", json=ADA).status_code == 200
    with api.sandbox.down("oomnitza"), pytest.raises(requests.ConnectionError, match="refused"):
        api("GET", "v3/users")
    assert len(api("GET", "v3/users").json()) == 1


def test_log_counts_requests_under_way_at_once(api: Caller) -> None:
    api.sandbox.latency = 0.1
    with ThreadPoolExecutor(5) as workers:
        assert [answer.status_code for answer in workers.map(lambda _: api("GET", "v3/users"), range(5))] == [200] * 5
    api.sandbox.latency = 0
    assert api("GET", "v2/mappings?name=AuthTest").status_code == 200
    assert api.sandbox.requests.most_at_once(path="users") == 5
    assert api.sandbox.requests.most_at_once(path="mappings") == 1
    assert api.sandbox.requests.most_at_once(service="slack") == 0


def test_latency_is_added_to_each_request(api: Caller) -> None:
    api.sandbox.latency = 0.05
    started = time.monotonic()
    assert api("GET", "v3/users").status_code == 200
    assert time.monotonic() - started >= 0.049
