import asyncio
from datetime import timedelta

import pytest
from google.longrunning.operations_pb2 import Operation
from google.rpc import code_pb2

from dualspan.onboarding.v1.service_pb2 import BrowseServerMetadata, BrowseServerResponse
from dualspan_onboarding.browsed import Browse, ListedNode, NodeFilter
from dualspan_onboarding.model import Limits, Session, Timing, VariableChoice
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.service.browsing import BrowseNews
from dualspan_onboarding.service.tagging import Choice
from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound
from harness.onboarding import UseCases, variable

UNKNOWN = "5a0d8f8e-7f4a-4c8e-9d0b-6f1f0c1f2d3e"


async def connected(use_cases: UseCases) -> tuple[Session, ServerName]:
    gateway = await use_cases.gateway()
    server = await use_cases.server(gateway)
    return await use_cases.sessions.open(gateway, "1.0", 0), server


async def begun(use_cases: UseCases, session: Session, server: ServerName) -> tuple[Operation, Browse]:
    operation = await use_cases.browsing.start(server, "", 0)
    (browse,) = (await use_cases.sessions.orders(session, 0)).browses
    return operation, browse


async def state_of(use_cases: UseCases, operation: Operation) -> Operation:
    async with use_cases.database.transaction("acme") as connection:
        return await use_cases.operations.get(connection, operation.name)


async def listed(use_cases: UseCases, server: ServerName, wanted: NodeFilter) -> list[ListedNode]:
    return list(await use_cases.browsing.page_of_nodes(server, wanted, after=("", ""), limit=100_000))


async def paths(
    use_cases: UseCases, server: ServerName, *, prefix: str = "", variables_only: bool = False
) -> list[str]:
    found = await listed(use_cases, server, NodeFilter(variables_only=variables_only, prefix=prefix))
    return [each.node.browse_path for each in found]


def news(browse: Browse, *numbers: int, done: bool = False, error: str = "") -> BrowseNews:
    return BrowseNews(browse.command_id, [variable(n) for n in numbers], done, error)


async def test_a_browse_shows_its_progress_and_leaves_a_snapshot(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    operation, browse = await begun(use_cases, session, server)
    assert (browse.server, browse.max_nodes) == (server, Limits().default_browsed_nodes)
    await use_cases.browsing.save(session, news(browse, 1, 2, 3))
    running, metadata = await state_of(use_cases, operation), BrowseServerMetadata()
    running.metadata.Unpack(metadata)
    assert (running.done, metadata.nodes, metadata.server) == (False, 3, str(server))
    with pytest.raises(FailedPrecondition, match="SERVER_NOT_BROWSED"):
        await paths(use_cases, server)
    folder = variable(9, node_class=1)
    await use_cases.browsing.save(session, BrowseNews(browse.command_id, [folder], done=True, error=""))
    done, response = await state_of(use_cases, operation), BrowseServerResponse()
    done.response.Unpack(response)
    assert (done.done, response.nodes, response.variables) == (True, 4, 3)
    assert len(await paths(use_cases, server)) == 4
    assert len(await paths(use_cases, server, variables_only=True)) == 3
    assert await paths(use_cases, server, prefix="/Plant/Press 2/") == [variable(2).browse_path]


async def test_a_tree_is_read_level_by_level_and_searched(use_cases: UseCases) -> None:
    hall = variable(0, node_id="nsu=http://plant;s=Hall", browse_path="Hall", display_name="Halle 3", node_class=1)
    inside = [variable(n, browse_path=f"Hall/T{n}", parent_node_id=hall.node_id) for n in (1, 2)]
    deeper = variable(3, browse_path="Hall/T1/Limit", parent_node_id=inside[0].node_id)
    _, server = await use_cases.plant([hall, *inside, deeper])
    chosen = VariableChoice(inside[1].node_id, None, None, 0, "")
    await use_cases.tagging.accept(server, Choice([chosen], "", None, None))

    level = await listed(use_cases, server, NodeFilter(parent_node_id=hall.node_id))
    assert [(each.node.browse_path, each.child_count, each.is_tag) for each in level] == [
        ("Hall/T1", 1, False),
        ("Hall/T2", 0, True),
    ]
    for words, found in {
        ("halle",): ["Hall"],
        ("hall", "limit"): ["Hall/T1/Limit"],
        ("limit", "t2"): [],
        ("HALL", "t2"): ["Hall/T2"],
    }.items():
        assert [e.node.browse_path for e in await listed(use_cases, server, NodeFilter(words=words))] == found
    with pytest.raises(InvalidArgument, match="MALFORMED_NODE_ID"):
        await listed(use_cases, server, NodeFilter(parent_node_id="ns=2;s=Hall"))


async def test_a_later_browse_replaces_the_snapshot_only_when_it_is_done(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    await use_cases.browsed(session, server, [variable(1), variable(2)])
    _, browse = await begun(use_cases, session, server)
    await use_cases.browsing.save(session, news(browse, 3))
    assert await paths(use_cases, server) == [variable(1).browse_path, variable(2).browse_path]
    await use_cases.browsing.save(session, news(browse, 4, done=True))
    assert await paths(use_cases, server) == [variable(3).browse_path, variable(4).browse_path]
    async with use_cases.database.transaction("acme") as connection:
        assert await connection.fetchval("SELECT count(*) FROM browsed_node") == 4, "the old snapshot is kept beside it"


async def test_a_failed_browse_says_why_and_keeps_the_last_snapshot(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    await use_cases.browsed(session, server, [variable(1)])
    operation, browse = await begun(use_cases, session, server)
    await use_cases.browsing.save(session, news(browse, 2, error="Bad_UserAccessDenied: sign in with a user."))
    failed = await state_of(use_cases, operation)
    assert failed.done
    assert "Bad_UserAccessDenied" in failed.error.message
    assert await paths(use_cases, server) == [variable(1).browse_path]


async def test_one_browse_of_a_server_at_a_time(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    _, browse = await begun(use_cases, session, server)
    with pytest.raises(FailedPrecondition, match="BROWSE_RUNNING"):
        await use_cases.browsing.start(server, "", 0)
    await use_cases.browsing.save(session, news(browse, done=True))
    await use_cases.browsing.start(server, "", 0)


async def test_a_node_reached_twice_counts_once_and_a_bad_one_stalls_nothing(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    operation, browse = await begun(use_cases, session, server)
    nodes = [
        variable(1),
        variable(1, browse_path="Elsewhere/T1"),
        variable(2, node_id="ns=3;s=Index"),
        variable(3, display_name="a\x00b", browse_path="c\x00d" + "e" * 5000),
    ]
    await use_cases.browsing.save(session, BrowseNews(browse.command_id, nodes, done=False, error=""))
    await use_cases.browsing.save(session, news(browse, 1, done=True))
    response = BrowseServerResponse()
    (await state_of(use_cases, operation)).response.Unpack(response)
    assert response.nodes == 2
    assert len(await paths(use_cases, server)) == 2


async def test_a_gateway_cannot_bring_more_than_was_asked_for(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    operation = await use_cases.browsing.start(server, "nsu=http://plant;s=Root", 3)
    (browse,) = (await use_cases.sessions.orders(session, 0)).browses
    assert (browse.root_node_id, browse.max_nodes) == ("nsu=http://plant;s=Root", 3)
    await use_cases.browsing.save(session, news(browse, 1, 2))
    await use_cases.browsing.save(session, news(browse, 3, 4, 5, done=True))
    assert len(await paths(use_cases, server)) == 3
    assert (await state_of(use_cases, operation)).done


@pytest.mark.parametrize("timing", [Timing(browse_offline_grace=timedelta(0))])
async def test_a_browse_whose_gateway_stays_away_fails_clearly(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    operation, browse = await begun(use_cases, session, server)
    await use_cases.browsing.save(session, news(browse, 1))
    await use_cases.sessions.close(session)
    await use_cases.browsing.give_up_stuck()
    failed = await state_of(use_cases, operation)
    assert failed.error.code == code_pb2.UNAVAILABLE
    assert "lost its connection" in failed.error.message
    await use_cases.browsing.give_up_stuck()
    assert await state_of(use_cases, operation) == failed


@pytest.mark.parametrize("timing", [Timing(browse_stalled_after=timedelta(0))])
async def test_a_browse_of_which_nothing_is_heard_fails_clearly(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    operation, _ = await begun(use_cases, session, server)
    await use_cases.browsing.give_up_stuck()
    assert "has said nothing" in (await state_of(use_cases, operation)).error.message


@pytest.mark.parametrize("timing", [Timing()])
async def test_a_browse_begins_again_when_its_gateway_comes_back(use_cases: UseCases) -> None:
    """Whether it was the gateway, the link, or this service that went away."""
    session, server = await connected(use_cases)
    operation, first = await begun(use_cases, session, server)
    await use_cases.browsing.save(session, news(first, 1, 2))
    await use_cases.browsing.give_up_stuck()
    again = await use_cases.sessions.open(session.gateway, "1.0", 0)
    (second,) = (await use_cases.sessions.orders(again, 0)).browses
    assert second.browse_id == first.browse_id
    assert second.command_id != first.command_id
    await use_cases.browsing.save(again, news(first, 7, done=True))
    assert not (await state_of(use_cases, operation)).done, "what the first attempt still sends does not count"
    await use_cases.browsing.save(session, news(second, 8, done=True))
    assert not (await state_of(use_cases, operation)).done, "nor what comes over the stream that was replaced"
    await use_cases.browsing.save(again, news(second, 3, done=True))
    assert await paths(use_cases, server) == [variable(3).browse_path]


async def test_a_cancelled_browse_ends_and_leaves_nothing(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    operation, browse = await begun(use_cases, session, server)
    await use_cases.browsing.save(session, news(browse, 1))
    async with use_cases.database.transaction("acme") as connection:
        await use_cases.operations.request_cancel(connection, operation.name)
    await use_cases.browsing.give_up_stuck()
    await use_cases.browsing.save(session, news(browse, 2, done=True))
    assert (await state_of(use_cases, operation)).error.code == code_pb2.CANCELLED
    async with use_cases.database.transaction("acme") as connection:
        assert await connection.fetchval("SELECT count(*) FROM browsed_node") == 0


async def test_deleting_a_server_ends_its_browse(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    operation, browse = await begun(use_cases, session, server)
    await use_cases.servers.delete(server)
    await use_cases.browsing.save(session, news(browse, 1, done=True))
    assert (await state_of(use_cases, operation)).error.code == code_pb2.NOT_FOUND


async def test_what_cannot_be_browsed_is_refused(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    server = await use_cases.server(gateway)
    with pytest.raises(FailedPrecondition, match="GATEWAY_OFFLINE"):
        await use_cases.browsing.start(server, "", 0)
    await use_cases.sessions.open(gateway, "1.0", 0)
    with pytest.raises(NotFound, match="SERVER_NOT_FOUND"):
        await use_cases.browsing.start(ServerName("acme", "g1", "nowhere"), "", 0)
    with pytest.raises(InvalidArgument, match="MALFORMED_NODE_ID"):
        await use_cases.browsing.start(server, "ns=1;s=a", 0)
    for number in (-1, Limits().browsed_nodes + 1):
        with pytest.raises(InvalidArgument, match="MAX_NODES_OUT_OF_RANGE"):
            await use_cases.browsing.start(server, "", number)


@pytest.mark.parametrize("command", ["", "x", f"{UNKNOWN}.1", f"{UNKNOWN}.99999999999", "../../etc"])
async def test_results_of_a_command_that_was_never_given_are_passed_over(use_cases: UseCases, command: str) -> None:
    session, server = await connected(use_cases)
    await use_cases.browsing.save(session, BrowseNews(command, [variable(1)], done=True, error=""))
    with pytest.raises(FailedPrecondition, match="SERVER_NOT_BROWSED"):
        await paths(use_cases, server)


async def test_two_streams_never_take_the_same_browse(use_cases: UseCases) -> None:
    session, server = await connected(use_cases)
    await use_cases.browsing.start(server, "", 0)
    orders = await asyncio.gather(*(use_cases.sessions.orders(session, 0) for _ in range(5)))
    assert sum(len(order.browses) for order in orders) == 1
