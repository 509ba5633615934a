"""Guarded writes, on a real database: who may, what passes, and that it is sent once."""

import asyncio
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan.onboarding.v1.writes_pb2 import WriteOutcome, WriteValue
from dualspan_onboarding.commands import CommandNews
from dualspan_onboarding.model import Session
from dualspan_onboarding.names import ServerName, TagName
from dualspan_onboarding.service.write_guards import WriteGuards
from dualspan_onboarding.service.writing import Request, Writing
from dualspan_onboarding.writes.model import (
    CommandQuery,
    Guard,
    GuardName,
    GuardRules,
    Limits,
    MachineMode,
    MethodTarget,
    Work,
    WriteCommand,
    WriteState,
)
from dualspan_runtime.context import set_call
from dualspan_runtime.errors import (
    AlreadyExists,
    DomainError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
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
class Plant:
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


@pytest.fixture
async def plant(use_cases: UseCases) -> Plant:
    session, server = await use_cases.plant([variable(n) for n in range(3)])
    accepted = await use_cases.tagging.accept(server, everything())
    return Plant(
        use_cases,
        WriteGuards(use_cases.database),
        Writing(use_cases.database, use_cases.commands),
        session,
        server,
        accepted.tag_ids,
    )


async def test_nothing_can_be_written_without_a_guard_that_is_enabled(plant: Plant) -> None:
    with pytest.raises(NotFound, match="WRITE_GUARD_NOT_FOUND"):
        await plant.ask()
    await plant.guard(enabled=False)
    with pytest.raises(FailedPrecondition, match="WRITE_GUARD_DISABLED"):
        await plant.ask()
    assert await plant.sent() == []


async def test_a_write_goes_to_the_gateway_once_with_all_that_it_checks_again(plant: Plant) -> None:
    mode = MachineMode(TagName("acme", plant.tags[1]), (Decimal(3), Decimal(5)))
    limits = Limits(Decimal(10), Decimal(90), maximum_step=Decimal("2.5"))
    await plant.guard(rules=GuardRules(limits, mode=mode, tolerance=Decimal("0.1")))
    asked = await plant.ask(Decimal("50.25"))
    (command,) = await plant.sent()
    assert not command.repeatable
    write = command.write
    assert (write.server, write.node_id, write.value.number) == ("press-1", variable(0).node_id, "50.25")
    assert (write.check.limits[0].minimum, write.check.limits[0].maximum_step, write.tolerance) == ("10", "2.5", "0.1")
    assert (write.check.mode_server, write.check.mode_node_id) == ("press-1", variable(1).node_id)
    assert [value.number for value in write.check.mode_values] == ["3", "5"]
    assert await plant.sent() == []
    after = WriteValue(number="50.25")
    await plant.answer(command, result=WriteOutcome.RESULT_EXECUTED, matches=True, after=after)
    kept = await plant.writing.get(asked.name)
    assert kept.state is WriteState.SUCCEEDED
    assert WriteOutcome.FromString(kept.outcome or b"").after == after
    assert await plant.audited() == [
        "write_guard.update users/bob",
        "write.request users/ann",
        "write.send users/ann",
        "write.outcome gateways/g1",
    ]


@pytest.mark.parametrize(
    ("wanted", "value", "passes"),
    [
        (Limits(Decimal(10), Decimal(90)), Decimal(10), True),
        (Limits(Decimal(10), Decimal(90)), Decimal("90.0000000000000000001"), False),
        (Limits(Decimal(10)), Decimal("9.99"), False),
        (Limits(allowed=(Decimal(1), Decimal(2))), Decimal("2.0"), True),
        (Limits(allowed=(Decimal(1), Decimal(2))), Decimal(3), False),
        (Limits(allowed=(Decimal(1),)), True, False),
        (Limits(allowed=("AUTO",)), "AUTO", True),
        (Limits(allowed=("AUTO",)), "auto", False),
        (Limits(Decimal(1)), "5", False),
        (Limits(), "anything", True),
    ],
)
async def test_only_what_the_limits_allow_passes(plant: Plant, wanted: Limits, value: object, passes: bool) -> None:
    await plant.guard(rules=GuardRules(wanted))
    if passes:
        assert (await plant.ask(value)).state is WriteState.QUEUED
    else:
        with pytest.raises(FailedPrecondition, match="VALUE_REFUSED"):
            await plant.ask(value)
    assert len(await plant.sent()) == int(passes)


async def test_a_second_person_decides_and_never_the_first(plant: Plant) -> None:
    await plant.guard(needs_approval=True)
    asked = await plant.ask()
    assert asked.state is WriteState.PENDING_APPROVAL
    assert await plant.notices() == ["WRITE_NEEDS_APPROVAL"]
    assert await plant.sent() == []
    service = Principal(PrincipalKind.SERVICE, "services/console")
    for nobody in (ANN, TOKEN, service, ANONYMOUS):
        with pytest.raises(PermissionDenied, match="SECOND_PERSON_MISSING"), acting(nobody):
            await plant.writing.approve(asked.name, "")
    with acting(BOB):
        approved = await plant.writing.approve(asked.name, "looked at it")
    assert (approved.state, approved.decider, approved.comment) == (WriteState.QUEUED, "users/bob", "looked at it")
    assert await plant.notices() == []
    assert len(await plant.sent()) == 1
    with pytest.raises(FailedPrecondition, match="WRITE_NOT_PENDING"), acting(BOB):
        await plant.writing.approve(asked.name, "")


async def test_a_program_cannot_ask_for_what_two_people_must_agree_on(plant: Plant) -> None:
    await plant.guard(needs_approval=True)
    with pytest.raises(PermissionDenied, match="WRITES_NEED_A_PERSON"):
        await plant.ask(who=TOKEN)
    await plant.guard(needs_approval=False)
    assert (await plant.ask(who=TOKEN)).state is WriteState.QUEUED


async def test_ten_people_approving_at_once_send_it_once(plant: Plant) -> None:
    await plant.guard(needs_approval=True)
    asked = await plant.ask()

    async def approve(number: int) -> bool:
        set_call(Principal(PrincipalKind.USER, f"users/p{number}", "acme"), "acme")
        try:
            await plant.writing.approve(asked.name, "")
        except FailedPrecondition:
            return False
        return True

    done = await asyncio.gather(*(asyncio.create_task(approve(number)) for number in range(10)))
    assert sum(done) == 1
    assert len(await plant.sent()) == 1


@pytest.mark.parametrize(
    "change", [{"enabled": False}, {"rules": GuardRules(Limits(Decimal(60)))}, {"target": None}], ids=str
)
async def test_approval_passes_the_guard_as_it_is_then(plant: Plant, change: dict[str, Any]) -> None:
    await plant.guard(needs_approval=True)
    asked = await plant.ask()
    if "target" in change:
        await plant.use_cases.tagging.delete("acme", [plant.tag])
    else:
        await plant.guard(needs_approval=True, **change)
    with pytest.raises(DomainError), acting(BOB):
        await plant.writing.approve(asked.name, "")
    assert await plant.state(asked) is WriteState.PENDING_APPROVAL
    assert await plant.sent() == []


async def test_rejected_cancelled_and_expired_commands_are_never_sent(plant: Plant) -> None:
    await plant.guard(needs_approval=True)
    rejected, cancelled, expired = [await plant.ask() for _ in range(3)]
    with acting(BOB):
        assert (await plant.writing.reject(rejected.name, "too hot")).comment == "too hot"
    with acting(ANN):
        assert (await plant.writing.cancel(cancelled.name)).state is WriteState.CANCELLED
    async with plant.use_cases.database.transaction("acme") as connection:
        await connection.execute("UPDATE write_command SET expire_at = now() WHERE command_id = $1", expired.name.uid)
    with pytest.raises(FailedPrecondition, match="WRITE_EXPIRED"), acting(BOB):
        await plant.writing.approve(expired.name, "")
    await plant.writing.expire()
    assert await plant.state(expired) is WriteState.EXPIRED
    assert await plant.sent() == []
    assert await plant.notices() == []
    for ended in (rejected, cancelled, expired):
        with pytest.raises(FailedPrecondition, match="WRITE_NOT_PENDING"), acting(BOB):
            await plant.writing.approve(ended.name, "")


async def test_a_stream_that_is_lost_leaves_an_unknown_outcome_and_no_second_attempt(plant: Plant) -> None:
    await plant.guard()
    asked = await plant.ask()
    assert len(await plant.sent()) == 1
    await plant.use_cases.sessions.close(plant.session)
    again = await plant.use_cases.sessions.open(plant.session.gateway, "1.0", 0)
    assert await plant.use_cases.commands.orders(again) == []
    async with plant.use_cases.database.transaction("acme") as connection:
        await connection.execute("UPDATE command SET progressed_at = now() - interval '1 hour'")
    await plant.use_cases.commands.give_up_overdue()
    kept = await plant.writing.get(asked.name)
    assert (kept.state, "look at the machine" in kept.detail) == (WriteState.UNKNOWN, True)
    assert await plant.notices() == ["WRITE_TO_BE_LOOKED_AT"]
    assert await plant.use_cases.commands.orders(again) == []


async def test_a_gateway_that_comes_back_may_still_say_what_it_did(plant: Plant) -> None:
    await plant.guard()
    asked = await plant.ask()
    (command,) = await plant.sent()
    await plant.use_cases.sessions.close(plant.session)
    again = replace(plant, session=await plant.use_cases.sessions.open(plant.session.gateway, "1.0", 0))
    await again.answer(command, result=WriteOutcome.RESULT_EXECUTED, matches=True)
    assert await plant.state(asked) is WriteState.SUCCEEDED
    await again.answer(command, result=WriteOutcome.RESULT_REFUSED)
    assert await plant.state(asked) is WriteState.SUCCEEDED, "what has ended stays as it ended"


@pytest.mark.parametrize(
    ("outcome", "state", "notices"),
    [
        ({"result": WriteOutcome.RESULT_REFUSED, "detail": "the machine is in another mode"}, WriteState.FAILED, 0),
        ({"result": WriteOutcome.RESULT_EXECUTED, "matches": False}, WriteState.MISMATCHED, 1),
        ({"result": WriteOutcome.RESULT_UNKNOWN, "detail": "no answer"}, WriteState.UNKNOWN, 1),
        ({}, WriteState.UNKNOWN, 1),
        ({"result": 99, "detail": "a\x00b"}, WriteState.UNKNOWN, 1),
    ],
)
async def test_the_outcome_is_what_the_gateway_says(
    plant: Plant, outcome: dict[str, Any], state: WriteState, notices: int
) -> None:
    await plant.guard()
    asked = await plant.ask()
    (command,) = await plant.sent()
    await plant.answer(command, **outcome)
    assert await plant.state(asked) is state
    assert len(await plant.notices()) == notices


@pytest.mark.parametrize("error", ["the server does not answer in time", ""], ids=["words", "nothing"])
async def test_what_was_sent_and_ends_without_an_outcome_is_unknown(plant: Plant, error: str) -> None:
    await plant.guard()
    asked = await plant.ask()
    (command,) = await plant.sent()
    news = CommandNews(command.command_id, "", 50, done=True, cancelled=False, error=error, kind="", outcome=None)
    await plant.use_cases.commands.save(plant.session, news)
    kept = await plant.writing.get(asked.name)
    assert (kept.state, error in kept.detail) == (WriteState.UNKNOWN, True)
    assert await plant.notices() == ["WRITE_TO_BE_LOOKED_AT"]


@pytest.mark.parametrize(("told", "state"), [(True, WriteState.UNKNOWN), (False, WriteState.FAILED)])
async def test_a_server_that_is_deleted_leaves_in_doubt_what_its_gateway_was_told(
    plant: Plant, told: bool, state: WriteState
) -> None:
    await plant.guard()
    asked = await plant.ask()
    if told:
        assert len(await plant.sent()) == 1
    await plant.use_cases.servers.delete(plant.server)
    assert await plant.state(asked) is state
    assert await plant.notices() == ["WRITE_TO_BE_LOOKED_AT"] * int(told)


async def test_a_gateway_cannot_make_an_outcome_large(plant: Plant) -> None:
    await plant.guard()
    asked = await plant.ask()
    (command,) = await plant.sent()
    text, binary = WriteValue(text="a\x00" * 1_000_000), WriteValue(binary=b"x" * 1_000_000)
    digits = WriteValue(number="1" * 1_000_000)
    await plant.answer(
        command,
        result=WriteOutcome.RESULT_EXECUTED,
        matches=True,
        before=text,
        after=binary,
        machine_mode=digits,
        outputs=[text] * 60,
    )
    kept = (await plant.writing.get(asked.name)).outcome or b""
    assert 1000 < len(kept) < 200_000
    assert WriteOutcome.FromString(kept).before.text.startswith("a\N{REPLACEMENT CHARACTER}a")


async def test_the_same_request_is_one_command_and_another_is_refused(plant: Plant) -> None:
    await plant.guard()
    request_id = str(uuid.uuid4())
    first = await plant.ask(request_id=request_id)
    assert (await plant.ask(request_id=request_id.upper())).name == first.name
    assert len(await plant.sent()) == 1
    with pytest.raises(AlreadyExists, match="REQUEST_ID_REUSED"):
        await plant.ask(Decimal(51), request_id=request_id)
    assert (await plant.ask(request_id=request_id, who=BOB)).name != first.name, "ids are each caller's own"
    with pytest.raises(InvalidArgument, match="MALFORMED_REQUEST_ID"):
        await plant.ask(request_id="again")


async def test_without_a_gateway_nothing_is_kept(plant: Plant) -> None:
    await plant.guard()
    await plant.use_cases.sessions.close(plant.session)
    with pytest.raises(FailedPrecondition, match="GATEWAY_OFFLINE"):
        await plant.ask()
    assert await plant.writing.page("acme", CommandQuery(), None, 10) == []


async def test_a_method_is_called_with_arguments_within_their_limits(plant: Plant) -> None:
    target = MethodTarget(plant.server, "nsu=http://plant;s=Press", "nsu=http://plant;s=Press.Start")
    rules = GuardRules(argument_limits=(Limits(Decimal(1), Decimal(5)), Limits()))
    await plant.guard(target=target, rules=rules)
    with pytest.raises(FailedPrecondition, match="Argument 1"):
        await plant.ask(work=Work(arguments=(Decimal(6), "x")))
    with pytest.raises(InvalidArgument, match="ARGUMENTS_COUNT"):
        await plant.ask(work=Work(arguments=(Decimal(1),)))
    with pytest.raises(InvalidArgument, match="ARGUMENTS_MISSING"):
        await plant.ask(Decimal(1))
    await plant.ask(work=Work(arguments=(Decimal(2), "x")))
    (command,) = await plant.sent()
    call = command.call
    assert (call.object_id, call.method_id) == (target.object_id, target.method_id)
    assert (call.arguments[0].number, call.arguments[1].text, len(call.check.limits)) == ("2", "x", 2)


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"target": TagName("acme", 999_999)}, NotFound, "TAG_NOT_FOUND"),
        ({"target": TagName("rival", 1)}, InvalidArgument, "FOREIGN_NAME"),
        ({"lifetime": timedelta(days=2)}, InvalidArgument, "LIFETIME_OUT_OF_RANGE"),
        ({"rules": GuardRules(Limits(Decimal(2), Decimal(1)))}, InvalidArgument, "LIMITS_EMPTY"),
        ({"rules": GuardRules(Limits(maximum_step=Decimal(0)))}, InvalidArgument, "STEP_OUT_OF_RANGE"),
        ({"rules": GuardRules(argument_limits=(Limits(),))}, InvalidArgument, "NOT_FOR_TAGS"),
        ({"rules": GuardRules(mode=MachineMode(TagName("acme", 1), ()))}, InvalidArgument, "MODE_EMPTY"),
        (
            {"rules": GuardRules(mode=MachineMode(TagName("acme", 999_999), (Decimal(1),)))},
            NotFound,
            "TAG_NOT_FOUND",
        ),
    ],
)
async def test_a_guard_that_cannot_guard_is_refused(
    plant: Plant, changes: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        await plant.guard(**changes)


async def test_a_target_has_one_guard_which_stays_with_it(plant: Plant) -> None:
    await plant.guard()
    with pytest.raises(AlreadyExists, match="GUARD_EXISTS"):
        await plant.guard(name=GuardName("acme", "other"))
    with pytest.raises(FailedPrecondition, match="GUARD_TARGET_FIXED"):
        await plant.guard(target=TagName("acme", plant.tags[1]))
    with pytest.raises(NotFound, match="WRITE_GUARD_NOT_FOUND"), acting(BOB):
        await plant.guards.update(replace(await plant.guard(), name=GuardName("acme", "new")), allow_missing=False)


async def test_a_mode_of_another_gateway_cannot_be_asked_for(plant: Plant) -> None:
    gateway = await plant.use_cases.gateway(gateway="g2")
    server = await plant.use_cases.server(gateway, "press-9")
    session = await plant.use_cases.sessions.open(gateway, "1.0", 0)
    await plant.use_cases.browsed(session, server, [variable(7)])
    (tag_id,) = (await plant.use_cases.tagging.accept(server, everything())).tag_ids
    with pytest.raises(FailedPrecondition, match="MODE_ELSEWHERE"):
        await plant.guard(rules=GuardRules(mode=MachineMode(TagName("acme", tag_id), (Decimal(1),))))


async def test_removing_a_guard_cancels_what_waits_behind_it(plant: Plant) -> None:
    await plant.guard(needs_approval=True)
    asked = await plant.ask()
    with acting(BOB):
        await plant.guards.delete(GUARD)
    assert await plant.state(asked) is WriteState.CANCELLED
    assert await plant.notices() == []
    assert await plant.guards.page("acme", "", 10) == []


async def test_commands_are_listed_the_newest_first_and_stay_the_tenants_own(plant: Plant) -> None:
    await plant.guard(needs_approval=True)
    made = [await plant.ask(Decimal(20 + n)) for n in range(5)]
    listed = [each.name for each in await plant.writing.page("acme", CommandQuery(), None, 10)]
    assert listed == [each.name for each in reversed(made)]
    before = (made[2].created_at, str(made[2].name.uid))
    assert [each.name for each in await plant.writing.page("acme", CommandQuery(), before, 10)] == listed[3:]
    with acting(BOB):
        await plant.writing.reject(made[0].name, "")
    wanted = CommandQuery(WriteState.REJECTED, GUARD)
    assert [each.name for each in await plant.writing.page("acme", wanted, None, 10)] == [made[0].name]
    assert await plant.writing.page("rival", CommandQuery(), None, 10) == []
    with pytest.raises(NotFound):
        await plant.writing.get(replace(made[0].name, tenant="rival"))
