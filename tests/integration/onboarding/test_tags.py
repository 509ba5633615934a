import asyncio
import time

import pytest

from dualspan_onboarding.model import Accepted, Limits, TagReport, TagState, VariableChoice
from dualspan_onboarding.names import ServerName, TagName
from dualspan_onboarding.service.tagging import Choice
from dualspan_onboarding.store import tags
from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from harness.onboarding import UseCases, everything, variable


def chosen(*node_ids: str) -> Choice:
    return Choice([VariableChoice(node_id, None, None, 0, "") for node_id in node_ids], "", None, None)


async def all_tags(use_cases: UseCases) -> list[tags.Tag]:
    return list((await use_cases.tagging.page("acme", server=None, query="", after=0, limit=20_000)).tags)


async def test_ten_thousand_variables_become_tags_at_once(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(n) for n in range(10_020)])

    async def seconds_of(*numbers: int) -> tuple[float, Accepted]:
        began = time.monotonic()
        accepted = await use_cases.tagging.accept(server, chosen(*(variable(n).node_id for n in numbers)))
        return time.monotonic() - began, accepted

    one = min([(await seconds_of(n))[0] for n in range(10_000, 10_020)])
    seconds, accepted = await seconds_of(*range(10_000))
    assert (accepted.created, accepted.existing) == (10_000, 0)
    assert seconds < 2_000 * one, f"took {seconds:.1f} s, where one takes {one:.4f} s: is it a row at a time?"
    kept = await all_tags(use_cases)
    by_id = {tag.name.tag_id: tag for tag in kept}
    paths = [by_id[tag_id].browse_path for tag_id in accepted.tag_ids]
    assert paths == sorted(paths), "ids come in the order of browse path"
    assert list(accepted.tag_ids) == sorted(accepted.tag_ids)


async def test_accepting_again_changes_nothing(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(n) for n in range(5)])
    first = await use_cases.tagging.accept(server, chosen(variable(1).node_id, variable(2).node_id))
    again = await use_cases.tagging.accept(server, everything())
    assert (again.created, again.existing) == (3, 2)
    assert set(first.tag_ids) < set(again.tag_ids)
    repeated = await use_cases.tagging.accept(server, everything())
    assert (repeated.created, repeated.existing, repeated.tag_ids) == (0, 5, again.tag_ids)


async def test_two_people_accepting_at_once_make_each_tag_once(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(n) for n in range(200)])
    results = await asyncio.gather(*(use_cases.tagging.accept(server, everything()) for _ in range(4)))
    assert sum(accepted.created for accepted in results) == 200
    assert len({accepted.tag_ids for accepted in results}) == 1


async def test_what_a_person_states_wins_over_what_the_browse_found(use_cases: UseCases) -> None:
    _, server = await use_cases.plant(
        [variable(1), variable(2), variable(3, minimum_sampling_interval_ms=0.0)],
    )
    stated = VariableChoice(variable(1).node_id, 250_000, 500_000, 7, " Mould temperature ")
    open_ = [VariableChoice(variable(n).node_id, None, None, 0, "") for n in (2, 3)]
    await use_cases.tagging.accept(server, Choice([stated, *open_], "", None, 2_000_000))
    one, two, three = sorted(await all_tags(use_cases), key=lambda tag: tag.node_id)
    assert (one.sampling_interval_us, one.publishing_interval_us, one.queue_size) == (250_000, 500_000, 7)
    assert one.display_name == "Mould temperature"
    assert (two.sampling_interval_us, two.publishing_interval_us) == (100_000, 2_000_000)
    assert (three.sampling_interval_us, three.publishing_interval_us) == (1_000_000, 2_000_000)
    assert (one.kind, one.data_type, one.unit, one.state) == (1, "Double", "°C", TagState.PENDING)


async def test_a_path_takes_what_is_below_it_and_readable(use_cases: UseCases) -> None:
    nodes = [
        variable(1, browse_path="Plant/Press 1/T"),
        variable(2, browse_path="Plant/Press 1/Mould/T"),
        variable(3, browse_path="Plant/Press 10/T"),
        variable(4, browse_path="Plant/Press 1/Secret", access_level=0),
        variable(5, browse_path="Plant/Press 1/Unknown", kind=0),
        variable(6, browse_path="Plant/Press 1", node_class=1),
    ]
    _, server = await use_cases.plant(nodes)
    accepted = await use_cases.tagging.accept(server, Choice((), "/Plant/Press 1/", None, None))
    assert accepted.created == 2
    assert {tag.browse_path for tag in await all_tags(use_cases)} == {"Plant/Press 1/T", "Plant/Press 1/Mould/T"}


@pytest.mark.parametrize(
    ("node_ids", "error", "reason"),
    [
        (["nsu=http://plant;s=Press.T1", "nsu=http://plant;s=Press.T1"], InvalidArgument, "NODES_REPEATED"),
        (["nsu=http://plant;s=Press.T1", "nsu=http://plant;s=Nowhere"], NotFound, "NODES_NOT_BROWSED"),
        (["nsu=http://plant;s=Press.T1", "nsu=http://plant;s=Folder"], FailedPrecondition, "NODES_NOT_READABLE"),
        (["nsu=http://plant;s=Press.T1", "ns=2;s=Press.T2"], InvalidArgument, "MALFORMED_NODE_ID"),
        ([f"i={n}" for n in range(1, 10_002)], InvalidArgument, "TOO_MANY_VARIABLES"),
        ([], InvalidArgument, "CHOICE_MISSING"),
    ],
)
async def test_one_bad_variable_means_no_tag_at_all(
    use_cases: UseCases, node_ids: list[str], error: type[Exception], reason: str
) -> None:
    folder = variable(9, node_id="nsu=http://plant;s=Folder", node_class=1)
    _, server = await use_cases.plant([variable(1), folder])
    with pytest.raises(error, match=reason):
        await use_cases.tagging.accept(server, chosen(*node_ids))
    assert await all_tags(use_cases) == []


async def test_a_million_variables_are_refused_quickly(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    server = await use_cases.server(gateway)
    million = [VariableChoice(f"i={n}", None, None, 0, "") for n in range(1, 1_000_001)]
    began = time.monotonic()
    with pytest.raises(InvalidArgument, match="TOO_MANY_VARIABLES"):
        await use_cases.tagging.accept(server, Choice(million, "", None, None))
    assert time.monotonic() - began < 1


async def test_servers_that_are_unknown_or_not_browsed_are_told_apart(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    server = await use_cases.server(gateway)
    with pytest.raises(FailedPrecondition, match="SERVER_NOT_BROWSED"):
        await use_cases.tagging.accept(server, everything())
    with pytest.raises(NotFound, match="SERVER_NOT_FOUND"):
        await use_cases.tagging.accept(ServerName("acme", "g1", "nowhere"), everything())
    with pytest.raises(NotFound, match="GATEWAY_NOT_FOUND"):
        await use_cases.tagging.accept(ServerName("acme", "nowhere", "press-1"), everything())


@pytest.mark.parametrize("limits", [Limits(tags_per_gateway=10)])
async def test_a_gateway_has_no_more_tags_than_it_may(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(n) for n in range(11)])
    with pytest.raises(ResourceExhausted, match="TOO_MANY_TAGS"):
        await use_cases.tagging.accept(server, everything())
    assert await all_tags(use_cases) == []
    await use_cases.tagging.accept(server, chosen(*(variable(n).node_id for n in range(10))))
    assert len(await all_tags(use_cases)) == 10


async def test_a_deleted_tag_is_gone_and_its_id_never_comes_back(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(1)])
    (old,) = (await use_cases.tagging.accept(server, everything())).tag_ids
    await use_cases.tagging.delete("acme", [TagName("acme", old)])
    with pytest.raises(NotFound, match="TAG_NOT_FOUND"):
        await use_cases.tagging.get(TagName("acme", old))
    (new,) = (await use_cases.tagging.accept(server, everything())).tag_ids
    assert new > old


async def test_deleting_is_all_or_nothing_and_within_the_tenant(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(1)])
    (tag,) = (await use_cases.tagging.accept(server, everything())).tag_ids
    with pytest.raises(NotFound, match="TAG_NOT_FOUND"):
        await use_cases.tagging.delete("acme", [TagName("acme", tag), TagName("acme", tag + 1)])
    with pytest.raises(InvalidArgument, match="FOREIGN_NAME"):
        await use_cases.tagging.delete("acme", [TagName("rival", tag)])
    with pytest.raises(NotFound, match="TAG_NOT_FOUND"):
        await use_cases.tagging.delete("rival", [TagName("rival", tag)])
    assert len(await all_tags(use_cases)) == 1


async def test_tags_are_paged_filtered_and_counted(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(n) for n in range(25)])
    await use_cases.tagging.accept(server, everything())
    seen: list[int] = []
    while True:
        page = await use_cases.tagging.page("acme", server=server, query="", after=seen[-1] if seen else 0, limit=10)
        assert page.total == 25
        if not page.tags:
            break
        seen += [tag.name.tag_id for tag in page.tags]
    assert len(seen) == len(set(seen)) == 25
    found = await use_cases.tagging.page("acme", server=None, query="press 3", after=0, limit=10)
    assert found.total == 3
    nothing = await use_cases.tagging.page("acme", server=None, query="%", after=0, limit=10)
    assert nothing.total == 0, "a percent sign is a percent sign"
    assert (await use_cases.tagging.page("rival", server=None, query="", after=0, limit=10)).total == 0


async def test_reports_of_a_gateway_reach_its_own_tags_only(use_cases: UseCases) -> None:
    session, server = await use_cases.plant([variable(1), variable(2)])
    one, two = (await use_cases.tagging.accept(server, everything())).tag_ids
    other = await use_cases.sessions.open(await use_cases.gateway(gateway="g2"), "1.0", 0)
    refused = TagReport(one, TagState.REFUSED, 0x80340000, "The server does not know the node.", 0)
    await use_cases.sessions.report_configuration(other, 1, [refused], complete=False)
    assert (await use_cases.tagging.get(TagName("acme", one))).state is TagState.PENDING
    active = TagReport(two, TagState.ACTIVE, 0, "", 100_000)
    await use_cases.sessions.report_configuration(session, 1, [refused, active], complete=True)
    kept = await use_cases.tagging.get(TagName("acme", one))
    assert (kept.state, kept.state_detail) == (TagState.REFUSED, "The server does not know the node.")
    assert (await use_cases.tagging.get(TagName("acme", two))).state is TagState.ACTIVE
