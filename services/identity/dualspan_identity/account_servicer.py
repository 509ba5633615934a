"""AccountService: protobuf to domain and back."""

# ruff: noqa: N802 - the methods have the contract's names
from datetime import datetime
from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.identity.v1 import account_service_pb2 as contract
from dualspan.identity.v1.account_service_pb2_grpc import AccountServiceServicer
from dualspan_identity import conversion
from dualspan_identity.model import SESSION
from dualspan_identity.service.account import OwnAccount
from dualspan_runtime.context import current_principal
from dualspan_runtime.names import USER
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_RULES = PageRules()


class AccountServicer(AccountServiceServicer):
    """`dualspan.identity.v1.AccountService`.

    Args:
        own: The use cases.
        page_tokens: Makes page tokens.
    """

    def __init__(self, own: OwnAccount, page_tokens: PageTokens) -> None:
        self._own = own
        self._page_tokens = page_tokens

    async def GetAccount(self, request: contract.GetAccountRequest, context: Context) -> contract.Account:
        """Tells who calls."""
        return conversion.own_account_message(await self._own.get())

    async def ListSessions(
        self, request: contract.ListSessionsRequest, context: Context
    ) -> contract.ListSessionsResponse:
        """Gives a person's sessions."""
        names, size = USER.parse(request.parent), _RULES.size(request.page_size)
        query = ("ListSessions", request.parent)
        key = self._page_tokens.read(request.page_token, query)
        before = (datetime.fromisoformat(str(key[0])), str(key[1])) if key else None
        found = await self._own.page(names["tenant"], names["user"], before, size + 1)
        current = current_principal().session
        response = contract.ListSessionsResponse(
            sessions=[conversion.session_message(each, current) for each in found[:size]]
        )
        if len(found) > size:
            last = found[size - 1]
            response.next_page_token = self._page_tokens.write((last.created_at.isoformat(), last.session_id), query)
        return response

    async def EndSession(self, request: contract.EndSessionRequest, context: Context) -> Empty:
        """Ends a session."""
        names = SESSION.parse(request.name)
        await self._own.end(names["tenant"], names["user"], names["session"])
        return Empty()

    async def EndOtherSessions(
        self, request: contract.EndOtherSessionsRequest, context: Context
    ) -> contract.EndOtherSessionsResponse:
        """Ends a person's other sessions."""
        names = USER.parse(request.parent)
        return contract.EndOtherSessionsResponse(ended=await self._own.end_others(names["tenant"], names["user"]))
