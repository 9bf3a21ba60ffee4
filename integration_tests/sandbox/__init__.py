"""Runs a simulated Slack and a simulated Oomnitza on this machine.

They have the HTTP interface of the real ones, and are as strict.

    with Sandbox(people=250, seed=7, latency=0.0, path=None) as sandbox:
        sandbox.slack_url       # "http://127.0.0.1:PORT/api/"
        sandbox.oomnitza_url    # "http://127.0.0.1:PORT"

or, as a process, `python -m integration_tests.sandbox [--people N] [--latency S] [--path DIR] [--seed N]`, which prints
the addresses and tokens as one line of JSON and serves until SIGTERM. The same seed gives the same people, ids and
tokens. It is written from the documentation of the services (docs/oomnitza-api.md; Slack's method pages), not from the
connectors' code.

`sandbox.slack` (`slack/web_api.py`; errors are HTTP 200 with `ok: false`)
    token                     bot of the first workspace: users:read, users:read.email
    admin_token               user's token with all scopes (admin, usergroups:read, admin.analytics:read, ...); sees has_2fa
    org_token, org_admin_token   of an Enterprise Grid (is_enterprise_install): team_ids are the two workspaces that it
                              sees, unseen.id is one that it does not see
    grid_workspace_token      of one workspace of the Grid
    issue_token(scopes, team_id=, user_id=, kind="bot"|"user", admin=, organization=) -> token
    refuse_token(token, code), expire_token(token=None: the rotating one), expire_cursors()
    client_id, client_secret, refresh_token, rotating_token, tokens.code, tokens.spent   of the app that rotates
    members(team_id=None), place(team_id=None) -> Workspace (.paid, .analytics, .members, .logins, .groups,
    .profile_fields, .idle_since), slack.members.is_bot(member), slack.analytics.day_activity(places, day)
    set_title(id, title), set_profile(id, **), set_flags(id, **), touch(id, at=), deactivate(id, keep_email=),
    reactivate(id, email), invite(real_name=, email=) -> id, join(real_name=, email=) -> id, log_in(id, at=);
    all take team_id=
    switches: short_pages, largest_page, scopes_header, being_moved, fields_listed, numbered_logs, calls, pace, retry_after
    (SlackSwitches)
    Grid: its first person is deactivated in the first workspace and active in the second, its second person the other
    way round, its third deactivated in all three.

`sandbox.oomnitza` (`oomnitza/instance.py`; errors are {"error": "..."} with a status, or in the shape of the switch `rejections`)
    token, username, password, issue_token(denied=["users:write", ...]) -> token, revoke_token(), deny("saas", ...)
    people(), person(email=...), add_person(twin=False, **fields) -> user_id, edit_person(user_id, **fields),
    archive(user_id), changes(), workflows: [("users", user_id), ...] that changes started,
    refuse_edit[user_id] = "reason": a 403 for this person
    add_field(external_id, label, data_type, unique=, editable=, mandatory=, default=, internal_id=, choices=, length=)
    -> internal id, set_field(external_id, editable=False, ...)
    applications(), add_application(name) -> saas_id, saas_users(name), roles(name),
    assign(saas_id, user_id, external_id, active, last_visit=, contract_id=), refuse_activity[user_id] = "reason"
    add_integration(name, mapping, connector_id=, saas_sync_key=) -> id, connectors: {12: Integration("Slack")},
    due: [integrations that check_managed returns], mappings: {name: {source field: internal id}}, runs() -> list[Run],
    cancel_runs(after_batches=0)
    slack_setup.set_up_slack(oomnitza) -> id: custom fields for Slack, and an integration with a drawn mapping
    switches: one for every open point (`oomnitza/switches.py`); a wrong name or word raises an error
    store: the SQLite database behind it (`store.rows(sql)`)

`sandbox.requests` (`transport/request_log.py`): every Exchange (service, method, path, query, headers, body, json, form, status,
    answer, answer_json, answer_headers, processed, fault, started, seconds), in order; `.count(service=, method=,
    path=regex, status=...)`, `.matching(...)`, `.most_at_once(...)`, `.clear()`.

`sandbox.faults` (`transport/faults.py`): `.add(Fault(kind, service=, method=, path=regex, nth=1, times=1, ...))`, `.clear()`,
    `.random(seed, rate, service=, kinds=)`, `.history`. Kinds: status, html, slack_error, invalid_cursor,
    limit_required, reset_before, reset_after, truncated, timeout_before, timeout_after, redirect, echo_token.

`with sandbox.down("oomnitza"):` refuses connections. `caller.Caller(sandbox)` asks Oomnitza directly.
`openapi.Contract` validates a log against Oomnitza's OpenAPI document. `sandbox.latency` can be set while it serves.
`pages=` adds routes outside `/api/` at Oomnitza's address, which are not logged and have no faults.
"""

from integration_tests.sandbox.service import Sandbox
from integration_tests.sandbox.transport.faults import Fault
from integration_tests.sandbox.transport.request_log import Exchange

__all__ = ["Exchange", "Fault", "Sandbox"]
