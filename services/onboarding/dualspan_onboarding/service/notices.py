"""Notices: listed and acknowledged by people, raised by gateways. The platform raises its own where it finds them."""

from collections.abc import Sequence

from dualspan_onboarding.errors.trust import notice_resolved, notice_unknown
from dualspan_onboarding.model import Session
from dualspan_onboarding.names import NoticeName
from dualspan_onboarding.notices import (
    GatewayNotice,
    Notice,
    NoticeCursor,
    NoticeQuery,
    clean_gateway_notices,
)
from dualspan_onboarding.rules import check_text
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.store import notices
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Database


class Notices:
    """The use cases around notices.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant: str, query: NoticeQuery, after: NoticeCursor | None, limit: int) -> Sequence[Notice]:
        """The notices after a cursor, newest first."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await notices.page(connection, tenant, query, after, limit)

    async def acknowledge(self, name: NoticeName, note: str) -> Notice:
        """Note that the caller takes care of a notice.

        Raises:
            InvalidArgument: the note is too long or has control characters.
            NotFound: there is no such notice.
            FailedPrecondition: its reason is gone already.
        """
        note = check_text(note, "note", 500)
        async with self._database.transaction(name.tenant) as connection:
            if not await notices.acknowledge(connection, name, current_principal().actor, note):
                raise notice_unknown(name) if await notices.find(connection, name) is None else notice_resolved(name)
            notice = await notices.find(connection, name)
            if notice is None:
                raise notice_unknown(name)
            await audit(connection, name.tenant, "notice.acknowledge", notice.resource, kind=notice.kind, note=note)
            return notice

    async def keep_of_gateway(self, session: Session, raised: list[GatewayNotice]) -> None:
        """Keep all that a gateway says holds now; what it no longer says is resolved."""
        async with self._database.transaction(session.gateway.tenant) as connection:
            await notices.replace_of_gateway(connection, session.gateway, clean_gateway_notices(raised))
