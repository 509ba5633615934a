"""The steps of a test that need a secured channel: does the server trust the gateway, take its user, and answer."""

from dataclasses import dataclass

from asyncua import Client, ua
from asyncua.crypto.uacrypto import InvalidSignature
from asyncua.ua.uaerrors import UaStatusCodeError

from dualspan.onboarding.v1 import discovery_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.diagnosis.checklist import Checklist, finding_and_remedy
from dualspan_edge.diagnosis.refusals import is_about_certificate, refusal
from dualspan_edge.errors import GatewayError
from dualspan_edge.opcua.certificates import ApplicationInstance
from dualspan_edge.opcua.dialling import Dial
from dualspan_edge.opcua.nodeids import standard_node
from dualspan_edge.opcua.security import ChosenEndpoint, MatchingEndpoint, check_password_is_safe, secure
from dualspan_edge.opcua.services import read_attributes, value_of
from dualspan_edge.opcua.transport import end, make_client
from dualspan_edge.trust import Judgement, TrustAnchors

_TIMEOUT = 10.0
_MESSAGE_BYTES = 4 * 1024 * 1024
_SESSION_TIMEOUT_MS = 10_000
_IDS = ua.ObjectIds
_TRUST = discovery_pb2.CONNECTION_STEP_GATEWAY_TRUST
_SESSION = discovery_pb2.CONNECTION_STEP_SESSION
_USER = discovery_pb2.CONNECTION_STEP_USER
_READ = discovery_pb2.CONNECTION_STEP_READ
_RUNNING = 0  # ServerState (Part 5, 12.6)


@dataclass(frozen=True, slots=True)
class SessionTest:
    """What a session is tried with.

    Attributes:
        configuration: How to connect, and as whom.
        match: The endpoint.
        judgement: What the gateway thinks of the server's certificate; None without security.
        instance: What the gateway shows.
        anchors: Whom it trusts.
    """

    configuration: gateway.ServerConfiguration
    match: MatchingEndpoint
    judgement: Judgement | None
    instance: ApplicationInstance
    anchors: TrustAnchors

    @property
    def trusted(self) -> bool:
        """Whether the server may learn who the user is."""
        return self.judgement is None or self.judgement.trusted

    def client(self, url: str) -> Client:
        """A client set up with the endpoint's security."""
        certificate = self.judgement.certificate if self.judgement else None
        client = make_client(url, _TIMEOUT, _MESSAGE_BYTES)
        client.session_timeout = _SESSION_TIMEOUT_MS
        mode = self.match.endpoint.SecurityMode
        secure(client, ChosenEndpoint(mode, self.match.policy, certificate, "", self.judgement), self.instance)
        return client


async def try_session(test: SessionTest, checklist: Checklist, dial: Dial) -> None:
    """Takes the steps from the secured channel to a value that is read.

    A server that nobody has approved here is asked all the same whether it trusts the gateway: an engineer at the
    machine wants to do both in one go. It learns the gateway's certificate, which is public, and never a password.
    """
    checklist.begin(_TRUST)
    if test.judgement is not None and test.judgement.certificate is None:
        finding = "without a usable certificate of the server nothing can be sent to it"
        raise checklist.stop(_TRUST, finding, "make a new certificate at the server")
    try:
        client = await dial(test.configuration, test.client)
    except (OSError, TimeoutError, GatewayError) as error:
        words = "" if isinstance(error, OSError) else str(error)
        finding, remedy = finding_and_remedy(words or "the server cannot be reached a second time; try again")
        raise checklist.stop(_TRUST, finding, remedy) from error
    try:
        await _open(client, test, checklist)
        await _sign_in(client, test, checklist)
        await _read(client, checklist)
    finally:
        await end(client, keep_session=False)


async def _open(client: Client, test: SessionTest, checklist: Checklist) -> None:
    """The channel and the session: servers refuse a certificate in either of them."""
    try:
        await client.send_hello()
        await client.open_secure_channel()
        checklist.begin(_SESSION)
        await client.create_session()
    except UaStatusCodeError as error:
        code = int(error.code)
        words = refusal(code)
        step = _TRUST if is_about_certificate(code) and test.judgement is not None else _SESSION
        if step == _SESSION:
            _trusts(test, checklist)
        raise checklist.stop(step, words.finding, words.remedy, code) from error
    except (OSError, TimeoutError) as error:
        finding = "the server ends the connection, or falls silent, while the channel is opened"
        remedy = "most servers do that when they do not trust the gateway's certificate: trust it there, then try again"
        raise checklist.stop(_TRUST, finding, remedy) from error
    except (ua.UaError, InvalidSignature) as error:
        finding = f"the server does not prove that the certificate is its own ({error or type(error).__name__})"
        remedy = "start the server again; if it stays so, somebody may sit in between"
        raise checklist.stop(_SESSION, finding, remedy) from error
    _trusts(test, checklist)
    checklist.passed(_SESSION, "the server gives a session")


def _trusts(test: SessionTest, checklist: Checklist) -> None:
    if test.judgement is not None:
        checklist.passed(_TRUST, "the server trusts the gateway's certificate")


async def _sign_in(client: Client, test: SessionTest, checklist: Checklist) -> None:
    configuration = test.configuration
    checklist.begin(_USER)
    if configuration.username and not test.trusted:
        finding = "the password is not sent to a server that nobody has approved"
        raise checklist.stop(_USER, finding, "approve the server's certificate, then test again")
    try:
        check_password_is_safe(client, configuration, test.anchors)
        await client.activate_session(configuration.username, configuration.password)
    except UaStatusCodeError as error:
        words = refusal(int(error.code))
        raise checklist.stop(_USER, words.finding, words.remedy, int(error.code)) from error
    except GatewayError as error:
        raise checklist.stop(_USER, *finding_and_remedy(str(error))) from error
    except (OSError, TimeoutError) as error:
        raise checklist.stop(
            _USER, "the server ends the connection when it hears the user", "look into its log"
        ) from error
    who = f"the user {configuration.username}" if configuration.username else "a user without a name"
    checklist.passed(_USER, f"the server accepts {who}")


async def _read(client: Client, checklist: Checklist) -> None:
    checklist.begin(_READ)
    nodes = [
        (standard_node(number), ua.AttributeIds.Value)
        for number in (_IDS.Server_NamespaceArray, _IDS.Server_ServerStatus_State)
    ]
    try:
        namespaces, state = [value_of(one) for one in await read_attributes(client.uaclient.session, nodes, len(nodes))]
    except UaStatusCodeError as error:
        words = refusal(int(error.code))
        raise checklist.stop(_READ, words.finding, words.remedy, int(error.code)) from error
    except (OSError, TimeoutError, ua.UaError, GatewayError) as error:
        raise checklist.stop(_READ, f"nothing can be read ({error})", "look into the server's log") from error
    if not isinstance(namespaces, list):
        raise checklist.stop(_READ, "the server does not let this user read", "give the user the right to read there")
    if isinstance(state, int) and state != _RUNNING:
        name = ua.ServerState(state).name if state in set(ua.ServerState) else str(state)
        checklist.warn(_READ, f"values can be read, and the server says that it is in the state {name}", "start it")
        return
    checklist.passed(_READ, f"values can be read; the server has {len(namespaces)} namespaces")
