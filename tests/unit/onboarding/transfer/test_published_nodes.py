import json
import re
from typing import Any

import pytest

from dualspan_onboarding.model import SecurityMode, SecurityPolicy
from dualspan_onboarding.sampling import AcquisitionMode, Address, DataChangeTrigger, DeadbandType, TagSource
from dualspan_onboarding.transfer.entries import Entry, FileRefused, Reference, TagFile
from dualspan_onboarding.transfer.published_fields import ENTRY_TAKEN, ENTRY_WITHOUT, NODE_TAKEN, NODE_WITHOUT
from dualspan_onboarding.transfer.published_nodes import read_published_nodes

URL = "opc.tcp://10.0.0.5:4840"


def entry(*nodes: Any, **members: Any) -> dict[str, Any]:
    return {"EndpointUrl": URL, "UseSecurity": True, **members, "OpcNodes": list(nodes)}


def read(*entries: Any) -> TagFile:
    return read_published_nodes(json.dumps(entries, indent=1))


def one(node: dict[str, Any], **members: Any) -> Entry:
    file = read(entry({"Id": "nsu=http://plant;s=T"} | node, **members))
    assert not file.problems, file.problems
    (found,) = file.entries
    return found


@pytest.mark.parametrize(
    ("node", "settings"),
    [
        ({"OpcSamplingInterval": 250}, {"sampling_interval_us": 250_000}),
        ({"OpcSamplingInterval": 0.5}, {"sampling_interval_us": 500}),
        ({"opcsamplinginterval": 250}, {"sampling_interval_us": 250_000}),
        (
            {"OpcSamplingInterval": 250, "OpcSamplingIntervalTimespan": "00:00:00.1"},
            {"sampling_interval_us": 100_000},
        ),
        ({"OpcPublishingInterval": 5000}, {"publishing_interval_us": 5_000_000}),
        (
            {"OpcPublishingInterval": 1, "OpcPublishingIntervalTimespan": "00:01"},
            {"publishing_interval_us": 60_000_000},
        ),
        (
            {"OpcPublishingInterval": 200, "OpcSamplingInterval": -1},
            {"publishing_interval_us": 200_000, "sampling_interval_us": 200_000},
        ),
        ({"HeartbeatInterval": 60}, {"heartbeat_us": 60_000_000}),
        ({"HeartbeatInterval": 60, "HeartbeatIntervalTimespan": "00:00:10"}, {"heartbeat_us": 10_000_000}),
        ({"QueueSize": 7, "DiscardNew": True}, {"queue_size": 7, "discard_newest": True}),
        ({"DataChangeTrigger": "Status"}, {"trigger": DataChangeTrigger.STATUS}),
        ({"DataChangeTrigger": "StatusValueTimestamp"}, {"trigger": DataChangeTrigger.STATUS_VALUE_TIMESTAMP}),
        (
            {"DeadbandType": "Absolute", "DeadbandValue": 0.5},
            {"deadband_type": DeadbandType.ABSOLUTE, "deadband_value": 0.5},
        ),
        (
            {"DeadbandType": "Percent", "DeadbandValue": 250},
            {"deadband_type": DeadbandType.PERCENT, "deadband_value": 100.0},
        ),
        (
            {"UseCyclicRead": True, "RegisterNode": True},
            {"mode": AcquisitionMode.CYCLIC_READ, "register_node": True},
        ),
        ({"DisplayName": " Mould "}, {"display_name": "Mould"}),
        ({"DataSetFieldId": "T1"}, {"display_name": "T1"}),
        ({"DisplayName": None, "QueueSize": None, "OpcSamplingInterval": None}, {}),
    ],
)
def test_every_member_of_a_node_with_a_counterpart_is_taken(node: dict[str, Any], settings: dict[str, Any]) -> None:
    assert one(node).settings == settings


def test_a_node_wins_over_its_entry_and_a_timespan_over_its_twin() -> None:
    members = {"DataSetSamplingInterval": 100, "DataSetPublishingInterval": 9, "DefaultHeartbeatInterval": 30}
    twin = {"DataSetPublishingIntervalTimespan": "00:00:02"}
    assert one({}, **members, **twin).settings == {
        "sampling_interval_us": 100_000,
        "publishing_interval_us": 2_000_000,
        "heartbeat_us": 30_000_000,
    }
    own = one({"OpcSamplingInterval": 5, "OpcPublishingInterval": 6}, **members, **twin).settings
    assert (own["sampling_interval_us"], own["publishing_interval_us"]) == (5000, 6000)


@pytest.mark.parametrize(
    ("node", "reference"),
    [
        ({"Id": "i=2258"}, Reference("i=2258")),
        ({"Id": "ns=0;i=2258"}, Reference("i=2258")),
        ({"Id": "nsu=http://opcfoundation.org/UA/;i=002258"}, Reference("i=2258")),
        ({"Id": "ns=2;s=A B=C;D"}, Reference("s=A B=C;D", 2)),
        ({"Id": "http://plant#s=A%20B"}, Reference("nsu=http://plant;s=A B")),
        ({"Id": "svr=0;nsu=http://plant;i=7"}, Reference("nsu=http://plant;i=7")),
        ({"Id": None, "ExpandedNodeId": "nsu=http://plant;i=7"}, Reference("nsu=http://plant;i=7")),
        ({"Id": "ns=2;i=7", "ExpandedNodeId": "nsu=http://plant;i=7"}, Reference("nsu=http://plant;i=7")),
        (
            {"Id": "ns=4;g=09087E75-8E5E-499B-954F-F2A9603DB28A"},
            Reference("g=09087e75-8e5e-499b-954f-f2a9603db28a", 4),
        ),
        ({"Id": None, "BrowsePath": ["Objects", "2:Press", "/3:A&/B"]}, Reference("", 0, ("Press", "A/B"))),
        ({"Id": "i=85", "BrowsePath": ["http://plant#Press"]}, Reference("", 0, ("Press",))),
        ({"Id": "ns=3;s=Press", "BrowsePath": [".T"]}, Reference("s=Press", 3, ("T",))),
    ],
)
def test_every_form_of_a_node_id_is_understood(node: dict[str, Any], reference: Reference) -> None:
    assert one(node).node == reference


@pytest.mark.parametrize(
    ("node", "field", "reason"),
    [
        ({"Id": "Temperature"}, "Id", "MALFORMED_NODE_ID"),
        ({"Id": "ns=x;i=1"}, "Id", "MALFORMED_NODE_ID"),
        ({"Id": "ns=2;i=99999999999"}, "Id", "MALFORMED_NODE_ID"),
        ({"Id": "ns=70000;i=1"}, "Id", "MALFORMED_NODE_ID"),
        ({"Id": "svr=2;i=1"}, "Id", "FOREIGN_SERVER"),
        ({"Id": "s=\x00"}, "Id", "MALFORMED_NODE_ID"),
        ({"Id": "s=\ud800"}, "Id", "MALFORMED_NODE_ID"),
        ({"Id": 7}, "Id", "WRONG_TYPE"),
        ({"Id": None}, "", "NODE_MISSING"),
        ({"Id": "i=1", "ExpandedNodeId": "i=2"}, "", "TWO_NODES"),
        ({"Id": None, "BrowsePath": ["Press"]}, "BrowsePath", "PATH_OUTSIDE_OBJECTS"),
        ({"BrowsePath": ["<!HasChild>T"]}, "BrowsePath", "PATH_NOT_UNDERSTOOD"),
        ({"BrowsePath": [1]}, "BrowsePath", "WRONG_TYPE"),
        ({"OpcSamplingInterval": "1s"}, "OpcSamplingInterval", "WRONG_TYPE"),
        ({"OpcSamplingInterval": True}, "OpcSamplingInterval", "WRONG_TYPE"),
        ({"OpcSamplingInterval": -2}, "OpcSamplingInterval", "INTERVAL_OUT_OF_RANGE"),
        ({"OpcSamplingIntervalTimespan": "1 s"}, "OpcSamplingIntervalTimespan", "MALFORMED_TIMESPAN"),
        ({"OpcPublishingIntervalTimespan": "25:00:00"}, "OpcPublishingIntervalTimespan", "MALFORMED_TIMESPAN"),
        ({"OpcPublishingIntervalTimespan": "2.00:00:00"}, "OpcPublishingIntervalTimespan", "INTERVAL_OUT_OF_RANGE"),
        ({"QueueSize": -1}, "QueueSize", "NUMBER_OUT_OF_RANGE"),
        ({"QueueSize": 10**30}, "QueueSize", "NUMBER_OUT_OF_RANGE"),
        ({"DeadbandType": "Relative"}, "DeadbandType", "UNKNOWN_WORD"),
        ({"DeadbandType": "Absolute", "DeadbandValue": "x"}, "DeadbandValue", "WRONG_TYPE"),
        ({"DataChangeTrigger": "Always"}, "DataChangeTrigger", "UNKNOWN_WORD"),
        ({"UseCyclicRead": "yes"}, "UseCyclicRead", "WRONG_TYPE"),
        ({"DisplayName": "x" * 201}, "DisplayName", "MALFORMED_TEXT"),
        ({"DisplayName": "\u0007"}, "DisplayName", "MALFORMED_TEXT"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_its_field_and_a_remedy(
    node: dict[str, Any], field: str, reason: str
) -> None:
    file = read(entry({"Id": "i=1"}, {"Id": "nsu=http://plant;s=T"} | node))
    (problem,) = file.problems
    assert (problem.place.entry, problem.place.field, problem.reason) == ("[0].OpcNodes[1]", field, reason)
    text = json.dumps([entry({"Id": "i=1"}, {"Id": "nsu=http://plant;s=T"} | node)], indent=1).split("\n")
    assert f'"{field}"' in text[problem.place.line - 1] or not field
    assert problem.remedy.endswith((".", "]"))
    assert len(file.entries) == 1, "the other node is none the worse"


@pytest.mark.parametrize(
    ("members", "mode", "policy"),
    [
        ({"UseSecurity": False}, SecurityMode.NONE, SecurityPolicy.STRONGEST),
        ({"UseSecurity": True}, SecurityMode.SIGN_AND_ENCRYPT, SecurityPolicy.STRONGEST),
        ({"UseSecurity": False, "EndpointSecurityMode": "Sign"}, SecurityMode.SIGN, SecurityPolicy.STRONGEST),
        ({"UseSecurity": None}, None, SecurityPolicy.STRONGEST),
        (
            {"EndpointSecurityPolicy": "http://opcfoundation.org/UA/SecurityPolicy#Aes256_Sha256_RsaPss"},
            SecurityMode.SIGN_AND_ENCRYPT,
            SecurityPolicy.AES256_SHA256_RSAPSS,
        ),
        (
            {"UseSecurity": None, "EndpointSecurityPolicy": "None"},
            SecurityMode.NONE,
            SecurityPolicy.NONE,
        ),
    ],
)
def test_security_is_what_the_entry_says(
    members: dict[str, Any], mode: SecurityMode | None, policy: SecurityPolicy
) -> None:
    endpoint = one({}, **members).endpoint
    assert endpoint is not None
    assert (endpoint.url, endpoint.security_mode, endpoint.security_policy) == (URL, mode, policy)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"EndpointUrl": None}, "ENDPOINT_MISSING"),
        ({"EndpointUrl": 7}, "WRONG_TYPE"),
        ({"EndpointSecurityMode": "Fast"}, "UNKNOWN_WORD"),
        ({"EndpointSecurityPolicy": "Basic128Rsa15"}, "POLICY_NOT_OFFERED"),
        ({"OpcAuthenticationMode": "Certificate"}, "AUTHENTICATION_NOT_OFFERED"),
        ({"UseSecurity": "yes"}, "WRONG_TYPE"),
    ],
)
def test_an_entry_without_a_usable_endpoint_is_named_and_its_nodes_are_still_looked_at(
    members: dict[str, Any], reason: str
) -> None:
    file = read(entry({"Id": "i=1"}, {"Id": "broken"}, **members))
    assert [problem.reason for problem in file.problems] == [reason, "MALFORMED_NODE_ID"]
    assert (len(file.entries), file.count) == (0, 2)


def test_credentials_are_taken_and_never_shown() -> None:
    secret = "p@ss-w0rd"
    file = read(
        entry(
            {"Id": "i=1"},
            OpcAuthenticationMode="UsernamePassword",
            OpcAuthenticationUsername="op",
            OpcAuthenticationPassword=secret,
            EncryptedAuthPassword="blob-" + secret,
            SomePassword=secret,
        ),
        entry({"Id": "i=1"}, OpcAuthenticationUsername="op", OpcAuthenticationPassword=secret),
    )
    first, second = file.entries
    assert first.endpoint is not None
    assert second.endpoint is not None
    assert (first.endpoint.username, first.endpoint.password) == ("op", secret)
    assert (second.endpoint.username, second.endpoint.password) == ("", "")
    assert secret not in repr(file)
    assert len([r for r in file.remarks if r.value == "(not shown)"]) == 4


def test_what_has_no_counterpart_is_listed_for_every_entry() -> None:
    members = dict.fromkeys(ENTRY_WITHOUT, "x") | {"SomethingElse": 1}
    nodes = [{"Id": f"i={n}", "Unheard": 1} | dict.fromkeys(NODE_WITHOUT, "x") for n in (1, 2)]
    file = read(entry(*nodes, **members))
    assert not file.problems
    assert len(file.entries) == 2
    listed = {(remark.place.entry, remark.place.field.lower()) for remark in file.remarks}
    assert {("[0]", name.lower()) for name in members} <= listed
    for number in (0, 1):
        assert {(f"[0].OpcNodes[{number}]", name) for name in (*NODE_WITHOUT, "unheard")} <= listed
    lines = [remark.place.line for remark in file.remarks if remark.place.field == "Unheard"]
    assert len(set(lines)) == 2


def test_no_member_is_both_taken_and_without_counterpart() -> None:
    assert not ENTRY_TAKEN & ENTRY_WITHOUT.keys()
    assert not NODE_TAKEN & NODE_WITHOUT.keys()


def test_other_attributes_and_model_changes_are_left_out_and_said() -> None:
    file = read(entry({"Id": "i=1", "AttributeId": "DisplayName"}, {"Id": "i=2", "ModelChangeHandling": {}}))
    assert (file.skipped, len(file.entries), len(file.problems)) == (2, 0, 0)
    assert len(file.remarks) == 2
    assert one({"AttributeId": 13}).node.node_id == "nsu=http://plant;s=T"


def test_event_filters_become_events_and_ranges_parts() -> None:
    events = one({"Id": "i=2253", "EventFilter": {"TypeDefinitionId": "i=2041"}, "OpcSamplingInterval": 5})
    assert (events.address, events.settings) == (Address(TagSource.EVENTS), {})
    assert one({"IndexRange": "0:3"}).address == Address(index_range="0:3")


def test_a_node_in_the_entry_itself_is_read_as_the_first_releases_wrote_it() -> None:
    file = read({"EndpointUrl": URL, "NodeId": {"Identifier": "i=2258"}})
    assert [found.node for found in file.entries] == [Reference("i=2258")]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "NOT_JSON"),
        ("[\n{\n]", 3, "NOT_JSON"),
        ('[\n{"EndpointUrl": "x"\n"OpcNodes": []}]', 3, "NOT_JSON"),
        ("[" * 5000, 1, "NOT_JSON"),
        ('[{"OpcNodes": [' + "[" * 100_000 + "]}]", 1, "NOT_JSON"),
        ("[]\n\nx", 3, "NOT_JSON"),
    ],
)
def test_what_is_no_json_is_refused_as_a_whole_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read_published_nodes(text)
    assert (refused.value.problem.place.line, refused.value.problem.reason) == (line, reason)


@pytest.mark.parametrize(
    ("member", "field"),
    [
        ('"Id": NaN', "Id"),
        ('"Id": "i=1", "OpcSamplingInterval": NaN', "OpcSamplingInterval"),
        ('"Id": "i=1", "HeartbeatInterval": -Infinity', "HeartbeatInterval"),
        ('"Id": "i=1", "DeadbandType": "Absolute", "DeadbandValue": Infinity', "DeadbandValue"),
    ],
)
def test_a_number_that_is_none_is_named_where_it_stands(member: str, field: str) -> None:
    text = f'[{{"EndpointUrl": "{URL}", "OpcNodes": [\n{{"Id": "i=2"}},\n{{{member}}}]}}]'
    file = read_published_nodes(text)
    (problem,) = file.problems
    assert (problem.place.line, problem.place.entry) == (3, "[0].OpcNodes[1]")
    assert (problem.place.field, problem.reason) == (field, "WRONG_TYPE")
    assert re.search("NaN|Infinity", problem.message), "as the file has it"
    assert len(file.entries) == 1


def test_an_interval_beyond_all_floats_is_out_of_range() -> None:
    (problem,) = read(entry({"Id": "i=1", "OpcSamplingInterval": 1e308})).problems
    assert problem.reason == "INTERVAL_OUT_OF_RANGE"


@pytest.mark.parametrize(
    ("members", "publishing", "milliseconds"),
    [({}, {"OpcPublishingInterval": 200}, 200), ({"DataSetSamplingInterval": 50}, {}, 1000)],
)
def test_a_sampling_interval_of_minus_one_is_that_of_publishing_and_says_so(
    members: dict[str, Any], publishing: dict[str, Any], milliseconds: int
) -> None:
    file = read(entry({"Id": "i=1", "OpcSamplingInterval": -1} | publishing, **members))
    (found,), (remark,) = file.entries, file.remarks
    assert found.settings["sampling_interval_us"] == milliseconds * 1000
    assert (remark.place.field, remark.value) == ("OpcSamplingInterval", "-1")
    assert f"the publishing interval: the value is sampled every {milliseconds} ms" in remark.message


def test_names_that_stand_twice_are_a_problem_wherever_they_stand() -> None:
    text = '[{"EndpointUrl": "opc.tcp://a:1", "endpointurl": "opc.tcp://b", "OpcNodes": [{"Id": "i=1", "ID": "i=2"}]}]'
    assert [problem.reason for problem in read_published_nodes(text).problems] == ["NAME_REPEATED", "NAME_REPEATED"]


def test_a_number_of_a_million_digits_is_out_of_range_and_nothing_more() -> None:
    text = f'[{{"EndpointUrl": "opc.tcp://a:1", "OpcNodes": [{{"Id": "i=1", "QueueSize": {"9" * 1_000_000}}}]}}]'
    assert [problem.reason for problem in read_published_nodes(text).problems] == ["NUMBER_OUT_OF_RANGE"]
