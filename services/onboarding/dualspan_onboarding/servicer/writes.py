"""WriteService: guards and write commands."""

# ruff: noqa: N802 - the contract's names

from datetime import datetime
from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.onboarding.v1 import writes_pb2, writes_pb2_grpc
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.names import parse_tenant
from dualspan_onboarding.service.write_guards import WriteGuards
from dualspan_onboarding.service.writing import Request, Writing
from dualspan_onboarding.writes.codec import command_message, guard, guard_message, span, work
from dualspan_onboarding.writes.model import CommandQuery, GuardName, WriteCommandName, WriteState
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_FEW = PageRules(default=100, maximum=1000)


def _state(value: int) -> WriteState | None:
    try:
        return WriteState(value) if value else None
    except ValueError as err:
        raise malformed("UNKNOWN_STATE", "state", "state is none that is known.") from err


class WriteServicer(writes_pb2_grpc.WriteServiceServicer):
    """Answers people who write to machines.

    Args:
        guards: Use cases around guards.
        writing: Use cases around commands.
        tokens: Where a list goes on.
    """

    def __init__(self, guards: WriteGuards, writing: Writing, tokens: PageTokens) -> None:
        self._guards = guards
        self._writing = writing
        self._tokens = tokens

    async def UpdateWriteGuard(
        self, request: writes_pb2.UpdateWriteGuardRequest, context: Context
    ) -> writes_pb2.WriteGuard:
        """See the contract."""
        stated = guard(request.write_guard)
        return guard_message(await self._guards.update(stated, allow_missing=request.allow_missing))

    async def GetWriteGuard(self, request: writes_pb2.GetWriteGuardRequest, context: Context) -> writes_pb2.WriteGuard:
        """See the contract."""
        return guard_message(await self._guards.get(GuardName.parse(request.name)))

    async def ListWriteGuards(
        self, request: writes_pb2.ListWriteGuardsRequest, context: Context
    ) -> writes_pb2.ListWriteGuardsResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _FEW.size(request.page_size)
        query = ("ListWriteGuards", tenant)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._guards.page(tenant, str(after), size + 1)
        response = writes_pb2.ListWriteGuardsResponse(write_guards=[guard_message(each) for each in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].name.guard,), query)
        return response

    async def DeleteWriteGuard(self, request: writes_pb2.DeleteWriteGuardRequest, context: Context) -> Empty:
        """See the contract."""
        await self._guards.delete(GuardName.parse(request.name))
        return Empty()

    async def CreateWriteCommand(
        self, request: writes_pb2.CreateWriteCommandRequest, context: Context
    ) -> writes_pb2.WriteCommand:
        """See the contract."""
        stated, tenant = request.write_command, parse_tenant(request.parent)
        name = GuardName.parse(stated.guard)
        if name.tenant != tenant:
            raise malformed("FOREIGN_NAME", "write_command.guard", "The guard must be the parent's.")
        wanted = Request(
            guard=name,
            work=work(stated),
            reason=stated.reason,
            request_id=request.request_id,
            lifetime=span(request.lifetime) if request.HasField("lifetime") else None,
        )
        return command_message(await self._writing.request(wanted))

    async def ApproveWriteCommand(
        self, request: writes_pb2.ApproveWriteCommandRequest, context: Context
    ) -> writes_pb2.WriteCommand:
        """See the contract."""
        return command_message(await self._writing.approve(WriteCommandName.parse(request.name), request.comment))

    async def RejectWriteCommand(
        self, request: writes_pb2.RejectWriteCommandRequest, context: Context
    ) -> writes_pb2.WriteCommand:
        """See the contract."""
        return command_message(await self._writing.reject(WriteCommandName.parse(request.name), request.comment))

    async def CancelWriteCommand(
        self, request: writes_pb2.CancelWriteCommandRequest, context: Context
    ) -> writes_pb2.WriteCommand:
        """See the contract."""
        return command_message(await self._writing.cancel(WriteCommandName.parse(request.name)))

    async def GetWriteCommand(
        self, request: writes_pb2.GetWriteCommandRequest, context: Context
    ) -> writes_pb2.WriteCommand:
        """See the contract."""
        return command_message(await self._writing.get(WriteCommandName.parse(request.name)))

    async def ListWriteCommands(
        self, request: writes_pb2.ListWriteCommandsRequest, context: Context
    ) -> writes_pb2.ListWriteCommandsResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _FEW.size(request.page_size)
        wanted = CommandQuery(_state(request.state), GuardName.parse(request.guard) if request.guard else None)
        query = ("ListWriteCommands", tenant, request.state, request.guard)
        key = self._tokens.read(request.page_token, query)
        before = None if key is None else (datetime.fromisoformat(str(key[0])), str(key[1]))
        found = await self._writing.page(tenant, wanted, before, size + 1)
        response = writes_pb2.ListWriteCommandsResponse(write_commands=[command_message(each) for each in found[:size]])
        if len(found) > size:
            last = found[size - 1]
            key = (last.created_at.isoformat(), str(last.name.uid))
            response.next_page_token = self._tokens.write(key, query)
        return response
