import json

import pytest
import typer

from dualspan.onboarding.v1 import discovery_pb2, resources_pb2
from dualspan_cli.commands.onboarding.discovery import EXIT_CANNOT_CONNECT, print_found, print_tested

HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold]not bold[/bold] \u202e"


def test_a_servers_words_steer_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    facts = discovery_pb2.CertificateFacts(sha256="ab", subject=HOSTILE, problems=[HOSTILE])
    endpoint = discovery_pb2.DiscoveredEndpoint(
        security_policy_uri=f"x#{HOSTILE}", detail=HOSTILE, certificate_facts=facts
    )
    server = discovery_pb2.DiscoveredServer(
        discovery_url=f"opc.tcp://{HOSTILE}",
        application_name=HOSTILE,
        announced_by=HOSTILE,
        capabilities=[HOSTILE],
        detail=HOSTILE,
        endpoints=[endpoint],
        software=discovery_pb2.ServerSoftware(product_name=HOSTILE, software_version=HOSTILE),
    )
    print_found(discovery_pb2.DiscoverServersResponse(servers=[server], notes=["no multicast"]))
    shown = capsys.readouterr().out
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}
    assert "[bold]not bold[/bold]" in shown, "nothing of it is read as markup"


def test_a_server_is_shown_with_all_that_is_known_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    endpoint = discovery_pb2.DiscoveredEndpoint(
        security_policy_uri="http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256",
        security_mode=resources_pb2.SECURITY_MODE_SIGN_AND_ENCRYPT,
        user_token_types=[discovery_pb2.USER_TOKEN_TYPE_USERNAME],
        usable=True,
    )
    server = discovery_pb2.DiscoveredServer(
        discovery_url="opc.tcp://plc7:4840",
        application_name="Press",
        reached=True,
        endpoints=[endpoint],
        server="tenants/acme/gateways/g1/servers/press-1",
        software=discovery_pb2.ServerSoftware(
            product_name="Controller", software_version="4.2", manufacturer_name="Maker"
        ),
        limits=discovery_pb2.StatedLimits(sessions=10),
    )
    server.clock_offset.FromMilliseconds(90_000)
    print_found(discovery_pb2.DiscoverServersResponse(servers=[server], asked_addresses=254, open_addresses=1))
    shown = capsys.readouterr()
    for words in (
        "opc.tcp://plc7:4840",
        "configured as gateways/g1/servers/press-1",
        "runs Controller 4.2 of Maker",
        "allows 10 sessions",
        "its clock is +90.0 s from the gateway's",
        "+ Basic256Sha256 sign and encrypt; users: username",
    ):
        assert words in shown.out
    assert "1 servers at 254 addresses" in shown.err


def test_a_test_that_failed_is_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    checks = [
        discovery_pb2.ConnectionCheck(
            step=discovery_pb2.CONNECTION_STEP_CONNECT,
            verdict=discovery_pb2.CONNECTION_VERDICT_FAILED,
            finding="nothing listens there",
            remedy="check the port",
        )
    ]
    with pytest.raises(typer.Exit) as failed:
        print_tested(discovery_pb2.TestConnectionResponse(checks=checks), as_json=False)
    assert failed.value.exit_code == EXIT_CANNOT_CONNECT
    shown = capsys.readouterr().out
    assert "FAIL connect" in shown
    assert "-> check the port" in shown
    with pytest.raises(typer.Exit):
        print_tested(discovery_pb2.TestConnectionResponse(checks=checks), as_json=True)
    assert json.loads(capsys.readouterr().out)["checks"][0]["verdict"] == "CONNECTION_VERDICT_FAILED"
    checks[0].verdict = discovery_pb2.CONNECTION_VERDICT_WARNING
    print_tested(discovery_pb2.TestConnectionResponse(checks=checks), as_json=False)
