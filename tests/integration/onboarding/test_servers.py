import dataclasses
import hashlib

import pytest

from dualspan_onboarding.model import (
    ConnectionState,
    GatewayReport,
    Limits,
    SecurityMode,
    SecurityPolicy,
    ServerChange,
    ServerReport,
)
from dualspan_onboarding.names import GatewayName, GatewayScope, ServerName
from dualspan_onboarding.vault import Vault
from dualspan_runtime.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from harness.onboarding import UseCases, everything, settings, variable

CERTIFICATE = b"DER of the server's certificate"
FINGERPRINT = hashlib.sha256(CERTIFICATE).hexdigest()


async def audited(use_cases: UseCases, action: str) -> list[dict[str, str]]:
    async with use_cases.database.transaction("acme") as connection:
        rows = await connection.fetch("SELECT * FROM audit_outbox WHERE action = $1 ORDER BY created_at", action)
    return [dict(zip(row["detail_keys"], row["detail_values"], strict=True)) for row in rows]


async def test_a_password_is_nowhere_in_the_database_and_reaches_the_gateway(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    await use_cases.servers.create(gateway, "press-1", settings(username="dualspan"), "s3cret-pässword")
    async with use_cases.database.transaction("acme") as connection:
        for table in ("opc_ua_server", "audit_outbox"):
            rows = await connection.fetch(f"SELECT {table}::text AS whole FROM {table}")
            for row in rows:
                assert "s3cret" not in row["whole"]
                assert b"s3cret".hex() not in row["whole"]
    session = await use_cases.sessions.open(gateway, "1.0", 0)
    configuration = (await use_cases.sessions.orders(session, 0)).configuration
    assert configuration is not None
    (server,) = configuration.servers
    assert (server.settings.username, server.password) == ("dualspan", "s3cret-pässword")
    await use_cases.servers.update(ServerName("acme", "g1", "press-1"), ServerChange(password=""))
    again = (await use_cases.sessions.orders(session, 0)).configuration
    assert again is not None
    assert again.servers[0].password == ""


async def test_going_without_security_is_written_down(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    await use_cases.server(gateway, "press-1")
    assert await audited(use_cases, "server.disable_security") == []
    await use_cases.servers.create(gateway, "old-press", settings(security_mode=SecurityMode.NONE), "")
    await use_cases.servers.update(ServerName("acme", "g1", "press-1"), ServerChange(security_mode=SecurityMode.NONE))
    entries = await audited(use_cases, "server.disable_security")
    assert len(entries) == 2
    await use_cases.servers.update(ServerName("acme", "g1", "press-1"), ServerChange(display_name="Old press"))
    assert len(await audited(use_cases, "server.disable_security")) == 2, "said once"


async def test_a_certificate_is_approved_only_as_the_gateway_sees_it(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    name = await use_cases.server(gateway)
    session = await use_cases.sessions.open(gateway, "1.0", 0)
    shown = ServerReport("press-1", ConnectionState.UNTRUSTED, "Approve it.", 0, 0, CERTIFICATE)
    await use_cases.sessions.report(session, GatewayReport(), [shown])
    assert (await use_cases.servers.get(name)).report.untrusted_certificate == CERTIFICATE
    for attempt in (
        use_cases.servers.approve_certificate(name, "0" * 64),
        use_cases.servers.update(name, ServerChange(trusted_certificate_sha256="0" * 64)),
    ):
        with pytest.raises(FailedPrecondition, match="CERTIFICATE_MISMATCH"):
            await attempt
    before = (await use_cases.gateways.get(gateway)).desired_revision
    approved = await use_cases.servers.approve_certificate(name, FINGERPRINT)
    assert approved.settings.trusted_certificate_sha256 == FINGERPRINT
    assert approved.report.untrusted_certificate == b""
    assert (await use_cases.gateways.get(gateway)).desired_revision == before + 1
    assert await audited(use_cases, "server.approve_certificate") == [{"certificate_sha256": FINGERPRINT}]


async def test_a_certificate_can_be_pinned_before_it_was_seen(use_cases: UseCases) -> None:
    name = await use_cases.server(await use_cases.gateway())
    await use_cases.servers.approve_certificate(name, FINGERPRINT)
    assert (await use_cases.servers.get(name)).settings.trusted_certificate_sha256 == FINGERPRINT
    with pytest.raises(InvalidArgument, match="MALFORMED_FINGERPRINT"):
        await use_cases.servers.approve_certificate(name, FINGERPRINT.upper())


async def test_an_update_changes_what_it_states_and_nothing_else(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    made = await use_cases.servers.create(gateway, "press-1", settings(username="u"), "p")
    change = ServerChange(endpoint_url="opc.tcp://10.0.0.6:4840", security_policy=SecurityPolicy.BASIC256SHA256)
    changed = await use_cases.servers.update(made.name, change)
    assert changed.settings == dataclasses.replace(
        made.settings,
        endpoint_url="opc.tcp://10.0.0.6:4840",
        security_policy=SecurityPolicy.BASIC256SHA256,
    )
    assert changed.password_sealed == made.password_sealed
    with pytest.raises(InvalidArgument, match="MALFORMED_ENDPOINT_URL"):
        await use_cases.servers.update(made.name, ServerChange(endpoint_url="http://plc"))
    with pytest.raises(InvalidArgument, match="SECURITY_MISMATCH"):
        await use_cases.servers.update(made.name, ServerChange(security_mode=SecurityMode.NONE))
    assert await use_cases.servers.get(made.name) == changed


async def test_servers_are_listed_by_gateway_and_over_all(use_cases: UseCases) -> None:
    for gateway in ("g1", "g2", "g-10"):
        name = await use_cases.gateway(gateway=gateway)
        for server in ("b", "a"):
            await use_cases.server(name, server)
    one = await use_cases.servers.page(GatewayScope("acme", "g1"), ("", ""), 10)
    assert [str(s.name).removeprefix("tenants/acme/gateways/") for s in one] == ["g1/servers/a", "g1/servers/b"]
    every = await use_cases.servers.page(GatewayScope("acme", None), ("", ""), 4)
    rest = await use_cases.servers.page(GatewayScope("acme", None), (every[-1].name.gateway, every[-1].name.server), 4)
    names = [str(s.name) for s in [*every, *rest]]
    assert len(names) == 6
    assert names == sorted(names)
    assert list(await use_cases.servers.page(GatewayScope("rival", None), ("", ""), 10)) == []


async def test_what_cannot_be_a_server_is_refused(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    await use_cases.server(gateway)
    with pytest.raises(AlreadyExists, match="SERVER_EXISTS"):
        await use_cases.server(gateway)
    with pytest.raises(NotFound, match="GATEWAY_NOT_FOUND"):
        await use_cases.server(GatewayName("acme", "nowhere"))
    for server_id in ("", "-", "Press", "press 1", "p" * 41):
        with pytest.raises(InvalidArgument, match="MALFORMED_ID"):
            await use_cases.server(gateway, server_id)
    with pytest.raises(InvalidArgument, match="PASSWORD_TOO_LONG"):
        await use_cases.servers.create(gateway, "press-2", settings(), "p" * 1025)


@pytest.mark.parametrize("limits", [Limits(servers_per_gateway=1)])
async def test_a_gateway_has_no_more_servers_than_it_may(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    await use_cases.server(gateway, "one")
    with pytest.raises(ResourceExhausted, match="TOO_MANY_SERVERS"):
        await use_cases.server(gateway, "two")


async def test_a_deleted_server_takes_its_tags_along(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(1), variable(2)])
    await use_cases.tagging.accept(server, everything())
    await use_cases.servers.delete(server)
    assert (await use_cases.tagging.page("acme", server=None, query="", after=0, limit=10)).total == 0
    configuration = (await use_cases.sessions.orders(session, 0)).configuration
    assert configuration is not None
    assert configuration.servers == ()
    with pytest.raises(NotFound, match="SERVER_NOT_FOUND"):
        await use_cases.servers.delete(server)
    await use_cases.server(server.parent)
    assert (await use_cases.tagging.page("acme", server=server, query="", after=0, limit=10)).total == 0


async def test_another_tenant_finds_nothing(use_cases: UseCases) -> None:
    name = await use_cases.server(await use_cases.gateway())
    foreign = ServerName("rival", name.gateway, name.server)
    for attempt in (
        use_cases.servers.get(foreign),
        use_cases.servers.update(foreign, ServerChange(display_name="mine")),
        use_cases.servers.approve_certificate(foreign, FINGERPRINT),
        use_cases.servers.delete(foreign),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await use_cases.servers.get(name)).settings == settings()


async def test_one_password_that_cannot_be_opened_stalls_no_other_server(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    await use_cases.servers.create(gateway, "press-1", settings(), "one")
    await use_cases.servers.create(gateway, "press-2", settings(), "two")
    async with use_cases.database.transaction("acme") as connection:
        sealed = Vault("another secret of the platform").seal("one", ServerName("acme", "g1", "press-1"))
        await connection.execute("UPDATE opc_ua_server SET password_sealed = $1 WHERE server_id = 'press-1'", sealed)
    session = await use_cases.sessions.open(gateway, "1.0", 0)
    configuration = (await use_cases.sessions.orders(session, 0)).configuration
    assert configuration is not None
    assert [server.password for server in configuration.servers] == ["", "two"]
