import asyncio
import time

import pytest

from dualspan_runtime.errors import DomainError, Unauthenticated, Unavailable
from dualspan_runtime.principal import Principal, PrincipalKind
from dualspan_runtime.streams import LiveStreams, check_credentials
from dualspan_runtime.supervision import keep_running, supervised
from dualspan_runtime.trust import Revocations, RevocationWatch


class _Trust:
    async def signing_keys(self) -> dict[str, str]:
        return {}

    async def revocations(self) -> Revocations:
        return Revocations(frozenset({"bad"}), frozenset({"tenants/acme/users/gone"}))

    async def gateway_ca(self) -> str:
        return ""

    async def sign_server_certificate(self, csr_pem: str, hosts: list[str]) -> str:
        return csr_pem + "".join(hosts)


REVOKED = Revocations(frozenset({"bad"}), frozenset({"tenants/acme/users/gone"}))


@pytest.mark.parametrize(
    ("principal", "reason"),
    [
        (Principal(PrincipalKind.GATEWAY, "gateways/g", "acme", serial="good", expires_at=101), None),
        (Principal(PrincipalKind.GATEWAY, "gateways/g", "acme", serial="bad"), "CERTIFICATE_REVOKED"),
        (Principal(PrincipalKind.GATEWAY, "gateways/g", "acme", serial="good", expires_at=100), "CREDENTIALS_EXPIRED"),
        (Principal(PrincipalKind.USER, "users/gone", "acme", expires_at=200), "PRINCIPAL_DISABLED"),
        (Principal(PrincipalKind.USER, "users/gone", "other", expires_at=200), None),
        (Principal(PrincipalKind.USER, "users/u", "acme", expires_at=99), "CREDENTIALS_EXPIRED"),
        # A service's token lives a minute; its streams go on, for it would mint the next one anyway.
        (Principal(PrincipalKind.SERVICE, "services/s", expires_at=99), None),
    ],
)
def test_when_credentials_no_longer_count(principal: Principal, reason: str | None) -> None:
    problem = check_credentials(principal, REVOKED, now=100.0)
    assert (None if problem is None else problem.reason) == reason


async def stream(streams: LiveStreams, principal: Principal) -> str:
    try:
        with streams.track(principal):
            await asyncio.sleep(30)
    except DomainError as error:
        return error.reason
    return "ended by itself"


async def test_a_sweep_ends_only_what_no_longer_counts() -> None:
    watch = RevocationWatch(_Trust())
    streams = LiveStreams(watch)
    forever = time.time() + 3600

    def begin(serial: str) -> "asyncio.Task[str]":
        gateway = Principal(PrincipalKind.GATEWAY, "gateways/g", "acme", expires_at=forever, serial=serial)
        return asyncio.create_task(stream(streams, gateway))

    good, bad = begin("good"), begin("bad")
    await asyncio.sleep(0)
    streams.sweep()
    await watch.refresh()
    streams.sweep()
    assert await bad == "CERTIFICATE_REVOKED"
    assert not good.done()
    streams.end_all(Unavailable("SERVER_STOPPING", "…"))
    assert await good == "SERVER_STOPPING"


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    streams = LiveStreams(RevocationWatch(_Trust()))
    task = asyncio.create_task(stream(streams, Principal(PrincipalKind.USER, "users/u", "a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_silence_keeps_what_is_known_in_force() -> None:
    class Silent(_Trust):
        async def revocations(self) -> Revocations:
            raise Unauthenticated("SILENT", "…")

    watch = RevocationWatch(_Trust())
    await watch.refresh()
    watch._trust = Silent()
    await watch.refresh()
    assert watch.current.serials == {"bad"}
    assert watch.is_known
    never = RevocationWatch(Silent())
    await never.refresh()
    assert not never.is_known


async def test_background_work_is_started_again_after_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dualspan_runtime.supervision._FIRST_PAUSE_SECONDS", 0.001)
    runs: list[int] = []
    third = asyncio.Event()

    async def work() -> None:
        runs.append(len(runs))
        if len(runs) == 3:
            third.set()
            await asyncio.sleep(30)
        if len(runs) == 1:
            raise ZeroDivisionError

    async with asyncio.timeout(5), supervised([work]):
        await third.wait()
    assert runs == [0, 1, 2]


async def test_cancelling_ends_supervised_work() -> None:
    async def work() -> None:
        await asyncio.sleep(30)

    task = asyncio.create_task(keep_running(work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
