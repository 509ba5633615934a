"""A connected gateway whose tags are guarded, and the people who write to them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan.onboarding.v1.writes_pb2 import WriteOutcome
from dualspan_onboarding.commands import CommandNews
from dualspan_onboarding.model import Session
from dualspan_onboarding.names import ServerName, TagName
from dualspan_onboarding.service.write_guards import WriteGuards
from dualspan_onboarding.service.writing import Request, Writing
from dualspan_onboarding.writes.model import Guard, GuardName, GuardRules, Limits, Work, WriteCommand, WriteState
from dualspan_runtime.context import set_call
from dualspan_runtime.principal import ANONYMOUS, Principal, PrincipalKind
from harness.onboarding import UseCases, everything, variable

GUARD = GuardName("acme", "setpoint")
ANN, BOB = (Principal(PrincipalKind.USER, f"users/{name}", "acme") for name in ("ann", "bob"))
TOKEN = Principal(PrincipalKind.API_TOKEN, "apiTokens/ann-s", "acme")


@contextmanager
def acting(principal: Principal) -> Generator[None]:
    set_call(principal, "acme")
    try:
        yield
    finally:
        set_call(ANONYMOUS, "")


@dataclass(frozen=True)
class GuardedPlant:
    """A connected gateway whose tags are guarded."""

    use_cases: UseCases
    guards: WriteGuards
    writing: Writing
    session: Session
    server: ServerName
    tags: tuple[int, ...]

    @property
    def tag(self) -> TagName:
        return TagName("acme", self.tags[0])

    async def guard(self, **changes: Any) -> Guard:
        stated: dict[str, Any] = {
            "name": GUARD,
            "target": self.tag,
            "enabled": True,
            "needs_approval": False,
            "lifetime": timedelta(minutes=5),
            "rules": GuardRules(Limits(Decimal(10), Decimal(90))),
        }
        with acting(BOB):
            return await self.guards.update(Guard(**(stated | changes)), allow_missing=True)

    async def ask(self, value: object = Decimal(50), who: Principal = ANN, **changes: Any) -> WriteCommand:
        stated: dict[str, Any] = {
            "guard": GUARD,
            "work": Work(value=value),  # pyright: ignore[reportArgumentType]
            "reason": "warmer",
            "request_id": "",
            "lifetime": None,
        }
        with acting(who):
            return await self.writing.request(Request(**(stated | changes)))

    async def sent(self) -> list[ConnectResponse.Command]:
        """What the gateway's stream would send now."""
        return [response.command for response in await self.use_cases.commands.orders(self.session)]

    async def answer(self, command: ConnectResponse.Command, **outcome: Any) -> None:
        kind = command.WhichOneof("work") or ""
        news = CommandNews(
            command.command_id,
            "",
            100,
            done=True,
            cancelled=False,
            error="",
            kind=kind,
            outcome=WriteOutcome(**outcome),
        )
        await self.use_cases.commands.save(self.session, news)

    async def state(self, command: WriteCommand) -> WriteState:
        return (await self.writing.get(command.name)).state

    async def audited(self) -> list[str]:
        async with self.use_cases.database.transaction("acme") as connection:
            rows = await connection.fetch(
                "SELECT action, actor FROM audit_outbox WHERE action LIKE 'write%' ORDER BY created_at, action"
            )
        return [f"{row['action']} {row['actor']}" for row in rows]

    async def notices(self) -> list[str]:
        async with self.use_cases.database.transaction("acme") as connection:
            rows = await connection.fetch("SELECT kind FROM notice WHERE resolved_at IS NULL AND kind LIKE 'WRITE%'")
        return [row["kind"] for row in rows]


async def guarded_plant(use_cases: UseCases) -> GuardedPlant:
    """Three tags of a server, accepted and not guarded yet."""
    session, server = await use_cases.plant([variable(n) for n in range(3)])
    accepted = await use_cases.tagging.accept(server, everything())
    return GuardedPlant(
        use_cases,
        WriteGuards(use_cases.database),
        Writing(use_cases.database, use_cases.commands),
        session,
        server,
        accepted.tag_ids,
    )
