"""What a person has to look at: the model of notices, and what a gateway may say in one. No I/O."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from dualspan_onboarding.names import GatewayName, NoticeName, ServerName

_KIND = re.compile(r"[A-Z][A-Z0-9_]{2,59}", re.ASCII)
_SERVER_ID = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
MAX_GATEWAY_NOTICES = 1000
MAX_TEXT = 2000
_MAX_DETAILS = 20
_MAX_DETAIL = 500


class Severity(IntEnum):
    """How much a notice matters; the numbers of the contract."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Notice:
    """A stored notice."""

    name: NoticeName
    kind: str
    severity: Severity
    resource: str
    text: str
    remedy: str
    details: Mapping[str, str]
    raised_by: str
    created_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    acknowledge_note: str
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class GatewayNotice:
    """What a gateway raises about itself (`server` empty) or about one of its servers."""

    kind: str
    server: str
    severity: Severity
    text: str
    remedy: str
    details: Mapping[str, str] = field(default_factory=dict)

    def resource(self, gateway: GatewayName) -> str:
        """The full name of what it is about."""
        return str(ServerName(gateway.tenant, gateway.gateway, self.server) if self.server else gateway)


@dataclass(frozen=True, slots=True)
class NoticeQuery:
    """Which notices are wanted: of what, from which severity on, and whether resolved ones too."""

    resource: str
    minimum_severity: int
    show_resolved: bool


@dataclass(frozen=True, slots=True)
class NoticeCursor:
    """The last notice of a page: those created before it, or at the same microsecond with a smaller id, follow."""

    created_at: datetime
    notice_id: uuid.UUID


def storable(text: str, maximum: int) -> str:
    """A text of whatever origin as the database keeps it: no NUL, no lone surrogates, not longer than `maximum`."""
    return text[:maximum].replace("\x00", "�").encode("utf-8", "replace").decode()


def _clean(notice: GatewayNotice) -> GatewayNotice:
    details = list(notice.details.items())[:_MAX_DETAILS]
    return GatewayNotice(
        kind=notice.kind,
        server=notice.server,
        severity=notice.severity,
        text=storable(notice.text, MAX_TEXT),
        remedy=storable(notice.remedy, MAX_TEXT),
        details={storable(key, 60): storable(value, _MAX_DETAIL) for key, value in details},
    )


def clean_gateway_notices(raised: list[GatewayNotice]) -> list[GatewayNotice]:
    """What of a gateway's notices can be kept: known forms, bounded texts, of two alike the last."""
    usable = [
        notice
        for notice in raised[:MAX_GATEWAY_NOTICES]
        if _KIND.fullmatch(notice.kind) and (not notice.server or _SERVER_ID.fullmatch(notice.server))
    ]
    return list({(notice.kind, notice.server): _clean(notice) for notice in usable}.values())
