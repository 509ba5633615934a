"""BillingService: monthly statements."""

# ruff: noqa: N802 - the contract's names

from datetime import UTC, datetime
from typing import Any

from dualspan.marketplace.v1 import billing_pb2 as contract
from dualspan.marketplace.v1 import billing_pb2_grpc
from dualspan_marketplace.names import BILLING_ACCOUNT, STATEMENT
from dualspan_marketplace.service.billing import Billing
from dualspan_marketplace.servicer.billing_mapping import (
    CURRENT,
    account_message,
    adjustment_message,
    read_form,
    read_language,
    read_number,
    statement_message,
)
from dualspan_marketplace.usage.files import Form, name_of
from dualspan_marketplace.usage.lines import Adjustment
from dualspan_marketplace.usage.statement import Statement
from dualspan_runtime.names import TENANT, check_slug
from dualspan_runtime.paging import PageRules, PageTokens

_PAGES = PageRules(default=24, maximum=100)
_MEDIA_TYPES = {Form.PDF: "application/pdf", Form.CSV: "text/csv; charset=utf-8"}


class BillingServicer(billing_pb2_grpc.BillingServiceServicer):
    """See the contract.

    Args:
        billing: Use cases.
        tokens: Makes page tokens.
    """

    def __init__(self, billing: Billing, tokens: PageTokens) -> None:
        self._billing = billing
        self._tokens = tokens

    async def GetBillingAccount(
        self, request: contract.GetBillingAccountRequest, context: Any
    ) -> contract.BillingAccount:
        """See the contract."""
        tenant = BILLING_ACCOUNT.parse(request.name)["tenant"]
        return account_message(tenant, await self._billing.account(tenant))

    async def UpdateBillingAccount(
        self, request: contract.UpdateBillingAccountRequest, context: Any
    ) -> contract.BillingAccount:
        """See the contract."""
        tenant = BILLING_ACCOUNT.parse(request.billing_account.name)["tenant"]
        return account_message(tenant, await self._billing.change_zone(tenant, request.billing_account.time_zone))

    async def ListStatements(
        self, request: contract.ListStatementsRequest, context: Any
    ) -> contract.ListStatementsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListStatements", tenant)
        key = self._tokens.read(request.page_token, query)
        found = await self._billing.page(tenant, int(key[0]) if key else None, size + 1)
        response = contract.ListStatementsResponse(
            statements=[statement_message(each, whole=False) for each in found[:size]]
        )
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].number,), query)
        return response

    async def GetStatement(self, request: contract.GetStatementRequest, context: Any) -> contract.Statement:
        """See the contract."""
        return statement_message(await self._statement(request.name), whole=True)

    async def DownloadStatement(
        self, request: contract.DownloadStatementRequest, context: Any
    ) -> contract.DownloadStatementResponse:
        """See the contract."""
        form, language = read_form(request.format), read_language(request.language)
        statement = await self._statement(request.name)
        return contract.DownloadStatementResponse(
            content=await self._billing.file(statement, language, form),
            media_type=_MEDIA_TYPES[form],
            file_name=name_of(statement, language, form),
        )

    async def CreateAdjustment(self, request: contract.CreateAdjustmentRequest, context: Any) -> contract.Adjustment:
        """See the contract."""
        about, given = STATEMENT.parse(request.parent), request.adjustment
        wanted = Adjustment(
            adjustment_id=check_slug(request.adjustment_id, "adjustment_id"),
            number=read_number(about["statement"]),
            subscription_id=given.subscription,
            amount=given.amount.minor_units,
            currency=given.amount.currency,
            reason=given.reason,
            create_time=datetime.now(UTC),
        )
        return adjustment_message(about["tenant"], await self._billing.adjust(about["tenant"], wanted))

    async def _statement(self, name: str) -> Statement:
        parts = STATEMENT.parse(name)
        if parts["statement"] == CURRENT:
            return await self._billing.current(parts["tenant"])
        return await self._billing.get(parts["tenant"], read_number(parts["statement"]))
