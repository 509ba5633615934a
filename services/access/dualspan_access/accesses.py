"""Who has which app open, as the marketplace knows it: asked when somebody comes, and every few seconds after that."""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import structlog

from dualspan.marketplace.v1 import access_pb2 as contract

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.marketplace.v1.access_pb2_grpc import AccessServiceAsyncStub

OPEN = contract.AccessState.VERDICT_OPEN
# Nobody's access is believed in for longer after the marketplace was last heard of it.
_PATIENCE_SECONDS = 30.0
# What is asked for no more is forgotten after so long.
_IDLE_SECONDS = 120.0
_AT_ONCE = 500
# Of strangers with cookies that nobody gave them.
_ABREAST = 20
_SECRET = re.compile(r"([a-z0-9-]{1,40})\.[A-Za-z0-9_-]{1,128}")
_log = structlog.stdlib.get_logger()


class UnreachableError(Exception):
    """The marketplace cannot be asked."""


class SpentError(Exception):
    """A ticket that opens nothing."""


@dataclass(slots=True)
class Access:
    """One access, as it was last heard of.

    Attributes:
        key: Names it without giving it away.
        state: What became of it.
        heard_at: When, by the monotonic clock.
        used_at: When somebody last came with it.
        cuts: What ends its running requests and streams.
    """

    key: contract.AccessKey
    state: contract.AccessState
    heard_at: float
    used_at: float
    cuts: set[Callable[[], None]] = field(default_factory=set[Callable[[], None]])

    @property
    def is_open(self) -> bool:
        """Whether it counts."""
        return self.state.verdict == OPEN

    @contextmanager
    def running(self, cut: Callable[[], None]) -> Generator[None]:
        """Something runs under it while the context lasts, and is cut off when it ends."""
        self.cuts.add(cut)
        try:
            yield
        finally:
            self.cuts.discard(cut)
            self.used_at = time.monotonic()


class Accesses:
    """What is known of accesses.

    Args:
        stub: Of a channel that carries this process's token.
        check_seconds: What is in use is asked for so often.
    """

    def __init__(self, stub: "AccessServiceAsyncStub", check_seconds: float) -> None:
        self._stub = stub
        self._check_seconds = check_seconds
        self._known: dict[bytes, Access] = {}
        self._gate = asyncio.Semaphore(_ABREAST)

    async def find(self, secret: str) -> Access | None:
        """The access of a cookie; None for what can be none.

        Raises:
            UnreachableError: The marketplace does not answer, and nothing recent is known.
        """
        key = key_of(secret)
        if key is None:
            return None
        known = self._known.get(key.digest)
        now = time.monotonic()
        if known is None or now - known.heard_at > 2 * self._check_seconds:
            known = await self._ask(key, known)
        known.used_at = now
        return known

    async def redeem(self, ticket: str, host: str) -> tuple[str, int, contract.AccessState]:
        """What a ticket buys: the secret, for how many seconds, and what it opens.

        Raises:
            SpentError: It opens nothing here.
            UnreachableError: The marketplace does not answer.
        """
        try:
            answer = await self._stub.RedeemTicket(contract.RedeemTicketRequest(ticket=ticket, host=host))
        except grpc.aio.AioRpcError as err:
            if err.code() in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}:
                raise SpentError from err
            raise UnreachableError from err
        return answer.secret, max(0, int(answer.expire_time.seconds - time.time())), answer.state

    async def end(self, access: Access) -> None:
        """End an access, and what runs under it.

        Raises:
            UnreachableError: The marketplace does not answer.
        """
        try:
            await self._stub.EndAccess(contract.EndAccessRequest(key=access.key))
        except grpc.aio.AioRpcError as err:
            raise UnreachableError from err
        self._hear(access, contract.AccessState(verdict=contract.AccessState.VERDICT_ENDED))

    async def look_again(self, access: Access) -> None:
        """Ask now: the app is not where it was."""
        access.heard_at = float("-inf")
        await self._ask(access.key, access)

    async def run(self) -> None:
        """Ask for ever for what is in use."""
        while True:
            await asyncio.sleep(self._check_seconds)
            await self.sweep()

    async def sweep(self) -> None:
        """Ask once for all that is in use, and forget the rest."""
        now = time.monotonic()
        for digest in [each for each, known in self._known.items() if _is_idle(known, now)]:
            del self._known[digest]
        used = list(self._known.values())
        for at in range(0, len(used), _AT_ONCE):
            part = used[at : at + _AT_ONCE]
            try:
                states = await self._check([each.key for each in part])
            except UnreachableError:
                self._doubt(part)
                continue
            for each, state in zip(part, states, strict=True):
                self._hear(each, state)

    async def _ask(self, key: contract.AccessKey, known: Access | None) -> Access:
        async with self._gate:
            # Others may have asked while this one waited.
            known = self._known.get(key.digest, known)
            if known is not None and time.monotonic() - known.heard_at <= self._check_seconds:
                return known
            try:
                (state,) = await self._check([key])
            except UnreachableError:
                if known is not None and time.monotonic() - known.heard_at <= _PATIENCE_SECONDS:
                    return known
                raise
        found = self._known.get(key.digest) or known or Access(key, state, 0.0, time.monotonic())
        self._hear(found, state)
        if found.is_open:
            # What strangers make up is not kept: they could fill the memory with it.
            self._known[key.digest] = found
        return found

    async def _check(self, keys: list[contract.AccessKey]) -> list[contract.AccessState]:
        try:
            answer = await self._stub.CheckAccesses(contract.CheckAccessesRequest(keys=keys))
        except grpc.aio.AioRpcError as err:
            _log.warning("accesses not asked for", error=err.details())
            raise UnreachableError from err
        return list(answer.states)

    def _hear(self, access: Access, state: contract.AccessState) -> None:
        access.state, access.heard_at = state, time.monotonic()
        if not access.is_open:
            _cut(access)

    def _doubt(self, accesses: list[Access]) -> None:
        for each in accesses:
            if time.monotonic() - each.heard_at > _PATIENCE_SECONDS:
                _cut(each)


def key_of(secret: str) -> contract.AccessKey | None:
    """What the marketplace knows a secret by; None for what can be no secret."""
    match = _SECRET.fullmatch(secret)
    if match is None:
        return None
    return contract.AccessKey(tenant=match[1], digest=hashlib.sha256(secret.encode()).digest())


def _cut(access: Access) -> None:
    for cut in list(access.cuts):
        cut()


def _is_idle(access: Access, now: float) -> bool:
    return not access.cuts and now - access.used_at > _IDLE_SECONDS
