"""What was settled of a server before: whether it still holds, and what is to change. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from dualspan.onboarding.v1 import discovery_pb2
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan_cli.errors import CommandError

_DEFAULT_PORT = 4840


def check_address(server: resources.OpcUaServer, url: str) -> None:
    """Refuse a server that is called the same and stands elsewhere.

    Raises:
        CommandError: It has another address (`OTHER_ADDRESS`).
    """
    if _address(server.endpoint_url) != _address(url):
        known = server.name.rpartition("/")[2]
        raise CommandError(
            "OTHER_ADDRESS",
            f"{known} is known already, at {server.endpoint_url}, and you say {url}. Give the new one another "
            "name with --id, or have the known one changed: dualspan gateways servers update.",
        )


def _address(url: str) -> tuple[str, int, str]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _DEFAULT_PORT, parts.path.rstrip("/")


def to_change(server: resources.OpcUaServer, wanted: resources.OpcUaServer) -> list[str]:
    """The settings to change of a server that is known already: what is said now goes before what was said then.

    One that is connected stays as it is: a change would cut its stream.

    Args:
        server: As it is.
        wanted: As it was asked for this time; empty fields were not said.
    """
    if server.status.state == resources.CONNECTION_STATE_CONNECTED:
        return []
    fields = ["security_mode"] if wanted.security_mode != server.security_mode else []
    if wanted.username and wanted.username != server.username:
        fields.append("username")
    # Nobody can read the stored one to compare it.
    return [*fields, "password"] if wanted.password else fields


def why_not(tested: discovery_pb2.TestConnectionResponse) -> str:
    """What a test of the connection found wrong, and what to do; empty if nothing."""
    failed = [check for check in tested.checks if check.verdict == discovery_pb2.CONNECTION_VERDICT_FAILED]
    words = [f"{check.finding}. Do: {check.remedy}." if check.remedy else f"{check.finding}." for check in failed]
    trust = any(check.step == discovery_pb2.CONNECTION_STEP_GATEWAY_TRUST for check in failed)
    if trust and tested.gateway_certificate_sha1:
        words.append(f"The gateway's certificate has the SHA-1 {tested.gateway_certificate_sha1} there.")
    return " ".join(words)
