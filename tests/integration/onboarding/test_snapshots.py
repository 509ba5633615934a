"""Snapshots of a server, and how two of them differ."""

import uuid
from dataclasses import replace

import pytest

from dualspan_onboarding.browsed import (
    BrowsedNode,
    BrowsedType,
    ChangeKind,
    EngineeringUnits,
    EnumValue,
    NodeFilter,
    SnapshotName,
    StructureField,
    ValueRange,
    VariableDetails,
)
from dualspan_onboarding.model import Limits, Session
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.notices import NoticeQuery
from dualspan_onboarding.service.browsing import BrowseNews
from dualspan_onboarding.service.comparing import Comparing, Comparison, ComparisonCursor
from dualspan_onboarding.store import browses, notices, servers
from dualspan_runtime.errors import InvalidArgument, NotFound
from harness.onboarding import UseCases, variable

DETAILS = VariableDetails(
    data_type_id="nsu=http://plant;i=3002",
    array_dimensions=(3, 0),
    engineering_units=EngineeringUnits("http://www.opcfoundation.org/UA/units/un/cefact", 4408652, "CEL", "°C", "deg"),
    eu_range=ValueRange(0.0, 300.0),
    instrument_range=ValueRange(-50.0, 500.0),
    enum_values=(EnumValue(0, "Idle"), EnumValue(7, "Running")),
    fields=(StructureField("X", "Double", -1, False), StructureField("Tags", "String", 1, True)),
)


async def compare(
    use_cases: UseCases, name: SnapshotName, base: int = 0, cursor: ComparisonCursor | None = None, limit: int = 100
) -> Comparison:
    return await Comparing(use_cases.database).compare(name, base, cursor, limit)


async def finish(use_cases: UseCases, session: Session, server: ServerName, **news: object) -> None:
    await use_cases.browsing.start(server, "", 0)
    (browse,) = (await use_cases.sessions.orders(session, 0)).browses
    stated: dict[str, object] = {"nodes": [variable(1)], "done": True, "error": ""}
    await use_cases.browsing.save(session, BrowseNews(browse.command_id, **(stated | news)))  # pyright: ignore[reportArgumentType]


async def open_notices(use_cases: UseCases) -> list[str]:
    async with use_cases.database.transaction("acme", readonly=True) as connection:
        found = await notices.page(connection, "acme", NoticeQuery("", 0, show_resolved=False), None, 10)
    return [f"{notice.kind}: {notice.text}" for notice in found]


async def test_what_is_known_of_a_variable_survives_the_store(use_cases: UseCases) -> None:
    rich = variable(
        1,
        browse_name="nsu=http://plant;T1",
        parent_node_id="nsu=http://plant;s=Press",
        type_definition="i=2368",
        type_name="AnalogItemType",
        description="Mould temperature",
        user_access_level=1,
        event_notifier=0,
        details=DETAILS,
    )
    _, server = await use_cases.plant([rich, variable(2)])
    found = await use_cases.browsing.page_of_nodes(server, NodeFilter(), after=("", ""), limit=10)
    assert sorted((each.node for each in found), key=lambda node: node.node_id) == [rich, variable(2)]


async def test_types_are_kept_with_their_browse(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([])
    types = [
        BrowsedType("nsu=http://plant;i=1", "nsu=http://plant;PressType", "i=58"),
        BrowsedType("i=58", "BaseObjectType", ""),
        BrowsedType("ns=4;i=1", "index", ""),
    ]
    await finish(use_cases, session, server, types=types)
    async with use_cases.database.transaction("acme", readonly=True) as connection:
        found = await servers.find(connection, server)
        assert found is not None
        assert isinstance(found.snapshot, uuid.UUID)
        assert await browses.types_of(connection, "acme", found.snapshot) == {t.node_id: t for t in types[:2]}


@pytest.mark.parametrize("limits", [Limits(snapshots=3)])
async def test_the_last_few_snapshots_are_kept(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(0)])
    for number in range(1, 5):
        await use_cases.browsed(session, server, [variable(number)])
    kept = await Comparing(use_cases.database).page(server, 2**62, 10)
    assert [(snapshot.name.number, snapshot.current) for snapshot in kept] == [(5, True), (4, False), (3, False)]
    assert [snapshot.nodes for snapshot in kept] == [1, 1, 1]
    older = await use_cases.browsing.page_of_nodes(server, NodeFilter(), after=("", ""), limit=9, snapshot=3)
    assert [each.node.node_id for each in older] == [variable(2).node_id]
    with pytest.raises(NotFound, match="SNAPSHOT_NOT_FOUND"):
        await compare(use_cases, SnapshotName(server, 0), base=1)
    async with use_cases.database.transaction("acme") as connection:
        assert await connection.fetchval("SELECT count(*) FROM browsed_node") == 3


async def test_a_difference_names_what_was_added_removed_changed_and_moved(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(number) for number in range(1, 6)])
    changed = variable(3, unit="K", details=DETAILS)
    moved = variable(4, browse_path="Plant/Elsewhere/T4", data_type="Float")
    await use_cases.browsed(session, server, [variable(1), changed, moved, variable(5), variable(9)])
    found = await compare(use_cases, SnapshotName(server, 0))
    assert (found.base.name.number, found.snapshot.name.number) == (1, 2)
    assert [(c.kind, (c.after or c.before or variable(0)).node_id[-2:], c.fields) for c in found.changes] == [
        (ChangeKind.REMOVED, "T2", ()),
        (
            ChangeKind.CHANGED,
            "T3",
            (
                "unit",
                "details.data_type_id",
                "details.array_dimensions",
                "details.engineering_units",
                "details.eu_range",
                "details.instrument_range",
                "details.enum_values",
                "details.fields",
            ),
        ),
        (ChangeKind.MOVED, "T4", ("browse_path", "data_type")),
        (ChangeKind.ADDED, "T9", ()),
    ]
    assert found.totals == {
        ChangeKind.ADDED: 1,
        ChangeKind.REMOVED: 1,
        ChangeKind.CHANGED: 1,
        ChangeKind.MOVED: 1,
    }
    assert found.following is None


async def test_a_difference_comes_in_pages_with_the_totals_of_all(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(number) for number in range(25)])
    later = [replace(variable(number), unit="K") for number in range(10, 30)]
    await use_cases.browsed(session, server, later)
    cursor, seen = None, []
    for _ in range(10):
        page = await compare(use_cases, SnapshotName(server, 2), 1, cursor, limit=7)
        seen += [(change.after or change.before or variable(0)).node_id for change in page.changes]
        assert [page.totals[kind] for kind in ChangeKind] == [5, 10, 15, 0]
        cursor = page.following
        if cursor is None:
            break
    assert seen == sorted(node.node_id for node in map(variable, range(30)))


async def test_a_browse_of_a_part_is_held_against_one_of_the_same_part(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(1), variable(2)])
    for nodes in ([variable(1)], [variable(1), variable(2)]):
        await use_cases.browsing.start(server, "nsu=http://plant;s=Part", 0)
        (browse,) = (await use_cases.sessions.orders(session, 0)).browses
        await use_cases.browsing.save(session, BrowseNews(browse.command_id, nodes, done=True, error=""))
    await use_cases.browsed(session, server, [variable(1)])
    found = await compare(use_cases, SnapshotName(server, 3))
    assert (found.base.name.number, found.totals[ChangeKind.ADDED]) == (2, 1)
    found = await compare(use_cases, SnapshotName(server, 4))
    assert (found.base.name.number, found.totals[ChangeKind.REMOVED]) == (1, 1)
    with pytest.raises(NotFound, match="began at the same node"):
        await compare(use_cases, SnapshotName(server, 2))


async def test_nothing_differs_between_equal_snapshots(use_cases: UseCases) -> None:
    nodes: list[BrowsedNode] = [variable(number, details=DETAILS) for number in range(5)]
    session, server = await use_cases.plant(nodes)
    await use_cases.browsed(session, server, nodes)
    assert not (await compare(use_cases, SnapshotName(server, 2))).changes


async def test_what_cannot_be_compared_is_refused(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(1)])
    with pytest.raises(InvalidArgument, match="NOT_EARLIER"):
        await compare(use_cases, SnapshotName(server, 1), base=1)
    with pytest.raises(NotFound, match="SNAPSHOT_NOT_FOUND"):
        await compare(use_cases, SnapshotName(server, 1))
    with pytest.raises(NotFound, match="SNAPSHOT_NOT_FOUND"):
        await compare(use_cases, SnapshotName(server, 7))
    with pytest.raises(NotFound, match="SERVER_NOT_FOUND"):
        await compare(use_cases, SnapshotName(ServerName("acme", "g1", "nowhere"), 0))
    for name in ("snapshots/x", "snapshots/0", "snapshots/-1", "snapshots/" + "9" * 30):
        with pytest.raises(InvalidArgument, match="MALFORMED_NAME"):
            SnapshotName.parse(f"{server}/{name}")


async def test_an_incomplete_browse_is_one_notice_until_a_complete_one(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(1)])
    for _ in range(2):
        await finish(use_cases, session, server, warnings=["3 nodes were refused."], truncated=True)
    assert await open_notices(use_cases) == [
        "BROWSE_INCOMPLETE: The last browse is incomplete or in doubt: 3 nodes were refused."
    ]
    (newest, *_) = await Comparing(use_cases.database).page(server, 2**62, 1)
    assert (newest.truncated, newest.warnings) == (True, ("3 nodes were refused.",))
    await finish(use_cases, session, server, error="the server does not answer in time")
    assert await open_notices(use_cases) == [
        "BROWSE_INCOMPLETE: The last browse failed: the server does not answer in time"
    ]
    await finish(use_cases, session, server)
    assert await open_notices(use_cases) == []


async def test_a_gateway_hears_that_nobody_wants_its_browse_any_more(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([])
    operation = await use_cases.browsing.start(server, "", 0)
    (browse,) = (await use_cases.sessions.orders(session, 0)).browses
    news = BrowseNews(browse.command_id, [variable(1)], done=False, error="")
    assert await use_cases.browsing.save(session, news)
    async with use_cases.database.transaction("acme") as connection:
        await use_cases.operations.request_cancel(connection, operation.name)
    await use_cases.browsing.give_up_stuck()
    assert not await use_cases.browsing.save(session, news)
