"""Checking a demonstration that runs elsewhere, such as in containers, against the plants' own story."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from dualspan.historian.v1 import resources_pb2 as historian_resources
from dualspan_cli.demo.onboard import Onboarding, wait_for
from dualspan_cli.demo.plants import PLANTS, build_plants
from dualspan_cli.demo.verify import LatencyProbe, Verdict, check, committed_samples, open_gaps
from dualspan_cli.output import messages
from dualspan_cli.platform import FIRST_TENANT
from dualspan_cli.session import SERVICE_NAME, Access, Session, open_session
from dualspan_runtime.tokens import ServiceToken
from dualspan_sdk import AccessToken, Client, Endpoints

_WATCH_SECONDS = 25.0
_SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; `problems` is empty when everything held.

    Attributes:
        plants: That the platform has, of those that the demonstration is about.
        tags: Compared.
        samples_committed: Ever, by all of the tenant's gateways.
        compared: Samples that had to be there.
        lost: Of these, not stored.
        duplicated: Returned more than once.
        wrong: Stored with another value, or at a time when the plant sent nothing.
        gaps: Of the ledger, since then, that are not filled.
        latency_ms_p99: From a sample's own time to a live subscriber; None if none came.
        problems: In words.
    """

    plants: int
    tags: int
    samples_committed: int
    compared: int
    lost: int
    duplicated: int
    wrong: int
    gaps: int
    latency_ms_p99: float | None
    problems: tuple[str, ...]


async def check_elsewhere(access: Access, since: datetime | None, patience_seconds: float) -> Checked:
    """Lets data flow, and compares what queries return with what the plants have sent.

    Args:
        access: The platform's, as itself or as an administrator of the demonstration's tenant.
        since: From then on everything must be there; if None, from when this was asked.
        patience_seconds: Gaps may take so long to be filled.
    """
    async with open_session(access, FIRST_TENANT) as session, await _reader(session) as client:
        tags = await Onboarding(session, messages.print).until_active(lambda _settled, _total: None)
        probe = LatencyProbe(client, [tag.tag_id for tag in tags])
        begin_us = time.time_ns() // 1000
        since_us = int(since.timestamp() * 1e6) if since else begin_us
        listening = asyncio.create_task(probe.run(begin_us))
        await asyncio.sleep(_WATCH_SECONDS)
        until_us = time.time_ns() // 1000
        await asyncio.sleep(_SETTLE_SECONDS)
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        gaps = await _open_gaps(session, since_us, patience_seconds)
        verdict = await check(client, build_plants(), tags, since_us, until_us)
        known = {tag.server.rpartition("/")[2] for tag in tags} & set(PLANTS)
        return Checked(
            plants=len(known),
            tags=verdict.tags,
            samples_committed=await committed_samples(session),
            compared=verdict.compared,
            lost=verdict.lost,
            duplicated=verdict.duplicated,
            wrong=verdict.wrong,
            gaps=len(gaps),
            latency_ms_p99=probe.percentile_ms(99),
            problems=(*_problems(verdict, gaps, probe),),
        )


class _AsThePlatform:
    """Access tokens of whoever has the platform's secret, good for every tenant; this one is read."""

    def __init__(self, access: Access, tenant: str) -> None:
        self._tokens = ServiceToken(SERVICE_NAME, access.service_secret)
        self._tenant = tenant

    async def current(self) -> AccessToken:
        """One that is good for the next call."""
        return AccessToken(self._tokens.current(), self._tenant, math.inf)

    async def renewed(self, refused: AccessToken) -> AccessToken | None:
        """There is no other."""
        del refused


async def _reader(session: Session) -> Client:
    access, addresses = session.access, session.access.addresses
    endpoints = Endpoints(historian=addresses.historian, onboarding=addresses.onboarding, identity=addresses.identity)
    if access.service_secret:
        return await Client.with_credentials(endpoints, _AsThePlatform(access, session.tenant))
    return await Client.connect(endpoints, token=access.exchange_secret)


async def _open_gaps(session: Session, since_us: int, patience_seconds: float) -> list[historian_resources.Gap]:
    """What is left of the ledger when there was time to fill it."""
    found: list[historian_resources.Gap] = []

    async def is_filled() -> bool:
        found[:] = await open_gaps(session, since_us)
        return not found

    with suppress(TimeoutError):
        async with asyncio.timeout(patience_seconds):
            await wait_for("gaps to be filled", is_filled, patience_seconds + 1)
    return found


def _problems(verdict: Verdict, gaps: list[historian_resources.Gap], probe: LatencyProbe) -> list[str]:
    found = list(verdict.examples)
    if verdict.compared == 0:
        found.append("no sample could be compared")
    if probe.samples == 0:
        found.append("the live subscriber received nothing")
    for gap in gaps[:5]:
        cause = historian_resources.GapCause.Name(gap.cause)
        found.append(f"gap from {gap.start_time.ToJsonString()} to {gap.end_time.ToJsonString()}: {cause} {gap.detail}")
    return found
