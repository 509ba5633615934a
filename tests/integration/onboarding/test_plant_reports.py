"""Which tags a completeness report is about: of a plant, a gateway or a server, deleted ones until they were."""

from datetime import UTC, datetime, timedelta

import pytest
from integration.onboarding.test_tags import all_tags

from dualspan_onboarding.names import GatewayName, ServerName, TagName
from dualspan_onboarding.reporting import ReportedTag, Scope, scope_of
from dualspan_onboarding.store import reported_tags
from dualspan_runtime.errors import InvalidArgument
from harness.onboarding import UseCases, everything, variable


async def of(use_cases: UseCases, scope: Scope, *, since: float = -60.0, until: float = 60.0) -> list[ReportedTag]:
    now = datetime.now(UTC)
    span = now + timedelta(seconds=since), now + timedelta(seconds=until)
    async with use_cases.database.transaction("acme") as connection:
        return list(await reported_tags.of_scope(connection, "acme", scope, *span, 100))


async def test_tags_of_a_plant_a_gateway_or_a_server(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(n) for n in range(3)])
    await use_cases.tagging.accept(server, everything())
    whole = Scope(gateway=server.parent)
    assert not await of(use_cases, whole), "the historian does not know them yet: nothing was to be recorded"
    async with use_cases.database.transaction("acme") as connection:
        await connection.execute("UPDATE tag SET registered_at = now()")
        await connection.execute("UPDATE gateway SET site = 'Ulm'")
    for scope in (whole, Scope(site="Ulm"), Scope(gateway=server.parent, server=server)):
        assert [tag.server for tag in await of(use_cases, scope)] == [server] * 3
    for other in (
        Scope(site="Bonn"),
        Scope(gateway=GatewayName("acme", "g2")),
        Scope(gateway=server.parent, server=ServerName("acme", server.gateway, "other")),
    ):
        assert not await of(use_cases, other)
    assert not await of(use_cases, whole, since=-120, until=-60), "they were made later"


async def test_a_deleted_tag_counts_until_it_was(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(n) for n in range(2)])
    await use_cases.tagging.accept(server, everything())
    async with use_cases.database.transaction("acme") as connection:
        await connection.execute("UPDATE tag SET registered_at = now(), created_at = now() - interval '1 hour'")
    first = (await all_tags(use_cases))[0].name
    await use_cases.tagging.delete("acme", [TagName("acme", first.tag_id)])
    whole = Scope(gateway=server.parent)
    ends = {tag.tag_id: tag.deleted_at for tag in await of(use_cases, whole, since=-60)}
    assert len(ends) == 2
    assert ends.pop(first.tag_id) is not None
    assert set(ends.values()) == {None}
    assert len(await of(use_cases, whole, since=30)) == 1, "it was deleted before"


def test_one_scope_is_stated() -> None:
    gateway, server = "tenants/acme/gateways/g", "tenants/acme/gateways/g/servers/s"
    assert scope_of("acme", "Ulm", "", "").subject == "plant Ulm"
    assert scope_of("acme", "", gateway, "").subject == gateway
    assert scope_of("acme", "", "", server).subject == server
    for wrong in (("", "", ""), ("Ulm", gateway, ""), ("", gateway, server)):
        with pytest.raises(InvalidArgument):
            scope_of("acme", *wrong)
    with pytest.raises(InvalidArgument):
        scope_of("rival", "", gateway, "")
