import json
from types import SimpleNamespace
from typing import cast

import grpc
import pytest
import typer

from dualspan.onboarding.v1 import discovery_pb2, resources_pb2, service_pb2
from dualspan_cli.commands.onboarding.discovery import (
    EXIT_CANNOT_CONNECT,
    discover,
    nothing_to_look_at,
    print_found,
    print_tested,
    subject_of,
    try_connection,
)
from dualspan_cli.errors import CommandError
from dualspan_cli.session import Session

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


@pytest.mark.parametrize(
    "target", ["opc.tcp://plc7:4840", "box", "box/", "/press", "tenants/home/gateways/box", "tenants/a/servers/b/c"]
)
def test_a_test_shows_both_forms_of_what_it_takes(target: str) -> None:
    with pytest.raises(CommandError, match=r"GATEWAY/SERVER, or .* GATEWAY --url opc\.tcp://") as refused:
        try_connection(target, url="")
    assert refused.value.exit_code == 2


def test_a_test_takes_names_in_short_and_in_full() -> None:
    full = "tenants/home/gateways/box"
    assert subject_of("box/press", "") == ("box", "press")
    assert subject_of(f"{full}/servers/press", "") == (full, "press")
    for gateway in ("box", full):
        assert subject_of(gateway, "opc.tcp://plc7:4840") == (gateway, "")
    with pytest.raises(CommandError, match="not 'tenants/home/gateways/box/servers/press'"):
        subject_of(f"{full}/servers/press", "opc.tcp://plc7:4840")


@pytest.mark.parametrize("address", ["opc.tcp://plc7:4840", "10.0.0.7:4840", "10.0.0.0/24"])
def test_an_address_in_the_place_of_the_gateway_is_told(address: str) -> None:
    with pytest.raises(CommandError, match="The gateway that looks comes first") as refused:
        discover(address, timeout="2s")
    assert refused.value.exit_code == 2


class Fleet:
    """The onboarding service with one gateway."""

    async def GetGateway(self, request: service_pb2.GetGatewayRequest) -> resources_pb2.Gateway:  # noqa: N802
        if request.name != "tenants/home/gateways/box":
            raise grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), grpc.aio.Metadata())
        return resources_pb2.Gateway(name=request.name)


@pytest.mark.parametrize(("gateway", "words"), [("box", "there is one of that id"), ("nonsense", "there is none")])
async def test_one_word_is_the_gateway_and_whether_it_exists_is_said(gateway: str, words: str) -> None:
    session = cast("Session", SimpleNamespace(onboarding=Fleet(), tenant="tenants/home"))
    told = await nothing_to_look_at(session, gateway)
    assert (told.reason, told.exit_code) == ("SCOPE_EMPTY", 2)
    assert words in str(told)
    assert "GATEWAY ADDRESS" in str(told)
