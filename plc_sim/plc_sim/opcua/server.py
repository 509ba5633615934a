"""An asyncua server whose subscriptions, history and connections are ours."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from asyncua import Server, ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.user_managers import UserManager

from plc_sim.opcua.capabilities import capabilities
from plc_sim.opcua.certificate import Identity
from plc_sim.opcua.connection import Listener
from plc_sim.opcua.core import QuickInternalServer
from plc_sim.opcua.gate import Gate
from plc_sim.opcua.reverse import ReverseCaller, reverse_hello
from plc_sim.opcua.sampling import SamplerFactory
from plc_sim.opcua.session import CallService, SessionLimits, SimSession, WriteService
from plc_sim.opcua.standard import node_id
from plc_sim.opcua.subscription_service import SubscriptionLimits, SubscriptionService
from plc_sim.opcua.view import CachedView

SECURE_POLICIES = [
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
]


class HistoryService(Protocol):
    """What a server asks for stored values."""

    async def read_history(self, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        """HistoryRead (Part 4, 5.11.3)."""
        ...

    async def init(self) -> None:
        """Called by asyncua before the server starts."""
        ...

    async def stop(self) -> None:
        """Called by asyncua when the server ends."""
        ...


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a server presents itself.

    Attributes:
        name: Application name.
        application_uri: Also namespace 1, and in the certificate.
        product_uri: Of the software.
        bind_host: Address to listen on.
        advertised_host: Host of the endpoint URL.
        port: TCP port; 0 takes a free one.
        username: The only user.
        password: Its password.
        allow_none: Also offer an endpoint without security, and anonymous users.
        max_nodes: Nodes per Read, Write, Browse, TranslateBrowsePaths and RegisterNodes call.
        max_history_nodes: Nodes per HistoryRead call.
        max_methods: Methods per Call.
        max_sessions: Of all clients.
        max_references: References of a node in one answer; 0: as many as the client allows.
        max_continuation_points: That a session may hold; 0: Browse always answers in full.
        subscriptions: What subscriptions may ask for.
        enforce_trust: Clients that are not in the trust list are refused, once it has one.
        calls: `host:port` of clients that listen for this server (reverse connect).
    """

    name: str
    application_uri: str
    product_uri: str
    bind_host: str
    advertised_host: str
    port: int
    username: str
    password: str
    allow_none: bool = False
    max_nodes: int = 1000
    max_history_nodes: int = 100
    max_methods: int = 20
    max_sessions: int = 100
    max_references: int = 0
    max_continuation_points: int = 0
    subscriptions: SubscriptionLimits = field(default_factory=SubscriptionLimits)
    enforce_trust: bool = False
    calls: tuple[str, ...] = ()

    @property
    def limits(self) -> SessionLimits:
        """What sessions may ask for."""
        return SessionLimits(
            nodes=self.max_nodes,
            history_nodes=self.max_history_nodes,
            methods=self.max_methods,
            references=self.max_references,
            continuation_points=self.max_continuation_points,
            sessions=self.max_sessions,
        )


class _Users(UserManager):
    """One user with a password; anonymous only where the endpoint without security is open too."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options

    def get_user(
        self,
        iserver: InternalServer,
        username: str | None = None,
        password: str | None = None,
        certificate: Any = None,
    ) -> User | None:
        """The user that may come in, or None."""
        if username is None:
            return User(role=UserRole.User, name="anonymous") if self._options.allow_none else None
        same_user = hmac.compare_digest(username.encode(), self._options.username.encode())
        same_password = hmac.compare_digest((password or "").encode(), self._options.password.encode())
        return User(role=UserRole.User, name=username) if same_user and same_password else None


_NOBODY = User(role=UserRole.Anonymous)


class _InternalServer(QuickInternalServer):
    """asyncua's core with our sessions."""

    def __init__(self, options: ServerOptions) -> None:
        super().__init__(user_manager=_Users(options))
        self._options = options
        self.writer: WriteService | None = None
        self.caller: CallService | None = None

    def create_session(
        self,
        name: str,
        user: User = _NOBODY,
        external: bool = False,  # noqa: FBT001, FBT002
    ) -> InternalSession:
        """A session for a new connection (asyncua's signature)."""
        if external and len(self._external_sessions) >= self._options.max_sessions:
            raise ServiceError(ua.StatusCodes.BadTooManySessions)
        session = SimSession(self, self.aspace, self.subscription_service, name, user=user, external=external)
        session.restrict(self._options.limits, self.writer, self.caller)
        return session


class SimServer(Server):
    """An OPC UA server for signals that are functions of time."""

    def __init__(self, options: ServerOptions, identity: Identity, gate: Gate) -> None:
        super().__init__(iserver=_InternalServer(options))
        self.options = options
        self.identity = identity
        self.gate = gate
        self._callers: list[ReverseCaller] = []

    async def prepare(
        self, sampler: SamplerFactory, history: HistoryService, namespaces: Callable[[], list[str]]
    ) -> None:
        """Load the standard address space, the services and the identity; call before nodes are added."""
        options = self.options
        self.name = options.name
        self.manufacturer_name = "DualSpan"
        self.product_uri = options.product_uri
        self.application_type = ua.ApplicationType.Server
        self._application_uri = options.application_uri
        self.set_endpoint(f"opc.tcp://{options.advertised_host}:{options.port}/")
        self.socket_address = (options.bind_host, options.port)
        service = SubscriptionService(sampler, self.gate, options.subscriptions)
        internal: Any = self.iserver
        internal.subscription_service = service
        internal.isession.subscription_service = service
        internal.history_manager = history
        internal.view_service = CachedView(internal.aspace)
        internal.match_discovery_source_ip = False
        await self.init()
        for uri in namespaces():
            await self.register_namespace(uri)
        await self.load_certificate(self.identity.certificate_der, "der")
        await self.load_private_key(self.identity.key_pem, format="pem")
        policies = [*SECURE_POLICIES, ua.SecurityPolicyType.NoSecurity] if options.allow_none else SECURE_POLICIES
        self.set_security_policy(policies)
        tokens: list[type] = [ua.UserNameIdentityToken]
        self.set_identity_tokens([*tokens, ua.AnonymousIdentityToken] if options.allow_none else tokens)
        await self._announce_limits()

    async def _announce_limits(self) -> None:
        for identifier, value, kind in capabilities(self.options.limits, self.options.subscriptions):
            await self.get_node(node_id(identifier)).write_value(ua.Variant(value, kind))

    def serve(self, writer: WriteService, caller: CallService) -> None:
        """Let these take what clients write and call; before it, asyncua's own handling serves."""
        internal: Any = self.iserver
        internal.writer, internal.caller = writer, caller

    async def start(self) -> None:
        """Begin to listen."""
        await self._setup_server_nodes()
        await self.iserver.start()
        listener = Listener(self.iserver, self.options.bind_host, self.options.port, self.limits)
        listener.gate = self.gate
        listener.set_policies(self._policies)
        self.bserver = listener
        try:
            await listener.start()
        except OSError:
            await self.iserver.stop()
            raise
        if self.options.port == 0:
            self._correct_port(listener.port)
        for address in self.options.calls:
            host, _, port = address.rpartition(":")
            caller = ReverseCaller(host, int(port), self._reverse_hello, listener.make_protocol)
            self._callers.append(caller)
            caller.start()

    def _reverse_hello(self) -> bytes:
        return reverse_hello(self.options.application_uri, self.endpoint.geturl())

    def _correct_port(self, port: int) -> None:
        """Put the port that the system chose into the endpoints."""
        self.set_endpoint(f"opc.tcp://{self.options.advertised_host}:{port}/")
        for endpoint in self.iserver.endpoints:
            endpoint.EndpointUrl = self.endpoint.geturl()
            endpoint.Server.DiscoveryUrls = [self.endpoint.geturl()]

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return int(self.endpoint.port or 0)

    @property
    def subscription_service(self) -> SubscriptionService:
        """The subscriptions."""
        service: Any = self.iserver.subscription_service
        assert isinstance(service, SubscriptionService)  # noqa: S101 - put there by prepare()
        return service

    def drop_connections(self) -> int:
        """Reset every connection; sessions and subscriptions live on until they time out."""
        listener = self.bserver
        return listener.abort() if isinstance(listener, Listener) else 0

    async def stop(self) -> None:
        """End everything, quickly and without farewell to the clients."""
        for caller in self._callers:
            await caller.stop()
        self._callers.clear()
        self.drop_connections()
        service = self.subscription_service
        await service.delete_subscriptions(list(service.subscriptions))
        internal: Any = self.iserver
        for session in list(internal._external_sessions.values()):  # noqa: SLF001 - no public way to end sessions
            await session.close_session(delete_subs=False)
        await super().stop()
