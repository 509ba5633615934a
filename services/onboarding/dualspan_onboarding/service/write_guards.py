"""Guards: made, changed and removed by those who answer for the machines."""

from collections.abc import Sequence

from dualspan_onboarding.errors import malformed
from dualspan_onboarding.errors.writes import (
    guard_target_fixed,
    guard_target_taken,
    guard_unknown,
    mode_elsewhere,
)
from dualspan_onboarding.model import Tag
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.rules import check_node_id
from dualspan_onboarding.sampling import WHOLE_VALUE
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.servers import found_server
from dualspan_onboarding.service.write_orders import found_tag
from dualspan_onboarding.store import writes
from dualspan_onboarding.store.notices import resolve_notice
from dualspan_onboarding.writes.model import Guard, GuardName, Limits, MethodTarget, WriteState, shown
from dualspan_onboarding.writes.rules import check_guard
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.names import check_slug


async def guarded_server(connection: Connection, guard: Guard) -> ServerName:
    """The server of a guard's target.

    Raises:
        NotFound: The tag or the server is gone.
        InvalidArgument: The tag is not a whole value.
    """
    if isinstance(guard.target, MethodTarget):
        return (await found_server(connection, guard.target.server)).name
    tag = await found_tag(connection, guard.target)
    if tag.address != WHOLE_VALUE:
        raise malformed("TAG_IS_A_PART", "tag", "Only whole values can be written, not fields, elements or events.")
    return tag.server


async def mode_tag(connection: Connection, guard: Guard) -> Tag | None:
    """The tag that has the machine's mode; None if any mode will do.

    Raises:
        NotFound: It is gone: then nothing is written.
        FailedPrecondition: It is of another gateway.
    """
    mode = guard.rules.mode
    if mode is None:
        return None
    tag = await found_tag(connection, mode.tag)
    server = await guarded_server(connection, guard)
    if tag.server.parent != server.parent:
        raise mode_elsewhere(mode.tag)
    return tag


def _limits(limits: Limits) -> str:
    parts = {
        "from": limits.minimum,
        "to": limits.maximum,
        "step": limits.maximum_step,
        "of": shown(limits.allowed) or None,
    }
    return " ".join(f"{word} {value}" for word, value in parts.items() if value is not None)


def _details(guard: Guard) -> dict[str, str]:
    rules = guard.rules
    target = guard.target
    return {
        "target": f"{target.object_id} {target.method_id}" if isinstance(target, MethodTarget) else str(target),
        "enabled": str(guard.enabled).lower(),
        "needs_approval": str(guard.needs_approval).lower(),
        "limits": "; ".join(_limits(each) for each in rules.argument_limits) or _limits(rules.limits),
        "machine_mode": "" if rules.mode is None else f"{rules.mode.tag} in {shown(rules.mode.allowed)}",
    }


class WriteGuards:
    """The use cases around guards.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def update(self, guard: Guard, *, allow_missing: bool) -> Guard:
        """Make a guard, or change all of it but its target.

        Raises:
            InvalidArgument: Something of it is malformed.
            NotFound: There is no such guard, and it may not be made; or its tag, server or mode is not there.
            FailedPrecondition: It guards something else, or the mode is of another gateway.
            AlreadyExists: Another guard has the target.
        """
        check_guard(guard)
        check_slug(guard.name.guard, "write_guard.name")
        _check_target(guard)
        async with self._database.transaction(guard.name.tenant) as connection:
            old = await writes.find_guard(connection, guard.name, hold=True)
            if old is None and not allow_missing:
                raise guard_unknown(guard.name)
            if old is not None and old.target != guard.target:
                raise guard_target_fixed(guard.name)
            server = await guarded_server(connection, guard)
            await mode_tag(connection, guard)
            if not await writes.save_guard(connection, guard, server, current_principal().actor):
                raise guard_target_taken()
            await audit(connection, guard.name.tenant, "write_guard.update", guard.name, **_details(guard))
            return await self._found(connection, guard.name)

    async def get(self, name: GuardName) -> Guard:
        """One guard; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            return await self._found(connection, name)

    async def page(self, tenant: str, after: str, limit: int) -> Sequence[Guard]:
        """The guards after an id, in order of it."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await writes.page_of_guards(connection, tenant, after, limit)

    async def delete(self, name: GuardName) -> None:
        """Remove a guard and cancel what waits behind it; raises NotFound."""
        actor = current_principal().actor
        async with self._database.transaction(name.tenant) as connection:
            guard = await self._found(connection, name)
            for command in await writes.pending_of_guard(connection, name):
                await writes.decide(connection, command, WriteState.CANCELLED, actor, "The guard was removed.")
                await resolve_notice(connection, name.tenant, "WRITE_NEEDS_APPROVAL", command.name)
            await writes.delete_guard(connection, name)
            await audit(connection, name.tenant, "write_guard.delete", name, **_details(guard))

    @staticmethod
    async def _found(connection: Connection, name: GuardName) -> Guard:
        guard = await writes.find_guard(connection, name)
        if guard is None:
            raise guard_unknown(name)
        return guard


def _check_target(guard: Guard) -> None:
    target = guard.target
    tenant = target.server.tenant if isinstance(target, MethodTarget) else target.tenant
    modes = [] if guard.rules.mode is None else [guard.rules.mode.tag.tenant]
    if {tenant, *modes} != {guard.name.tenant}:
        raise malformed("FOREIGN_NAME", "write_guard", "Target and mode must be of the guard's tenant.")
    if isinstance(target, MethodTarget):
        check_node_id(target.object_id, "method.object_id")
        check_node_id(target.method_id, "method.method_id")
