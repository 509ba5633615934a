"""What the services say: whether they serve, what waits in their queues, and how the gateways are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from redis.exceptions import RedisError

from dualspan.identity.v1.service_pb2 import ListTenantsRequest
from dualspan.onboarding.v1 import fleet_pb2 as fleet
from dualspan.onboarding.v1.fleet_pb2_grpc import FleetServiceStub
from dualspan.runtime.v1 import status_pb2 as status
from dualspan.runtime.v1.status_pb2_grpc import StatusServiceStub
from dualspan_cli.doctor.model import Finding, State
from dualspan_cli.local import accepts, grpc_ready
from dualspan_cli.session import Access, Session, all_pages, open_session
from dualspan_runtime.broker import BrokerError, connect_once, waiting_tasks

if TYPE_CHECKING:
    from dualspan.onboarding.v1.fleet_pb2_grpc import FleetServiceAsyncStub
    from dualspan.runtime.v1.status_pb2_grpc import StatusServiceAsyncStub

_WITH_QUEUE = ("historian", "analytics", "marketplace")
_MOST_WAITING = 1000
_SECONDS = 10.0


async def look_at_services(addresses: Mapping[str, str], console: str, logs: Path | None) -> list[Finding]:
    """Whether each service answers.

    Args:
        addresses: `host:port` by service.
        console: `host:port`; empty: unknown.
        logs: Folder of their logs, on one machine.
    """
    ready = await asyncio.gather(*(grpc_ready(address) for address in addresses.values()))
    found = [_service(name, addresses[name], is_ready, logs) for name, is_ready in zip(addresses, ready, strict=True)]
    if console:
        found.append(_service("console", console, await accepts(console), logs))
    return found


def _service(name: str, address: str, is_ready: bool, logs: Path | None) -> Finding:
    if is_ready:
        return Finding("service", name, State.WELL, f"It serves at {address}")
    last = _last_words(logs / f"{name}.log") if logs else ""
    said = f". Its log ends with: {last}" if last else ""
    advice = f"Look at the log of {name}" + (f" in {logs}." if logs else ", `kubectl logs` or `docker compose logs`.")
    return Finding("service", name, State.ERROR, f"It does not serve at {address}{said}", advice)


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    errors = [line for line in lines[-200:] if "critical" in line or "error" in line.casefold()]
    return (errors or lines or [""])[-1].strip()[:500]


async def look_at_redis(url: str) -> Finding:
    """Whether the broker answers and takes what it is given."""
    client = connect_once(url, seconds=3.0)
    try:
        told = await client.info("persistence")
    except (RedisError, OSError) as err:
        advice = "Is Redis running, and is DUALSPAN_REDIS_URL its address? Without it workers have nothing to do."
        return Finding("redis", "redis", State.ERROR, f"Redis does not answer: {err}", advice)
    finally:
        await client.aclose()
    failed = [name for name in ("aof_last_write_status", "rdb_last_bgsave_status") if told.get(name, "ok") != "ok"]
    if failed:
        advice = "Is its disk full? It takes no tasks until it can write."
        return Finding("redis", "redis", State.ERROR, f"Redis cannot write: {', '.join(failed)}", advice)
    return Finding("redis", "redis", State.WELL, "Redis answers")


async def look_at_rabbitmq(url: str) -> Finding:
    """Whether the broker lets us in and answers."""
    try:
        for queue in _WITH_QUEUE:
            await waiting_tasks(url, queue, seconds=3.0)
    except BrokerError as err:
        advice = (
            "Is RabbitMQ running, and has DUALSPAN_BROKER_URL its address, user, password and virtual host? Without it "
            "workers have nothing to do."
        )
        return Finding("broker", "rabbitmq", State.ERROR, f"RabbitMQ does not take us: {_plain(err)}", advice)
    return Finding("broker", "rabbitmq", State.WELL, "RabbitMQ answers")


def _plain(error: BrokerError) -> str:
    return " ".join(str(error).split()) or "it does not answer in time"


async def look_through_services(access: Access) -> list[Finding]:
    """Asks the services for what they know: queues and gateways. Needs the platform's secret or a platform's admin."""
    try:
        async with open_session(access) as session:
            return [*await _queues(session), *await _gateways(session)]
    except grpc.aio.AioRpcError as err:
        words = f"The services do not say how queues and gateways are: {err.details() or err.code().name}"
        if err.code() is grpc.StatusCode.UNAUTHENTICATED:
            advice = (
                "Is DUALSPAN_SERVICE_SECRET the platform's, and does this machine's clock agree with the platform's? "
                "Tokens of a minute are refused if it is off."
            )
            return [Finding("services", "", State.ERROR, words, advice)]
        return [Finding("services", "", State.UNKNOWN, words, "Mend the services that do not serve, then ask again.")]


async def _queues(session: Session) -> list[Finding]:
    channels = {
        "historian": session.historian_channel,
        "analytics": session.analytics_channel,
        "marketplace": session.marketplace_channel,
    }
    found: list[Finding] = []
    for name in _WITH_QUEUE:
        stub: StatusServiceAsyncStub = StatusServiceStub(channels[name])
        request = status.GetServiceStatusRequest(name=f"services/{name}/status")
        queue = (await stub.GetServiceStatus(request, timeout=_SECONDS)).queue
        found.append(_queue(name, queue))
    return found


def _queue(name: str, queue: status.TaskQueue) -> Finding:
    if queue.silent:
        advice = "Mend DUALSPAN_BROKER_URL where it is set, else DUALSPAN_REDIS_URL, or what runs there."
        return Finding("queue", name, State.ERROR, f"{name} does not reach what its tasks go through", advice)
    if queue.waiting > _MOST_WAITING:
        words = f"{queue.waiting} tasks wait for {name}'s worker"
        return Finding("queue", name, State.ERROR, words, "Does the worker run? Start more of them if it is busy.")
    return Finding("queue", name, State.WELL, f"{queue.waiting} tasks wait")


async def _gateways(session: Session) -> list[Finding]:
    tenants = await all_pages(session.identity.ListTenants, ListTenantsRequest(), lambda page: page.tenants)
    stub: FleetServiceAsyncStub = FleetServiceStub(session.onboarding_channel)
    found: list[Finding] = []
    for tenant in tenants:
        request = fleet.ListGatewayHealthRequest(parent=tenant.name)
        found += [_gateway(one) for one in await all_pages(stub.ListGatewayHealth, request, lambda page: page.gateways)]
    return found


def _gateway(one: fleet.FleetGateway) -> Finding:
    words = "; ".join(one.attention)
    if one.health == fleet.GATEWAY_HEALTH_FAILED:
        return Finding("gateway", one.gateway.name, State.ERROR, words, "Each of these says what to do.")
    if one.health == fleet.GATEWAY_HEALTH_ATTENTION:
        return Finding("gateway", one.gateway.name, State.WARNING, words, "Each of these says what to do.")
    return Finding("gateway", one.gateway.name, State.WELL, words or "It is well")
