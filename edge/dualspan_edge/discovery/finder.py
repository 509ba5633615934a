"""Carries out a search: every address that was named, at a bounded pace, each once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from urllib.parse import urlsplit

from dualspan.onboarding.v1 import discovery_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.commands import Progress
from dualspan_edge.discovery.multicast import NoMulticastError, listen
from dualspan_edge.discovery.probe import Answer, ask
from dualspan_edge.discovery.scope import DEFAULT_PORT, ScopeError, Target, targets_of
from dualspan_edge.opcua.reverse import Stranger

_DEFAULT_PACE = 20
_FASTEST_PACE = 200
_DEFAULT_TIMEOUT = 2.0
_LONGEST_TIMEOUT = 30.0
_AT_ONCE = 32
_MOST_FOUND = 2000


class Finder:
    """The handler of the command `discover`.

    Args:
        strangers: Who called the gateway (reverse connect) and is not configured.
    """

    def __init__(self, strangers: Callable[[], Sequence[Stranger]]) -> None:
        self._strangers = strangers

    async def run(
        self, command: gateway.ConnectResponse.Command, progress: Progress
    ) -> gateway.ConnectRequest.CommandReport:
        """Looks for servers.

        Raises:
            ScopeError: What was named cannot be looked for.
        """
        scope = command.discover
        targets = targets_of(scope)
        if not targets and not scope.multicast:
            raise ScopeError("nothing was named; name an address, a range or a network, or listen for multicast")
        response = discovery_pb2.DiscoverServersResponse(asked_addresses=len(targets))
        listening = asyncio.ensure_future(_listen(scope, response))
        try:
            answers = [answer async for answer in _asked(targets, scope, progress)]
            heard = await listening
        finally:
            listening.cancel()
        response.open_addresses = sum(answer.connected for answer in answers)
        found = merged(answers, [*heard, *map(_of_stranger, self._strangers())])
        if len(found) > _MOST_FOUND:
            response.notes.append(f"{len(found)} servers were found; the first {_MOST_FOUND} are listed")
        response.servers.extend(found[:_MOST_FOUND])
        return gateway.ConnectRequest.CommandReport(discover=response)


def _of_stranger(stranger: Stranger) -> discovery_pb2.DiscoveredServer:
    server = discovery_pb2.DiscoveredServer(
        discovery_url=stranger.hello.endpoint_url,
        source=discovery_pb2.DISCOVERY_SOURCE_REVERSE_CONNECT,
        announced_by=stranger.peer,
        application_uri=stranger.hello.server_uri,
        detail="it called the gateway; add it as a server with reverse connect and this application URI",
    )
    server.seen_time.FromMicroseconds(stranger.seen_at)
    return server


async def _listen(
    scope: discovery_pb2.DiscoveryScope, response: discovery_pb2.DiscoverServersResponse
) -> Sequence[discovery_pb2.DiscoveredServer]:
    if not scope.multicast:
        return ()
    try:
        return await listen()
    except NoMulticastError as error:
        response.notes.append(f"announcements cannot be heard here, there is no multicast ({error})")
        return ()


async def _asked(
    targets: Sequence[Target], scope: discovery_pb2.DiscoveryScope, progress: Progress
) -> AsyncIterator[Answer]:
    """The answers of the addresses, as they come; nothing of an address that a range named and nobody listens at."""
    pace = min(scope.connections_per_second or _DEFAULT_PACE, _FASTEST_PACE)
    timeout = _DEFAULT_TIMEOUT
    if scope.HasField("answer_timeout"):
        timeout = min(max(scope.answer_timeout.ToMilliseconds() / 1000, 0.1), _LONGEST_TIMEOUT)
    slots = asyncio.Semaphore(_AT_ONCE)
    answers: asyncio.Queue[tuple[Target, Answer]] = asyncio.Queue()

    async def one(target: Target) -> None:
        async with slots:
            await answers.put((target, await ask(target, timeout, details=not scope.endpoints_only)))

    async def begin() -> None:
        async with asyncio.TaskGroup() as group:
            for target in targets:
                # A slot first: when addresses are slow to answer, fewer are begun.
                async with slots:
                    pass
                group.create_task(one(target))
                await asyncio.sleep(1 / pace)

    beginning = asyncio.ensure_future(begin())
    try:
        for number in range(1, len(targets) + 1):
            target, answer = await answers.get()
            progress(f"asked {number} of {len(targets)} addresses", 100 * number // (len(targets) + 1))
            if answer.connected or target.named:
                yield answer
    finally:
        beginning.cancel()
        await asyncio.gather(beginning, return_exceptions=True)


def merged(
    answers: Iterable[Answer], heard: Iterable[discovery_pb2.DiscoveredServer]
) -> list[discovery_pb2.DiscoveredServer]:
    """Each server once, in order of URL: one that answered takes over what was announced of it."""
    answers = list(answers)
    found = {_place(answer.server.discovery_url): answer.server for answer in answers}
    told = [server for answer in answers for server in answer.announced]
    for server in (*told, *heard):
        known = found.setdefault(_place(server.discovery_url), server)
        if known is not server:
            known.capabilities.extend(one for one in server.capabilities if one not in known.capabilities)
    return sorted(found.values(), key=lambda server: server.discovery_url)


def _place(url: str) -> tuple[str, int, str]:
    """What makes two URLs the same server: host, port and path."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or DEFAULT_PORT, parts.path.rstrip("/")
    except ValueError:
        return url, 0, ""
