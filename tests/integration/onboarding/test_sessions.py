from datetime import timedelta

import pytest

from dualspan_onboarding.model import ConnectionState, GatewayReport, GatewayState, ServerReport, Timing
from dualspan_onboarding.names import GatewayName
from dualspan_runtime.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from harness.onboarding import UseCases


async def state(use_cases: UseCases, name: GatewayName) -> GatewayState:
    return (await use_cases.gateways.get(name)).state


async def test_a_gateway_is_pending_offline_online_and_revoked(use_cases: UseCases) -> None:
    made = await use_cases.gateways.create("acme", "g1", "Hall 3", "Qingdao")
    assert made.state is GatewayState.PENDING
    assert (made.display_name, made.site) == ("Hall 3", "Qingdao")
    async with use_cases.database.transaction("acme") as connection:
        await connection.execute("UPDATE gateway SET enrolled_at = now()")
    assert await state(use_cases, made.name) is GatewayState.OFFLINE
    session = await use_cases.sessions.open(made.name, "1.0", 0)
    assert await state(use_cases, made.name) is GatewayState.ONLINE
    await use_cases.sessions.close(session)
    assert await state(use_cases, made.name) is GatewayState.OFFLINE
    assert (await use_cases.gateways.revoke(made.name, "stolen")).state is GatewayState.REVOKED


@pytest.mark.parametrize("timing", [Timing(offline_after=timedelta(0))])
async def test_a_silent_gateway_is_offline_even_if_its_stream_seems_open(use_cases: UseCases) -> None:
    name = await use_cases.gateway()
    await use_cases.sessions.open(name, "1.0", 0)
    assert await state(use_cases, name) is GatewayState.OFFLINE


async def test_a_newer_stream_takes_over(use_cases: UseCases) -> None:
    name = await use_cases.gateway()
    old = await use_cases.sessions.open(name, "1.0", 0)
    new = await use_cases.sessions.open(name, "1.0", 0)
    for attempt in (use_cases.sessions.orders(old, 0), use_cases.sessions.report(old, GatewayReport(), [])):
        with pytest.raises(Aborted, match="SESSION_SUPERSEDED"):
            await attempt
    await use_cases.sessions.close(old)
    assert await state(use_cases, name) is GatewayState.ONLINE, "the end of the old stream is not the end of the new"
    await use_cases.sessions.orders(new, 0)


async def test_who_may_not_be_served_is_told_why(use_cases: UseCases) -> None:
    with pytest.raises(NotFound, match="GATEWAY_NOT_FOUND"):
        await use_cases.sessions.open(GatewayName("acme", "nowhere"), "1.0", 0)
    pending = (await use_cases.gateways.create("acme", "g0", "", "")).name
    with pytest.raises(FailedPrecondition, match="GATEWAY_NOT_ENROLLED"):
        await use_cases.sessions.open(pending, "1.0", 0)
    name = await use_cases.gateway()
    session = await use_cases.sessions.open(name, "1.0", 0)
    await use_cases.gateways.revoke(name, "stolen")
    with pytest.raises(PermissionDenied, match="GATEWAY_REVOKED"):
        await use_cases.sessions.open(name, "1.0", 0)
    with pytest.raises(PermissionDenied, match="GATEWAY_REVOKED"):
        await use_cases.sessions.orders(session, 0)
    with pytest.raises(InvalidArgument, match="MALFORMED_TEXT"):
        await use_cases.sessions.open(name, "1.0\x00", 0)


async def test_what_a_gateway_says_is_kept_and_servers_it_has_not_are_passed_over(use_cases: UseCases) -> None:
    name = await use_cases.gateway()
    await use_cases.server(name)
    session = await use_cases.sessions.open(name, "1.0", 0)
    report = GatewayReport(
        software_version="1.1",
        buffered_frames=3,
        buffered_bytes=4096,
        oldest_buffered_age_us=2_000_000,
        buffer_full=True,
        clock_offset_us=-1500,
        received_samples=10**12,
        overflowed_samples=7,
        memory_bytes=123 << 20,
    )
    known = ServerReport("press-1", ConnectionState.CONNECTED, "", 1000, 2500)
    stranger = ServerReport("press-2", ConnectionState.CONNECTED, "", 1, 0)
    await use_cases.sessions.report(session, report, [known, stranger])
    kept = await use_cases.gateways.get(name)
    assert kept.report == report
    assert kept.servers == (known,)


async def test_the_configuration_is_sent_when_it_has_changed(use_cases: UseCases) -> None:
    name = await use_cases.gateway()
    session = await use_cases.sessions.open(name, "1.0", 0)
    first = (await use_cases.sessions.orders(session, 0)).configuration
    assert first is not None
    assert (await use_cases.sessions.orders(session, first.revision)).configuration is None
    await use_cases.server(name)
    second = (await use_cases.sessions.orders(session, first.revision)).configuration
    assert second is not None
    assert second.revision > first.revision
    assert [server.server for server in second.servers] == ["press-1"]
    await use_cases.sessions.report_configuration(session, second.revision, [], complete=False)
    assert (await use_cases.gateways.get(name)).observed_revision == 0
    await use_cases.sessions.report_configuration(session, second.revision, [], complete=True)
    assert (await use_cases.gateways.get(name)).observed_revision == second.revision


async def test_a_revision_that_was_never_made_is_not_observed(use_cases: UseCases) -> None:
    name = await use_cases.gateway()
    session = await use_cases.sessions.open(name, "1.0", 0)
    await use_cases.sessions.report_configuration(session, 10**9, [], complete=True)
    assert (await use_cases.gateways.get(name)).observed_revision == 0


@pytest.mark.parametrize("observed", [7, 2**63 - 1, -5])
async def test_a_gateway_ahead_of_a_restored_database_gets_a_later_revision(use_cases: UseCases, observed: int) -> None:
    name = await use_cases.gateway()
    session = await use_cases.sessions.open(name, "1.0", observed)
    configuration = (await use_cases.sessions.orders(session, 0)).configuration
    assert configuration is not None
    assert configuration.revision > min(observed, 2**62)
