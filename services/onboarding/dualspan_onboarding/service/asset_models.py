"""Which asset models there are: the platform's, and those of the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass

from dualspan_onboarding.asset_models.library import Library, built_in
from dualspan_onboarding.asset_models.model import AssetModel, Problem
from dualspan_onboarding.asset_models.schema import parse
from dualspan_onboarding.errors import too_many
from dualspan_onboarding.errors.assets import model_built_in, model_exists, model_invalid, model_unknown
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.store import assets
from dualspan_runtime.database import Connection, Database

_MOST_MODELS = 500


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model, whole, as it stands in a tenant's library."""

    model: AssetModel
    versions: tuple[str, ...]
    built_in: bool


async def library_of(connection: Connection, tenant: str) -> Library:
    """The platform's models and the tenant's own."""
    sources = await assets.model_sources(connection, tenant)
    own = [model for source in sources if (model := parse(source)[0]) is not None]
    return built_in().with_models(own) if own else built_in()


def _known(library: Library, model: AssetModel) -> KnownModel:
    whole = library.whole(model.id, model.version)
    assert whole is not None  # noqa: S101 - it is of this library
    return KnownModel(whole, tuple(library.versions(model.id)), built_in().find(model.id) is not None)


class AssetModels:
    """The use cases around asset models.

    Args:
        database: Where the tenants' own are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant: str, industry: str, after: str, limit: int) -> Sequence[KnownModel]:
        """The newest versions of the models after an id, in order of it, of one industry ("": all)."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            library = await library_of(connection, tenant)
        found = (library.find(model_id) for model_id in library.ids() if model_id > after)
        chosen = [model for model in found if model is not None and industry in {"", model.industry}]
        return [_known(library, model) for model in chosen[:limit]]

    async def get(self, tenant: str, model_id: str, version: str) -> KnownModel:
        """One model, the newest version if none is named; raises NotFound."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            library = await library_of(connection, tenant)
        model = library.find(model_id, version)
        if model is None:
            raise model_unknown(model_id, version)
        return _known(library, model)

    async def validate(self, tenant: str, source: str) -> tuple[KnownModel | None, Sequence[Problem]]:
        """What is wrong with a document; the model if nothing is."""
        model, problems = parse(source)
        if model is None:
            return None, problems
        async with self._database.transaction(tenant, readonly=True) as connection:
            library = await library_of(connection, tenant)
        problems = library.problems(model)
        return (None, problems) if problems else (_known(library.with_models([model]), model), ())

    async def create(self, tenant: str, source: str) -> KnownModel:
        """Add a model of the tenant's own, or a version of one.

        Raises:
            InvalidArgument: The document is not valid; each problem with its line and what to do.
            AlreadyExists: The version is there, or the id is one of the platform's models.
            ResourceExhausted: There are too many.
        """
        model, problems = parse(source)
        if model is None:
            raise model_invalid(problems)
        if built_in().find(model.id) is not None:
            raise model_built_in(model.id)
        async with self._database.transaction(tenant) as connection:
            await assets.lock(connection, tenant)
            library = await library_of(connection, tenant)
            if problems := library.problems(model):
                raise model_invalid(problems)
            if len(await assets.model_sources(connection, tenant)) >= _MOST_MODELS:
                raise too_many("TOO_MANY_ASSET_MODELS", "asset models of this tenant", _MOST_MODELS)
            if not await assets.insert_model(connection, tenant, model.id, model.version, source):
                raise model_exists(model.id, model.version)
            name = f"tenants/{tenant}/assetModels/{model.id}"
            await audit(connection, tenant, "asset_model.create", name, version=model.version)
        return _known(library.with_models([model]), model)
