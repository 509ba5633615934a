"""NoticeService: what people have to look at."""

# ruff: noqa: N802 - the contract's names

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import grpc.aio

from dualspan.onboarding.v1 import notice_pb2, notice_pb2_grpc
from dualspan_onboarding.names import NoticeName, parse_tenant
from dualspan_onboarding.notices import GatewayNotice, Notice, NoticeCursor, NoticeQuery, Severity
from dualspan_onboarding.service.notices import Notices
from dualspan_onboarding.servicer.spans import timestamp
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PAGES = PageRules(default=100, maximum=1000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATES = {
    (False, False): notice_pb2.NOTICE_STATE_OPEN,
    (True, False): notice_pb2.NOTICE_STATE_ACKNOWLEDGED,
}


def _message(model: Notice) -> notice_pb2.Notice:
    state = (model.acknowledged_at is not None, model.resolved_at is not None)
    return notice_pb2.Notice(
        name=str(model.name),
        kind=model.kind,
        severity=notice_pb2.NoticeSeverity.ValueType(model.severity),
        resource=model.resource,
        text=model.text,
        remedy=model.remedy,
        details=model.details,
        state=_STATES.get(state, notice_pb2.NOTICE_STATE_RESOLVED),
        raised_by=model.raised_by,
        create_time=timestamp(model.created_at),
        update_time=timestamp(model.updated_at),
        acknowledge_time=timestamp(model.acknowledged_at),
        acknowledged_by=model.acknowledged_by,
        acknowledge_note=model.acknowledge_note,
        resolve_time=timestamp(model.resolved_at),
    )


def gateway_notices(message: notice_pb2.GatewayNotices) -> list[GatewayNotice]:
    """What a gateway raises; a severity that a later gateway may have counts as a warning."""
    known = {int(severity) for severity in Severity}
    return [
        GatewayNotice(
            kind=entry.kind,
            server=entry.server,
            severity=Severity(entry.severity) if entry.severity in known else Severity.WARNING,
            text=entry.text,
            remedy=entry.remedy,
            details=dict(entry.details),
        )
        for entry in message.entries
    ]


def _key(notice: Notice) -> tuple[int, str]:
    return (notice.created_at - _EPOCH) // timedelta(microseconds=1), str(notice.name.uid)


class NoticeServicer(notice_pb2_grpc.NoticeServiceServicer):
    """Answers for notices.

    Args:
        notices: Use cases around them.
        tokens: Makes page tokens.
    """

    def __init__(self, notices: Notices, tokens: PageTokens) -> None:
        self._notices = notices
        self._tokens = tokens

    async def ListNotices(
        self, request: notice_pb2.ListNoticesRequest, context: Context
    ) -> notice_pb2.ListNoticesResponse:
        """See the contract."""
        tenant, size = parse_tenant(request.parent), _PAGES.size(request.page_size)
        wanted = NoticeQuery(request.resource, request.minimum_severity, request.show_resolved)
        query = ("ListNotices", tenant, request.resource, request.minimum_severity, request.show_resolved)
        key = self._tokens.read(request.page_token, query)
        after = (
            None if key is None else NoticeCursor(_EPOCH + timedelta(microseconds=int(key[0])), uuid.UUID(str(key[1])))
        )
        found = await self._notices.page(tenant, wanted, after, size + 1)
        response = notice_pb2.ListNoticesResponse(notices=[_message(notice) for notice in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write(_key(found[size - 1]), query)
        return response

    async def AcknowledgeNotice(
        self, request: notice_pb2.AcknowledgeNoticeRequest, context: Context
    ) -> notice_pb2.Notice:
        """See the contract."""
        return _message(await self._notices.acknowledge(NoticeName.parse(request.name), request.note))
