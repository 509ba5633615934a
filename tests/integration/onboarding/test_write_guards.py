"""Write guards, on a real database: what passes them, and which cannot be made."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from integration.onboarding.guarded import BOB, GUARD, GuardedPlant, acting, guarded_plant

from dualspan_onboarding.names import TagName
from dualspan_onboarding.writes.model import GuardName, GuardRules, Limits, MachineMode, MethodTarget, Work, WriteState
from dualspan_runtime.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from harness.onboarding import UseCases, everything, variable


@pytest.fixture
async def plant(use_cases: UseCases) -> GuardedPlant:
    return await guarded_plant(use_cases)


async def test_nothing_can_be_written_without_a_guard_that_is_enabled(plant: GuardedPlant) -> None:
    with pytest.raises(NotFound, match="WRITE_GUARD_NOT_FOUND"):
        await plant.ask()
    await plant.guard(enabled=False)
    with pytest.raises(FailedPrecondition, match="WRITE_GUARD_DISABLED"):
        await plant.ask()
    assert await plant.sent() == []


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
async def test_only_what_the_limits_allow_passes(
    plant: GuardedPlant, wanted: Limits, value: object, passes: bool
) -> None:
    await plant.guard(rules=GuardRules(wanted))
    if passes:
        assert (await plant.ask(value)).state is WriteState.QUEUED
    else:
        with pytest.raises(FailedPrecondition, match="VALUE_REFUSED"):
            await plant.ask(value)
    assert len(await plant.sent()) == int(passes)


async def test_a_method_is_called_with_arguments_within_their_limits(plant: GuardedPlant) -> None:
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
    plant: GuardedPlant, changes: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        await plant.guard(**changes)


async def test_a_target_has_one_guard_which_stays_with_it(plant: GuardedPlant) -> None:
    await plant.guard()
    with pytest.raises(AlreadyExists, match="GUARD_EXISTS"):
        await plant.guard(name=GuardName("acme", "other"))
    with pytest.raises(FailedPrecondition, match="GUARD_TARGET_FIXED"):
        await plant.guard(target=TagName("acme", plant.tags[1]))
    with pytest.raises(NotFound, match="WRITE_GUARD_NOT_FOUND"), acting(BOB):
        await plant.guards.update(replace(await plant.guard(), name=GuardName("acme", "new")), allow_missing=False)


async def test_a_mode_of_another_gateway_cannot_be_asked_for(plant: GuardedPlant) -> None:
    gateway = await plant.use_cases.gateway(gateway="g2")
    server = await plant.use_cases.server(gateway, "press-9")
    session = await plant.use_cases.sessions.open(gateway, "1.0", 0)
    await plant.use_cases.browsed(session, server, [variable(7)])
    (tag_id,) = (await plant.use_cases.tagging.accept(server, everything())).tag_ids
    with pytest.raises(FailedPrecondition, match="MODE_ELSEWHERE"):
        await plant.guard(rules=GuardRules(mode=MachineMode(TagName("acme", tag_id), (Decimal(1),))))


async def test_removing_a_guard_cancels_what_waits_behind_it(plant: GuardedPlant) -> None:
    await plant.guard(needs_approval=True)
    asked = await plant.ask()
    with acting(BOB):
        await plant.guards.delete(GUARD)
    assert await plant.state(asked) is WriteState.CANCELLED
    assert await plant.notices() == []
    assert await plant.guards.page("acme", "", 10) == []
