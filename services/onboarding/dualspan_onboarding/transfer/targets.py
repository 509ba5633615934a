"""Which server each entry of a file is about: one that is there, or one that has to be made."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from dualspan_onboarding.model import OpcUaServer, SecurityMode, SecurityPolicy, ServerSettings
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_onboarding.rules import check_endpoint_url, check_password, check_settings
from dualspan_onboarding.transfer.entries import Endpoint, Entry, Mode, Place, Problem, Refused, Remark, shown
from dualspan_runtime.errors import InvalidArgument
from dualspan_runtime.names import check_slug

_DEFAULT_PORT = 4840
_LONGEST_ID = 40
_NOT_IN_IDS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the request says for entries that do not: whose they are."""

    tenant: str
    gateway: GatewayName | None
    server: ServerName | None


@dataclass(frozen=True, slots=True)
class NewServer:
    """A server that a file brings."""

    name: ServerName
    settings: ServerSettings
    password: str
    place: Place


@dataclass(frozen=True, slots=True)
class Targets:
    """Where the entries go.

    Attributes:
        entries: Those that go somewhere, each with its server.
        new: Servers to be made.
        problems: Entries that go nowhere.
        remarks: Where a file says of a server that is there what it is not.
    """

    entries: Sequence[tuple[ServerName, Entry]]
    new: Sequence[NewServer]
    problems: Sequence[Problem]
    remarks: Sequence[Remark]


class Assignment:
    """Finds the server of each entry.

    Args:
        scope: For entries that say less.
        mode: Whether servers may be made.
        servers: Those that are there.
        gateways: Those that are there.
    """

    def __init__(
        self, scope: Scope, mode: Mode, servers: Sequence[OpcUaServer], gateways: Collection[GatewayName]
    ) -> None:
        self._scope = scope
        self._may_make = mode is not Mode.UPDATE
        self._servers = {server.name: server for server in servers}
        self._gateways = gateways
        self._new: dict[ServerName, NewServer] = {}
        self._found: dict[object, ServerName | Refused] = {}
        self._remarks: list[Remark] = []

    def assign(self, entries: Sequence[Entry]) -> Targets:
        """Where all of them go."""
        assigned: list[tuple[ServerName, Entry]] = []
        problems: list[Problem] = []
        for entry in entries:
            key = (entry.server, entry.endpoint)
            if key not in self._found:
                self._found[key] = self._look(entry)
            found = self._found[key]
            if isinstance(found, Refused):
                problems.append(found.at(entry.place))
            else:
                assigned.append((found, entry))
        return Targets(assigned, list(self._new.values()), problems, self._remarks)

    def _look(self, entry: Entry) -> ServerName | Refused:
        try:
            return self._server(entry)
        except Refused as refused:
            return refused
        except InvalidArgument as wrong:
            return Refused(wrong.reason, wrong.message, "Mend it, or take the entry out.")

    def _server(self, entry: Entry) -> ServerName:
        gateway_id, server_id = entry.server
        if not server_id and entry.endpoint is None:
            if self._scope.server is not None and not gateway_id:
                return self._scope.server
            words = "The entry does not say which server it is about."
            raise Refused("SERVER_MISSING", words, "Fill in gateway and server, or state the server for all entries.")
        gateway = self._gateway(gateway_id)
        if server_id:
            return self._named(gateway, check_slug(server_id, "server"), entry)
        if entry.endpoint is None:
            raise Refused("SERVER_MISSING", "The entry names no server.", "Fill in the server.")
        return self._reached(gateway, entry.endpoint, entry.place)

    def _gateway(self, gateway_id: str) -> GatewayName:
        scoped = self._scope.gateway or (self._scope.server and self._scope.server.parent)
        if not gateway_id:
            if scoped is None:
                words = "The entry does not say through which gateway its server is reached."
                raise Refused("GATEWAY_MISSING", words, "State the gateway for the whole import.")
            return scoped
        name = GatewayName(self._scope.tenant, check_slug(gateway_id, "gateway"))
        if name not in self._gateways:
            words = f"There is no gateway {shown(gateway_id)}."
            raise Refused("GATEWAY_UNKNOWN", words, "Create the gateway first, or correct its id.")
        return name

    def _named(self, gateway: GatewayName, server_id: str, entry: Entry) -> ServerName:
        name = ServerName(gateway.tenant, gateway.gateway, server_id)
        if name in self._servers:
            self._compare(self._servers[name], entry.endpoint, entry.place)
            return name
        if name in self._new:
            if entry.endpoint is not None and entry.endpoint.url != self._new[name].settings.endpoint_url:
                words = f"The file gives {server_id} two endpoints."
                raise Refused("SERVER_AMBIGUOUS", words, "Write the same endpoint_url in all its rows.")
            return name
        if entry.endpoint is None:
            raise Refused(
                "SERVER_UNKNOWN",
                f"There is no server {gateway.gateway}/{server_id}, and the entry has no endpoint_url to make it with.",
                "Correct the id, or fill in endpoint_url.",
            )
        return self._make(name, entry.endpoint, entry.place)

    def _reached(self, gateway: GatewayName, endpoint: Endpoint, place: Place) -> ServerName:
        at = same_endpoint(check_endpoint_url(endpoint.url))
        there = [s for s in self._servers.values() if s.name.parent == gateway and _at(s) == at]
        fitting = [s for s in there if s.settings.username == endpoint.username] or there
        if len(fitting) == 1:
            self._compare(fitting[0], endpoint, place)
            return fitting[0].name
        if len(fitting) > 1:
            ids = ", ".join(server.name.server for server in fitting)
            words = f"Several servers have the endpoint {shown(endpoint.url)}: {ids}."
            raise Refused("SERVER_AMBIGUOUS", words, "Import with the server stated, entry by entry.")
        for made in self._new.values():
            same = same_endpoint(made.settings.endpoint_url) == at and made.settings.username == endpoint.username
            if same and made.name.parent == gateway:
                return made.name
        taken = {name.server for name in (*self._servers, *self._new) if name.parent == gateway}
        name = ServerName(gateway.tenant, gateway.gateway, _new_id(endpoint.url, taken))
        return self._make(name, endpoint, place)

    def _make(self, name: ServerName, endpoint: Endpoint, place: Place) -> ServerName:
        if not self._may_make:
            words = f"There is no server with the endpoint {shown(endpoint.url)}."
            raise Refused("SERVER_UNKNOWN", words, "UPDATE makes no servers: use MERGE, or add the server first.")
        settings = check_settings(
            ServerSettings(
                display_name=endpoint.display_name,
                endpoint_url=endpoint.url,
                security_mode=endpoint.security_mode or SecurityMode.SIGN_AND_ENCRYPT,
                security_policy=_policy(endpoint),
                username=endpoint.username,
                trusted_certificate_sha256="",
            )
        )
        if endpoint.security_mode is None:
            words = "Nothing is said about security: the new server is made with SignAndEncrypt."
            self._remarks.append(Remark(place, "", words))
        self._new[name] = NewServer(name, settings, check_password(endpoint.password), place)
        return name

    def _compare(self, server: OpcUaServer, endpoint: Endpoint | None, place: Place) -> None:
        """Says where a file has another way to a server: an import never changes one that is there."""
        if endpoint is None:
            return
        stated: Mapping[str, tuple[str, str]] = {
            "endpoint": (same_endpoint(endpoint.url), _at(server)),
            "security": (
                (endpoint.security_mode or server.settings.security_mode).name,
                server.settings.security_mode.name,
            ),
            "user": (endpoint.username, server.settings.username),
        }
        for what, (in_file, here) in stated.items():
            if in_file != here:
                words = f"{server.name.server} stays as it is: its {what} is {here or 'none'}. Change it on the server."
                self._remarks.append(Remark(place, shown(in_file), words))


def _policy(endpoint: Endpoint) -> SecurityPolicy:
    if endpoint.security_mode is SecurityMode.NONE:
        return SecurityPolicy.STRONGEST if endpoint.security_policy is SecurityPolicy.NONE else endpoint.security_policy
    return endpoint.security_policy


def same_endpoint(url: str) -> str:
    """An endpoint in the one form of its many spellings; as it is if it is no endpoint."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORT
    except ValueError:
        return url
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}{parts.path.rstrip('/')}"


def _at(server: OpcUaServer) -> str:
    return same_endpoint(server.settings.endpoint_url)


def _new_id(url: str, taken: Collection[str]) -> str:
    """An id for a server from its address, that no other has."""
    parts = urlsplit(url)
    port = f"-{parts.port}" if parts.port not in (None, _DEFAULT_PORT) else ""
    stem = _NOT_IN_IDS.sub("-", f"{parts.hostname or 'server'}{port}".lower()).strip("-")[: _LONGEST_ID - 4].strip("-")
    stem = stem or "server"
    candidates = (stem if n == 1 else f"{stem}-{n}" for n in range(1, 1000))
    return next(candidate for candidate in candidates if candidate not in taken)
