"""TrustService: trust lists, the calendar of certificates, and the gateways' own."""

# ruff: noqa: N802 - the contract's names

import uuid
from typing import Any, TypeAlias

import grpc.aio
from google.longrunning.operations_pb2 import Operation
from google.protobuf.empty_pb2 import Empty

from dualspan.onboarding.v1 import trust_pb2, trust_pb2_grpc
from dualspan_onboarding.names import GatewayName, ServerName, TrustedCertificateName, parse_tenant
from dualspan_onboarding.service.calendar import Calendar
from dualspan_onboarding.service.push import TrustPushes
from dualspan_onboarding.service.trust import Trust
from dualspan_onboarding.servicer import trust_mapping as mapping
from dualspan_onboarding.trust_steps import trust_steps
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PAGES = PageRules(default=100, maximum=1000)


class TrustServicer(trust_pb2_grpc.TrustServiceServicer):
    """Answers for trust in both directions.

    Args:
        trust: Use cases around trust lists.
        calendar: Use cases around what ends when.
        pushes: Writes the trust lists of servers.
        tokens: Makes page tokens.
    """

    def __init__(self, trust: Trust, calendar: Calendar, pushes: TrustPushes, tokens: PageTokens) -> None:
        self._trust = trust
        self._calendar = calendar
        self._pushes = pushes
        self._tokens = tokens

    async def CreateTrustedCertificate(
        self, request: trust_pb2.CreateTrustedCertificateRequest, context: Context
    ) -> trust_pb2.TrustedCertificate:
        """See the contract."""
        tenant = parse_tenant(request.parent)
        return mapping.entry(await self._trust.add(tenant, mapping.new_trust(tenant, request.trusted_certificate)))

    async def GetTrustedCertificate(
        self, request: trust_pb2.GetTrustedCertificateRequest, context: Context
    ) -> trust_pb2.TrustedCertificate:
        """See the contract."""
        return mapping.entry(await self._trust.get(TrustedCertificateName.parse(request.name)))

    async def ListTrustedCertificates(
        self, request: trust_pb2.ListTrustedCertificatesRequest, context: Context
    ) -> trust_pb2.ListTrustedCertificatesResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _PAGES.size(request.page_size)
        query = ("ListTrustedCertificates", tenant)
        key = self._tokens.read(request.page_token, query)
        found = await self._trust.page(tenant, uuid.UUID(str(key[0])) if key else None, size + 1)
        response = trust_pb2.ListTrustedCertificatesResponse(
            trusted_certificates=[mapping.entry(one) for one in found[:size]]
        )
        if len(found) > size:
            response.next_page_token = self._tokens.write((str(found[size - 1].name.uid),), query)
        return response

    async def DeleteTrustedCertificate(
        self, request: trust_pb2.DeleteTrustedCertificateRequest, context: Context
    ) -> Empty:
        """See the contract."""
        await self._trust.remove(TrustedCertificateName.parse(request.name))
        return Empty()

    async def UpdateRevocationList(
        self, request: trust_pb2.UpdateRevocationListRequest, context: Context
    ) -> trust_pb2.TrustedCertificate:
        """See the contract."""
        name = TrustedCertificateName.parse(request.name)
        return mapping.entry(await self._trust.update_revocation_list(name, request.revocation_list))

    async def ListCertificates(
        self, request: trust_pb2.ListCertificatesRequest, context: Context
    ) -> trust_pb2.ListCertificatesResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _PAGES.size(request.page_size)
        query = ("ListCertificates", tenant)
        after = str((self._tokens.read(request.page_token, query) or ("",))[0])
        keyed = [(mapping.calendar_key(one), one) for one in await self._calendar.entries(tenant)]
        found = [pair for pair in keyed if pair[0] > after]
        response = trust_pb2.ListCertificatesResponse(certificates=[mapping.line(one) for _, one in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1][0],), query)
        return response

    async def GetApplicationCertificates(
        self, request: trust_pb2.GetApplicationCertificatesRequest, context: Context
    ) -> trust_pb2.GetApplicationCertificatesResponse:
        """See the contract."""
        name = GatewayName.parse(request.name)
        own, refusals = await self._calendar.application_certificates(name)
        return mapping.application_certificates(own, refusals, trust_steps(name.gateway))

    async def PushTrust(self, request: trust_pb2.PushTrustRequest, context: Context) -> Operation:
        """See the contract."""
        return await self._pushes.start(ServerName.parse(request.name), request.username, request.password)
