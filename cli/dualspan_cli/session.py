"""Reaching the platform from a command: which platform, as whom."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import grpc
from google.longrunning.operations_pb2_grpc import OperationsStub
from pydantic import SecretStr

from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan.onboarding.v1.service_pb2_grpc import OnboardingServiceStub
from dualspan_cli.errors import CommandError
from dualspan_cli.failures import EXIT_UNAUTHENTICATED, EXIT_UNAVAILABLE
from dualspan_cli.local import RunningPlatform, write_private
from dualspan_cli.settings import CliSettings
from dualspan_runtime.channels import open_channel

if TYPE_CHECKING:  # the SDK brings NumPy, which no sign-in needs; the others exist in the stub files only
    from dualspan.historian.v1.service_pb2_grpc import HistorianServiceAsyncStub
    from dualspan.identity.v1.service_pb2_grpc import IdentityServiceAsyncStub
    from dualspan.onboarding.v1.service_pb2_grpc import OnboardingServiceAsyncStub
    from dualspan_sdk import ExchangedCredentials

SERVICE_NAME = "cli"
DEFAULT_ANALYTICS = "127.0.0.1:7404"
DEFAULT_MARKETPLACE = "127.0.0.1:7405"
SIGN_IN_FILE = "sign-in.json"


class PageRequest(Protocol):
    """A request of a list method."""

    page_token: str


class Page(Protocol):
    """An answer of a list method."""

    @property
    def next_page_token(self) -> str:
        """Empty on the last page."""
        ...


RequestT = TypeVar("RequestT", bound=PageRequest)
PageT = TypeVar("PageT", bound=Page)
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services listen, each as `host:port`."""

    identity: str
    onboarding: str
    historian: str
    # Sign-ins that are older than these services do not have them.
    analytics: str = DEFAULT_ANALYTICS
    marketplace: str = DEFAULT_MARKETPLACE


@dataclass(frozen=True, slots=True)
class Credential:
    """What `dualspan sign-in` stores."""

    addresses: Addresses
    email: str
    tenant: str
    refresh_token: str

    def save(self, path: Path) -> None:
        """Writes it so that only its owner can read it."""
        write_private(path, json.dumps(asdict(self), indent=2))

    @classmethod
    def load(cls, path: Path) -> Credential | None:
        """Reads it; None if nobody has signed in."""
        if not path.exists():
            return None
        stored: dict[str, Any] = json.loads(path.read_text())
        addresses = Addresses(**stored.pop("addresses"))
        return cls(addresses=addresses, **stored)


@dataclass(frozen=True, slots=True)
class Access:
    """Which platform to talk to, and what to show it.

    Attributes:
        addresses: Where it is.
        exchange_secret: An API token or a session's refresh token, exchanged for access tokens.
        service_secret: The platform's own secret. Where it is there, calls are made as a service, for every tenant.
        tenant: The caller's own.
    """

    addresses: Addresses
    exchange_secret: str = ""
    service_secret: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """Open channels to the services.

    Attributes:
        tenant: `tenants/{tenant}`: the one asked for, else the caller's own.
    """

    identity: IdentityServiceAsyncStub
    onboarding: OnboardingServiceAsyncStub
    historian: HistorianServiceAsyncStub
    identity_channel: grpc.aio.Channel
    onboarding_channel: grpc.aio.Channel
    historian_channel: grpc.aio.Channel
    analytics_channel: grpc.aio.Channel
    marketplace_channel: grpc.aio.Channel
    tenant: str
    access: Access

    def operations(self) -> OperationsStub:
        """The long-running operations of onboarding."""
        return OperationsStub(self.onboarding_channel)


def choose_access(settings: CliSettings, *, is_named: bool = False) -> Access:
    """What the environment says goes first, then a data folder that was named, `sign-in`, the platform of this machine.

    A folder that DUALSPAN_DATA_DIR names counts while a platform runs there: it may be set for a shell's whole life,
    also where nothing runs. Who has signed in to that very platform stays who they are.

    Args:
        settings: The command's.
        is_named: The data folder stands on the command line.

    Raises:
        CommandError: Nothing of these is there, or nothing runs on the folder that was named.
    """
    running = RunningPlatform.find(settings.data_dir)
    credential = None if is_named and running else Credential.load(settings.credential_file)
    if running and "data_dir" in settings.model_fields_set and credential and credential.addresses != where(running):
        credential = None
    addresses = known_addresses(settings, credential, running)
    if secret := settings.token.get_secret_value():
        return Access(addresses, exchange_secret=secret)
    if secret := settings.service_secret.get_secret_value():
        return Access(addresses, service_secret=secret)
    if is_named and running is None:
        raise CommandError(
            "NOT_RUNNING",
            f"No platform runs on {settings.data_dir}. Start it with `dualspan up --data {settings.data_dir}`, "
            f"or leave the folder out to use the platform where you signed in.",
            exit_code=EXIT_UNAVAILABLE,
        )
    if credential is not None:
        return Access(addresses, exchange_secret=credential.refresh_token, tenant=credential.tenant)
    if running is not None:
        return local_access(settings.data_dir, running)
    raise CommandError(
        "NOT_SIGNED_IN",
        "You are not signed in. Run `dualspan sign-in`, set DUALSPAN_TOKEN to an API token, "
        "or start a platform on this machine with `dualspan up`.",
        exit_code=EXIT_UNAUTHENTICATED,
    )


def where(running: RunningPlatform) -> Addresses:
    """The addresses of a platform on this machine."""
    return Addresses(
        running.identity_address,
        running.onboarding_address,
        running.historian_address,
        running.analytics_address,
        running.marketplace_address,
    )


def local_access(data_dir: Path, running: RunningPlatform) -> Access:
    """Acts as a platform on this machine itself, and reads as its first tenant: who can read its files may do so."""
    path = data_dir / SIGN_IN_FILE
    first = json.loads(path.read_text()) if path.exists() else {"tenant": "", "api_token": ""}
    return Access(where(running), first["api_token"], running.service_secret, first["tenant"])


@asynccontextmanager
async def open_session(access: Access, tenant: str = "") -> AsyncGenerator[Session]:
    """Opens channels, and exchanges the secret for an access token where that is how the caller is known.

    Args:
        access: Which platform, as whom.
        tenant: Id or name of the tenant to act in; the caller's own if empty.
    """
    secret = SecretStr(access.service_secret) if access.service_secret else None
    async with AsyncExitStack() as stack:
        credentials = await _credentials(stack, access) if access.exchange_secret and secret is None else None

        async def access_token() -> str:
            return (await credentials.current()).secret if credentials else ""

        own_tenant = (await credentials.current()).tenant if credentials else access.tenant
        identity, onboarding, historian, analytics, marketplace = [
            await stack.enter_async_context(
                open_channel(address, service=SERVICE_NAME, secret=secret)
                if secret
                else open_channel(address, access_token=access_token if credentials else None)
            )
            for address in astuple(access.addresses)
        ]
        yield Session(
            identity=IdentityServiceStub(identity),
            onboarding=OnboardingServiceStub(onboarding),
            historian=HistorianServiceStub(historian),
            identity_channel=identity,
            onboarding_channel=onboarding,
            historian_channel=historian,
            analytics_channel=analytics,
            marketplace_channel=marketplace,
            tenant=tenant_name(tenant) or own_tenant,
            access=access,
        )


async def _credentials(stack: AsyncExitStack, access: Access) -> ExchangedCredentials:
    """Makes access tokens of the secret, and new ones as they end: a command may run for days."""
    from dualspan_sdk import ExchangedCredentials

    channel = await stack.enter_async_context(open_channel(access.addresses.identity))
    return ExchangedCredentials(IdentityServiceStub(channel), access.exchange_secret)


def tenant_name(tenant: str) -> str:
    """`acme` and `tenants/acme` both mean `tenants/acme`; empty stays empty."""
    return f"tenants/{tenant}" if tenant and not tenant.startswith("tenants/") else tenant


def required_tenant(session: Session) -> str:
    """The tenant to act in.

    Raises:
        CommandError: None was given and the caller has none of its own.
    """
    if not session.tenant:
        raise CommandError("TENANT_MISSING", "Say which tenant with --tenant.", exit_code=2)
    return session.tenant


def known_addresses(settings: CliSettings, credential: Credential | None, running: RunningPlatform | None) -> Addresses:
    """What the environment says, else where one has signed in, else the platform of this machine, else the defaults."""
    if credential is not None:
        known = credential.addresses
    elif running is not None:
        known = where(running)
    else:
        known = Addresses("127.0.0.1:7401", "127.0.0.1:7402", "127.0.0.1:7403")
    return Addresses(
        identity=settings.identity_address or known.identity,
        onboarding=settings.onboarding_address or known.onboarding,
        historian=settings.historian_address or known.historian,
        analytics=settings.analytics_address or known.analytics,
        marketplace=settings.marketplace_address or known.marketplace,
    )


async def all_pages(
    call: Callable[[RequestT], Awaitable[PageT]], request: RequestT, items: Callable[[PageT], Iterable[ItemT]]
) -> list[ItemT]:
    """Every item of a list method, page after page.

    Args:
        call: The method.
        request: The first page's request; its `page_token` is set for the pages after it.
        items: Takes the items from a page.
    """
    found: list[ItemT] = []
    while True:
        page = await call(request)
        found.extend(items(page))
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token
