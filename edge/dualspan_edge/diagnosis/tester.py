"""Carries out a connection test: the way to a server, one step after the other, as a connection takes it."""

import asyncio
import contextlib
import hashlib
import ipaddress
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from asyncua import Client, ua
from asyncua.ua.uaerrors import UaStatusCodeError
from cryptography.hazmat.primitives.serialization import Encoding

from dualspan.onboarding.v1 import discovery_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.clock import ClockOffset, PlatformClock
from dualspan_edge.commands import Progress
from dualspan_edge.diagnosis.certificates import check_own_certificate, check_server_certificate
from dualspan_edge.diagnosis.checklist import CannotGoOn, Checklist, finding_and_remedy
from dualspan_edge.diagnosis.refusals import refusal
from dualspan_edge.diagnosis.session import SessionTest, try_session
from dualspan_edge.discovery.describing import describe_endpoint
from dualspan_edge.discovery.reaching import silent_words, unreachable_words
from dualspan_edge.errors import GatewayError, ServerRefusedError
from dualspan_edge.opcua.dialling import MakeClient
from dualspan_edge.opcua.security import MatchingEndpoint, match_endpoint
from dualspan_edge.opcua.trust_desk import TrustDesk
from dualspan_edge.opcua.unsecured import Endpoints, unsecured_channel, unsecured_client

_TIMEOUT = 5.0
_CALL_SECONDS = 20.0
_CLOSE_ENOUGH_US = 2_000_000
_TOO_FAR_US = 300_000_000


@dataclass(slots=True)
class _Test:
    """One test while it runs."""

    configuration: gateway.ServerConfiguration
    checklist: Checklist
    response: discovery_pb2.TestConnectionResponse

    @property
    def host(self) -> str:
        return urlsplit(self.configuration.endpoint_url).hostname or ""


class ConnectionTester:
    """The handler of the command `test_connection`.

    Args:
        trust: What the gateway shows, and whom it trusts.
        clock: How far the gateway's clock is from the platform's.
    """

    def __init__(self, trust: TrustDesk, clock: PlatformClock) -> None:
        self._trust = trust
        self._clock = clock

    async def _dial(self, configuration: gateway.ServerConfiguration, make: MakeClient) -> Client:
        """As a connection does it, but a person does not wait long for a server's call."""
        if not configuration.reverse_connect:
            return await self._trust.dial(configuration, make)
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                return await self._trust.dial(configuration, make)
        except TimeoutError as error:
            raise TimeoutError(
                f"the server has not called within {_CALL_SECONDS:.0f} s; check there that reverse connect is switched "
                "on, with the gateway's address and port, and that no firewall is in between. Some servers call only "
                "while they are not connected: if values come from it, all is well"
            ) from error

    async def run(
        self, command: gateway.ConnectResponse.Command, progress: Progress
    ) -> gateway.ConnectRequest.CommandReport:
        """Tests the way to a server; what fails is in the outcome."""
        configuration = _configuration(command)
        instance = self._trust.instance_for(configuration.server)
        certificate = instance.certificate.public_bytes(Encoding.DER)
        response = discovery_pb2.TestConnectionResponse(
            gateway_certificate=certificate,
            gateway_certificate_sha1=hashlib.sha1(certificate, usedforsecurity=False).hexdigest(),
        )
        test = _Test(configuration, Checklist(progress), response)
        with contextlib.suppress(CannotGoOn):
            await self._take_steps(test)
        response.checks.extend(test.checklist.checks())
        return gateway.ConnectRequest.CommandReport(test_connection=response)

    async def _take_steps(self, test: _Test) -> None:
        await self._resolve(test)
        endpoints = await self._ask_endpoints(test)
        match = self._match(test, endpoints)
        self._compare_clocks(test, endpoints.clock)
        instance = self._trust.instance_for(test.configuration.server)
        secured = match.endpoint.SecurityMode != ua.MessageSecurityMode.None_
        judgement = None
        if secured:
            presented = match.endpoint.ServerCertificate or b""
            judgement = check_server_certificate(
                test.checklist, presented, match.application_uri, test.configuration, self._trust.anchors
            )
            check_own_certificate(test.checklist, instance)
        else:
            _skip_certificates(test.checklist)
        session = SessionTest(
            configuration=test.configuration,
            match=match,
            judgement=judgement,
            instance=instance,
            anchors=self._trust.anchors,
        )
        await try_session(session, test.checklist, self._dial)

    async def _resolve(self, test: _Test) -> None:
        step, checklist, host = discovery_pb2.CONNECTION_STEP_RESOLVE, test.checklist, test.host
        checklist.begin(step)
        if test.configuration.reverse_connect:
            checklist.skip(step, "the server calls the gateway")
            return
        with contextlib.suppress(ValueError):
            checklist.passed(step, f"{ipaddress.ip_address(host)} is an address already")
            return
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            raise checklist.stop(step, *finding_and_remedy(unreachable_words(error, host))) from error
        addresses = sorted({str(one[4][0]) for one in found})
        checklist.passed(step, f"{host} is {', '.join(addresses[:5])}")

    async def _connected(self, test: _Test) -> Client:
        step, checklist = discovery_pb2.CONNECTION_STEP_CONNECT, test.checklist
        checklist.begin(step)
        try:
            client = await self._dial(test.configuration, partial(unsecured_client, timeout=_TIMEOUT))
        except (OSError, TimeoutError, GatewayError) as error:
            raise checklist.stop(step, *finding_and_remedy(_words(error, test.host))) from error
        way = "the server called" if test.configuration.reverse_connect else f"{test.host} accepts connections"
        checklist.passed(step, way)
        return client

    async def _ask_endpoints(self, test: _Test) -> Endpoints:
        client = await self._connected(test)
        checklist = test.checklist
        try:
            checklist.begin(discovery_pb2.CONNECTION_STEP_HELLO)
            async with _refusals_of(checklist, discovery_pb2.CONNECTION_STEP_HELLO, _NO_OPC_UA):
                await client.send_hello()
            checklist.passed(discovery_pb2.CONNECTION_STEP_HELLO, "an OPC UA server answers")
            checklist.begin(discovery_pb2.CONNECTION_STEP_ENDPOINTS)
            async with (
                _refusals_of(checklist, discovery_pb2.CONNECTION_STEP_ENDPOINTS, _NO_ENDPOINTS),
                unsecured_channel(client, greeted=True) as channel,
            ):
                endpoints = await channel.endpoints()
        finally:
            client.disconnect_socket()
        checklist.passed(
            discovery_pb2.CONNECTION_STEP_ENDPOINTS, f"the server lists {len(endpoints.descriptions)} endpoints"
        )
        return endpoints

    def _match(self, test: _Test, endpoints: Endpoints) -> MatchingEndpoint:
        step, checklist, wanted = discovery_pb2.CONNECTION_STEP_ENDPOINT_MATCH, test.checklist, test.configuration
        checklist.begin(step)
        try:
            match = match_endpoint(endpoints.descriptions, wanted)
        except ServerRefusedError as error:
            finding, _, remedy = str(error).rpartition(". ")
            raise checklist.stop(step, finding, remedy or "choose one that it offers") from error
        test.response.endpoint.CopyFrom(describe_endpoint(match.endpoint, test.host))
        if wanted.server_uri and match.application_uri != wanted.server_uri:
            finding = f"the server says that it is {match.application_uri}, not {wanted.server_uri}"
            raise checklist.stop(step, finding, "check the address; another server may sit there now")
        if match.endpoint.SecurityMode != ua.MessageSecurityMode.None_ and not match.endpoint.ServerCertificate:
            raise checklist.stop(step, "the server shows no certificate", "make one at the server, then try again")
        kind = ua.UserTokenType.UserName if wanted.username else ua.UserTokenType.Anonymous
        if all(token.TokenType != kind for token in match.endpoint.UserIdentityTokens or ()):
            finding = "takes no user names" if wanted.username else "takes nobody without a user name"
            remedy = "leave the user name out" if wanted.username else "state a user name and a password"
            raise checklist.stop(step, f"the server's endpoint {finding}", f"{remedy}, or change that at the server")
        policy = (match.endpoint.SecurityPolicyUri or "").rpartition("#")[2]
        checklist.passed(step, f"it offers {policy} with {match.endpoint.SecurityMode.name.rstrip('_')}")
        return match

    def _compare_clocks(self, test: _Test, clock: ClockOffset | None) -> None:
        step, checklist = discovery_pb2.CONNECTION_STEP_CLOCK, test.checklist
        checklist.begin(step)
        if clock is None:
            checklist.warn(step, "the server shows no time", "set the clock of the server; its timestamps are stored")
            return
        # The server's clock minus the gateway's, and the gateway's minus the platform's.
        offset, own = -clock.offset, self._clock.offset
        if abs(offset) <= max(_CLOSE_ENOUGH_US, clock.round_trip):
            checklist.passed(step, f"both clocks agree within {abs(offset) / 1e6:.1f} s")
            return
        whose = "gateway" if abs(own) > abs(offset + own) else "server"
        finding = (
            f"the server's clock is {abs(offset) / 1e6:.0f} s {'ahead of' if offset > 0 else 'behind'} the gateway's"
        )
        consequence = "; certificates and passwords may be refused" if abs(offset) > _TOO_FAR_US else ""
        checklist.warn(
            step,
            f"{finding}; against the platform, it is the {whose}'s that is wrong{consequence}",
            f"set the clock of the {whose}, best by NTP",
        )


@dataclass(frozen=True, slots=True)
class _Silence:
    """What it means when a server ends the connection, or says nothing, in a step."""

    finding: str
    remedy: str


_NO_OPC_UA = _Silence(
    "what listens there does not answer as an OPC UA server", "check the port; other services use it, or a proxy does"
)
_NO_ENDPOINTS = _Silence(
    "the server does not list its endpoints without security",
    "at the server, allow discovery on an endpoint without security; nothing else is read there",
)


@contextlib.asynccontextmanager
async def _refusals_of(
    checklist: Checklist, step: discovery_pb2.ConnectionStep.ValueType, silence: _Silence
) -> AsyncGenerator[None]:
    """Whatever a server does in a step becomes its finding."""
    try:
        yield
    except UaStatusCodeError as error:
        words = refusal(int(error.code))
        raise checklist.stop(step, words.finding, words.remedy, int(error.code)) from error
    except (OSError, TimeoutError) as error:
        raise checklist.stop(step, silence.finding, silence.remedy) from error
    except CannotGoOn:
        raise
    except Exception as error:  # supervised: a server that breaks the protocol is a finding too
        finding = f"what the server sends breaks the protocol ({type(error).__name__})"
        raise checklist.stop(step, finding, "update the server's software, or ask its maker") from error


def _words(error: Exception, host: str) -> str:
    if isinstance(error, TimeoutError):
        return str(error) or silent_words(host)
    return unreachable_words(error, host) if isinstance(error, OSError) else str(error)


def _skip_certificates(checklist: Checklist) -> None:
    for step in (
        discovery_pb2.CONNECTION_STEP_HOSTNAME,
        discovery_pb2.CONNECTION_STEP_SERVER_CERTIFICATE,
        discovery_pb2.CONNECTION_STEP_SERVER_TRUST,
        discovery_pb2.CONNECTION_STEP_GATEWAY_CERTIFICATE,
        discovery_pb2.CONNECTION_STEP_GATEWAY_TRUST,
    ):
        checklist.skip(step, "without security, no certificates are used")


def _configuration(command: gateway.ConnectResponse.Command) -> gateway.ServerConfiguration:
    way = command.test_connection.opc_ua_server
    return gateway.ServerConfiguration(
        server=way.name.rpartition("/")[2],
        endpoint_url=way.endpoint_url,
        security_mode=way.security_mode,
        security_policy=way.security_policy,
        username=way.username,
        password=way.password,
        trusted_certificate_sha256=way.trusted_certificate_sha256,
        reverse_connect=way.reverse_connect,
        server_uri=way.server_uri,
    )
