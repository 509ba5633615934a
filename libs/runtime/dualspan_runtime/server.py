"""A service's gRPC server: listeners, health, reflection, supervised background work, a graceful stop."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer  # the public `health.aio` is made at run time, unseen by types
from grpc_reflection.v1alpha import reflection

from dualspan.runtime.v1.status_pb2_grpc import add_StatusServiceServicer_to_server
from dualspan_runtime import tracing
from dualspan_runtime.authentication import Authenticator, ListenerKind
from dualspan_runtime.authorisation import AuthorisationInterceptor
from dualspan_runtime.certificates import ServerCertificate
from dualspan_runtime.database import DatabaseRefusedError
from dualspan_runtime.errors import Unavailable
from dualspan_runtime.grants import Grants, NoGrants
from dualspan_runtime.interceptors import (
    CallInterceptor,
    ErrorInterceptor,
    Interceptors,
    TelemetryInterceptor,
    TracingInterceptor,
)
from dualspan_runtime.logs import configure_logging
from dualspan_runtime.metrics import RpcMetrics, serve_metrics
from dualspan_runtime.migrations import SchemaMismatchError
from dualspan_runtime.permissions import MethodPolicy, read_policies
from dualspan_runtime.readings import Reading, again_and_again
from dualspan_runtime.settings import CONFIGURATION_ERROR, GatewayFacingSettings, ServiceSettings
from dualspan_runtime.status.service import Status
from dualspan_runtime.status.servicer import StatusServicer
from dualspan_runtime.streams import LiveStreams
from dualspan_runtime.supervision import Background, supervised
from dualspan_runtime.trust import KeyRing, RevocationWatch, Trust

_log = structlog.stdlib.get_logger()
# Whoever enrols has shown nothing yet: a token, a signing request and the answer to them need no more.
_STRANGERS_MESSAGE_BYTES = 128 * 1024


class ListenError(Exception):
    """A port cannot be listened on."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A servicer and the generated function that adds it to a server."""

    add: Callable[[Any, Any], None]
    servicer: object


@dataclass(frozen=True, slots=True)
class Listener:
    """A port, whom it is for, and what it offers.

    Attributes:
        kind: Decides how callers are known and whether there is TLS.
        address: `host:port`; port 0 takes a free one.
        bindings: What it offers.
        hosts: For the server certificate, of the listeners that gateways reach.
        tls_files: PEM chain and key of the people's listener; None: plaintext.
        socket: Path of a Unix socket that offers the same in plaintext; empty: none. Whoever may enter its folder may
            connect.
    """

    kind: ListenerKind
    address: str
    bindings: Sequence[Binding]
    hosts: Sequence[str] = ()
    tls_files: tuple[str, str] | None = None
    socket: str = ""

    @classmethod
    def people(cls, settings: ServiceSettings, bindings: Sequence[Binding]) -> "Listener":
        """For people, apps and other services: bearer tokens."""
        files = (settings.tls_certificate_file, settings.tls_key_file)
        tls_files = files if all(files) else None
        return cls(ListenerKind.PEOPLE, settings.listen, bindings, tls_files=tls_files, socket=settings.listen_socket)

    @classmethod
    def gateways(cls, settings: GatewayFacingSettings, bindings: Sequence[Binding]) -> "Listener":
        """For gateways: client certificates."""
        return cls(ListenerKind.GATEWAYS, settings.gateway_listen, bindings, hosts=settings.gateway_host_list)

    @classmethod
    def enrolment(cls, settings: GatewayFacingSettings, address: str, bindings: Sequence[Binding]) -> "Listener":
        """For gateways without a certificate: TLS, and public methods only."""
        return cls(ListenerKind.ENROLMENT, address, bindings, hosts=settings.gateway_host_list)


class _ServiceNames:
    """Stands in for a server when a generated function is asked which service it adds."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.ServiceRpcHandler]) -> None:
        # Older generated functions, such as google.longrunning's, know no other method.
        self.names += [name for handler in handlers if (name := handler.service_name())]

    def add_registered_method_handlers(self, _service_name: str, _handlers: object) -> None:
        pass


class Server:
    """The listeners of one service. Use `start_server`.

    Args:
        settings: Limits.
        trust: Whom to believe.
        listeners: What to offer where.
        grants: What apps may do here.

    Raises:
        MissingPermissionError: A method does not say who may call it.
    """

    def __init__(
        self, settings: ServiceSettings, trust: Trust, listeners: Sequence[Listener], grants: Grants | None = None
    ) -> None:
        self._settings = settings
        self._listeners = listeners
        self._revocations = RevocationWatch(trust)
        self._authenticator = Authenticator(KeyRing(trust), settings.platform.service_secret.get_secret_value())
        self._health = HealthServicer()
        hosts = [host for listener in listeners for host in listener.hosts]
        self.certificate = ServerCertificate(trust, list(dict.fromkeys(hosts))) if hosts else None
        self._servers: list[grpc.aio.Server] = []
        self._ports: dict[ListenerKind, int] = {}
        self._grants = grants or NoGrants()
        self.streams = LiveStreams(self._revocations, self._grants)
        self._plans = [(listener, *_plan(listener, self._health)) for listener in listeners]

    @property
    def background(self) -> list[Background]:
        """What must run beside the listeners."""
        certificate = [self.certificate.keep_fresh] if self.certificate else []
        return [self._revocations.run, self.streams.run, *certificate]

    def port(self, kind: ListenerKind) -> int:
        """Returns the port that a listener is bound to."""
        return self._ports[kind]

    async def refresh_revocations(self) -> None:
        """Asks for revocations now instead of within the next seconds."""
        await self._revocations.refresh()

    async def start(self) -> None:
        """Binds all ports, then reports that the service is ready.

        Raises:
            ListenError: A port cannot be listened on.
        """
        for service in self._service_names():
            await self._health.set(service, health_pb2.HealthCheckResponse.NOT_SERVING)
        plans = sorted(self._plans, key=lambda plan: plan[0].kind is not ListenerKind.PEOPLE)
        for listener, bindings, policies in plans:
            if listener.kind is not ListenerKind.PEOPLE and not self._revocations.is_known:
                await self._prepare_for_gateways()
            await self._open(listener, bindings, policies)
        for service in self._service_names():
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Reports that the service is not ready, lets running calls finish, ends streams, closes the ports."""
        await self._health.enter_graceful_shutdown()
        stopping = [asyncio.create_task(server.stop(self._settings.drain_seconds)) for server in self._servers]
        await asyncio.sleep(0)
        self.streams.end_all(Unavailable("SERVER_STOPPING", "This server is stopping. Connect again."))
        await asyncio.gather(*stopping)

    def _service_names(self) -> list[str]:
        ours = [policy for _, _, policies in self._plans for policy in policies]
        return ["", *sorted({method.split("/")[1] for method in ours})]

    async def _prepare_for_gateways(self) -> None:
        if self.certificate is None:
            msg = "a listener for gateways needs hosts for its certificate"
            raise ListenError(msg)
        await self.certificate.obtain_patiently()
        await self._revocations.refresh_patiently()

    async def _open(
        self, listener: Listener, bindings: Sequence[Binding], policies: Mapping[str, MethodPolicy]
    ) -> None:
        server = grpc.aio.server(
            options=_channel_options(_largest_message(listener.kind, self._settings)),
            interceptors=[Interceptors(self._interceptors(listener, policies))],
        )
        for binding in bindings:
            binding.add(binding.servicer, server)
        if listener.kind is ListenerKind.PEOPLE:
            names = {method.split("/")[1] for method in policies}
            reflection.enable_server_reflection(sorted(names), server)
        self._ports[listener.kind] = self._bind(server, listener)
        if listener.socket:
            _bind_socket(server, Path(listener.socket))
        self._servers.append(server)
        await server.start()
        _log.info("listening", listener=listener.kind.value, port=self._ports[listener.kind])

    def _interceptors(self, listener: Listener, policies: Mapping[str, MethodPolicy]) -> list[CallInterceptor]:
        unary = frozenset(method for method, policy in policies.items() if policy.unary)
        return [
            *([TracingInterceptor()] if tracing.is_on() else []),
            TelemetryInterceptor(RpcMetrics(unary)),
            ErrorInterceptor(
                self._settings.default_deadline_seconds,
                self._settings.maximum_deadline_seconds,
                unary,
            ),
            AuthorisationInterceptor(
                listener.kind, policies, self._authenticator, self._revocations, self.streams, self._grants
            ),
        ]

    def _bind(self, server: grpc.aio.Server, listener: Listener) -> int:
        try:
            if listener.kind is not ListenerKind.PEOPLE:
                assert self.certificate is not None  # noqa: S101 - _prepare_for_gateways has seen to it
                demand = listener.kind is ListenerKind.GATEWAYS
                return server.add_secure_port(listener.address, self.certificate.credentials(require_client=demand))
            if listener.tls_files is None:
                return server.add_insecure_port(listener.address)
            chain, key = (Path(file).read_bytes() for file in listener.tls_files)
            return server.add_secure_port(listener.address, grpc.ssl_server_credentials([(key, chain)]))
        except RuntimeError as error:
            msg = f"Cannot listen on {listener.address}: is another process there? Stop it or choose another port."
            raise ListenError(msg) from error


def _bind_socket(server: grpc.aio.Server, path: Path) -> None:
    try:
        server.add_insecure_port(f"unix:{path}")
        # Its folder says who may connect: an app's user in a container is none of this machine's.
        path.chmod(0o666)
    except (RuntimeError, OSError) as error:
        msg = f"Cannot listen on {path}: does its folder exist, and may this process write to it?"
        raise ListenError(msg) from error


def _plan(listener: Listener, health_servicer: HealthServicer) -> tuple[list[Binding], dict[str, MethodPolicy]]:
    recorder = _ServiceNames()
    bindings = [*listener.bindings, Binding(health_pb2_grpc.add_HealthServicer_to_server, health_servicer)]
    for binding in bindings:
        binding.add(binding.servicer, recorder)
    names = [*recorder.names, reflection.SERVICE_NAME] if listener.kind is ListenerKind.PEOPLE else recorder.names
    return bindings, read_policies(names)


def _largest_message(kind: ListenerKind, settings: ServiceSettings) -> int:
    return _STRANGERS_MESSAGE_BYTES if kind is ListenerKind.ENROLMENT else settings.maximum_message_bytes


def _channel_options(largest_message: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", largest_message),
        ("grpc.max_send_message_length", largest_message),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.max_metadata_size", 16 * 1024),
        # Two processes on one port would each get half of the calls, and nobody would know.
        ("grpc.so_reuseport", 0),
    ]


@asynccontextmanager
async def start_server(
    name: str,
    settings: ServiceSettings,
    *,
    trust: Trust,
    listeners: Sequence[Listener],
    background: Sequence[Background] = (),
    grants: Grants | None = None,
    status: Status | None = None,
    readings: Sequence[Reading] = (),
) -> AsyncGenerator[Server]:
    """Runs a service's server while the context lasts.

    Args:
        name: The service's name, for the log.
        settings: The service's settings.
        trust: Whom to believe: `IdentityTrust`, or identity's own.
        listeners: What to offer where; each kind once.
        background: Functions that run beside it, supervised.
        grants: What apps may do here; nothing without it.
        status: What it says of itself to whoever runs the platform; nothing without it.
        readings: Sets gauges; taken while metrics are served.

    Raises:
        MissingPermissionError: A method does not say who may call it.
        ListenError: A port cannot be listened on.
    """
    offered = listeners if status is None else [_with_status(listener, status) for listener in listeners]
    of_status = [] if status is None else [status.run]
    taken = [*readings, *([status.read_queue] if status is not None and status.has_queue else [])]
    measuring = [again_and_again(read) for read in taken] if settings.metrics_listen else []
    server = Server(settings, trust, offered, grants)
    with serve_metrics(settings.metrics_listen):
        try:
            await server.start()
            async with supervised([*server.background, *background, *of_status, *measuring]):
                _log.info("ready", service=name)
                yield server
        finally:
            await server.stop()


def _with_status(listener: Listener, status: Status) -> Listener:
    if listener.kind is not ListenerKind.PEOPLE:
        return listener
    own = Binding(add_StatusServiceServicer_to_server, StatusServicer(status))
    return replace(listener, bindings=[*listener.bindings, own])


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
# What somebody has to mend before another start can go better.
CANNOT_START = (DatabaseRefusedError, SchemaMismatchError, ListenError)


async def serve(
    name: str,
    settings: SettingsT,
    build: Callable[[SettingsT], AbstractAsyncContextManager[Server]],
) -> None:
    """Runs a service until SIGTERM or SIGINT; a second signal does not wait for running calls.

    Args:
        name: The service's name.
        settings: Its settings.
        build: Its composition root.
    """
    configure_logging(name, settings.platform.log_format, settings.platform.log_level)
    tracing.start_tracing(name, settings.platform)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine always runs in one
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        async with build(settings):
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        _log.info("stopped", service=name)
    except CANNOT_START as error:
        # Whoever reads the log of a pod that does not start wants the reason, and not where in the code it was seen.
        _log.critical("cannot start", service=name, reason=type(error).__name__, error=str(error))
        raise SystemExit(CONFIGURATION_ERROR) from None
    finally:
        await asyncio.to_thread(tracing.stop_tracing)
