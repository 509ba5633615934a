"""Files of tags, on a real database: whole or not at all, and the difference before it."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from dualspan_onboarding.model import Limits, SecurityMode, Tag
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_onboarding.sampling import DeadbandType
from dualspan_onboarding.service.browsing import BrowseNews
from dualspan_onboarding.service.transfer import Import, Imported, Transfers
from dualspan_onboarding.service.waiting import WaitingVariables
from dualspan_onboarding.store import servers, tags, transfers
from dualspan_onboarding.transfer.entries import FileFormat, Mode
from dualspan_onboarding.vault import Vault
from dualspan_runtime.errors import DomainError, FailedPrecondition, NotFound
from harness.onboarding import SECRET, UseCases, everything, variable

URL = "opc.tcp://10.0.0.5:4840"
FORMATS = (FileFormat.CSV, FileFormat.XLSX, FileFormat.PUBLISHED_NODES)


@pytest.fixture
def files(use_cases: UseCases, limits: Limits) -> Transfers:
    return Transfers(use_cases.database, Vault(SECRET), limits)


@pytest.fixture
def waiting(use_cases: UseCases, limits: Limits) -> WaitingVariables:
    return WaitingVariables(use_cases.database, limits)


async def all_tags(use_cases: UseCases) -> list[Tag]:
    return list((await use_cases.tagging.page("acme", server=None, query="", after=0, limit=1_000_000)).tags)


def published(*nodes: dict[str, Any], **members: Any) -> bytes:
    entry = {"EndpointUrl": URL, "UseSecurity": True, **members, "OpcNodes": list(nodes)}
    return json.dumps([entry], indent=1).encode()


def rows(*lines: str, header: str = "gateway,server,node_id,queue_size") -> bytes:
    return "\n".join((header, *lines)).encode()


def brought(content: bytes, **stated: Any) -> Import:
    gateway: dict[str, Any] = {"gateway": GatewayName("acme", "g1")}
    return Import("acme", content, **(gateway | stated))


def counts(done: Imported) -> tuple[int, int, int, int]:
    plan = done.plan
    return len(plan.creations), len(plan.updates), len(plan.deletions), plan.unchanged


async def audited(use_cases: UseCases) -> list[str]:
    async with use_cases.database.transaction("acme") as connection:
        found = await connection.fetch("SELECT action FROM audit_outbox ORDER BY created_at")
    return [row["action"] for row in found]


async def test_ten_thousand_published_nodes_become_tags_in_seconds(use_cases: UseCases, files: Transfers) -> None:
    await use_cases.plant([variable(n) for n in range(10_000)])
    nodes = [{"Id": variable(n).node_id, "OpcSamplingInterval": 250, "QueueSize": 3} for n in range(10_000)]
    began = time.monotonic()
    done = await files.bring(brought(published(*nodes)))
    seconds = time.monotonic() - began
    assert done.applied, done.plan.problems[:3]
    assert counts(done) == (10_000, 0, 0, 0)
    assert seconds < 10, f"took {seconds:.1f} s"
    kept = await all_tags(use_cases)
    assert len(kept) == 10_000
    assert {(tag.sampling_interval_us, tag.publishing_interval_us, tag.queue_size) for tag in kept} == {
        (250_000, 1_000_000, 3)
    }
    assert "gateway.import_tags" in await audited(use_cases)


async def test_thirty_per_cent_of_wrong_entries_are_all_named_and_nothing_happens(
    use_cases: UseCases, files: Transfers
) -> None:
    await use_cases.plant([variable(n) for n in range(100)])
    wrong = {"Id": "nonsense"}, {"Id": variable(1).node_id, "QueueSize": -1}, {"Id": "nsu=http://plant;s=Gone"}
    nodes = [wrong[n // 4 % 3] if n % 10 < 3 else {"Id": variable(n).node_id} for n in range(100)]
    content = published(*nodes)
    done = await files.bring(brought(content))
    assert not done.applied
    assert len(done.plan.problems) == 30
    lines = content.decode().split("\n")
    for problem in done.plan.problems:
        number = int(problem.place.entry.removeprefix("[0].OpcNodes[").removesuffix("]"))
        assert number % 10 < 3
        there = lines[problem.place.line - 1].strip()
        assert there == "{" or there.startswith(tuple(f'"{name}":' for name in nodes[number])), there
        assert problem.message
        assert problem.remedy
    assert await all_tags(use_cases) == []
    assert "gateway.import_tags" not in await audited(use_cases)


@pytest.mark.parametrize("how", FORMATS)
@pytest.mark.parametrize("mode", [Mode.UPDATE, Mode.MERGE, Mode.REPLACE])
async def test_what_was_exported_changes_nothing_when_it_is_imported(
    use_cases: UseCases, files: Transfers, how: FileFormat, mode: Mode
) -> None:
    await use_cases.plant([variable(n, display_name="=x") for n in range(30)])
    settings = "i,250,500,7,ABSOLUTE,0.1,STATUS_VALUE_TIMESTAMP,true,60000,true"
    header = (
        "gateway,server,node_id,display_name,sampling_interval_ms,publishing_interval_ms,queue_size,deadband_type,"
        "deadband_value,trigger,discard_newest,heartbeat_interval_ms,register_node"
    )
    lines = [f"g1,press-1,{variable(n).node_id},'={n}{settings[1:]}" for n in range(20)]
    first = await files.bring(brought(rows(*lines, header=header)))
    assert first.applied, first.plan.problems
    await use_cases.tagging.accept(ServerName("acme", "g1", "press-1"), everything())
    before = await all_tags(use_cases)
    exported = await files.export("acme", how, None, None)
    assert exported.tags == 30
    again = await files.bring(brought(exported.content, mode=mode))
    assert again.applied, again.plan.problems
    assert counts(again) == (0, 0, 0, 30)
    assert await all_tags(use_cases) == before
    assert (await files.export("acme", how, None, None)).content == exported.content


async def test_the_modes_do_what_they_say(use_cases: UseCases, files: Transfers) -> None:
    await use_cases.plant([variable(n) for n in range(6)])
    one, two, three = (f"g1,press-1,{variable(n).node_id}" for n in (1, 2, 3))

    async def attempt(mode: Mode, *lines: str) -> tuple[int, int, int, int] | list[str]:
        done = await files.bring(brought(rows(*lines), mode=mode))
        return counts(done) if done.applied else [problem.reason for problem in done.plan.problems]

    assert await attempt(Mode.UPDATE, f"{one},5") == ["TAG_UNKNOWN"]
    assert await attempt(Mode.CREATE, f"{one},5", f"{two},5") == (2, 0, 0, 0)
    assert await attempt(Mode.CREATE, f"{one},5", f"{three},5") == ["TAG_EXISTS"]
    assert await attempt(Mode.UPDATE, f"{one},6", f"{two},") == (0, 1, 0, 1)
    assert await attempt(Mode.MERGE, f"{one},", f"{three},9") == (1, 0, 0, 1)
    assert await attempt(Mode.REPLACE, f"{one},", f"{three},9") == (0, 1, 1, 1)
    kept = {tag.node_id: tag.queue_size for tag in await all_tags(use_cases)}
    assert kept == {variable(1).node_id: 0, variable(3).node_id: 9}, "what REPLACE does not name is gone or default"


async def test_a_dry_run_says_what_would_change_field_by_field_and_changes_nothing(
    use_cases: UseCases, files: Transfers
) -> None:
    _, server = await use_cases.plant([variable(n) for n in range(3)])
    await use_cases.tagging.accept(server, replace(everything(), browse_path_prefix=variable(1).browse_path))
    content = published({"Id": variable(1).node_id, "QueueSize": 9}, {"Id": variable(2).node_id})
    shown = await files.bring(brought(content, mode=Mode.MERGE, dry_run=True))
    assert not shown.applied
    assert counts(shown) == (1, 1, 0, 0)
    (tag,) = await all_tags(use_cases)
    assert tag.queue_size == 0
    other = brought(published({"Id": variable(1).node_id}), expected_difference=shown.plan.difference)
    with pytest.raises(FailedPrecondition, match="DIFFERENCE_CHANGED"):
        await files.bring(other)
    done = await files.bring(brought(content, expected_difference=shown.plan.difference))
    assert done.applied
    assert len(await all_tags(use_cases)) == 2


async def test_indexes_paths_and_uris_find_the_same_nodes(use_cases: UseCases, files: Transfers) -> None:
    session, server = await use_cases.plant([])
    await use_cases.browsing.start(server, "", 0)
    (browse,) = (await use_cases.sessions.orders(session, 0)).browses
    nodes = [variable(1, browse_path="Plant", node_class=1), variable(2, browse_path="Plant/T"), variable(3)]
    news = BrowseNews(browse.command_id, nodes, done=True, error="", namespaces=["u", "urn:x", "http://plant"])
    await use_cases.browsing.save(session, news)
    done = await files.bring(
        brought(
            published(
                {"Id": "ns=2;s=Press.T3"},
                {"Id": "ns=2;s=Press.T1", "BrowsePath": ["2:T"]},
                {"Id": "i=2258"},
                {"Id": "nsu=http://plant;s=Press.T3"},
            )
        )
    )
    assert done.applied, done.plan.problems
    assert {tag.node_id for tag in await all_tags(use_cases)} == {variable(2).node_id, variable(3).node_id, "i=2258"}
    assert ["says the same" in remark.message for remark in done.plan.remarks] == [True]
    wrong = await files.bring(brought(published({"Id": "ns=3;s=A"}, {"BrowsePath": ["Objects", "Nowhere"]})))
    assert [problem.reason for problem in wrong.plan.problems] == ["NAMESPACE_UNKNOWN", "NODE_NOT_BROWSED"]


async def test_the_same_node_with_other_settings_is_a_problem(use_cases: UseCases, files: Transfers) -> None:
    await use_cases.plant([variable(1)])
    node = variable(1).node_id
    done = await files.bring(brought(published({"Id": node}, {"Id": node, "QueueSize": 9})))
    assert [problem.reason for problem in done.plan.problems] == ["ENTRY_REPEATED"]


async def test_unknown_endpoints_become_servers_whose_variables_wait_for_the_first_browse(
    use_cases: UseCases, files: Transfers, waiting: WaitingVariables
) -> None:
    gateway = await use_cases.gateway()
    session = await use_cases.sessions.open(gateway, "1.0", 0)
    content = published(
        {"Id": "ns=2;s=Press.T1", "QueueSize": 4},
        {"Id": variable(2).node_id},
        {"Id": "ns=2;s=Nowhere"},
        OpcAuthenticationMode="UsernamePassword",
        OpcAuthenticationUsername="op",
        OpcAuthenticationPassword="s3cret",
    )
    refused = await files.bring(brought(content, mode=Mode.UPDATE))
    assert {problem.reason for problem in refused.plan.problems} == {"SERVER_UNKNOWN"}
    done = await files.bring(brought(content))
    assert done.applied, done.plan.problems
    assert (len(done.plan.servers), len(done.plan.waiting), counts(done)) == (1, 3, (0, 0, 0, 0))
    server = done.plan.servers[0].name
    async with use_cases.database.transaction("acme") as connection:
        stored = await servers.find(connection, server)
        assert stored is not None
        assert (stored.settings.endpoint_url, stored.settings.username) == (URL, "op")
        assert stored.settings.security_mode is SecurityMode.SIGN_AND_ENCRYPT
        assert b"s3cret" not in (stored.password_sealed or b"")
        assert Vault(SECRET).open(stored.password_sealed, server) == "s3cret"
    await waiting.settle()
    assert await all_tags(use_cases) == []
    again = await files.bring(brought(content))
    assert (len(again.plan.servers), len(again.plan.waiting)) == (0, 3)
    await use_cases.browsing.start(server, "", 0)
    (browse,) = (await use_cases.sessions.orders(session, 0)).browses
    nodes = [variable(1), variable(2)]
    news = BrowseNews(browse.command_id, nodes, done=True, error="", namespaces=["", "", "http://plant"])
    await use_cases.browsing.save(session, news)
    await waiting.settle()
    kept = {tag.node_id: (tag.queue_size, tag.sampling_interval_us) for tag in await all_tags(use_cases)}
    assert kept == {variable(1).node_id: (4, 1_000_000), variable(2).node_id: (0, 1_000_000)}
    async with use_cases.database.transaction("acme") as connection:
        assert [entry.node.text for entry in await transfers.waiting_of(connection, server)] == ["ns=2;s=Nowhere"]
        assert await connection.fetchval("SELECT count(*) FROM notice WHERE kind = 'IMPORTED_VARIABLES_WAIT'") == 1
    await waiting.settle()
    assert len(await all_tags(use_cases)) == 2


async def test_a_file_that_says_kinds_needs_no_browse(use_cases: UseCases, files: Transfers) -> None:
    await use_cases.gateway()
    header = "gateway,server,endpoint_url,security_mode,node_id,kind,browse_path"
    line = f"g1,press-9,{URL},NONE,nsu=http://plant;s=T,FLOAT64,Plant/T"
    done = await files.bring(brought(rows(line, header=header)))
    assert done.applied, done.plan.problems
    (tag,) = await all_tags(use_cases)
    assert (tag.server.server, tag.kind, tag.browse_path) == ("press-9", 1, "Plant/T")
    assert "server.disable_security" in await audited(use_cases), "going without security is written down"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nowhere,press-1,i=1,", "GATEWAY_UNKNOWN"),
        ("g1,press-2,i=1,", "SERVER_UNKNOWN"),
        ("g1,PRESS,i=1,", "MALFORMED_ID"),
        ("g1,,i=1,", "SERVER_MISSING"),
        ("g1,press-1,nsu=http://plant;s=Secret,", "NODE_NOT_READABLE"),
    ],
)
async def test_rows_that_go_nowhere_are_named(use_cases: UseCases, files: Transfers, line: str, reason: str) -> None:
    await use_cases.plant([variable(9, node_id="nsu=http://plant;s=Secret", access_level=0)])
    done = await files.bring(brought(rows(line)))
    assert [problem.reason for problem in done.plan.problems] == [reason]


async def test_entries_that_name_no_server_are_the_stated_ones(use_cases: UseCases, files: Transfers) -> None:
    _, server = await use_cases.plant([variable(1)])
    content = rows(variable(1).node_id, header="node_id")
    assert (await files.bring(brought(content, server=server))).applied
    unknown = brought(content, server=ServerName("acme", "g1", "nowhere"))
    with pytest.raises(NotFound, match="SERVER_NOT_FOUND"):
        await files.bring(unknown)
    with pytest.raises(NotFound, match="GATEWAY_NOT_FOUND"):
        await files.bring(brought(content, gateway=GatewayName("acme", "nowhere")))


async def test_a_server_that_is_there_stays_as_it_is_and_the_file_hears_of_it(
    use_cases: UseCases, files: Transfers
) -> None:
    _, server = await use_cases.plant([variable(1)])
    content = published({"Id": variable(1).node_id}, UseSecurity=False, EndpointUrl="opc.tcp://10.0.0.5")
    done = await files.bring(brought(content))
    assert done.applied
    assert ["its security is SIGN_AND_ENCRYPT" in remark.message for remark in done.plan.remarks] == [True]
    async with use_cases.database.transaction("acme") as connection:
        stored = await servers.find(connection, server)
    assert stored is not None
    assert stored.settings.security_mode is SecurityMode.SIGN_AND_ENCRYPT


@pytest.mark.parametrize("limits", [Limits(tags_per_gateway=10)])
async def test_limits_are_problems_too(use_cases: UseCases, files: Transfers) -> None:
    await use_cases.plant([variable(n) for n in range(11)])
    done = await files.bring(brought(published(*({"Id": variable(n).node_id} for n in range(11)))))
    assert [problem.reason for problem in done.plan.problems] == ["TOO_MANY_TAGS"]
    assert await all_tags(use_cases) == []


async def test_settings_that_cannot_go_together_are_named(use_cases: UseCases, files: Transfers) -> None:
    await use_cases.plant([variable(1), variable(2, kind=4, data_type="String")])
    deadband = {"DeadbandType": "Absolute", "DeadbandValue": 1}
    done = await files.bring(
        brought(published({"Id": variable(1).node_id} | deadband, {"Id": variable(2).node_id} | deadband))
    )
    (problem,) = done.plan.problems
    assert (problem.place.entry, problem.place.field) == ("[0].OpcNodes[1]", "deadband_type")
    (creation,) = [c for c in done.plan.creations if c.settings.deadband_type is DeadbandType.ABSOLUTE]
    assert creation.tag.node.node_id == variable(1).node_id


async def test_what_goes_wrong_in_the_middle_leaves_nothing_behind(
    use_cases: UseCases, files: Transfers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use_cases.plant([variable(n) for n in range(5)])

    async def fail(*_: object) -> None:
        raise FailedPrecondition("BROKEN", "in the middle")

    monkeypatch.setattr(tags, "insert", fail)
    node = {"Id": "i=2258"}
    other = json.loads(published(node))[0] | {"EndpointUrl": "opc.tcp://elsewhere:1"}
    content = json.dumps([json.loads(published({"Id": variable(1).node_id}))[0], other]).encode()
    with pytest.raises(DomainError, match="BROKEN"):
        await files.bring(brought(content))
    async with use_cases.database.transaction("acme") as connection:
        assert await connection.fetchval("SELECT count(*) FROM opc_ua_server") == 1
        assert await connection.fetchval("SELECT count(*) FROM waiting_variable") == 0


async def test_another_tenants_tags_are_neither_seen_nor_exported(use_cases: UseCases, files: Transfers) -> None:
    _, server = await use_cases.plant([variable(1)])
    await use_cases.tagging.accept(server, everything())
    assert (await files.export("rival", FileFormat.CSV, None, None)).tags == 0
    done = await files.bring(Import("rival", rows(f"g1,press-1,{variable(1).node_id},9")))
    assert [problem.reason for problem in done.plan.problems] == ["GATEWAY_UNKNOWN"]
