"""Tags that their servers refuse: somebody has to look at them."""

from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.notices import Severity
from dualspan_onboarding.store import notices, tags
from dualspan_runtime.database import Connection

_KIND = "TAGS_REFUSED"
_REMEDY = (
    "See `dualspan tags list` for each tag's reason; correct it at the server or in the tag, or stop storing the tag. "
    "The gateway asks again every minute."
)


async def tell_of_refusals(connection: Connection, gateway: GatewayName) -> None:
    """Raise or resolve the notices about a gateway's servers, by what it has reported of their tags."""
    for server, refused in (await tags.refused_by_server(connection, gateway)).items():
        if not refused.count:
            await notices.resolve_notice(connection, gateway.tenant, _KIND, server)
            continue
        text = (
            f"The server refuses {refused.count} of its {refused.total} tags. "
            f"The first of them: {refused.browse_path}: {refused.detail}"
        )
        await notices.raise_notice(connection, gateway.tenant, _KIND, Severity.WARNING, server, text, _REMEDY)
