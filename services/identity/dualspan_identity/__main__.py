"""Composition root of the identity service."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from dualspan.identity.v1.account_service_pb2_grpc import add_AccountServiceServicer_to_server
from dualspan.identity.v1.app_token_service_pb2_grpc import add_AppTokenServiceServicer_to_server
from dualspan.identity.v1.oidc_service_pb2_grpc import add_OidcServiceServicer_to_server
from dualspan.identity.v1.service_pb2_grpc import add_IdentityServiceServicer_to_server
from dualspan.identity.v1.session_service_pb2_grpc import add_SessionServiceServicer_to_server
from dualspan.identity.v1.statement_service_pb2_grpc import add_StatementServiceServicer_to_server
from dualspan_identity.account_servicer import AccountServicer
from dualspan_identity.app_token_servicer import AppTokenServicer
from dualspan_identity.errors import CONSTRAINTS
from dualspan_identity.issuer import Issuers
from dualspan_identity.migrations import MIGRATIONS
from dualspan_identity.oidc_servicer import OidcServicer
from dualspan_identity.passwords import PasswordHasher
from dualspan_identity.sealing import Sealer
from dualspan_identity.service.account import OwnAccount
from dualspan_identity.service.accounts import ApiTokens, Tenants, Users
from dualspan_identity.service.app_tokens import AppTokens
from dualspan_identity.service.audit import AuditLog
from dualspan_identity.service.authority import GatewayAuthority
from dualspan_identity.service.evidence import count_people
from dualspan_identity.service.keys import SigningKeys
from dualspan_identity.service.oidc import OidcSignIn
from dualspan_identity.service.sessions import Sessions
from dualspan_identity.service.statements import Statements
from dualspan_identity.service.throttle import Throttle
from dualspan_identity.servicer import IdentityServicer
from dualspan_identity.session_servicer import SessionServicer
from dualspan_identity.settings import IdentitySettings
from dualspan_identity.statement_servicer import StatementServicer
from dualspan_identity.trust import LocalTrust
from dualspan_runtime.database import Database
from dualspan_runtime.paging import PageTokens
from dualspan_runtime.server import Binding, Listener, Server, serve, start_server
from dualspan_runtime.settings import read_settings
from dualspan_runtime.status import Status


@asynccontextmanager
async def build(settings: IdentitySettings) -> AsyncGenerator[Server]:
    """Runs the service while the context lasts."""
    secret = settings.platform.service_secret.get_secret_value()
    async with AsyncExitStack() as resources:
        opening = Database.open(settings, schema=MIGRATIONS, constraints=CONSTRAINTS)
        database = await resources.enter_async_context(opening)
        sealer = Sealer(secret)
        passwords = PasswordHasher(settings.password_hash_threads, settings.password_hash_kib)
        throttle = Throttle(database)
        keys = SigningKeys(database, sealer, timedelta(days=settings.signing_key_days))
        authority = GatewayAuthority(database, sealer)
        await keys.refresh()
        await authority.load()
        sessions = Sessions(
            database,
            keys,
            passwords,
            throttle,
            lifetime=timedelta(days=settings.session_days),
            idle=timedelta(days=settings.session_idle_days),
        )
        insecure = settings.oidc_without_tls
        oidc = OidcSignIn(database, sealer, Issuers(insecure=insecure), sessions, insecure=insecure)
        own = OwnAccount(database, timedelta(days=settings.session_idle_days))
        page_tokens = PageTokens(secret)
        servicer = IdentityServicer(
            tenants=Tenants(database),
            users=Users(database, passwords, throttle),
            api_tokens=ApiTokens(database),
            sessions=sessions,
            keys=keys,
            authority=authority,
            audit_log=AuditLog(database),
            page_tokens=page_tokens,
        )
        statements = StatementServicer(Statements(database, sealer, authority))
        bindings = [
            Binding(add_IdentityServiceServicer_to_server, servicer),
            Binding(add_StatementServiceServicer_to_server, statements),
            Binding(add_AppTokenServiceServicer_to_server, AppTokenServicer(AppTokens(keys))),
            Binding(add_AccountServiceServicer_to_server, AccountServicer(own, page_tokens)),
            Binding(add_OidcServiceServicer_to_server, OidcServicer(oidc)),
            Binding(add_SessionServiceServicer_to_server, SessionServicer(sessions)),
        ]
        listener = Listener.people(settings, bindings)
        trust = LocalTrust(keys, authority)
        status = Status("identity", database, settings.platform, evidence=count_people)
        async with start_server(
            "identity",
            settings,
            trust=trust,
            listeners=[listener],
            background=[keys.keep_fresh, authority.watch],
            status=status,
        ) as server:
            yield server


async def main() -> None:
    await serve("identity", read_settings(IdentitySettings), build)


if __name__ == "__main__":
    asyncio.run(main())
