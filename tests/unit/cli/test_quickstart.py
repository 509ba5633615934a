"""What the quickstart says and asks."""

import json

import pytest

from dualspan.onboarding.v1 import discovery_pb2
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan_cli.errors import CommandError
from dualspan_cli.quickstart.box import proposed_id
from dualspan_cli.quickstart.settled_before import check_address, to_change, why_not
from dualspan_cli.quickstart.talk import Talk


def test_yes_takes_what_is_proposed() -> None:
    talk = Talk(yes=True, as_json=False)
    assert talk.choose("Go on?", proposed=True)
    assert not talk.choose("Go on?", proposed=False)
    assert talk.ask("Name", "press") == "press"
    talk.agree("Go on?", otherwise="Do it by hand.")


def test_what_cannot_be_proposed_is_missed_in_words() -> None:
    with pytest.raises(CommandError, match="Password") as caught:
        Talk(yes=True, as_json=False).ask("Password of operator", secret=True)
    assert caught.value.reason == "ANSWER_MISSING"


def test_questions_need_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(CommandError) as caught:
        Talk(yes=False, as_json=False).choose("Go on?", proposed=True)
    assert caught.value.reason == "NOBODY_TO_ASK"


def test_a_no_ends_it_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    with pytest.raises(CommandError, match="by hand"):
        Talk(yes=False, as_json=False).agree("Go on?", otherwise="Do it by hand.")


def test_programs_get_a_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk(yes=False, as_json=True)
    with talk.step("browse", "Browse") as step:
        step.progress("7 nodes")
        step.outcome = "7 nodes"
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["outcome"]) == ("browse", "7 nodes")
    assert line["seconds"] >= 0


@pytest.mark.parametrize(
    ("host", "expected"),
    [("Laptop-3.local", "gateway-laptop-3"), ("ПК", "gateway"), ("x" * 80, "gateway-" + "x" * 32)],
)
def test_a_machines_name_becomes_an_id(monkeypatch: pytest.MonkeyPatch, host: str, expected: str) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert proposed_id() == expected


def known(username: str = "operator") -> resources.OpcUaServer:
    return resources.OpcUaServer(
        name="tenants/home/gateways/box/servers/press",
        security_mode=resources.SECURITY_MODE_SIGN_AND_ENCRYPT,
        status=resources.ServerStatus(state=resources.CONNECTION_STATE_FAILED),
        endpoint_url="opc.tcp://plc7:4840/",
        username=username,
    )


@pytest.mark.parametrize("url", ["opc.tcp://plc7:4840", "opc.tcp://PLC7/"])
def test_the_same_address_is_written_in_several_ways(url: str) -> None:
    check_address(known(), url)


@pytest.mark.parametrize("url", ["opc.tcp://plc8:4840", "opc.tcp://plc7:4841", "opc.tcp://plc7:4840/other"])
def test_a_name_that_is_taken_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(CommandError, match=r"press is known already, at opc\.tcp://plc7:4840/") as caught:
        check_address(known(), url)
    assert caught.value.reason == "OTHER_ADDRESS"


def test_what_is_said_this_time_goes_before_what_was_said_then() -> None:
    said = resources.OpcUaServer(security_mode=resources.SECURITY_MODE_SIGN_AND_ENCRYPT, username="operator")
    assert to_change(known(), said) == []
    said.password = "the right one this time"
    assert to_change(known(), said) == ["password"]
    said.username, said.security_mode = "engineer", resources.SECURITY_MODE_NONE
    assert to_change(known(), said) == ["security_mode", "username", "password"]


def test_a_stream_that_runs_is_not_cut() -> None:
    server = known(username="engineer")
    server.status.state = resources.CONNECTION_STATE_CONNECTED
    assert to_change(server, resources.OpcUaServer(username="operator", password="x")) == []


def test_why_there_is_no_session_is_said_with_what_to_do() -> None:
    tested = discovery_pb2.TestConnectionResponse(gateway_certificate_sha1="77e3")
    steps = (
        (discovery_pb2.CONNECTION_STEP_CLOCK, discovery_pb2.CONNECTION_VERDICT_PASSED, "both clocks agree", ""),
        (
            discovery_pb2.CONNECTION_STEP_GATEWAY_TRUST,
            discovery_pb2.CONNECTION_VERDICT_FAILED,
            "the server does not trust the gateway's certificate",
            "move it to the trusted ones",
        ),
    )
    for step, verdict, finding, remedy in steps:
        tested.checks.add(step=step, verdict=verdict, finding=finding, remedy=remedy)
    words = why_not(tested)
    assert words.startswith("the server does not trust the gateway's certificate. Do: move it to the trusted ones.")
    assert "77e3" in words
    assert "clocks" not in words
    assert why_not(discovery_pb2.TestConnectionResponse()) == ""
