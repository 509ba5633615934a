"""What onboarding can show of the platform's breadth: what is connected, and which models describe it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from dualspan_onboarding.asset_models.library import Library, built_in
from dualspan_onboarding.asset_models.model import AssetModel, CompanionLink
from dualspan_onboarding.asset_models.schema import parse
from dualspan_onboarding.store import evidence
from dualspan_onboarding.store.evidence import ModelUse
from dualspan_runtime.database import Connection
from dualspan_runtime.status import Evidence, EvidenceItem, evidence_of

# A gateway that is there says so every few seconds.
_HEARD = timedelta(minutes=2)


async def count_plants(connection: Connection) -> Sequence[Evidence]:
    """Counts over all tenants, in a platform transaction."""
    gateways = await evidence.gateways(connection, _HEARD)
    servers = await evidence.servers(connection)
    protocols = Counter(scheme for *_, scheme, connected in servers if connected)
    own = await evidence.own_model_sources(connection)
    libraries = _Libraries([(tenant, model) for tenant, source in own if (model := parse(source)[0]) is not None])
    assets = await evidence.assets_by_model(connection)
    values = await evidence.values_by_property(connection)
    return (
        evidence_of("gateways", [EvidenceItem(name, title, count=int(heard)) for name, title, heard in gateways]),
        evidence_of("devices", [EvidenceItem(name, title, scheme) for name, title, scheme, on in servers if on]),
        evidence_of("protocols", [EvidenceItem(scheme, count=count) for scheme, count in protocols.items()]),
        Evidence("tags", await evidence.tag_count(connection)),
        *_about_models(libraries, assets),
        _domains(libraries, values),
    )


class _Libraries:
    """The platform's models and all tenants' own."""

    def __init__(self, own: Iterable[tuple[str, AssetModel]]) -> None:
        models: dict[str, list[AssetModel]] = {}
        for tenant, model in own:
            models.setdefault(tenant, []).append(model)
        self._of = {tenant: built_in().with_models(each) for tenant, each in models.items()}
        self.all = {model.id: model for library in (built_in(), *self._of.values()) for model in library.wholes()}

    def of(self, tenant: str) -> Library:
        """What a tenant can choose from."""
        return self._of.get(tenant, built_in())


def _about_models(libraries: _Libraries, uses: Sequence[ModelUse]) -> tuple[Evidence, ...]:
    """Models, their industries and companion specifications, each with the assets that are such."""
    assets = Counter[str]()
    for use in uses:
        assets[use.model_id] += use.count
    industries, specifications = Counter[str](), Counter[str]()
    for model in libraries.all.values():
        industries[model.industry] += assets[model.id]
        for namespace in _namespaces(model.companions):
            specifications[namespace] += assets[model.id]
    chosen = [model for model in libraries.all.values() if not model.abstract]
    return (
        evidence_of(
            "asset-models",
            [EvidenceItem(model.id, model.names.en, model.industry, assets[model.id]) for model in chosen],
        ),
        evidence_of("industries", [EvidenceItem(name, count=count) for name, count in industries.items()]),
        evidence_of(
            "companion-specifications", [EvidenceItem(name, count=count) for name, count in specifications.items()]
        ),
        Evidence("assets", sum(use.count for use in uses)),
    )


def _namespaces(links: Iterable[CompanionLink]) -> set[str]:
    return {link.namespace for link in links}


def _domains(libraries: _Libraries, uses: Sequence[ModelUse]) -> Evidence:
    """Domains that properties of models belong to, each with the values that are bound to such a property."""
    domains = Counter({each.domain: 0 for model in libraries.all.values() for each in model.properties})
    for use in uses:
        model = libraries.of(use.tenant).whole(use.model_id, use.version)
        found = model.property(use.property) if model is not None else None
        if found is not None:
            domains[found.domain] += use.count
    return evidence_of("domains", [EvidenceItem(name, count=count) for name, count in domains.items()])
