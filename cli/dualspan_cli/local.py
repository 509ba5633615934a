"""The whole platform on one machine: its ports, its secret, its services and how they find each other."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from dualspan_cli.apps_here import app_environment
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from dualspan_cli.errors import CommandError
from dualspan_cli.folder import FolderLock, socket_folder, system_user
from dualspan_cli.migrations import SERVICES_WITH_SCHEMA
from dualspan_cli.processes import ChildProcess
from dualspan_cli.settings import child_environment
from dualspan_cli.supervisor import Member, Service

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """The TCP ports of one platform, all on the loopback interface."""

    console: int = 8080
    identity: int = 7401
    onboarding: int = 7402
    historian: int = 7403
    onboarding_gateway: int = 7412
    historian_gateway: int = 7413
    enrolment: int = 7422
    analytics: int = 7404
    marketplace: int = 7405
    access: int = 8081

    @classmethod
    def from_base(cls, base: int) -> Ports:
        """Ten ports in a row."""
        return cls(*(base + offset for offset in range(len(fields(cls)))))

    def free(self) -> Ports:
        """These ports, with a free one in the place of each that is taken."""
        taken = {name: free_port() for name, port in asdict(self).items() if not port_is_free(port)}
        return replace(self, **taken)


def port_is_free(port: int) -> bool:
    """Whether nobody listens on a TCP port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class RunningPlatform:
    """How to reach a platform that runs on this machine, as its data folder says."""

    identity_address: str
    onboarding_address: str
    historian_address: str
    analytics_address: str
    marketplace_address: str
    console_url: str
    service_secret: str

    @classmethod
    def find(cls, data_dir: Path) -> RunningPlatform | None:
        """The platform that runs on the folder; None if none does."""
        folder = DataFolder(data_dir)
        if not folder.ports_file.exists() or not folder.secret_file.exists() or not folder.is_in_use():
            return None
        ports = Ports(**json.loads(folder.ports_file.read_text()))
        return cls(
            identity_address=f"{LOOPBACK}:{ports.identity}",
            onboarding_address=f"{LOOPBACK}:{ports.onboarding}",
            historian_address=f"{LOOPBACK}:{ports.historian}",
            analytics_address=f"{LOOPBACK}:{ports.analytics}",
            marketplace_address=f"{LOOPBACK}:{ports.marketplace}",
            console_url=f"http://{LOOPBACK}:{ports.console}",
            service_secret=folder.secret_file.read_text(),
        )


class DataFolder:
    """The files of one machine's platform. Secrets are readable by their owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.lock = FolderLock(self.path / "platform.lock")
        self.ports_file = self.path / "ports.json"
        self.secret_file = self.path / "service-secret"

    def is_in_use(self) -> bool:
        """Whether a living process holds the folder."""
        return self.lock.is_held()

    def choose_ports(self, base: int | None) -> Ports:
        """The ports of the last start, or the usual ones, or free ones; remembered, because gateways remember them.

        Raises:
            CommandError: Ports were asked for and one of them is taken.
        """
        if base is not None:
            wanted = Ports.from_base(base)
            if wanted.free() != wanted:
                taken = [str(port) for port in asdict(wanted).values() if not port_is_free(port)]
                raise CommandError(
                    "PORT_TAKEN",
                    f"Others listen on {', '.join(taken)} of 127.0.0.1. Choose another --port-base: "
                    f"ten ports from it on must be free.",
                    exit_code=2,
                )
        elif self.ports_file.exists():
            wanted = Ports(**json.loads(self.ports_file.read_text()))
        else:
            wanted = Ports()
        ports = wanted.free()
        self.ports_file.write_text(json.dumps(asdict(ports)))
        return ports

    def service_secret(self) -> str:
        """The secret that the services share, made at the first start."""
        if not self.secret_file.exists():
            write_private(self.secret_file, secrets.token_urlsafe(32))
        return self.secret_file.read_text()


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    unfinished.touch(mode=0o600, exist_ok=False)
    with unfinished.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # it may be a key that is nowhere else
    unfinished.replace(path)


class LocalPlatform:
    """The members of one machine's platform, not started.

    Args:
        folder: Its data folder, held by this process.
        ports: Where its services listen.
        engine: Socket of the Docker Engine that runs apps; empty: none does.
        ways_out: Settings about how apps reach hosts.
        programs: `bin` of another PostgreSQL than the built-in one.
    """

    def __init__(
        self,
        folder: DataFolder,
        ports: Ports,
        engine: str = "",
        ways_out: Mapping[str, str] | None = None,
        *,
        programs: Path | None = None,
    ) -> None:
        self.folder = folder
        self.ports = ports
        self.engine = engine
        self._ways_out = dict(ways_out or {})
        self.postgres = EmbeddedPostgres(folder.path, programs=programs)
        self.redis = EmbeddedRedis(folder.path)

    @property
    def console_url(self) -> str:
        """Where a person looks."""
        return f"http://{LOOPBACK}:{self.ports.console}"

    def gateway_addresses(self) -> str:
        """Where gateways enrol, are configured and send to, in a line."""
        ports = self.ports
        return f"{LOOPBACK} {ports.enrolment} {ports.onboarding_gateway} {ports.historian_gateway}"

    def running(self) -> RunningPlatform:
        """How to reach it."""
        return RunningPlatform(
            identity_address=f"{LOOPBACK}:{self.ports.identity}",
            onboarding_address=f"{LOOPBACK}:{self.ports.onboarding}",
            historian_address=f"{LOOPBACK}:{self.ports.historian}",
            analytics_address=f"{LOOPBACK}:{self.ports.analytics}",
            marketplace_address=f"{LOOPBACK}:{self.ports.marketplace}",
            console_url=self.console_url,
            service_secret=self.folder.service_secret(),
        )

    def servers(self) -> Sequence[Member]:
        """PostgreSQL and Redis; ready when their start returns."""
        return [Member(self.postgres), Member(self.redis)]

    def identity(self) -> Member:
        """The service that all others ask at their start."""
        return self._service("identity", self.ports.identity)

    def services(self) -> Sequence[Member]:
        """Everything that needs identity."""
        return [
            self._service("onboarding", self.ports.onboarding),
            self._service("historian", self.ports.historian),
            self._service("analytics", self.ports.analytics),
            self._service("marketplace", self.ports.marketplace),
            self._console(),
            self._access(),
            self._worker("worker", "historian"),
            self._worker("analytics-worker", "analytics"),
            self._worker("marketplace-worker", "marketplace"),
        ]

    def backup(self, repository: Path, every_hours: float, keep: int) -> Member:
        """What keeps a repository of backups up to date."""
        command = [sys.executable, "-m", "dualspan_cli", "backup", "follow", "--data", str(self.folder.path)]
        child = self.child("backup", command)
        settings = {
            "DUALSPAN_BACKUP_REPOSITORY": str(repository),
            "DUALSPAN_BACKUP_EVERY_HOURS": str(every_hours),
            "DUALSPAN_BACKUP_KEEP": str(keep),
        }
        return Member(Service(replace(child, environment={**child.environment, **settings})))

    def _service(self, name: str, port: int) -> Member:
        address = f"{LOOPBACK}:{port}"
        return Member(
            Service(self.child(name, [sys.executable, "-m", f"dualspan_{name}"])), lambda: grpc_ready(address)
        )

    def _console(self) -> Member:
        child = self.child("console", [sys.executable, "-m", "dualspan_console"])
        return Member(Service(child), lambda: accepts(f"{LOOPBACK}:{self.ports.console}"))

    def _access(self) -> Member:
        child = self.child("access", [sys.executable, "-m", "dualspan_access"])
        return Member(Service(child), lambda: accepts(f"{LOOPBACK}:{self.ports.access}"))

    def _worker(self, name: str, queue: str) -> Member:
        from dualspan_cli.workers import worker_command

        schedule = self.folder.path / name / "schedule"
        schedule.parent.mkdir(exist_ok=True)
        child = self.child(name, worker_command(queue, beat_schedule=schedule))

        async def is_ready() -> bool:
            return is_worker_ready(child)

        return Member(Service(child), is_ready)

    def child(self, name: str, command: Sequence[str]) -> ChildProcess:
        """A process with the platform's environment, a log of its own and the data folder as working directory."""
        return ChildProcess(
            name=name,
            command=command,
            log_path=self.folder.path / "logs" / f"{name}.log",
            environment=child_environment(self.environment()),
            working_directory=self.folder.path,
        )

    def environment(self) -> dict[str, str]:
        """The settings of every service, as the services' own settings name them."""
        running, ports = self.running(), self.ports
        urls = {
            f"DUALSPAN_{name.upper()}_DATABASE_URL": self.postgres.url(user=f"dualspan_{name}")
            for name in SERVICES_WITH_SCHEMA
        }
        # Containers are given this folder and not the one above it, where the database's own socket is.
        sockets = socket_folder(self.folder.path, system_user()) / "apps"
        sockets.mkdir(exist_ok=True)
        sockets.chmod(0o755)
        return (
            urls
            | app_environment(self.folder.path, sockets, self.engine)
            | self._ways_out
            | {
                # Matrices are small here: threads of a linear algebra library would only take cores from others.
                "OMP_NUM_THREADS": "1",
                "DUALSPAN_SERVICE_SECRET": running.service_secret,
                "DUALSPAN_REDIS_URL": self.redis.url(),
                "DUALSPAN_IDENTITY_ADDRESS": running.identity_address,
                "DUALSPAN_ONBOARDING_ADDRESS": running.onboarding_address,
                "DUALSPAN_HISTORIAN_ADDRESS": running.historian_address,
                "DUALSPAN_ANALYTICS_ADDRESS": running.analytics_address,
                "DUALSPAN_MARKETPLACE_ADDRESS": running.marketplace_address,
                "DUALSPAN_IDENTITY_LISTEN": running.identity_address,
                "DUALSPAN_ONBOARDING_LISTEN": running.onboarding_address,
                "DUALSPAN_HISTORIAN_LISTEN": running.historian_address,
                "DUALSPAN_ANALYTICS_LISTEN": running.analytics_address,
                "DUALSPAN_MARKETPLACE_LISTEN": running.marketplace_address,
                "DUALSPAN_ANALYTICS_EXPORT_FOLDER": str(self.folder.path / "exports"),
                "DUALSPAN_ONBOARDING_GATEWAY_LISTEN": f"{LOOPBACK}:{ports.onboarding_gateway}",
                "DUALSPAN_ONBOARDING_ENROL_LISTEN": f"{LOOPBACK}:{ports.enrolment}",
                "DUALSPAN_ONBOARDING_HISTORIAN_GATEWAY_ADDRESS": f"{LOOPBACK}:{ports.historian_gateway}",
                "DUALSPAN_HISTORIAN_GATEWAY_LISTEN": f"{LOOPBACK}:{ports.historian_gateway}",
                "DUALSPAN_CONSOLE_LISTEN": f"{LOOPBACK}:{ports.console}",
                "DUALSPAN_CONSOLE_URL": self.console_url,
                "DUALSPAN_ACCESS_LISTEN": f"{LOOPBACK}:{ports.access}",
                # Browsers take every name under localhost for this machine (RFC 6761, 6.3).
                "DUALSPAN_APPS_URL": f"http://apps.localhost:{ports.access}",
            }
        )


async def grpc_ready(address: str) -> bool:
    """Whether a gRPC server says that it serves."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=2.0)
        except grpc.aio.AioRpcError:
            return False
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def is_worker_ready(child: ChildProcess) -> bool:
    """Whether a Celery worker consumes from its queue."""
    # Celery's own word for "connected to the broker and consuming"; an inspect ping costs a second process.
    return " ready." in child.log_since_start()


async def accepts(address: str) -> bool:
    """Whether somebody listens at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True
