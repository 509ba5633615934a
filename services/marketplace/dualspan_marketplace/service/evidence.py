"""What the marketplace can show of the platform's breadth: apps, who makes them, and for what."""

from collections import Counter
from collections.abc import Mapping, Sequence

from dualspan_marketplace.store import evidence
from dualspan_runtime.database import Connection
from dualspan_runtime.status import Evidence, EvidenceItem, evidence_of


async def count_apps(connection: Connection) -> Sequence[Evidence]:
    """Counts over all tenants, in a platform transaction."""
    apps = await evidence.published_apps(connection)
    return (
        evidence_of("apps", [EvidenceItem(app.app_id, app.version, app.publisher, app.subscriptions) for app in apps]),
        _counted("publishers", Counter(app.publisher for app in apps)),
        _counted("app-industries", Counter(name for app in apps for name in app.industries)),
        _counted("app-domains", Counter(name for app in apps for name in app.domains)),
        Evidence("subscriptions", sum(app.subscriptions for app in apps)),
    )


def _counted(kind: str, counts: Mapping[str, int]) -> Evidence:
    """Names, each with the number of its apps."""
    return evidence_of(kind, [EvidenceItem(name, count=count) for name, count in counts.items()])
