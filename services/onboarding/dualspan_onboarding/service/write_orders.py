"""A write command as its gateway is told, with all that the gateway checks again."""

from datetime import UTC, datetime, timedelta

from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan.onboarding.v1.writes_pb2 import MethodCall, VariableWrite, WriteCheck
from dualspan_onboarding.errors.browsing import tag_unknown
from dualspan_onboarding.model import Tag
from dualspan_onboarding.names import TagName
from dualspan_onboarding.service.commands import Work
from dualspan_onboarding.store import tags
from dualspan_onboarding.writes.codec import limits_message, value_message
from dualspan_onboarding.writes.model import Guard, MethodTarget, WriteCommand
from dualspan_runtime.database import Connection


async def found_tag(connection: Connection, name: TagName) -> Tag:
    """A tag within a transaction; raises NotFound."""
    tag = await tags.find(connection, name)
    if tag is None:
        raise tag_unknown(name)
    return tag


def _check(guard: Guard, mode: Tag | None) -> WriteCheck:
    rules = guard.rules
    limits = rules.argument_limits if isinstance(guard.target, MethodTarget) else (rules.limits,)
    check = WriteCheck(limits=[limits_message(each) for each in limits])
    if mode is not None and rules.mode is not None:
        check.mode_server, check.mode_node_id = mode.server.server, mode.node_id
        check.mode_values.extend(value_message(value) for value in rules.mode.allowed)
    return check


async def order(connection: Connection, guard: Guard, command: WriteCommand, mode: Tag | None) -> Work:
    """What the gateway is to do: once, and not after the command's time.

    Raises:
        NotFound: The tag is gone.
    """
    request = ConnectResponse.Command()
    if isinstance(guard.target, MethodTarget):
        request.call.CopyFrom(
            MethodCall(
                server=command.server.server,
                object_id=guard.target.object_id,
                method_id=guard.target.method_id,
                arguments=[value_message(value) for value in command.work.arguments or ()],
                check=_check(guard, mode),
            )
        )
    elif command.work.value is not None:
        tag = await found_tag(connection, guard.target)
        request.write.CopyFrom(
            VariableWrite(
                server=tag.server.server,
                node_id=tag.node_id,
                value=value_message(command.work.value),
                check=_check(guard, mode),
                tolerance=str(guard.rules.tolerance),
            )
        )
    return Work(
        request,
        server=command.server.server,
        repeatable=False,
        lifetime=max(command.expire_at - datetime.now(UTC), timedelta()),
        reference=str(command.name.uid),
    )
