"""Identifies the token, its scopes, and the workspaces that it can read."""

from collections.abc import Collection
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from source_slack_users.errors import config_error, scope_advice, transient_error
from source_slack_users.listing import Listing
from source_slack_users.slack_api import SlackApi

NEEDED_SCOPES = ("users:read", "users:read.email")
EMAIL_SCOPE = NEEDED_SCOPES[1]
# Scopes of classic apps, which return e-mail addresses.
CLASSIC_SCOPES = frozenset({"bot:basic", "bot", "client", "read", "post"})


@dataclass(frozen=True)
class Workspace:
    """Identifies a workspace.

    `parameter` is the `team_id` to send, which only an organization-wide token needs.
    """

    id: str
    name: str
    parameter: str | None = None


@dataclass(frozen=True)
class Identity:
    """Describes a token, as Slack reports it.

    Attributes:
        workspace: The workspace or organization that issued the token.
        is_organization: Whether the token is organization-wide.
        scopes: The scopes; None if Slack does not report them.
        now: The time of the response by Slack's clock, in Unix seconds; None if Slack does not report it.
    """

    workspace: Workspace
    is_organization: bool
    scopes: frozenset[str] | None
    now: int | None

    def require_scopes(self) -> None:
        """Raise config_error if granular scopes lack the one for e-mail addresses.

        Scopes of classic apps are not judged, because their names differ. `users.list` shows whether a token can list
        people.
        """
        scopes = self.scopes or frozenset()
        granular = any(":" in scope for scope in scopes) and not scopes & CLASSIC_SCOPES
        if granular and EMAIL_SCOPE not in scopes:
            raise config_error(scope_advice(EMAIL_SCOPE))


def identify(api: SlackApi) -> Identity:
    """Identify the token (Slack: auth.test). Raises what `SlackApi.call` raises."""
    payload, headers = api.call("auth.test")
    scopes = headers.get("x-oauth-scopes")
    return Identity(
        Workspace(str(payload.get("team_id") or ""), str(payload.get("team") or "workspace")),
        payload.get("is_enterprise_install") is True,
        None if scopes is None else frozenset(scope.strip() for scope in scopes.split(",")),
        _time(headers.get("Date")),
    )


def _time(header: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(header).timestamp()) if header else None
    except ValueError:
        return None


def workspaces_to_read(api: SlackApi, identity: Identity, wanted: Collection[str]) -> list[Workspace]:
    """Return the workspaces to read (Slack: auth.teams.list).

    Args:
        api: The client.
        identity: The token's identity.
        wanted: The ids of the workspaces; all that the token can see if it is empty.

    Raises:
        AirbyteTracedException: config_error if the token cannot see one of `wanted`, or can see none at all;
            transient_error if Slack does not report the token's workspace.
    """
    if identity.is_organization:
        seen = {
            team_id: Workspace(team_id, team.get("name", ""), parameter=team_id)
            for teams in Listing(api, "auth.teams.list", "teams", lambda team: (team["id"], 0)).pages()
            for team_id, _, team in teams
        }
    elif not identity.workspace.id:
        raise transient_error("Slack's auth.test returned a response without team_id. A later attempt may succeed.")
    else:
        seen = {identity.workspace.id: identity.workspace}
    unknown = [team for team in wanted if team not in seen]
    if unknown:
        raise config_error(
            f"Workspaces (team_ids) names {', '.join(unknown)}, which this token cannot see. It sees "
            f"{', '.join(f'{workspace.name} ({workspace.id})' for workspace in seen.values()) or 'no workspace'}."
        )
    if not seen:
        raise config_error("The Slack app is installed in the organization, but in none of its workspaces. Add one.")
    return [workspace for workspace in seen.values() if not wanted or workspace.id in wanted]
