"""Budgets, sampling in batches, fields and events: the use cases on a real database."""

import pytest

from dualspan.onboarding.v1 import budget_service_pb2, sampling_pb2, sampling_service_pb2
from dualspan_onboarding.commands import CommandNews
from dualspan_onboarding.model import (
    ConnectionState,
    GatewayReport,
    ServerReport,
    Session,
    Tag,
    TagReport,
    TagState,
    VariableChoice,
)
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.sampling import Acquisition, AcquisitionMode, Address, DeadbandType, TagSource
from dualspan_onboarding.service.budget import Budgets
from dualspan_onboarding.service.sampling import Sampling, SamplingChange, TagFilter
from dualspan_onboarding.service.tagging import Choice
from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from harness.onboarding import UseCases, everything, variable

ALL = TagFilter(browse_path_prefix="/")
DEADBAND = {"deadband_type": DeadbandType.ABSOLUTE, "deadband_value": 0.5}


async def all_tags(use_cases: UseCases) -> list[Tag]:
    return list((await use_cases.tagging.page("acme", server=None, query="", after=0, limit=10_000)).tags)


async def audited(use_cases: UseCases) -> list[str]:
    async with use_cases.database.transaction("acme") as connection:
        return [row["action"] for row in await connection.fetch("SELECT action FROM audit_outbox ORDER BY created_at")]


async def state_limits(
    use_cases: UseCases, session: Session, server: ServerName, budgets: Budgets, **limits: object
) -> None:
    """The gateway reads limits, as it does when the platform asks."""
    await budgets.read_limits(server)
    (order,) = await use_cases.commands.orders(session)
    assert order.command.read_limits.server == str(server)
    outcome = budget_service_pb2.ServerLimits(**limits)  # pyright: ignore[reportArgumentType]
    command = order.command.command_id
    news = CommandNews(command, "", 100, done=True, cancelled=False, error="", kind="read_limits", outcome=outcome)
    await use_cases.commands.save(session, news)


async def test_what_a_server_states_is_kept_and_held_against_it(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(n) for n in range(50)])
    budgets = Budgets(use_cases.database, use_cases.commands)
    with pytest.raises(NotFound) as unread:
        await budgets.limits(server)
    assert unread.value.reason == "LIMITS_NOT_READ"
    await state_limits(use_cases, session, server, budgets, max_monitored_items=30, product_name="x" * 500 + "\x00")
    limits = await budgets.limits(server)
    assert (limits.max_monitored_items, len(limits.product_name)) == (30, 200)
    with pytest.raises(ResourceExhausted) as refused:
        await use_cases.tagging.accept(server, everything())
    assert refused.value.reason == "OVER_BUDGET"
    assert refused.value.metadata["monitored_items"] == "50/30"
    assert "BadTooManyMonitoredItems" in refused.value.message
    assert await all_tags(use_cases) == [], "nothing is half applied"
    accepted = await use_cases.tagging.accept(server, Choice((), "/", None, None, accept_over_budget=True))
    assert accepted.created == 50
    assert accepted.load is not None
    assert [figure.quantity for figure in accepted.load.over] == ["monitored_items"]
    assert "server.accept_over_budget" in await audited(use_cases)
    again = await use_cases.tagging.accept(server, everything())
    assert (again.created, again.existing) == (0, 50), "what is there already is no new load"


async def test_an_estimate_changes_nothing(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(n) for n in range(50)])
    budgets = Budgets(use_cases.database, use_cases.commands)
    await state_limits(use_cases, session, server, budgets, max_monitored_items=30)
    found = await use_cases.tagging.estimate(server, everything(), (), "", budgets)
    assert [figure.quantity for figure in found.over] == ["monitored_items"]
    assert await all_tags(use_cases) == []
    chosen = await budgets.choose_profile(server, "siemens-s7-1200")
    assert chosen.profile == "siemens-s7-1200"
    assert (await use_cases.tagging.estimate(server, everything(), (), "", budgets)).profile == "siemens-s7-1200"
    with pytest.raises(NotFound) as unknown:
        await budgets.choose_profile(server, "abacus")
    assert unknown.value.reason == "PROFILE_NOT_FOUND"


async def test_tags_are_changed_in_batches_by_filter(use_cases: UseCases) -> None:
    nodes = [variable(n) for n in range(20)] + [variable(n, kind=4, data_type="String") for n in range(20, 30)]
    session, server = await use_cases.plant(nodes)
    await use_cases.tagging.accept(server, everything())
    async with use_cases.database.transaction("acme") as connection:
        await connection.execute("UPDATE tag SET registered_at = now()")
    before = (await use_cases.sessions.orders(session, 0)).configuration
    assert before is not None
    sampling = Sampling(use_cases.database, use_cases.commands)
    change = SamplingChange(sampling_interval_us=500_000, acquisition=DEADBAND)
    dry = await sampling.update(server, ALL, change, validate_only=True)
    assert (dry.matched, dry.changed) == (30, 30)
    updated = await sampling.update(server, TagFilter(data_type="Double"), change)
    assert (updated.matched, updated.changed) == (20, 20)
    for tag in await all_tags(use_cases):
        expected = Acquisition(deadband_type=DeadbandType.ABSOLUTE, deadband_value=0.5)
        assert tag.acquisition == (expected if tag.kind == 1 else Acquisition())
        assert tag.sampling_interval_us == (500_000 if tag.kind == 1 else 100_000)
    after = (await use_cases.sessions.orders(session, before.revision)).configuration
    assert after is not None
    differing = [tag for tag in after.servers[0].tags if tag not in before.servers[0].tags]
    assert len(differing) == 20
    again = await sampling.update(server, TagFilter(data_type="Double"), change)
    assert again.changed == 0
    assert (await use_cases.sessions.orders(session, after.revision)).configuration is None, "nothing to tell"


async def test_a_change_that_does_not_fit_a_tag_chosen_by_its_id_is_refused(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(1), variable(2, kind=4, data_type="String")])
    accepted = await use_cases.tagging.accept(server, everything())
    sampling = Sampling(use_cases.database, use_cases.commands)
    with pytest.raises(InvalidArgument) as refused:
        await sampling.update(server, TagFilter(tag_ids=accepted.tag_ids), SamplingChange(acquisition=DEADBAND))
    assert refused.value.reason == "DEADBAND_NOT_POSSIBLE"
    with pytest.raises(NotFound):
        await sampling.update(server, TagFilter(tag_ids=(10**6,)), SamplingChange(queue_size=3))
    with pytest.raises(InvalidArgument) as nothing:
        await sampling.update(server, TagFilter(), SamplingChange(queue_size=3))
    assert nothing.value.reason == "FILTER_MISSING"


async def test_speeding_tags_up_is_held_against_the_budget(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(n, minimum_sampling_interval_ms=1000.0) for n in range(900)])
    budgets = Budgets(use_cases.database, use_cases.commands)
    await budgets.choose_profile(server, "siemens-s7-1200")
    await use_cases.tagging.accept(server, everything())
    sampling = Sampling(use_cases.database, use_cases.commands)
    faster = SamplingChange(sampling_interval_us=500_000)
    with pytest.raises(ResourceExhausted) as refused:
        await sampling.update(server, ALL, faster)
    assert refused.value.metadata["sampling_load"] == "1800/1000"
    updated = await sampling.update(server, ALL, faster, accept_over_budget=True)
    assert updated.changed == 900
    slower = await sampling.update(server, TagFilter(query="T00001"), SamplingChange(sampling_interval_us=10_000_000))
    assert slower.changed == 1, "a change for the better is let pass, although the server is over its budget still"


async def test_fields_and_events_are_tags_beside_the_value(use_cases: UseCases) -> None:
    pose = variable(1, kind=5, data_type="Pose")
    notifier = variable(2, node_class=1, kind=0, data_type="", event_notifier=1)
    silent = variable(3, node_class=1, kind=0, data_type="")
    session, server = await use_cases.plant([pose, notifier, silent])
    with pytest.raises(FailedPrecondition) as undescribed:
        await use_cases.tagging.accept(server, _chosen(pose.node_id, expand=True))
    assert undescribed.value.reason == "VALUES_NOT_DESCRIBED"
    await _describe(use_cases, session, server, pose.node_id)
    accepted = await use_cases.tagging.accept(server, _chosen(pose.node_id, expand=True))
    assert accepted.created == 2
    with pytest.raises(NotFound) as absent:
        await use_cases.tagging.accept(server, _chosen(pose.node_id, address=Address(field_path="Nowhere")))
    assert absent.value.reason == "FIELDS_NOT_FOUND"
    with pytest.raises(FailedPrecondition) as no_events:
        await use_cases.tagging.accept(server, _chosen(silent.node_id, address=Address(TagSource.EVENTS)))
    assert no_events.value.reason == "NO_EVENT_NOTIFIER"
    events = Choice(
        [
            VariableChoice(pose.node_id, None, None, 0, ""),
            VariableChoice(notifier.node_id, None, None, 0, "", Address(TagSource.EVENTS)),
            VariableChoice("i=2253", None, None, 0, "", Address(TagSource.EVENTS), Acquisition(minimum_severity=500)),
        ],
        "",
        None,
        None,
    )
    assert (await use_cases.tagging.accept(server, events)).created == 3
    kept = {(tag.browse_path, tag.address.source): tag for tag in await all_tags(use_cases)}
    assert kept[f"{pose.browse_path}/Where.X", TagSource.VALUE].kind == 1
    assert kept[f"{pose.browse_path}/Where.X", TagSource.VALUE].address == Address(field_path="Where.X")
    assert kept["Server", TagSource.EVENTS].acquisition.minimum_severity == 500
    assert kept["Server", TagSource.EVENTS].kind == 5
    await use_cases.servers.delete(server)
    assert await all_tags(use_cases) == [], "every tag of the server goes, parts and events too"


async def test_cyclic_reads_are_no_monitored_items(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(n) for n in range(50)])
    budgets = Budgets(use_cases.database, use_cases.commands)
    await state_limits(use_cases, session, server, budgets, max_monitored_items=30)
    cyclic = Acquisition(mode=AcquisitionMode.CYCLIC_READ)
    accepted = await use_cases.tagging.accept(server, Choice((), "/", None, None, cyclic))
    assert accepted.created == 50
    assert accepted.load is not None
    assert not accepted.load.over


async def test_what_the_server_revised_is_kept(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(1)])
    (tag_id,) = (await use_cases.tagging.accept(server, everything())).tag_ids
    report = TagReport(tag_id, TagState.ACTIVE, 0, "", 200_000, 7)
    await use_cases.sessions.report_configuration(session, 1, [report], complete=True)
    async with use_cases.database.transaction("acme") as connection:
        assert await connection.fetchval("SELECT revised_queue_size FROM tag") == 7


def _chosen(node_id: str, *, address: Address | None = None, expand: bool = False) -> Choice:
    return Choice([VariableChoice(node_id, None, None, 0, "", address or Address(), expand=expand)], "", None, None)


async def _describe(use_cases: UseCases, session: Session, server: ServerName, node_id: str) -> None:
    await Sampling(use_cases.database, use_cases.commands).describe(server, [node_id])
    (order,) = await use_cases.commands.orders(session)
    fields = [
        sampling_pb2.ValueField(path="Where.X", data_type="Double", kind=1),
        sampling_pb2.ValueField(path="Where.Name", data_type="String", kind=4),
        sampling_pb2.ValueField(path="Broken", data_type="?", kind=77),
    ]
    found = sampling_service_pb2.DescribeValuesResponse(
        values=[sampling_service_pb2.DescribedValue(node_id=node_id, fields=fields)]
    )
    command = order.command.command_id
    news = CommandNews(command, "", 100, done=True, cancelled=False, error="", kind="describe_values", outcome=found)
    await use_cases.commands.save(session, news)


async def test_limits_are_read_without_being_asked_for(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(1)])
    budgets = Budgets(use_cases.database, use_cases.commands)
    await budgets.read_unknown()
    assert not await use_cases.commands.orders(session), "it is not connected yet"
    connected = ServerReport(server.server, ConnectionState.CONNECTED)
    await use_cases.sessions.report(session, GatewayReport(), [connected])
    await budgets.read_unknown()
    await budgets.read_unknown()
    (order,) = await use_cases.commands.orders(session)
    assert order.command.read_limits.server == str(server), "once"


async def test_refused_tags_are_a_notice_until_they_are_not(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(1), variable(2)])
    one, two = (await use_cases.tagging.accept(server, everything())).tag_ids
    refused = TagReport(one, TagState.REFUSED, 0x80340000, "no such node", 0)
    active = TagReport(two, TagState.ACTIVE, 0, "", 0)
    await use_cases.sessions.report_configuration(session, 1, [refused, active], complete=True)
    assert await _open_notices(use_cases) == [("TAGS_REFUSED", str(server))]
    again = TagReport(one, TagState.ACTIVE, 0, "", 0)
    await use_cases.sessions.report_configuration(session, 1, [again], complete=True)
    assert await _open_notices(use_cases) == []


async def _open_notices(use_cases: UseCases) -> list[tuple[str, str]]:
    async with use_cases.database.transaction("acme") as connection:
        rows = await connection.fetch("SELECT kind, resource FROM notice WHERE resolved_at IS NULL")
    return [(row["kind"], row["resource"]) for row in rows]
