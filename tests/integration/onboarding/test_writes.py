"""Guarded writes, on a real database: who may, who decides, and that each is sent once."""

import asyncio
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from integration.onboarding.guarded import ANN, BOB, GUARD, TOKEN, GuardedPlant, acting, guarded_plant

from dualspan.onboarding.v1.writes_pb2 import WriteOutcome, WriteValue
from dualspan_onboarding.commands import CommandNews
from dualspan_onboarding.names import TagName
from dualspan_onboarding.writes.model import CommandQuery, GuardRules, Limits, MachineMode, WriteState
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
from harness.onboarding import UseCases, variable


@pytest.fixture
async def plant(use_cases: UseCases) -> GuardedPlant:
    return await guarded_plant(use_cases)


async def test_a_write_goes_to_the_gateway_once_with_all_that_it_checks_again(plant: GuardedPlant) -> None:
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


async def test_a_second_person_decides_and_never_the_first(plant: GuardedPlant) -> None:
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


async def test_a_program_cannot_ask_for_what_two_people_must_agree_on(plant: GuardedPlant) -> None:
    await plant.guard(needs_approval=True)
    with pytest.raises(PermissionDenied, match="WRITES_NEED_A_PERSON"):
        await plant.ask(who=TOKEN)
    await plant.guard(needs_approval=False)
    assert (await plant.ask(who=TOKEN)).state is WriteState.QUEUED


async def test_ten_people_approving_at_once_send_it_once(plant: GuardedPlant) -> None:
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
async def test_approval_passes_the_guard_as_it_is_then(plant: GuardedPlant, change: dict[str, Any]) -> None:
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


async def test_rejected_cancelled_and_expired_commands_are_never_sent(plant: GuardedPlant) -> None:
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


async def test_what_ended_long_ago_is_forgotten_and_nothing_else(plant: GuardedPlant) -> None:
    await plant.guard(needs_approval=True)
    old, recent, waiting = [await plant.ask() for _ in range(3)]
    with acting(ANN):
        for ended in (old, recent):
            await plant.writing.cancel(ended.name)
    async with plant.use_cases.database.transaction("acme") as connection:
        for ended, days in ((old, 401), (recent, 399)):
            await connection.execute(
                "UPDATE write_command SET ended_at = now() - $2::integer * interval '1 day' WHERE command_id = $1",
                ended.name.uid,
                days,
            )
        await connection.execute("UPDATE write_command SET created_at = now() - interval '500 days'")
    await plant.writing.forget_old()
    assert {await plant.state(recent), await plant.state(waiting)} == {
        WriteState.CANCELLED,
        WriteState.PENDING_APPROVAL,
    }
    with pytest.raises(NotFound):
        await plant.writing.get(old.name)
    assert (await plant.audited()).count("write.cancel users/ann") == 2, "the audit log still has it"


async def test_a_stream_that_is_lost_leaves_an_unknown_outcome_and_no_second_attempt(plant: GuardedPlant) -> None:
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


async def test_a_gateway_that_comes_back_may_still_say_what_it_did(plant: GuardedPlant) -> None:
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
    plant: GuardedPlant, outcome: dict[str, Any], state: WriteState, notices: int
) -> None:
    await plant.guard()
    asked = await plant.ask()
    (command,) = await plant.sent()
    await plant.answer(command, **outcome)
    assert await plant.state(asked) is state
    assert len(await plant.notices()) == notices


@pytest.mark.parametrize("error", ["the server does not answer in time", ""], ids=["words", "nothing"])
async def test_what_was_sent_and_ends_without_an_outcome_is_unknown(plant: GuardedPlant, error: str) -> None:
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
    plant: GuardedPlant, told: bool, state: WriteState
) -> None:
    await plant.guard()
    asked = await plant.ask()
    if told:
        assert len(await plant.sent()) == 1
    await plant.use_cases.servers.delete(plant.server)
    assert await plant.state(asked) is state
    assert await plant.notices() == ["WRITE_TO_BE_LOOKED_AT"] * int(told)


async def test_a_gateway_cannot_make_an_outcome_large(plant: GuardedPlant) -> None:
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


async def test_the_same_request_is_one_command_and_another_is_refused(plant: GuardedPlant) -> None:
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


async def test_without_a_gateway_nothing_is_kept(plant: GuardedPlant) -> None:
    await plant.guard()
    await plant.use_cases.sessions.close(plant.session)
    with pytest.raises(FailedPrecondition, match="GATEWAY_OFFLINE"):
        await plant.ask()
    assert await plant.writing.page("acme", CommandQuery(), None, 10) == []


async def test_commands_are_listed_the_newest_first_and_stay_the_tenants_own(plant: GuardedPlant) -> None:
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
