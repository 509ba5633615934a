"""One address: what answers there, and what it says of itself and of others."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from asyncua import Client, ua
from asyncua.ua.uaerrors import UaStatusCodeError

from dualspan.onboarding.v1 import discovery_pb2
from dualspan_edge.clock import now_microseconds
from dualspan_edge.discovery.describing import (
    application_type,
    capabilities_of,
    describe_application,
    describe_endpoints,
    has_anonymous_without_security,
    text,
)
from dualspan_edge.discovery.details import read_details
from dualspan_edge.discovery.reaching import silent_words, unreachable_words
from dualspan_edge.discovery.scope import Target
from dualspan_edge.opcua.unsecured import DiscoveryChannel, unsecured_channel, unsecured_client
from dualspan_edge.opcua.words import status_words

_MOST_ANNOUNCED = 500
_MOST_URLS = 20


@dataclass(slots=True)
class Answer:
    """What came of asking an address.

    Attributes:
        server: What is there; `reached` says whether it speaks OPC UA.
        connected: A connection was accepted.
        announced: Other servers that it told of.
    """

    server: discovery_pb2.DiscoveredServer
    connected: bool = False
    announced: list[discovery_pb2.DiscoveredServer] = field(default_factory=list)


async def ask(target: Target, timeout: float, *, details: bool) -> Answer:
    """Asks one address; whatever is wrong with it is in the answer.

    Args:
        target: Where.
        timeout: Seconds for the connection, and for each answer.
        details: Open an anonymous session, where anybody may, and read what runs there.
    """
    server = discovery_pb2.DiscoveredServer(discovery_url=target.url, source=discovery_pb2.DISCOVERY_SOURCE_ADDRESS)
    server.seen_time.FromMicroseconds(now_microseconds())
    answer = Answer(server)
    client = unsecured_client(target.url, timeout)
    try:
        await client.connect_socket()
        answer.connected = True
        await _talk(client, answer, target, details=details)
    except UaStatusCodeError as error:
        server.detail = status_words(int(error.code))
    except TimeoutError:
        server.detail = _silence(answer, target)
    except OSError as error:
        server.detail = _unreachable(error, answer, target)
    except Exception as error:  # noqa: BLE001 - supervised: a server that breaks the protocol must not end the search
        server.detail = f"what answers there breaks the protocol ({type(error).__name__}); is it an OPC UA server?"
    finally:
        client.disconnect_socket()
    return answer


def _silence(answer: Answer, target: Target) -> str:
    if answer.server.reached:
        return "it stopped answering; try again, with a longer timeout"
    if answer.connected:
        return "something listens there and does not speak OPC UA; check the port"
    return silent_words(target.host)


def _unreachable(error: OSError, answer: Answer, target: Target) -> str:
    if answer.connected and not answer.server.reached:
        return "something listens there and ends the connection; check the port, and that it is an OPC UA server"
    return unreachable_words(error, target.host)


async def _talk(client: Client, answer: Answer, target: Target, *, details: bool) -> None:
    async with unsecured_channel(client) as channel:
        endpoints = await channel.endpoints()
        server = answer.server
        server.reached = True
        if endpoints.clock is not None:
            # The contract has it the other way round: the server's clock minus ours.
            server.clock_offset.FromMicroseconds(-endpoints.clock.offset)
        if endpoints.descriptions and endpoints.descriptions[0].Server:
            describe_application(server, endpoints.descriptions[0].Server)
        server.endpoints.extend(describe_endpoints(endpoints.descriptions, target.host))
        if not any(endpoint.usable for endpoint in server.endpoints):
            server.detail = "it has no endpoint that a gateway can use; switch a secure one on at the server"
        await _ask_for_others(channel, answer)
        if details and has_anonymous_without_security(endpoints.descriptions):
            await _add_details(client, server)


async def _add_details(client: Client, server: discovery_pb2.DiscoveredServer) -> None:
    try:
        await read_details(client, server)
    except (ua.UaError, OSError, TimeoutError) as error:
        words = status_words(int(error.code)) if isinstance(error, UaStatusCodeError) else str(error)
        server.detail = server.detail or f"what runs there cannot be read: {words or 'no answer'}"


async def _ask_for_others(channel: DiscoveryChannel, answer: Answer) -> None:
    """What the server knows of others; a server that does not say is no worse for it."""
    own = answer.server.application_uri
    try:
        for application in (await channel.servers())[:_MOST_ANNOUNCED]:
            if application.ApplicationUri == own:
                answer.server.application_type = application_type(application.ApplicationType)
            else:
                answer.announced += _of_application(application, answer.server.discovery_url)
        if answer.server.application_type == discovery_pb2.APPLICATION_TYPE_DISCOVERY_SERVER:
            records = (await channel.servers_on_network())[:_MOST_ANNOUNCED]
            answer.announced += _of_records(records, answer.server.discovery_url)
    except UaStatusCodeError as error:
        answer.server.detail = answer.server.detail or f"it does not say what else it knows: {error}"


def _of_application(application: ua.ApplicationDescription, by: str) -> list[discovery_pb2.DiscoveredServer]:
    found: list[discovery_pb2.DiscoveredServer] = []
    for url in (application.DiscoveryUrls or [])[:_MOST_URLS]:
        server = announced(text(url), discovery_pb2.DISCOVERY_SOURCE_FIND_SERVERS, by)
        describe_application(server, application)
        found.append(server)
    return found


def _of_records(records: Sequence[ua.ServerOnNetwork], by: str) -> list[discovery_pb2.DiscoveredServer]:
    found: list[discovery_pb2.DiscoveredServer] = []
    for record in records:
        server = announced(text(record.DiscoveryUrl), discovery_pb2.DISCOVERY_SOURCE_NETWORK, by)
        server.application_name = text(record.ServerName)
        server.capabilities.extend(capabilities_of(record))
        found.append(server)
    return found


def announced(url: str, source: discovery_pb2.DiscoverySource.ValueType, by: str) -> discovery_pb2.DiscoveredServer:
    """A server that somebody told of: it is asked only if a person names its address too."""
    server = discovery_pb2.DiscoveredServer(
        discovery_url=url,
        source=source,
        announced_by=by,
        detail="announced, not asked; name its address to ask it",
    )
    server.seen_time.FromMicroseconds(now_microseconds())
    return server
